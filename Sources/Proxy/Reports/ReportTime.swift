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
