import NIOPosix
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Admission, refusals, reloads and stopping.
@Suite(.timeLimit(.minutes(15)))
struct ServerTests {
    @Test func garbageGetsA400AndAClosedConnection() async throws {
        let proxy = try await ProxyHarness.start([])
        let answer = try await proxy.exchange("\u{16}\u{3}\u{1}garbage\u{1B}[31m")
        #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        #expect(answer.contains("\r\nConnection: close\r\n"))
        #expect(answer.contains("\"message\":\"malformed request line\""))
        #expect(
            proxy.events.rejections == [
                ClientRejection(clientAddress: "127.0.0.1", status: 400, reason: "malformed request line")
            ])
        #expect(proxy.events.requestsStarted == 0)
        await proxy.stop()
    }

    @Test func smugglingEndsTheConnection() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("reached"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n"
        )
        #expect(answer.hasPrefix("HTTP/1.1 400 "))
        #expect(upstream.requests.isEmpty)
        await proxy.stop()
    }

    @Test(arguments: [
        ("", 401), ("Authorization: Bearer nope\r\n", 401), ("Authorization: Bearer t-2 \r\n", 200),
        ("x-api-key: t-1\r\n", 200),
        ("x-api-key: t-11\r\n", 401), ("x-api-key: t-\r\n", 401), ("Authorization: t-1\r\n", 200),
    ])
    func clientTokens(headers: String, status: Int) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("{}"))] }
        var options = ProxyOptions()
        options.rules.clientTokens = ["t-1", "t-2"]
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options)
        let answer = try await proxy.exchange(Wire.post("/v1/chat/completions", headers: headers))
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
        #expect(upstream.requests.count == (status == 200 ? 1 : 0))
        #expect(upstream.requests.first?.header("authorization") == nil)
        #expect(upstream.requests.first?.header("x-api-key") == nil)
        await proxy.stop()
    }

    @Test func thereIsRoomForOnlySoManyClients() async throws {
        var options = ProxyOptions()
        options.maxConnections = 1
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("in"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options)
        let first = try await RawClient.connect(port: proxy.port)
        try await first.send(Wire.post(closes: false))
        _ = await first.until("in")
        let second = try await RawClient.connect(port: proxy.port)
        #expect(await second.untilClosed().hasPrefix("HTTP/1.1 503 "))
        try await first.close()
        try await eventually { proxy.server.load.connections == 0 }
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("in"))
        await proxy.stop()
    }

    @Test func oneWhoIsTurnedAwayGetsTheAnswerThoughItSpokeFirst() async throws {
        var options = ProxyOptions()
        options.maxConnections = 0
        let proxy = try await ProxyHarness.start([], options: options)
        let big = Wire.post(body: String(repeating: "x", count: 200_000))
        // More than the lingering ones there may be at a time, one after the other.
        for _ in 0..<40 {
            let client = try await RawClient.connect(port: proxy.port)
            try? await client.send(big)
            let answer = await client.untilClosed()
            #expect(answer.hasPrefix("HTTP/1.1 503 "))
            #expect(answer.contains("too many connections"))
            #expect(!client.wasReset)
        }
        await proxy.stop()
    }

    /// Sixty-four strangers have every place there is, and half of a request each; as many more wait at the door.
    @Test func healthIsToldWhenNoClientHasRoom() async throws {
        var options = ProxyOptions()
        options.maxConnections = 64
        let proxy = try await ProxyHarness.start([], options: options)
        proxy.server.answerHealthChecks { question, bearer in
            #expect(bearer == nil)
            return HealthAnswer(status: question == .health ? 200 : 503, body: Array("\(question)".utf8))
        }
        var strangers: [RawClient] = []
        for _ in 0..<128 {
            let stranger = try await RawClient.connect(port: proxy.port)
            try await stranger.send("GET /healthz HTTP/1.1\r\nHost: here\r\nX-Slow:")
            strangers.append(stranger)
        }
        try await eventually { proxy.server.load.connections == 64 }
        for request in [
            "GET /healthz HTTP/1.0\r\n\r\n", "GET /healthz HTTP/1.1\r\n\r\n",
            "GET /healthz?a HTTP/1.1\r\nHost: podium.example\r\nOrigin: null\r\n\r\n",
        ] {
            #expect(try await proxy.exchange(request).hasSuffix("\r\n\r\nhealth"))
        }
        let answer = try await proxy.exchange("HEAD /readyz HTTP/1.0\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.hasSuffix("\r\n\r\n"))
        #expect(answer.contains("Content-Length: 9\r\n"))
        // In pieces as well, but for nothing else.
        let pieces = try await RawClient.connect(port: proxy.port)
        for piece in ["G", "ET /hea", "lthz HTTP/1.1\r\nHost: h\r", "\n\r\n"] { try await pieces.send(piece) }
        #expect(await pieces.untilClosed().hasSuffix("health"))
        for request in [
            "GET /v1/models HTTP/1.1\r\n", "POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n", "G\r\n\r\n", "x",
            "GET /healthz HTTP/1.1\r\nX: " + String(repeating: "x", count: 9_000),
        ] {
            #expect(try await proxy.exchange(request).hasPrefix("HTTP/1.1 503 "))
        }
        for stranger in strangers { try await stranger.close() }
        await proxy.stop()
    }

    /// A browser may try `::1` first, and a program `127.0.0.1`.
    @Test func localhostIsBothLoopbackAddresses() async throws {
        var options = ProxyOptions()
        options.host = "localhost"
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("in"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options)
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("in"))
        if let probe = try? await ScriptedUpstream.start(host: "::1", script: { _ in [] }) {
            try await probe.stop()
            let client = try await RawClient.connect(host: "::1", port: proxy.port)
            try await client.send(Wire.post())
            #expect(await client.untilClosed().hasSuffix("in"))
        }
        await proxy.stop()
        await #expect(throws: (any Error).self) { try await RawClient.connect(port: proxy.port) }
    }

    /// Half of `localhost` would lead some clients to whoever has the other half.
    @Test func halfOfLocalhostIsNotEnough() async throws {
        // The other half of a port may be another test's by chance, but not each time.
        for _ in 0..<5 {
            guard let leavesNothing = try await failedStartLeavesNothing() else { return }
            if leavesNothing { return }
        }
        Issue.record("the half that could be had is still listened on")
    }

    /// - Returns: whether nobody listens on the half that was free, nil on a machine without IPv6
    private func failedStartLeavesNothing() async throws -> Bool? {
        guard let other = try? await ScriptedUpstream.start(host: "::1", script: { _ in [] }) else { return nil }
        var options = ProxyOptions()
        options.host = "localhost"
        options.port = other.port
        let server = ProxyServer(
            options: options, routes: RoutingTable(candidates: []), group: ProxyLoops.shared)
        await #expect(throws: ProxyError.addressInUse(host: "localhost", port: other.port)) { try await server.start() }
        await server.stop(drain: .zero)
        let client = try? await RawClient.connect(port: other.port)
        try await client?.close()
        try await other.stop()
        return client == nil
    }

    @Test func aTakenPortIsNamed() async throws {
        let proxy = try await ProxyHarness.start([])
        var options = ProxyOptions()
        options.port = proxy.port
        let second = ProxyServer(
            options: options, routes: RoutingTable(candidates: []), group: ProxyLoops.shared)
        await #expect(throws: ProxyError.addressInUse(host: "127.0.0.1", port: proxy.port)) { try await second.start() }
        await second.stop(drain: .zero)
        await proxy.stop()
    }

    /// Two threads may publish in the wrong order: the table that was made later stays.
    @Test func anOlderRoutingTableIsNotTakenOver() async throws {
        let old = try await ScriptedUpstream.start { _ in [.send(Wire.ok("old"))] }
        let new = try await ScriptedUpstream.start { _ in [.send(Wire.ok("new"))] }
        let proxy = try await ProxyHarness.start([.local(1, old)])
        func table(_ upstream: ScriptedUpstream, version: UInt64) throws -> RoutingTable {
            RoutingTable(candidates: [Candidate(upstream: try .local(2, upstream))], version: version)
        }
        proxy.server.update(routes: try table(new, version: 2))
        proxy.server.update(routes: try table(old, version: 1))
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("new"))
        proxy.server.update(routes: try table(old, version: 3))
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("old"))
        await proxy.stop()
    }

    @Test func aRunningStreamKeepsItsEndpointThroughAReload() async throws {
        let old = try await ScriptedUpstream.start { _ in
            [.send(StreamingTests.eventStream + "b\r\ndata: one\n\n\r\n"), .hold("end"), .send("0\r\n\r\n")]
        }
        let new = try await ScriptedUpstream.start { _ in [.send(Wire.ok("new"))] }
        let proxy = try await ProxyHarness.start([.local(1, old)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        _ = await client.until("one")
        proxy.server.update(routes: RoutingTable(candidates: [Candidate(upstream: try .local(2, new))]))
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("new"))
        old.release("end")
        #expect(await client.untilClosed().hasSuffix("b\r\ndata: one\n\n\r\n0\r\n\r\n"))
        await proxy.stop()
    }

    @Test func stoppingLetsARunningRequestFinish() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.hold("answer"), .send(Wire.ok("done"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let resting = try await RawClient.connect(port: proxy.port)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        try await eventually { !upstream.requests.isEmpty }
        async let stopped: Void = proxy.server.stop(drain: .seconds(30))
        _ = await resting.untilClosed()
        upstream.release("answer")
        let answer = await client.untilClosed()
        #expect(answer.hasSuffix("done"))
        #expect(answer.contains("\r\nConnection: close\r\n"))
        await stopped
        #expect(proxy.server.load == ProxyLoad(connections: 0, requests: 0))
    }

    /// Clients that were answered and do not close, refused ones, and half a request hold a stop up for less than a second.
    @Test func stoppingWaitsForNobodyWhoIsServed() async throws {
        var shortest = Duration.seconds(60)
        // As it was, 5 s and 30 s. On a busy machine one stop may take as long for another reason.
        for _ in 0..<3 where shortest >= .seconds(4) { shortest = min(shortest, try await stopWithIdleClients()) }
        #expect(shortest < .seconds(4))
    }

    /// - Returns: how long it takes to stop while clients are connected of which none waits for an answer
    private func stopWithIdleClients() async throws -> Duration {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("done"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        var clients: [RawClient] = []
        for request in [Wire.post(), "GARBAGE\r\n\r\n", Wire.post(closes: false)] {
            let client = try await RawClient.connect(port: proxy.port)
            try await client.send(request)
            _ = await client.until(request.hasPrefix("G") ? "malformed request line" : "done")
            clients.append(client)
        }
        let half = try await RawClient.connect(port: proxy.port)
        try await half.send("POST /v1/messages HTTP/1.1\r\nHo")
        clients.append(half)
        try await eventually { proxy.server.load.connections == 4 }
        let began = ContinuousClock.now
        await proxy.server.stop(drain: .seconds(60))
        let elapsed = ContinuousClock.now - began
        #expect(proxy.server.load == ProxyLoad(connections: 0, requests: 0))
        for client in clients { try? await client.close() }
        return elapsed
    }

    @Test func stoppingCutsOffWhatDoesNotFinish() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.hold("never")] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        try await eventually { !upstream.requests.isEmpty }
        await proxy.server.stop(drain: .milliseconds(20))
        #expect(await client.untilClosed().isEmpty)
        #expect(proxy.events.requests.first?.ending == .stopped)
        #expect(proxy.events.attempts.first?.outcome == .neutral)
    }

    @Test func slowBodiesTimeOut() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("{}"))] }
        var options = ProxyOptions()
        options.clientProgressTimeout = .milliseconds(20)
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options)
        let answer = try await proxy.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
        #expect(proxy.events.attempts.map(\.outcome) == [.neutral])
        await proxy.stop()
    }
}
