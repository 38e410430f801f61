import Configuration
import PodiumModel

/// Merges file and program over what they last agreed on.
struct ThreeWayMerge {
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
