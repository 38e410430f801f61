internal import Configuration
internal import PodiumModel
internal import Ranking

/// One change of the configuration, kept so that an edit that is based on an older revision can be told what it missed.
struct RecordedChange: Sendable, Equatable {
    /// The configuration's revision that it made.
    let revision: UInt64
    /// Seconds since 1970.
    let time: Double
    /// Who.
    let actor: String
    /// The endpoint it was about; nil for the order or a setting.
    let endpoint: String?
    /// The revision of that endpoint that it made; nil when it removed it.
    let endpointRevision: UInt64?
    /// What, such as `main enabled true→false`; secrets masked.
    let text: String
}

extension RevisionChange {
    /// - Parameter ofEndpoint: for a command that named a revision of the endpoint, and not of the configuration.
    init(_ change: RecordedChange, ofEndpoint: Bool) {
        self.init(
            revision: ofEndpoint ? change.endpointRevision ?? 0 : change.revision, time: change.time,
            actor: change.actor, text: change.text)
    }
}

/// The configuration's revision and the last changes that raised it.
struct RevisionLog: Sendable {
    static let capacity = 256

    private(set) var revision: UInt64 = 1
    private var entries: [RecordedChange] = []

    mutating func begin() {
        revision += 1
    }

    mutating func append(_ change: RecordedChange) {
        if entries.count == Self.capacity {
            entries.removeFirst()
        }
        entries.append(change)
    }

    /// The kept changes after a revision of the configuration, oldest first.
    func changes(after revision: UInt64) -> [RecordedChange] {
        entries.filter { $0.revision > revision }
    }

    /// The kept changes of one endpoint after a revision of its own, oldest first.
    func changes(of endpoint: String, after revision: UInt64) -> [RecordedChange] {
        entries.filter { $0.endpoint == endpoint && ($0.endpointRevision ?? .max) > revision }
    }
}

/// What an operator can change, as it was at one moment.
struct ConfigurationSnapshot {
    fileprivate struct Entry {
        var settings: EndpointSettings
        var revision: UInt64
        var rank: Int
    }

    fileprivate var entries: [EndpointID: Entry] = [:]
    fileprivate var order: [EndpointID]
    fileprivate var autoSort: Bool
    fileprivate var clients: [ClientSettings]

    init(_ state: EngineState) {
        order = state.ranking.order
        autoSort = state.configuration.server.autoSortEndpoints
        clients = state.configuration.clients
        for (index, id) in order.enumerated() {
            entries[id] = state.record(id).map {
                Entry(settings: $0.settings, revision: $0.revision, rank: index + 1)
            }
        }
    }
}

extension EngineState {
    /// Notes what has changed since the snapshot was taken; nothing when nothing has.
    mutating func noteChanges(since before: ConfigurationSnapshot, by actor: String, _ summary: String, time: Double) {
        let after = ConfigurationSnapshot(self)
        var texts: [(endpoint: String?, revision: UInt64?, text: String)] = []
        for id in before.order where after.entries[id] == nil {
            let name = before.entries[id]?.settings.name ?? "?"
            texts.append((name, nil, "\(name) removed"))
        }
        for id in after.order {
            guard let entry = after.entries[id] else {
                continue
            }
            guard let old = before.entries[id] else {
                texts.append((entry.settings.name, entry.revision, "\(entry.settings.name) added"))
                continue
            }
            if old.revision != entry.revision {
                texts.append((entry.settings.name, entry.revision, old.difference(to: entry)))
            }
        }
        if before.autoSort != after.autoSort {
            texts.append((nil, nil, "auto_sort_endpoints \(before.autoSort)→\(after.autoSort)"))
        }
        if before.clients != after.clients {
            func state(_ clients: [ClientSettings]) -> PersistedState {
                PersistedState(endpoints: [], autoSortEndpoints: true, clients: clients)
            }
            texts += state(before.clients).changes(to: state(after.clients)).map { (nil, nil, $0.description) }
        }
        if texts.isEmpty, before.order != after.order {
            texts.append((nil, nil, summary))
        }
        guard !texts.isEmpty else {
            return
        }
        revisions.begin()
        for (endpoint, revision, text) in texts {
            revisions.append(
                RecordedChange(
                    revision: revisions.revision, time: time, actor: actor, endpoint: endpoint,
                    endpointRevision: revision, text: text))
        }
    }
}

extension EngineState {
    /// Notes what an endpoint's answers taught: that raises its revision as any change does.
    mutating func noteLearned(_ learned: OpenAIPreference, name: String, endpoint: EndpointID, time: Double) {
        revisions.begin()
        revisions.append(
            RecordedChange(
                revision: revisions.revision, time: time, actor: "podium", endpoint: name,
                endpointRevision: record(endpoint)?.revision,
                text: "\(name) openai_preference auto→\(learned.rawValue)"))
    }
}

extension ConfigurationSnapshot.Entry {
    /// Field by field; priorities follow from ranks and are left out.
    fileprivate func difference(to new: Self) -> String {
        func state(_ settings: EndpointSettings) -> PersistedState {
            PersistedState(endpoints: [.init(id: 0, settings: settings)], autoSortEndpoints: true)
        }
        var texts = state(settings).changes(to: state(new.settings)).compactMap { change -> String? in
            if case .setField(_, .priority, _, _) = change {
                return nil
            }
            return change.description
        }
        if rank != new.rank {
            texts.insert("\(settings.name) rank \(rank)→\(new.rank)", at: 0)
        }
        return texts.isEmpty ? "\(new.settings.name) changed" : texts.joined(separator: ", ")
    }
}
