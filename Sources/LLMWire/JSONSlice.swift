/// A value in a JSON text, as the text has it: strings with their escapes, numbers as they are written, members in their order. Nothing is
/// copied; the bytes must outlive it.
package struct JSONSlice {
    package enum Kind: Sendable {
        case object, array, string, number, boolean, null
    }

    private let document: JSONSlices
    private let range: Range<Int>

    private init(_ document: JSONSlices, _ range: Range<Int>) {
        self.document = document
        self.range = range
    }

    /// The value that the text is; nil where it is no JSON.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        var reader = JSONStructure(bytes)
        document = JSONSlices(bytes)
        guard let range = reader.value(from: document.whole.lowerBound) else { return nil }
        self.range = range
    }

    package var kind: Kind {
        switch document.bytes[range.lowerBound] {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    /// As it stands.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: document.bytes[range]) }

    /// Of a string, what stands between its quotation marks.
    package var rawText: UnsafeRawBufferPointer? {
        guard kind == .string else { return nil }
        return UnsafeRawBufferPointer(rebasing: document.bytes[range.lowerBound + 1..<range.upperBound - 1])
    }

    /// Of a short string, its text.
    package var text: String? {
        kind == .string ? document.text(range.lowerBound + 1..<range.upperBound - 1, limit: 256) : nil
    }

    package var flag: Bool? { kind == .boolean ? document.bytes[range.lowerBound] == UInt8(ascii: "t") : nil }

    /// A number that is whole and not below zero; a fraction of zeros does not matter.
    package var count: Int64? {
        guard kind == .number, range.count < 19 else { return nil }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count < 3, parts.dropFirst().allSatisfy({ $0.allSatisfy { $0 == UInt8(ascii: "0") } }) else {
            return nil
        }
        return Int64(String(decoding: parts[0], as: UTF8.self)).flatMap { $0 < 0 ? nil : $0 }
    }

    /// What stands for nothing: null, false, and what is empty.
    package var isNothing: Bool {
        switch kind {
        case .object, .array: bytes.dropFirst().dropLast().allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) }
        case .string: range.count == 2
        case .number: false
        case .boolean: flag == false
        case .null: true
        }
    }

    /// The elements of an array; nil for what is none.
    package var elements: [JSONSlice]? { document.elements(in: range)?.map { JSONSlice(document, $0) } }

    /// The members of an object in their order, of several of one name the last; nil for what is none. Names that are longer than any that
    /// mean something are cut.
    package var members: [(name: String, value: JSONSlice)]? {
        guard let found = document.members(in: range) else { return nil }
        var members: [(name: String, value: JSONSlice)] = []
        members.reserveCapacity(found.count)
        var places: [String: Int] = [:]
        for member in found {
            let name = document.text(member.key) ?? "\u{2026}"
            let value = JSONSlice(document, member.value)
            if found.count < 16 {
                members.removeAll { $0.name == name }
            } else if let place = places[name] {
                members[place].value = value
                continue
            }
            places[name] = members.count
            members.append((name, value))
        }
        return members
    }

    /// The member of an object that has this name.
    package subscript(_ name: String) -> JSONSlice? {
        guard kind == .object, let members = document.members(in: range),
            let member = members.last(where: { document.text($0.key) == name })
        else { return nil }
        return JSONSlice(document, member.value)
    }

    /// Where it begins in the text.
    package var start: Int { range.lowerBound }
}

/// Says whether a text is JSON (RFC 8259), but for what stands in strings: only the form of escapes is looked at there.
private struct JSONStructure {
    /// Nothing that an API knows is nested deeper.
    private static let deepest = 512

    private let bytes: UnsafeRawBufferPointer
    private var place = 0
    /// Of each open bracket, whether it is a curly one.
    private var isObject: [Bool] = []

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// - Returns: where the value stands; nil where it is none, or something else follows
    mutating func value(from begin: Int) -> Range<Int>? {
        place = begin
        skipBlanks()
        let start = place
        repeat {
            guard readValue() else { return nil }
        } while !isObject.isEmpty
        let end = place
        skipBlanks()
        return place == bytes.count ? start..<end : nil
    }

    private var next: UInt8 { place < bytes.count ? bytes[place] : 0 }

    private mutating func skipBlanks() {
        while place < bytes.count, bytes[place] == 0x20 || (0x09...0x0D).contains(bytes[place]) { place += 1 }
    }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: byte) else { return false }
        place += 1
        return true
    }

    /// Reads a scalar, or an opening bracket, with all brackets and the comma behind it, and the name of the next value.
    private mutating func readValue() -> Bool {
        switch next {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard isObject.count < Self.deepest else { return false }
            let isCurly = next == UInt8(ascii: "{")
            place += 1
            skipBlanks()
            if take(isCurly ? "}" : "]") { break }
            isObject.append(isCurly)
            return !isCurly || readName()
        case UInt8(ascii: "\""): guard readString() else { return false }
        case UInt8(ascii: "t"): guard readWord("true") else { return false }
        case UInt8(ascii: "f"): guard readWord("false") else { return false }
        case UInt8(ascii: "n"): guard readWord("null") else { return false }
        default: guard readNumber() else { return false }
        }
        while let isCurly = isObject.last {
            skipBlanks()
            if take(",") {
                skipBlanks()
                return !isCurly || readName()
            }
            guard take(isCurly ? "}" : "]") else { return false }
            isObject.removeLast()
        }
        return true
    }

    private mutating func readName() -> Bool {
        guard readString() else { return false }
        skipBlanks()
        guard take(":") else { return false }
        skipBlanks()
        return true
    }

    private mutating func readString() -> Bool {
        guard take("\"") else { return false }
        while true {
            place = bytes.quoteOrBackslash(from: place)
            guard place + 1 < bytes.count || next == UInt8(ascii: "\"") else { return false }
            if take("\"") { return true }
            let escape = bytes[place + 1]
            place += 2
            guard escape == UInt8(ascii: "u") else {
                guard "\"\\/bfnrt".utf8.contains(escape) else { return false }
                continue
            }
            guard place + 4 <= bytes.count else { return false }
            for index in place..<place + 4 where JSONEscapes.digit(bytes[index]) == nil { return false }
            place += 4
        }
    }

    private mutating func readWord(_ word: StaticString) -> Bool {
        guard place + word.utf8CodeUnitCount <= bytes.count else { return false }
        for index in 0..<word.utf8CodeUnitCount where bytes[place + index] != word.utf8Start[index] { return false }
        place += word.utf8CodeUnitCount
        return true
    }

    private mutating func readDigits() -> Bool {
        let begin = place
        while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { place += 1 }
        return place > begin
    }

    private mutating func readNumber() -> Bool {
        _ = take("-")
        guard readDigits() else { return false }
        if take("."), !readDigits() { return false }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            return readDigits()
        }
        return true
    }
}

/// The escapes in JSON strings, undone and made.
package enum JSONEscapes {
    static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// Undoes the escapes of what stands between quotation marks. Halves of pairs that stay alone become replacement characters.
    package static func undo(_ raw: UnsafeRawBufferPointer, into text: inout [UInt8]) {
        var place = 0
        while true {
            let end = min(raw.quoteOrBackslash(from: place), raw.count)
            if end > place { text.append(contentsOf: UnsafeRawBufferPointer(rebasing: raw[place..<end])) }
            guard end + 1 < raw.count else { return }
            guard raw[end] == UInt8(ascii: "\\") else {
                text.append(raw[end])
                place = end + 1
                continue
            }
            place = end + 2
            switch raw[end + 1] {
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "u"):
                var scalar = unit(raw, at: place) ?? 0xFFFD
                place = min(place + 4, raw.count)
                if UTF16.isLeadSurrogate(UInt16(truncatingIfNeeded: scalar)), place + 6 <= raw.count,
                    raw[place] == UInt8(ascii: "\\"), raw[place + 1] == UInt8(ascii: "u"),
                    let trail = unit(raw, at: place + 2), UTF16.isTrailSurrogate(UInt16(truncatingIfNeeded: trail))
                {
                    scalar = 0x10000 + (scalar - 0xD800) << 10 + (trail - 0xDC00)
                    place += 6
                }
                text.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
            default: text.append(raw[end + 1])
            }
        }
    }

    private static func unit(_ raw: UnsafeRawBufferPointer, at place: Int) -> UInt32? {
        guard place + 4 <= raw.count else { return nil }
        var value: UInt32 = 0
        for index in place..<place + 4 {
            guard let digit = digit(raw[index]) else { return nil }
            value = value << 4 | digit
        }
        return value
    }

    /// Writes a text so that it can stand between quotation marks.
    package static func make(_ text: UnsafeRawBufferPointer, into raw: inout [UInt8]) {
        var begin = 0
        for index in 0..<text.count {
            let byte = text[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            if index > begin { raw.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[begin..<index])) }
            begin = index + 1
            raw.append(UInt8(ascii: "\\"))
            switch byte {
            case 0x0A: raw.append(UInt8(ascii: "n"))
            case 0x09: raw.append(UInt8(ascii: "t"))
            case 0x0D: raw.append(UInt8(ascii: "r"))
            case 0..<0x20:
                raw.append(contentsOf: "u00".utf8)
                raw.append(hexadecimal[Int(byte >> 4)])
                raw.append(hexadecimal[Int(byte & 15)])
            default: raw.append(byte)
            }
        }
        if begin < text.count { raw.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[begin...])) }
    }

    private static let hexadecimal = Array("0123456789abcdef".utf8)
}

extension Usage {
    /// What an answer of Chat Completions says in its `usage`; nil where that says nothing above zero.
    package init?(chat value: JSONSlice) {
        var object = UsageObject()
        var scanner = JSONScanner()
        var place = 0
        let bytes = value.bytes
        while let token = scanner.next(bytes, &place) {
            if case .number(let number) = token { object.take(number, at: scanner.path, below: 0) }
        }
        var usage = Usage()
        object.takeOverOpenAI(into: &usage)
        guard usage != Usage() else { return nil }
        self = usage
    }
}
