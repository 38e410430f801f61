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

/// An instant as a plain number.
///
/// `ContinuousClock.Instant` hides its layout, so that whatever holds one is copied and destroyed field by field, through
/// calls: too much for what is made several times for each request.
struct ReportTime: Sendable, Equatable {
    private static let origin = ContinuousClock.now

    private let sinceOrigin: Duration

    init(_ instant: ContinuousClock.Instant) {
        sinceOrigin = instant - Self.origin
    }

    var instant: ContinuousClock.Instant { Self.origin + sinceOrigin }
}
