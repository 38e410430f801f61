internal import PureSupport

/// An endpoint's base URL, taken apart: `https://api.example.com:8443/v1`.
public struct BaseURL: Sendable, Equatable {
    /// `http` or `https`, in lower case.
    public var scheme: String
    /// Host name or address; an IPv6 address without its brackets.
    public var host: String
    /// The port, the scheme's own where none is written.
    public var port: Int
    /// Empty, or beginning with `/`; as written, a closing `/` included.
    public var path: String

    /// Reads a URL. Credentials, queries and fragments are refused: an endpoint's path and key have their own places.
    public init(_ text: String) throws(ValueProblem) {
        if let bad = text.unicodeScalars.first(where: Self.isForbidden) {
            let isControl = bad.value < 0x20 || bad.value == 0x7F
            let name = bad == " " ? "a space" : isControl ? "a control character" : "'\(bad)'"
            throw ValueProblem(
                "a URL cannot hold \(name)", fix: "percent-encode it or remove it",
                brief: bad == " " ? "has a blank in it" : nil)
        }
        try self.init(checked: text)
    }

    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\"", "<", ">", "\\", "^", "`", "{", "|", "}": true
        default: scalar.value <= 0x20 || scalar.value >= 0x7F
        }
    }

    private init(checked text: String) throws(ValueProblem) {
        guard let separator = text.firstRange(of: "://") else {
            // What follows can be a key.
            let place = text.drop { $0 == "/" }.prefix { $0 != "?" && $0 != "#" }
            throw ValueProblem(
                "the URL has no scheme",
                fix:
                    "write https://\(place.contains("@") || SecretSigns.inValue(String(place)) ? "HOST" : String(place))",
                brief: "begin with https://")
        }
        scheme = text[..<separator.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else {
            throw ValueProblem(
                "the scheme \(SecretSigns.quoted(scheme)) is not supported", fix: "use https:// or http://",
                brief: "begin with https://")
        }
        let rest = text[separator.upperBound...]
        if rest.contains("?") {
            throw ValueProblem(
                "a base URL cannot have a query", fix: "remove everything from the ?", brief: "base URL only, no ? or #"
            )
        }
        if rest.contains("#") {
            throw ValueProblem(
                "a base URL cannot have a fragment", fix: "remove everything from the #",
                brief: "base URL only, no ? or #")
        }
        let authority = rest.prefix { $0 != "/" }
        if authority.contains("@") {
            throw ValueProblem(
                "a base URL cannot hold credentials", fix: "put them into auth_value", brief: "put no password in it")
        }
        do throws(HostAndPort.Problem) {
            let parts = try HostAndPort(authority)
            host = parts.host
            port = parts.port ?? (scheme == "https" ? 443 : 80)
        } catch {
            throw ValueProblem(error, in: String(authority))
        }
        path = String(rest[authority.endIndex...])
        try Self.checkPercentEncoding(path)
    }

    private static func checkPercentEncoding(_ path: String) throws(ValueProblem) {
        let bytes = Array(path.utf8)
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "%") {
            let digits = bytes[(index + 1)...].prefix(2)
            guard digits.count == 2, digits.allSatisfy({ ASCII.hexadecimalValue($0) != nil }) else {
                throw ValueProblem(
                    "a '%' in the URL's path is not followed by two hexadecimal digits", fix: "write %25")
            }
        }
    }
}

extension ValueProblem {
    /// - Parameter text: what was read.
    init(_ problem: HostAndPort.Problem, in text: String) {
        switch problem {
        case .noClosingBracket: self.init("the address has no closing ]")
        case .textBehindBracket: self.init("only a port can follow the ]")
        case .notIPv6(let host): self.init("\(SecretSigns.quoted(host)) is not an IPv6 address")
        case .severalPorts:
            self.init("\(SecretSigns.quoted(text)) has more than one port", fix: "write IPv6 addresses as [::1]")
        case .missingHost: self.init("the host is missing", brief: "has no host")
        case .notHostName(let host): self.init("\(SecretSigns.quoted(host)) is not a host name")
        case .notPort(let port):
            self.init(
                "\(SecretSigns.quoted(port)) is not a port", fix: "ports are 1 to 65535", brief: "port must be 1–65535")
        }
    }
}
