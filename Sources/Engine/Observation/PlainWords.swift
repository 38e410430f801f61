public import Ranking

extension Duration {
    /// Such as `3.2 ms`, `810 ms`, `12 s`, `4m42s`, `3h05m`, `2d 4h`: at most three digits of what matters.
    public var plainWords: String {
        let (seconds, attoseconds) = components
        let milliseconds = Double(seconds) * 1_000 + Double(attoseconds) / 1e15
        if milliseconds < 0 {
            return "0 ms"
        }
        if milliseconds < 10 {
            return "\((milliseconds * 10).rounded() / 10) ms"
        }
        if milliseconds < 1_000 {
            return "\(Int(milliseconds.rounded())) ms"
        }
        if milliseconds < 10_000 {
            return "\((milliseconds / 100).rounded() / 10) s"
        }
        let whole = Int(seconds)
        switch whole {
        case ..<60: return "\(whole) s"
        case ..<3_600: return "\(whole / 60)m\(twoDigits(whole % 60))s"
        case ..<86_400: return "\(whole / 3_600)h\(twoDigits(whole / 60 % 60))m"
        default: return "\(whole / 86_400)d \(whole / 3_600 % 24)h"
        }
    }
}

private func twoDigits(_ value: Int) -> String {
    value < 10 ? "0\(value)" : "\(value)"
}

extension Availability {
    /// Such as `down: 3 failures in a row, last HTTP 503`.
    public func plainWords(now: ContinuousClock.Instant) -> String {
        switch self {
        case .available: return "up"
        case .probation: return "on probation: one request at a time until one succeeds"
        case .open(let until, let cause): return "down for \((until - now).plainWords): \(cause.text)"
        case .rateLimited(let until): return "rate limited for \((until - now).plainWords)"
        case .misconfigured(let until, let status):
            guard let until else {
                return "misconfigured"
            }
            let refused = status.map { "credential refused (\($0))" } ?? "misconfigured"
            return "\(refused), tried again in \((until - now).plainWords)"
        case .disabled: return "off"
        }
    }
}
