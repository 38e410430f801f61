import Support

/// The time of day, for records that people read; nothing is scheduled by it.
enum WallClock {
    /// Since 1970-01-01 00:00 UTC.
    static var now: Duration {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return .seconds(Int(time.tv_sec)) + .nanoseconds(Int(time.tv_nsec))
    }
}
