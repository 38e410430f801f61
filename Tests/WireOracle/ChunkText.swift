/// A chunked body taken apart line by line, up to the first thing in it that is refused on purpose.
enum ChunkText {
    static func firstChoice(_ body: ArraySlice<UInt8>) -> StricterChoice? {
        var rest = body
        while let line = takeLine(&rest) {
            let size = line.prefix(while: isDigit)
            if size.count > 15 { return .chunkDigits }
            guard let length = Int(String(bytesOf: size), radix: 16) else { return nil }
            if !isExtension(line.dropFirst(size.count)) { return .chunkExtension }
            guard length > 0 else { return nil }
            guard rest.count >= length + 2 else { return nil }
            rest = rest.dropFirst(length + 2)
        }
        // The line that is not finished.
        let size = rest.prefix(while: isDigit)
        if size.count > 15 { return .chunkDigits }
        return size.count < rest.count && !isExtension(rest.dropFirst(size.count)) ? .chunkExtension : nil
    }

    /// All lines of a chunked body, its trailers among them.
    static func lines(_ body: ArraySlice<UInt8>) -> [String] {
        String(bytesOf: body).lowercased().split(separator: "\r\n").map(String.init)
    }

    private static func takeLine(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let end = rest.firstRange(of: [0x0D, 0x0A]) else { return nil }
        defer { rest = rest[end.upperBound...] }
        return rest[..<end.lowerBound]
    }

    /// `*( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )`, within ASCII.
    private static func isExtension(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        while !rest.isEmpty {
            dropBlanks(&rest)
            guard rest.popFirst() == UInt8(ascii: ";") else { return false }
            dropBlanks(&rest)
            guard takeToken(&rest) else { return false }
            var value = rest
            dropBlanks(&value)
            guard value.popFirst() == UInt8(ascii: "=") else { continue }
            dropBlanks(&value)
            guard takeToken(&value) || takeQuoted(&value) else { return false }
            rest = value
        }
        return true
    }

    /// Whether a chunk's line has blanks where an extension may have them.
    static func hasBlanks(_ body: ArraySlice<UInt8>) -> Bool {
        lines(body).contains { line in
            // The `;` may be still to come.
            let size = line.prefix { $0.isHexDigit }
            let rest = line.dropFirst(size.count)
            return !size.isEmpty && (rest.first == " " || rest.first == "\t" || rest.first == ";")
                && (rest.contains(" ") || rest.contains("\t"))
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { Character(UnicodeScalar(byte)).isHexDigit && byte < 0x80 }

    private static func dropBlanks(_ rest: inout ArraySlice<UInt8>) { rest = rest.drop { $0 == 0x20 || $0 == 0x09 } }

    private static func takeToken(_ rest: inout ArraySlice<UInt8>) -> Bool {
        let token = rest.prefix(while: isToken)
        rest = rest.dropFirst(token.count)
        return !token.isEmpty
    }

    private static func takeQuoted(_ rest: inout ArraySlice<UInt8>) -> Bool {
        guard rest.first == UInt8(ascii: "\"") else { return false }
        rest = rest.dropFirst()
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") { return true }
            let text = byte == UInt8(ascii: "\\") ? rest.popFirst() ?? 0 : byte
            guard text == 0x09 || (0x20...0x7E).contains(text) else { return false }
        }
        return false
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        let marks = Set("!#$%&'*+-.^_`|~".utf8)
        let letter = byte | 0x20
        return marks.contains(byte) || (0x30...0x39).contains(byte)
            || ((0x61...0x7A).contains(letter) && byte >= 0x41)
    }
}
