import Ranking
import Testing

@testable import Proxy

/// The words spoken with proxies, byte by byte.
struct TunnelNegotiationTests {
    private static let user = UpstreamProxy.Credentials(username: Array("user".utf8), password: Array("pass".utf8))

    /// Feeds one byte at a time; the bytes before each step's end are not enough.
    private func walk(_ negotiation: inout any TunnelNegotiation, _ bytes: [UInt8]) -> TunnelStep {
        for byte in bytes.dropLast() {
            let step = negotiation.receive([byte])
            guard step == .awaitMore else { return step }
        }
        return negotiation.receive(Array(bytes.suffix(1)))
    }

    @Test func socksWithoutCredentials() {
        var negotiation: any TunnelNegotiation = SOCKS5Negotiation(host: "ab.c", port: 443, credentials: nil)
        #expect(negotiation.begin() == [5, 1, 0])
        #expect(walk(&negotiation, [5, 0]) == .send([5, 1, 0, 3, 4] + Array("ab.c".utf8) + [1, 0xBB]))
        #expect(walk(&negotiation, [5, 0, 0, 3, 2, 0x61, 0x62, 0, 80]) == .established)
        #expect(negotiation.receive([1]) == .failed(.malformedAnswer))
    }

    @Test func socksWithCredentials() {
        var negotiation: any TunnelNegotiation = SOCKS5Negotiation(
            host: "::1", port: 80, credentials: Self.user)
        #expect(negotiation.begin() == [5, 2, 0, 2])
        #expect(walk(&negotiation, [5, 2]) == .send([1, 4] + Array("user".utf8) + [4] + Array("pass".utf8)))
        let address: [UInt8] = Array(repeating: 0, count: 15) + [1]
        #expect(walk(&negotiation, [1, 0]) == .send([5, 1, 0, 4] + address + [0, 80]))
        #expect(walk(&negotiation, [5, 0, 0, 4] + address + [0, 80]) == .established)
    }

    @Test func aSOCKSServerMayDoWithoutTheCredentials() {
        var negotiation = SOCKS5Negotiation(host: "10.0.0.1", port: 1, credentials: Self.user)
        _ = negotiation.begin()
        #expect(negotiation.receive([5, 0]) == .send([5, 1, 0, 1, 10, 0, 0, 1, 0, 1]))
    }

    @Test(arguments: [[5, 1], [5, 2], [4, 0], [5, 0, 0]] as [[UInt8]])
    func aMethodThatWasNotOfferedIsRefused(answer: [UInt8]) {
        var negotiation = SOCKS5Negotiation(host: "a", port: 1, credentials: nil)
        _ = negotiation.begin()
        #expect(negotiation.receive(answer) == .failed(.malformedAnswer))
    }

    @Test func connect() {
        var negotiation: any TunnelNegotiation = ConnectNegotiation(host: "::1", port: 443, credentials: nil)
        let text = "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"
        #expect(negotiation.begin() == Array(text.utf8))
        let answer = "HTTP/1.1 100 Wait\r\n\r\nHTTP/1.0 200 Yes\r\nContent-Length: 7\r\n\r\n"
        #expect(walk(&negotiation, Array(answer.utf8)) == .established)
    }

    /// RFC 9110 §9.3.6: what a success says of a body is ignored.
    @Test(arguments: [
        ("200 Yes\r\nContent-Length: 0\r\nTransfer-Encoding: chunked", true),
        ("200 Yes\r\nTransfer-Encoding: gzip", true),
        ("204 Yes\r\nContent-Length: x", true), ("200 Yes\r\nContent-Length: 1\r\nContent-Length: 2", true),
        ("500 No\r\nContent-Length: 0\r\nTransfer-Encoding: chunked", false), ("200 Yes\r\nX Y: z", false),
    ])
    func aTunnelHasNoBody(answer: String, isEstablished: Bool) {
        var negotiation: any TunnelNegotiation = ConnectNegotiation(host: "a", port: 443, credentials: nil)
        _ = negotiation.begin()
        let step = walk(&negotiation, Array("HTTP/1.1 \(answer)\r\n\r\n".utf8))
        #expect(step == (isEstablished ? .established : .failed(.malformedAnswer)))
    }

    @Test func anEndlessAnswerIsCutOff() {
        var negotiation = ConnectNegotiation(host: "a", port: 1, credentials: nil)
        _ = negotiation.begin()
        #expect(negotiation.receive(Array("HTTP/1.1 200 OK\r\nX: ".utf8)) == .awaitMore)
        #expect(negotiation.receive(Array(repeating: 0x61, count: 17_000)) == .failed(.malformedAnswer))
    }

    @Test func credentialsThatCannotBeSaidAreRefused() {
        typealias Failure = UpstreamProxy.ValidationError
        let long = String(repeating: "x", count: 256)
        #expect(throws: Failure.invalidCredentials) {
            try UpstreamProxy(kind: .socks5, host: "a", port: 1, username: long, password: "")
        }
        #expect(throws: Failure.invalidCredentials) {
            try UpstreamProxy(kind: .socks5, host: "a", port: 1, username: "a", password: long)
        }
        #expect(throws: Failure.invalidCredentials) {
            try UpstreamProxy(kind: .socks5, host: "a", port: 1, username: "", password: "b")
        }
        #expect(throws: Failure.invalidCredentials) {
            try UpstreamProxy(kind: .http, host: "a", port: 1, username: "a:b", password: "c")
        }
        #expect(throws: Failure.invalidCredentials) {
            try UpstreamProxy(kind: .http, host: "a", port: 1, password: "c")
        }
    }
}
