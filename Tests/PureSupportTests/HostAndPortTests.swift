import PureSupport
import Testing

struct HostAndPortTests {
    @Test(
        arguments: [
            ("localhost", "localhost", nil), ("a.example:8443", "a.example", 8_443), ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]", "::1", nil), ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65_535),
        ] as [(String, String, Int?)])
    func parts(text: String, host: String, port: Int?) throws {
        let parts = try HostAndPort(text)
        #expect((parts.host, parts.port) == (host, port))
    }

    @Test(arguments: [
        ("", HostAndPort.Problem.missingHost), (":80", .missingHost), ("a b", .notHostName("a b")),
        ("a:", .notPort("")), ("a:0", .notPort("0")), ("a:65536", .notPort("65536")), ("a:+1", .notPort("+1")),
        ("::1", .severalPorts), ("[::1", .noClosingBracket), ("[::1]80", .textBehindBracket), ("[a]", .notIPv6("a")),
        ("[1:2:3]", .notIPv6("1:2:3")), ("[::1::]", .notIPv6("::1::")), (".a", .notHostName(".a")),
    ])
    func problems(text: String, problem: HostAndPort.Problem) {
        #expect(throws: problem) { try HostAndPort(text) }
    }

    @Test func loopbackIsThisMachineAlone() {
        for host in ["localhost", "LOCALHOST", "::1", "127.0.0.1", "127.1.2.3"] {
            #expect(HostAndPort.isLoopback(host), "\(host)")
        }
        for host in ["0.0.0.0", "::", "10.0.0.1", "localhost.example", "128.0.0.1", ""] {
            #expect(!HostAndPort.isLoopback(host), "\(host)")
        }
    }

    @Test func onlyAddressesOfSixteenBytesGetBrackets() {
        #expect(HostAndPort.bracketed("::1") == "[::1]")
        #expect(HostAndPort.bracketed("a.example") == "a.example")
    }
}
