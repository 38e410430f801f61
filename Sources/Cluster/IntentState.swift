// What operators want, as all instances of a cluster share it, and how it changes. All of it is pure: `ClusterMember` in the engine
// carries it to the store and back.

/// Settings by endpoint, each field for itself.
public struct IntentState: Sendable, Equatable, Codable {
    /// Holds what is no endpoint's, such as automatic sorting.
    public static let common = ""
    /// The field that no two endpoints may have alike.
    public static let name = "name"

    /// By the endpoint's identity in the cluster, which outlives a rename.
    public var endpoints: [String: [String: String]] = [:]

    /// Without any endpoint.
    public init() {}

    /// The identity of the endpoint of that name.
    public func owner(ofName name: String) -> String? {
        endpoints.first { $0.key != Self.common && $0.value[Self.name] == name }?.key
    }
}

/// The step of one field, or of one endpoint, from what its author saw to what the author wants.
public enum IntentChange: Sendable, Hashable, Codable {
    case set(endpoint: String, field: String, old: String?, new: String?)
    case add(endpoint: String, settings: [String: String])
    case remove(endpoint: String, settings: [String: String])
    /// Ends a time out. What it was is no part of the settings.
    case clear(endpoint: String, model: String)

    /// The endpoint that it is about.
    public var endpoint: String {
        switch self {
        case .set(let endpoint, _, _, _), .add(let endpoint, _), .remove(let endpoint, _), .clear(let endpoint, _):
            endpoint
        }
    }
}

/// Why a change was not carried out. It is kept in the log, told on every host, and can be made again over what stands.
public struct IntentConflict: Sendable, Hashable, Codable {
    public enum Reason: Sendable, Hashable, Codable {
        case changedMeanwhile(now: String?)
        case endpointGone
        case nameTaken(by: String)
        case isThere
        case fileIsStale
    }

    public var change: IntentChange
    public var reason: Reason

    public init(_ change: IntentChange, _ reason: Reason) {
        self.change = change
        self.reason = reason
    }
}

/// What one operator did at once.
public struct IntentEdit: Sendable, Equatable, Codable {
    /// The same however often the edit is offered to the store.
    public var id: String
    public var actor: String
    /// The name of the host on which it was made.
    public var instance: String
    public var changes: [IntentChange]
    /// Those found before it was offered to the store, as with a file saved from an editor's old buffer.
    public var conflicts: [IntentConflict]

    public init(
        id: String, actor: String, instance: String, changes: [IntentChange], conflicts: [IntentConflict] = []
    ) {
        self.id = id
        self.actor = actor
        self.instance = instance
        self.changes = changes
        self.conflicts = conflicts
    }
}

/// An edit as it stands in the log.
public struct LogEntry: Sendable, Equatable, Codable {
    public var revision: Int
    /// New for each attempt to append, so that it stands for this entry and all before it: an edit that is offered again after a
    /// failover may come to stand at the same revision behind another history.
    public var nonce: String
    public var edit: IntentEdit
    /// What was carried out; each `old` is what stood there.
    public var effective: [IntentChange]
    /// What the edit wanted and was so already.
    public var already: [IntentChange]
    public var conflicts: [IntentConflict]

    public init(
        revision: Int, nonce: String, edit: IntentEdit, effective: [IntentChange], already: [IntentChange],
        conflicts: [IntentConflict]
    ) {
        self.revision = revision
        self.nonce = nonce
        self.edit = edit
        self.effective = effective
        self.already = already
        self.conflicts = conflicts
    }
}

extension IntentState {
    /// What became of each change of an edit.
    public struct Applied: Sendable, Equatable {
        public var effective: [IntentChange] = []
        public var already: [IntentChange] = []
        public var conflicts: [IntentConflict] = []
    }

    /// Carries out what can be, change by change: a change whose author saw what stands. The rest is so already, or is a conflict.
    @discardableResult
    public mutating func apply(_ changes: [IntentChange]) -> Applied {
        var applied = Applied()
        for change in changes {
            switch outcome(of: change) {
            case .effective:
                carryOut(change)
                applied.effective.append(change)
            case .already: applied.already.append(change)
            case .conflict(let reason): applied.conflicts.append(IntentConflict(change, reason))
            }
        }
        return applied
    }

    private enum Outcome {
        case effective, already
        case conflict(IntentConflict.Reason)
    }

    private func outcome(of change: IntentChange) -> Outcome {
        switch change {
        case .set(let id, let field, let old, let new):
            guard let settings = endpoints[id] else { return .conflict(.endpointGone) }
            let present = settings[field]
            if present == new { return .already }
            guard present == old else { return .conflict(.changedMeanwhile(now: present)) }
            if field == Self.name, let new, let other = owner(ofName: new), other != id {
                return .conflict(.nameTaken(by: other))
            }
            return .effective
        case .clear: return .effective
        case .add(let id, let settings):
            if let present = endpoints[id] { return present == settings ? .already : .conflict(.isThere) }
            guard let other = owner(ofName: settings[Self.name] ?? "") else { return .effective }
            return endpoints[other] == settings ? .already : .conflict(.nameTaken(by: other))
        case .remove(let id, let settings):
            guard let present = endpoints[id] else { return .already }
            return present == settings ? .effective : .conflict(.changedMeanwhile(now: nil))
        }
    }

    private mutating func carryOut(_ change: IntentChange) {
        switch change {
        case .set(let id, let field, _, let new): endpoints[id]?[field] = new
        case .clear: break
        case .add(let id, let settings): endpoints[id] = settings
        case .remove(let id, _): endpoints[id] = nil
        }
    }

    /// The changes that lead from here to `other`.
    public func changes(to other: IntentState) -> [IntentChange] {
        var changes: [IntentChange] = []
        for (id, mine) in endpoints.sorted(by: { $0.key < $1.key }) {
            guard let theirs = other.endpoints[id] else {
                changes.append(.remove(endpoint: id, settings: mine))
                continue
            }
            for field in Set(mine.keys).union(theirs.keys).sorted() where mine[field] != theirs[field] {
                changes.append(.set(endpoint: id, field: field, old: mine[field], new: theirs[field]))
            }
        }
        for (id, theirs) in other.endpoints.sorted(by: { $0.key < $1.key }) where endpoints[id] == nil {
            changes.append(.add(endpoint: id, settings: theirs))
        }
        return changes
    }
}
