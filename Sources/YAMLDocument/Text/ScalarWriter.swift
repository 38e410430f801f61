internal import PureSupport

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
