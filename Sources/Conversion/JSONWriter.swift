internal import LLMWire

/// Writes JSON piece by piece. What comes from another JSON text is copied as it stands there, strings with their escapes.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    mutating func beginObject() { begin(UInt8(ascii: "{")) }
    mutating func endObject() { end(UInt8(ascii: "}")) }
    mutating func beginArray() { begin(UInt8(ascii: "[")) }
    mutating func endArray() { end(UInt8(ascii: "]")) }

    private mutating func begin(_ bracket: UInt8) {
        comma()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func comma() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    mutating func key(_ name: StaticString) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// - Parameter raw: as it stands between quotation marks
    mutating func key(raw: some Collection<UInt8>) {
        string(raw: raw)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    mutating func value(_ value: JSONSlice) {
        comma()
        bytes.append(contentsOf: value.bytes)
    }

    /// A word, a number, or more, as it is to stand there.
    mutating func literal(_ text: StaticString) {
        comma()
        bytes.append(text)
    }

    mutating func literal(_ json: [UInt8]) {
        comma()
        bytes += json
    }

    mutating func key(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    mutating func number(_ number: Int64) {
        comma()
        bytes.append(contentsOf: String(number).utf8)
    }

    mutating func flag(_ flag: Bool) { literal(flag ? "true" : "false") }

    // MARK: Strings

    mutating func string(_ text: StaticString) {
        openString()
        bytes.append(text)
        closeString()
    }

    mutating func string(_ text: String) {
        openString()
        part(text)
        closeString()
    }

    /// - Parameter raw: as it stands between quotation marks
    mutating func string(raw: some Collection<UInt8>) {
        openString()
        part(raw: raw)
        closeString()
    }

    mutating func openString() {
        comma()
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func closeString() { bytes.append(UInt8(ascii: "\"")) }

    mutating func part(raw: some Collection<UInt8>) { bytes.append(contentsOf: raw) }

    mutating func part(_ text: String) {
        var text = text
        text.withUTF8 { part(plain: UnsafeRawBufferPointer($0)) }
    }

    /// A text as it is, which may be JSON itself.
    mutating func part(plain text: UnsafeRawBufferPointer) { JSONEscapes.make(text, into: &bytes) }
}

extension [UInt8] {
    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}

extension UnsafeRawBufferPointer {
    func begins(with text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where self[index] != text.utf8Start[index] { return false }
        return true
    }

    func equals(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && begins(with: text) }

    /// Whether a string's bytes are nothing but white space, as they stand between quotation marks.
    var isBlankText: Bool {
        var index = 0
        while index < count {
            switch self[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            case UInt8(ascii: "\\"):
                guard index + 1 < count else { return false }
                switch self[index + 1] {
                case UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "r"): index += 2
                default: return false
                }
            default: return false
            }
        }
        return true
    }
}
