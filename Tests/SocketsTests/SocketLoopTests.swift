import NIOCore
@testable import Sockets
import Support
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(15)))
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

/// Work that comes from all sides at awkward times.
@Suite(.timeLimit(.minutes(15)))
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

/// Times in nanoseconds from an arbitrary beginning.
struct PollModerationTests {
    private static let start = 1_000_000_000

    /// A loop on which `running` requests are under way and, in the period that has just ended, `started` began.
    private func moderation(running: Int, started: Int) -> PollModeration {
        var moderation = PollModeration()
        // Closes the period before.
        _ = moderation.pause(tickBegan: Self.start, now: Self.start)
        for _ in 0..<started { moderation.requestStarted() }
        for _ in 0..<started - running { moderation.requestEnded() }
        _ = moderation.pause(tickBegan: periodEnd, now: periodEnd)
        return moderation
    }

    private var periodEnd: Int { Self.start + PollModeration.period }

    @Test func turnsOfABusyLoopBeginAnIntervalApart() {
        var moderation = moderation(running: 20, started: 60)
        let began = periodEnd + 100_000
        #expect(moderation.pause(tickBegan: began, now: began + 30_000) == PollModeration.interval - 30_000)
        #expect(moderation.pause(tickBegan: began, now: began + PollModeration.interval) == 0)
        #expect(moderation.pause(tickBegan: began, now: began + PollModeration.interval + 1) == 0)
    }

    @Test func aTurnThatWasNotTimedIsNotPaced() {
        var moderation = moderation(running: 20, started: 60)
        #expect(moderation.pause(tickBegan: 0, now: periodEnd + 1) == 0)
    }

    @Test func streamsThatGoOnAreNotHeldUp() {
        var moderation = PollModeration()
        _ = moderation.pause(tickBegan: Self.start, now: Self.start)
        for _ in 0..<5_000 { moderation.requestStarted() }
        _ = moderation.pause(tickBegan: periodEnd, now: periodEnd)
        // All of them run on, and none begins.
        let next = periodEnd + PollModeration.period
        #expect(moderation.pause(tickBegan: next, now: next) == 0)
        #expect(moderation.isBusy)
        #expect(moderation.pause(tickBegan: next + 10, now: next + 20) == 0)
    }

    @Test(arguments: [(15, 0), (16, PollModeration.interval)])
    func itTakesEightThousandRequestsASecond(started: Int, expected: Int) {
        var moderation = moderation(running: 8, started: started)
        #expect(moderation.pause(tickBegan: periodEnd + 1, now: periodEnd + 1) == expected)
    }

    @Test func nobodyWaitsForCompanyThatCannotCome() {
        var moderation = moderation(running: 8, started: 60)
        moderation.requestEnded()
        #expect(!moderation.isBusy)
        #expect(moderation.pause(tickBegan: periodEnd + 1, now: periodEnd + 1) == 0)
        moderation.requestStarted()
        #expect(moderation.pause(tickBegan: periodEnd + 1, now: periodEnd + 1) == PollModeration.interval)
    }

    @Test func aPeriodThatNobodyClosedInTimeSaysNothing() {
        var moderation = PollModeration()
        _ = moderation.pause(tickBegan: Self.start, now: Self.start)
        for _ in 0..<1_000 { moderation.requestStarted() }
        let late = Self.start + 2 * PollModeration.period
        #expect(moderation.pause(tickBegan: late, now: late) == 0)
    }
}
