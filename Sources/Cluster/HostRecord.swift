/// What an instance keeps beside its configuration file, written before each write of that file. It tells an edit by hand from a
/// write of the program's own that a crash has cut off, and what was shared from what was not.
public struct HostRecord: Sendable, Equatable, Codable {
    public var replica: IntentReplica
    /// What the file held before the write that this record announces.
    public var before: IntentState
    /// What it holds after that write.
    public var after: IntentState

    public init(replica: IntentReplica, before: IntentState, after: IntentState) {
        self.replica = replica
        self.before = before
        self.after = after
    }
}

/// What was typed into a configuration file, told from what the program itself had not come to write.
public enum HandEdit {
    /// What was typed while the program did not run.
    public static func find(in file: IntentState, before: IntentState, after: IntentState) -> [IntentChange] {
        if file == after || file == before { return [] }
        return after.changes(to: file).flatMap { change -> [IntentChange] in
            guard before != after else { return [change] }
            switch change {
            case .set(let id, let field, _, let new):
                return before.endpoints[id].map { $0[field] == new } ?? false ? [] : [change]
            case .clear: return []
            case .remove(let id, _): return before.endpoints[id] == nil ? [] : [change]
            case .add(let id, let settings):
                // It was not taken out yet; what was typed into it meets its removal.
                guard let known = before.endpoints[id] else { return [change] }
                return Set(known.keys).union(settings.keys).sorted().filter { known[$0] != settings[$0] }.map {
                    .set(endpoint: id, field: $0, old: known[$0], new: settings[$0])
                }
            }
        }
    }

    /// What was typed over one of the versions of the file: over the last one, unless another explains the save by two changes
    /// less. A save that is an earlier version to the letter is meant so: the operator put it back.
    public static func find(in file: IntentState, versions: [IntentState]) -> [IntentChange] {
        guard let last = versions.last else { return [] }
        var best = last.changes(to: file)
        for version in versions.dropLast().reversed() {
            let changes = version.changes(to: file)
            if changes.isEmpty { return last.changes(to: file) }
            if changes.count + 2 <= best.count { best = changes }
        }
        return best
    }
}
