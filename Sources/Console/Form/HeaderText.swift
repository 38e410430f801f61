/// Headers in one line: `name: value; name: value`.
enum HeaderText {
    static func render(_ headers: [EndpointStatus.Header]) -> String {
        headers.map { "\($0.name): \($0.shown)" }.joined(separator: "; ")
    }

    /// - Returns: the headers, and what keeps the first bad one from being one.
    static func parse(_ text: String) -> (headers: [EndpointDraft.Header], problem: String?) {
        var headers: [EndpointDraft.Header] = []
        for piece in pieces(text) {
            let part = trimmed(piece)
            guard let colon = part.firstIndex(of: ":") else { return (headers, "write name: value; name: value") }
            let name = String(trimmed(part[..<colon]))
            let value = String(trimmed(part[part.index(after: colon)...]))
            guard !name.isEmpty, name.utf8.allSatisfy(isToken) else { return (headers, "'\(name)' is no header name") }
            guard !value.isEmpty else { return (headers, "\(name) has no value") }
            headers.append(.init(name: name, value: value == EndpointStatus.keptSecret ? nil : value))
        }
        return (headers, nil)
    }

    /// A semicolon parts two headers only where a name and a colon follow: values may hold one as well.
    private static func pieces(_ text: String) -> [Substring] {
        var pieces: [Substring] = []
        for piece in text.split(separator: ";") where !trimmed(piece).isEmpty {
            if let last = pieces.last, !beginsHeader(piece) {
                pieces[pieces.count - 1] = text[last.startIndex..<piece.endIndex]
            } else {
                pieces.append(piece)
            }
        }
        return pieces
    }

    private static func beginsHeader(_ piece: Substring) -> Bool {
        guard let colon = piece.firstIndex(of: ":") else { return false }
        let name = trimmed(piece[..<colon])
        return !name.isEmpty && name.utf8.allSatisfy(isToken)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
