import NIOCore
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Trials over real sockets: all the way to the status of an answer.
@Suite(.timeLimit(.minutes(15)))
struct ConnectionTestTests {
    private func trial(
        _ url: String, anthropic: Bool = false, credential: UpstreamCredential = .none,
        tls: UpstreamTLSOptions = .init(), timeouts: UpstreamTimeouts = .patient
    ) async throws -> ConnectionTestResult {
        let proxy = try await ProxyHarness.start([])
        let url = try UpstreamURL(url)
        let upstream = try Upstream(
            id: EndpointID(1), name: "tried", anyURL: anthropic ? nil : url, anthropicURL: anthropic ? url : nil,
            credential: credential, timeouts: timeouts, tls: tls)
        let results = await proxy.server.test(upstream)
        await proxy.stop()
        return try #require(results.first)
    }

    @Test("The list of models is asked for, with the credential, and the status reported", arguments: [200, 401, 404])
    func status(status: Int) async throws {
        let server = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 \(status) x\r\nContent-Length: 0\r\n\r\n"), .close]
        }
        let result = try await trial(
            "http://127.0.0.1:\(server.port)/base/v1", credential: .bearer("sk-secret"))
        #expect(result.failure == nil)
        #expect(result.status == status)
        #expect(result.lookup == nil)
        #expect(result.connect.map { $0 > .zero } == true)
        #expect(result.tlsHandshake == nil)
        #expect(result.firstByte.map { $0 > .zero } == true)
        let request = try #require(server.requests.first)
        #expect(request.head.hasPrefix("GET /base/v1/models HTTP/1.1\r\n"))
        #expect(request.header("authorization") == "Bearer sk-secret")
        #expect(request.header("anthropic-version") == nil)
    }

    @Test func anAnthropicEndpointIsToldTheVersion() async throws {
        let server = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
        }
        #expect(try await trial("http://127.0.0.1:\(server.port)", anthropic: true).status == 200)
        #expect(server.requests.first?.header("anthropic-version") == "2023-06-01")
        #expect(server.requests.first?.head.hasPrefix("GET /v1/models HTTP/1.1\r\n") == true)
    }

    @Test func eachStepHasItsTime() async throws {
        let server = try await SecureUpstream.start()
        let result = try await trial(
            "https://localhost:\(server.port)", tls: .init(caFile: SecureUpstream.authorityFile()))
        #expect(result.lookup.map { $0 > .zero } == true)
        #expect(result.connect.map { $0 > .zero } == true)
        #expect(result.tlsHandshake.map { $0 > .zero } == true)
    }

    @Test func noNameNoConnectionNoAnswer() async throws {
        #expect(try await trial("http://endpoint.invalid").failure == .nameResolution)
        let gone = try #require(RefusingPort())
        #expect(try await trial("http://127.0.0.1:\(gone.port)").failure == .connect)
        let rude = try await ScriptedUpstream.start { _ in [.close] }
        let closed = try await trial("http://127.0.0.1:\(rude.port)")
        #expect(closed.failure == .closed)
        #expect(closed.connect != nil)
        let strange = try await ScriptedUpstream.start { _ in [.send("220 mail.example ESMTP\r\n")] }
        #expect(try await trial("http://127.0.0.1:\(strange.port)").failure == .badResponse)
    }

    @Test func aPeerThatSaysNothingTimesOut() async throws {
        let mute = try await ScriptedUpstream.start { _ in [] }
        var timeouts = UpstreamTimeouts.patient
        // Long enough for a busy machine to connect within.
        timeouts.probe = .seconds(2)
        let result = try await trial("http://127.0.0.1:\(mute.port)", timeouts: timeouts)
        #expect(result.failure == .timeout)
        #expect(result.connect != nil)
    }
}
