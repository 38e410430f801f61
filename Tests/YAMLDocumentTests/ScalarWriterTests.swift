import TestSupport
import Testing
import YAMLDocument

@Suite struct ScalarRoundTripTests {
    /// Every value comes back as the same type and text, wherever and over whatever it is written.
    @Test(arguments: [
        "a: old\n", "a: 'old'\n", "a: \"old\"\n", "a:\n", "a: |\n  old\n", "{a: old}", "{a: }", "{\"a\":\"old\"}",
        "- a: old\n",
        "{b: [x, {a: old}]}",
    ]) func valuesReadBack(_ file: String) throws {
        let document = try YAMLDocument(bytes: Array(file.utf8))
        let paths: [YAMLPath] = [["a"], [0, "a"], ["b", 1, "a"]]
        let path = try #require(paths.first { document.node(at: $0) != nil })
        var mutator = Mutator(random: SeededRandom(seed: 5))
        for round in 0..<2000 {
            let value = round < 1500 ? mutator.value() : .string(Self.randomText(&mutator.random))
            let edited = try document.applying([.set(path, value)])
            let node = try #require(edited.node(at: path))
            #expect(Self.value(of: node) == value, "\(String(decoding: edited.bytes, as: UTF8.self))")
        }
    }

    private static func randomText(_ random: inout SeededRandom) -> String {
        let alphabet = Array("aZ09 \t\n\r:#-?,[]{}&*!|>'\"%@`\\$~=<._+é日🚀\u{85}\u{2028}\u{0}\u{1B}".unicodeScalars)
        let scalars = (0..<Int.random(in: 0...12, using: &random)).map { _ in random.pick(alphabet) }
        return String(String.UnicodeScalarView(scalars))
    }

    private static func value(of node: YAMLNode) -> YAMLValue? {
        switch node.kind {
        case .sequence: return .sequence(node.entries.compactMap(value))
        case .mapping:
            return .mapping(
                node.pairs.compactMap { pair in value(of: pair.value).map { YAMLPair(key: pair.key.text, value: $0) } })
        case .alias: return nil
        case .scalar:
            switch node.scalar {
            case .null: return .null
            case .boolean(let flag): return .boolean(flag)
            case .integer(let number): return .integer(number)
            case .string(let text): return .string(text)
            default: return nil
            }
        }
    }
}
