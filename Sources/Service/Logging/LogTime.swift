internal import Support

/// A moment on the wall clock.
public struct LogTime: Sendable, Equatable {
    /// Since 1970-01-01 00:00:00 UTC.
    public var seconds: Int
    /// Within the second.
    public var milliseconds: Int

    /// From its parts.
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
