import TestSupport
import YAMLDocument

/// Random files together with what they hold.
struct FileGenerator {
    struct Entry: Equatable {
        var name: String
        var priority: Int?
        var note: String
        var tags: [String]
        var pinned: Bool?
    }

    var random: SeededRandom
    private(set) var entries: [Entry] = []
    private var lineBreak = "\n"

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    /// A new file; `entries` is what it holds.
    mutating func file() -> String {
        lineBreak = random.pick(["\n", "\n", "\r\n", "\r", "\u{85}"])
        entries = (0..<Int.random(in: 1...12, using: &random)).map { number in
            Entry(
                name: "e\(number)", priority: random.chance(80) ? number : nil,
                note: random.pick(["plain", "yes", "a: b", "日本", "#x", "two\nlines", "", " s"]),
                tags: (0..<Int.random(in: 0...3, using: &random)).map { "t\($0)" }, pinned: nil)
        }
        var lines: [String] = random.chance(50) ? ["# head 🚀", ""] : []
        let indent = random.pick(["", "  ", "    "])
        if random.chance(10) { lines.append("---") }
        lines.append("server: {a: 1}")
        lines.append("endpoints:" + (random.chance(30) ? "   # list" : ""))
        let gap = random.chance(50)
        for entry in entries {
            if random.chance(30) { lines.append(indent + "# about \(entry.name)") }
            lines += random.chance(20) ? [indent + "- " + flow(entry) + comment()] : block(entry, indent)
            if gap || random.chance(10) { lines.append(random.chance(20) ? "  " : "") }
        }
        if random.chance(50) { lines += ["after:", "  x: |", "    - name: no", ""] }
        let text = (random.chance(15) ? "\u{FEFF}" : "") + lines.joined(separator: lineBreak)
        return random.chance(80) ? text + lineBreak : text
    }

    private mutating func comment() -> String { random.chance(25) ? random.pick(["  # c", "\t# c", " #é"]) : "" }

    private mutating func flow(_ entry: Entry) -> String {
        var pairs = ["name: \(entry.name)", "note: \(quoted(entry.note))"]
        if let priority = entry.priority { pairs.append("priority: \(priority)") }
        pairs.append("tags: [\(entry.tags.joined(separator: random.pick([", ", ","])))]")
        return "{" + pairs.joined(separator: ", ") + random.pick(["}", " }", ",}"])
    }

    private mutating func block(_ entry: Entry, _ indent: String) -> [String] {
        let dash = random.pick(["- ", "-   "])
        let inner = indent + String(repeating: " ", count: dash.utf8.count)
        var pairs = [["name: \(entry.name)" + comment()]]
        if let priority = entry.priority { pairs.append(["priority: \(priority)" + comment()]) }
        pairs.append(note(entry.note, inner))
        if entry.tags.isEmpty || random.chance(50) {
            pairs.append(["tags: [\(entry.tags.joined(separator: ", "))]" + comment()])
        } else {
            pairs.append(
                ["tags:" + comment()]
                    + entry.tags.map { inner + random.pick(["- ", "  - "].suffix(1)) + $0 + comment() })
        }
        if random.chance(20) { pairs.insert(["# inner"], at: 1) }
        if random.chance(30) { pairs.reverse() }
        if pairs[0][0].hasPrefix("#") { pairs.swapAt(0, 1) }
        var lines: [String] = []
        for (index, pair) in pairs.enumerated() {
            lines.append((index == 0 ? indent + dash : inner) + pair[0])
            lines += pair.dropFirst()
        }
        return lines
    }

    private mutating func note(_ text: String, _ indent: String) -> [String] {
        if text == "two\nlines", random.chance(70) {
            return ["note: |-" + comment(), indent + "  two", indent + "  lines"]
        }
        if text == "plain", random.chance(30) { return ["note: >-", indent + " plain"] }
        return ["note: " + quoted(text) + comment()]
    }

    private mutating func quoted(_ text: String) -> String {
        if text == "plain" || text == "日本" { return random.pick([text, "'\(text)'", "\"\(text)\""]) }
        return "\"" + text.replacing("\n", with: "\\n") + "\""
    }
}
