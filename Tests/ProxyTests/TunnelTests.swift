import NIOCore
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Endpoints behind proxies: real ones over loopback.
@Suite(.timeLimit(.minutes(1)))
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
            tls: .init(authorityFile: SecureUpstream.authorityFile()),
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
            tls: .init(authorityFile: SecureUpstream.authorityFile()),
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
}
