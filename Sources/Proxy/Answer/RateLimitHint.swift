internal import HTTPWire

/// Finds out from a refusal's fields how long to wait before the endpoint is asked again.
///
/// A wait of nothing is no hint: an endpoint that is dead and says so would be asked first for ever.
struct RateLimitHint {
    /// No wait is longer.
    static let limit = Duration.seconds(24 * 3600)

    /// - Parameter unixTime: seconds since 1970, to read dates against
    static func wait(
        _ head: borrowing ResponseHead, _ bytes: UnsafeRawBufferPointer, unixTime: Double
    ) -> Duration? {
        var milliseconds: Duration?
        var named: Duration?
        var resets: [(kind: String, wait: Duration)] = []
        var exhausted: Set<String> = []
        for line in head.fields.lines {
            switch line.known {
            case .retryAfterMs:
                if let value = number(text(bytes, line.value)) { milliseconds = bounded(seconds: value / 1000) }
            case .retryAfter: named = retryAfter(text(bytes, line.value), unixTime: unixTime)
            case .rateLimitReset:
                if let wait = reset(text(bytes, line.value), unixTime: unixTime) {
                    resets.append((kind(text(bytes, line.name)), wait))
                }
            case .rateLimitRemaining:
                if text(bytes, line.value) == "0" { exhausted.insert(kind(text(bytes, line.name))) }
            default: break
            }
        }
        if let wait = milliseconds ?? named { return wait }
        // The limits that are used up count; where none says so, the one that ends first may be the one.
        let binding = resets.filter { exhausted.contains($0.kind) }.map(\.wait)
        return binding.max() ?? resets.map(\.wait).min()
    }

    /// Seconds or an HTTP date.
    static func retryAfter(_ value: String, unixTime: Double) -> Duration? {
        if let seconds = number(value) { return bounded(seconds: seconds) }
        guard let date = HTTPDate.unixTime(value, now: unixTime) else { return nil }
        return bounded(seconds: Double(date) - unixTime)
    }

    /// `6m0s`, `20ms`, `1h2m3.5s`, plain seconds, or an RFC 3339 time.
    static func reset(_ value: String, unixTime: Double) -> Duration? {
        if let seconds = number(value) {
            // Large numbers are points in time.
            return bounded(seconds: seconds > 1_000_000_000 ? seconds - unixTime : seconds)
        }
        if let seconds = compoundSeconds(value) { return bounded(seconds: seconds) }
        guard let date = HTTPDate.rfc3339UnixTime(value) else { return nil }
        return bounded(seconds: Double(date) - unixTime)
    }

    /// nil where there is nothing to wait for.
    private static func bounded(seconds: Double) -> Duration? {
        guard seconds > 0 else { return nil }
        return seconds < Double(limit.components.seconds) ? .seconds(seconds) : limit
    }

    /// Digits with an optional fraction. `Double` also reads `inf`, `1e9` and `0x10`.
    private static func number(_ text: some StringProtocol) -> Double? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }) else {
            return nil
        }
        return Double(text)
    }

    private static func compoundSeconds(_ value: String) -> Double? {
        var total = 0.0
        var rest = Substring(value)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            let unit = rest.dropFirst(digits.count).prefix { $0.isLetter }
            guard let amount = number(digits) else { return nil }
            switch unit {
            case "ms": total += amount / 1000
            case "s": total += amount
            case "m": total += amount * 60
            case "h": total += amount * 3600
            case "d": total += amount * 86400
            default: return nil
            }
            rest = rest.dropFirst(digits.count + unit.count)
        }
        return total
    }

    /// `requests` of `anthropic-ratelimit-requests-reset` and of `x-ratelimit-reset-requests`.
    private static func kind(_ name: String) -> String {
        let parts = name.lowercased().split(separator: "-")
        return parts.filter { !["anthropic", "x", "ratelimit", "reset", "remaining"].contains($0) }
            .joined(separator: "-")
    }

    private static func text(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        String(decoding: bytes.slice(range), as: UTF8.self)
    }
}
