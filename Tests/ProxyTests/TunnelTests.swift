import NIOCore
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Endpoints behind proxies: real ones over loopback.
@Suite(.timeLimit(.minutes(15)))
struct TunnelTests {
    struct Way: Sendable, CustomTestStringConvertible {
        var kind: ForwardProxy.Kind
        var usesTLS: Bool
        var hasCredentials: Bool
        var testDescription: String { "\(kind)\(usesTLS ? " TLS" : "")\(hasCredentials ? " credentials" : "")" }

        static let all = ForwardProxy.Kind.allCases.flatMap { kind in
            [false, true].flatMap { tls in
                [false, true].map { Way(kind: kind, usesTLS: tls, hasCredentials: $0) }
            }
        }
    }

    static func upstreamProxy(
        _ kind: ForwardProxy.Kind, port: Int, username: String? = nil, password: String? = nil
    ) throws -> UpstreamProxy {
        try UpstreamProxy(
            kind: kind == .http ? .http : .socks5, host: "127.0.0.1", port: port, username: username,
            password: password)
    }

    @Test(arguments: Way.all)
    func aRequestGoesThroughTheProxy(_ way: Way) async throws {
        let server =
            way.usesTLS
            ? try await SecureUpstream.start()
            : try await ScriptedUpstream.start { request in
                [.send(Wire.ok("\(request.connection).\(request.index)"))]
            }
        let pair = way.hasCredentials ? (username: "us er", password: "p:ä%\u{1}") : nil
        let forward = try await ForwardProxy.start(way.kind, credentials: pair)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "behind",
            anyURL: UpstreamURL("\(way.usesTLS ? "https" : "http")://localhost:\(server.port)"), timeouts: .patient,
            tls: .init(caFile: SecureUpstream.authorityFile()),
            proxy: Self.upstreamProxy(
                way.kind, port: forward.port, username: pair?.username, password: pair?.password))
        let proxy = try await ProxyHarness.start([endpoint])
        let client = try await RawClient.connect(port: proxy.port)
        for index in 0..<2 {
            client.clear()
            try await client.send(Wire.post(closes: false))
            #expect(await client.until("\r\n\r\n0.\(index)").hasSuffix("\r\n\r\n0.\(index)"))
        }
        try await client.close()
        // One tunnel for both requests, to the name rather than to an address of it.
        let visit = ForwardProxy.Visit(
            target: "localhost:\(server.port)", username: pair?.username, password: pair?.password)
        #expect(forward.visits == [visit])
        #expect(server.requests.allSatisfy { $0.header("proxy-authorization") == nil })
        #expect(server.requests.first?.header("host") == "localhost:\(server.port)")
        await proxy.stop()
    }

    @Test func anAddressIsNotSentAsAName() async throws {
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("here"))] }
        let forward = try await ForwardProxy.start(.socks5)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "behind", anyURL: UpstreamURL("http://127.0.0.1:\(server.port)"),
            timeouts: .patient,
            proxy: Self.upstreamProxy(.socks5, port: forward.port))
        let proxy = try await ProxyHarness.start([endpoint])
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("here"))
        #expect(forward.visits.map(\.target) == ["127.0.0.1:\(server.port)"])
        await proxy.stop()
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var kind: ForwardProxy.Kind
        var behaviour: ForwardProxy.Behaviour
        var failure: FailureKind
        var words: String
        var testDescription: String { "\(kind) \(words)" }

        static func http(_ text: String, _ failure: ProxyFault, _ words: String) -> Fault {
            Fault(kind: .http, behaviour: .answer(Array(text.utf8)), failure: .proxy(failure), words: words)
        }

        static func socks(_ bytes: [UInt8], _ failure: ProxyFault, _ words: String) -> Fault {
            Fault(kind: .socks5, behaviour: .answer(bytes), failure: .proxy(failure), words: words)
        }

        static let all: [Fault] = [
            .http(
                "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", .refused(status: 403),
                "the proxy refuses the connection (status 403)"),
            .http("HTTP/1.1 502 Bad\r\n\r\n", .refused(status: 502), "the proxy refuses the connection (status 502)"),
            .http("SSH-2.0-OpenSSH\r\n", .malformedAnswer, "malformed answer of the proxy"),
            .http("HTTP/1.1 200 OK\r\n\r\nearly", .malformedAnswer, "malformed answer of the proxy"),
            .http("HTTP/1.1 101 Up\r\n\r\n", .malformedAnswer, "malformed answer of the proxy"),
            .http("HTTP/1.1 200 OK\r\nX: y", .closed, "the proxy closed the connection"),
            .socks([5, 1], .socksReply(1), "the proxy failed"),
            .socks([5, 2, 0, 1, 0, 0, 0, 0, 0, 0], .socksReply(2), "the proxy does not allow the connection"),
            .socks([5, 5, 0, 1, 0, 0, 0, 0, 0, 0], .socksReply(5), "the proxy was refused by the endpoint"),
            .socks([5, 99], .socksReply(99), "the proxy refuses the connection (SOCKS reply 99)"),
            .socks([4, 0, 0, 1, 0, 0, 0, 0, 0, 0], .malformedAnswer, "malformed answer of the proxy"),
            .socks([5, 0, 0, 9, 0, 0, 0, 0, 0, 0], .malformedAnswer, "malformed answer of the proxy"),
            .socks([5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 33], .malformedAnswer, "malformed answer of the proxy"),
            .socks([5, 0, 0, 1, 0], .closed, "the proxy closed the connection"),
            Fault(
                kind: .http, behaviour: .hangUp, failure: .proxy(.closed), words: "the proxy closed the connection"),
            Fault(kind: .socks5, behaviour: .mute, failure: .timeout, words: "timed out"),
            Fault(kind: .http, behaviour: .mute, failure: .timeout, words: "timed out"),
        ]
    }

    @Test(arguments: Fault.all, [false, true])
    func whatGoesWrongAtTheProxyIsAFailureOfTheAttempt(_ fault: Fault, usesTLS: Bool) async throws {
        let forward = try await ForwardProxy.start(fault.kind, fault.behaviour)
        var timeouts = UpstreamTimeouts()
        timeouts.connect = .milliseconds(fault.failure == .timeout ? 60 : 20_000)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "behind", anyURL: UpstreamURL("\(usesTLS ? "https" : "http")://api.invalid"),
            timeouts: timeouts, proxy: Self.upstreamProxy(fault.kind, port: forward.port))
        let direct = try await ScriptedUpstream.start { _ in [.send(Wire.ok("direct"))] }
        let proxy = try await ProxyHarness.start([endpoint, .local(2, direct)])
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("direct"))
        #expect(proxy.events.attempts.first?.outcome == .failure(fault.failure))
        #expect(await proxy.server.probe(endpoint).failure == fault.failure)
        await proxy.stop()
        let alone = try await ProxyHarness.start([endpoint])
        let answer = try await alone.exchange(Wire.post())
        #expect(answer.hasPrefix("HTTP/1.1 503 "))
        #expect(answer.contains("behind: \(fault.words)"))
        await alone.stop()
    }

    @Test(arguments: ForwardProxy.Kind.allCases)
    func wrongCredentialsAreNamedAndNotShown(_ kind: ForwardProxy.Kind) async throws {
        let forward = try await ForwardProxy.start(kind, credentials: ("right", "right"))
        let endpoint = try Upstream(
            id: EndpointID(1), name: "behind", anyURL: UpstreamURL("http://localhost:1"), timeouts: .patient,
            proxy: Self.upstreamProxy(kind, port: forward.port, username: "wrongname", password: "wrongsecret"))
        let proxy = try await ProxyHarness.start([endpoint])
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.contains("the proxy refuses the user or the password"))
        #expect(!answer.contains("wrong"))
        #expect(proxy.events.attempts.map(\.outcome) == [.failure(.proxy(.credentialsRefused))])
        await proxy.stop()
    }

    @Test func aSOCKSProxyThatWantsCredentialsSaysSo() async throws {
        let forward = try await ForwardProxy.start(.socks5, credentials: ("a", "b"))
        let endpoint = try Upstream(
            id: EndpointID(1), name: "behind", anyURL: UpstreamURL("http://localhost:1"), timeouts: .patient,
            proxy: Self.upstreamProxy(.socks5, port: forward.port))
        let proxy = try await ProxyHarness.start([endpoint])
        _ = try await proxy.exchange(Wire.post())
        #expect(proxy.events.attempts.map(\.outcome) == [.failure(.proxy(.credentialsNeeded))])
        await proxy.stop()
    }

    @Test(arguments: [("127.0.0.1", ProxyFault.connect), ("proxy.invalid", .nameResolution)])
    func aProxyThatIsNotThereIsNotTheEndpointsFault(host: String, fault: ProxyFault) async throws {
        let gone = try #require(RefusingPort())
        let endpoint = try Upstream(
            id: EndpointID(1), name: "behind", anyURL: UpstreamURL("https://localhost:1"), timeouts: .patient,
            proxy: UpstreamProxy(kind: .http, host: host, port: gone.port))
        let proxy = try await ProxyHarness.start([endpoint])
        _ = try await proxy.exchange(Wire.post())
        #expect(proxy.events.attempts.map(\.outcome) == [.failure(.proxy(fault))])
        #expect(await proxy.server.probe(endpoint) == ProbeResult(failure: .proxy(fault)))
        await proxy.stop()
    }

    @Test(arguments: Way.all)
    func aProbeGoesThroughTheProxy(_ way: Way) async throws {
        let server = way.usesTLS ? try await SecureUpstream.start() : try await ScriptedUpstream.start { _ in [] }
        let pair = way.hasCredentials ? (username: "u", password: "") : nil
        let forward = try await ForwardProxy.start(way.kind, credentials: pair)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "behind",
            anyURL: UpstreamURL("\(way.usesTLS ? "https" : "http")://localhost:\(server.port)"), timeouts: .patient,
            tls: .init(caFile: SecureUpstream.authorityFile()),
            proxy: Self.upstreamProxy(
                way.kind, port: forward.port, username: pair?.username, password: pair?.password))
        let proxy = try await ProxyHarness.start([])
        let result = await proxy.server.probe(endpoint)
        #expect(result.failure == nil)
        #expect(result.connect != nil)
        #expect((result.tlsHandshake != nil) == way.usesTLS)
        #expect(forward.visits.map(\.target) == ["localhost:\(server.port)"])
        #expect(server.requests.isEmpty)
        await proxy.stop()
    }

    // MARK: Proxies that make no tunnel to plain endpoints

    /// A proxy that makes no tunnel, and answers requests that it is asked to forward.
    private func forwarder(
        refusing status: Int = 403, answer: @escaping @Sendable (ScriptedUpstream.Request) -> String
    ) async throws -> ScriptedUpstream {
        try await ScriptedUpstream.start { request in
            request.head.hasPrefix("CONNECT ")
                ? [.send(Wire.status(status, "no tunnels here")), .close] : [.send(answer(request))]
        }
    }

    private func plain(_ forwarder: ScriptedUpstream, _ url: String = "http://models.test/api") throws -> Upstream {
        try Upstream(
            id: EndpointID(1), name: "behind", anyURL: UpstreamURL(url), credential: .bearer("key"), timeouts: .patient,
            proxy: Self.upstreamProxy(.http, port: forwarder.port, username: "us er", password: "pass"))
    }

    /// As squid and its kin do, which make tunnels to port 443 alone.
    @Test(arguments: [400, 403, 404, 405, 501])
    func aPlainEndpointIsForwardedToWhereNoTunnelIsMade(status: Int) async throws {
        let forwarder = try await forwarder(refusing: status) { Wire.ok("\($0.connection).\($0.index)") }
        let proxy = try await ProxyHarness.start([plain(forwarder)])
        let client = try await RawClient.connect(port: proxy.port)
        for index in 0..<3 {
            client.clear()
            try await client.send(Wire.post("/v1/messages?beta=true", closes: false))
            #expect(await client.until("\r\n\r\n1.\(index)").hasSuffix("\r\n\r\n1.\(index)"))
        }
        try await client.close()
        // Asked once; what is kept is used again.
        #expect(forwarder.requests.map(\.connection) == [0, 1, 1, 1])
        for request in forwarder.requests.dropFirst() {
            #expect(request.head.hasPrefix("POST http://models.test/api/v1/messages?beta=true HTTP/1.1\r\n"))
            #expect(request.header("host") == "models.test")
            #expect(request.header("proxy-authorization") == "Basic dXMgZXI6cGFzcw==")
            #expect(request.header("authorization") == "Bearer key")
        }
        let failures = proxy.events.attempts.filter { if case .success = $0.outcome { false } else { true } }
        #expect(failures.isEmpty)
        await proxy.stop()
        try await forwarder.stop()
    }

    @Test func aTestAndAProbeGoTheSameWay() async throws {
        let forwarder = try await forwarder { request in
            Wire.status(request.head.hasPrefix("GET http://models.test/api/v1/models HTTP/1.1\r\n") ? 200 : 400, "{}")
        }
        let proxy = try await ProxyHarness.start([])
        let endpoint = try plain(forwarder)
        let tested = await proxy.server.test(endpoint)
        #expect(tested.map(\.status) == [200])
        #expect(tested.map(\.failure) == [nil])
        #expect(await proxy.server.probe(endpoint).failure == nil)
        await proxy.stop()
        try await forwarder.stop()
    }

    /// Whoever cannot or will not make it is not asked for something else; of TLS nothing is ever forwarded.
    @Test(arguments: [("http", 502), ("http", 407), ("https", 403)])
    func otherRefusalsAreFailures(scheme: String, status: Int) async throws {
        let forwarder = try await forwarder(refusing: status) { _ in Wire.ok("must not be") }
        let proxy = try await ProxyHarness.start([plain(forwarder, "\(scheme)://models.test")])
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
        let fault: ProxyFault = status == 407 ? .credentialsRefused : .refused(status: status)
        #expect(proxy.events.attempts.map(\.outcome) == [.failure(.proxy(fault))])
        #expect(!forwarder.requests.contains { !$0.head.hasPrefix("CONNECT ") })
        await proxy.stop()
        try await forwarder.stop()
    }

    /// What the proxy says to everything is not the endpoint's word, and no reason to doubt its key.
    @Test func aProxyThatForwardsNothingEitherIsToBlame() async throws {
        let forwarder = try await forwarder { _ in Wire.status(403, "no") }
        let endpoint = try plain(forwarder)
        let proxy = try await ProxyHarness.start([endpoint])
        for _ in 0..<2 { #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 ")) }
        #expect(
            proxy.events.attempts.map(\.outcome)
                == Array(repeating: .failure(.proxy(.refused(status: 403))), count: 2))
        #expect(await proxy.server.test(endpoint).map(\.failure) == [.proxy(.refused(status: 403))])
        #expect(await proxy.server.probe(endpoint).failure == .proxy(.refused(status: 403)))
        await proxy.stop()
        try await forwarder.stop()
    }

    @Test func credentialsThatAForwarderRefusesAreTheProxysAffair() async throws {
        let forwarder = try await forwarder { _ in Wire.status(407, "who?") }
        let proxy = try await ProxyHarness.start([plain(forwarder)])
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
        #expect(proxy.events.attempts.map(\.outcome) == [.failure(.proxy(.credentialsRefused))])
        await proxy.stop()
        try await forwarder.stop()
    }
}
