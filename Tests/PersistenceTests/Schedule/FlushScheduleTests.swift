import Configuration
@testable import Persistence
import PodiumModel
import TestSupport
import Testing

@Suite struct FlushScheduleTests {
    static let throttled = FlushSchedule.Settings(
        strategy: .throttled, flushInterval: .seconds(30), maxDirtyTime: .seconds(300))
    static let batched = FlushSchedule.Settings(
        strategy: .batched, flushInterval: .seconds(30), maxDirtyTime: .seconds(300))
    static let immediate = FlushSchedule.Settings(
        strategy: .immediate, flushInterval: .seconds(30), maxDirtyTime: .seconds(300))

    @Test func throttledWritesOneIntervalAfterTheFirstMark() {
        var world = ScheduleWorld(Self.throttled, seed: 1)
        world.advance(to: .seconds(5))
        world.mark()
        world.advance(to: .seconds(20))
        world.mark()
        world.advance(to: .seconds(100))
        #expect(world.starts.map(\.at) == [.seconds(35)])
        #expect(world.starts.map(\.write.trigger) == [.interval])
        #expect(world.unsaved == 0)
        #expect(world.schedule.marks == 2)
        #expect(world.schedule.coalesced == 1)
        #expect(world.schedule.dirtySince == nil)
    }

    @Test func batchedWaitsUntilTheRankingSettles() {
        var world = ScheduleWorld(Self.batched, seed: 1)
        for second in stride(from: 0, through: 100, by: 20) {
            world.advance(to: .seconds(second))
            world.mark()
        }
        world.advance(to: .seconds(1_000))
        #expect(world.starts.map(\.at) == [.seconds(130)])
        #expect(world.starts.map(\.write.trigger) == [.settled])
    }

    @Test func batchedIsBoundedByTheMaximumDirtyTime() {
        var world = ScheduleWorld(Self.batched, seed: 1)
        for second in stride(from: 0, through: 320, by: 10) {
            world.advance(to: .seconds(second))
            world.mark()
        }
        #expect(world.starts.map(\.at) == [.seconds(300)])
        #expect(world.starts.map(\.write.trigger) == [.maxDirty])
        #expect(world.alarms == 0)
    }

    @Test func immediateWritesAtOnceAndSharesWhatArrivesMeanwhile() {
        var world = ScheduleWorld(Self.immediate, seed: 1)
        world.longestWrite = .seconds(1_000)
        world.mark()
        #expect(world.starts.map(\.at) == [.zero])
        for _ in 0..<100 { world.mark() }
        #expect(world.starts.count == 1)
        world.finish()
        #expect(world.starts.count == 2)
        world.finish()
        #expect(world.starts.count == 2)
        #expect(world.unsaved == 0)
    }

    @Test func marksDuringAWriteBelongToTheNextOne() {
        var world = ScheduleWorld(Self.throttled, seed: 1)
        world.longestWrite = .seconds(1_000)
        world.mark()
        world.advance(to: .seconds(30))
        #expect(world.isWriting)
        world.advance(to: .seconds(31))
        world.mark()
        world.finish(.saved)
        #expect(world.unsaved == 1)
        #expect(world.schedule.nextFlush?.deadline == world.origin + .seconds(61))
        #expect(world.schedule.savedGeneration == 1)
        #expect(world.schedule.generation == 2)
    }

    @Test func callersDuringAWriteShareTheNext() {
        var world = ScheduleWorld(Self.throttled, seed: 1)
        world.longestWrite = .seconds(1_000)
        world.request(.operator)
        world.request(.learned)
        world.request(.operator)
        #expect(world.starts.count == 1)
        world.finish(.saved)
        #expect(world.answered == 1)
        #expect(world.starts.map(\.write.trigger) == [.operator, .learned])
        world.finish(.saved)
        #expect(world.answered == 3)
        #expect(world.starts.count == 2)
    }

    @Test func anOperatorIsNeverToldThatNothingIsDirty() {
        var world = ScheduleWorld(Self.throttled, seed: 1)
        world.request(.operator)
        #expect(world.starts.count == 1)
        #expect(world.schedule.dirtySince == nil)
    }

    @Test func failuresBackOffFromOneSecondToSixty() {
        var world = ScheduleWorld(Self.throttled, seed: 1)
        world.failureRate = 1
        world.longestWrite = .zero
        world.mark()
        world.advance(to: .seconds(600))
        let starts = world.starts.map(\.at)
        let waits = zip(starts.dropFirst(), starts).map { $0 - $1 }
        for (wait, seconds) in zip(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]) {
            #expect(wait <= .seconds(seconds))
            #expect(wait >= .seconds(seconds) * 0.8)
        }
        #expect(world.starts.dropFirst().allSatisfy { $0.write.trigger == .retry })
        #expect(world.unsaved == 1)
        #expect(world.alarms == 1)
        #expect(world.schedule.alarmed)
        world.failureRate = 0
        world.advance(to: .seconds(700))
        #expect(world.unsaved == 0)
        #expect(world.alarmEnds == 1)
        #expect(world.schedule.failures == 0)
    }

    @Test func anOperatorSkipsTheBackoffOnce() {
        var world = ScheduleWorld(Self.throttled, seed: 1)
        world.longestWrite = .zero
        world.failureRate = 1
        world.mark()
        world.advance(to: .seconds(60))
        let before = world.starts.count
        world.request(.operator)
        #expect(world.starts.count == before + 1)
        world.advance(to: .seconds(60))
        world.failureRate = 0
        world.advance(to: .seconds(60))
        #expect(world.starts.count == before + 1)
        world.advance(to: .seconds(121))
        #expect(world.unsaved == 0)
        #expect(world.starts.last?.write.trigger == .retry)
    }

    @Test func aFailedOperatorFlushStaysDirtyThoughNothingWasMarked() {
        var world = ScheduleWorld(Self.throttled, seed: 1)
        world.longestWrite = .seconds(1_000)
        world.request(.operator)
        world.finish(.failed(unsaved: true))
        #expect(world.schedule.dirtySince == world.origin)
        #expect(world.schedule.nextFlush?.trigger == .retry)
    }

    @Test func aFailedReloadWithNothingUnsavedIsNotRetried() {
        var world = ScheduleWorld(Self.throttled, seed: 1)
        world.longestWrite = .seconds(1_000)
        world.request(.reload)
        world.finish(.failed(unsaved: false))
        #expect(world.schedule.nextFlush == nil)
        #expect(world.schedule.timerDeadline == nil)
    }

    @Test func aWriteThatHangsRaisesTheAlarm() {
        var world = ScheduleWorld(Self.throttled, seed: 3)
        world.longestWrite = .seconds(100_000)
        world.mark()
        world.advance(to: .milliseconds(300_999))
        #expect(world.isWriting)
        #expect(world.alarms == 0)
        world.advance(to: .seconds(301))
        #expect(world.alarms == 1)
        world.advance(to: .seconds(900))
        #expect(world.alarms == 1)
    }

    @Test func anObstacleThatIsGoneEndsTheBackoff() {
        var world = ScheduleWorld(Self.throttled, seed: 1)
        world.longestWrite = .seconds(1_000)
        world.mark()
        world.advance(to: .seconds(30))
        world.finish(.failed(unsaved: true))
        #expect(
            world.schedule.obstacleMayBeGone(now: world.instant).contains {
                if case .start = $0 { true } else { false }
            })
    }

    @Test func aShorterIntervalHoldsAtOnce() {
        var world = ScheduleWorld(Self.throttled, seed: 1)
        world.mark()
        world.advance(to: .seconds(10))
        var settings = Self.throttled
        settings.flushInterval = .seconds(5)
        let actions = world.schedule.update(settings, now: world.instant)
        #expect(actions.contains { if case .start = $0 { true } else { false } })
    }

    /// Ten thousand marks each second for an hour: at most one automatic write for each interval.
    @Test(arguments: [throttled, batched])
    func anHourOfMarksIsWrittenOncePerInterval(_ settings: FlushSchedule.Settings) {
        var world = ScheduleWorld(settings, seed: 9)
        for second in 0..<360_0 {
            world.advance(to: .seconds(second))
            world.mark()
        }
        let bound = settings.strategy == .batched ? 300 : 30
        #expect(world.starts.count <= 3600 / bound)
        #expect(world.starts.count >= 3600 / (bound + 2))
        #expect(world.broken.isEmpty)
    }

    /// The promises hold in any order of marks, callers, failures and slow writes.
    @Test(arguments: [throttled, batched, immediate], [0.0, 0.3, 0.9])
    func promisesHoldInAnyOrderOfEvents(_ settings: FlushSchedule.Settings, failureRate: Double) {
        for seed in 0..<150 {
            var world = ScheduleWorld(settings, seed: UInt64(seed))
            world.failureRate = failureRate
            world.longestWrite = [.milliseconds(20), .seconds(5), .seconds(90)][seed % 3]
            let gap = [0.01, 1.0, 40.0][seed / 3 % 3]
            for _ in 0..<300 {
                world.advance(to: world.now + .seconds(gap * world.random.unit()))
                switch world.random.unit() {
                case ..<0.03:
                    world.request([.operator, .learned, .reload].randomElement(using: &world.random) ?? .operator)
                default: world.mark()
                }
            }
            world.failureRate = 0
            world.advance(to: world.now + .seconds(3_600))
            #expect(world.broken == [], "seed \(seed)")
            #expect(world.unsaved == 0, "seed \(seed): a change was lost")
            #expect(world.schedule.savedGeneration == world.schedule.generation)
            #expect(world.schedule.dirtySince == nil)
        }
    }
}

/// docs/states.md shows exactly the transitions that the flush schedule can make.
@Suite struct FlushScheduleDiagramTests {
    private typealias Transition = StateDiagram.Transition

    private static func name(_ schedule: FlushSchedule) -> String {
        if let write = schedule.inFlight {
            return schedule.generation > write.generation ? "writing_behind" : "writing"
        }
        guard let next = schedule.nextFlush else { return "clean" }
        return next.trigger == .retry ? "retrying" : "dirty"
    }

    /// A schedule with its clock, whose timer rings in time.
    private struct World {
        var schedule: FlushSchedule
        var now: ContinuousClock.Instant
        var random: SeededRandom

        mutating func happen(_ event: String) {
            switch event {
            case "mark": _ = schedule.mark(now: now)
            case "request":
                let triggers: [FlushTrigger] = [.operator, .learned, .shutdown]
                _ = schedule.request(triggers[Int(random.next() % 3)], now: now)
            case "saved": _ = schedule.finished(.saved, now: now, random: 0.5)
            case "failed":
                _ = schedule.finished(.failed(unsaved: random.next() % 2 == 0), now: now, random: 0.5)
            case "obstacle_gone": _ = schedule.obstacleMayBeGone(now: now)
            case "settings":
                let strategies: [PersistStrategy] = [.throttled, .batched, .immediate]
                let settings = FlushSchedule.Settings(
                    strategy: strategies[Int(random.next() % 3)],
                    flushInterval: .seconds(1 + Int(random.next() % 60)), maxDirtyTime: .seconds(300))
                _ = schedule.update(settings, now: now)
            default:
                let then = now + .seconds(Int(random.next() % 40))
                now = schedule.timerDeadline.map { max(now, min($0, then)) } ?? then
                if let due = schedule.timerDeadline, due <= now { _ = schedule.timerFired(now: now) }
            }
        }
    }

    @Test func theDiagramShowsEveryTransitionAndNoOther() throws {
        let events = ["mark", "request", "saved", "failed", "obstacle_gone", "settings", "timer"]
        var reached: Set<Transition> = []
        for seed in 0..<300 as Range<UInt64> {
            var world = World(
                schedule: FlushSchedule(settings: FlushScheduleTests.throttled), now: .now, random: .init(seed: seed))
            for _ in 0..<300 {
                let before = Self.name(world.schedule)
                let event = events[Int(world.random.next() % UInt64(events.count))]
                world.happen(event)
                let after = Self.name(world.schedule)
                if after != before { reached.insert(Transition(before, event, after)) }
            }
        }
        let diagram = try StateDiagram(page: "docs/states.md", heading: "The flush schedule")
        #expect(diagram.initial == ["clean"])
        #expect(diagram.transitions.subtracting(reached).sorted() == [])
        #expect(reached.subtracting(diagram.transitions).sorted() == [])
    }
}
