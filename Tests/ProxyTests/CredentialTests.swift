import TestSupport
import Testing

@testable import Proxy

/// Whose credentials and cookies go where: what clients present here, and what endpoints are given.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct CredentialTests {
    private static let names = [
        "Authorization", "AUTHORIZATION", "x-api-key", "X_API_KEY", "api-key", "Api_Key", "x-goog-api-key",
        "X-GOOG-API-KEY",
        "ocp-apim-subscription-key", "x-auth-token", "x-amz-security-token", "anthropic-auth-token", "helicone-auth",
        "Proxy-Authorization", "proxy_authorization", "Sec-WebSocket-Protocol",
    ]

    private static let fields = names.map { "\($0): tok-client\r\n" }.joined()
    private static let query =
        "?beta=true&key=tok-client&api_key=tok-client&api-key=tok-client&access_token=tok-client&a=1"

    @Test(arguments: [UpstreamCredential.none, .apiKey("sk-endpoint"), .bearer("sk-endpoint")])
    func whatAClientPresentsEndsHere(credential: UpstreamCredential) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream, credential: credential)])
        _ = try await proxy.exchange(Wire.post("/v1/messages" + Self.query, headers: Self.fields + "X-Last: 1\r\n"))
        let request = try #require(upstream.requests.first)
        #expect(!request.head.contains("tok-client"))
        #expect(request.head.hasPrefix("POST /v1/messages?beta=true&a=1 HTTP/1.1\r\n"))
        #expect(request.header("X-Last") == "1")
        await proxy.stop()
    }

    /// Client tokens are presented under any of these names, and no endpoint ever gets one: not by failover, and not where the
    /// client's own credentials pass.
    @Test(arguments: ["Authorization: Bearer", "x-api-key:", "api-key:", "X_Api_Key:", "x-goog-api-key:"])
    func aTokenReachesNoEndpoint(field: String) async throws {
        let failing = try await ScriptedUpstream.start { _ in [.send(Wire.status(500))] }
        let passing = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        var options = ProxyOptions()
        options.rules.clientTokens = ["tok-other", "tok-client"]
        let proxy = try await ProxyHarness.start(
            [.local(1, failing, credential: .apiKey("sk-endpoint")), .local(2, passing, credential: .passthrough)],
            options: options)
        let answer = try await proxy.exchange(
            Wire.post(
                "/v1/messages?key=tok-client&key=sk-own", headers: "\(field) tok-client\r\nX-Auth-Token: sk-own\r\n"))
        #expect(answer.hasSuffix("fine"))
        for request in failing.requests + passing.requests { #expect(!request.head.contains("tok-")) }
        #expect(failing.requests.first?.head.contains("sk-own") == false)
        #expect(passing.requests.first?.header("X-Auth-Token") == "sk-own")
        #expect(passing.requests.first?.head.hasPrefix("POST /v1/messages?key=sk-own HTTP/1.1\r\n") == true)
        await proxy.stop()
    }

    @Test func passthroughPassesThemAll() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream, credential: .passthrough)])
        _ = try await proxy.exchange(Wire.post("/v1/messages" + Self.query, headers: Self.fields))
        let request = try #require(upstream.requests.first)
        for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key", "x-auth-token"] {
            #expect(request.header(name) == "tok-client", "\(name)")
        }
        #expect(request.header("Proxy-Authorization") == nil)
        #expect(request.head.hasPrefix("POST /v1/messages\(Self.query) HTTP/1.1\r\n"))
        await proxy.stop()
    }

    @Test(arguments: [false, true])
    func cookiesPassWhereTheyAreToldTo(passes: Bool) async throws {
        let setting = Wire.ok("fine", headers: "Set-Cookie: session=a; Path=/\r\nset-cookie2: b\r\nX-A: 1\r\n")
        let upstream = try await ScriptedUpstream.start { _ in [.send(setting)] }
        let proxy = try await ProxyHarness.start([.local(1, upstream, credential: .passthrough, passesCookies: passes)])
        let answer = try await proxy.exchange(Wire.post(headers: "COOKIE: session=of-another\r\n"))
        #expect(upstream.requests.first?.header("Cookie") == (passes ? "session=of-another" : nil))
        #expect(answer.contains("Set-Cookie: session=a") == passes)
        #expect(answer.contains("set-cookie2") == passes)
        #expect(answer.contains("X-A: 1"))
        await proxy.stop()
    }

    /// An endpoint that says what it was given, in any place of its answer's head.
    @Test func anEndpointsCredentialDoesNotComeBack() async throws {
        let head =
            "HTTP/1.1 401 bad key sk-endpoint\r\nX-Debug: Authorization=Bearer sk-endpoint\r\nLocation: https://e.example/?key=sk-endpoint\r\n"
            + "X-Echo-Org: org-secret-1\r\nX-Fine: yes\r\nContent-Length: 2\r\n\r\nok"
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 103 Hints\r\nX-Key: sk-endpoint\r\n\r\n" + head)]
        }
        let proxy = try await ProxyHarness.start([
            .local(1, upstream, credential: .bearer("sk-endpoint"), headers: [("api-key", "org-secret-1")])
        ])
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.contains("HTTP/1.1 401 \r\n"))
        #expect(answer.contains("X-Fine: yes"))
        #expect(!answer.contains("sk-endpoint") && !answer.contains("org-secret") && !answer.contains("Location"))
        await proxy.stop()
    }

    /// The key in the words of a refusal; the length stays, and what is not a refusal is the endpoint's own affair.
    @Test(arguments: [
        (401, "bad key ***********!", "Content-Length: 20\r\n"),
        (200, "bad key sk-endpoint!", "Content-Length: 20\r\n"),
    ])
    func aRefusalDoesNotRepeatTheKey(status: Int, body: String, framing: String) async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 \(status) X\r\n\(framing)\r\nbad key sk-endpoint!")]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream, credential: .apiKey("sk-endpoint"))])
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("\r\n\r\n" + body))
        await proxy.stop()
    }

    /// Nothing of it comes to an endpoint, and the client is told what it may ask for.
    @Test(arguments: ["TRACE", "trace", "TRACK", "Track"])
    func noEchoIsAskedFor(method: String) async throws {
        let upstream = try await ScriptedUpstream.start { request in
            [
                .send(
                    "HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: \(request.head.utf8.count)\r\n\r\n\(request.head)"
                )
            ]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream, credential: .apiKey("sk-endpoint"))])
        let answer = try await proxy.exchange("\(method) /v1/messages HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n"))
        #expect(answer.contains("\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"))
        #expect(answer.contains("{\"type\":\"error\""))
        #expect(upstream.connections == 0)
        // An answer that is the request itself is none, whatever was asked.
        let post = try await proxy.exchange(Wire.post())
        #expect(post.hasPrefix("HTTP/1.1 503 ") && !post.contains("sk-endpoint"))
        await proxy.stop()
    }

    // MARK: Who asks

    private static let forwarding =
        "Via: 1.1 corp-proxy\r\nX-Forwarded-For: 10.1.2.3\r\nX-Forwarded-Host: internal.corp\r\nX-Forwarded-Proto: https\r\n"
        + "X-Forwarded-User: alice\r\nForwarded: for=10.1.2.3\r\nX-Real-IP: 10.1.2.3\r\nCF-Connecting-IP: 10.1.2.3\r\n"
        + "True-Client-Ip: 10.1.2.3\r\nX_Forwarded_For: 10.1.2.3\r\nRemote-User: alice\r\nFrom: alice@corp\r\n"
        + "Referer: http://internal.corp/x\r\nX-Auth-Request-Email: alice@corp\r\nOrigin: http://localhost\r\n"

    @Test func nobodyIsToldWhoAsks() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        _ = try await proxy.exchange(Wire.post(headers: Self.forwarding))
        let head = try #require(upstream.requests.first?.head)
        for word in ["10.1.2.3", "corp", "alice", "podium", "localhost", "Via", "orwarded"] {
            #expect(!head.contains(word), "\(word)")
        }
        #expect(upstream.requests.first?.header("X-Hops") == "1")
        await proxy.stop()
    }

    @Test func anEndpointMayBeTold() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream, namesClients: true)])
        _ = try await proxy.exchange(Wire.post(headers: Self.forwarding))
        let request = try #require(upstream.requests.first)
        #expect(request.header("Via") == "1.1 corp-proxy, 1.1 podium")
        #expect(request.header("X-Forwarded-For") == "10.1.2.3, 127.0.0.1")
        #expect(request.header("X-Forwarded-User") == "alice")
        #expect(request.header("Forwarded") == "for=10.1.2.3")
        await proxy.stop()
    }

    @Test(arguments: [("8", 200), ("9", 508), ("999999999999999999", 508), ("many", 200), ("-1", 200)])
    func hopsAreCountedWithoutNames(hops: String, status: Int) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("fine"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange(Wire.post(headers: "X-Hops: \(hops)\r\n"))
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
        if hops == "8" { #expect(upstream.requests.first?.header("X-Hops") == "9") }
        await proxy.stop()
    }

    @Test(arguments: [
        ("", "http://127.0.0.1:PORT/v1/files/1?a=b#c", "/v1/files/1?a=b#c"),
        ("/api", "http://127.0.0.1:PORT/api/v1/files/1", "/v1/files/1"),
        ("/api", "/api/v1/files/1", "/v1/files/1"), ("/api", "/login", "/login"), ("/api", "/apix/v1", "/apix/v1"),
        ("/api/v1", "//127.0.0.1:PORT/api/v1/files/1", "/v1/files/1"),
        ("/api/v4", "HTTPS://127.0.0.1:PORT/api/v4/files/1", "/v1/files/1"),
        ("/api", "http://127.0.0.1:PORT/api", "/"),
        ("/api", "https://elsewhere.example/api/v1", "https://elsewhere.example/api/v1"),
        ("", "files/1", "files/1"), ("", "http://127.0.0.1:PORT", "/"), ("", "", ""),
        ("", "http://127.0.0.1:PORT1/x", "http://127.0.0.1:PORT1/x"),
    ])
    func aLocationLeadsBackHere(base: String, location: String, mapped: String) async throws {
        let upstream = try await ScriptedUpstream.start { request in
            let port = request.header("Host")?.split(separator: ":").last ?? ""
            let place = location.replacing("PORT", with: port)
            return [.send(Wire.status(307, headers: "Location: \(place)\r\nContent-Location: \(place)\r\n"))]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream, path: base)])
        let answer = try await proxy.exchange(Wire.post("/v1/files"))
        let expected = mapped.replacing("PORT", with: "\(upstream.port)")
        #expect(answer.contains("\r\nLocation: \(expected)\r\n"))
        #expect(answer.contains("\r\nContent-Location: \(expected)\r\n"))
        await proxy.stop()
    }
}
