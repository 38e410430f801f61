internal import PureSupport

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
