internal import Dispatch
internal import Support
internal import Synchronization

/// Takes log lines from any thread without ever waiting, and writes them on a thread of its own.
public final class LogSink: Sendable {
    /// Writes all the bytes, however long that takes; returns why it could not.
    public typealias Output = @Sendable ([UInt8]) -> String?

    private let writer: BoundedWriter<LogLine>

    /// A log in a format. The output is called on one thread at a time.
    public init(format: LogFormat, output: @escaping Output) {
        // Only the writer's thread takes this lock.
        let notices = Mutex(LogNotices())
        writer = BoundedWriter(
            on: DispatchQueue(label: "podium.log"), limit: 1 << 20, delay: .nanoseconds(0)
        ) { lines, dropped in
            notices.withLock { notices in
                let batch = notices.complete(lines, dropped: dropped, now: .now())
                return notices.wrote(batch, fault: output(batch.flatMap(format.bytes)))
            }
        }
    }

    /// Accepts the line, or counts it as dropped.
    public func write(_ line: LogLine) {
        writer.offer(line, size: line.size)
    }

    /// Waits until all that was accepted so far is written, but no longer than that.
    ///
    /// - Returns: whether all of it was.
    @discardableResult
    public func flush(within seconds: Double) -> Bool {
        writer.flush(within: seconds)
    }
}
