internal import Configuration

/// Hides credentials in a configuration's lines, also in one that does not parse; rather too much than too little.
///
/// Lines are given in their order: a credential may stand on the lines below its key.
struct SecretMask {
    private static let words = [
        "auth_value", "password", "token", "secret", "api-key", "api_key", "apikey", "authorization", "cookie", "proxy",
        "credential",
    ].map { Array($0.utf8) }
    private static let hidden = "••••"

    /// The column of the last key that names a credential: what is deeper belongs to it.
    private var keyColumn: Int?

    /// The line without its credential and without anything that would steer a terminal.
    mutating func shown(_ line: some Sequence<UInt8>) -> String {
        let bytes = Array(line)
        let column = bytes.prefix { $0 == UInt8(ascii: " ") }.count
        let rest = bytes[column...]
        guard !rest.isEmpty else { return "" }
        if let keyColumn {
            let isItem = rest.first == UInt8(ascii: "-") && column == keyColumn
            if column > keyColumn || isItem { return Self.printable(bytes[..<column]) + Self.hidden(rest, isItem) }
        }
        guard let value = Self.valueStart(bytes) ?? Self.blockValueStart(bytes, rest.startIndex) else {
            keyColumn = nil
            let text = Self.printable(Self.withoutUserInfo(bytes)[...])
            return FlowMask.masked(text, behind: Self.hidden) ?? SecretSigns.hiding(in: text, behind: Self.hidden)
        }
        keyColumn = column + rest.prefix { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: " ") }.count
        let text = bytes[value...].drop { $0 == UInt8(ascii: " ") }
        guard let first = text.first, first != UInt8(ascii: "#"), first != UInt8(ascii: "\r"), !Self.isReference(text)
        else { return Self.printable(bytes[...]) }
        // Beside a credential in a mapping of one line the other values stay readable.
        if let flow = FlowMask.masked(Self.printable(Self.withoutUserInfo(bytes)[...]), behind: Self.hidden) {
            return flow
        }
        return "\(Self.printable(bytes[..<value])) \(Self.hidden)"
    }

    /// Where the value of a line's first key begins, if its name is that of a secret: any header can stand here.
    private static func blockValueStart(_ bytes: [UInt8], _ start: Int) -> Int? {
        let body = bytes[start...].drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: " ") }
        let key = body.prefix(while: isKeyByte)
        guard key.endIndex < bytes.count, bytes[key.endIndex] == UInt8(ascii: ":"),
            namesSecret(String(decoding: key, as: UTF8.self))
        else { return nil }
        return key.endIndex + 1
    }

    /// Whether a key of the file names a secret; some of Podium's own only sound like it.
    static func namesSecret(_ key: some StringProtocol) -> Bool {
        let name = String(key).filter { $0 != "\"" && $0 != "'" && $0 != " " }
        return !["auth_type", "keys"].contains(name) && SecretSigns.inName(name)
    }

    /// Where the value of a key that names a credential begins; nil if there is no such key.
    private static func valueStart(_ bytes: [UInt8]) -> Int? {
        for start in bytes.indices {
            for word in words where word[0] == bytes[start] | 0x20 && bytes.count - start > word.count {
                guard zip(bytes[start...], word).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) else { continue }
                var index = start + word.count
                while index < bytes.count, isKeyByte(bytes[index]) { index += 1 }
                if index < bytes.count, bytes[index] == UInt8(ascii: ":") { return index + 1 }
            }
        }
        return nil
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "\""),
            UInt8(ascii: "'"), UInt8(ascii: " "):
            true
        default: false
        }
    }

    /// `${NAME}` and nothing else but quotes and a comment: that shows no more than the file's author meant to.
    private static func isReference(_ text: ArraySlice<UInt8>) -> Bool {
        let string = String(decoding: text, as: UTF8.self)
        return string.wholeMatch(of: /["']?\$\{[A-Za-z_][A-Za-z0-9_]*\}["']?\s*(#.*)?/) != nil
    }

    /// User and password before the host of a URL.
    private static func withoutUserInfo(_ bytes: [UInt8]) -> [UInt8] {
        guard let scheme = bytes.firstRange(of: Array("://".utf8)) else { return bytes }
        let authority = bytes[scheme.upperBound...].prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: " ") }
        guard let at = authority.lastIndex(of: UInt8(ascii: "@")) else { return bytes }
        return bytes[..<scheme.upperBound] + Array(hidden.utf8) + bytes[at...]
    }

    private static func hidden(_ rest: ArraySlice<UInt8>, _ isItem: Bool) -> String {
        isReference(rest.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: " ") })
            ? printable(rest) : isItem ? "- \(hidden)" : hidden
    }

    /// A carriage return becomes `␍`, an escape `␛`.
    private static func printable(_ bytes: ArraySlice<UInt8>) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control && $0 != "\t" }) else {
            return text
        }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar.properties.generalCategory != .control || scalar == "\t" {
                shown.append(scalar)
            } else {
                shown.append(scalar.value < 0x20 ? Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}" : "\u{FFFD}")
            }
        }
        return String(shown)
    }
}
