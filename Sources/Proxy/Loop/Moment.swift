internal import NIOCore

/// One point in time on the two clocks in use: reading a clock is cheap, reading eight per request is not.
struct Moment {
    /// For deadlines and durations.
    let deadline: NIODeadline
    /// For reports.
    let report: ReportTime

    init(deadline: NIODeadline, instant: ContinuousClock.Instant) {
        self.deadline = deadline
        report = ReportTime(instant)
    }

    static var now: Moment { Moment(deadline: .now(), instant: .now) }
}
