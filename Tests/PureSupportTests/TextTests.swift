@testable import PureSupport
import Testing

struct TextTests {
    @Test func percentEncodingIsUndoneWhole() {
        for name in ["a", "a b", "ä/ö?#%", "~-._", "\u{1F600}"] {
            let encoded = PercentEncoding.encode(name)
            #expect(encoded.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }, "\(encoded)")
            #expect(PercentEncoding.decode(encoded[...]) == name)
            #expect(PercentEncoding.decodeLeniently(encoded) == name)
        }
        #expect(PercentEncoding.encode("ab", whole: true) == "%61%62")
        #expect(PercentEncoding.encode("${NAME}:", keeping: "${}") == "${NAME}%3A")
    }

    @Test(arguments: ["%", "%4", "%zz", "%ff"])
    func brokenEscapesAreRefusedOrKept(text: String) {
        #expect(PercentEncoding.decode(text[...]) == nil)
        if text != "%ff" { #expect(PercentEncoding.decodeLeniently(text) == text) }
    }

    // By `date -u -d @N +%FT%TZ`.
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.007Z"), (951_782_400, "2000-02-29T00:00:00.007Z"),
        (1_709_251_199, "2024-02-29T23:59:59.007Z"), (4_107_542_400, "2100-03-01T00:00:00.007Z"),
        (-5, "1970-01-01T00:00:00.007Z"),
    ])
    func calendar(unixTime: Int, text: String) {
        #expect(CivilTime(unixTime: unixTime).rfc3339(milliseconds: 7) == text)
    }

    @Test func digits() {
        #expect([0, 7, 10, 99].map(\.twoDigits) == ["00", "07", "10", "99"])
        #expect(UInt64(0xAB).hexadecimal(digits: 16) == "00000000000000ab")
        #expect(UInt8(0x0F).hexadecimal(digits: 2, uppercase: true) == "0F")
    }

    @Test func jsonStringsHoldNoControlCharacters() {
        #expect(
            QuotedText.json("a\"b\\c\n\t\u{1B}\u{7F}\u{85}\u{2028}ü") == #""a\"b\\c\n\u0009\u001b\u007f\u0085\u2028ü""#)
    }

    // RFC 9110 §5.6.2.
    @Test func tokenBytesAreThoseOfTheGrammar() {
        let expected = Set(
            "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max { #expect(ASCII.isToken(byte) == expected.contains(byte), "\(byte)") }
        #expect(!ASCII.isToken("") && ASCII.isToken("X-Key") && !ASCII.isToken("a b"))
    }

    @Test func hexadecimalDigits() {
        for byte in UInt8.min...UInt8.max {
            let character = Character(Unicode.Scalar(byte))
            let expected = character.isASCII ? character.hexDigitValue : nil
            #expect(ASCII.hexadecimalValue(byte).map(Int.init) == expected, "\(byte)")
        }
    }

    @Test func secretsAreEqualAsAWhole() {
        func isEqual(_ presented: String, _ secret: String) -> Bool {
            Array(presented.utf8).withUnsafeBytes { SecretComparison.isEqual($0, Array(secret.utf8)) }
        }
        #expect(isEqual("secret", "secret"))
        for presented in ["", "s", "secre", "secretsecret", "Secret", "secrets"] {
            #expect(!isEqual(presented, "secret"), "\(presented)")
        }
        #expect(!isEqual("", "") && !isEqual("a", ""))
    }

    // The published vectors of FNV-1a of 64 bits.
    @Test(
        arguments: [("", 0xCBF2_9CE4_8422_2325), ("a", 0xAF63_DC4C_8601_EC8C), ("foobar", 0x8594_4171_F739_67E8)]
            as [(String, UInt64)])
    func fnv(text: String, hash: UInt64) {
        var sum = FNV1a()
        sum.add(text.utf8)
        #expect(sum.value == hash)
    }
}

@Suite("Base64")
struct Base64Tests {
    @Test(
        "As in RFC 4648",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(text: String, expected: String) {
        #expect(Base64.encode(Array(text.utf8)) == expected)
    }
}

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
