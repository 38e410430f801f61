internal import Configuration
internal import PodiumModel
internal import Persistence
internal import Ranking
internal import Support

/// Takes in what somebody wrote into the file by hand.
extension EngineState {
    /// Merges the edit field by field and makes the result the running configuration.
    ///
    /// - Returns: the merge, and remarks for the operator: what is in force now, and what needs a restart.
    mutating func adopt(_ edit: ExternalEdit, now: ContinuousClock.Instant) -> (merged: MergedEdit, notes: [String]) {
        var next = records.nextID
        var given: Set<EndpointID> = []
        let merged = edit.merge(into: persistedState()) { name in
            // One that was removed and is back under its name is the one that it was: older actions still find it.
            if let former = records.formerID(named: name), given.insert(former).inserted { return former.rawValue }
            defer { next += 1 }
            return next
        }
        let before = mementos(of: merged.conflicts)
        let known = misconfigured
        var notes = adoptSettings(edit.configuration, now: now)
        adoptEndpoints(merged.state, now: now)
        for problem in misconfigured where !known.contains(where: { $0 == problem }) {
            notes.append("\(problem.name) is misconfigured: \(problem.reason)")
        }
        setAutoSort(merged.state.autoSortEndpoints, now: now)
        offerUndo(of: merged.conflicts, ranks: before)
        return (merged, notes)
    }

    private func mementos(of conflicts: [EditConflict]) -> [EndpointID: EndpointMemento] {
        var mementos: [EndpointID: EndpointMemento] = [:]
        for case let ours? in conflicts.map(\.ours) {
            mementos[EndpointID(ours.id)] = memento(EndpointID(ours.id))
        }
        return mementos
    }

    private mutating func adoptSettings(_ new: Configuration, now: ContinuousClock.Instant) -> [String] {
        let old = configuration.server
        let oldRanking = configuration.ranking
        configuration.server = new.server
        configuration.ranking = new.ranking
        var notes: [String] = []
        if configuration.timeouts != new.timeouts {
            configuration.timeouts = new.timeouts
            assembleAllUpstreams()
            notes.append("timeouts are in force for new requests")
        }
        if oldRanking != new.ranking {
            notes.append("ranking settings are in force")
        }
        if old.clientTokens != new.server.clientTokens {
            let count = new.server.clientTokens.count
            notes.append(
                count == 0 ? "client_tokens is empty: every client is admitted" : "client_tokens: \(count) admitted now"
            )
        }
        if old.allowedOrigins != new.server.allowedOrigins {
            let count = new.server.allowedOrigins.count
            notes.append("allowed_origins: \(count) besides this machine's own")
        }
        if old.persistStrategy != new.server.persistStrategy
            || old.configFlushInterval != new.server.configFlushInterval
            || old.configMaxDirtyTime != new.server.configMaxDirtyTime
        {
            let interval = new.server.configFlushInterval.shortText
            notes.append("saving is \(new.server.persistStrategy.rawValue) now, interval \(interval)")
        }
        _ = ranking.apply(EndpointRanking.Settings(configuration), now: now)
        if old.host != new.server.host || old.port != new.server.port {
            notes.append("server.host and server.port take effect at the next start")
            configuration.server.host = old.host
            configuration.server.port = old.port
        }
        if old.replayLimit != new.server.replayLimit {
            notes.append("server.replay_limit takes effect at the next start")
        }
        return notes
    }

    private mutating func adoptEndpoints(_ state: PersistedState, now: ContinuousClock.Instant) {
        let kept = Set(state.endpoints.map(\.id))
        for id in fileOrder where !kept.contains(id.rawValue) {
            remove(id, now: now)
        }
        for endpoint in state.endpoints where record(EndpointID(endpoint.id)) == nil {
            _ = insert(endpoint.settings, as: EndpointID(endpoint.id), now: now)
        }
        for endpoint in state.endpoints {
            replaceSettings(of: EndpointID(endpoint.id), with: endpoint.settings, now: now)
        }
        setFileOrder(state.endpoints.map { EndpointID($0.id) })
        _ = ranking.reorder(orderByPriority, now: now)
    }
}
