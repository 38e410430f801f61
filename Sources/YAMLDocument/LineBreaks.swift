/// Lines as YAML 1.1 sees them: LF, CR, CRLF, NEL, LS and PS end one.
enum LineBreaks {
    /// Bytes of the line break at the offset; 0 where there is none.
    static func length<Bytes: RandomAccessCollection>(_ bytes: Bytes, at offset: Int) -> Int
    where Bytes.Element == UInt8, Bytes.Index == Int {
        guard offset < bytes.endIndex else { return 0 }
        switch bytes[offset] {
        case 0x0A: return 1
        case 0x0D: return offset + 1 < bytes.endIndex && bytes[offset + 1] == 0x0A ? 2 : 1
        case 0xC2: return offset + 1 < bytes.endIndex && bytes[offset + 1] == 0x85 ? 2 : 0
        case 0xE2:
            return offset + 2 < bytes.endIndex && bytes[offset + 1] == 0x80 && bytes[offset + 2] & 0xFE == 0xA8 ? 3 : 0
        default: return 0
        }
    }

    /// Bytes of the line break that ends at the offset; 0 where there is none.
    static func length<Bytes: RandomAccessCollection>(_ bytes: Bytes, before offset: Int) -> Int
    where Bytes.Element == UInt8, Bytes.Index == Int {
        let available = offset - bytes.startIndex
        guard available > 0 else { return 0 }
        switch bytes[offset - 1] {
        case 0x0A: return available > 1 && bytes[offset - 2] == 0x0D ? 2 : 1
        case 0x0D: return 1
        case 0x85: return available > 1 && bytes[offset - 2] == 0xC2 ? 2 : 0
        case 0xA8, 0xA9: return available > 2 && bytes[offset - 2] == 0x80 && bytes[offset - 3] == 0xE2 ? 3 : 0
        default: return 0
        }
    }

    /// The offset of the line break, or the end of the bytes, at or behind `offset`.
    static func endOfLine<Bytes: RandomAccessCollection>(_ bytes: Bytes, from offset: Int, limit: Int? = nil) -> Int
    where Bytes.Element == UInt8, Bytes.Index == Int {
        let limit = limit ?? bytes.endIndex
        var position = offset
        while position < limit, length(bytes, at: position) == 0 { position += 1 }
        return position
    }

    /// The first offset of the line that holds `offset`.
    static func startOfLine<Bytes: RandomAccessCollection>(_ bytes: Bytes, at offset: Int) -> Int
    where Bytes.Element == UInt8, Bytes.Index == Int {
        var position = offset
        // Between CR and LF stands no line start.
        if position > bytes.startIndex, position < bytes.endIndex, bytes[position] == 0x0A, bytes[position - 1] == 0x0D
        {
            position -= 1
        }
        while position > bytes.startIndex, length(bytes, before: position) == 0 { position -= 1 }
        return position
    }

    /// The first offset behind the line's break; the end of the bytes for the last line.
    static func startOfNextLine<Bytes: RandomAccessCollection>(_ bytes: Bytes, after offset: Int) -> Int
    where Bytes.Element == UInt8, Bytes.Index == Int {
        let end = endOfLine(bytes, from: offset)
        return end + length(bytes, at: end)
    }

    /// The end of the range without the spaces, tabs and line breaks it ends with.
    static func endWithoutBlanks<Bytes: RandomAccessCollection>(_ bytes: Bytes, in range: Range<Int>) -> Int
    where Bytes.Element == UInt8, Bytes.Index == Int {
        var end = range.upperBound
        while end > range.lowerBound {
            if isSpace(bytes[end - 1]) {
                end -= 1
            } else {
                let length = length(bytes, before: end)
                if length == 0 { break }
                end -= length
            }
        }
        return max(end, range.lowerBound)
    }

    /// The first offset at or behind `offset` that is neither space nor tab.
    static func skippingSpaces<Bytes: RandomAccessCollection>(_ bytes: Bytes, from offset: Int) -> Int
    where Bytes.Element == UInt8, Bytes.Index == Int {
        var position = offset
        while position < bytes.endIndex, isSpace(bytes[position]) { position += 1 }
        return position
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}

/// A 1-based line and column, the column in code points.
struct TextPosition: Equatable {
    var line = 1
    var column = 1

    init<Bytes: RandomAccessCollection>(of offset: Int, in bytes: Bytes)
    where Bytes.Element == UInt8, Bytes.Index == Int {
        var position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.startIndex + 3 : bytes.startIndex
        while position < offset {
            let breakLength = LineBreaks.length(bytes, at: position)
            if breakLength > 0 {
                line += 1
                column = 1
                position += breakLength
            } else {
                if bytes[position] & 0xC0 != 0x80 { column += 1 }
                position += 1
            }
        }
        // An offset inside a CRLF belongs to the line it ends; the loop has stepped over it.
    }
}
