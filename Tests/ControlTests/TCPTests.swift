import Foundation
import PodiumModel
import TestSupport
import Testing

@testable import Control

@Suite(.timeLimit(.minutes(15)))
struct TCPTests {
    private func ask(_ port: Int, _ path: String, _ headers: String = "", host: String = "127.0.0.1") async throws
        -> String
    {
        let raw = try await RawClient.connect(port: port)
        try await raw.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(headers)\r\n")
        return await raw.untilClosed()
    }

    private func expect(
        _ status: Int, _ port: Int, _ path: String, _ headers: String = "", host: String = "127.0.0.1",
        containing text: String = "", _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await ask(port, path, headers, host: host)
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(path) \(headers) \(host)", sourceLocation: location)
        #expect(text.isEmpty || answer.contains(text), sourceLocation: location)
    }

    private let token = "  admin_token: open-sesame\n"
    private let wrong = "Authorization: Bearer guess\r\n"
    private let bearer = "Authorization: Bearer open-sesame\r\n"

    @Test func withoutATokenInTheFileNothingIsServedThere() async throws {
        try await ControlHarness.run { podium in
            for path in ["/admin/api/snapshot", "/metrics", "/admin", "/admin/nowhere"] {
                let answer = try await ask(podium.port, path, bearer)
                #expect(answer.hasPrefix("HTTP/1.1 404 "))
                #expect(answer.contains("admin_token"))
            }
            let health = try await ask(podium.port, "/healthz")
            #expect(health.hasPrefix("HTTP/1.1 200 "))
            #expect(health.hasSuffix("\r\n\r\n{\"status\":\"pass\"}"))
        }
    }

    @Test func theTokenOpensIt() async throws {
        try await ControlHarness.run(server: token) { podium in
            try await expect(401, podium.port, "/metrics")
            try await expect(401, podium.port, "/metrics", containing: "WWW-Authenticate: Bearer")
            for wrong in ["Bearer open-sesamE", "Bearer open-sesam", "Bearer ", "Basic open-sesame", "open-sesame"] {
                try await expect(401, podium.port, "/metrics", "Authorization: \(wrong)\r\n")
            }
            try await expect(200, podium.port, "/metrics", bearer, containing: "podium_info")
            try await expect(200, podium.port, "/admin/api/snapshot", bearer, containing: "\"endpoints\"")
            try await expect(200, podium.port, "/healthz", bearer, containing: "\"reasons\":[]")
            try await expect(404, podium.port, "/admin/nowhere", bearer)
            // Who does not show the token is not told what is there and what is not.
            try await expect(401, podium.port, "/admin/nowhere")
            let events = try await podium.client.snapshot().events
            #expect(events.contains { $0.level == "warning" && $0.text.contains("refused: 127.0.0.1: 401") })
        }
    }

    @Test func aPageFromElsewhereIsRefusedWhateverItKnows() async throws {
        try await ControlHarness.run(server: token) { podium in
            let origins = ["http://evil.example", "null", "https://127.0.0.1:\(podium.port)", "http://localhost"]
            for origin in origins {
                try await expect(403, podium.port, "/metrics", "Origin: \(origin)\r\n" + bearer)
            }
            for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""] {
                try await expect(403, podium.port, "/metrics", host: host)
                try await expect(403, podium.port, "/metrics", "Authorization: Bearer guess\r\n", host: host)
            }
            // Who has the token may come by any name: behind a proxy it is seldom one that is known here.
            for host in ["localhost:80", "[::1]:8081", "192.0.2.1", "podium.localhost", "podium.example:80", ""] {
                try await expect(200, podium.port, "/metrics", bearer, host: host)
            }
            try await expect(200, podium.port, "/metrics", "Origin: https://a.example\r\n" + bearer, host: "a.example")
            try await expect(200, podium.port, "/metrics", "Origin: http://127.0.0.1\r\n" + bearer)
        }
    }

    /// As load balancers, supervisors and curious people ask.
    @Test(arguments: ["/healthz", "/readyz"]) func healthIsToldToAnybody(path: String) async throws {
        try await ControlHarness.run(server: token + "  client_tokens: [client]\n") { podium in
            for (request, body) in [
                ("GET \(path) HTTP/1.0\r\n\r\n", true), ("HEAD \(path) HTTP/1.0\r\n\r\n", false),
                ("GET \(path) HTTP/1.1\r\n\r\n", true),
                ("GET \(path) HTTP/1.1\r\nHost: podium.prod.example\r\n\r\n", true),
                ("GET \(path) HTTP/1.1\r\nHost: \r\n\r\n", true),
                ("HEAD \(path) HTTP/1.1\r\nHost: podium.prod.example\r\nOrigin: https://evil.example\r\n\r\n", false),
                ("GET \(path) HTTP/1.1\r\nHost: a\r\nOrigin: null\r\nConnection: keep-alive\r\n\r\n", true),
                ("GET \(path)?verbose=1&x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", true),
                ("GET http://evil.example\(path) HTTP/1.1\r\nHost: evil.example\r\n\r\n", true),
                ("GET \(path) HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer client\r\n\r\n", true),
                ("GET \(path) HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eDp5\r\n\r\n", true),
                ("GET \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", true),
            ] {
                let raw = try await RawClient.connect(port: podium.port)
                try await raw.send(request)
                let answer = await raw.untilClosed()
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(request)")
                #expect(answer.contains("Content-Length: 17\r\n"))
                #expect(answer.hasSuffix("\r\n\r\n" + (body ? "{\"status\":\"pass\"}" : "")), "\(request)")
            }
            let raw = try await RawClient.connect(port: podium.port)
            try await raw.send("DELETE \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            #expect(await raw.untilClosed().hasPrefix("HTTP/1.1 405 "))
        }
    }

    @Test func strangersWithHalfARequestTakeNothingAway() async throws {
        var limits = ControlLimits()
        limits.connections = 4
        try await ControlHarness.run(server: token, limits: limits) { podium in
            var strangers: [RawClient] = []
            for half in [
                "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n", "GET /metrics HTTP/1.1\r\nHo",
                "POST /admin/api/endpoints HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
                "POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
                "PUT /admin/api/config/auto-sort HTTP/1.1\r\nHost: 127.0.0.1\r\n\(wrong)Content-Length: 100\r\n\r\n{",
                "POST /admin/api/endpoints HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            ] {
                for _ in 0..<12 {
                    let stranger = try await RawClient.connect(port: podium.port)
                    try await stranger.send(half)
                    strangers.append(stranger)
                }
            }
            try await expect(200, podium.port, "/healthz")
            try await expect(200, podium.port, "/readyz", host: "podium.example")
            try await expect(200, podium.port, "/metrics", bearer, containing: "podium_info")
            // The owner's own are not closed for others, and each is told when there are too many.
            var own: [RawClient] = []
            for _ in 0..<4 {
                let raw = try await RawClient.connect(port: podium.port)
                try await raw.send("GET /admin/api/events HTTP/1.1\r\nHost: localhost\r\n\(bearer)\r\n")
                #expect(await raw.until("\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
                own.append(raw)
            }
            try await expect(503, podium.port, "/metrics", bearer)
            try await expect(200, podium.port, "/healthz", bearer, containing: "reasons")
            #expect(!own.contains { $0.isClosed })
            for client in strangers + own { try await client.close() }
        }
    }

    @Test func anEndpointNeverHearsOfIt() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")]
        }
        try await ControlHarness.run(server: token, url: "http://127.0.0.1:\(upstream.port)") { podium in
            for path in ["/admin/api/snapshot", "/metrics", "/healthz", "/readyz", "/admin"] {
                _ = try await ask(podium.port, path)
                _ = try await ask(podium.port, path, bearer)
            }
            #expect(upstream.requests.isEmpty)
            try await expect(200, podium.port, "/v1/files", "Connection: close\r\n", containing: "mine")
            #expect(upstream.requests.count == 1)
        }
        try await upstream.stop()
    }

    @Test func aCommandOverTCPIsSigned() async throws {
        try await ControlHarness.run(server: token) { podium in
            let raw = try await RawClient.connect(port: podium.port)
            try await raw.send(
                "POST /admin/api/endpoints/b/pin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                    + "Podium-Operator: eve\r\n\(bearer)\r\n")
            #expect(await raw.untilClosed().hasPrefix("HTTP/1.1 200 "))
            let events = try await podium.client.snapshot().events.map(\.text)
            #expect(events.contains("eve (admin token)@127.0.0.1 pinned b"))
        }
    }

    @Test func aConnectionServesOneRequest() async throws {
        try await ControlHarness.run(server: token) { podium in
            let raw = try await RawClient.connect(port: podium.port)
            let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            try await raw.send(request + "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            let text = await raw.untilClosed()
            #expect(text.components(separatedBy: "HTTP/1.1 ").count == 2)
            #expect(text.contains("Connection: close"))
        }
    }
}
