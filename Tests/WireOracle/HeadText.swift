/// A head taken apart by the plainest means: splitting lines. It decides nothing, it only looks.
struct HeadText {
    var leading = 0
    /// Of the first line.
    var words: [String] = []
    var method: [UInt8] = []
    var target: [UInt8] = []
    /// Of a response the first word, of a request the last.
    var version = ""
    var status = ""
    var reason: [UInt8] = []
    /// Names in lower case, values without surrounding blanks.
    var fields: [(name: String, value: String)] = []
    /// The same lines as they are.
    var fieldLines: [String] = []
    /// What follows the head.
    var body: ArraySlice<UInt8> = []

    init(_ bytes: [UInt8], isRequest: Bool) {
        leading = bytes.prefix { $0 == 0x0D || $0 == 0x0A }.count
        let text = bytes[leading...]
        let end = text.firstRange(of: Array("\r\n\r\n".utf8))
        body = end.map { text[$0.upperBound...] } ?? []
        var lines: [ArraySlice<UInt8>] = []
        var rest = text[..<(end?.lowerBound ?? text.endIndex)]
        while let line = rest.firstRange(of: Array("\r\n".utf8)) {
            lines.append(rest[..<line.lowerBound])
            rest = rest[line.upperBound...]
        }
        lines.append(rest)
        // A bare line feed ends a line for those who know HTTP/0.9.
        let first = lines[0].prefix { $0 != 0x0A }
        let words = first.split(separator: 0x20, omittingEmptySubsequences: false)
        self.words = words.map { String(bytesOf: $0) }
        if isRequest {
            method = Array(words[0])
            target = words.count > 1 ? Array(words[1]) : []
            version = words.last.map { String(bytesOf: $0) } ?? ""
        } else {
            version = String(bytesOf: words[0])
            status = words.count > 1 ? String(bytesOf: words[1]) : ""
            reason = Array(words.dropFirst(2).joined(separator: [0x20]))
        }
        fieldLines = lines.dropFirst().map { String(bytesOf: $0) }
        fields = lines.dropFirst().map { line in
            let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
            let name = String(bytesOf: line[..<colon]).lowercased()
            let value = line[colon...].dropFirst()
            return (name, String(bytesOf: value).trimmingBlanks)
        }
    }

    /// `HTTP/1.` and a digit.
    var isOfVersion1: Bool { version.wholeMatch(of: /HTTP\/1\.[0-9]/) != nil }

    func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
}

extension String {
    /// One character a byte. Read as UTF-8, a mark behind a colon would be one character with it, and the colon not found.
    init(bytesOf bytes: some Sequence<UInt8>) {
        self.init(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
    }

    var trimmingBlanks: String {
        var text = Substring(self)
        while text.first == " " || text.first == "\t" { text = text.dropFirst() }
        while text.last == " " || text.last == "\t" { text = text.dropLast() }
        return String(text)
    }
}
