/// A text that is meant to be replaced and is not: some other program's way to name an environment variable.
public struct Placeholder: Equatable {
    /// As it is written.
    public var text: String
    /// The variable's name, where it can be made out.
    public var name: String?

    /// Why the text is of no use at this place.
    public func problem(at place: String) -> ValueProblem {
        let name = name.flatMap { Self.isShowable($0) ? $0 : nil }
        let isHarmless = name != nil && text.count <= 60 && !SecretSigns.inValue(text)
        // Behind a tag there can stand the credential itself.
        let tag = text.first == "!" ? text.prefix { $0 != " " } + " …" : "another program's reference"
        let shown = isHarmless ? HeaderRules.printable(text) : String(tag)
        return ValueProblem(
            "\(place) is \(shown), which Podium does not replace and never sends", fix: "write ${\(name ?? "NAME")}")
    }

    /// Whether it can only be the name of a variable.
    private static func isShowable(_ name: String) -> Bool {
        let isShouted = name.contains("_") && !name.contains { ("a"..."z").contains($0) }
        return name.count <= 60 && !SecretSigns.inValue(name) && (isShouted || !SecretSigns.mayBeKey(name[...]))
    }

    /// Nil for a text that can be meant as it stands. Only the whole of a text, or all behind `Bearer`, is taken for a
    /// placeholder: a password can hold any signs.
    public static func find(in text: String) -> Placeholder? {
        var rest = text[...]
        for scheme in ["bearer ", "basic ", "token "] where rest.lowercased().hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count).drop { $0 == " " }
        }
        guard !rest.isEmpty, rest.utf8.count <= 200 else { return nil }
        for (opening, closing) in enclosings where rest.hasPrefix(opening) && rest.hasSuffix(closing) {
            let inner = rest.dropFirst(opening.count).dropLast(closing.count)
            guard rest.count > opening.count + closing.count else { continue }
            if opening == "%", !isName(inner) { continue }
            // `${NAME}` is Podium's own form, and `${A}-${B}` two of them.
            if opening == "${", isName(inner) || inner.contains("}") { continue }
            return Placeholder(text: String(rest), name: name(in: inner))
        }
        for opening in openings where rest.hasPrefix(opening) {
            let inner = rest.dropFirst(opening.count).drop { $0 == " " }
            guard isName(inner) else { continue }
            return Placeholder(text: String(rest), name: String(inner))
        }
        // A tag that the loader has put before the text.
        if rest.first == "!", let blank = rest.firstIndex(of: " ") {
            let tag = rest[..<blank].drop { $0 == "!" }
            if !tag.isEmpty, tag.allSatisfy({ $0.isLetter || $0.isNumber || "_-:./".contains($0) }) {
                let inner = rest[blank...].drop { $0 == " " }
                return Placeholder(text: String(rest), name: isName(inner) ? String(inner) : nil)
            }
        }
        return nil
    }

    private static let enclosings = [
        ("{{", "}}"), ("${{", "}}"), ("<%", "%>"), ("${", "}"), ("$(", ")"), ("{env:", "}"), ("{env.", "}"),
        ("{$", "}"),
        ("ENV[", "]"), ("%", "%"), ("@@", "@@"), ("__", "__"),
    ]
    private static let openings = ["$env:", "$", "os.environ/", "env:", "env.", "process.env.", "ENV:", "vault:"]

    private static func isName(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte)
        }
    }

    /// The last name in the text: `.Env.KEY`, `secrets.KEY`, `env "KEY"`.
    private static func name(in text: Substring) -> String? {
        let words = text.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")) }
        return words.last(where: { isName($0) }).map(String.init)
    }
}
