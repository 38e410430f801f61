internal import PureSupport

// `${NAME}` in a configured text, and what other programs write instead of it. The file's reader refuses what is written
// wrongly; a reference is replaced when an upstream is made, so that the value itself is in no file, answer or log.

/// Names that `${NAME}` refers to and the environment does not have.
public struct MissingVariables: Error, Sendable, Equatable, CustomStringConvertible {
    /// In order of appearance, each once.
    public var names: [String]
    /// Those that are set and hold a line break in their middle, as a file with more than the value in it gives.
    public var broken: [String]

    /// Creates the error from its names.
    public init(names: [String], broken: [String] = []) {
        self.names = names
        self.broken = broken
    }

    /// `environment variable NAME not set`
    public var description: String {
        func text(_ names: [String], _ problem: String) -> String? {
            guard !names.isEmpty else { return nil }
            let subject = names.count == 1 ? "environment variable" : "environment variables"
            return "\(subject) \(names.joined(separator: ", ")) \(problem)"
        }
        return [text(names, "not set"), text(broken, "with a line break in the value")].compactMap(\.self)
            .joined(separator: ", ")
    }
}

/// `${NAME}` in a configured text. Only this form is a reference; `$${` stands for `${` itself.
public enum SecretExpansion {
    /// The text with all references replaced. A variable that is set but empty counts as missing: an empty key never
    /// works, and says so less clearly. Blanks and line breaks at a value's end are left out: a file made by `echo` has one.
    public static func expand(_ text: String, environment: [String: String]) throws(MissingVariables) -> String {
        var expanded = ""
        var missing: [String] = []
        var broken: [String] = []
        for part in parts(of: text) {
            switch part {
            case .text(let literal):
                expanded += literal
            case .reference(let name):
                let value = trimmed(environment[name] ?? "")
                if value.isEmpty {
                    if !missing.contains(name) { missing.append(name) }
                } else if value.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D }) {
                    if !broken.contains(name) { broken.append(name) }
                } else {
                    expanded += value
                }
            }
        }
        guard missing.isEmpty, broken.isEmpty else { throw MissingVariables(names: missing, broken: broken) }
        return expanded
    }

    private static func trimmed(_ value: String) -> String {
        guard let last = value.utf8.last, last <= 0x20 else { return value }
        // By scalars: a carriage return and a line feed are one character.
        var scalars = Substring(value).unicodeScalars
        while let last = scalars.last, [" ", "\t", "\n", "\r"].contains(last) { scalars.removeLast() }
        return String(scalars)
    }

    /// The names the text refers to, in order, each once.
    public static func references(in text: String) -> [String] {
        var names: [String] = []
        for case .reference(let name) in parts(of: text) where !names.contains(name) { names.append(name) }
        return names
    }

    /// Whether a secret stands here in the clear: there is text, and no reference in it.
    public static func isLiteral(_ text: String) -> Bool {
        !text.isEmpty && references(in: text).isEmpty
    }

    /// Whether a secret, or a part of one, stands here in the clear: there is more than references and, before them, the word for a
    /// scheme such as `Bearer`.
    public static func holdsLiteral(_ text: String) -> Bool {
        if isLiteral(text) { return true }
        let literals = parts(of: text).compactMap { part in
            if case .text(let literal) = part { literal } else { nil }
        }
        var words = literals.joined(separator: " ").split { $0 == " " || $0 == "\t" || $0 == ":" }[...]
        if let first = words.first, SecretSigns.schemes.contains(first.lowercased()) { words.removeFirst() }
        return !words.isEmpty
    }

    /// How a secret is shown: references as written, everything else as `***`.
    public static func masked(_ text: String) -> String {
        parts(of: text).map { part in
            switch part {
            case .text: "***"
            case .reference(let name): "${\(name)}"
            }
        }.joined()
    }

    /// The same, but of a long literal its last four characters, by which its owner tells it from others. For the screen of
    /// the user who runs Podium alone: neither logs nor the control API have that much of it.
    public static func hinted(_ text: String) -> String {
        guard isLiteral(text), text.count >= 20 else { return masked(text) }
        return "…" + text.suffix(4)
    }

    private enum Part {
        case text(String)
        case reference(String)
    }

    private static func parts(of text: String) -> [Part] {
        // Nearly every text of a file has none.
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text.isEmpty ? [] : [.text(text)] }
        var parts: [Part] = []
        var literal = ""
        var rest = Substring(text).unicodeScalars
        while let scalar = rest.popFirst() {
            if scalar == "$", rest.starts(with: "${".unicodeScalars) {
                literal += "${"
                rest.removeFirst(2)
            } else if scalar == "$", let name = referenceName(rest) {
                if !literal.isEmpty { parts.append(.text(literal)) }
                literal = ""
                parts.append(.reference(name))
                rest.removeFirst(name.unicodeScalars.count + 2)
            } else {
                literal.unicodeScalars.append(scalar)
            }
        }
        if !literal.isEmpty { parts.append(.text(literal)) }
        return parts
    }

    /// The name in `{NAME}` at the start of the text.
    private static func referenceName(_ text: Substring.UnicodeScalarView) -> String? {
        guard text.first == "{" else { return nil }
        let name = Substring(text.dropFirst().prefix(while: ASCII.isVariablePart))
        return ASCII.isVariableName(name) && text[name.endIndex...].first == "}" ? String(name) : nil
    }
}

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
            if opening == "%", !ASCII.isVariableName(inner) { continue }
            // `${NAME}` is Podium's own form, and `${A}-${B}` two of them.
            if opening == "${", ASCII.isVariableName(inner) || inner.contains("}") { continue }
            return Placeholder(text: String(rest), name: name(in: inner))
        }
        for opening in openings where rest.hasPrefix(opening) {
            let inner = rest.dropFirst(opening.count).drop { $0 == " " }
            guard ASCII.isVariableName(inner) else { continue }
            return Placeholder(text: String(rest), name: String(inner))
        }
        // A tag that the loader has put before the text.
        if rest.first == "!", let blank = rest.firstIndex(of: " ") {
            let tag = rest[..<blank].drop { $0 == "!" }
            if !tag.isEmpty, tag.allSatisfy({ $0.isLetter || $0.isNumber || "_-:./".contains($0) }) {
                let inner = rest[blank...].drop { $0 == " " }
                return Placeholder(text: String(rest), name: ASCII.isVariableName(inner) ? String(inner) : nil)
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

    /// The last name in the text: `.Env.KEY`, `secrets.KEY`, `env "KEY"`.
    private static func name(in text: Substring) -> String? {
        let words = text.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")) }
        return words.last(where: { ASCII.isVariableName($0) }).map(String.init)
    }
}
