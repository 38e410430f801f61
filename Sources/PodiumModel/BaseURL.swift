internal import PureSupport

// The two URLs that an endpoint is given as text: where it is, and the proxy on the way there. The settings keep the text as it was
// written; what reads a file or a form checks it here, and the proxy takes its parts from here.

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

/// An outbound proxy as a URL: `socks5://user:pass@127.0.0.1:1080`.
public enum ProxyText {
    /// Reads the URL form. User and password are percent-decoded, except inside `${NAME}`.
    public static func parse(_ text: String) throws(ValueProblem) -> OutboundProxy {
        if text == OutboundProxy.Kind.environment.rawValue { return .environment }
        guard let separator = text.firstRange(of: "://") else {
            throw ValueProblem(
                "the proxy has no scheme", fix: "write http://HOST:PORT, socks5://HOST:PORT or env",
                brief: "begin with http:// or socks5://")
        }
        let kind = try kind(String(text[..<separator.lowerBound]))
        var authority = text[separator.upperBound...]
        if authority.last == "/" { authority.removeLast() }
        var proxy = OutboundProxy(kind: kind, host: "", port: 0)
        if let at = authority.lastIndex(of: "@") {
            let credentials = authority[..<at]
            let user = credentials.prefix { $0 != ":" }
            proxy.username = PercentEncoding.decodeLeniently(String(user))
            if user.endIndex < credentials.endIndex {
                proxy.password = PercentEncoding.decodeLeniently(String(credentials[user.endIndex...].dropFirst()))
            }
            authority = authority[authority.index(after: at)...]
        }
        let address = try address(String(authority), kind: kind)
        proxy.host = address.host
        proxy.port = address.port
        return proxy
    }

    /// The URL form; characters that would end the user or the password early are percent-encoded.
    public static func render(_ proxy: OutboundProxy) -> String {
        guard proxy.kind != .environment else { return proxy.kind.rawValue }
        // What a reference such as ${NAME} is made of stays readable.
        let kept = "${}"
        var text = "\(proxy.kind.rawValue)://"
        if let username = proxy.username {
            text += PercentEncoding.encode(username, keeping: kept)
            if let password = proxy.password { text += ":" + PercentEncoding.encode(password, keeping: kept) }
            text += "@"
        }
        return text + renderAddress(proxy)
    }

    /// The protocol of a URL's scheme, or of `type:`.
    public static func kind(_ text: String) throws(ValueProblem) -> OutboundProxy.Kind {
        switch text.lowercased() {
        case "http": return .http
        case "socks5", "socks5h": return .socks5
        default:
            throw ValueProblem(
                "\(SecretSigns.quoted(text)) is not a kind of proxy", fix: "use http or socks5",
                brief: "begin with http:// or socks5://")
        }
    }

    /// `HOST:PORT`, or the host alone with the usual port of the protocol.
    public static func address(
        _ text: String, kind: OutboundProxy.Kind
    ) throws(ValueProblem) -> (host: String, port: Int) {
        do throws(HostAndPort.Problem) {
            let address = try HostAndPort(text)
            return (address.host, address.port ?? (kind == .socks5 ? 1080 : 8080))
        } catch {
            // Its own words could hold a password that has lost its place.
            throw ValueProblem(
                "the proxy's address is not HOST:PORT", fix: "write it like 127.0.0.1:1080 or [::1]:1080",
                brief: text.isEmpty || text.first == ":"
                    ? "has no host" : text.contains(" ") ? "has a blank in it" : "needs HOST:PORT")
        }
    }

    /// `HOST:PORT`.
    public static func renderAddress(_ proxy: OutboundProxy) -> String {
        "\(HostAndPort.bracketed(proxy.host)):\(proxy.port)"
    }
}
