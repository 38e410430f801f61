internal import PodiumModel
public import YAMLDocument

/// Writes changes into the operator's file, and nothing else.
public enum ConfigurationEditor {
    /// The document with the changes made, verified by reading it again; every other byte is as it was.
    ///
    /// The names in `changes` are those of `document`. A value that would not validate, and a place that cannot be edited
    /// safely, is refused with line, column and reason.
    ///
    /// - Parameter order: the names of all endpoints as they are to stand in the file: an added one goes behind the nearest of
    ///   those before it that is there. One that is not named goes to the end, as does one for which there is no room.
    public static func apply(
        _ changes: [ConfigurationChange], to document: YAMLDocument, order: [String] = []
    ) throws(YAMLError) -> YAMLDocument {
        guard !changes.isEmpty else { return document }
        guard !order.isEmpty, changes.contains(where: \.isAddition) else { return try make(changes, document, []) }
        do throws(YAMLError) {
            return try make(changes, document, order)
        } catch {
            return try make(changes, document, [])
        }
    }

    private static func make(
        _ changes: [ConfigurationChange], _ document: YAMLDocument, _ order: [String]
    ) throws(YAMLError) -> YAMLDocument {
        let removes = changes.contains { if case .removeEndpoint = $0 { true } else { false } }
        var edited = document
        if removes {
            // Paths refer to the file as it is before the edits, so what is added goes into the file that the removals left.
            edited = try edit(document, changes.filter { !$0.isAddition }, order)
            edited = try edit(edited, changes.filter(\.isAddition), order)
        } else {
            edited = try edit(document, changes, order)
        }
        try ResultCheck(changes: changes, original: EntryIndex(document), document: edited).run()
        return edited
    }

    private static func edit(
        _ document: YAMLDocument, _ changes: [ConfigurationChange], _ order: [String]
    ) throws(YAMLError) -> YAMLDocument {
        let index = EntryIndex(document)
        var edits: [YAMLEdit] = []
        var additions: [(name: String, value: YAMLValue)] = []
        for change in changes {
            switch change {
            case .setAutoSort(let flag):
                edits.append(try autoSortEdit(flag, document))
            case .setField(let name, let field, _, let new):
                let number = try index.number(of: name)
                let path: YAMLPath = ["endpoints", .index(number)]
                edits += FieldEdits(entry: index.entries[number], path: path).edits(setting: field, to: new)
            case .removeEndpoint(let name):
                edits.append(.remove(["endpoints", .index(try index.number(of: name))]))
            case .addEndpoint(let settings):
                additions.append((settings.name, settings.yaml))
            }
        }
        edits += additionEdits(additions, document, places(in: order, changes, index))
        return try document.applying(edits)
    }

    private static func autoSortEdit(
        _ flag: Bool, _ document: YAMLDocument
    ) throws(YAMLError) -> YAMLEdit {
        let key = "auto_sort_endpoints"
        let section = YAMLValue.mapping([key: .boolean(flag)])
        guard let root = document.root, root.kind == .mapping, let server = root["server"] else {
            return .insertKey("server", section, into: [], placement: .first)
        }
        if server.kind != .mapping, server.scalar == .null { return .set(["server"], section) }
        if server.kind != .mapping, server.kind != .alias {
            throw YAMLError(line: server.line, column: server.column, reason: "server is not a mapping")
        }
        if server.kind == .mapping, server[key] == nil {
            return .insertKey(key, .boolean(flag), into: ["server"], placement: .after("port"))
        }
        return .set(["server", .key(key)], .boolean(flag))
    }

    private static func additionEdits(
        _ additions: [(name: String, value: YAMLValue)], _ document: YAMLDocument, _ places: [String: Int]
    ) -> [YAMLEdit] {
        guard !additions.isEmpty else { return [] }
        guard let root = document.root, root.kind == .mapping, let list = root["endpoints"] else {
            return [.insertKey("endpoints", .sequence(additions.map(\.value)), into: [], placement: .last)]
        }
        let count = list.entries.count
        if count == 0, list.kind != .alias { return [.set(["endpoints"], .sequence(additions.map(\.value)))] }
        return additions.map { .insertEntry($0.value, into: ["endpoints"], at: places[$0.name] ?? count) }
    }

    /// Before which of the document's entries each endpoint of the order would come in.
    private static func places(
        in order: [String], _ changes: [ConfigurationChange], _ index: EntryIndex
    ) -> [String: Int] {
        guard changes.contains(where: \.isAddition) else { return [:] }
        var formerNames: [String: String] = [:]
        for case .setField(let name, .name, _, .text(let new)) in changes { formerNames[new] = name }
        var places: [String: Int] = [:]
        var next = 0
        for name in order {
            places[name] = next
            if let number = index.place(of: formerNames[name] ?? name) { next = number + 1 }
        }
        return places
    }
}

extension ConfigurationChange {
    fileprivate var isAddition: Bool {
        if case .addEndpoint = self { true } else { false }
    }
}
