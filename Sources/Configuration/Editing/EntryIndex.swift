internal import YAMLDocument

/// The entries of `endpoints:` by name.
struct EntryIndex {
    let entries: [YAMLNode]
    private var numbers: [String: Int] = [:]
    /// Names that more than one entry has.
    private(set) var ambiguous: Set<String> = []

    init(_ document: YAMLDocument) {
        let list = document.root.flatMap { $0.kind == .mapping ? $0["endpoints"] : nil }?.resolved
        entries = list?.entries ?? []
        for (number, entry) in entries.enumerated() {
            guard let name = entry.resolved?.merged("name")?.resolved, name.kind == .scalar else { continue }
            if numbers.updateValue(number, forKey: name.text) != nil { ambiguous.insert(name.text) }
        }
    }

    func entry(of name: String) -> YAMLNode? { numbers[name].map { entries[$0] } }

    /// Where the last entry of this name stands.
    func place(of name: String) -> Int? { numbers[name] }

    func number(of name: String) throws(YAMLError) -> Int {
        guard let number = numbers[name] else {
            throw YAMLError(line: 1, column: 1, reason: "the file has no endpoint named '\(name)'")
        }
        guard !ambiguous.contains(name) else {
            throw YAMLError(
                line: entries[number].line, column: entries[number].column,
                reason: "the file has more than one endpoint named '\(name)'")
        }
        return number
    }
}
