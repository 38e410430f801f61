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
        let parts = try HostAndPort(String(authority), defaultPort: scheme == "https" ? 443 : 80)
        host = parts.host
        port = parts.port
        path = String(rest[authority.endIndex...])
        try Self.checkPercentEncoding(path)
    }

    private static func checkPercentEncoding(_ path: String) throws(ValueProblem) {
        let bytes = Array(path.utf8)
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "%") {
            let digits = bytes[(index + 1)...].prefix(2)
            guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
                throw ValueProblem(
                    "a '%' in the URL's path is not followed by two hexadecimal digits", fix: "write %25")
            }
        }
    }
}

/// `host`, `host:port`, `[::1]:port`.
public struct HostAndPort: Equatable {
    /// IPv6 without its brackets.
    public var host: String
    /// 1 to 65535.
    public var port: Int

    /// Reads the text.
    public init(_ text: String, defaultPort: Int) throws(ValueProblem) {
        let portText: Substring?
        if text.first == "[" {
            guard let bracket = text.firstIndex(of: "]") else { throw ValueProblem("the address has no closing ]") }
            host = String(text[text.index(after: text.startIndex)..<bracket])
            let rest = text[text.index(after: bracket)...]
            guard rest.isEmpty || rest.first == ":" else { throw ValueProblem("only a port can follow the ]") }
            guard Self.isIPv6(host) else { throw ValueProblem("\(SecretSigns.quoted(host)) is not an IPv6 address") }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2 else {
                throw ValueProblem(
                    "\(SecretSigns.quoted(text)) has more than one port", fix: "write IPv6 addresses as [::1]")
            }
            host = String(parts.first ?? "")
            portText = parts.count == 2 ? parts[1] : nil
            guard !host.isEmpty else { throw ValueProblem("the host is missing", brief: "has no host") }
            guard Self.isHostName(host) else { throw ValueProblem("\(SecretSigns.quoted(host)) is not a host name") }
        }
        guard let portText else {
            port = defaultPort
            return
        }
        guard portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(portText),
            (1...65535).contains(number)
        else {
            throw ValueProblem(
                "\(SecretSigns.quoted(portText)) is not a port", fix: "ports are 1 to 65535",
                brief: "port must be 1–65535")
        }
        port = number
    }

    /// Whether it has only the signs of host names and IPv4 addresses.
    public static func isHostName(_ text: String) -> Bool {
        text.utf8.count <= 253
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
            }
            && !text.hasPrefix(".") && !text.contains("..")
    }

    /// Whether it is an IPv6 address, without brackets.
    public static func isIPv6(_ text: String) -> Bool {
        let address = text.prefix { $0 != "%" }
        guard address.contains(":") else { return false }
        let halves = address.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2 else { return false }
        var groups = 0
        for half in halves where !half.isEmpty {
            for group in half.split(separator: ":", omittingEmptySubsequences: false) {
                if group.contains(".") {
                    groups += 2
                } else {
                    guard (1...4).contains(group.count), group.allSatisfy(\.isHexDigit) else { return false }
                    groups += 1
                }
            }
        }
        return halves.count == 2 ? groups < 8 : groups == 8
    }
}
