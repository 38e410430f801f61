internal import PodiumModel
public import YAMLDocument

// From changes of settings to edits of the file's text. `ConfigurationWriter` calls it with the file as it was read; `YAMLDocument`
// makes the edits. The edited text is read once more here (`ResultCheck`), because what counts is not that the bytes are
// right but that the loader understands them as they were meant.

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
        let removes = changes.contains(where: \.isRemoval)
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
        let clients = ClientEdits(document)
        var newClients: [ClientSettings] = []
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
            case .setClientField(let name, let field, _, let new):
                edits += try clients.edits(setting: field, of: name, to: new)
            case .removeClient(let name): edits.append(try clients.removal(of: name))
            case .addClient(let settings): newClients.append(settings)
            }
        }
        edits += clients.additions(newClients)
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
        switch self {
        case .addEndpoint, .addClient: true
        case .setField, .removeEndpoint, .setAutoSort, .setClientField, .removeClient: false
        }
    }

    fileprivate var isRemoval: Bool {
        switch self {
        case .removeEndpoint, .removeClient: true
        case .setField, .addEndpoint, .setAutoSort, .setClientField, .addClient: false
        }
    }

    fileprivate var isOfClient: Bool {
        switch self {
        case .setClientField, .addClient, .removeClient: true
        case .setField, .addEndpoint, .removeEndpoint, .setAutoSort: false
        }
    }
}

/// The edits that give one field of an entry its new value, touching as little as they can.
private struct FieldEdits {
    let entry: YAMLNode
    let path: YAMLPath

    func edits(setting field: EndpointField, to value: FieldValue) -> [YAMLEdit] {
        let key = field.key
        let fieldPath = path.appending(.key(key))
        let inherited = entry.inherited(key)
        guard let node = entry[key] else {
            let isNothing = value == .absent || value == field.defaultValue
            // What is merged in would show through: a key of the entry's own hides it, an empty one where need be.
            guard !isNothing || inherited != nil, let yaml = value.yaml ?? inherited.map({ _ in .null }) else {
                return []
            }
            return [.insertKey(key, yaml, into: path, placement: .after(EndpointField.name.key))]
        }
        switch value {
        case .headers([]) where inherited == nil, .renamings([]) where inherited == nil: return [.remove(fieldPath)]
        case .headers(let headers) where node.kind == .mapping:
            return pairEdits(node, fieldPath, headers.map { ($0.name, $0.value) })
        case .renamings(let renamings) where node.kind == .mapping:
            return pairEdits(node, fieldPath, renamings.map { ($0.from, $0.to) })
        case .proxy(let proxy) where node.kind == .mapping && proxy != .environment:
            return proxyEdits(node, fieldPath, proxy)
        case .absent where inherited != nil: return [.set(fieldPath, .null)]
        default: return value.yaml.map { [.set(fieldPath, $0)] } ?? [.remove(fieldPath)]
        }
    }

    /// One edit a pair where the pairs that stay keep their order; else all of them at once.
    private func pairEdits(
        _ node: YAMLNode, _ fieldPath: YAMLPath, _ pairs: [(name: String, value: String)]
    ) -> [YAMLEdit] {
        let found = EndpointReader.headerPairs(node)
        let present = found.map(\.key.text)
        let wanted = pairs.map(\.name)
        let kept = present.filter(wanted.contains)
        let gone = present.filter { !wanted.contains($0) }
        let added = wanted.filter { !present.contains($0) }
        let isMixed = !gone.isEmpty && !added.isEmpty
        // What is merged in cannot be taken out alone, and a key of its own stands elsewhere than the merged one.
        let isOwn = Dictionary(node.pairs.map { ($0.key.text, true) }, uniquingKeysWith: { first, _ in first })
        let changesMerged = found.contains { key, value in
            guard isOwn[key.text] == nil else { return false }
            return pairs.first { $0.name == key.text }?.value != value.resolved?.text
        }
        let hidesMerged = gone.contains { node.inherited($0) != nil }
        guard !kept.isEmpty, wanted == kept + added, node.style == .block || !isMixed, !changesMerged, !hidesMerged
        else { return [.set(fieldPath, .mapping(pairs.map { YAMLPair(key: $0.name, value: .string($0.value)) }))] }
        var edits: [YAMLEdit] = gone.map { .remove(fieldPath.appending(.key($0))) }
        for (name, value) in pairs {
            if added.contains(name) {
                edits.append(.insertKey(name, .string(value), into: fieldPath, placement: .last))
            } else if let own = node[name], own.resolved?.text != value {
                edits.append(.set(fieldPath.appending(.key(name)), .string(value)))
            }
        }
        return edits
    }

    /// Keeps the form that the operator chose, with separate keys.
    private func proxyEdits(_ node: YAMLNode, _ fieldPath: YAMLPath, _ proxy: OutboundProxy) -> [YAMLEdit] {
        let wanted: [(key: String, value: String?)] = [
            ("type", proxy.kind.rawValue), ("address", ProxyText.renderAddress(proxy)), ("username", proxy.username),
            ("password", proxy.password),
        ]
        var edits: [YAMLEdit] = []
        for (key, value) in wanted {
            let keyPath = fieldPath.appending(.key(key))
            let (own, inherited) = (node[key], node.inherited(key))
            switch (own ?? inherited, value) {
            case (nil, let value?): edits.append(.insertKey(key, .string(value), into: fieldPath, placement: .last))
            case (.some, nil):
                if inherited == nil {
                    edits.append(.remove(keyPath))
                } else {
                    edits.append(
                        own == nil ? .insertKey(key, .null, into: fieldPath, placement: .last) : .set(keyPath, .null))
                }
            case (let present?, let value?):
                // `http` and `HTTP`, `host` and `host:1080` mean the same; only a change of meaning is written.
                if Self.means(present.resolved?.text ?? "", value, as: key, proxy.kind) { break }
                edits.append(
                    own == nil
                        ? .insertKey(key, .string(value), into: fieldPath, placement: .last)
                        : .set(keyPath, .string(value)))
            case (nil, nil): break
            }
        }
        return edits
    }

    private static func means(_ written: String, _ value: String, as key: String, _ kind: OutboundProxy.Kind) -> Bool {
        guard written != value else { return true }
        do throws(ValueProblem) {
            switch key {
            case "type": return try ProxyText.kind(written).rawValue == value
            case "address": return try ProxyText.address(written, kind: kind) == ProxyText.address(value, kind: kind)
            default: return false
            }
        } catch {
            return false
        }
    }
}

extension EndpointSettings {
    /// A new entry: what is needed to understand it, and every setting that differs from its default.
    var yaml: YAMLValue {
        var pairs: [YAMLPair] = []
        for field in EndpointField.all {
            let value = value(of: field)
            let isDefault = value == field.defaultValue
            guard field.traits.contains(.alwaysWritten) || !isDefault, let yaml = value.yaml else { continue }
            pairs.append(YAMLPair(key: field.key, value: yaml))
        }
        return .mapping(pairs)
    }
}

extension FieldValue {
    /// Nil for an absent value.
    var yaml: YAMLValue? {
        switch self {
        case .absent: nil
        case .text(let text): .string(text)
        case .integer(let number): .integer(number)
        case .boolean(let flag): .boolean(flag)
        case .list(let items): .sequence(items.map(YAMLValue.string))
        case .renamings(let renamings): .mapping(renamings.map { YAMLPair(key: $0.from, value: .string($0.to)) })
        case .headers(let headers): .mapping(headers.map { YAMLPair(key: $0.name, value: .string($0.value)) })
        case .proxy(let proxy): .string(ProxyText.render(proxy))
        }
    }
}

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

/// Reads what was changed through the loader's own eyes: the fields must have their new values, and must validate.
///
/// Only changed entries are read, so that a change of one rank costs the same in a file of any length.
private struct ResultCheck {
    let changes: [ConfigurationChange]
    /// The file before the changes: where findings are reported.
    let original: EntryIndex
    let document: YAMLDocument

    func run() throws(YAMLError) {
        if changes.contains(where: \.isOfClient) { try ClientEdits.check(changes, in: document) }
        let index = EntryIndex(document)
        var names: [String: String] = [:]
        for case .setField(let endpoint, .name, _, .text(let name)) in changes { names[endpoint] = name }
        let needsUniqueNames = !names.isEmpty || changes.contains { if case .addEndpoint = $0 { true } else { false } }
        if needsUniqueNames, let name = index.ambiguous.sorted().first {
            throw YAMLError(line: 1, column: 1, reason: "the name '\(name)' is taken")
        }

        var read: [String: EndpointSettings] = [:]
        for change in changes {
            switch change {
            case .setField(let endpoint, let field, _, let new):
                let name = names[endpoint] ?? endpoint
                let place = original.entry(of: endpoint)
                let settings: EndpointSettings
                if let known = read[name] {
                    settings = known
                } else {
                    settings = try self.settings(of: name, index, place)
                }
                read[name] = settings
                try require(settings, field, new, place)
            case .addEndpoint(let wanted):
                let settings = try settings(of: wanted.name, index, nil)
                for field in EndpointField.all {
                    try require(settings, field, wanted.value(of: field), nil)
                }
            case .removeEndpoint, .setAutoSort, .setClientField, .addClient, .removeClient:
                break
            }
        }
    }

    private func settings(
        of name: String, _ index: EntryIndex, _ place: YAMLNode?
    ) throws(YAMLError) -> EndpointSettings {
        let number = try index.number(of: name)
        let sink = DiagnosticSink(document: document)
        let found = EndpointReader.read(index.entries[number], number: number + 1, environment: nil, sink: sink)
        if let error = sink.diagnostics.first(where: { $0.severity == .error }) {
            throw refusal("endpoint '\(name)' would not validate: \(error.message)", at: place)
        }
        guard let settings = found?.settings else { throw refusal("the entry cannot be read back", at: place) }
        return settings
    }

    private func require(
        _ settings: EndpointSettings, _ field: EndpointField, _ wanted: FieldValue, _ place: YAMLNode?
    ) throws(YAMLError) {
        var expected = settings
        guard expected.set(field, to: wanted), expected.value(of: field) == settings.value(of: field) else {
            throw refusal(
                "\(field.key) of '\(settings.name)' does not take the value here: it is merged, shared or of another type",
                at: place)
        }
    }

    private func refusal(_ reason: String, at place: YAMLNode?) -> YAMLError {
        YAMLError(line: place?.line ?? 1, column: place?.column ?? 1, reason: reason)
    }
}
