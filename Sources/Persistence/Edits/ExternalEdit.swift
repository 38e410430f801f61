public import Configuration
internal import PodiumModel

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
        return merge.run(theirs: theirs, theirAutoSort: theirAutoSort, allocateID: allocateID)
    }
}

/// The result of taking in an edit.
public struct MergedEdit: Sendable {
    /// What the program holds from now on.
    public let state: PersistedState
    /// Where the file overruled a change of the program's.
    public let conflicts: [EditConflict]
    /// What the file says, with the identities of `state`: the ancestor of the next comparison.
    let agreed: PersistedState
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
