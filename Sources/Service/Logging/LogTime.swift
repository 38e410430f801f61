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
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return LogTime(seconds: time.tv_sec, milliseconds: Int(time.tv_nsec / 1_000_000))
    }

    /// After RFC 3339, in UTC, such as `2026-11-23T22:40:14.123Z`.
    public var rfc3339: String {
        var parts = tm()
        var time = time_t(seconds)
        gmtime_r(&time, &parts)
        let fields: [(value: Int, width: Int, end: String)] = [
            (Int(parts.tm_year) + 1_900, 4, "-"), (Int(parts.tm_mon) + 1, 2, "-"), (Int(parts.tm_mday), 2, "T"),
            (Int(parts.tm_hour), 2, ":"), (Int(parts.tm_min), 2, ":"), (Int(parts.tm_sec), 2, "."),
            (milliseconds, 3, "Z"),
        ]
        return fields.map { field in
            let digits = String(field.value)
            return String(repeating: "0", count: max(0, field.width - digits.count)) + digits + field.end
        }.joined()
    }
}
