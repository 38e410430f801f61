import Ranking
import TestSupport
import Testing

@testable import Proxy

/// What clients and endpoints may try: request smuggling, injection, floods, unasked answers.
/// One after the other: hundreds of proxies at once would keep the two event loops busy with their sweeps alone.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct SecurityTests {
    /// Refused with an exact status and body, the connection closed, nothing at the endpoint, no control character told.
    @Test(arguments: Attack.all)
    func anAttackEndsHere(attack: Attack) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("reached"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange(attack.bytes)

        let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1)
        let head = parts.first.map(String.init) ?? ""
        let body = parts.last.map(String.init) ?? ""
        #expect(head.hasPrefix("HTTP/1.1 \(attack.status) "))
        #expect(head.contains("\r\nConnection: close"))
        #expect(head.contains("\r\nContent-Type: application/json"))
        #expect(head.contains("\r\nContent-Length: \(body.utf8.count)"))
        let requestID = head.split(separator: "\r\n").first { $0.hasPrefix("X-Request-ID: ") }?.dropFirst(14) ?? ""
        #expect(body == attack.body(requestID: String(requestID)))
        #expect(upstream.requests.isEmpty)
        // A body may be on its way before it goes wrong; what goes wrong in the head goes nowhere.
        #expect(upstream.connections == 0 || attack.bytes.contains("chunked"))
        let reasons = proxy.events.rejections.map(\.reason)
        #expect(reasons.isEmpty || reasons == [attack.message])
        #expect(proxy.events.requests.count == proxy.events.requestsStarted)
        #expect(proxy.events.requests.count + reasons.count == 1)
        await proxy.stop()
    }

    /// The same sent byte by byte, or nearly: an attack does not get through because its parts come apart.
    @Test(arguments: Attack.lengths + Attack.codings + Attack.lines + Attack.hosts + Attack.chunks.prefix(11))
    func anAttackInPiecesEndsHereToo(attack: Attack) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("reached"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        for byte in attack.bytes.utf8 { try? await client.send([byte]) }
        let answer = await client.untilClosed()
        #expect(answer.hasPrefix("HTTP/1.1 \(attack.status) "))
        #expect(!answer.contains("reached"))
        // A body that goes wrong on its way may have reached the endpoint, but never as a whole request.
        #expect(upstream.requests.isEmpty)
        await proxy.stop()
    }

    /// What is allowed reaches the endpoint as something that no two programs read differently.
    @Test func aSecondRequestIsOneOfItsOwn() async throws {
        let upstream = try await ScriptedUpstream.start { request in [.send(Wire.ok("<\(request.body)>"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let inner = "GET /v1/models HTTP/1.1\r\nHost: inner\r\n\r\n"
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(body: inner, closes: false) + Wire.post(body: "end"))
        let answer = await client.untilClosed()
        #expect(answer.contains("<\(inner)>"))
        #expect(answer.hasSuffix("<end>"))
        #expect(upstream.requests.map(\.body) == [inner, "end"])
        #expect(upstream.requests.allSatisfy { $0.header("Host") == "127.0.0.1:\(upstream.port)" })
        await proxy.stop()
    }

    @Test(
        arguments: [
            ("Connection: Content-Length\r\n", ["Content-Length": "2"]),
            ("Connection: Host, X-Request-ID\r\n", ["X-Request-ID": "mine"]),
            ("Connection: X-Forwarded-For\r\nX-Forwarded-For: 6.6.6.6\r\n", ["X-Forwarded-For": "6.6.6.6, 127.0.0.1"]),
            ("Connection: x-secret, close\r\nX-Secret: s\r\nx-SECRET: t\r\n", ["X-Secret": nil]),
            (
                "TE: trailers, deflate\r\nTrailer: X\r\nProxy-Authorization: x\r\nProxy-Authenticate: y\r\n",
                ["TE": nil, "Trailer": nil, "Proxy-Authorization": nil, "Proxy-Authenticate": nil]
            ),
            (
                "Upgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: Upgrade, HTTP2-Settings\r\n",
                ["Upgrade": nil, "HTTP2-Settings": nil, "Connection": nil]
            ),
            (
                "Authorization: Bearer theirs\r\nx-api-key: theirs\r\n",
                ["Authorization": nil, "x-api-key": "sk-endpoint"]
            ),
            ("Connection: x-api-key\r\n", ["x-api-key": "sk-endpoint"]),
            ("Via: 1.1 a\r\nVia: 1.0 b\r\n", ["Via": "1.1 a, 1.0 b, 1.1 podium"]),
        ] as [(String, [String: String?])])
    func headersThatAreTheProxysBusiness(headers: String, expected: [String: String?]) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([
            .local(1, upstream, credential: .apiKey("sk-endpoint"), namesClients: true)
        ])
        _ = try await proxy.exchange(Wire.post(headers: "X-Request-ID: mine\r\n" + headers))
        let request = try #require(upstream.requests.first)
        for (name, value) in expected { #expect(request.header(name) == value, "\(name)") }
        #expect(request.header("Host") == "127.0.0.1:\(upstream.port)")
        #expect(request.body == "{}")
        let names = request.head.split(separator: "\r\n").dropFirst().map { $0.prefix { $0 != ":" }.lowercased() }
        for once in ["host", "content-length", "x-api-key", "via", "x-forwarded-for", "x-request-id"] {
            #expect(names.filter { $0 == once }.count == 1, "\(once)")
        }
        await proxy.stop()
    }

    /// An endpoint's URL may lead back here by ways that no configuration shows.
    @Test func aRequestThatGoesInACircleIsStopped() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        func ask(_ visits: [String]) async throws -> String {
            try await proxy.exchange(Wire.post(headers: visits.map { "Via: \($0)\r\n" }.joined()))
        }
        let eight = ["1.1 podium, 1.1 edge", "1.1 podium, 1.0 podium"] + Array(repeating: "1.1 podium", count: 5)
        #expect(try await ask(eight).hasSuffix("fine"))
        let answer = try await ask(eight + ["1.1 podium"])
        #expect(answer.hasPrefix("HTTP/1.1 508 Loop Detected\r\n"))
        #expect(answer.contains("{\"type\":\"error\"") && answer.contains("9 times"))
        #expect(upstream.requests.count == 1)
        // Its own endpoint.
        let circle = try await ProxyHarness.start([])
        circle.server.update(
            routes: RoutingTable(candidates: [Candidate(upstream: try .local(1, port: circle.port))]))
        #expect(try await circle.exchange(Wire.post()).hasPrefix("HTTP/1.1 508 "))
        #expect(circle.events.requests.count == 10)
        await circle.stop()
        await proxy.stop()
    }

    /// Configured headers stand for the proxy's own as they do for the client's.
    @Test(arguments: [
        "X-Request-ID", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "x-FORWARDED-host",
    ])
    func aConfiguredHeaderReplacesTheProxysOwn(name: String) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([
            .local(1, upstream, headers: [(name, "configured")], namesClients: true)
        ])
        _ = try await proxy.exchange(Wire.post(headers: "\(name): theirs\r\n"))
        let request = try #require(upstream.requests.first)
        #expect(request.header(name) == "configured")
        let names = request.head.split(separator: "\r\n").dropFirst().map { $0.prefix { $0 != ":" }.lowercased() }
        for once in ["x-request-id", "via", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"] {
            #expect(names.filter { $0 == once }.count == 1, "\(once)")
        }
        await proxy.stop()
    }

    @Test(arguments: [
        ("GET http://elsewhere.example/v1/models?x HTTP/1.1\r\nHost: here", "GET /v1/models?x HTTP/1.1"),
        ("GET HTTP://ELSEWHERE HTTP/1.1\r\nHost: here", "GET / HTTP/1.1"),
        ("GET /a%0d%0aX:%20y HTTP/1.1\r\nHost: here", "GET /a%0d%0aX:%20y HTTP/1.1"),
        ("GET //elsewhere.example/a HTTP/1.1\r\nHost: here", "GET /elsewhere.example/a HTTP/1.1"),
        ("GET http://here//v1///models HTTP/1.1\r\nHost: here", "GET /v1/models HTTP/1.1"),
        ("GET /v1/v1/models?a=//b HTTP/1.1\r\nHost: here", "GET /v1/models?a=//b HTTP/1.1"),
        ("GET /v1/models/a%2Fb..c/...d HTTP/1.1\r\nHost: here", "GET /v1/models/a%2Fb..c/...d HTTP/1.1"),
    ])
    func theTargetChoosesNoHost(head: String, line: String) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        _ = try await proxy.exchange(head + "\r\nConnection: close\r\n\r\n")
        #expect(upstream.requests.first?.head.hasPrefix(line + "\r\n") == true)
        #expect(upstream.requests.first?.header("Host") == "127.0.0.1:\(upstream.port)")
        await proxy.stop()
    }

    @Test func trailersGoNoFurther() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: evil\r\n\r\n")]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                + "2\r\nhi\r\n0\r\nContent-Length: 99\r\nAuthorization: evil\r\n\r\n")
        #expect(answer.hasSuffix("\r\n\r\n2\r\nok\r\n0\r\n\r\n"))
        #expect(upstream.requests.first?.head.contains("evil") == false)
        #expect(upstream.requests.first?.body == "hi")
        await proxy.stop()
    }

    /// An answer to a request that was never sent must not become the answer to the next one.
    @Test func bytesOnARestingConnectionEndIt() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            [.send(Wire.ok("on \(request.connection)"))]
                + (request.connection == 0 ? [.hold("evil"), .send(Wire.ok("unasked"))] : [])
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        #expect(await client.response().hasSuffix("on 0"))
        client.clear()
        upstream.release("evil")
        try await eventually { upstream.closedConnections == 1 }
        try await client.send(Wire.post(closes: false))
        #expect(await client.response().hasSuffix("on 1"))
        try await client.close()
        await proxy.stop()
    }

    /// More than was announced, in one piece with the answer or behind it, is thrown away with the connection.
    @Test(arguments: ["HEAD /v1/models", "GET /v1/models"])
    func anAnswerThatGoesOnBehindItsEndIsCut(request: String) async throws {
        let body = request.hasPrefix("HEAD") ? "" : "0123456789"
        let upstream = try await ScriptedUpstream.start { request in
            [
                .send(
                    "HTTP/1.1 200 OK\r\nDate: d\r\nX-Request-ID: \(request.connection)\r\nContent-Length: 10\r\n\r\n\(body)evil"
                )
            ]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        for connection in 0..<3 {
            client.clear()
            try await client.send("\(request) HTTP/1.1\r\nHost: a\r\n\r\n")
            let end = "Content-Length: 10\r\n\r\n" + body
            let answer = await client.until(end)
            #expect(answer.hasSuffix(end))
            #expect(answer.contains("X-Request-ID: \(connection)\r\n"))
        }
        try await client.close()
        await proxy.stop()
    }

    /// Neither in what clients are told, nor in what the log is made of.
    @Test func secretsAreNotRepeated() async throws {
        let refusing = try await ScriptedUpstream.start { _ in [.send(Wire.status(401, "sk-endpoint is wrong"))] }
        let gone = try #require(RefusingPort())
        var options = ProxyOptions()
        options.rules.clientTokens = ["tok-client"]
        let proxy = try await ProxyHarness.start(
            [
                .local(1, refusing, credential: .apiKey("sk-endpoint"), headers: [("X-Org", "sk-header")]),
                .local(2, port: gone.port, credential: .bearer("sk-endpoint")),
            ], options: options)
        let known = try await proxy.exchange(
            Wire.post("/v1/messages?key=sk-query", headers: "x-api-key: tok-client\r\n"))
        let unknown = try await proxy.exchange(
            Wire.post("/v1/messages?key=sk-query", headers: "x-api-key: tok-other\r\n"))
        #expect(known.hasPrefix("HTTP/1.1 503 "))
        #expect(unknown.hasPrefix("HTTP/1.1 401 "))
        let reports = proxy.events.requests.map {
            "\($0.method) \($0.path) \($0.requestID) \($0.clientAddress) \($0.attempts)"
        }
        let told = ([known, unknown] + reports + proxy.events.rejections.map { "\($0)" }).joined()
        for secret in ["sk-", "tok-"] { #expect(!told.contains(secret)) }
        await proxy.stop()
    }
}
