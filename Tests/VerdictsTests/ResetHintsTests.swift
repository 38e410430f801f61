import Testing

@testable import Verdicts

@Suite("How long a refusal wants to be waited for")
struct ResetHintsTests {
    @Test(
        arguments: [
            ("7", Duration.seconds(7)), ("0", nil), ("0.0", nil), ("1.5", .milliseconds(1500)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", .seconds(37)), ("Sunday, 06-Nov-94 08:49:37 GMT", .seconds(37)),
            ("Sun Nov  6 08:49:37 1994", .seconds(37)), ("Sun Nov 06 08:49:37 1994", .seconds(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", nil), ("99999999", .seconds(86400)), ("-1", nil), ("+1", nil),
            ("soon", nil), ("", nil), ("inf", nil), ("nan", nil), ("1e400", nil), ("1e1", nil), ("0x10", nil),
            (".5", nil), ("5.", nil), ("1.2.3", nil), ("120, 120", nil), ("٣", nil),
            ("99999999999999999999999", .seconds(86400)),
            // 50 years ahead at most, so this one is of 1945; the next of 2044.
            ("Sunday, 06-Nov-45 08:49:37 GMT", nil), ("Sunday, 06-Nov-44 08:49:37 GMT", .seconds(86400)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", .seconds(86400)), ("Thu, 30 Feb 1995 08:49:37 GMT", nil),
            ("Thu, 29 Feb 1996 08:49:37 GMT", .seconds(86400)), ("Wed, 29 Feb 1995 08:49:37 GMT", nil),
            ("Mon, 31 Apr 1995 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 08:49:37", nil),
            ("Sun, 06 Nov 1994 08:49:37 CET", nil), ("Sun, +6 Nov 1994 08:49:37 GMT", nil),
            ("Xyz, 06 Nov 1994 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 +8:49:37 GMT", nil), ("a b c d", nil),
        ] as [(String, Duration?)])
    func retryAfter(value: String, wait: Duration?) {
        // 1994-11-06T08:49:00Z; RFC 9110 gives 784111777 for 08:49:37.
        #expect(ResetHints(unixTime: 784_111_740).retryAfter(value) == wait)
    }

    @Test(
        arguments: [
            ("6m0s", Duration.seconds(360)), ("20ms", .milliseconds(20)), ("1h2m3s", .seconds(3723)),
            ("12", .seconds(12)),
            ("784111777", .seconds(86400)), ("1994-11-06T08:49:37Z", .seconds(37)),
            ("1994-11-06T09:49:37.5+01:00", .seconds(37)), ("x", nil),
            // An offset that would overflow: an endpoint must not be able to end the process.
            ("2026-11-23T10:20:30+9223372036854775807:00", nil), ("1994-11-06T08:49:37-24:00", nil),
            ("inf", nil), ("1e999s", nil), ("nan", nil), ("0s", nil), ("0", nil), ("0h0m", nil), ("0x10", nil),
            ("1e3", nil), ("1994-11-06T08:48:00Z", nil), ("1994-02-30T08:48:00Z", nil), ("½s", nil),
        ] as [(String, Duration?)])
    func resets(value: String, wait: Duration?) {
        #expect(ResetHints(unixTime: 784_111_740).reset(value) == wait)
    }

    private func wait(_ fields: [(String, String)], body: String = "", unixTime: Double = 0) -> Duration? {
        var hints = ResetHints(unixTime: unixTime)
        for field in fields { hints.take(field: field.0, value: field.1) }
        if !body.isEmpty { hints.take(body: body.utf8) }
        return hints.wait
    }

    @Test("A limit that is not used up is no wait")
    func unusedLimits() {
        #expect(wait([("x-ratelimit-remaining-requests", "9"), ("x-ratelimit-reset-requests", "1s")]) == nil)
        #expect(wait([("x-ratelimit-reset-requests", "1s")]) == .seconds(1))
        let two = [
            ("anthropic-ratelimit-requests-remaining", "3"),
            ("anthropic-ratelimit-requests-reset", "1970-01-01T00:00:09Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "1970-01-01T00:01:40Z"),
        ]
        #expect(wait(two) == .seconds(100))
        #expect(wait(two.reversed()) == .seconds(100))
        #expect(wait(Array(two.dropLast(2))) == nil)
        // Of several that are used up, the last one to end.
        #expect(
            wait([
                ("X-RateLimit-Remaining-Requests", "0"), ("X-RateLimit-Reset-Requests", "2s"),
                ("X-RateLimit-Remaining-Tokens", "-5"), ("X-RateLimit-Reset-Tokens", "1m30s"),
            ]) == .seconds(90))
    }

    @Test("Limits whose state is a word")
    func unified() {
        let reset = ("anthropic-ratelimit-unified-reset", "1795900060")
        #expect(
            wait([reset, ("anthropic-ratelimit-unified-status", "rejected")], unixTime: 1_795_900_000) == .seconds(60))
        #expect(
            wait([reset, ("anthropic-ratelimit-unified-status", "allowed_warning")], unixTime: 1_795_900_000) == nil)
        #expect(wait([reset], unixTime: 1_795_900_000) == .seconds(60))
    }

    @Test("The fields of the IETF's drafts, old and new")
    func drafts() {
        #expect(wait([("RateLimit-Remaining", "0"), ("RateLimit-Reset", "50")]) == .seconds(50))
        #expect(wait([("RateLimit-Remaining", "1"), ("RateLimit-Reset", "50")]) == nil)
        #expect(wait([("RateLimit", "limit=100, remaining=0, reset=7")]) == .seconds(7))
        #expect(wait([("RateLimit", "limit=100, remaining=50, reset=7")]) == nil)
        #expect(wait([("RateLimit", "\"burst\";r=0;t=3, \"day\";r=9;t=4000")]) == .seconds(3))
        #expect(wait([("RateLimit-Policy", "\"day\";q=9;w=3600"), ("RateLimit", "\"day\";r=0")]) == .seconds(3600))
        #expect(wait([("RateLimit-Policy", "\"day\";q=9;w=3600"), ("RateLimit", "\"day\";r=1")]) == nil)
        #expect(wait([("RateLimit-Policy", "10;w=60")]) == nil)
        #expect(wait([("RateLimit", "")]) == nil)
        #expect(wait([("RateLimit", ";;,=,\"")]) == nil)
    }

    @Test("Points in time, in seconds and in milliseconds")
    func epochs() {
        #expect(wait([("Retry-After", "1795900020")], unixTime: 1_795_900_000) == .seconds(20))
        #expect(wait([("X-RateLimit-Reset", "1795900020500")], unixTime: 1_795_900_000) == .milliseconds(20_500))
        #expect(wait([("X-RateLimit-Reset", "1795900000")], unixTime: 1_795_900_000) == nil)
    }

    @Test("What names a time goes before what must be guessed")
    func precedence() {
        #expect(
            wait([("Retry-After", "9"), ("retry-after-ms", "1500")], body: "try again in 20s") == .milliseconds(1500))
        #expect(wait([("Retry-After", "9")], body: "try again in 20s") == .seconds(9))
        #expect(wait([("Retry-After", "0")], body: "try again in 20s") == .seconds(20))
        #expect(wait([("x-ratelimit-reset-tokens", "1h")], body: "try again in 20s") == .seconds(20))
    }

    @Test(
        "Hints in bodies",
        arguments: [
            (#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"20s"}]}}"#, 20),
            (#"{"retryDelay": "34.5s"}"#, 34.5),
            ("Rate limit reached. Please try again in 20s. Visit …", 20),
            ("Please try again in 1m3.5s.", 63.5), ("try again in 6ms", 0.006),
            ("Try Again In 2 minutes and 5 seconds", 125),
            ("try again in 1 hour, 30 minutes", 5400), ("Please retry in 12.345s", 12.345),
            (#"{"retry_after": 7}"#, 7), (#"{"retry_after_ms": 1500, "x": 1}"#, 1.5),
            (#"{"resets_in_seconds":3600}"#, 3600),
            (#"{"resets_at": 1795900030}"#, 30), (#"{"reset_at":"2026-11-28T21:07:10Z"}"#, 30),
            (#"{\"retryDelay\":\"3s\"}"#, 3), ("retry after 10 seconds", 10), ("please wait 5s", 5),
            ("Your limit resets in 2h", 7200),
            ("try again in a moment", nil), ("try again in 20", nil), ("retry_after", nil), ("", nil),
            ("retrydelay\":\"", nil),
            ("try again in 0s", nil), (#"{"retry_after": null}"#, nil), ("try again in 5 models", nil),
            ("try again later, or try again in 4s", 4), ("retry_after_ms: 99999999999999999999", 86400),
        ] as [(String, Double?)])
    func bodies(body: String, seconds: Double?) {
        #expect(wait([], body: body, unixTime: Self.clock) == seconds.map { .seconds($0) })
    }

    /// 2026-11-28T21:06:40Z.
    private static let clock = 1_795_900_000.0

    @Test("Behind the limit nothing is looked at, and no bytes stop it")
    func robust() {
        let padding = String(repeating: "x", count: ResetHints.bodyLimit)
        #expect(wait([], body: padding + "try again in 20s") == nil)
        var hints = ResetHints(unixTime: 0)
        hints.take(body: Array("try again in ".utf8) + [0xFF, 0x00, 0xC3])
        hints.take(field: "x-ratelimit-reset", value: "\u{0}")
        hints.take(field: "ratelimit", value: "\u{FFFD};r=;t")
        #expect(hints.wait == nil)
    }
}
