import YAMLDocument

/// Real files, their paths on standard input: edits that change nothing must change no byte; random ones go to the oracle.
struct CorpusCheck {
    /// Scalars of one file that are set one by one; all of them are also set at once.
    private static let singles = 40
    private static let largestForCases = 1 << 16

    private var mutator: Mutator

    init(seed: UInt64) { mutator = Mutator(random: SeededRandom(seed: seed)) }

    consuming func run() {
        var output = Output()
        while let path = readLine(strippingNewline: true) {
            output.write(line(path) + "\n")
        }
    }

    private mutating func line(_ path: String) -> String {
        guard let bytes = contents(of: path) else {
            return JSONText.object(["path": JSONText.string(path), "unreadable": "true"])
        }
        let document: YAMLDocument
        do {
            document = try YAMLDocument(bytes: bytes)
        } catch {
            return JSONText.object(["path": JSONText.string(path), "refused": JSONText.string(error.reason)])
        }
        var noOps = NoOps(document)
        noOps.run(singles: Self.singles)
        var cases: [String] = []
        if bytes.count <= Self.largestForCases {
            cases = (0..<2).map { _ in EditCases.json(document, EditCases.edits(of: document, &mutator)) }
        }
        return JSONText.object([
            "path": JSONText.string(path), "noEditsIdentical": String(noOps.noEditsIdentical),
            "scalars": String(noOps.scalars), "floats": String(noOps.floats), "made": String(noOps.made),
            "refusals": JSONText.list(noOps.refusals.map(JSONText.string)),
            "changed": JSONText.list(noOps.changed.map(JSONText.string)),
            "before": cases.isEmpty ? "null" : EditCases.text(bytes), "cases": JSONText.list(cases),
        ])
    }
}

/// Sets scalars of one document to the values they have.
private struct NoOps {
    let document: YAMLDocument
    private(set) var noEditsIdentical = false
    private(set) var scalars = 0
    /// The editor has no float to set.
    private(set) var floats = 0
    private(set) var made = 0
    private(set) var refusals: [String] = []
    /// The texts of plain scalars whose bytes changed; anything else that changed is named by its path.
    private(set) var changed: [String] = []

    private var candidates: [(path: YAMLPath, value: YAMLValue, node: YAMLNode)] = []

    init(_ document: YAMLDocument) { self.document = document }

    mutating func run(singles: Int) {
        if let same = try? document.applying([]) { noEditsIdentical = same.bytes == document.bytes }
        if let root = document.root { collect(root, YAMLPath([])) }
        let step = max(1, candidates.count / singles)
        var harmless = Array(repeating: true, count: candidates.count)
        for index in stride(from: 0, to: candidates.count, by: step) {
            harmless[index] = setAlone(index)
        }
        // All others at once; where one of them stands in the way of that, all one by one.
        let all = candidates.indices.filter { harmless[$0] }
        do {
            let edited = try document.applying(all.map { .set(candidates[$0].path, candidates[$0].value) })
            if edited.bytes == document.bytes { made += all.count } else { oneByOne(all, step) }
        } catch {
            oneByOne(all, step)
        }
    }

    private mutating func oneByOne(_ indices: [Int], _ step: Int) {
        for index in indices where !index.isMultiple(of: step) || step == 1 { _ = setAlone(index) }
    }

    /// Whether the edit was made and changed nothing.
    private mutating func setAlone(_ index: Int) -> Bool {
        let (path, value, node) = candidates[index]
        do {
            let edited = try document.applying([.set(path, value)])
            made += 1
            if edited.bytes == document.bytes { return true }
            changed.append(node.style == .plain && node.kind == .scalar ? node.text : "/\(path)")
        } catch {
            refusals.append(error.reason)
        }
        return false
    }

    private mutating func collect(_ node: YAMLNode, _ path: YAMLPath) {
        switch node.kind {
        case .alias: break
        case .mapping:
            for (key, value) in node.pairs where key.kind == .scalar { collect(value, path.appending(.key(key.text))) }
        case .sequence:
            for (index, entry) in node.entries.enumerated() { collect(entry, path.appending(.index(index))) }
        case .scalar:
            scalars += 1
            switch node.scalar {
            case .null: candidates.append((path, .null, node))
            case .boolean(let flag): candidates.append((path, .boolean(flag), node))
            case .integer(let number): candidates.append((path, .integer(number), node))
            case .string(let text): candidates.append((path, .string(text), node))
            case .float, nil: floats += 1
            }
        }
    }
}
