/// One line of text being typed.
struct LineEditor: Sendable, Equatable {
    private(set) var characters: [Character]
    private(set) var cursor: Int
    private let most: Int

    init(_ text: String = "", most: Int = 2_048) {
        characters = Array(SafeText.clean(text).prefix(most))
        cursor = characters.count
        self.most = most
    }

    var text: String { String(characters) }

    mutating func insert(_ text: String) {
        let clean = Array(SafeText.clean(text).prefix(max(0, most - characters.count)))
        characters.insert(contentsOf: clean, at: cursor)
        cursor += clean.count
    }

    /// Applies an editing key; false if it is not one.
    mutating func handle(_ key: Key) -> Bool {
        switch key {
        case .character(let character): insert(String(character))
        case .backspace:
            guard cursor > 0 else { return true }
            cursor -= 1
            characters.remove(at: cursor)
        case .delete:
            if cursor < characters.count { characters.remove(at: cursor) }
        case .left: cursor = max(0, cursor - 1)
        case .right: cursor = min(characters.count, cursor + 1)
        case .home, .control("A"): cursor = 0
        case .end, .control("E"): cursor = characters.count
        case .control("U"):
            characters.removeSubrange(0..<cursor)
            cursor = 0
        case .control("K"): characters.removeSubrange(cursor...)
        case .control("W"):
            var start = cursor
            while start > 0, characters[start - 1] == " " { start -= 1 }
            while start > 0, characters[start - 1] != " " { start -= 1 }
            characters.removeSubrange(start..<cursor)
            cursor = start
        default: return false
        }
        return true
    }

    /// The part that fits in `width` columns with the cursor in view, and the cursor's column in it.
    func window(width: Int) -> (text: String, cursor: Int) {
        guard width > 1 else { return ("", 0) }
        var start = cursor
        var used = 0
        while start > 0 {
            let columns = TextWidth.columns(of: String(characters[start - 1]))
            if used + columns > width - 1 { break }
            used += columns
            start -= 1
        }
        var end = start
        var total = 0
        while end < characters.count {
            let columns = TextWidth.columns(of: String(characters[end]))
            if total + columns > width { break }
            total += columns
            end += 1
        }
        return (String(characters[start..<end]), used)
    }
}
