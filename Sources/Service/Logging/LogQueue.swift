internal import Logging

/// What waits to be written, bounded: pure, the owner writes.
///
/// Whoever logs never waits for a disk or a reader that is stuck; what does not fit is counted, and the count is the next
/// line that goes out.
struct LogQueue {
    /// What to do about a line that came.
    enum Action: Equatable {
        case none
        /// Nobody is writing: begin.
        case startWriter
    }

    private let lineLimit: Int
    private let sizeLimit: Int
    private var lines: [LogLine] = []
    private var size = 0
    private var dropped = 0
    /// Told of in the batch that is being written.
    private var announced = 0
    private var unwritten = 0
    private var fault: String?
    private var isWriting = false

    init(lineLimit: Int = 8_192, sizeLimit: Int = 1 << 20) {
        self.lineLimit = lineLimit
        self.sizeLimit = sizeLimit
    }

    mutating func offer(_ line: LogLine) -> Action {
        // A single line longer than the whole queue still goes out alone.
        guard lines.isEmpty || (lines.count < lineLimit && size + line.size <= sizeLimit) else {
            dropped += 1
            return .none
        }
        lines.append(line)
        size += line.size
        guard !isWriting else { return .none }
        isWriting = true
        return .startWriter
    }

    /// Everything that waits, with a word on what is missing; nil when there is nothing, and the writer is done.
    mutating func take(now: LogTime) -> [LogLine]? {
        guard !lines.isEmpty else {
            isWriting = false
            return nil
        }
        var batch = lines
        if unwritten > 0 {
            batch.insert(notice("\(unwritten.lines) could not be written: \(fault ?? "unknown")", now), at: 0)
        }
        if dropped > 0 {
            batch.append(notice("\(dropped.lines) dropped: the log could not be written as fast as it came", now))
        }
        lines = []
        size = 0
        announced = dropped
        dropped = 0
        return batch
    }

    /// A batch went out, or did not.
    mutating func wrote(_ batch: [LogLine], fault: String?) {
        guard let fault else {
            unwritten = 0
            return
        }
        dropped += announced
        // The notice itself is not one of the lines that somebody logged.
        unwritten += batch.count(where: { $0.source != Self.source })
        self.fault = fault
    }

    private static let source = "log"

    private func notice(_ text: String, _ now: LogTime) -> LogLine {
        LogLine(time: now, level: .warning, source: Self.source, message: text)
    }
}

extension Int {
    fileprivate var lines: String { self == 1 ? "1 log line" : "\(self) log lines" }
}
