internal import Support

/// Origins of web pages as browsers write them (RFC 6454 §6.2).
enum OriginText {
    /// Whether the text is `scheme://host[:port]` and nothing more. Extensions have schemes of their own.
    static func isOrigin(_ text: String) -> Bool {
        guard let separator = text.firstRange(of: "://") else { return false }
        let scheme = text[..<separator.lowerBound].utf8
        guard let first = scheme.first, ASCII.isLetter(first), scheme.allSatisfy(isSchemePart) else { return false }
        return (try? HostAndPort(text[separator.upperBound...])) != nil
    }

    private static func isSchemePart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: ASCII.isLetter(byte) || ASCII.isDigit(byte)
        }
    }
}
