import Support

/// The time zone of this machine.
enum LocalTime {
    /// Seconds east of UTC at a time in seconds since 1970.
    static func offset(at time: Double) -> Int {
        var seconds = time_t(time.isFinite ? min(max(time, 0), 1e11) : 0)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return parts.tm_gmtoff
    }
}
