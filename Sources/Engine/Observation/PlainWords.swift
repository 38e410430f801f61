public import Ranking
internal import Support

extension Availability {
    /// Such as `down: 3 failures in a row, last HTTP 503`.
    public func plainWords(now: ContinuousClock.Instant) -> String {
        switch self {
        case .available: return "up"
        case .halfOpen: return "on probation: one request at a time until one succeeds"
        case .open(let until, let cause): return "down for \((until - now).shortText): \(cause.text)"
        case .rateLimited(let until): return "rate limited for \((until - now).shortText)"
        case .misconfigured(let until, let status):
            guard let until else {
                return "misconfigured"
            }
            let refused = status.map { "credential refused (\($0))" } ?? "misconfigured"
            return "\(refused), tried again in \((until - now).shortText)"
        case .disabled: return "off"
        }
    }
}
