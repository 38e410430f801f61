internal import Logging

/// The log's own lines about lines that are missing. Pure; the sink asks for them batch by batch.
///
/// A count is never lost: what could not be written is told of once writing works again.
struct LogNotices {
    private static let source = "log"

    /// Told of in the batch that is being written.
    private var announced = 0
    private var unwritten = 0
    private var fault: String?

    /// The batch with what there is to say about others.
    mutating func complete(_ lines: [LogLine], dropped: Int, now: LogTime) -> [LogLine] {
        var batch = lines
        if unwritten > 0 {
            batch.insert(notice("\(unwritten.lines) could not be written: \(fault ?? "unknown")", now), at: 0)
        }
        if dropped > 0 {
            batch.append(notice("\(dropped.lines) dropped: the log could not be written as fast as it came", now))
        }
        announced = dropped
        return batch
    }

    /// A batch went out, or did not.
    ///
    /// - Returns: how many lines are to be counted as dropped again, since it could not be said
    mutating func wrote(_ batch: [LogLine], fault: String?) -> Int {
        guard let fault else {
            unwritten = 0
            return 0
        }
        // A notice is not one of the lines that the program has logged.
        unwritten += batch.count(where: { $0.source != Self.source })
        self.fault = fault
        return announced
    }

    private func notice(_ text: String, _ now: LogTime) -> LogLine {
        LogLine(time: now, level: .warning, source: Self.source, message: text)
    }
}

extension Int {
    fileprivate var lines: String { self == 1 ? "1 log line" : "\(self) log lines" }
}
