internal import PodiumModel
internal import Ranking
internal import PureSupport

extension AvailabilityChange {
    /// What the event log says of it; nil for what is no news: a dead endpoint is tried again and again, and each trial that
    /// fails is one quiet line.
    ///
    /// - Returns: `fold` is what such a trial has in common with the one before; nil where the line is of a change.
    func logLine(now: ContinuousClock.Instant) -> (level: EventLevel, text: String, fold: String?)? {
        switch (from, to) {
        case (_, .halfOpen):
            return nil
        case (.halfOpen, .open(let until, let cause)):
            return (
                .info, "still down, tried again in \((until - now).shortText): \(cause.text)",
                "still down: \(cause.text)"
            )
        case (.halfOpen, .misconfigured(.some, _)):
            return (.info, "still \(to.plainWords(now: now))", "still misconfigured")
        case (_, .available), (_, .disabled):
            return (.info, to.plainWords(now: now), nil)
        case (_, .rateLimited):
            return (.warning, to.plainWords(now: now), nil)
        case (_, .open), (_, .misconfigured):
            return (.error, to.plainWords(now: now), nil)
        }
    }
}
