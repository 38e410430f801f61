import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Paths that are asked for by mistake or by habit, and what their clients are told.
@Suite(.timeLimit(.minutes(15)))
struct RequestPathTests {
    private func upstream(_ port: Int, any: Bool = false) throws -> Upstream {
        let url = try UpstreamURL("http://127.0.0.1:\(port)")
        return try Upstream(
            id: .init(1), name: "one", anyURL: any ? url : nil, anthropicURL: any ? nil : url, timeouts: .patient)
    }

    /// `HEAD /` and the like are no outage: nothing says `Retry-After`.
    @Test(arguments: [
        ("HEAD / HTTP/1.1", ""), ("GET /api/hello HTTP/1.1", "{\"error\""),
        ("POST /v1/responses HTTP/1.1", "{\"error\""),
        ("GET //admin HTTP/1.1", "{\"error\""), ("GET /v1/v1 HTTP/1.1", "{\"error\""),
    ])
    func whatNobodyServesIsNotFound(line: String, body: String) async throws {
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([try upstream(server.port)])
        let answer = try await proxy.exchange("\(line)\r\nHost: here\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
        #expect(!answer.contains("Retry-After"))
        let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        #expect(parts.last.map { body.isEmpty ? $0.isEmpty : $0.hasPrefix(body) } == true)
        #expect(server.connections == 0)
        await proxy.stop()
    }

    /// An endpoint that is out may serve the path again: that is an outage.
    @Test func whatAnEndpointThatIsOutServesIsUnavailable() async throws {
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([try upstream(server.port)])
        proxy.server.update(
            routes: RoutingTable(
                candidates: [Candidate(upstream: try upstream(server.port))], served: [.anthropic, .openAI]))
        #expect(try await proxy.exchange(Wire.post("/v1/responses")).hasPrefix("HTTP/1.1 503 "))
        #expect(
            try await proxy.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").hasPrefix(
                "HTTP/1.1 404 "))
        proxy.server.update(routes: RoutingTable(candidates: []))
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
        await proxy.stop()
    }

    @Test(arguments: ["//v1/messages", "/v1/v1/messages", "/v1//messages", "http://x//v1/messages"])
    func slipsOfABaseURLAreServed(target: String) async throws {
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([try upstream(server.port)])
        let client = try await RawClient.connect(port: proxy.port)
        // In two pieces, and once more behind itself.
        let request = "POST \(target)?a=/v1/v1 HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n"
        try await client.send(request)
        try await client.send("\r\n{}" + request + "Connection: close\r\n\r\n{}")
        #expect(await client.untilClosed().hasSuffix("fine"))
        #expect(server.requests.map(\.body) == ["{}", "{}"])
        for request in server.requests { #expect(request.head.hasPrefix("POST /v1/messages?a=/v1/v1 HTTP/1.1\r\n")) }
        #expect(proxy.events.requests.map(\.path) == ["/v1/messages", "/v1/messages"])
        await proxy.stop()
    }

    /// Codex goes on with HTTP at once after a 426, and after nothing else.
    @Test(arguments: ["/v1/responses", "/responses", "/backend-api/codex/responses", "/v1/responses?x=1"])
    func aWebSocketForResponsesIsSentToHTTP(target: String) async throws {
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        var options = ProxyOptions()
        options.rules.clientTokens = ["tok"]
        let proxy = try await ProxyHarness.start([try .local(1, server)], options: options)
        let upgrade =
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQ==\r\n"
        let answer = try await proxy.exchange("GET \(target) HTTP/1.1\r\nHost: a\r\n\(upgrade)\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 426 Upgrade Required\r\nContent-Type: application/json\r\n"))
        #expect(answer.contains("\r\nConnection: close\r\n"))
        #expect(answer.contains("{\"error\":{\"message\":\"WebSocket is not served here"))
        #expect(server.connections == 0)
        #expect(proxy.events.requestsStarted == 0 && proxy.events.requests.isEmpty && proxy.events.rejections.isEmpty)
        #expect(proxy.server.load.requests == 0)
        await proxy.stop()
    }

    @Test func anUpgradeThatIsNotMeantForThisHopIsIgnored() async throws {
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([try .local(1, server)])
        let first = try await proxy.exchange(
            "GET /v1/responses HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        #expect(first.hasSuffix("fine"))
        let second = try await proxy.exchange(
            "GET /v1/responses HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n")
        #expect(second.hasSuffix("fine"))
        #expect(server.requests.allSatisfy { $0.header("Upgrade") == nil })
        await proxy.stop()
    }

    @Test func theUpgradeOfA426Passes() async throws {
        let server = try await ScriptedUpstream.start { request in
            [
                .send(
                    Wire.status(request.index == 0 ? 426 : 200, headers: "Upgrade: HTTP/2.0\r\nConnection: Upgrade\r\n")
                )
            ]
        }
        let proxy = try await ProxyHarness.start([try .local(1, server)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        let refused = await client.until("\r\n\r\n")
        #expect(refused.contains("\r\nUpgrade: HTTP/2.0\r\n") && refused.contains("\r\nConnection: upgrade\r\n"))
        client.clear()
        try await client.send(Wire.post())
        #expect(await !client.untilClosed().contains("Upgrade"))
        await proxy.stop()
    }

    /// Were the kept connection dead, nothing could be sent again.
    @Test(arguments: ["Content-Length: 2000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n7d0\r\n"])
    func aLongBodyGoesOnAConnectionOfItsOwn(framing: String) async throws {
        let server = try await ScriptedUpstream.start { request in [.send(Wire.ok("on \(request.connection)"))] }
        var options = ProxyOptions()
        options.replayLimit = 1000
        let proxy = try await ProxyHarness.start([try .local(1, server)], options: options)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        #expect(await client.response().hasSuffix("on 0"))
        client.clear()
        let body = String(repeating: "b", count: 2000) + (framing.contains("chunked") ? "\r\n0\r\n\r\n" : "")
        try await client.send("POST /v1/messages HTTP/1.1\r\nHost: a\r\n\(framing)" + body)
        #expect(await client.response().hasSuffix("on 1"))
        client.clear()
        // It is not kept beside the other: each long request would leave one behind.
        try await eventually { server.closedConnections == 1 }
        try await client.send(Wire.post(closes: false))
        #expect(await client.response().hasSuffix("on 0"))
        try await client.close()
        await proxy.stop()
    }
}
