import Support
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Sockets

/// Work that comes from all sides at awkward times.
@Suite(.timeLimit(.minutes(1)))
struct SocketLoopMomentsTests {
    private final class Shared: Sendable {
        let seen = Mutex<[[Int]]>(Array(repeating: [], count: 8))
        let timer = Mutex<Scheduled<Void>?>(nil)
        let isSet = Atomic<Bool>(false)
    }

    /// Each thread's work runs in the order in which that thread asked for it.
    @Test func whatEachThreadAsksForRunsInItsOrder() async throws {
        let group = try SocketLoopGroup(count: 1)
        let loop = group.nextLoop()
        let shared = Shared()
        await withTaskGroup(of: Void.self) { tasks in
            for thread in 0..<8 {
                tasks.addTask {
                    for number in 0..<2_000 { loop.execute { shared.seen.withLock { $0[thread].append(number) } } }
                }
            }
        }
        try await loop.submit {}.get()
        #expect(shared.seen.withLock { $0 } == Array(repeating: Array(0..<2_000), count: 8))
        try await group.shutdownGracefully()
    }

    /// Work that asks for more work does not keep timers and sockets waiting.
    @Test func workWithoutEndLeavesRoomForTheRest() async throws {
        let group = try SocketLoopGroup(count: 1)
        let loop = group.nextLoop()
        let shared = Shared()
        @Sendable func again() {
            if !shared.isSet.load(ordering: .relaxed) { loop.execute(again) }
        }
        loop.execute(again)
        try await loop.scheduleTask(in: .milliseconds(1)) {}.futureResult.get()
        let pair = try await SocketPair.connected(group)
        try await pair.client.send("through")
        _ = await pair.server.diary.until { $0.bytes.count == 7 }
        shared.isSet.store(true, ordering: .relaxed)
        await pair.close()
        try await group.shutdownGracefully()
    }

    /// Asked for elsewhere and cancelled on the loop, before the loop has heard of it.
    @Test func aTimerThatIsCancelledBeforeItArrivesDoesNotRun() async throws {
        let group = try SocketLoopGroup(count: 1)
        let loop = group.nextLoop()
        let shared = Shared()
        let isCancelled = loop.makePromise(of: Void.self)
        // Keeps the loop busy until the timer has been asked for, and cancels it first thing.
        loop.execute {
            while shared.timer.withLock({ $0 == nil }) { usleep(100) }
            shared.timer.withLock { $0?.cancel() }
            isCancelled.succeed()
        }
        shared.timer.withLock {
            $0 = loop.scheduleTask(in: .nanoseconds(1)) { shared.isSet.store(true, ordering: .relaxed) }
        }
        try await isCancelled.futureResult.get()
        try await loop.scheduleTask(in: .milliseconds(5)) {}.futureResult.get()
        let didRun = shared.isSet.load(ordering: .relaxed)
        #expect(!didRun)
        try await group.shutdownGracefully()
    }

    @Test func aTaskThatThrowsFailsItsFuture() async throws {
        struct Thrown: Error {}
        let group = try SocketLoopGroup(count: 1)
        let timer = group.next().scheduleTask(in: .nanoseconds(1)) { throw Thrown() }
        await #expect(throws: Thrown.self) { try await timer.futureResult.get() }
        await #expect(throws: Thrown.self) { try await group.next().submit { throw Thrown() }.get() }
        try await group.shutdownGracefully()
    }

    /// Whoever waits when the loop ends learns of it, whatever for.
    @Test func nobodyIsLeftWaitingWhenTheLoopEnds() async throws {
        for _ in 0..<5 {
            let group = try SocketLoopGroup(count: 1)
            let loop = group.nextLoop()
            let pair = try await SocketPair.connected(group)
            try await pair.server.channel.setOption(.autoRead, value: false).get()
            let stuck = pair.client.sending([UInt8](repeating: 1, count: 20_000_000))
            let timer = loop.scheduleTask(in: .hours(1)) {}
            _ = await pair.client.diary.until { $0.writability == [false] }
            let shared = Shared()
            @Sendable func note(_ number: Int) { shared.seen.withLock { $0[0].append(number) } }
            stuck.whenFailure { _ in note(1) }
            timer.futureResult.whenFailure { _ in note(2) }
            pair.client.channel.closeFuture.whenComplete { _ in note(3) }
            pair.server.channel.closeFuture.whenComplete { _ in note(4) }
            // They are in place when the loop has answered.
            try await loop.submit {}.get()
            try await group.shutdownGracefully()
            #expect(shared.seen.withLock { $0[0] }.sorted() == [1, 2, 3, 4])
            #expect(!pair.client.channel.isActive && !pair.server.channel.isActive)
        }
    }
}
