internal import Logging
internal import Support

/// How a log line is written out.
public enum LogFormat: String, Sendable, CaseIterable {
    /// Time in UTC, level, source, endpoint, message: for people.
    case text
    /// One JSON object per line: for log collectors.
    case json
    /// As `text`, but the level as syslog's number in front and no time, because the journal keeps both itself.
    case journal

    /// The line with its end.
    public func bytes(_ line: LogLine) -> [UInt8] {
        var text: String
        switch self {
        case .text: text = "\(line.time.rfc3339) \(line.level) \(Self.words(line))"
        case .journal: text = "<\(line.level.syslogNumber)>\(Self.words(line))"
        case .json: text = Self.json(line)
        }
        text += "\n"
        return Array(text.utf8)
    }

    private static func words(_ line: LogLine) -> String {
        var words = line.source
        if let endpoint = line.endpoint { words += " \(endpoint)" }
        words += " \(line.message)"
        for detail in line.details { words += " \(detail.key)=\(detail.value)" }
        return words.withoutControlCharacters
    }

    private static func json(_ line: LogLine) -> String {
        var members = [
            ("time", line.time.rfc3339), ("level", line.level.rawValue), ("source", line.source),
        ]
        if let endpoint = line.endpoint { members.append(("endpoint", endpoint)) }
        members.append(("message", line.message))
        // A library's key must not pass for one of ours.
        for detail in line.details {
            members.append(
                (members.contains { $0.0 == detail.key } ? "detail_\(detail.key)" : detail.key, detail.value))
        }
        return "{" + members.map { QuotedText.json($0.0) + ":" + QuotedText.json($0.1) }.joined(separator: ",") + "}"
    }
}

extension Logger.Level {
    fileprivate var syslogNumber: Int {
        switch self {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }
}

extension String {
    /// Text from outside must neither steer the terminal that shows the log nor begin a line of its own.
    fileprivate var withoutControlCharacters: String {
        guard unicodeScalars.contains(where: QuotedText.isControl) else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.map { QuotedText.isControl($0) ? "\u{FFFD}" : $0 }))
    }
}
