public import PodiumModel
internal import YAMLDocument

/// Edits of the entries of `clients:`, touching as little as they can, and the check that they are read back as they were meant.
struct ClientEdits {
    private static let list = "clients"
    private let document: YAMLDocument
    private let entries: [YAMLNode]
    private var numbers: [String: Int] = [:]
    private var ambiguous: Set<String> = []

    init(_ document: YAMLDocument) {
        self.document = document
        entries = document.root.flatMap { $0.kind == .mapping ? $0[Self.list] : nil }?.resolved?.entries ?? []
        for (number, entry) in entries.enumerated() {
            guard let name = entry.resolved?.merged("name")?.resolved, name.kind == .scalar else { continue }
            if numbers.updateValue(number, forKey: name.text) != nil { ambiguous.insert(name.text) }
        }
    }

    private func number(of name: String) throws(YAMLError) -> Int {
        guard let number = numbers[name] else {
            throw YAMLError(line: 1, column: 1, reason: "the file has no client named '\(name)'")
        }
        guard !ambiguous.contains(name) else {
            let place = entries[number]
            throw YAMLError(
                line: place.line, column: place.column, reason: "the file has more than one client named '\(name)'")
        }
        return number
    }

    // MARK: Edits

    func removal(of name: String) throws(YAMLError) -> YAMLEdit {
        .remove([.key(Self.list), .index(try number(of: name))])
    }

    func edits(setting field: ClientField, of name: String, to value: FieldValue) throws(YAMLError) -> [YAMLEdit] {
        let number = try number(of: name)
        let path: YAMLPath = [.key(Self.list), .index(number)]
        let isDefault = value == field.defaultValue
        guard entries[number].resolved?[field.key] != nil else {
            // What is merged in would show through.
            guard !isDefault || entries[number].inherited(field.key) != nil else { return [] }
            return [.insertKey(field.key, value.yaml ?? .null, into: path, placement: .last)]
        }
        let key = path.appending(.key(field.key))
        // A switch stays where the operator has put it.
        if isDefault, field != .enabled, entries[number].inherited(field.key) == nil { return [.remove(key)] }
        return [.set(key, value.yaml ?? .null)]
    }

    func additions(_ clients: [ClientSettings]) -> [YAMLEdit] {
        guard !clients.isEmpty else { return [] }
        let values = clients.map(\.yaml)
        guard let root = document.root, root.kind == .mapping, let list = root[Self.list] else {
            return [.insertKey(Self.list, .sequence(values), into: [], placement: .last)]
        }
        if entries.isEmpty, list.kind != .alias { return [.set([.key(Self.list)], .sequence(values))] }
        return values.map { .insertEntry($0, into: [.key(Self.list)], at: entries.count) }
    }

    // MARK: Reading back

    /// - Parameter document: with the changes made
    static func check(_ changes: [ConfigurationChange], in document: YAMLDocument) throws(YAMLError) {
        let index = ClientEdits(document)
        if let name = index.ambiguous.sorted().first {
            throw YAMLError(line: 1, column: 1, reason: "the client's name '\(name)' is taken")
        }
        for change in changes {
            switch change {
            case .setClientField(let name, let field, _, let new):
                let found = try index.settings(of: name).value(of: field)
                guard found == new || new == .absent && found == field.defaultValue else {
                    throw YAMLError(
                        line: 1, column: 1,
                        reason: "\(field.key) of client '\(name)' does not take the value here: it is merged or shared")
                }
            case .addClient(let wanted):
                guard try index.settings(of: wanted.name) == wanted else {
                    throw YAMLError(line: 1, column: 1, reason: "client '\(wanted.name)' would not read back as it is")
                }
            case .removeClient, .setField, .addEndpoint, .removeEndpoint, .setAutoSort: break
            }
        }
    }

    private func settings(of name: String) throws(YAMLError) -> ClientSettings {
        let number = try number(of: name)
        let sink = DiagnosticSink(document: document)
        let found = ClientReader.read(entries[number], number: number + 1, environment: nil, sink: sink)
        if let error = sink.diagnostics.first(where: { $0.severity == .error }) {
            throw YAMLError(line: 1, column: 1, reason: "client '\(name)' would not validate: \(error.message)")
        }
        guard let found else { throw YAMLError(line: 1, column: 1, reason: "the entry cannot be read back") }
        return found
    }
}

extension ClientSettings {
    /// A new entry: what has to be there, and what is not the default.
    fileprivate var yaml: YAMLValue {
        .mapping(
            ClientField.allCases.compactMap { field in
                let value = value(of: field)
                guard value != field.defaultValue, let yaml = value.yaml else { return nil }
                return YAMLPair(key: field.key, value: yaml)
            })
    }
}

extension PersistedState {
    /// What has to change so that the clients are those of another state; they are known by their names.
    func clientChanges(to desired: PersistedState) -> [ConfigurationChange] {
        guard clients != desired.clients else { return [] }
        var changes: [ConfigurationChange] = []
        for client in clients {
            guard let wanted = desired.client(named: client.name) else {
                changes.append(.removeClient(name: client.name))
                continue
            }
            for field in ClientField.allCases where client.value(of: field) != wanted.value(of: field) {
                changes.append(
                    .setClientField(
                        client: client.name, field: field, old: client.value(of: field), new: wanted.value(of: field)))
            }
        }
        return changes + desired.clients.filter { client(named: $0.name) == nil }.map { .addClient($0) }
    }

    /// The client of that name.
    public func client(named name: String) -> ClientSettings? { clients.first { $0.name == name } }

    /// The clients once some changes are written.
    func clients(after written: [ConfigurationChange]) -> [ClientSettings] {
        var clients = clients
        for change in written {
            switch change {
            case .setClientField(let name, let field, _, let new):
                if let index = clients.firstIndex(where: { $0.name == name }) { clients[index].set(field, to: new) }
            case .addClient(let client): clients.append(client)
            case .removeClient(let name): clients.removeAll { $0.name == name }
            case .setField, .addEndpoint, .removeEndpoint, .setAutoSort: break
            }
        }
        return clients
    }

    /// Three-way merge of the clients: what only the file changed is taken, what only the program changed is kept, and where both did the
    /// file wins.
    ///
    /// - Parameters:
    ///   - ancestor: what file and program last agreed on
    ///   - theirs: of the file
    public func mergedClients(ancestor: PersistedState, theirs: [ClientSettings]) -> [ClientSettings] {
        var merged = theirs.compactMap { their -> ClientSettings? in
            guard let before = ancestor.client(named: their.name) else { return their }
            guard let our = client(named: their.name) else { return their == before ? nil : their }
            var result = their
            for field in ClientField.allCases
            where before.value(of: field) == their.value(of: field) && before.value(of: field) != our.value(of: field) {
                result.set(field, to: our.value(of: field))
            }
            return result
        }
        for our in clients
        where ancestor.client(named: our.name) == nil && !theirs.contains(where: { $0.name == our.name }) {
            merged.append(our)
        }
        return merged
    }
}
