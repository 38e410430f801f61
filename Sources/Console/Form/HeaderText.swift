internal import PodiumModel
internal import PureSupport

/// Headers in one line: `name: value; name: value`.
enum HeaderText {
    /// - Parameter present: the headers the text was made from.
    /// - Returns: the headers, and what keeps the first bad one from being one.
    static func parse(
        _ text: String, of present: [HeaderField] = []
    ) -> (headers: [HeaderField], problem: String?) {
        var headers: [HeaderField] = []
        for piece in pieces(text) {
            let part = piece.trimming(" ")
            guard let colon = part.firstIndex(of: ":") else { return (headers, "write name: value; name: value") }
            let name = String(part[..<colon].trimming(" "))
            var value = String(part[part.index(after: colon)...].trimming(" "))
            if let problem = HeaderRules.problem(inName: name) { return (headers, problem.brief) }
            guard !value.isEmpty else { return (headers, "\(name) has no value") }
            var before = present.first { $0.name.lowercased() == name.lowercased() }
            if let shown = before?.value { before?.value = SafeText.clean(shown) }
            // As it looks without Unicode.
            if before?.value == kept { value = value.replacing("****", with: kept) }
            let header = HeaderField(name: name, value: value)
            if value != before?.value || value == kept,
                let problem = EndpointField.problem(inHeader: header, keeping: before)
            {
                return (headers, problem.brief)
            }
            headers.append(header)
        }
        return (headers, nil)
    }

    private static let kept = EndpointPatch.keptSecret

    /// What became of which header, in words; the console holds no secrets that could be among them.
    static func changes(from old: [HeaderField], to new: [HeaderField]) -> [String] {
        func isSame(_ one: String, _ other: String) -> Bool { one.lowercased() == other.lowercased() }
        var changes: [String] = []
        for header in new {
            guard let before = old.first(where: { isSame($0.name, header.name) }) else {
                changes.append("\(header.name) added")
                continue
            }
            if before.name != header.name { changes.append("\(before.name) is now \(header.name)") }
            guard header.value != kept, header.value != before.value else { continue }
            changes.append(
                before.value == kept ? "\(header.name) changed" : "\(header.name) \(before.value)→\(header.value)")
        }
        changes += old.filter { header in !new.contains { isSame($0.name, header.name) } }.map { "\($0.name) removed" }
        return changes.isEmpty ? ["other order"] : changes
    }

    /// A semicolon parts two headers only where a name and a colon follow: values may hold one as well.
    private static func pieces(_ text: String) -> [Substring] {
        var pieces: [Substring] = []
        for piece in text.split(separator: ";") where !piece.trimming(" ").isEmpty {
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
        let name = piece[..<colon].trimming(" ")
        return ASCII.isToken(name)
    }
}
