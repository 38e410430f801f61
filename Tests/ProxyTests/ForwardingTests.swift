import Ranking
import TestSupport
import Testing

@testable import Proxy

/// What an endpoint gets, and what a client gets back.
@Suite(.timeLimit(.minutes(15)))
struct ForwardingTests {
    @Test func anEndpointGetsTheRequestWithoutTheClientsConnection() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([
            .local(
                1, upstream, credential: .apiKey("sk-endpoint"), headers: [("anthropic-version", "2023-06-01")],
                namesClients: true)
        ])
        _ = try await proxy.exchange(
            "POST /v1/messages?beta=true HTTP/1.1\r\nHost: podium.localhost:8081\r\nX-First: 1\r\nAuthorization: Bearer sk-client\r\n"
                + "X-API-Key: sk-client\r\nanthropic-version: 1999-01-01\r\nConnection: close, X-Hop\r\nX-Hop: secret\r\n"
                + "Keep-Alive: timeout=5\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n"
                + "Trailer: X-T\r\nUpgrade: h2c\r\nX-Request-ID: req-7\r\nX-Forwarded-For: 10.0.0.1\r\nVia: 1.1 edge\r\n"
                + "Content-Length: 5\r\nX-Last:  spaced \r\n\r\nhello")
        let request = try #require(upstream.requests.first)
        #expect(request.body == "hello")
        #expect(
            request.head
                == "POST /v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:\(upstream.port)\r\nanthropic-version: 2023-06-01\r\n"
                + "x-api-key: sk-endpoint\r\nX-First: 1\r\nX-Last:  spaced \r\nX-Request-ID: req-7\r\nX-Hops: 1\r\n"
                + "Via: 1.1 edge, 1.1 podium\r\nX-Forwarded-For: 10.0.0.1, 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
                + "X-Forwarded-Host: podium.localhost:8081\r\nContent-Length: 5\r\n\r\n")
        #expect(proxy.events.requests.first?.requestID == "req-7")
        #expect(proxy.events.requests.first?.path == "/v1/messages")
        #expect(proxy.events.requests.first?.method == "POST")
        #expect(proxy.events.requests.first?.clientAddress == "127.0.0.1")
        await proxy.stop()
    }

    @Test(
        arguments: [
            (UpstreamCredential.none, nil, nil), (.bearer("sk-endpoint"), "Bearer sk-endpoint", nil),
            (.apiKey("sk-endpoint"), nil, "sk-endpoint"), (.passthrough, "Bearer sk-client", "key-client"),
        ] as [(UpstreamCredential, String?, String?)])
    func credentials(credential: UpstreamCredential, authorization: String?, key: String?) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok(""))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream, credential: credential)])
        _ = try await proxy.exchange(
            Wire.post(headers: "authorization: Bearer sk-client\r\nX-Api-Key: key-client\r\n"))
        #expect(upstream.requests.first?.header("Authorization") == authorization)
        #expect(upstream.requests.first?.header("x-api-key") == key)
        await proxy.stop()
    }

    @Test func aResponseLosesTheEndpointsConnection() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send(
                    "HTTP/1.1 200 OK\r\nDate: d\r\nX-A: 1\r\nConnection: close, X-Hop\r\nX-Hop: 2\r\nKeep-Alive: timeout=1\r\n"
                        + "Content-Length: 2\r\nX-Request-ID: theirs\r\n\r\nok")
            ]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange(Wire.post())
        #expect(
            answer
                == "HTTP/1.1 200 OK\r\nDate: d\r\nX-A: 1\r\nX-Request-ID: theirs\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        )
        await proxy.stop()
    }

    /// What a client is told is the name of the endpoint that answered, as a field may hold it, and never what an endpoint says.
    @Test(
        arguments: [
            (nil, nil), ("relay-1", "relay-1"), ("my \"relay\"", "my%20\"relay\""), ("50%", "50%25"),
            ("Ü名", "%C3%9C%E5%90%8D"), (String(repeating: "名", count: 66), String(repeating: "%E5%90%8D", count: 66)),
        ] as [(String?, String?)])
    func anAnswerNamesItsEndpoint(name: String?, field: String?) async throws {
        let claims = "x-podium-endpoint: another\r\nX-Podium-Endpoint: one more\r\n"
        let broken = try await ScriptedUpstream.start { _ in [.send(Wire.status(500, "no", headers: claims))] }
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("ok", headers: claims))] }
        let proxy = try await ProxyHarness.start([
            .local(1, port: broken.port, named: name.map { "not-\($0)" }),
            .local(2, port: upstream.port, named: name),
        ])
        let answer = try await proxy.exchange(Wire.post())
        let fields = answer.split(separator: "\r\n").filter { $0.lowercased().hasPrefix("x-podium-endpoint") }
        #expect(fields.map(String.init) == (field.map { ["X-Podium-Endpoint: \($0)"] } ?? []))
        #expect(answer.hasSuffix("\r\n\r\nok"))
        await proxy.stop()
    }

    @Test func aChunkedRequestArrivesWhole() async throws {
        let upstream = try await ScriptedUpstream.start { request in [.send(Wire.ok(request.body))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange(
            "POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                + "3;x=y\r\nabc\r\n4\r\ndefg\r\n0\r\nTrailer: dropped\r\n\r\n")
        // All of it was there when the head went up, so its length is known.
        #expect(upstream.requests.first?.header("Content-Length") == "7")
        #expect(upstream.requests.first?.header("Transfer-Encoding") == nil)
        #expect(answer.hasSuffix("\r\n\r\nabcdefg"))
        await proxy.stop()
    }

    @Test func anUploadIsStreamedInChunks() async throws {
        let upstream = try await ScriptedUpstream.start { request in [.send(Wire.ok(request.body))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send("POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        // The head has gone up, so that the length was not known.
        try await eventually { upstream.bytesRead > 0 }
        try await client.send("2\r\nde\r\n0\r\n\r\n")
        let answer = await client.until("\r\n0\r\n\r\n")
        #expect(upstream.requests.first?.header("Transfer-Encoding") == "chunked")
        #expect(answer.contains("\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
        try await client.close()
        await proxy.stop()
    }

    @Test func continueIsAnsweredHere() async throws {
        let upstream = try await ScriptedUpstream.start { request in [.send(Wire.ok(request.body))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(
            "PUT /v1/messages HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        #expect(await client.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        client.clear()
        try await client.send("hi")
        #expect(await client.until("hi").hasSuffix("\r\n\r\nhi"))
        #expect(upstream.requests.first?.header("Expect") == nil)
        try await client.close()
        await proxy.stop()
    }

    @Test func anOldClientGetsAPlainBody() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nDate: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange("GET /v1/models HTTP/1.0\r\nX-Request-ID: r\r\n\r\n")
        #expect(answer == "HTTP/1.1 200 OK\r\nDate: d\r\nX-Request-ID: r\r\nConnection: close\r\n\r\nabcdef")
        await proxy.stop()
    }

    @Test func aBodyWithoutLengthBecomesChunks() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send("HTTP/1.0 200 OK\r\n\r\nabc"), .close] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasSuffix("\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
        await proxy.stop()
    }

    @Test func aHEADAnswerKeepsItsLength() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nDate: d\r\nContent-Length: 99\r\nX-Request-ID: t\r\n\r\n")]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange("HEAD /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(
            answer == "HTTP/1.1 200 OK\r\nDate: d\r\nX-Request-ID: t\r\nContent-Length: 99\r\nConnection: close\r\n\r\n"
        )
        await proxy.stop()
    }

    @Test func earlyHintsGoThroughAndContinueDoesNot() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
                .send("HTTP/1.1 200 OK\r\nDate: d\r\nContent-Length: 2\r\nX-Request-ID: t\r\n\r\nok"),
            ]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange(Wire.post())
        #expect(
            answer
                == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nDate: d\r\nX-Request-ID: t\r\n"
                + "Content-Length: 2\r\nConnection: close\r\n\r\nok")
        await proxy.stop()
    }

    @Test func pathsChooseTheURL() async throws {
        let anthropic = try await ScriptedUpstream.start { _ in [.send(Wire.ok("a"))] }
        let openAI = try await ScriptedUpstream.start { _ in [.send(Wire.ok("o"))] }
        let both = try Upstream(
            id: .init(1), name: "both", anthropicURL: UpstreamURL("http://127.0.0.1:\(anthropic.port)/base/v1"),
            openAIURL: UpstreamURL("http://127.0.0.1:\(openAI.port)/"), timeouts: .patient)
        let proxy = try await ProxyHarness.start([both])
        #expect(try await proxy.exchange(Wire.post("/v1/messages?x=1")).hasSuffix("a"))
        #expect(try await proxy.exchange(Wire.post("/v1/responses?x=1")).hasSuffix("o"))
        #expect(
            try await proxy.exchange(Wire.post("/elsewhere")).hasPrefix("HTTP/1.1 404 "))
        #expect(anthropic.requests.first?.head.hasPrefix("POST /base/v1/messages?x=1 HTTP/1.1\r\n") == true)
        #expect(openAI.requests.first?.head.hasPrefix("POST /v1/responses?x=1 HTTP/1.1\r\n") == true)
        await proxy.stop()
    }
}
