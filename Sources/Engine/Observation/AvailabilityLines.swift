internal import Ranking

extension AvailabilityChange {
    /// What the event log says of it; nil for what is no news: a dead endpoint is tried again and again, and each trial that
    /// fails is one quiet line.
    func logLine(now: ContinuousClock.Instant) -> (level: EventLevel, text: String)? {
        switch (from, to) {
        case (_, .probation):
            return nil
        case (.probation, .open(let until, let cause)):
            return (.info, "still down, tried again in \((until - now).plainWords): \(cause.text)")
        case (.probation, .misconfigured(.some, _)):
            return (.info, "still \(to.plainWords(now: now))")
        case (_, .available), (_, .disabled):
            return (.info, to.plainWords(now: now))
        case (_, .rateLimited):
            return (.warning, to.plainWords(now: now))
        case (_, .open), (_, .misconfigured):
            return (.error, to.plainWords(now: now))
        }
    }
}
