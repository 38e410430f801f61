internal import PureSupport

/// What may stand in a configured header.
public enum HeaderRules {
    /// Why the name cannot be used, if it cannot.
    public static func problem(inName name: String) -> ValueProblem? {
        guard !name.isEmpty else { return ValueProblem("a header has no name") }
        guard ASCII.isToken(name) else {
            return ValueProblem(
                "\(SecretSigns.quoted(name)) is not a header name", fix: "use letters, digits and hyphens only",
                brief: "\(SecretSigns.quoted(name)) is no header name")
        }
        guard !ReservedHeaders.contain(name) else {
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

    /// The text without control characters.
    public static func printable(_ text: String) -> String {
        if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return text }
        let scalars = text.unicodeScalars.filter { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
        return String(String.UnicodeScalarView(scalars))
    }
}
