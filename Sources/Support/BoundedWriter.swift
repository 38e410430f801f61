public import Dispatch
internal import Synchronization

/// What waits to be written, bounded by its size. Pure; the writer below owns one.
struct BoundedQueue<Element> {
    private let limit: Int
    private var elements: [Element] = []
    private var size = 0
    private var dropped = 0
    private var isScheduled = false

    init(limit: Int) {
        self.limit = limit
    }

    /// Takes the element, or counts it as dropped. A single one that is larger than the whole queue is taken.
    ///
    /// - Returns: whether the writer has to be woken: once for all that comes before it has woken
    mutating func offer(_ element: Element, size: Int) -> Bool {
        guard elements.isEmpty || self.size + size <= limit else {
            dropped += 1
            return false
        }
        elements.append(element)
        self.size += size
        defer { isScheduled = true }
        return !isScheduled
    }

    /// All that waits, and how many were dropped since the last time; nil where nothing waits. Then the count is kept for what
    /// comes next.
    mutating func take() -> (elements: [Element], dropped: Int)? {
        isScheduled = false
        guard !elements.isEmpty else { return nil }
        defer {
            elements = []
            size = 0
            dropped = 0
        }
        return (elements, dropped)
    }

    /// Counts what a write has lost, or has told of in vain.
    mutating func drop(_ count: Int) { dropped += count }
}

/// Writes what other threads hand over, on a queue of its own.
///
/// The threads that hand something over never wait, neither for a disk nor for the reader of a pipe. What does not fit is
/// counted, and the owner says so in what it writes next. The access log, the trace and the program's log are written so.
public final class BoundedWriter<Element: Sendable>: Sendable {
    /// Writes a batch, however long that takes. It is called on one thread at a time.
    ///
    /// - Parameter dropped: how many elements did not fit before this batch
    /// - Returns: how many are to be counted as dropped in the next batch
    public typealias Write = @Sendable (_ batch: [Element], _ dropped: Int) -> Int

    private let pending: Mutex<BoundedQueue<Element>>
    private let queue: DispatchQueue
    private let delay: DispatchTimeInterval
    private let write: Write

    /// - Parameters:
    ///   - queue: a serial one for this writer alone
    ///   - limit: of the sizes of all that waits
    ///   - delay: in which more may come together
    public init(on queue: DispatchQueue, limit: Int, delay: DispatchTimeInterval, write: @escaping Write) {
        self.queue = queue
        self.delay = delay
        self.write = write
        pending = Mutex(BoundedQueue(limit: limit))
    }

    /// Hands an element over; never waits.
    ///
    /// - Parameter size: about the memory it takes
    public func offer(_ element: Element, size: Int) {
        guard pending.withLock({ $0.offer(element, size: size) }) else { return }
        queue.asyncAfter(deadline: .now() + delay) { self.drain() }
    }

    /// Runs something between two batches, on the same queue.
    public func perform(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }

    /// Waits until all that was handed over so far is written, but no longer than that: a reader that is stuck must not keep the
    /// process from ending.
    ///
    /// - Returns: whether all of it was
    @discardableResult
    public func flush(within seconds: Double) -> Bool {
        let isDone = DispatchSemaphore(value: 0)
        queue.async {
            self.drain()
            isDone.signal()
        }
        return isDone.wait(timeout: .now() + seconds) == .success
    }

    private func drain() {
        guard let batch = pending.withLock({ $0.take() }) else { return }
        let lost = write(batch.elements, batch.dropped)
        if lost > 0 { pending.withLock { $0.drop(lost) } }
    }
}
