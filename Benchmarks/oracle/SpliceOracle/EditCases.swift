import YAMLDocument

/// Random edits of one document and what the editor made of each.
enum EditCases {
    /// One case in three makes several edits at once.
    static func edits(of document: YAMLDocument, _ mutator: inout Mutator) -> [YAMLEdit] {
        let count = mutator.random.chance(67) ? 1 : Int.random(in: 2...3, using: &mutator.random)
        return (0..<count).compactMap { _ in
            // The whole document can be neither set nor removed: one try in four may find that out.
            for _ in 0..<4 {
                switch mutator.edit(document) {
                case .set(let path, _)? where path.steps.isEmpty, .remove(let path)? where path.steps.isEmpty: continue
                case let edit: return edit
                }
            }
            return mutator.edit(document)
        }
    }

    static func json(_ document: YAMLDocument, _ edits: [YAMLEdit]) -> String {
        let written = JSONText.list(edits.map(JSONText.edit))
        do {
            let edited = try document.applying(edits)
            return JSONText.object(["edits": written, "after": text(edited.bytes)])
        } catch {
            return JSONText.object(["edits": written, "refused": JSONText.string(error.reason)])
        }
    }

    static func text(_ bytes: [UInt8]) -> String { JSONText.string(String(decoding: bytes, as: UTF8.self)) }
}

/// Documents that are generated, and mutated ones of these and of the hand-written samples.
struct GeneratedCases {
    private var mutator: Mutator
    private var files: FileGenerator

    init(seed: UInt64) {
        mutator = Mutator(random: SeededRandom(seed: seed))
        files = FileGenerator(seed: ~seed)
    }

    /// Writes `count` documents that the editor can read, one a line with two cases each.
    consuming func write(count: Int) {
        var output = Output()
        var written = 0
        while written < count {
            guard let document = try? YAMLDocument(bytes: bytes()) else { continue }
            let cases = (0..<2).map { _ in
                EditCases.json(document, EditCases.edits(of: document, &mutator))
            }
            let line = JSONText.object(["before": EditCases.text(document.bytes), "cases": JSONText.list(cases)])
            output.write(line + "\n")
            written += 1
        }
    }

    private mutating func bytes() -> [UInt8] {
        if mutator.random.chance(50) {
            let file = Array(files.file().utf8)
            return mutator.random.chance(50) ? mutator.mutate(file) : file
        }
        return mutator.mutate(Corpus.bytes(mutator.random.pick(Corpus.files).text))
    }
}
