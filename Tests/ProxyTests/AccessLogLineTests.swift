import Foundation
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// One line per request: what it says, and what it never says.
@Suite(.timeLimit(.minutes(15)))
struct AccessLogLineTests {
    private func line(_ harness: ProxyHarness, names: [String], unixTime: Double = 0) throws -> [String: Any] {
        let report = try #require(harness.events.requests.first)
        let text = report.accessLogLine(unixTime: unixTime, names: names)
        #expect(!text.utf8.contains { $0 < 0x20 || $0 == 0x7F })
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func aRequestThatFailedOverTellsItsWholeWay() async throws {
        let gone = try #require(RefusingPort())
        let limited = try await ScriptedUpstream.start { _ in [.send(Wire.status(429, headers: "Retry-After: 9\r\n"))] }
        let good = try await ScriptedUpstream.start { _ in [.send(Wire.ok("answer"))] }
        let proxy = try await ProxyHarness.start([
            .local(1, port: gone.port), .local(2, limited), .local(3, good),
        ])
        let secret = "Authorization: Bearer sk-secret\r\nX-Request-ID: req-7\r\n"
        _ = try await proxy.exchange(Wire.post("/v1/messages?key=sk-secret", body: "body", headers: secret))
        await proxy.stop()
        // 2026-11-23T22:40:22.123Z, by `date -u -d @1795473622`.
        let line = try line(proxy, names: ["one", "two \"2\"", "three"], unixTime: 1_795_473_622.123_4)
        #expect(line["time"] as? String == "2026-11-23T22:40:22.123Z")
        #expect(line["request"] as? String == "req-7")
        #expect(line["client"] as? String == "127.0.0.1")
        #expect(line["method"] as? String == "POST")
        #expect(line["path"] as? String == "/v1/messages")
        #expect(line["status"] as? Int == 200)
        #expect(line["ending"] as? String == "completed")
        #expect(line["endpoint"] as? String == "three")
        #expect(line["bytes_up"] as? Int == 4)
        #expect(line["bytes_down"] as? Int == 6)
        #expect((line["first_byte_ms"] as? Double).map { $0 > 0 } == true)
        #expect((line["total_ms"] as? Double).map { $0 > 0 } == true)
        let attempts = try #require(line["attempts"] as? [[String: Any]])
        #expect(attempts.map { $0["endpoint"] as? String } == ["one", "two \"2\"", "three"])
        #expect(attempts.map { $0["outcome"] as? String } == ["connect", "rate_limited", "ok"])
        #expect(attempts.map { $0["status"] as? Int } == [nil, 429, 200])
        #expect(attempts.map { $0["verdict"] as? String } == ["not reached", "rate limit with a time", nil])
        let text = try #require(proxy.events.requests.first).accessLogLine(unixTime: 0, names: ["a", "b", "c"])
        #expect(!text.contains("secret"))
    }

    @Test func whatPodiumAnswersItselfHasNoEndpoint() async throws {
        let proxy = try await ProxyHarness.start([])
        _ = try await proxy.exchange(Wire.post())
        await proxy.stop()
        let line = try line(proxy, names: [])
        #expect(line["status"] as? Int == 503)
        #expect(line["ending"] as? String == "answered_locally")
        #expect(line["endpoint"] is NSNull)
        #expect(line["first_byte_ms"] is NSNull)
        #expect(line["first_content_ms"] is NSNull)
        #expect(line["tokens_per_second"] is NSNull)
        #expect((line["attempts"] as? [Any])?.isEmpty == true)
    }

    @Test func longPathsAreCut() async throws {
        let proxy = try await ProxyHarness.start([])
        _ = try await proxy.exchange(Wire.post("/" + String(repeating: "x", count: 5_000)))
        await proxy.stop()
        let path = try #require(try line(proxy, names: [])["path"] as? String)
        #expect(path.count == 2_049)
        #expect(path.hasSuffix("x…"))
    }

    // By `date -u -d @N +%FT%TZ`.
    @Test(arguments: [
        (0.0, "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199.999, "2024-02-29T23:59:59.999Z"), (-5, "1970-01-01T00:00:00.000Z"),
    ])
    func times(unixTime: Double, text: String) {
        #expect(AccessTime.text(unixTime: unixTime) == text)
    }
}
