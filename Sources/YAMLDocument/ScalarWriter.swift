internal import PureSupport

// Values as text, both ways: what an unquoted word means, how a scalar has to be quoted so that it means itself, and how collections
// are laid out. `Layout` writes with it, `YAMLNode` reads with it: one table of rules, so that what is written reads back
// as what was meant.

/// Chooses how a scalar is written so that it reads back as the same type and text.
enum ScalarWriter {
    /// Where the scalar will stand.
    enum Context {
        case block
        /// Inside brackets or braces, where `,`, `[`, `]`, `{` and `}` end a plain scalar.
        case flow
    }

    /// - Parameter style: the style of the scalar that is replaced; a string keeps its quotes where it can.
    static func text(_ value: YAMLValue, in context: Context, replacing style: YAMLNode.Style? = nil) -> String {
        switch value {
        case .null: "null"
        case .boolean(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .string(let text): string(text, in: context, replacing: style)
        case .sequence, .mapping: preconditionFailure("only scalars are written here")
        }
    }

    static func string(_ text: String, in context: Context, replacing style: YAMLNode.Style? = nil) -> String {
        let needsEscapes = text.unicodeScalars.contains { needsEscape($0) }
        switch style {
        case .singleQuoted where !needsEscapes: return singleQuoted(text)
        case .doubleQuoted: return doubleQuoted(text)
        default: break
        }
        if !needsEscapes, isPlainSafe(text, in: context) { return text }
        let prefersSingle = text.contains("\"") || text.contains("\\")
        return prefersSingle && !needsEscapes ? singleQuoted(text) : doubleQuoted(text)
    }

    private static func singleQuoted(_ text: String) -> String {
        var quoted = "'"
        for scalar in text.unicodeScalars {
            quoted.unicodeScalars.append(scalar)
            if scalar == "'" { quoted.append("'") }
        }
        return quoted + "'"
    }

    private static func doubleQuoted(_ text: String) -> String {
        QuotedText.quoted(text) { scalar in
            shortEscape(scalar) ?? (needsEscape(scalar) ? longEscape(scalar) : nil)
        }
    }

    private static func longEscape(_ scalar: Unicode.Scalar) -> String {
        let (mark, width) = scalar.value <= 0xFF ? ("x", 2) : scalar.value <= 0xFFFF ? ("u", 4) : ("U", 8)
        return "\\" + mark + scalar.value.hexadecimal(digits: width, uppercase: true)
    }

    /// What JSON and YAML both write with one letter.
    static func shortEscape(_ scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: nil
        }
    }

    /// Control characters, line breaks, and what YAML does not call printable.
    static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: false
        default: true
        }
    }

    private static func isPlainSafe(_ text: String, in context: Context) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, !PlainScalar.isAmbiguous(text) else { return false }
        if "-?:,[]{}#&*!|>'\"%@` ".utf8.contains(first) || last == 0x20 || last == UInt8(ascii: ":") { return false }
        if text.hasPrefix("...") { return false }
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: ":") where bytes[index + 1] == 0x20: return false
            case UInt8(ascii: "#") where bytes[index - 1] == 0x20: return false
            case _ where context == .flow && ",[]{}?".utf8.contains(byte): return false
            // Readers disagree about `a:b` in flow style; a URL's `://` they all read.
            case UInt8(ascii: ":") where context == .flow && bytes[index + 1] != UInt8(ascii: "/"): return false
            default: continue
            }
        }
        return true
    }
}

/// Lays out values for insertion.
struct ValueWriter {
    /// The file's own line break.
    var lineBreak: String
    /// Columns by which the file indents a level.
    var indentStep: Int

    /// Spaces between `{` and the first key; operators write `{ a: b }` far more often than `{a: b}`.
    static func inline(
        _ value: YAMLValue, in context: ScalarWriter.Context, replacing style: YAMLNode.Style? = nil
    ) -> String {
        switch value {
        case .sequence(let items):
            return "[" + items.map { inline($0, in: .flow) }.joined(separator: ", ") + "]"
        case .mapping(let pairs):
            guard !pairs.isEmpty else { return "{}" }
            return "{ " + pairs.map { inlinePair($0.key, $0.value) }.joined(separator: ", ") + " }"
        default:
            return ScalarWriter.text(value, in: context, replacing: style)
        }
    }

    static func inlinePair(_ key: String, _ value: YAMLValue) -> String {
        ScalarWriter.string(key, in: .flow) + ": " + inline(value, in: .flow)
    }

    /// Whether the value goes on one line also where there is room for more.
    ///
    /// - Parameter indent: columns before the value's key. A mapping at the top level is a section, which has its own lines.
    static func fitsInline(_ value: YAMLValue, indent: Int) -> Bool {
        if case .mapping(let pairs) = value, !pairs.isEmpty, indent == 0 { return false }
        let isFlat =
            switch value {
            case .sequence(let items): items.allSatisfy(\.isScalar)
            case .mapping(let pairs): pairs.allSatisfy(\.value.isScalar)
            default: true
            }
        return value.isScalar || (isFlat && inline(value, in: .block).utf8.count <= 80)
    }

    /// `key: value`, further lines indented by `indent` or more; neither begins with an indent nor ends with a line break.
    func pair(_ key: String, _ value: YAMLValue, indent: Int) -> String {
        let head = ScalarWriter.string(key, in: .block) + ":"
        if Self.fitsInline(value, indent: indent) { return head + " " + Self.inline(value, in: .block) }
        return head + lineBreak + children(of: value, indent: indent + indentStep)
    }

    /// The lines of a collection, each with its indent, without the last line break.
    func children(of value: YAMLValue, indent: Int) -> String {
        let spaces = String(repeating: " ", count: indent)
        let lines: [String] =
            switch value {
            case .sequence(let items): items.map { entry($0, indent: indent, keyOffset: 2) }
            case .mapping(let pairs): pairs.map { pair($0.key, $0.value, indent: indent) }
            default: [Self.inline(value, in: .block)]
            }
        return lines.map { spaces + $0 }.joined(separator: lineBreak)
    }

    /// `- value`, a mapping one key a line.
    /// - Parameter keyOffset: columns from the dash to the keys.
    func entry(_ value: YAMLValue, indent: Int, keyOffset: Int) -> String {
        let dash = "-" + String(repeating: " ", count: max(1, keyOffset - 1))
        switch value {
        case .mapping(let pairs) where !pairs.isEmpty:
            let column = indent + dash.utf8.count
            let separator = lineBreak + String(repeating: " ", count: column)
            return dash + pairs.map { pair($0.key, $0.value, indent: column) }.joined(separator: separator)
        default:
            return dash + Self.inline(value, in: .block)
        }
    }
}

/// What an unquoted scalar means.
enum PlainScalar {
    /// The type by YAML 1.1's rules, those of the files that are there.
    static func resolve(_ text: String) -> YAMLScalar {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": return .boolean(true)
        case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": return .boolean(false)
        default: break
        }
        guard let first = text.utf8.first, isNumberStart(first) else { return .string(text) }
        if let integer = integer(text) { return .integer(integer) }
        if let float = float(text) { return .float(float) }
        return .string(text)
    }

    /// Whether some reader (YAML 1.1 or 1.2, and the looser ones) would take this text, unquoted, for anything but itself.
    static func isAmbiguous(_ text: String) -> Bool {
        switch text {
        case "<<", "=": return true
        default: break
        }
        if resolve(text) != .string(text) { return true }
        // Some readers fold case further than the standard does.
        switch text.lowercased() {
        case "null", "true", "false", "yes", "no", "on", "off", "y", "n": return true
        default: return looksNumeric(text) || looksLikeDate(text)
        }
    }

    private static func isNumberStart(_ byte: UInt8) -> Bool {
        ASCII.isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".")
    }

    private static func integer(_ text: String) -> Int? {
        var digits = text.filter { $0 != "_" }
        var sign = ""
        if let first = digits.first, first == "+" || first == "-" {
            sign = first == "-" ? "-" : ""
            digits.removeFirst()
        }
        guard let first = digits.utf8.first, ASCII.isDigit(first) else { return nil }
        let prefixes: [(String, Int)] = [("0x", 16), ("0o", 8), ("0b", 2)]
        for (prefix, radix) in prefixes where digits.hasPrefix(prefix) {
            return unsigned(digits.dropFirst(2), sign, radix: radix)
        }
        if digits.count > 1, digits.hasPrefix("0") { return unsigned(digits.dropFirst(), sign, radix: 8) }
        return unsigned(digits[...], sign, radix: 10)
    }

    private static func unsigned(_ digits: Substring, _ sign: String, radix: Int) -> Int? {
        guard let first = digits.first, first != "+", first != "-" else { return nil }
        return Int(sign + digits, radix: radix)
    }

    private static func float(_ text: String) -> Double? {
        let unsigned = text.first == "+" || text.first == "-" ? text.dropFirst() : text[...]
        switch unsigned {
        case ".inf", ".Inf", ".INF": return text.first == "-" ? -.infinity : .infinity
        case ".nan", ".NaN", ".NAN": return .nan
        default: break
        }
        let digits = text.filter { $0 != "_" }
        guard digits.utf8.allSatisfy({ isNumberStart($0) || $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }),
            unsigned.utf8.contains(where: { ASCII.isDigit($0) })
        else { return nil }
        return Double(digits)
    }

    /// Digits, bases, exponents and base-60 forms in any combination that some reader might accept.
    private static func looksNumeric(_ text: String) -> Bool {
        var body = text.lowercased()[...]
        if body.first == "+" || body.first == "-" { body = body.dropFirst() }
        if body == ".inf" || body == ".nan" || body == "inf" || body == "nan" || body == "infinity" { return true }
        guard let first = body.utf8.first, ASCII.isDigit(first) || first == UInt8(ascii: ".") else {
            return false
        }
        let digits = body.utf8.contains { ASCII.isDigit($0) }
        if body.hasPrefix("0x") || body.hasPrefix("0o") || body.hasPrefix("0b") {
            return body.dropFirst(2).utf8.allSatisfy { isHexDigit($0) || $0 == UInt8(ascii: "_") }
        }
        let isPlainNumber = body.utf8.allSatisfy {
            ASCII.isDigit($0) || "_.e+-".utf8.contains($0)
        }
        let isSexagesimal =
            body.contains(":") && body.utf8.allSatisfy { ASCII.isDigit($0) || "_:.".utf8.contains($0) }
        // An IPv4 address has three dots, which no number has.
        let dots = body.utf8.count { $0 == UInt8(ascii: ".") }
        return digits && dots <= 1 && (isPlainNumber || isSexagesimal)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        ASCII.isDigit(byte) || (0x61...0x66).contains(byte)
    }

    private static func looksLikeDate(_ text: String) -> Bool {
        let head = Array(text.utf8.prefix(6))
        return head.count >= 5 && head[0..<4].allSatisfy { ASCII.isDigit($0) } && head[4] == UInt8(ascii: "-")
    }
}
