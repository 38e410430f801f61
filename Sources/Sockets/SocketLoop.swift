internal import CSystemShim
package import Dispatch
package import NIOCore
internal import Support
internal import Synchronization

/// An event loop with a thread of its own, for the sockets of this module.
///
/// It is a SwiftNIO event loop in all that channels and handlers need. What it does differently: descriptors are
/// registered once, edge-triggered, and a socket may hand what it reads to a `SocketReader` directly, past the pipeline.
///
/// All state without a lock belongs to the thread.
package final class SocketLoop: EventLoop, @unchecked Sendable {
    typealias Work = @Sendable () -> Void

    /// What is read is sent on from here while the processor's nearest cache still holds it: 64 KiB cost a large body a
    /// fifth more time, 16 KiB twice as many calls.
    static let receiveCapacity = 32 * 1024

    private struct Inbox {
        var work: ContiguousArray<Work> = []
        var isClosed = false
    }

    private let inbox = Mutex(Inbox())
    private let hasNews = Atomic<Bool>(false)
    private let thread = Atomic<UInt>(0)
    private let timerCount = Atomic<UInt64>(0)

    private let queue: ReadinessQueue
    private var timers = TimerQueue()
    private var work: ContiguousArray<Work> = []
    private var running: ContiguousArray<Work> = []
    /// What is registered with the kernel. The references keep the owners of descriptors alive.
    private var registered: [ObjectIdentifier: Pollable] = [:]
    /// Unregistered in this tick. The kernel may have reported them before, so they live until its end.
    private var retired: ContiguousArray<Pollable> = []
    private var readAgain: ContiguousArray<StreamSocket> = []
    private var readingAgain: ContiguousArray<StreamSocket> = []
    private var receiveBuffer: ByteBuffer?
    private var isEnding = false
    /// The proxy says here when a request begins and ends on this loop.
    package var moderation = PollModeration()
    /// Rises each time the kernel has been asked what is ready.
    package private(set) var tick: UInt64 = 1
    private var whenEnded: [Work] = []

    /// - Throws: `IOError` where the process has no descriptor left.
    init() throws {
        queue = try ReadinessQueue()
    }

    // MARK: Thread

    /// Returns when the thread runs.
    func start() {
        let isRunning = DispatchSemaphore(value: 0)
        let body = ThreadBody { [self] in
            thread.store(UInt(pthread_self()), ordering: .releasing)
            isRunning.signal()
            run()
        }
        var id = pthread_t()
        let status = pthread_create(
            &id, nil,
            { argument in
                guard let argument else { return nil }
                podium_name_thread("sockets")
                podium_minimize_timer_slack()
                Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(body).toOpaque())
        precondition(status == 0, "no thread can be started: \(status)")
        pthread_detach(id)
        isRunning.wait()
    }

    private func run() {
        while true {
            let count = queue.wait(timeout())
            tick &+= 1
            let began = moderation.isBusy ? Self.now : 0
            queue.report(count)
            readWhatIsLeft()
            takeInbox()
            runDueTimers()
            runWork()
            if !retired.isEmpty { retired.removeAll(keepingCapacity: true) }
            if isEnding, work.isEmpty { break }
            if moderation.isBusy, work.isEmpty, readAgain.isEmpty { pause(tickBegan: began) }
        }
        end()
    }

    /// Lets more come together before the kernel is asked again.
    private func pause(tickBegan began: Int) {
        let pause = moderation.pause(tickBegan: began, now: Self.now)
        if pause > 0 { podium_sleep(UInt32(pause)) }
    }

    private static var now: Int { Int(NIODeadline.now().uptimeNanoseconds) }

    /// Milliseconds until there is something to do.
    private func timeout() -> CInt {
        guard work.isEmpty, readAgain.isEmpty, !isEnding else { return 0 }
        guard let next = timers.next() else { return -1 }
        let wait = (next - NIODeadline.now()).nanoseconds
        // The wait is rounded up, since waking early would only mean to wait again.
        return wait <= 0 ? 0 : CInt(clamping: (wait + 999_999) / 1_000_000)
    }

    private func readWhatIsLeft() {
        guard !readAgain.isEmpty else { return }
        swap(&readAgain, &readingAgain)
        for socket in readingAgain { socket.readAgain() }
        readingAgain.removeAll(keepingCapacity: true)
    }

    private func takeInbox() {
        guard hasNews.load(ordering: .relaxed) else { return }
        hasNews.store(false, ordering: .sequentiallyConsistent)
        let delivered = inbox.withLock { inbox in
            var taken: ContiguousArray<Work> = []
            swap(&taken, &inbox.work)
            return taken
        }
        work.append(contentsOf: delivered)
    }

    private func runDueTimers() {
        guard timers.count > 0 else { return }
        let now = NIODeadline.now()
        while let timer = timers.takeDue(now: now) { timer() }
    }

    private func runWork() {
        guard !work.isEmpty else { return }
        swap(&work, &running)
        for item in running { item() }
        running.removeAll(keepingCapacity: true)
    }

    private func end() {
        for pollable in registered.values { pollable.loopEnds() }
        for abandon in timers.removeAll() { abandon() }
        while true {
            takeInbox()
            runWork()
            let isClosed = inbox.withLock { inbox in
                inbox.isClosed = inbox.work.isEmpty && work.isEmpty
                return inbox.isClosed
            }
            if isClosed { break }
        }
        retired.removeAll()
        registered.removeAll()
        readAgain.removeAll()
        for work in whenEnded { work() }
        whenEnded.removeAll()
    }

    // MARK: For sockets

    func register(_ pollable: Pollable, _ descriptor: CInt) throws {
        try queue.add(pollable, descriptor)
        registered[ObjectIdentifier(pollable)] = pollable
    }

    func unregister(_ pollable: Pollable, _ descriptor: CInt) {
        guard let pollable = registered.removeValue(forKey: ObjectIdentifier(pollable)) else { return }
        queue.remove(descriptor)
        retired.append(pollable)
    }

    /// The socket has read as much as one tick allows; it reads on in the next.
    func readNextTick(_ socket: StreamSocket) {
        readAgain.append(socket)
    }

    /// The buffer all sockets of the loop read into; it is lent for one read.
    func takeReceiveBuffer() -> ByteBuffer {
        guard var buffer = receiveBuffer.take() else {
            return ByteBufferAllocator().buffer(capacity: Self.receiveCapacity)
        }
        // The buffer makes new storage where a handler has kept a part of the old one.
        buffer.clear()
        return buffer
    }

    func returnReceiveBuffer(_ buffer: consuming ByteBuffer) {
        receiveBuffer = buffer
    }

    // MARK: EventLoop

    package var inEventLoop: Bool { thread.load(ordering: .acquiring) == UInt(pthread_self()) }

    package func execute(_ task: @escaping @Sendable () -> Void) {
        perform(later: task)
    }

    private func perform(later item: @escaping Work) {
        if inEventLoop { work.append(item) } else { post(item) }
    }

    private func post(_ item: @escaping Work) {
        let isAccepted = inbox.withLock { inbox in
            guard !inbox.isClosed else { return false }
            inbox.work.append(item)
            return true
        }
        if isAccepted, !hasNews.exchange(true, ordering: .sequentiallyConsistent) { queue.wake() }
    }

    package func scheduleTask<T>(
        deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T
    ) -> Scheduled<T> {
        let promise = makePromise(of: T.self)
        let id = timerCount.wrappingAdd(1, ordering: .relaxed).newValue
        let run: Work = {
            do {
                // The task ran on the loop that the promise belongs to.
                promise.assumeIsolatedUnsafeUnchecked().succeed(try task())
            } catch {
                promise.fail(error)
            }
        }
        let abandon: Work = { promise.fail(EventLoopError.shutdown) }
        guard !inEventLoop else {
            timers.add(id, at: deadline, run: run, abandon: abandon)
            return Scheduled(promise: promise) { [self] in
                if inEventLoop { timers.cancel(id) } else { post { [self] in timers.cancel(id) } }
            }
        }
        let isCancelled = Flag()
        post { [self] in
            if !isCancelled.isSet { timers.add(id, at: deadline, run: run, abandon: abandon) }
        }
        return Scheduled(promise: promise) { [self] in
            // The timer may still be in the inbox.
            isCancelled.set()
            if inEventLoop { timers.cancel(id) } else { post { [self] in timers.cancel(id) } }
        }
    }

    package func scheduleTask<T>(in delay: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        scheduleTask(deadline: .now() + delay, task)
    }

    package func preconditionInEventLoop(file: StaticString, line: UInt) {
        precondition(inEventLoop, file: file, line: line)
    }

    package func preconditionNotInEventLoop(file: StaticString, line: UInt) {
        precondition(!inEventLoop, file: file, line: line)
    }

    /// Closes its sockets, then ends the thread.
    package func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        let report: Work = { queue.async { callback(nil) } }
        let isAccepted = inbox.withLock { inbox in
            guard !inbox.isClosed else { return false }
            inbox.work.append { [self] in
                isEnding = true
                whenEnded.append(report)
            }
            return true
        }
        guard isAccepted else { return report() }
        hasNews.store(true, ordering: .sequentiallyConsistent)
        self.queue.wake()
    }
}

private final class Flag: Sendable {
    private let state = Atomic<Bool>(false)

    var isSet: Bool { state.load(ordering: .acquiring) }

    func set() { state.store(true, ordering: .releasing) }
}

private final class ThreadBody {
    let run: () -> Void

    init(_ run: @escaping () -> Void) {
        self.run = run
    }
}

/// Loops of which each new connection gets the next.
package final class SocketLoopGroup: EventLoopGroup {
    private let loops: [SocketLoop]
    private let count = Atomic<Int>(0)

    /// - Parameter count: of threads, at least 1
    /// - Throws: `IOError` where the process has no descriptors left.
    package init(count: Int) throws {
        loops = try (0..<max(count, 1)).map { _ in try SocketLoop() }
        for loop in loops { loop.start() }
    }

    package func next() -> any EventLoop { nextLoop() }

    func nextLoop() -> SocketLoop {
        loops[(count.wrappingAdd(1, ordering: .relaxed).oldValue & Int.max) % loops.count]
    }

    package func makeIterator() -> EventLoopIterator { EventLoopIterator(loops) }

    /// Closes all sockets of all loops and ends their threads.
    package func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        let ended = DispatchGroup()
        for loop in loops {
            ended.enter()
            loop.shutdownGracefully(queue: queue) { _ in ended.leave() }
        }
        ended.notify(queue: queue) { callback(nil) }
    }
}

/// When a busy loop polls the kernel for what has become ready: not at once after each message, but at most so many times a
/// second.
///
/// Sleeping and being woken costs a loop as much as a quarter of a small request, and so does waking the other side for one
/// message. With thousands of requests a second it pays to let a few messages come together, as a network card does that
/// moderates its interrupts. What is slower, streams among it, is not held up.
package struct PollModeration: Sendable, Equatable {
    /// Nanoseconds from the beginning of one tick to that of the next.
    static let interval = 150_000
    /// Nanoseconds after which it is decided anew whether there is enough to do.
    static let period = 2_000_000
    /// With this many requests in a period polling is moderated. That is more than one request in a tick, and each request makes two
    /// descriptors ready.
    private static let leastStarted = 16
    /// With fewer requests under way no other one would become ready while the first waits.
    private static let leastRunning = 8

    private var running = 0
    private var started = 0
    private var periodBegan = 0
    private var isModerated = false

    package init() {}

    package mutating func requestStarted() {
        running += 1
        started += 1
    }

    package mutating func requestEnded() { running -= 1 }

    /// Whether `pause` may ask for a sleep. Only then the loop has to read the clock.
    var isBusy: Bool { running >= Self.leastRunning }

    /// A tick has ended with nothing left to do.
    ///
    /// - Parameters:
    ///   - began: when it began, in nanoseconds of a clock that never goes back
    ///   - now: on the same clock
    /// - Returns: nanoseconds to sleep before the next, at most `interval`.
    mutating func pause(tickBegan began: Int, now: Int) -> Int {
        let elapsed = now - periodBegan
        if elapsed >= Self.period {
            // A period that ended late says nothing about when its requests came, so it does not count.
            isModerated = started >= Self.leastStarted && elapsed < 2 * Self.period
            started = 0
            periodBegan = now
        }
        guard isModerated, isBusy else { return 0 }
        return min(Self.interval, max(0, Self.interval - (now - began)))
    }
}
