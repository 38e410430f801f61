internal import Dispatch
internal import Synchronization

/// Takes log lines from any thread without ever waiting, and writes them on a thread of its own.
public final class LogSink: Sendable {
    /// Writes all the bytes, however long that takes; returns why it could not.
    public typealias Output = @Sendable ([UInt8]) -> String?

    private let pending = Mutex(LogQueue())
    private let queue = DispatchQueue(label: "podium.log")
    private let format: LogFormat
    private let output: Output

    /// A log in a format. The output is called on one thread at a time.
    public init(format: LogFormat, output: @escaping Output) {
        self.format = format
        self.output = output
    }

    /// Accepts the line, or counts it as dropped.
    public func write(_ line: LogLine) {
        if pending.withLock({ $0.offer(line) }) == .startWriter {
            queue.async { [self] in drain() }
        }
    }

    /// Waits until all that was accepted so far is written, but no longer than that: a stuck reader must not keep the
    /// process from ending.
    ///
    /// - Returns: whether all of it was.
    @discardableResult
    public func flush(within seconds: Double) -> Bool {
        let isDone = DispatchSemaphore(value: 0)
        queue.async { isDone.signal() }
        return isDone.wait(timeout: .now() + seconds) == .success
    }

    private func drain() {
        while let batch = pending.withLock({ $0.take(now: .now()) }) {
            let fault = output(batch.flatMap(format.bytes))
            pending.withLock { $0.wrote(batch, fault: fault) }
        }
    }
}
