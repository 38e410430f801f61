import Configuration
import PodiumModel
import Foundation
import Testing

@testable import Persistence

/// What an hour of an order that always changes costs the disk, in virtual time; the table of docs/performance.md.
@Suite struct WritesPerHourTests {
    /// Writes take 20 ms, as on a common disk.
    static let write = Duration.milliseconds(20)

    /// `PODIUM_RATES=1000,10000` for more of the table: an hour of 10,000 changes a second takes a minute to compute.
    static let rates =
        ProcessInfo.processInfo.environment["PODIUM_RATES"].map { $0.split(separator: ",").compactMap { Int($0) } }
        ?? [10, 100]

    static func writes(_ strategy: PersistStrategy, changesPerSecond: Int) -> Int {
        var schedule = FlushSchedule(
            settings: FlushSchedule.Settings(
                strategy: strategy, flushInterval: .seconds(30), maxDirtyTime: .seconds(300)))
        let origin = ContinuousClock.now
        let gap = Duration.seconds(1) / changesPerSecond
        var started = 0
        var end: Duration?
        func count(_ actions: [FlushSchedule.Action], _ now: Duration) {
            for case .start in actions {
                started += 1
                end = now + write
            }
        }
        for change in 0..<(3_600 * changesPerSecond) {
            let now = gap * change
            // What is due before this change, in its order.
            while true {
                let timer = schedule.timerDeadline.map { $0 - origin }
                guard let next = [timer, end].compactMap({ $0 }).min(), next <= now else { break }
                if next == end {
                    end = nil
                    count(schedule.finished(.saved, now: origin + next, random: 0), next)
                } else {
                    count(schedule.timerFired(now: origin + next), next)
                }
            }
            count(schedule.mark(now: origin + now), now)
        }
        return started
    }

    /// The interval begins anew with the first change after a write: that is at most one gap after the write has begun.
    @Test(arguments: rates)
    func throttledAndBatchedDoNotDependOnTheRateOfChange(_ rate: Int) {
        // 3,600 s / 30 s, less the one that is due when the hour ends.
        let throttled = Self.writes(.throttled, changesPerSecond: rate)
        #expect((118...120).contains(throttled))
        // Never settles, so the 300 s bound decides.
        let batched = Self.writes(.batched, changesPerSecond: rate)
        #expect((11...12).contains(batched))
        print("| \(rate) | \(throttled) | \(batched) | \(Self.writes(.immediate, changesPerSecond: rate)) |")
    }

    /// As the old behaviour did: each change, or as many as the disk takes; 50 writes of 20 ms fit in a second.
    @Test(arguments: [(10, 10), (100, 50)])
    func immediateWritesAsOftenAsTheDiskAllows(_ rate: Int, perSecond: Int) {
        let writes = Self.writes(.immediate, changesPerSecond: rate)
        #expect(writes <= perSecond * 3_600)
        #expect(writes >= perSecond * 3_600 * 9 / 10)
    }

    /// A clock that is set does not move a deadline: the schedule knows the monotonic clock alone, also after a suspension,
    /// when everything that fell due is written once.
    @Test func aLongSuspensionIsFollowedByOneWrite() {
        var world = ScheduleWorld(FlushScheduleTests.throttled, seed: 5)
        world.mark()
        // A day later, with no timer in between.
        let later = world.origin + .seconds(86_400)
        let actions = world.schedule.timerFired(now: later)
        #expect(actions.count { if case .start = $0 { true } else { false } } == 1)
        #expect(world.schedule.timerFired(now: later).allSatisfy { if case .start = $0 { false } else { true } })
    }
}
