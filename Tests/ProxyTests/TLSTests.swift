import Foundation
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// TLS to endpoints: verified, and never silently not.
@Suite(.timeLimit(.minutes(1)))
struct TLSTests {
    private func outcome(
        host: String = "127.0.0.1", _ server: ScriptedUpstream, _ tls: UpstreamTLSOptions
    ) async throws -> (answer: String, outcome: AttemptOutcome?) {
        let endpoint = try Upstream(
            id: EndpointID(1), name: "secure", anyURL: UpstreamURL("https://\(host):\(server.port)"),
            timeouts: .patient, tls: tls)
        let proxy = try await ProxyHarness.start([endpoint])
        let answer = try await proxy.exchange(Wire.post())
        await proxy.stop()
        return (answer, proxy.events.attempts.first?.outcome)
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func aTrustedCertificateOfTheRightNameServes(host: String) async throws {
        let server = try await SecureUpstream.start()
        let result = try await outcome(host: host, server, .init(authorityFile: SecureUpstream.authorityFile()))
        #expect(result.answer.hasSuffix("\r\n\r\n0.0"))
    }

    @Test func anotherNameIsRefused() async throws {
        let server = try await SecureUpstream.start(Certificates.otherName, key: Certificates.otherNameKey)
        let file = try SecureUpstream.authorityFile()
        let wrong = try await outcome(host: "localhost", server, .init(authorityFile: file))
        #expect(wrong.outcome == .failure(.tls))
        #expect(wrong.answer.hasPrefix("HTTP/1.1 503 "))
        #expect(server.requests.isEmpty)
        let named = try await outcome(
            host: "localhost", server, .init(authorityFile: file, serverName: "other.example"))
        #expect(named.answer.hasPrefix("HTTP/1.1 200 "))
    }

    @Test func anUnknownAuthorityIsRefused() async throws {
        let server = try await SecureUpstream.start()
        let result = try await outcome(host: "localhost", server, .init())
        #expect(result.outcome == .failure(.tls))
        #expect(server.requests.isEmpty)
    }

    @Test func aMissingAuthorityFileIsAFailureNotAHole() async throws {
        let server = try await SecureUpstream.start()
        let result = try await outcome(host: "localhost", server, .init(authorityFile: "/nonexistent/authority.pem"))
        #expect(result.outcome == .failure(.tls))
        #expect(server.requests.isEmpty)
    }

    @Test func aFileOfAuthoritiesThatWasReplacedCounts() async throws {
        let server = try await SecureUpstream.start()
        let file = try SecureUpstream.authorityFile(Certificates.otherName)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "secure", anyURL: UpstreamURL("https://localhost:\(server.port)"),
            timeouts: .patient,
            tls: .init(authorityFile: file))
        let options = ProxyOptions()
        let proxy = try await ProxyHarness.start([endpoint], options: options)
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
        try Certificates.authority.write(toFile: file, atomically: true, encoding: .utf8)
        #expect(!options.tlsContexts.refresh())
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 200 "))
        // A file that is gone takes nothing away from what runs.
        try FileManager.default.removeItem(atPath: file)
        #expect(!options.tlsContexts.refresh())
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 200 "))
        await proxy.stop()
    }

    @Test func aConnectionIsKept() async throws {
        let server = try await SecureUpstream.start()
        let endpoint = try Upstream(
            id: EndpointID(1), name: "secure", anyURL: UpstreamURL("https://localhost:\(server.port)"),
            timeouts: .patient,
            tls: .init(authorityFile: SecureUpstream.authorityFile()))
        let proxy = try await ProxyHarness.start([endpoint])
        let client = try await RawClient.connect(port: proxy.port)
        for index in 0..<3 {
            client.clear()
            try await client.send(Wire.post(closes: false))
            #expect(await client.until("0.\(index)").hasSuffix("\r\n\r\n0.\(index)"))
        }
        try await client.close()
        await proxy.stop()
    }

    @Test func plainTextOnATLSPortIsATLSFailure() async throws {
        let server = try await ScriptedUpstream.start { _ in [] }
        var timeouts = UpstreamTimeouts()
        timeouts.tlsHandshake = .milliseconds(50)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "mute", anyURL: UpstreamURL("https://localhost:\(server.port)"), timeouts: timeouts
        )
        let proxy = try await ProxyHarness.start([endpoint])
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
        #expect(proxy.events.attempts.first?.outcome == .failure(.timeout))
        await proxy.stop()
    }
}
