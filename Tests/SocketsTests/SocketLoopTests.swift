import NIOCore
import Synchronization
import Testing

@testable import Sockets

@Suite(.timeLimit(.minutes(1)))
struct SocketLoopTests {
    private final class Counter: Sendable {
        let count = Mutex(0)
    }

    @Test func whatIsAskedForFromElsewhereRunsInOrderOnTheLoop() async throws {
        let group = try SocketLoopGroup(count: 1)
        let loop = group.nextLoop()
        let order = Mutex<[Int]>([])
        #expect(!loop.inEventLoop)
        for number in 0..<1_000 {
            loop.execute {
                loop.preconditionInEventLoop()
                order.withLock { $0.append(number) }
                // Asked for on the loop: behind what was asked for before.
                if number == 0 { loop.execute { order.withLock { $0.append(-1) } } }
            }
        }
        try await loop.submit {}.get()
        try await loop.submit {}.get()
        let ran = order.withLock { $0 }
        #expect(ran.filter { $0 >= 0 } == Array(0..<1_000))
        #expect(ran.contains(-1))
        try await group.shutdownGracefully()
    }

    @Test func manyThreadsAreHeard() async throws {
        let group = try SocketLoopGroup(count: 2)
        let counter = Counter()
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    for _ in 0..<1_000 { try? await group.next().submit { counter.count.withLock { $0 += 1 } }.get() }
                }
            }
        }
        #expect(counter.count.withLock { $0 } == 8_000)
        try await group.shutdownGracefully()
    }

    @Test func timersRunInTheirOrderAndCancelledOnesDoNot() async throws {
        let group = try SocketLoopGroup(count: 1)
        let loop = group.nextLoop()
        let order = Mutex<[Int]>([])
        let start = NIODeadline.now()
        let timers = [3, 1, 2].map { number in
            loop.scheduleTask(deadline: start + .milliseconds(Int64(number))) { order.withLock { $0.append(number) } }
        }
        let cancelled = loop.scheduleTask(in: .hours(1)) { order.withLock { $0.append(0) } }
        cancelled.cancel()
        for timer in timers { try await timer.futureResult.get() }
        await #expect(throws: EventLoopError.self) { try await cancelled.futureResult.get() }
        #expect(order.withLock { $0 } == [1, 2, 3])
        #expect(NIODeadline.now() >= start + .milliseconds(3))
        try await group.shutdownGracefully()
    }

    @Test func theEndOfAGroupClosesItsSocketsAndFailsItsTimers() async throws {
        let group = try SocketLoopGroup(count: 2)
        let pair = try await SocketPair.connected(group)
        let counter = Counter()
        let timer = group.next().scheduleTask(in: .hours(1)) {}
        timer.futureResult.whenFailure { _ in counter.count.withLock { $0 += 1 } }
        // The callback is in place when the loop has answered.
        for loop in group.makeIterator() { try await loop.submit {}.get() }
        try await group.shutdownGracefully()
        #expect(counter.count.withLock { $0 } == 1)
        #expect(!pair.client.channel.isActive)
        #expect(!pair.server.channel.isActive)
        #expect(pair.client.diary.pages.isInactive)
        // Whoever comes later is not heard, and nothing is held up.
        group.next().execute { Issue.record("ran on a loop that has ended") }
        try await group.shutdownGracefully()
    }
}
