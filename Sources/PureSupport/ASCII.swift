/// Numbers as text: with a fixed count of digits, as clocks, dates and escapes have them, and with what they count.
extension FixedWidthInteger {
    /// `7` as `07`; for numbers from 0 to 99.
    public var twoDigits: String { self < 10 ? "0\(self)" : "\(self)" }

    /// Hexadecimal, with zeros in front up to that many digits.
    public func hexadecimal(digits: Int, uppercase: Bool = false) -> String {
        let text = String(self, radix: 16, uppercase: uppercase)
        return String(repeating: "0", count: Swift.max(0, digits - text.utf8.count)) + text
    }

    /// `1 change`, `4 changes`.
    public func counted(_ noun: String) -> String { self == 1 ? "1 \(noun)" : "\(self) \(noun)s" }

    /// `once`, `3 times`.
    public var times: String { self == 1 ? "once" : "\(self) times" }
}

/// Classes of ASCII bytes that several grammars share. Inlinable: the HTTP codec asks them for single bytes of a request.
public enum ASCII {
    /// One bit for each of the bytes 0 to 63 that may stand in a `token` (RFC 9110 §5.6.2). Written out and not a stored global,
    /// because a global that is computed costs a look at its once-token.
    @inlinable
    public static var tokenLow: UInt64 { 0x03FF_6CFA_0000_0000 }

    /// The same for the bytes 64 to 127.
    @inlinable
    public static var tokenHigh: UInt64 { 0x57FF_FFFF_C7FF_FFFE }

    /// Whether the byte may stand in a token: the name of a header, a method, the name of a chunk's extension.
    @inlinable
    @inline(__always)
    public static func isToken(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? tokenLow : tokenHigh) &>> UInt64(byte & 63) & 1 == 1
    }

    /// Whether the text is a token: not empty, and of such bytes only.
    public static func isToken(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { isToken($0) }
    }

    /// The value of a hexadecimal digit; nil for other bytes.
    @inlinable
    @inline(__always)
    public static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// Whether the byte is one of `0` to `9`.
    @inlinable
    @inline(__always)
    public static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    /// Whether the text is not empty and of digits only: `Int` and its like also read a sign.
    public static func isDigits(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { isDigit($0) }
    }

    /// A capital from `A` to `Z` as a small letter; other bytes as they are.
    @inlinable
    @inline(__always)
    public static func lowercased(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

    /// Whether the byte is a letter from `A` to `Z`, large or small.
    @inlinable
    @inline(__always)
    public static func isLetter(_ byte: UInt8) -> Bool { byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A }

    /// Whether the text can be the name of an environment variable: letters, digits and underscores, and no digit first.
    public static func isVariableName(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, !isDigit(first) else { return false }
        return text.unicodeScalars.allSatisfy(isVariablePart)
    }

    /// Whether the name of an environment variable may have the character behind its first one.
    public static func isVariablePart(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.isASCII else { return false }
        let byte = UInt8(truncatingIfNeeded: scalar.value)
        return byte == UInt8(ascii: "_") || isLetter(byte) || isDigit(byte)
    }
}

extension StringProtocol {
    /// Without these characters at both ends.
    public func trimming(_ characters: Character...) -> Substring {
        var rest = Substring(self)
        while let first = rest.first, characters.contains(first) { rest.removeFirst() }
        while let last = rest.last, characters.contains(last) { rest.removeLast() }
        return rest
    }
}
