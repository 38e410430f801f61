import Foundation
import NIOSSL
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// TLS to endpoints: verified, and never silently not.
@Suite(.timeLimit(.minutes(15)))
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
        let result = try await outcome(host: host, server, .init(caFile: SecureUpstream.authorityFile()))
        #expect(result.answer.hasSuffix("\r\n\r\n0.0"))
    }

    @Test func anotherNameIsRefused() async throws {
        let server = try await SecureUpstream.start(Certificates.otherName, key: Certificates.otherNameKey)
        let file = try SecureUpstream.authorityFile()
        let wrong = try await outcome(host: "localhost", server, .init(caFile: file))
        #expect(
            wrong.outcome
                == .failure(.tls(.wrongName(expected: "localhost", names: ["other.example"]))))
        #expect(wrong.answer.hasPrefix("HTTP/1.1 503 "))
        #expect(server.requests.isEmpty)
        let named = try await outcome(
            host: "localhost", server, .init(caFile: file, serverName: "other.example"))
        #expect(named.answer.hasPrefix("HTTP/1.1 200 "))
    }

    @Test func anUnknownAuthorityIsRefused() async throws {
        let server = try await SecureUpstream.start()
        let result = try await outcome(host: "localhost", server, .init())
        #expect(
            result.outcome
                == .failure(
                    .tls(.unknownAuthority(issuer: "Podium test authority", hasOwnAuthorities: false))))
        #expect(server.requests.isEmpty)
    }

    @Test func aMissingAuthorityFileIsAFailureNotAHole() async throws {
        let server = try await SecureUpstream.start()
        let result = try await outcome(host: "localhost", server, .init(caFile: "/nonexistent/authority.pem"))
        #expect(result.outcome == .failure(.tls(.noAuthorities)))
        #expect(server.requests.isEmpty)
    }

    @Test func aFileOfAuthoritiesThatWasReplacedCounts() async throws {
        let server = try await SecureUpstream.start()
        let file = try SecureUpstream.authorityFile(Certificates.otherName)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "secure", anyURL: UpstreamURL("https://localhost:\(server.port)"),
            timeouts: .patient,
            tls: .init(caFile: file))
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
            tls: .init(caFile: SecureUpstream.authorityFile()))
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

    /// What the ranking learns is what an operator is told: which date, which names, which issuer, and who refused.
    @Test(arguments: [
        ("expired", TLSFault.expired(on: "2025-03-02 12:00 UTC"), "the certificate expired on 2025-03-02 12:00 UTC"),
        ("early", .notYetValid(before: "2120-01-01 00:00 UTC"), "not valid before 2120-01-01 00:00 UTC"),
        ("self-signed", .selfSigned(subject: "my own box"), "the certificate is self-signed (my own box)"),
        (
            "unknown", .unknownAuthority(issuer: "Podium test authority", hasOwnAuthorities: true),
            "the certificate's issuer is not known to ca_file (Podium test authority)"
        ),
        ("version", .version, "no TLS version in common"), ("cipher", .handshakeRefused, "no cipher in common"),
        ("client", .clientCertificateWanted, "it wants a client certificate"),
        ("client 1.2", .handshakeRefused, "it wants a client certificate"),
    ])
    func aFailureSaysWhich(_ kind: String, _ fault: TLSFault, _ words: String) async throws {
        let certificate =
            switch kind {
            case "expired": Certificates.expired
            case "early": Certificates.notYetValid
            case "self-signed": Certificates.selfSigned
            default: Certificates.localhost
            }
        let server = try await SecureUpstream.start(
            certificate,
            configure: { configuration in
                switch kind {
                case "version":
                    configuration.minimumTLSVersion = .tlsv1
                    configuration.maximumTLSVersion = .tlsv11
                case "cipher":
                    configuration.maximumTLSVersion = .tlsv12
                    configuration.cipherSuiteValues = [.TLS_RSA_WITH_AES_128_CBC_SHA]
                case "client", "client 1.2":
                    configuration.certificateVerification = .noHostnameVerification
                    if kind == "client 1.2" { configuration.maximumTLSVersion = .tlsv12 }
                default: break
                }
            })
        let authority =
            kind == "unknown" || kind == "expired" || kind == "early" || kind == "self-signed"
            ? Certificates.datesAuthority : Certificates.authority
        let tls = UpstreamTLSOptions(caFile: try SecureUpstream.authorityFile(authority))
        let result = try await outcome(host: "localhost", server, tls)
        #expect(result.outcome == .failure(.tls(fault)))
        #expect(fault.text.contains(words))
        // The client is told as well, and a test of the endpoint.
        #expect(result.answer.contains(fault.text))
        #expect(server.requests.isEmpty)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "secure", anyURL: UpstreamURL("https://localhost:\(server.port)"),
            timeouts: .patient, tls: tls)
        let proxy = try await ProxyHarness.start([endpoint])
        #expect(await proxy.server.test(endpoint).map(\.failure) == [.tls(fault)])
        // Of TLS 1.3 nobody is told what the other side thinks of it before a request is made.
        if kind != "client" { #expect(await proxy.server.probe(endpoint).failure == .tls(fault)) }
        await proxy.stop()
        try await server.stop()
    }

    @Test func plainHTTPIsCalledThat() async throws {
        let server = try await ScriptedUpstream.start(onConnect: [.send(Wire.status(400, "speak plainly"))]) { _ in [] }
        let result = try await outcome(host: "localhost", server, .init())
        #expect(result.outcome == .failure(.tls(.notTLS)))
        #expect(result.answer.contains("TLS failed: no TLS is spoken there, perhaps plain HTTP"))
    }

    @Test(arguments: [
        (["TLSV1_ALERT_INTERNAL_ERROR"], TLSFault.alert("internal error")),
        (["SSLV3_ALERT_BAD_CERTIFICATE"], .alert("bad certificate")),
        (["TLSV1_UNRECOGNIZED_NAME"], .unrecognizedName("a")),
        (["SSLV3_ALERT_HANDSHAKE_FAILURE", "HANDSHAKE_FAILURE_ON_CLIENT_HELLO"], .handshakeRefused),
        (["TLSV1_ALERT_PROTOCOL_VERSION"], .version), (["WRONG_CIPHER_RETURNED"], .other("wrong cipher returned")),
        (["CERTIFICATE_VERIFY_FAILED"], .untrusted), ([], .unspecified),
    ])
    func wordsOfTheLibraryAreOnesOfAnOperator(reasons: [String], fault: TLSFault) throws {
        let diagnosis = TLSDiagnosis(try UpstreamURL("https://a"), .init())
        #expect(diagnosis.fault(ofReasons: reasons, nil, 0) == fault)
        #expect(
            TLSDiagnosis.reason(
                in: "Error: 1 error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER at a.cc:1")
                == "WRONG_VERSION_NUMBER")
    }

    @Test func certificatesAreReadWhateverTheyAre() throws {
        let der = try NIOSSLCertificate(bytes: Array(Certificates.expired.utf8), format: .pem).toDERBytes()
        let facts = try #require(CertificateFacts(der: der))
        #expect(facts.issuer == "Podium dates authority")
        #expect(facts.subject == "good")
        #expect(!facts.isSelfIssued)
        #expect(facts.validFrom == 1_704_067_200)
        #expect(facts.validUntil == 1_740_916_800)
        #expect(facts.hosts == ["localhost", "127.0.0.1"])
        let own = try NIOSSLCertificate(bytes: Array(Certificates.selfSigned.utf8), format: .pem).toDERBytes()
        #expect(CertificateFacts(der: own)?.isSelfIssued == true)
        // Cut and spoilt in any place it must not end the process.
        for end in der.indices { _ = CertificateFacts(der: Array(der[..<end])) }
        var random = SeededRandom(seed: 20)
        for _ in 0..<2_000 {
            var spoilt = der
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                spoilt[Int.random(in: spoilt.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            }
            _ = CertificateFacts(der: spoilt)
        }
        #expect(CertificateFacts.printable("a\u{1B}[31m\u{202E}b\n") == "a?[31m?b?")
    }
}
