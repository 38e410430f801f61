/// Where the parts of a JSON text stand. Values are passed over without a look inside, so that each level that is looked at costs one walk.
package struct JSONSlices {
    package struct Member {
        /// Between its quotation marks.
        package let key: Range<Int>
        package let value: Range<Int>

        /// From its key's quotation mark to the end of its value.
        var range: Range<Int> { key.lowerBound - 1..<value.upperBound }
    }

    /// An element of an array, or a member of an object, that stays or is cut out.
    struct Item {
        let range: Range<Int>
        let isCut: Bool

        init(_ range: Range<Int>, isCut: Bool = false) {
            self.range = range
            self.isCut = isCut
        }
    }

    package let bytes: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Without a byte order mark.
    package var whole: Range<Int> {
        let hasMark = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF
        return (hasMark ? 3 : 0)..<bytes.count
    }

    /// What is cut out so that the others stay a list: with each run of parts that go, one comma goes.
    static func cuts(_ items: [Item]) -> [Range<Int>] {
        var cuts: [Range<Int>] = []
        var lastKept: Item?
        var runBegin: Item?
        for item in items {
            if item.isCut {
                runBegin = runBegin ?? item
                continue
            }
            if let first = runBegin { cuts.append(first.range.lowerBound..<item.range.lowerBound) }
            runBegin = nil
            lastKept = item
        }
        if let first = runBegin, let last = items.last {
            cuts.append((lastKept?.range.upperBound ?? first.range.lowerBound)..<last.range.upperBound)
        }
        return cuts
    }

    /// The members of the object that stands there; nil for what is none.
    package func members(in range: Range<Int>) -> [Member]? {
        var place = skipBlank(range.lowerBound)
        guard byte(place) == UInt8(ascii: "{") else { return nil }
        var members: [Member] = []
        place = skipBlank(place + 1)
        if byte(place) == UInt8(ascii: "}") { return members }
        while true {
            guard let keyEnd = endOfString(place) else { return nil }
            let colon = skipBlank(keyEnd)
            guard byte(colon) == UInt8(ascii: ":") else { return nil }
            let begin = skipBlank(colon + 1)
            guard let end = endOfValue(begin) else { return nil }
            members.append(Member(key: place + 1..<keyEnd - 1, value: begin..<end))
            place = skipBlank(end)
            if byte(place) == UInt8(ascii: "}") { return members }
            guard byte(place) == UInt8(ascii: ",") else { return nil }
            place = skipBlank(place + 1)
        }
    }

    /// The elements of the array that stands there; nil for what is none.
    package func elements(in range: Range<Int>) -> [Range<Int>]? {
        var place = skipBlank(range.lowerBound)
        guard byte(place) == UInt8(ascii: "[") else { return nil }
        var elements: [Range<Int>] = []
        place = skipBlank(place + 1)
        if byte(place) == UInt8(ascii: "]") { return elements }
        while true {
            guard let end = endOfValue(place) else { return nil }
            elements.append(place..<end)
            place = skipBlank(end)
            if byte(place) == UInt8(ascii: "]") { return elements }
            guard byte(place) == UInt8(ascii: ",") else { return nil }
            place = skipBlank(place + 1)
        }
    }

    /// A short text between quotation marks, escapes undone; nil for one that is longer, or that is broken.
    package func text(_ range: Range<Int>, limit: Int = 64) -> String? {
        guard range.count <= limit else { return nil }
        let raw = bytes[range]
        guard raw.contains(UInt8(ascii: "\\")) else { return String(decoding: raw, as: UTF8.self) }
        var units: [UInt16] = []
        var rest = String(decoding: raw, as: UTF8.self).unicodeScalars[...]
        while let next = rest.popFirst() {
            guard next == "\\" else {
                units += String(next).utf16
                continue
            }
            switch rest.popFirst() {
            case "u":
                guard let unit = UInt16(String(rest.prefix(4)), radix: 16) else { return nil }
                units.append(unit)
                rest = rest.dropFirst(4)
            case "n": units.append(0x0A)
            case "t": units.append(0x09)
            case "r": units.append(0x0D)
            case "b": units.append(0x08)
            case "f": units.append(0x0C)
            case let sign?: units += String(sign).utf16
            case nil: return nil
            }
        }
        return String(decoding: units, as: UTF16.self)
    }

    /// The text of the last member of the name, which is the one that counts; nil where that is no text.
    package func value(_ name: String, _ members: [Member], limit: Int = 64) -> String? {
        guard let member = members.last(where: { text($0.key) == name }),
            byte(member.value.lowerBound) == UInt8(ascii: "\"")
        else { return nil }
        return text(member.value.lowerBound + 1..<member.value.upperBound - 1, limit: limit)
    }

    /// A whole number; nil for everything else.
    func integer(_ range: Range<Int>) -> Int? {
        range.count <= 19 ? Int(String(decoding: bytes[range], as: UTF8.self)) : nil
    }

    // MARK: Walking

    private func byte(_ place: Int) -> UInt8? { place < bytes.count ? bytes[place] : nil }

    private func skipBlank(_ place: Int) -> Int {
        var place = place
        while place < bytes.count, bytes[place] == 0x20 || (0x09...0x0D).contains(bytes[place]) { place += 1 }
        return place
    }

    /// - Returns: the place behind the closing quotation mark; nil where there is no text
    private func endOfString(_ begin: Int) -> Int? {
        guard byte(begin) == UInt8(ascii: "\"") else { return nil }
        var place = begin + 1
        while true {
            place = bytes.quoteOrBackslash(from: place)
            guard place < bytes.count else { return nil }
            if bytes[place] == UInt8(ascii: "\"") { return place + 1 }
            place += 2
        }
    }

    /// - Returns: the place behind the value, however deep it is; nil where it does not end
    private func endOfValue(_ begin: Int) -> Int? {
        var place = begin
        var depth = 0
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""):
                guard let end = endOfString(place) else { return nil }
                place = end
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                place += 1
                continue
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { return nil }
                depth -= 1
                place += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09...0x0D:
                guard depth > 0 else { return nil }
                place += 1
                continue
            default:
                // A number, or one of the three words.
                while place < bytes.count, !Self.endsWord(bytes[place]) { place += 1 }
            }
            if depth == 0 { return place }
        }
        return nil
    }

    private static func endsWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: "{"),
            UInt8(ascii: "["), UInt8(ascii: "\""), 0x20, 0x09...0x0D:
            true
        default: false
        }
    }
}
