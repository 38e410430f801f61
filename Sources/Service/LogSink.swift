internal import Dispatch
public import Logging
internal import Support
internal import Synchronization

// The way of a log line from swift-log's handler to a descriptor. `podium` makes one sink for the session, with a file or standard
// error behind it. No thread that logs waits for either.

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

/// Hands what is logged through swift-log to a sink. The metadata keys `source` and `endpoint` have places of their own.
public struct SinkLogHandler: LogHandler {
    /// What is less important is not logged.
    public var logLevel: Logger.Level
    /// Added to each line.
    public var metadata: Logger.Metadata = [:]
    private let sink: LogSink

    /// A handler for one logger.
    public init(sink: LogSink, level: Logger.Level) {
        self.sink = sink
        logLevel = level
    }

    /// One entry of the metadata that is added to each line.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Hands the event over; never waits.
    public func log(event: LogEvent) {
        let all = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
        let details = all.filter { $0.key != "source" && $0.key != "endpoint" }
            .sorted { $0.key < $1.key }
            .map { LogLine.Detail(key: $0.key, value: "\($0.value)") }
        sink.write(
            LogLine(
                time: .now(), level: event.level, source: all["source"].map { "\($0)" } ?? event.source,
                endpoint: all["endpoint"].map { "\($0)" }, message: "\(event.message)", details: details))
    }
}

/// A log file that others rotate: once its name stands for another file, or for none, it is opened again.
public final class LogFile: Sendable {
    private let path: String
    private let descriptor: Mutex<Int32>

    /// Why a log file cannot be used.
    public struct OpenError: Error, CustomStringConvertible {
        /// One line for the operator.
        public let description: String
    }

    /// Opens the file for appending and creates it, for its owner only, where it is missing.
    ///
    /// - Throws: `OpenError`.
    public init(path: String) throws(OpenError) {
        self.path = path
        let opened = Self.open(path)
        guard opened >= 0 else {
            let reason = errno == ENXIO ? "it is a pipe that nobody reads" : String(cString: strerror(errno))
            throw OpenError(description: "\(path): the log cannot be written there: \(reason)")
        }
        descriptor = Mutex(opened)
    }

    deinit {
        descriptor.withLock { _ = close($0) }
    }

    /// Writes the bytes to whatever the path names now.
    ///
    /// - Returns: why not all of them were written.
    public func write(_ bytes: [UInt8]) -> String? {
        descriptor.withLock { descriptor in
            if Self.hasMoved(path, descriptor) {
                Self.reopen(path, &descriptor)
            }
            return DescriptorIO.write(bytes, to: descriptor)?.text
        }
    }

    /// Opens the path again, as after a rotation. The old file goes on where the new one cannot be opened.
    public func reopen() {
        descriptor.withLock { Self.reopen(path, &$0) }
    }

    private static func reopen(_ path: String, _ descriptor: inout Int32) {
        let fresh = open(path)
        guard fresh >= 0 else { return }
        close(descriptor)
        descriptor = fresh
    }

    private static func hasMoved(_ path: String, _ descriptor: Int32) -> Bool {
        guard let named = FileIdentity(path: path) else { return errno == ENOENT }
        return named != FileIdentity(descriptor: descriptor)
    }

    private static func open(_ path: String) -> Int32 {
        // It is opened without waiting, so that a pipe without a reader cannot hold up the start.
        systemOpen(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0o600)
    }
}

private func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
    open(path, flags, mode)
}

/// Log lines on standard error, except while a console owns the terminal behind it.
public final class StandardErrorLog: Sendable {
    private let open: Atomic<Bool>

    /// A log that is shown or, at first, not.
    public init(isOpen: Bool) {
        open = Atomic(isOpen)
    }

    /// Whether lines are shown.
    public var isOpen: Bool {
        get { open.load(ordering: .relaxed) }
        set { open.store(newValue, ordering: .relaxed) }
    }

    /// Writes the bytes, unless a console is open.
    ///
    /// - Returns: why not all of them were written.
    public func write(_ bytes: [UInt8]) -> String? {
        isOpen ? DescriptorIO.write(bytes, to: STDERR_FILENO)?.text : nil
    }

    /// Whether standard error leads to the journal of systemd, by what the service manager said about it.
    ///
    /// - Parameter journalStream: the value of `JOURNAL_STREAM`, `DEVICE:INODE`.
    public static func leadsToJournal(_ journalStream: String?) -> Bool {
        guard let journalStream, let stream = FileIdentity(descriptor: STDERR_FILENO) else { return false }
        return journalStream == "\(stream.device):\(stream.inode)"
    }
}
