public import Logging
internal import Support

// What a line of the program's log is, how it is written out, and what the log says about itself. All of it is pure: `LogSink` takes
// the lines, and one of its outputs writes the bytes.

/// One line of the log before it is written out.
public struct LogLine: Sendable, Equatable {
    /// When it happened.
    public var time: LogTime
    /// How much it matters.
    public var level: Logger.Level
    /// The part that speaks: `proxy`, `ranking`, `persist`, `config`, `console`, `endpoint`.
    public var source: String
    /// The endpoint that it concerns, if it is one.
    public var endpoint: String?
    /// One line in plain words.
    public var message: String
    /// Whatever else a library attached, by key.
    public var details: [Detail]

    /// A key and its value.
    public struct Detail: Sendable, Equatable {
        /// As the library named it.
        public var key: String
        /// In words.
        public var value: String

        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    public init(
        time: LogTime, level: Logger.Level, source: String, endpoint: String? = nil, message: String,
        details: [Detail] = []
    ) {
        self.time = time
        self.level = level
        self.source = source
        self.endpoint = endpoint
        self.message = message
        self.details = details
    }

    /// What it takes in the queue, about.
    var size: Int {
        128 + source.utf8.count + message.utf8.count + (endpoint?.utf8.count ?? 0)
            + details.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    }
}

/// A moment on the wall clock.
public struct LogTime: Sendable, Equatable {
    /// Since 1970-01-01 00:00:00 UTC.
    public var seconds: Int
    /// Within the second.
    public var milliseconds: Int

    public init(seconds: Int, milliseconds: Int) {
        self.seconds = seconds
        self.milliseconds = milliseconds
    }

    /// The present moment.
    public static func now() -> LogTime {
        let now = WallClock.now
        return LogTime(
            seconds: Int(now.wholeSeconds), milliseconds: Int(now.wholeMicroseconds / 1_000 % 1_000))
    }

    /// After RFC 3339, in UTC, such as `2026-11-23T22:40:14.123Z`.
    public var rfc3339: String { CivilTime(unixTime: seconds).rfc3339(milliseconds: milliseconds) }
}

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
            batch.insert(
                notice("\(unwritten.counted("log line")) could not be written: \(fault ?? "unknown")", now), at: 0)
        }
        if dropped > 0 {
            batch.append(
                notice("\(dropped.counted("log line")) dropped: the log could not be written as fast as it came", now))
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
