import NIOCore
import TestSupport
import Testing

@testable import Sockets

struct TimerQueueTests {
    private func at(_ nanoseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(nanoseconds) }

    private final class Log {
        var ran: [Int] = []
    }

    private func runDue(_ queue: inout TimerQueue, now: UInt64) {
        while let run = queue.takeDue(now: at(now)) { run() }
    }

    @Test func whatIsDueComesInTheOrderOfItsTimesAndThenOfItsAdding() {
        let log = Log()
        var queue = TimerQueue()
        for (id, time) in [(1, 30), (2, 10), (3, 20), (4, 10)] as [(UInt64, UInt64)] {
            queue.add(id, at: at(time), run: { log.ran.append(Int(id)) }, abandon: {})
        }
        #expect(queue.next() == at(10))
        runDue(&queue, now: 9)
        #expect(log.ran == [])
        runDue(&queue, now: 20)
        #expect(log.ran == [2, 4, 3])
        #expect(queue.next() == at(30))
        runDue(&queue, now: 30)
        #expect(log.ran == [2, 4, 3, 1])
        #expect(queue.next() == nil)
    }

    @Test func whatIsCancelledDoesNotComeAndWakesNobody() {
        let log = Log()
        var queue = TimerQueue()
        for id in 1...3 as ClosedRange<UInt64> {
            queue.add(id, at: at(id), run: { log.ran.append(Int(id)) }, abandon: { log.ran.append(-Int(id)) })
        }
        queue.cancel(1)
        #expect(queue.next() == at(2))
        queue.cancel(7)
        queue.cancel(3)
        runDue(&queue, now: 5)
        #expect(log.ran == [2])
        #expect(queue.count == 0)
    }

    /// The answer is kept from one turn to the next, so whatever changes the timers has to change it.
    @Test func theNextTimeIsAlwaysThatOfTheEarliestTimer() {
        var random = SeededRandom(seed: 3)
        var queue = TimerQueue()
        var timers: [UInt64: UInt64] = [:]
        for id in 1...2_000 as ClosedRange<UInt64> {
            switch UInt64.random(in: 0..<4, using: &random) {
            case 0, 1:
                let time = UInt64.random(in: 1...500, using: &random)
                queue.add(id, at: at(time), run: {}, abandon: {})
                timers[id] = time
            case 2:
                guard let some = timers.keys.sorted().randomElement(using: &random) else { continue }
                queue.cancel(some)
                timers[some] = nil
            default:
                let first = timers.min { ($0.value, $0.key) < ($1.value, $1.key) }
                guard let first, queue.takeDue(now: at(first.value)) != nil else { continue }
                timers[first.key] = nil
            }
            #expect(queue.next() == timers.values.min().map(at))
        }
    }

    @Test func theEndOfTheLoopTellsWhoStillWaits() {
        let log = Log()
        var queue = TimerQueue()
        for id in 1...3 as ClosedRange<UInt64> {
            queue.add(id, at: at(id), run: { log.ran.append(Int(id)) }, abandon: { log.ran.append(-Int(id)) })
        }
        queue.cancel(2)
        for abandon in queue.removeAll() { abandon() }
        #expect(log.ran.sorted() == [-3, -1])
        #expect(queue.next() == nil)
    }

    /// Thousands of connections that arm and cancel a timeout each must not leave thousands of entries.
    @Test func cancelledEntriesDoNotPileUp() {
        var queue = TimerQueue()
        queue.add(1, at: at(1_000_000), run: {}, abandon: {})
        for id in 2...100_000 as ClosedRange<UInt64> {
            queue.add(id, at: at(id), run: {}, abandon: {})
            queue.cancel(id)
        }
        #expect(queue.count == 1)
        #expect(queue.entryCount <= 2 * 1 + 65)
    }
}
