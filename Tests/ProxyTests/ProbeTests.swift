import NIOCore
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Probes over real sockets: they reach as far as a request would, and send nothing.
@Suite(.timeLimit(.minutes(15)))
struct ProbeTests {
    private func probe(
        _ url: String, tls: UpstreamTLSOptions = .init(), timeouts: UpstreamTimeouts = .patient
    ) async throws -> ProbeResult {
        let proxy = try await ProxyHarness.start([])
        let upstream = try Upstream(
            id: EndpointID(1), name: "probed", anyURL: UpstreamURL(url), timeouts: timeouts, tls: tls)
        let result = await proxy.server.probe(upstream)
        await proxy.stop()
        return result
    }

    @Test func aPlainEndpointIsReached() async throws {
        let server = try await ScriptedUpstream.start { _ in [] }
        let result = try await probe("http://127.0.0.1:\(server.port)")
        #expect(result.failure == nil)
        #expect(result.connect.map { $0 > .zero } == true)
        #expect(result.tlsHandshake == nil)
        try await eventually { server.closedConnections == 1 }
        #expect(server.requests.isEmpty)
    }

    @Test(arguments: ["http", "https"])
    func aRefusedConnectionIsOne(scheme: String) async throws {
        let gone = try #require(RefusingPort())
        let result = try await probe("\(scheme)://127.0.0.1:\(gone.port)")
        #expect(result == ProbeResult(connect: nil, tlsHandshake: nil, failure: .connect))
    }

    @Test func aNameThatDoesNotExistIsNamed() async throws {
        let result = try await probe("http://endpoint.invalid:80")
        #expect(result == ProbeResult(connect: nil, tlsHandshake: nil, failure: .nameResolution))
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func aTrustedCertificateIsReached(host: String) async throws {
        let server = try await SecureUpstream.start()
        let result = try await probe(
            "https://\(host):\(server.port)", tls: .init(caFile: SecureUpstream.authorityFile()))
        #expect(result.failure == nil)
        #expect(result.connect.map { $0 > .zero } == true)
        #expect(result.tlsHandshake.map { $0 > .zero } == true)
        #expect(server.requests.isEmpty)
    }

    @Test func anotherNameIsATLSFailure() async throws {
        let server = try await SecureUpstream.start(Certificates.otherName, key: Certificates.otherNameKey)
        let authority = try SecureUpstream.authorityFile()
        let wrong = try await probe("https://localhost:\(server.port)", tls: .init(caFile: authority))
        #expect(wrong.failure == .tls(.wrongName(expected: "localhost", names: ["other.example"])))
        #expect(wrong.connect != nil)
        #expect(wrong.tlsHandshake == nil)
        let named = try await probe(
            "https://localhost:\(server.port)", tls: .init(caFile: authority, serverName: "other.example"))
        #expect(named.failure == nil)
    }

    @Test func anUnknownAuthorityIsATLSFailure() async throws {
        let server = try await SecureUpstream.start()
        #expect(
            try await probe("https://localhost:\(server.port)").failure
                == .tls(.unknownAuthority(issuer: "Podium test authority", hasOwnAuthorities: false)))
    }

    @Test func aMissingAuthorityFileIsATLSFailure() async throws {
        let server = try await SecureUpstream.start()
        let result = try await probe(
            "https://localhost:\(server.port)", tls: .init(caFile: "/nonexistent/authority.pem"))
        #expect(result == ProbeResult(connect: nil, tlsHandshake: nil, failure: .tls(.noAuthorities)))
        #expect(server.connections == 0)
    }

    @Test func aPeerThatNeverShakesHandsTimesOut() async throws {
        let mute = try await ScriptedUpstream.start { _ in [] }
        var timeouts = UpstreamTimeouts.patient
        timeouts.tlsHandshake = .milliseconds(30)
        let result = try await probe("https://127.0.0.1:\(mute.port)", timeouts: timeouts)
        #expect(result.failure == .timeout)
        #expect(result.connect != nil)
        try await eventually { mute.closedConnections == 1 }
    }

    @Test func aPeerThatHangsUpInTheHandshakeIsATLSFailure() async throws {
        let rude = try await ScriptedUpstream.start(
            decorate: { channel in
                channel.eventLoop.execute { channel.close(promise: nil) }
            }, script: { _ in [] })
        #expect(try await probe("https://127.0.0.1:\(rude.port)").failure == .tls(.closed))
    }

    @Test func theFirstURLThatFailsIsReported() async throws {
        let good = try await ScriptedUpstream.start { _ in [] }
        let gone = try #require(RefusingPort())
        let proxy = try await ProxyHarness.start([])
        let upstream = try Upstream(
            id: EndpointID(1), name: "half", anthropicURL: UpstreamURL("http://127.0.0.1:\(good.port)"),
            openAIURL: UpstreamURL("http://127.0.0.1:\(gone.port)"), timeouts: .patient)
        #expect(await proxy.server.probe(upstream).failure == .connect)
        try await eventually { good.connections == 1 }
        await proxy.stop()
    }
}
