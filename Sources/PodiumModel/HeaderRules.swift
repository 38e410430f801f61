/// What may stand in a configured header.
public enum HeaderRules {
    /// Why the name cannot be used, if it cannot.
    public static func problem(inName name: String) -> ValueProblem? {
        guard !name.isEmpty else { return ValueProblem("a header has no name") }
        guard isToken(name) else {
            return ValueProblem(
                "\(SecretSigns.quoted(name)) is not a header name", fix: "use letters, digits and hyphens only",
                brief: "\(SecretSigns.quoted(name)) is no header name")
        }
        guard !ownedByProxy.contains(name.lowercased()) else {
            return ValueProblem("the header '\(name)' is the proxy's own", fix: "remove it")
        }
        return nil
    }

    /// Why the value cannot be used, if it cannot: what it holds could end the header and begin another one.
    public static func problem(inValue value: String, of subject: String) -> ValueProblem? {
        guard let bad = value.unicodeScalars.first(where: { ($0.value < 0x20 && $0 != "\t") || $0.value == 0x7F })
        else { return nil }
        let name = bad == "\n" || bad == "\r" ? "a line break" : "a control character"
        return ValueProblem("\(subject) holds \(name)", fix: "remove it")
    }

    /// Framing and connection handling, which a configured value would break.
    private static let ownedByProxy: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    /// Whether it is a token of HTTP (RFC 9110 §5.6.2), as the names of headers are.
    public static func isToken(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy(isTokenByte)
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    /// The text without control characters.
    public static func printable(_ text: String) -> String {
        if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return text }
        let scalars = text.unicodeScalars.filter { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
        return String(String.UnicodeScalarView(scalars))
    }
}
