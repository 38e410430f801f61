/// One number for all names of a model, so that what relays call differently is measured as one: `anthropic/claude-opus-4.5`,
/// `us.anthropic.claude-opus-4-5-20251101-v1:0`, `claude-opus-4-5@20251101` and `claude-opus-4-5-latest`.
///
/// It goes by the shape of the names and knows none of them: what stands before the last slash, or before a point and a letter, says who sells
/// the model; a date and what follows it say which build it is; letter case, points and lines below are a matter of taste.
struct ModelFamily {
    /// Never 0, which stands for no name at all.
    let number: UInt32

    init<let capacity: Int>(_ name: ShortText<capacity>) {
        var begin = 0
        for index in 0..<name.count {
            let next = index + 1 < name.count ? name[index + 1] : 0
            if name[index] == UInt8(ascii: "/") || (name[index] == UInt8(ascii: ".") && Self.isLetter(next)) {
                begin = index + 1
            }
        }
        let end = Self.end(of: name, from: begin)
        var hash: UInt32 = 0x811C_9DC5
        for index in begin..<max(begin, end) { hash = (hash ^ UInt32(Self.plain(name[index]))) &* 0x0100_0193 }
        number = max(1, hash)
    }

    /// Where a date or `-latest` begins, or the name ends.
    private static func end<let capacity: Int>(of name: ShortText<capacity>, from begin: Int) -> Int {
        let latest: StaticString = "latest"
        for index in begin..<max(begin, name.count) where plain(name[index]) == UInt8(ascii: "-") {
            var digits = 0
            while index + 1 + digits < name.count, isDigit(name[index + 1 + digits]) { digits += 1 }
            let behind = index + 1 + digits
            let isYear = digits == 4 && name[index + 1] == UInt8(ascii: "2") && name[index + 2] == UInt8(ascii: "0")
            if digits == 8 || (isYear && behind < name.count && plain(name[behind]) == UInt8(ascii: "-")) {
                return index
            }
            guard name.count - index - 1 == latest.utf8CodeUnitCount else { continue }
            if (0..<latest.utf8CodeUnitCount).allSatisfy({ name[index + 1 + $0] | 0x20 == latest.utf8Start[$0] }) {
                return index
            }
        }
        return name.count
    }

    private static func plain(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "@"): UInt8(ascii: "-")
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
        default: byte
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }
}
