public import Configuration
public import PodiumModel
internal import Persistence
internal import Proxy
public import Ranking

/// Everything that changes while Podium runs, apart from what proxy and persister keep for themselves.
///
/// One value behind the engine's mutex; nothing here waits, reads a clock or does I/O.
struct EngineState: Sendable {
    var configuration: Configuration
    private(set) var records = EndpointTable()
    /// As the entries stand in the file; added ones last.
    private(set) var fileOrder: [EndpointID] = []
    var ranking: EndpointRanking
    var traffic = TrafficWindow()
    /// Requests to which no endpoint's answer went.
    var unanswered = RequestTally()
    /// What clients waited for their first byte.
    var firstByte = FirstByteHistogram()
    var revisions = RevisionLog()
    var events = EventLog()
    var actions = ActionHistory()
    let surroundings: Surroundings

    init(configuration: Configuration, surroundings: Surroundings, now: ContinuousClock.Instant) {
        self.configuration = configuration
        self.surroundings = surroundings
        ranking = EndpointRanking(
            settings: EndpointRanking.Settings(configuration), endpoints: [],
            autoSort: configuration.server.autoSortEndpoints, now: now)
        var entries: [EndpointRanking.Endpoint] = []
        for (index, settings) in configuration.endpoints.enumerated() {
            let id = EndpointID(UInt32(index))
            records.insert(id, settings)
            fileOrder.append(id)
            assembleUpstream(of: id)
            entries.append(rankingEntry(id))
        }
        ranking = EndpointRanking(
            settings: EndpointRanking.Settings(configuration), endpoints: entries,
            autoSort: configuration.server.autoSortEndpoints, now: now)
    }

    // MARK: Endpoints

    func record(_ id: EndpointID) -> EndpointRecord? {
        records[id]
    }

    func record(named name: String) -> EndpointRecord? {
        records.record(named: name)
    }

    /// Changes the record if the endpoint is still there.
    mutating func withRecord(_ id: EndpointID, _ body: (inout EndpointRecord) -> Void) {
        records.modify(id, body)
    }

    var names: EndpointNames { records.names }

    /// Takes in an endpoint, at a place of the file (nil: last) and at the rank its priority gives.
    ///
    /// - Parameter identity: that of an endpoint that comes back; nil gives a new one its own.
    mutating func insert(
        _ settings: EndpointSettings, as identity: EndpointID? = nil, fileIndex: Int? = nil,
        now: ContinuousClock.Instant
    ) -> EndpointID {
        let id = identity ?? EndpointID(records.nextID)
        records.insert(id, settings)
        fileOrder.insert(id, at: min(fileIndex ?? fileOrder.count, fileOrder.count))
        assembleUpstream(of: id)
        _ = ranking.add(rankingEntry(id), now: now)
        return id
    }

    mutating func remove(_ id: EndpointID, now: ContinuousClock.Instant) {
        guard record(id) != nil else {
            return
        }
        records.remove(id)
        fileOrder.removeAll { $0 == id }
        _ = ranking.remove(id, now: now)
    }

    /// Makes the endpoint what `settings` says; its rank is the caller's business.
    mutating func replaceSettings(of id: EndpointID, with settings: EndpointSettings, now: ContinuousClock.Instant) {
        guard let before = record(id)?.settings, before != settings else {
            return
        }
        withRecord(id) { record in
            record.settings = settings
            record.revision += 1
            record.learning = PreferenceLearning()
        }
        assembleUpstream(of: id)
        if before.authType != settings.authType || before.authValue != settings.authValue {
            _ = ranking.credentialChanged(for: id, now: now)
        }
        if before.enabled != settings.enabled {
            _ = ranking.setEnabled(settings.enabled, for: id, now: now)
        }
        if before.pinned != settings.pinned {
            _ = ranking.setPinned(settings.pinned, for: id, now: now)
        }
    }

    mutating func setFileOrder(_ order: [EndpointID]) {
        fileOrder = order
    }

    /// Takes in the order that the file will have; what it does not name stays behind what it stood behind.
    mutating func follow(fileOrder order: [EndpointID]) {
        var result = order.filter { record($0) != nil }
        let named = Set(result)
        var previous: EndpointID?
        for id in fileOrder {
            if !named.contains(id) {
                let place = previous.flatMap { result.firstIndex(of: $0) }.map { $0 + 1 } ?? 0
                result.insert(id, at: place)
            }
            previous = id
        }
        fileOrder = result
    }

    mutating func assembleAllUpstreams() {
        for id in fileOrder {
            assembleUpstream(of: id)
        }
    }

    private mutating func assembleUpstream(of id: EndpointID) {
        let assembly = UpstreamAssembly(surroundings: surroundings, timeouts: configuration.timeouts)
        withRecord(id) { record in
            switch assembly.assemble(id: id, settings: record.settings, previous: record.upstream, load: record.load) {
            case .ready(let upstream):
                record.upstream = upstream
                record.misconfiguration = nil
            case .misconfigured(let reason):
                record.upstream = nil
                record.misconfiguration = reason
            }
        }
    }

    /// An endpoint that cannot be used as configured keeps its rank and is left out of the routing table: one start
    /// without its environment variable must not reorder the operator's file.
    private func rankingEntry(_ id: EndpointID) -> EndpointRanking.Endpoint {
        let record = record(id)
        return EndpointRanking.Endpoint(
            id: id, priority: record?.settings.priority, isEnabled: record?.settings.enabled ?? false,
            isPinned: record?.settings.pinned ?? false)
    }

    // MARK: What others are given

    /// The failover order as the data path takes it.
    func routingTable(now: ContinuousClock.Instant) -> RoutingTable {
        let candidates = ranking.candidates(now: now).compactMap { candidate -> Candidate? in
            guard let upstream = record(candidate.endpoint)?.upstream else {
                return nil
            }
            return Candidate(upstream: upstream, gate: candidate.gate == .probation ? .probation : .open)
        }
        return RoutingTable(
            candidates: candidates, earliestRecovery: ranking.earliestRecovery(now: now), served: servedAPIs)
    }

    /// What the endpoints have URLs for, whatever their state.
    private var servedAPIs: ServedAPIs {
        fileOrder.reduce(into: []) { served, id in
            guard let settings = record(id)?.settings else { return }
            served.formUnion(
                ServedAPIs(
                    any: settings.anyBase != nil, anthropic: settings.anthropicBase != nil,
                    openAI: settings.openAIBase != nil))
        }
    }

    /// What the file should say. Priorities are rewritten only where the order they give is no longer the ranking's.
    mutating func persistedState() -> PersistedState {
        settlePriorities()
        return PersistedState(
            endpoints: fileOrder.compactMap { id in
                record(id).map { PersistedState.Endpoint(id: id.rawValue, settings: $0.settings) }
            },
            autoSortEndpoints: configuration.server.autoSortEndpoints)
    }

    mutating func settlePriorities() {
        let order = ranking.order
        guard !isOrderByPriority(order) else {
            return
        }
        for (index, id) in order.enumerated() {
            withRecord(id) { $0.settings.priority = index + 1 }
        }
    }

    /// The order that the priorities give: ascending, ties and missing ones as in the file.
    var orderByPriority: [EndpointID] {
        fileOrder.enumerated().sorted { left, right in
            let leftPriority = record(left.element)?.settings.priority ?? .max
            let rightPriority = record(right.element)?.settings.priority ?? .max
            return (leftPriority, left.offset) < (rightPriority, right.offset)
        }.map(\.element)
    }

    /// Whether `orderByPriority` would be this order, without sorting: each picture and each save ask.
    private func isOrderByPriority(_ order: [EndpointID]) -> Bool {
        var places = [Int](repeating: 0, count: records.slots.count)
        for (place, id) in fileOrder.enumerated() {
            if let slot = records.slot(of: id) { places[slot] = place }
        }
        var previous = (Int.min, Int.min)
        for id in order {
            guard let slot = records.slot(of: id) else { continue }
            let next = (records.slots[slot]?.settings.priority ?? .max, places[slot])
            guard previous < next else { return false }
            previous = next
        }
        return true
    }

    /// The tokens clients may present; one whose `${NAME}` is missing admits nobody.
    func expandedClientTokens() -> [String] {
        configuration.server.clientTokens.compactMap { token in
            try? SecretExpansion.expand(token, environment: surroundings.environment)
        }
    }

    /// Endpoints that cannot be used as configured, in file order.
    var misconfigured: [(name: String, reason: String)] {
        fileOrder.compactMap { id in
            record(id).flatMap { record in record.misconfiguration.map { (record.settings.name, $0) } }
        }
    }
}

extension EndpointRanking.Settings {
    /// What a configuration says of the ranking; the rest are the defaults.
    public init(_ configuration: Configuration) {
        self.init()
        hysteresis = configuration.ranking.hysteresis
        minDwell = configuration.ranking.minDwell
        decay = configuration.ranking.decay
        recoveryThreshold = configuration.timeouts.recoveryThreshold
        checkInterval = configuration.timeouts.checkInterval
    }
}
