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
    /// whoever runs Podium alone: neither logs nor the control API have that much of it.
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
        let name = text.dropFirst().prefix { $0 == "_" || isLetter($0) || isDigit($0) }
        guard let first = name.first, !isDigit(first), text[name.endIndex...].first == "}" else { return nil }
        return String(Substring(name))
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
}
