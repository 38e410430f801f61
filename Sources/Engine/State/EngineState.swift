public import Configuration
internal import Persistence
internal import PodiumModel
internal import Proxy
internal import PureSupport
public import Ranking

/// Everything that changes while Podium runs, apart from what proxy and persister keep for themselves.
///
/// One value behind the engine's mutex. It is pure: nothing here waits, reads a clock or does I/O. What an event makes necessary
/// outside is returned as `EngineEffects`, which `Engine` performs when it has let go of the mutex.
struct EngineState: Sendable {
    var configuration: Configuration
    private(set) var records = EndpointTable()
    /// Whether any endpoint or client has, or has had, limits.
    private(set) var hasLimits = false
    /// As the entries stand in the file; added ones last.
    private(set) var fileOrder: [EndpointID] = []
    var ranking: EndpointRanking
    var traffic = TrafficWindow()
    /// What clients have used of their limits, by their names: it is not forgotten where a client is removed and comes back.
    private(set) var clientCounts: [String: LimitCount] = [:]
    /// Requests of named clients, by their names.
    var clientRequests: [String: UInt64] = [:]
    /// When each field was said last that a conversion has dropped, as days since 1970, by the endpoint's name and the field's.
    var unknownFieldDays: [String: Int] = [:]
    /// Requests to which no endpoint's answer went.
    var unanswered = RequestTally()
    /// What clients waited for their first byte.
    var firstByte = TimeHistogram.toFirstByte
    /// The same for their first content.
    var firstContent = TimeHistogram.toFirstToken
    var revisions = RevisionLog()
    var events = EventLog()
    var requests = RequestHistory()
    var actions = ActionHistory()
    let context: ConfigurationContext
    private let startedAt: ContinuousClock.Instant
    /// There were time outs to be kept for the next process when a routing table was published last.
    private var hasSavedTimeOuts = false
    /// Of the routing table that was published last.
    private var tableVersion: UInt64 = 0
    /// When `deadlineReached` will be called; nil where it will not, or where there are no timers.
    private(set) var timerDeadline: ContinuousClock.Instant?
    /// From the start to the stop.
    private var hasTimers = false
    /// Lines for the program's log that `Engine` has not taken yet.
    private var lines: [EventLog.Line] = []
    /// Changes of rank up to here are in the event log.
    private var changesLoggedUntil: ContinuousClock.Instant

    /// - Parameters:
    ///   - saved: the time outs and response times that an earlier process has left
    ///   - wallTime: seconds since 1970, by which they end
    init(
        configuration: Configuration, context: ConfigurationContext, saved: SavedTimeOuts = SavedTimeOuts(),
        wallTime: Double = 0, now: ContinuousClock.Instant
    ) {
        self.configuration = configuration
        self.context = context
        startedAt = now
        changesLoggedUntil = now
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
            autoSort: configuration.server.autoSortEndpoints, standing: standing(saved, now: now, wallTime: wallTime),
            memory: memory(saved.times, now: now, wallTime: wallTime), now: now)
        hasSavedTimeOuts = !saved.lines.isEmpty
        countClients()
        restore(saved.catalogues)
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

    var names: EndpointNameTable { records.names }

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
        if EndpointField.credential.contains(where: { before.value(of: $0) != settings.value(of: $0) }) {
            _ = ranking.credentialChanged(for: id, now: now)
        }
        let isAnother = EndpointField.reach.contains { before.value(of: $0) != settings.value(of: $0) }
        if isAnother { record(id)?.load.keep(nil) }
        if isAnother || (settings.enabled && !before.enabled) { _ = ranking.clear(id, now: now) }
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
        let assembly = UpstreamAssembly(
            context: context, timeouts: configuration.timeouts, failover: configuration.failover,
            endpointTimeouts: configuration.endpointTimeouts, tagging: configuration.tagging,
            namesEndpoints: configuration.server.namesEndpoints)
        var isLimited = false
        defer { if isLimited { hasLimits = true } }
        withRecord(id) { record in
            switch assembly.assemble(id: id, settings: record.settings, previous: record.upstream, load: record.load) {
            case .ready(let upstream):
                record.upstream = upstream
                record.misconfiguration = nil
                if upstream.conditions?.limits != nil { isLimited = true }
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

    // MARK: Limits

    /// Makes a count for each client that has none yet.
    mutating func countClients() {
        for client in configuration.clients {
            if clientCounts[client.name] == nil { clientCounts[client.name] = LimitCount() }
            if client.limits != nil { hasLimits = true }
        }
    }

    /// An answer that counts against limits.
    struct LimitedAnswer: Sendable {
        /// The name of the endpoint that gave it.
        var endpoint: String
        /// The endpoint's and the client's, as far as they have any.
        var limits: [(owner: LimitOwner, inForce: LimitsInForce, used: LimitCount)]
    }

    /// The answer that a request had; nil where it counts against no limits.
    func limited(by report: RequestReport) -> LimitedAnswer? {
        guard report.usage != nil, let id = report.endpoint, let record = record(id) else { return nil }
        var answer = LimitedAnswer(endpoint: record.settings.name, limits: [])
        if let limits = record.upstream?.conditions?.limits {
            answer.limits.append((.endpoint(record.settings.name), limits, record.load.used))
        }
        if let client = report.client, let limits = client.limits {
            answer.limits.append((.client(client.name), limits, client.used))
        }
        return answer.limits.isEmpty ? nil : answer
    }

    /// What is counted of endpoints and clients with limits.
    var limitCounts: [(owner: LimitOwner, endpoint: EndpointSettings?, used: LimitCount)] {
        let endpoints = fileOrder.compactMap { record($0) }.filter { $0.settings.limits != nil }
        let clients = configuration.clients.filter { $0.limits != nil }
        return endpoints.map { (.endpoint($0.settings.name), $0.settings, $0.load.used) }
            + clients.compactMap { client in clientCounts[client.name].map { (.client(client.name), nil, $0) } }
    }

    // MARK: What others are given

    /// The failover order as the data path takes it.
    func routingTable(now: ContinuousClock.Instant) -> RoutingTable {
        let candidates = ranking.candidates(now: now).compactMap { candidate -> Candidate? in
            guard let upstream = record(candidate.endpoint)?.upstream else {
                return nil
            }
            return Candidate(
                upstream: upstream, gate: candidate.gate == .halfOpen ? .halfOpen : .open,
                limitedModels: candidate.limitedModels, isPinned: candidate.isPinned)
        }
        let absent = ranking.absentees(now: now).compactMap { absentee -> AbsentEndpoint? in
            record(absentee.endpoint)?.upstream.map {
                AbsentEndpoint(upstream: $0, availability: absentee.availability)
            }
        }
        return RoutingTable(
            candidates: candidates, absent: absent, earliestRecovery: ranking.earliestRecovery(now: now),
            served: servedAPIs, operatorOrder: ranking.operatorOrder,
            version: tableVersion)
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
            autoSortEndpoints: configuration.server.autoSortEndpoints, clients: configuration.clients)
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

    /// What the parts beside the state are to run by.
    var running: RunningSettings { RunningSettings(configuration, context, clientCounts) }

    /// Endpoints that cannot be used as configured, in file order.
    var misconfigured: [(name: String, reason: String)] {
        fileOrder.compactMap { id in
            record(id).flatMap { record in record.misconfiguration.map { (record.settings.name, $0) } }
        }
    }
}

// MARK: - What events make necessary

extension EngineState {
    /// Seconds of the traffic windows.
    func second(_ now: ContinuousClock.Instant) -> Int64 { Self.second(now, from: startedAt) }

    /// See `second(_:)`; for callers that do not hold the lock.
    static func second(_ now: ContinuousClock.Instant, from start: ContinuousClock.Instant) -> Int64 {
        max(0, (now - start).wholeSeconds)
    }

    mutating func publishRoutes(now: ContinuousClock.Instant, _ effects: inout EngineEffects) {
        tableVersion += 1
        let table = routingTable(now: now)
        effects.routes = table
        noteRoutes(table)
        let hasTimeOuts = ranking.hasStandingTimeOuts(now: now)
        if hasTimeOuts || hasSavedTimeOuts { effects.tasks.insert(.saveTimeOuts) }
        hasSavedTimeOuts = hasTimeOuts
    }

    /// Keeps which endpoints requests can choose from and why the others are out, for explanations.
    mutating func noteRoutes(_ table: RoutingTable) {
        var places = table.candidates.map { RequestHistory.Place($0) } + table.absent.map { RequestHistory.Place($0) }
        for id in fileOrder {
            guard let record = record(id) else { continue }
            if !record.settings.enabled {
                places.append(RequestHistory.Place(endpoint: id, state: .out(.disabled)))
            } else if record.upstream == nil {
                places.append(RequestHistory.Place(endpoint: id, state: .unusable))
            }
        }
        requests.note(places, version: table.version)
    }

    /// The way of the newest request of that id; nil where it is not known, or no longer.
    func walk(of id: String, now: ContinuousClock.Instant, wallTime: Double) -> RequestWalk? {
        requests.walk(
            of: id,
            RequestHistory.Words(
                name: { records.name(of: $0) ?? "?" }, misconfiguration: { record($0)?.misconfiguration },
                time: { wallTime + ($0 - now).inSeconds }))
    }

    /// Timers run from now on.
    mutating func startTimers() -> EngineEffects {
        var effects = EngineEffects()
        hasTimers = true
        setTimer(&effects)
        return effects
    }

    mutating func stopTimers() {
        hasTimers = false
        timerDeadline = nil
    }

    /// The timer was set for an earlier deadline than the ranking has, or for none.
    mutating func setTimer(_ effects: inout EngineEffects) {
        guard hasTimers, let deadline = ranking.nextDeadline else { return }
        if let timerDeadline, timerDeadline <= deadline { return }
        timerDeadline = deadline
        effects.tasks.insert(.setTimer)
    }

    mutating func timerFired() {
        timerDeadline = nil
    }

    // MARK: The event log

    /// - Parameter fold: What events that are the same have in common, where their texts differ.
    mutating func log(
        _ level: EventLevel, source: String, endpoint: String? = nil, _ text: String, kind: EventKind = .change,
        fold: String? = nil, wallTime: Double, _ effects: inout EngineEffects
    ) {
        let appended = events.append(
            level, source: source, endpoint: endpoint, text, kind: kind, fold: fold, time: wallTime)
        effects.tasks.insert(.signalReaders)
        if appended.holdsFirst, hasTimers { effects.tasks.insert(.writeRepeatsLater) }
        write(appended.lines, &effects)
    }

    /// What repeated itself since the program's log was told last; at the end all of it, due or not.
    mutating func takeRepeats(isLast: Bool, wallTime: Double) -> EngineEffects {
        var effects = EngineEffects()
        let due = events.takeRepeats(isLast: isLast, time: wallTime)
        write(due.lines, &effects)
        if due.hasMore, hasTimers { effects.tasks.insert(.writeRepeatsLater) }
        return effects
    }

    private mutating func write(_ new: [EventLog.Line], _ effects: inout EngineEffects) {
        guard !new.isEmpty else { return }
        lines += new
        effects.tasks.insert(.writeLines)
    }

    /// The lines for the program's log, oldest first; each is given once.
    mutating func takeLines() -> [EventLog.Line] {
        defer { lines = [] }
        return lines
    }

    /// The changes of rank since this was called last, but for endpoints that only made room for others.
    mutating func takeRankChanges(now: ContinuousClock.Instant) -> [RankChange] {
        defer { changesLoggedUntil = now }
        let fresh = ranking.changes.reversed().prefix { $0.at > changesLoggedUntil }.reversed()
        return fresh.filter { change in
            change.cause.kind != .displaced
        }
    }

    /// A line of their own tells more than the changes of rank up to now would.
    mutating func skipRankChanges(now: ContinuousClock.Instant) {
        changesLoggedUntil = now
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

/// What has to be done outside the engine's state because of an event.
///
/// `EngineState` is pure: a method that takes in an event changes the state and returns this. `Engine` calls the method under its
/// lock and performs the effects after it has let go of the lock, so that nothing under the lock waits for a socket, a file, a
/// queue or another lock. The value is two words, and empty for nearly every request: it costs no allocation.
///
/// **Order.** Two threads may handle two events one after the other and perform their effects the other way round. Each effect is
/// made so that this does no harm:
///
/// - `routes` carries what it publishes, and a version that rises under the lock. The proxy keeps the table with the higher one.
/// - `writeLines`, `followSettings` and `setTimer` carry nothing. `Engine` takes what there is to do from the state when it performs
///   them; for the first two it holds a lock of their own meanwhile. So lines are written in the order in which the state
///   made them, and the thread that comes last applies the newest settings.
/// - `markPersister` and `saveLearned` say that the state has changed already. The persister takes its snapshot later than the mark,
///   so it never misses a change; a mark that comes too late costs a flush that finds nothing to write.
/// - `saveTimeOuts` carries nothing either: what runs by then is written a moment later.
/// - `signalReaders` and `writeRepeatsLater` only make another thread look, and a look too many finds nothing.
struct EngineEffects: Sendable {
    struct Tasks: OptionSet, Sendable {
        let rawValue: UInt8

        /// The order has changed, so it has to be saved in its time.
        static let markPersister = Tasks(rawValue: 1)
        /// An endpoint's answers taught a setting: save it now.
        static let saveLearned = Tasks(rawValue: 2)
        /// Bring proxy, persister and access log in line with `RunningSettings`.
        static let followSettings = Tasks(rawValue: 4)
        /// Call `EngineState.deadlineReached` at `EngineState.timerDeadline`, which is earlier than it was.
        static let setTimer = Tasks(rawValue: 8)
        /// Write `EngineState.takeLines` into the program's log.
        static let writeLines = Tasks(rawValue: 16)
        /// Call `EngineState.takeRepeats` after `EventLog.gap`.
        static let writeRepeatsLater = Tasks(rawValue: 32)
        /// Tell the readers of the event log that there is something new.
        static let signalReaders = Tasks(rawValue: 64)
        /// Keep the time outs that run for the next process.
        static let saveTimeOuts = Tasks(rawValue: 128)
    }

    var tasks: Tasks = []
    /// To be published to the proxy.
    var routes: RoutingTable?

    var isEmpty: Bool { tasks.isEmpty && routes == nil }
}

extension EngineState {
    /// Explanations take work to make; beyond this many endpoints only the first ones are explained in a snapshot.
    private static let explainedInSnapshot = 500

    /// All endpoints in rank order as of `now`; `second` counts the traffic windows' seconds.
    ///
    /// - Parameter unwritten: what of each endpoint could not be written into the file.
    mutating func endpointReadings(
        now: ContinuousClock.Instant, second: Int64, unwritten: [EndpointID: String] = [:]
    ) -> [EndpointReading] {
        settlePriorities()
        let explanations = ranking.explanations(now: now, limit: Self.explainedInSnapshot)
        return ranking.order.enumerated().compactMap { index, id in
            // In place: a copy of each record would be the larger part of the work.
            guard let slot = records.slot(of: id) else { return nil }
            return records.slots[slot]?.reading(
                rank: index + 1, notInFile: unwritten[id], movement: lastMovement(of: id, now: now),
                availability: ranking.availability(of: id, now: now),
                limitedModels: ranking.limitedModels(of: id, now: now),
                explanation: index < explanations.count ? explanations[index] : nil, second: second)
        }
    }

    /// One endpoint, as it is in `endpointReadings`.
    mutating func endpointReading(
        named name: String, now: ContinuousClock.Instant, second: Int64, unwritten: [EndpointID: String] = [:]
    ) -> EndpointReading? {
        settlePriorities()
        guard let record = record(named: name), let rank = ranking.rank(of: record.id) else {
            return nil
        }
        return record.reading(
            rank: rank, notInFile: unwritten[record.id], movement: lastMovement(of: record.id, now: now),
            availability: ranking.availability(of: record.id, now: now),
            limitedModels: ranking.limitedModels(of: record.id, now: now),
            explanation: ranking.explanation(for: record.id, now: now), second: second)
    }

    /// What is counted of each endpoint, in rank order.
    func endpointMetrics(now: ContinuousClock.Instant) -> [EngineMetrics.Endpoint] {
        ranking.order.enumerated().compactMap { index, id in
            record(id).map { record in
                EngineMetrics.Endpoint(
                    name: record.settings.name, rank: index + 1,
                    availability: ranking.availability(of: id, now: now) ?? .disabled,
                    limitedModels: ranking.limitedModels(of: id, now: now),
                    isMisconfigured: record.misconfiguration != nil, rankChanges: ranking.rankChanges(of: id),
                    inFlight: record.load.requests, queued: record.load.waiting,
                    limits: record.upstream?.conditions.map { .init(conditions: $0, load: record.load) },
                    overflows: record.load.overflows, maxInFlight: record.settings.maxInFlight,
                    sessions: record.load.sessions, counters: record.counters,
                    errors: record.errors,
                    bytesIn: record.traffic.bytesIn, bytesOut: record.traffic.bytesOut)
            }
        }
    }

    /// Ranks gained or lost by the last change, if that was within a minute.
    private func lastMovement(of id: EndpointID, now: ContinuousClock.Instant) -> Int {
        guard let change = ranking.lastChange(of: id), now - change.at <= .seconds(60), change.from > 0 else {
            return 0
        }
        return change.from - change.to
    }
}

extension EndpointRecord {
    /// - Parameter rank: 1 is tried first.
    fileprivate func reading(
        rank: Int, notInFile: String?, movement: Int, availability: Availability?, limitedModels: [LimitedModel],
        explanation: RankExplanation?, second: Int64
    ) -> EndpointReading {
        let traffic = traffic.summary(second: second)
        return EndpointReading(
            id: id, revision: revision, rank: rank, settings: settings, availability: availability ?? .disabled,
            limitedModels: limitedModels, misconfiguration: misconfiguration, notInFile: notInFile,
            explanation: explanation,
            movement: movement, traffic: traffic, answers: answers.summary(second: second),
            inFlight: load.requests, queued: load.waiting,
            limits: upstream?.conditions.map { .init(conditions: $0, load: load) }, sessions: load.sessions,
            successStreak: successStreak,
            hasAnswered: hasAnsweredProbe || traffic.attempts > traffic.failures,
            errors: errors, lastError: lastError.map { ($0.time, $0.text) })
    }
}
