internal import HTTPWire
internal import Verdicts

/// Finds out from a refusal's fields how long to wait before the endpoint is asked again.
enum RateLimitHint {
    /// - Parameter unixTime: seconds since 1970, to read points in time against
    static func wait(
        _ head: borrowing ResponseHead, _ bytes: UnsafeRawBufferPointer, unixTime: Double
    ) -> Duration? {
        var hints = ResetHints(unixTime: unixTime)
        for line in head.fields.lines {
            switch line.known {
            case .retryAfterMs, .retryAfter, .rateLimitReset, .rateLimitRemaining, .rateLimit:
                hints.take(field: text(bytes, line.name), value: text(bytes, line.value))
            default: break
            }
        }
        return hints.wait
    }

    private static func text(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        String(decoding: bytes.slice(range), as: UTF8.self)
    }
}
