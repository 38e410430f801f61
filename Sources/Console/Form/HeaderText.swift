internal import PodiumModel
internal import PureSupport

/// Headers in one line: `name: value; name: value`.
enum HeaderText {
    static func render(_ headers: [EndpointHeader]) -> String {
        headers.map { "\($0.name): \($0.shown)" }.joined(separator: "; ")
    }

    /// - Parameter present: the headers the text was made from.
    /// - Returns: the headers, and what keeps the first bad one from being one.
    static func parse(
        _ text: String, of present: [EndpointHeader] = []
    ) -> (headers: [EndpointDraft.Header], problem: String?) {
        var headers: [EndpointDraft.Header] = []
        for piece in pieces(text) {
            let part = trimmed(piece)
            guard let colon = part.firstIndex(of: ":") else { return (headers, "write name: value; name: value") }
            let name = String(trimmed(part[..<colon]))
            var value = String(trimmed(part[part.index(after: colon)...]))
            guard ASCII.isToken(name) else { return (headers, "'\(name)' is no header name") }
            guard !value.isEmpty else { return (headers, "\(name) has no value") }
            let before = present.first { $0.name.lowercased() == name.lowercased() }.map { SafeText.clean($0.shown) }
            // As it looks without Unicode.
            if before == Snapshot.keptSecret { value = value.replacing("****", with: Snapshot.keptSecret) }
            if let problem = problem(value: value, before: before) { return (headers, "\(name): \(problem)") }
            headers.append(.init(name: name, value: value == Snapshot.keptSecret ? nil : value))
        }
        return (headers, nil)
    }

    /// What is typed beside the stand-in for a secret would take the secret's place.
    private static func problem(value: String, before: String?) -> String? {
        guard value.contains("•"), value != before else { return nil }
        guard value == Snapshot.keptSecret else { return "type the whole value anew, or leave ••••" }
        return "no value to keep yet: type one"
    }

    /// What became of which header, in words; the console holds no secrets that could be among them.
    static func changes(from old: [EndpointHeader], to new: [EndpointDraft.Header]) -> [String] {
        func isSame(_ one: String, _ other: String) -> Bool { one.lowercased() == other.lowercased() }
        var changes: [String] = []
        for header in new {
            guard let before = old.first(where: { isSame($0.name, header.name) }) else {
                changes.append("\(header.name) added")
                continue
            }
            if before.name != header.name { changes.append("\(before.name) is now \(header.name)") }
            guard let value = header.value, value != before.shown else { continue }
            let isSecret = before.shown == Snapshot.keptSecret
            changes.append(isSecret ? "\(header.name) changed" : "\(header.name) \(before.shown)→\(value)")
        }
        changes += old.filter { header in !new.contains { isSame($0.name, header.name) } }.map { "\($0.name) removed" }
        return changes.isEmpty ? ["other order"] : changes
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
        return ASCII.isToken(name)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }
}
