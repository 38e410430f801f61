internal import HTTPWire
internal import Verdicts

/// Finds out from a refusal's fields, and from its words, how long to wait before the endpoint is asked again.
enum RateLimitHint {
    /// - Parameters:
    ///   - text: the beginning of the body, without a content coding; empty where it cannot be read
    ///   - unixTime: seconds since 1970, to read points in time against
    static func wait(
        _ head: borrowing ResponseHead, _ bytes: UnsafeRawBufferPointer, text: [UInt8] = [], unixTime: Double
    ) -> Duration? {
        var hints = ResetHints(unixTime: unixTime)
        for line in head.fields.lines {
            switch line.known {
            case .retryAfterMs, .retryAfter, .rateLimitReset, .rateLimitRemaining, .rateLimit:
                hints.take(field: self.text(bytes, line.name), value: self.text(bytes, line.value))
            default: break
            }
        }
        if !text.isEmpty { hints.take(body: text) }
        return hints.waitAhead
    }

    private static func text(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        String(decoding: bytes.slice(range), as: UTF8.self)
    }
}
