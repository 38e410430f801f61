import TestSupport
import Testing

@testable import YAMLDocument

/// Random files, random edits in batches: the values are those of a model that was edited likewise, and what no edit
/// concerns keeps its bytes.
@Suite struct EditPropertyTests {
    @Test(arguments: 1...6) func editsDoWhatTheModelSays(_ seed: UInt64) throws {
        var generator = FileGenerator(seed: seed)
        for round in 0..<250 {
            let text = generator.file()
            let document = try YAMLDocument(bytes: Array(text.utf8))
            #expect(Self.entries(of: document) == generator.entries, "\(seed) \(round)")

            var model: [FileGenerator.Entry?] = generator.entries
            var edits: [YAMLEdit] = []
            for index in model.indices where generator.random.chance(40) {
                edits += Self.edit(&model[index], at: index, document, &generator.random)
            }
            let edited: YAMLDocument
            do {
                edited = try document.applying(edits)
            } catch {
                Issue.record("\(seed) \(round): \(error)\n\(edits)\n\(text)")
                continue
            }
            #expect(Self.entries(of: edited) == model.compactMap(\.self), "\(seed) \(round)\n\(text)")
            #expect(edited.readsTheSameAsAWhole)
            #expect(Self.comments(edited).isSubset(of: Self.comments(document)))
            let removesNothing = !model.contains(nil)
            if removesNothing { #expect(Self.headAndTailComments(edited) == Self.headAndTailComments(document)) }
        }
    }

    private static func edit(
        _ entry: inout FileGenerator.Entry?, at index: Int, _ document: YAMLDocument, _ random: inout SeededRandom
    ) -> [YAMLEdit] {
        let path: YAMLPath = ["endpoints", .index(index)]
        var edits: [YAMLEdit] = []
        if random.chance(15) {
            entry = nil
            return [.remove(path)]
        }
        if random.chance(60) {
            let value = YAMLValue.integer(index + 100)
            edits.append(
                entry?.priority == nil
                    ? .insertKey("priority", value, into: path, placement: .after("name"))
                    : .set(path.appending("priority"), value))
            entry?.priority = index + 100
        } else if entry?.priority != nil, random.chance(30), document.node(at: path)?.style == .block {
            edits.append(.remove(path.appending("priority")))
            entry?.priority = nil
        }
        if random.chance(30) {
            let note = random.pick(["new", "no", "a #b", "x\ny", "", "é🚀"])
            edits.append(.set(path.appending("note"), .string(note)))
            entry?.note = note
        }
        if random.chance(30), !edits.contains(where: { if case .remove = $0 { true } else { false } }) {
            edits.append(
                .insertKey(
                    "pinned", .boolean(true), into: path, placement: random.pick([.first, .last, .after("name")])))
            entry?.pinned = true
        }
        if random.chance(30) {
            let tags = random.pick([[], ["t0"], ["t1", "n"], ["n", "t0", "t1", "t2"]])
            edits.append(.set(path.appending("tags"), .sequence(tags.map(YAMLValue.string))))
            entry?.tags = tags
        }
        return edits
    }

    private static func entries(of document: YAMLDocument) -> [FileGenerator.Entry] {
        (document.root?["endpoints"]?.entries ?? []).map { node in
            func integer(_ key: String) -> Int? {
                if case .integer(let number)? = node[key]?.scalar { number } else { nil }
            }
            return FileGenerator.Entry(
                name: node["name"]?.text ?? "", priority: integer("priority"), note: node["note"]?.text ?? "",
                tags: node["tags"]?.entries.map(\.text) ?? [],
                pinned: node["pinned"]?.scalar == .boolean(true) ? true : nil)
        }
    }

    private static func comments(_ document: YAMLDocument) -> Set<String> {
        let lines = String(decoding: document.bytes, as: UTF8.self).split {
            $0 == "\n" || $0 == "\r" || $0 == "\r\n" || $0 == "\u{85}"
        }
        return Set(lines.filter { $0.drop { $0 == " " }.first == "#" }.map { String($0.drop { $0 == " " }) })
    }

    private static func headAndTailComments(_ document: YAMLDocument) -> Set<String> {
        comments(document).filter { $0.hasPrefix("# about") || $0.hasPrefix("# head") || $0 == "# inner" }
    }
}
