import Foundation
import TestSupport
import Testing

@testable import YAMLDocument

/// A JSON file is a YAML file that other programs read as well: after any edit it is JSON still, and says what was meant.
@Suite struct JSONEditTests {
    private static let rounds = ProcessInfo.processInfo.environment["PODIUM_JSON_EDITS"].flatMap { Int($0) } ?? 1_500

    @Test func whateverIsEditedStaysJSON() throws {
        var made = 0
        for seed in 0..<UInt64(Self.rounds) {
            var generator = Generator(random: SeededRandom(seed: seed))
            let value = generator.collection(depth: 0)
            let text = generator.written(value)
            let document = try YAMLDocument(bytes: Array(text.utf8))
            #expect(JSONStyle(document.bytes) != nil, "\(text)")
            let (edit, expected) = generator.edit(of: value)
            do {
                let edited = try document.applying([edit])
                let object = try JSONSerialization.jsonObject(with: Data(edited.bytes), options: .fragmentsAllowed)
                #expect(
                    Generator.isSame(object, expected),
                    "seed \(seed): \(edit)\n\(text)\n\(String(decoding: edited.bytes, as: UTF8.self))")
                made += 1
            } catch let error as YAMLError {
                Issue.record("seed \(seed): refused: \(error)\n\(edit)\n\(text)")
            }
        }
        #expect(made == Self.rounds)
    }

    @Test(arguments: [
        ("{\"a\":1}", "{\"a\":1,\"b\":\"x\\ny\"}"), ("{}", "{\"b\":\"x\\ny\"}"),
        ("{\"a\": 1, \"c\": 2}", "{\"a\": 1, \"c\": 2, \"b\": \"x\\ny\"}"),
        ("{\n    \"a\": 1\n}\n", "{\n    \"a\": 1,\n    \"b\": \"x\\ny\"\n}\n"),
        ("{\r\n\t\"a\": []\r\n}", "{\r\n\t\"a\": [],\r\n\t\"b\": \"x\\ny\"\r\n}"),
    ]) func aNewKeyIsWrittenAsTheFileIs(_ before: String, _ after: String) throws {
        let document = try YAMLDocument(bytes: Array(before.utf8))
        let edited = try document.applying([.insertKey("b", .string("x\ny"), into: [], placement: .last)])
        #expect(String(decoding: edited.bytes, as: UTF8.self) == after)
    }

    @Test func anEntryInAPrettyFileGetsItsLines() throws {
        let text = "{\n  \"l\": [\n    {\n      \"name\": \"a\"\n    }\n  ],\n  \"e\": []\n}\n"
        let document = try YAMLDocument(bytes: Array(text.utf8))
        let entry = YAMLValue.mapping(["name": .string("b"), "tags": .sequence([.string("x")])])
        let lines = "{\n      \"name\": \"b\",\n      \"tags\": [\"x\"]\n    }"
        let appended = try document.applying([.insertEntry(entry, into: ["l"], at: 1)])
        #expect(
            String(decoding: appended.bytes, as: UTF8.self)
                == text.replacing("    }\n  ]", with: "    },\n    \(lines)\n  ]"))
        let first = try document.applying([.insertEntry(entry, into: ["l"], at: 0)])
        #expect(
            String(decoding: first.bytes, as: UTF8.self) == text.replacing("[\n    {", with: "[\n    \(lines),\n    {"))
        let filled = try document.applying([.insertEntry(entry, into: ["e"], at: 0)])
        #expect(String(decoding: filled.bytes, as: UTF8.self) == text.replacing("[]", with: "[\n    \(lines)\n  ]"))
    }

    @Test(arguments: [
        "{a: 1}", "{\"a\": 01}", "{\"a\": 'x'}", "{\"a\": 1,}", "{\"a\": yes}", "[1 2]", "{\"a\": \"\\x41\"}", "- 1",
        "{\"a\": 1} # c", "{\"a\": .5}", "{\"a\": 1.}", "[+1]",
    ])
    func whatIsMoreThanJSONIsNoJSON(_ text: String) {
        #expect(JSONStyle(Array(text.utf8)) == nil)
    }
}

/// Makes values, writes them in one of JSON's layouts, and edits of them with what they have to give.
private struct Generator {
    var random: SeededRandom
    private static let texts = [
        "a", "", "yes", "null", "1e3", "é", "日本", "a\"b", "a\\b", "line\nbreak", "tab\t", "\u{7F}", "\u{2028}", "#",
        "a: b", "${KEY}", "'", "/",
        "\u{1}", "😀", "~", "{", "]", ",",
    ]
    private var scalar: YAMLValue {
        mutating get {
            switch Int.random(in: 0..<6, using: &random) {
            case 0: .null
            case 1: .boolean(Bool.random(using: &random))
            case 2: .integer(Int.random(in: -1_000...1_000, using: &random))
            default: .string(Self.texts.randomElement(using: &random) ?? "")
            }
        }
    }

    init(random: SeededRandom) { self.random = random }

    mutating func value(depth: Int) -> YAMLValue {
        depth < 3 && Int.random(in: 0..<3, using: &random) == 0 ? collection(depth: depth) : scalar
    }

    mutating func collection(depth: Int) -> YAMLValue {
        let count = Int.random(in: 0...3, using: &random)
        if depth > 0, Bool.random(using: &random) { return .sequence((0..<count).map { _ in value(depth: depth + 1) }) }
        let keys = ["k", "k 2", "true", "ключ", "name", "\"", "1"].shuffled(using: &random)
        return .mapping(keys.prefix(count).map { YAMLPair(key: $0, value: value(depth: depth + 1)) })
    }

    // MARK: Writing

    mutating func written(_ value: YAMLValue) -> String {
        let unit = [nil, nil, "  ", "\t", "    "].randomElement(using: &random) ?? nil
        let isTight = Bool.random(using: &random)
        let lineBreak = Int.random(in: 0..<5, using: &random) == 0 ? "\r\n" : "\n"
        let end = ["", lineBreak].randomElement(using: &random) ?? ""
        return Self.write(value, unit, "", isTight && unit == nil, lineBreak) + end
    }

    private static func write(
        _ value: YAMLValue, _ unit: String?, _ indent: String, _ isTight: Bool, _ lineBreak: String
    ) -> String {
        func list(_ open: String, _ items: [String], _ close: String) -> String {
            guard !items.isEmpty else { return open + close }
            guard let unit else { return open + items.joined(separator: isTight ? "," : ", ") + close }
            return open + lineBreak + items.map { indent + unit + $0 }.joined(separator: "," + lineBreak) + lineBreak
                + indent + close
        }
        let inner = indent + (unit ?? "")
        switch value {
        case .null: return "null"
        case .boolean(let flag): return String(flag)
        case .integer(let number): return String(number)
        case .string(let text): return quoted(text)
        case .sequence(let items): return list("[", items.map { write($0, unit, inner, isTight, lineBreak) }, "]")
        case .mapping(let pairs):
            return list(
                "{",
                pairs.map {
                    quoted($0.key) + (isTight ? ":" : ": ") + write($0.value, unit, inner, isTight, lineBreak)
                }, "}")
        }
    }

    /// By Foundation, not by the code that is tested; YAML has no escape for a half of a character, so none is used.
    private static func quoted(_ text: String) -> String {
        let data = (try? JSONSerialization.data(withJSONObject: [text], options: .withoutEscapingSlashes)) ?? Data()
        // Foundation leaves these as they are, and YAML does not read them so.
        return String(String(decoding: data, as: UTF8.self).dropFirst().dropLast()).replacing("\u{7F}", with: "\\u007f")
            .replacing("\u{2028}", with: "\\u2028")
    }

    // MARK: Editing

    mutating func edit(of value: YAMLValue) -> (YAMLEdit, YAMLValue) {
        var path: [YAMLPath.Step] = []
        var place = value
        // Down to a random collection.
        while true {
            let inner: [(YAMLPath.Step, YAMLValue)] =
                switch place {
                case .mapping(let pairs): pairs.map { (.key($0.key), $0.value) }
                case .sequence(let items): items.enumerated().map { (.index($0.offset), $0.element) }
                default: []
                }
            let collections = inner.filter { !$0.1.isScalar }
            guard Bool.random(using: &random), let next = collections.randomElement(using: &random) else { break }
            path.append(next.0)
            place = next.1
        }
        let new = self.value(depth: 1)
        let choice = Int.random(in: 0..<4, using: &random)
        switch place {
        case .mapping(var pairs):
            if choice < 2 || pairs.isEmpty {
                let placement =
                    [KeyPlacement.first, .last, .after(pairs.first?.key ?? "none")].randomElement(using: &random)
                    ?? .last
                let edit = YAMLEdit.insertKey("new key", new, into: YAMLPath(path), placement: placement)
                pairs.append(YAMLPair(key: "new key", value: new))
                return (edit, Self.replacing(value, path[...], .mapping(pairs)))
            }
            let number = Int.random(in: 0..<pairs.count, using: &random)
            let target = YAMLPath(path + [.key(pairs[number].key)])
            if choice == 2 {
                pairs[number].value = new
                return (.set(target, new), Self.replacing(value, path[...], .mapping(pairs)))
            }
            pairs.remove(at: number)
            return (.remove(target), Self.replacing(value, path[...], .mapping(pairs)))
        case .sequence(var items):
            if choice < 2 || items.isEmpty {
                let number = Int.random(in: 0...items.count, using: &random)
                items.insert(new, at: number)
                return (
                    .insertEntry(new, into: YAMLPath(path), at: number),
                    Self.replacing(value, path[...], .sequence(items))
                )
            }
            let number = Int.random(in: 0..<items.count, using: &random)
            let target = YAMLPath(path + [.index(number)])
            if choice == 2 {
                items[number] = new
                return (.set(target, new), Self.replacing(value, path[...], .sequence(items)))
            }
            items.remove(at: number)
            return (.remove(target), Self.replacing(value, path[...], .sequence(items)))
        default: return (.set(YAMLPath(path), new), new)
        }
    }

    private static func replacing(_ value: YAMLValue, _ path: ArraySlice<YAMLPath.Step>, _ new: YAMLValue) -> YAMLValue
    {
        guard let step = path.first else { return new }
        switch (value, step) {
        case (.mapping(var pairs), .key(let key)):
            guard let number = pairs.firstIndex(where: { $0.key == key }) else { return value }
            pairs[number].value = replacing(pairs[number].value, path.dropFirst(), new)
            return .mapping(pairs)
        case (.sequence(var items), .index(let number)):
            items[number] = replacing(items[number], path.dropFirst(), new)
            return .sequence(items)
        default: return value
        }
    }

    /// Whether Foundation read the value.
    static func isSame(_ object: Any, _ value: YAMLValue) -> Bool {
        switch value {
        case .null: return object is NSNull
        case .boolean(let flag): return object as? Bool == flag
        case .integer(let number): return object as? Int == number
        case .string(let text): return (object as? String).map { Array($0.utf8) } == Array(text.utf8)
        case .sequence(let items):
            guard let list = object as? [Any], list.count == items.count else { return false }
            return zip(list, items).allSatisfy { isSame($0, $1) }
        case .mapping(let pairs):
            guard let table = object as? [String: Any], table.count == pairs.count else { return false }
            return pairs.allSatisfy { pair in table[pair.key].map { isSame($0, pair.value) } ?? false }
        }
    }
}
