public import Logging
internal import Support

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
