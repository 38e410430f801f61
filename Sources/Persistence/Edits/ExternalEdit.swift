public import Configuration
public import PodiumModel

// Taking in an edit that was made by hand. `ConfigurationWriter` finds it and makes an `ExternalEdit`; the engine calls `merge` under
// its own lock, with the state it has by then, because that state may change until the lock is taken. So everything here is
// pure and takes both sides as values.

/// An edit that was made to the file by hand or by another program, ready to be taken in.
///
/// The owner calls ``merge(into:allocateID:)`` under its own lock, makes the result its state, applies the other
/// settings of ``configuration``, and returns the result to the persister.
public struct ExternalEdit: Sendable {
    /// The whole file as it is now.
    public let configuration: Configuration
    /// What file and program last agreed on, with the program's identities.
    let ancestor: PersistedState
    /// What the file says now. An entry that the ancestor knows has its identity; the others have none yet.
    let theirs: [FileEndpoint]
    let theirAutoSort: Bool

    /// Three-way merge, field by field: what only the file changed is taken, what only the program changed is kept,
    /// and where both did the file wins.
    ///
    /// - Parameters:
    ///   - current: the program's state at this moment.
    ///   - allocateID: gives an identity to an endpoint of this name that is new in the file.
    public func merge(into current: PersistedState, allocateID: (String) -> UInt32) -> MergedEdit {
        var merge = ThreeWayMerge(ancestor: ancestor, ours: current)
        var result = merge.run(theirs: theirs, theirAutoSort: theirAutoSort, allocateID: allocateID)
        result.state.clients = current.mergedClients(ancestor: ancestor, theirs: configuration.clients)
        result.agreed.clients = configuration.clients
        return result
    }
}

/// The result of taking in an edit.
public struct MergedEdit: Sendable {
    /// What the program holds from now on.
    public fileprivate(set) var state: PersistedState
    /// Where the file overruled a change of the program's.
    public let conflicts: [EditConflict]
    /// What the file says, with the identities of `state`: the ancestor of the next comparison.
    fileprivate(set) var agreed: PersistedState
}

struct FileEndpoint: Sendable, Equatable {
    var id: UInt32?
    var settings: EndpointSettings
}

/// Recognises the endpoints of an edited file: which entry is which of those that were known.
struct FileAlignment {
    let known: PersistedState

    /// By name; an entry under a new name in the place of one that is gone, otherwise the same, is that one renamed.
    func align(_ file: PersistedState) -> [FileEndpoint] {
        let byName = Dictionary(
            known.endpoints.map { ($0.settings.name, $0.id) }, uniquingKeysWith: { first, _ in first })
        let names = Set(file.endpoints.map(\.settings.name))
        var orphans = known.endpoints.filter { !names.contains($0.settings.name) }
        return file.endpoints.map { entry in
            if let id = byName[entry.settings.name] { return FileEndpoint(id: id, settings: entry.settings) }
            guard let index = orphans.firstIndex(where: { Self.isRenamed($0.settings, entry.settings) }) else {
                return FileEndpoint(id: nil, settings: entry.settings)
            }
            return FileEndpoint(id: orphans.remove(at: index).id, settings: entry.settings)
        }
    }

    private static func isRenamed(_ before: EndpointSettings, _ after: EndpointSettings) -> Bool {
        var renamed = before
        renamed.name = after.name
        return renamed == after && !after.baseURLs.isEmpty
    }
}

/// Merges file and program over what they last agreed on.
private struct ThreeWayMerge {
    private let ancestor: [UInt32: EndpointSettings]
    private let ancestorAutoSort: Bool
    private let ours: PersistedState
    private var fileNames: Set<String> = []
    private var conflicts: [EditConflict] = []

    init(ancestor: PersistedState, ours: PersistedState) {
        self.ancestor = Dictionary(
            ancestor.endpoints.map { ($0.id, $0.settings) }, uniquingKeysWith: { first, _ in first })
        self.ancestorAutoSort = ancestor.autoSortEndpoints
        self.ours = ours
    }

    mutating func run(theirs: [FileEndpoint], theirAutoSort: Bool, allocateID: (String) -> UInt32) -> MergedEdit {
        let ourIndex = Dictionary(
            ours.endpoints.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
        var merged: [PersistedState.Endpoint] = []
        var agreed: [PersistedState.Endpoint] = []
        var fileIDs: Set<UInt32> = []
        fileNames = Set(theirs.map(\.settings.name))
        let known = Set(theirs.compactMap(\.id))
        func newID(_ name: String) -> UInt32 {
            while true {
                let id = allocateID(name)
                if !known.contains(id) { return id }
            }
        }

        for entry in theirs {
            guard let id = entry.id else {
                let added = PersistedState.Endpoint(id: newID(entry.settings.name), settings: entry.settings)
                merged.append(added)
                agreed.append(added)
                fileIDs.insert(added.id)
                continue
            }
            fileIDs.insert(id)
            // The endpoint was removed here and changed in the file. It comes back with the identity that it had.
            let isBack = ourIndex[id] == nil && entry.settings != ancestor[id]
            let file = PersistedState.Endpoint(id: id, settings: entry.settings)
            agreed.append(file)
            if let index = ourIndex[id] {
                merged.append(mergeFields(ours: ours.endpoints[index], theirs: file))
            } else if isBack {
                conflicts.append(conflict(.removedHere, ours: nil, theirs: file))
                merged.append(file)
            }
        }

        // Names stay unique. Where both sides added an endpoint under one name, the file's is taken.
        let names = Set(merged.map(\.settings.name))
        for endpoint in ours.endpoints where !fileIDs.contains(endpoint.id) {
            if let before = ancestor[endpoint.id] {
                if before != endpoint.settings {
                    conflicts.append(conflict(.removedInFile, ours: endpoint, theirs: nil))
                }
            } else if names.contains(endpoint.settings.name) {
                conflicts.append(conflict(.removedInFile, ours: endpoint, theirs: nil))
            } else {
                merged.insert(endpoint, at: place(of: endpoint.id, in: merged))
            }
        }

        let autoSort = mergeAutoSort(theirs: theirAutoSort)
        return MergedEdit(
            state: PersistedState(endpoints: merged, autoSortEndpoints: autoSort), conflicts: conflicts,
            agreed: PersistedState(endpoints: agreed, autoSortEndpoints: theirAutoSort))
    }

    /// Behind the nearest of those that stand before it here and are in the file too.
    private func place(of id: UInt32, in merged: [PersistedState.Endpoint]) -> Int {
        let before = ours.endpoints.prefix { $0.id != id }
        for neighbour in before.reversed() {
            if let index = merged.firstIndex(where: { $0.id == neighbour.id }) { return index + 1 }
        }
        return 0
    }

    private mutating func mergeFields(
        ours: PersistedState.Endpoint, theirs: PersistedState.Endpoint
    ) -> PersistedState.Endpoint {
        guard let before = ancestor[ours.id] else { return theirs }
        var result = theirs
        for field in EndpointField.all where before.value(of: field) != ours.settings.value(of: field) {
            // The file may have given our new name to another entry, and names stay unique.
            let nameTaken = field == .name && fileNames.contains(ours.settings.name)
            if before.value(of: field) == theirs.settings.value(of: field), !nameTaken {
                result.settings.set(field, to: ours.settings.value(of: field))
            } else if ours.settings.value(of: field) != theirs.settings.value(of: field) {
                conflicts.append(conflict(.field(field), ours: ours, theirs: theirs))
            }
        }
        return result
    }

    private mutating func mergeAutoSort(theirs: Bool) -> Bool {
        // Of two values, one that both sides changed is the same on both: there is no conflict to report.
        theirs == ancestorAutoSort ? ours.autoSortEndpoints : theirs
    }

    private func conflict(
        _ subject: EditConflict.Subject, ours: PersistedState.Endpoint?, theirs: PersistedState.Endpoint?
    ) -> EditConflict {
        EditConflict(
            subject: subject, endpoint: ours?.settings.name ?? theirs?.settings.name ?? "", ours: ours, theirs: theirs)
    }
}

/// Something that was changed in the file and in the program since they last agreed. The file wins; ``undo(in:)``
/// brings the program's side back.
public struct EditConflict: Sendable, Equatable, CustomStringConvertible {
    /// What both sides changed.
    public enum Subject: Sendable, Equatable {
        /// The same key of the same endpoint, to different values.
        case field(EndpointField)
        /// The file lacks an endpoint that the program had changed.
        case removedInFile
        /// The file changed an endpoint that the program had removed.
        case removedHere
    }

    /// What both sides changed.
    public let subject: Subject
    /// The endpoint's name as the program had it.
    public let endpoint: String
    /// The endpoint as the program had it; nil when it had removed it.
    public let ours: PersistedState.Endpoint?
    /// The endpoint as the file has it; nil when the file lacks it.
    public let theirs: PersistedState.Endpoint?

    /// One line for logs and the console; credentials are masked.
    public var description: String {
        switch subject {
        case .field(let field):
            guard let ours, let theirs else { return "\(endpoint) \(field.key)" }
            let change = ConfigurationChange.setField(
                endpoint: endpoint, field: field, old: ours.settings.value(of: field),
                new: theirs.settings.value(of: field))
            return "\(change), as the file says"
        case .removedInFile: return "\(endpoint): removed in the file, changed here"
        case .removedHere: return "\(endpoint): changed in the file, removed here"
        }
    }

    /// Puts the program's side of the conflict back into a state; save it as an operator's change.
    public func undo(in state: inout PersistedState) {
        switch subject {
        case .field(let field):
            guard let ours, let index = state.endpoints.firstIndex(where: { $0.id == ours.id }) else { return }
            state.endpoints[index].settings.set(field, to: ours.settings.value(of: field))
        case .removedInFile:
            guard let ours, !state.endpoints.contains(where: { $0.settings.name == ours.settings.name }) else { return }
            state.endpoints.append(ours)
        case .removedHere:
            guard let theirs else { return }
            state.endpoints.removeAll { $0.id == theirs.id }
        }
    }
}
