/// The time of day, for what people and other programs read. Nothing is scheduled by it: it can be set back.
public enum WallClock {
    /// Since 1970-01-01 00:00 UTC.
    public static var now: Duration {
        let time = read()
        return .seconds(Int(time.tv_sec)) + .nanoseconds(Int(time.tv_nsec))
    }

    /// The same in seconds, for JSON.
    public static var seconds: Double {
        let time = read()
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Whole seconds since 1970, for dates in HTTP: cheaper, since it is asked for answer by answer.
    public static var wholeSeconds: Int { time(nil) }

    /// Seconds that this machine's zone is east of UTC at a time in seconds since 1970.
    public static func utcOffset(at time: Double) -> Int {
        var seconds = time_t(time.isFinite ? min(max(time, 0), 1e11) : 0)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return parts.tm_gmtoff
    }

    private static func read() -> timespec {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time
    }
}
