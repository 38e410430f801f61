import Configuration
import PodiumModel
import TestSupport
import Testing

@testable import Persistence

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
