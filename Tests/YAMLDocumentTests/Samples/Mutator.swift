import TestSupport
import YAMLDocument

/// Damages files the way that finds parser bugs: bytes and YAML tokens are inserted, removed, doubled and exchanged.
struct Mutator {
    var random: SeededRandom

    private static let tokens: [[UInt8]] =
        [
            "\n", "\r\n", "\r", "\t", " ", "  ", "    ", ": ", ":", "- ", "-", "? ", "#", " #", "{", "}", "[", "]", ",",
            "&a ",
            "*a", "!!str ", "!", "|", "|+\n", ">-\n", "'", "\"", "\\", "---\n", "...\n", "%TAG ! x\n", "<<: ", "~",
            "\u{85}",
            "\u{2028}", "\u{FEFF}", "🚀", "é", "\0", "name: x\n", "priority: 3\n", "  - name: c\n", "@", "`",
            "endpoints:",
        ].map { Array($0.utf8) } + [[0xFF], [0xC2], [0xE2, 0x80], [0xF0, 0x9F]]

    mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let at = Int.random(in: 0...result.count, using: &random)
            let end = min(result.count, at + Int.random(in: 0...8, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1: result.insert(contentsOf: random.pick(Self.tokens), at: at)
            case 2: result.removeSubrange(at..<end)
            case 3: result.insert(contentsOf: result[at..<end], at: at)
            default: result.replaceSubrange(at..<end, with: random.pick(Self.tokens))
            }
        }
        return result
    }

    /// An edit of some node of the document.
    mutating func edit(_ document: YAMLDocument) -> YAMLEdit? {
        guard var node = document.root else {
            return .insertKey("k", value(), into: [], placement: .last)
        }
        var path = YAMLPath([])
        while true {
            let children = node.kind == .mapping ? node.pairs.count : node.entries.count
            if children == 0 || random.chance(25) { break }
            let index = Int.random(in: 0..<children, using: &random)
            if node.kind == .mapping {
                path = path.appending(.key(node.pairs[index].key.text))
                node = node.pairs[index].value
            } else {
                path = path.appending(.index(index))
                node = node.entries[index]
            }
        }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return .remove(path)
        case 1 where node.kind == .mapping:
            return .insertKey("k", value(), into: path, placement: random.pick([.first, .last, .after("name")]))
        case 1 where node.kind == .sequence:
            return .insertEntry(value(), into: path, at: Int.random(in: 0...node.entries.count, using: &random))
        default: return .set(path, value())
        }
    }

    mutating func value() -> YAMLValue {
        let texts = [
            "x", "yes", "0x1", "~", "1e3", "#", "a #b", "a: b", " lead", "trail ", "two\nlines", "", "null", "'", "\"",
            "\\",
            "${KEY}", "[a]", "{", "- a", "-", "?", "!x", "&a", "*a", "|", "%", "@", "`", "日本 🚀", "\u{85}", "\u{FEFF}",
            "\t",
            "---", "...", "a:", ":a", "a,b", "<<", "=", "1:30", "2023-06-01", "0o7", "1_000", ".5", "+1", "-",
            "127.0.0.1",
            "https://a.example/v1?x=1#y", "30s", "15%", "\u{0}", "\u{7F}", "\u{FFFE}", "é\u{301}", "no", "True", "N",
        ]
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return .null
        case 1: return .boolean(random.chance(50))
        case 2: return .integer(Int.random(in: -5...2000, using: &random))
        case 3: return .sequence((0..<Int.random(in: 0...3, using: &random)).map { _ in .string(random.pick(texts)) })
        case 4:
            let count = Int.random(in: 0...3, using: &random)
            return .mapping((0..<count).map { YAMLPair(key: "k\($0)", value: .string(random.pick(texts))) })
        default: return .string(random.pick(texts))
        }
    }
}
