internal import Configuration
internal import Persistence
internal import PodiumModel
internal import Proxy
internal import PureSupport
internal import Ranking

/// Takes in what was written into the file by hand.
///
/// What follows from a setting is said in one place for each kind, so that an edit does all that a start does:
/// - proxy, persister and access log are brought in line with `RunningSettings` as a whole;
/// - the ranking takes `EndpointRanking.Settings(configuration)` as a whole;
/// - upstreams are assembled anew from the timeouts as a whole, and with or without their names, by the code that assembled them at the start;
/// - the rest of `ServerSettings` is read when it is needed, from the configuration in force;
/// - what a running process cannot follow is told the operator, by `notes`.
///
/// `SettingsInForceTests` changes each setting there is and fails for one that has no effect.
extension EngineState {
    /// Takes an edit in as the engine does: requests follow it at once, and the history of changes has it.
    mutating func takeIn(
        _ edit: ExternalEdit, now: ContinuousClock.Instant, wallTime: Double
    ) -> (merged: MergedEdit, effects: EngineEffects) {
        var effects = EngineEffects()
        let before = ConfigurationSnapshot(self)
        let accessLog = configuration.server.accessLog
        let (merged, notes) = adopt(edit, now: now)
        noteChanges(since: before, by: "the file", "a new order", time: wallTime)
        effects.tasks.insert(.followSettings)
        if configuration.server.accessLog != accessLog { logAccessLog(wallTime: wallTime, &effects) }
        publishRoutes(now: now, &effects)
        skipRankChanges(now: now)
        setTimer(&effects)
        for note in notes { log(.info, source: "config", note, wallTime: wallTime, &effects) }
        return (merged, effects)
    }

    /// Timers run and the access log is written from now on.
    mutating func start(wallTime: Double) -> EngineEffects {
        var effects = startTimers()
        effects.tasks.insert(.followSettings)
        if configuration.server.accessLog != .off { logAccessLog(wallTime: wallTime, &effects) }
        return effects
    }

    /// Says where the access log goes.
    private mutating func logAccessLog(wallTime: Double, _ effects: inout EngineEffects) {
        switch (running.accessLog, configuration.server.accessLog) {
        case (.file(let path), _):
            log(.info, source: "proxy", "access log: \(path)", wallTime: wallTime, &effects)
        case (.off, .off):
            log(.info, source: "proxy", "access log: off", wallTime: wallTime, &effects)
        case (.off, _):
            log(
                .warning, source: "proxy",
                "access log: stdout is not written while a console has the terminal; name a file, or run --headless",
                wallTime: wallTime, &effects)
        case (.standardOutput, _): break
        }
    }

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
        let before = snapshots(of: merged.conflicts)
        let known = misconfigured
        var new = edit.configuration
        new.clients = merged.state.clients
        var notes = adoptSettings(new, now: now)
        adoptEndpoints(merged.state, now: now)
        for problem in misconfigured where !known.contains(where: { $0 == problem }) {
            notes.append("\(problem.name) is misconfigured: \(problem.reason)")
        }
        setAutoSort(merged.state.autoSortEndpoints, now: now)
        offerUndo(of: merged.conflicts, ranks: before)
        return (merged, notes)
    }

    private func snapshots(of conflicts: [EditConflict]) -> [EndpointID: EndpointSnapshot] {
        var snapshots: [EndpointID: EndpointSnapshot] = [:]
        for case let ours? in conflicts.map(\.ours) {
            snapshots[EndpointID(ours.id)] = snapshot(EndpointID(ours.id))
        }
        return snapshots
    }

    private mutating func adoptSettings(_ new: Configuration, now: ContinuousClock.Instant) -> [String] {
        let before = configuration
        configuration = new
        countClients()
        // Endpoints and their order are merged, not replaced.
        configuration.endpoints = before.endpoints
        // What is in force is what the process started with, and stays that until it starts anew.
        configuration.server.host = before.server.host
        configuration.server.port = before.server.port
        if configuration.timeouts != before.timeouts || configuration.failover != before.failover
            || configuration.endpointTimeouts != before.endpointTimeouts || configuration.tagging != before.tagging
            || configuration.server.namesEndpoints != before.server.namesEndpoints
        {
            assembleAllUpstreams()
        }
        _ = ranking.apply(EndpointRanking.Settings(configuration), now: now)
        return notes(onChangeFrom: before, to: new)
    }

    /// What the operator is told about settings that an edit has changed.
    private func notes(onChangeFrom before: Configuration, to new: Configuration) -> [String] {
        let old = before.server
        var notes: [String] = []
        if before.timeouts != new.timeouts || before.endpointTimeouts != new.endpointTimeouts {
            notes.append("timeouts are in force for new requests")
        }
        if before.failover != new.failover { notes.append("failover is in force for new requests") }
        if before.usage.place != new.usage.place { notes.append("history.path takes effect at the next start") }
        if before.cluster != new.cluster { notes.append("cluster takes effect at the next start") }
        if before.ranking != new.ranking { notes.append("ranking settings are in force") }
        if old.clientTokens != new.server.clientTokens {
            let count = new.server.clientTokens.count
            notes.append(
                count == 0 && new.clients.isEmpty
                    ? "client_tokens is empty: every client is admitted" : "client_tokens: \(count) admitted now"
            )
        }
        if before.clients != new.clients { notes.append("clients: \(new.clients.count) in force") }
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
        if old.host != new.server.host || old.port != new.server.port {
            notes.append("server.host and server.port take effect at the next start")
        }
        if old.replayLimit != new.server.replayLimit {
            notes.append("server.replay_limit takes effect at the next start")
        }
        if old.replayMemory != new.server.replayMemory {
            notes.append("server.replay_memory takes effect at the next start")
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

/// What the parts beside the engine's state (proxy, persister, access log) are to run by, as the settings in force say.
///
/// `Engine` makes these parts with it and brings them in line with it after each hand edit, by one and the same value: a setting that
/// works at the start works after an edit too. What else follows from settings is in `EngineState.adopt`, and what is read only
/// when it is needed, such as `drain_timeout`, follows by itself.
struct RunningSettings: Sendable, Equatable {
    struct Saving: Sendable, Equatable {
        var persist: PersistMode
        var strategy: PersistStrategy
        var flushInterval: Duration
        var maxDirtyTime: Duration
        var allowInPlace: Bool
    }

    var clients = ClientRules()
    var saving: Saving
    var accessLog: AccessLog.Target
    var usage: UsageSettings

    /// - Parameter counts: what clients have used of their limits, by their names
    init(_ configuration: Configuration, _ context: ConfigurationContext, _ counts: [String: LimitCount] = [:]) {
        let (server, failover) = (configuration.server, configuration.failover)
        let tokens = server.clientTokens.compactMap { try? context.expanded($0) }
        // A token whose variable is not set admits no client. Where no token is left, no client may be let in for lack of one.
        clients.clientTokens = tokens.isEmpty && !server.clientTokens.isEmpty ? [""] : tokens
        // One whose token cannot be found is admitted by none; it is there all the same, so that not every client is.
        clients.named = configuration.clients.map { client in
            var limits: LimitsInForce?
            var problem: String?
            do {
                limits = try context.limits(client.limits)
            } catch {
                // It is not let in without the limits that it is to have.
                problem = ConfigurationContext.text(of: error)
            }
            return NamedClient(
                name: client.name, token: (try? context.expanded(client.token)) ?? "", isEnabled: client.enabled,
                expires: client.expiryTime, models: client.models, endpoints: client.endpoints, tags: client.tags,
                limits: limits, used: counts[client.name] ?? LimitCount(), problem: problem)
        }
        clients.allowedOrigins = server.allowedOrigins
        clients.halfClose = HalfClosePolicy(server.halfClose)
        clients.commit = failover.commit
        clients.usage =
            configuration.usage.reads ? configuration.usage.asksForUsage ? .asked : .read : .ignored
        clients.maxWait = failover.maxWait
        clients.queue = QueueRules(length: failover.queueLength, wait: failover.queueWait)
        clients.repairs = failover.repair
        clients.stickySessions = configuration.ranking.stickySessions
        clients.explore = configuration.ranking.explore
        clients.keepalive = failover.keepalive
        saving = Saving(
            persist: server.persist, strategy: server.persistStrategy, flushInterval: server.configFlushInterval,
            maxDirtyTime: server.configMaxDirtyTime, allowInPlace: server.allowInPlace)
        usage = configuration.usage
        accessLog =
            switch server.accessLog {
            case .off: .off
            case .file(let path): .file(path: context.located(path))
            case .standardOutput: context.standardOutputIsFree ? .standardOutput : .off
            }
    }
}

extension HalfClosePolicy {
    fileprivate init(_ action: HalfCloseAction) {
        self =
            switch action {
            case .probe: .probe
            case .serve: .serve
            case .cancel: .cancel
            }
    }
}
