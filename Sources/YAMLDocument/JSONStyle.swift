internal import PureSupport

/// How a JSON file is written. JSON is a subset of YAML; a file that is JSON may be read by programs that know nothing else,
/// so what is put into it has to be JSON as well.
struct JSONStyle {
    /// `": "` or `":"`
    private var colon = ":"
    /// Between values on one line: `", "` or `","`.
    private(set) var comma = ","
    /// What a level is indented by where every value has its line; nil for a file on one line.
    private(set) var unit: String?

    /// Nil where the bytes are not strictly JSON.
    init?(_ bytes: [UInt8]) {
        let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        let first = bytes[start...].first { !JSONReader.isBlank($0) }
        guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else { return nil }
        var reader = JSONReader(bytes: bytes, position: start)
        guard reader.readFile() else { return nil }
        if let place = reader.firstColon, place + 1 < bytes.count, JSONReader.isBlank(bytes[place + 1]) { colon = ": " }
        if let place = reader.firstComma, place + 1 < bytes.count, JSONReader.isBlank(bytes[place + 1]) { comma = ", " }
        if reader.firstComma == nil { comma = colon == ": " ? ", " : "," }
        guard let line = bytes.firstIndex(of: 0x0A) else { return }
        let indent = bytes[(line + 1)...].prefix { $0 == 0x20 || $0 == 0x09 }
        if !indent.isEmpty, indent.endIndex < bytes.count, bytes[indent.endIndex] == UInt8(ascii: "\"") {
            unit = String(decoding: indent, as: UTF8.self)
        }
    }

    /// The value on one line.
    func inline(_ value: YAMLValue) -> String {
        switch value {
        case .null: "null"
        case .boolean(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .string(let text): Self.quoted(text)
        case .sequence(let items): "[" + items.map(inline).joined(separator: comma) + "]"
        case .mapping(let pairs):
            "{" + pairs.map { key($0.key) + inline($0.value) }.joined(separator: comma) + "}"
        }
    }

    /// The value with each pair on its own line, where the file is written so; lists of scalars stay on one.
    ///
    /// - Parameter indent: that of the line on which the value begins.
    func text(_ value: YAMLValue, indent: String, lineBreak: String) -> String {
        guard let unit else { return inline(value) }
        let inner = indent + unit
        let separator = "," + lineBreak + inner
        switch value {
        case .mapping(let pairs) where !pairs.isEmpty:
            let lines = pairs.map { key($0.key) + text($0.value, indent: inner, lineBreak: lineBreak) }
            return "{" + lineBreak + inner + lines.joined(separator: separator) + lineBreak + indent + "}"
        case .sequence(let items) where !items.allSatisfy(\.isScalar):
            let lines = items.map { text($0, indent: inner, lineBreak: lineBreak) }
            return "[" + lineBreak + inner + lines.joined(separator: separator) + lineBreak + indent + "]"
        default: return inline(value)
        }
    }

    /// A key with its colon.
    func key(_ key: String) -> String { Self.quoted(key) + colon }

    static func quoted(_ text: String) -> String {
        QuotedText.quoted(text) { scalar in
            if let short = ScalarWriter.shortEscape(scalar) { return short }
            // What YAML takes for a line break, or refuses to read, has an escape that both languages know.
            return ScalarWriter.needsEscape(scalar) ? "\\u" + scalar.value.hexadecimal(digits: 4) : nil
        }
    }
}

/// Says whether bytes are one JSON text by RFC 8259, no more and no less.
private struct JSONReader {
    let bytes: [UInt8]
    var position: Int
    var firstColon: Int?
    var firstComma: Int?
    private var depth = 0

    init(bytes: [UInt8], position: Int) {
        self.bytes = bytes
        self.position = position
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    mutating func readFile() -> Bool {
        guard value() else { return false }
        skipBlanks()
        return position == bytes.count
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let next, Self.isBlank(next) { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func value() -> Bool {
        skipBlanks()
        switch next {
        case UInt8(ascii: "{"): return collection("}") { $0.pair() }
        case UInt8(ascii: "["): return collection("]") { $0.value() }
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "t"): return word("true")
        case UInt8(ascii: "f"): return word("false")
        case UInt8(ascii: "n"): return word("null")
        default: return number()
        }
    }

    private mutating func collection(_ end: Unicode.Scalar, _ member: (inout JSONReader) -> Bool) -> Bool {
        guard depth < YAMLDocument.maximumDepth else { return false }
        depth += 1
        defer { depth -= 1 }
        position += 1
        skipBlanks()
        if take(end) { return true }
        while true {
            guard member(&self) else { return false }
            skipBlanks()
            if take(end) { return true }
            if firstComma == nil { firstComma = position }
            guard take(",") else { return false }
        }
    }

    private mutating func pair() -> Bool {
        skipBlanks()
        guard string() else { return false }
        skipBlanks()
        if firstColon == nil { firstColon = position }
        return take(":") && value()
    }

    private mutating func word(_ word: String) -> Bool {
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    private mutating func string() -> Bool {
        guard take("\"") else { return false }
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return true
            case 0..<0x20: return false
            case UInt8(ascii: "\\"):
                guard let escape = next else { return false }
                position += 1
                if escape == UInt8(ascii: "u") {
                    guard position + 4 <= bytes.count,
                        bytes[position..<position + 4].allSatisfy({ ASCII.hexadecimalValue($0) != nil })
                    else {
                        return false
                    }
                    position += 4
                } else if !"\"\\/bfnrt".utf8.contains(escape) {
                    return false
                }
            default: continue
            }
        }
        return false
    }

    private mutating func digits() -> Int {
        let start = position
        while let next, ASCII.isDigit(next) { position += 1 }
        return position - start
    }

    private mutating func number() -> Bool {
        _ = take("-")
        let first = next
        let count = digits()
        guard count == 1 || (count > 1 && first != 0x30) else { return false }
        if take(".") { guard digits() > 0 else { return false } }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            guard digits() > 0 else { return false }
        }
        return true
    }
}
