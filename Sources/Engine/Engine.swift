internal import CSystemShim
public import Configuration
internal import Limits
internal import Logging
public import NIOCore
internal import NIOPosix
public import Persistence
public import PodiumModel
public import Proxy
internal import Ranking
internal import Sockets
internal import Support
internal import Synchronization

/// Podium without a user interface: proxy, ranking and persister on one configuration file.
///
///     let engine = try Engine(path: path, bytes: bytes, configuration: configuration, options: options)
///     let address = try await engine.start()
///     let receipt = try await engine.perform(.move(reference, toRank: 1), by: "ops01")
///     let report = await engine.stop()
///
/// There are two layers. `EngineState` is pure: it holds everything that changes, takes events in, and returns `EngineEffects`. This
/// class hands it the events, under one mutex, and performs the effects after it has let go of the mutex (`EngineEffects` says why
/// their order does no harm). Proxy and persister are made with the engine and begin to call it in `start`; from then on the
/// engine and they hold on to each other until `stop` has returned.
///
/// All methods may be called from any thread.
public final class Engine: Sendable {
    let proxy: ProxyServer
    let persister: Persister
    let authorities: CABundles
    let context: ConfigurationContext
    let path: String
    /// When the engine was made.
    public let startedAt: ContinuousClock.Instant
    /// For everything but the proxy's connections: the control socket, timers.
    let group: MultiThreadedEventLoopGroup
    /// For the proxy's connections.
    private let proxyLoops: any EventLoopGroup
    private let memory = FreedMemory()
    private let state: Mutex<EngineState>
    private let logger: Logger
    private let accessLog: AccessLog
    let account: UsageAccount
    private let limitFile: LimitFile
    let zones: ZoneTable
    private let recorder: TraceRecorder?
    /// nil where there is no directory for it.
    private let timeOuts: TimeOutFile?
    /// nil where Podium is alone.
    let cluster: ClusterMember?
    let catalogues = CatalogueUpdates()
    /// Whether the file as it was loaded says what the state says. What is off stands last, whatever its priority: the file is to
    /// say so too.
    private let agreesWithFile: Bool
    private let listeners = EventListeners()
    /// Held while lines are written, so that they are written in their order. Never taken under `state`.
    private let writing = Mutex(())
    /// What proxy, persister and access log run by. Never taken under `state`.
    private let followed: Mutex<RunningSettings>
    let address = Mutex("")
    private let ending = Mutex(Ending())
    private let prober = Mutex<Task<Void, Never>?>(nil)

    /// How far the end has come.
    private struct Ending {
        /// When the requests that still run will be cut off.
        var drainDeadline: ContinuousClock.Instant?
        var stopping: Task<Result<FlushReceipt, PersistenceError>, Never>?
    }

    /// Takes the configuration's lock. The file's bytes are those that `configuration` was loaded from.
    ///
    /// - Throws: `EngineError`.
    public init(
        path: String, bytes: [UInt8], configuration: Configuration, options: EngineOptions
    ) throws(EngineError) {
        guard configuration.server.isLoopback || !configuration.admitsEveryone || options.insecureListen
        else {
            throw .insecureListen(host: configuration.server.host)
        }
        let now = ContinuousClock.now
        let authorities = options.authorities
        let zones = ZoneTable(environment: options.environment)
        let context = ConfigurationContext(
            environment: options.environment,
            mustAskForTokens: !configuration.server.isLoopback && !options.insecureListen,
            folder: Self.folder(ofConfiguration: path),
            standardOutputIsFree: options.standardOutputIsFree,
            authorityProblem: { authorities.contexts.problem(of: UpstreamTLSOptions(caFile: $0)) },
            zone: { try zones.rules($0) })
        authorities.prepare(configuration.endpoints, context)
        zones.prepare(configuration)
        limitFile = LimitFile(configuration: path, environment: options.environment)
        timeOuts = TimeOutFile(configuration: path, environment: options.environment)
        var state = EngineState(
            configuration: configuration, context: context, saved: timeOuts?.read() ?? SavedTimeOuts(),
            wallTime: Self.wallTime(), now: now)
        // Also of those that cannot be used at this start: what they have used is kept for the next one.
        if state.hasLimits || !state.limitCounts.isEmpty { Self.restoreLimits(of: state, from: limitFile) }
        var recorder: TraceRecorder?
        if let path = options.tracePath {
            recorder = try TraceRecorder(path: path, start: now)
        }
        cluster = ClusterMember(configuration.cluster, path: path, context: context, options: options)
        var running = state.running
        let loaded = PersistedState(configuration: configuration)
        agreesWithFile = state.persistedState() == loaded
        do {
            persister = try Persister(
                options: PersisterOptions(path: path, configuration.server, running.saving, options),
                base: LoadedBase(bytes: bytes, state: loaded))
        } catch {
            throw .persistence(error)
        }
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        proxyLoops = (try? SocketLoopGroup(count: options.eventLoops ?? ProcessorCount.usable)) ?? group
        let routes = state.routingTable(now: now)
        state.noteRoutes(routes)
        proxy = ProxyServer(
            options: ProxyOptions(configuration.server, running, tlsContexts: authorities.contexts),
            routes: routes, group: proxyLoops)
        // The access log is opened by `start`.
        running.accessLog = .off
        followed = Mutex(running)
        startedAt = now
        logger = options.logger
        account = UsageAccount(
            path: HistoryPlace.rollUps(
                configuration: path, configuration.usage, environment: options.environment, makes: true),
            folder: context.folder)
        accessLog = AccessLog(configPath: path, account: account)
        self.recorder = recorder
        self.path = path
        self.authorities = authorities
        self.context = context
        self.zones = zones
        let misconfigured = state.misconfigured
        self.state = Mutex(state)
        let variables = ProxyVariables(options.environment).names
        if let name = variables.first, !configuration.endpoints.contains(where: { $0.proxy == .environment }) {
            log(.info, source: "proxy", "\(name) is set and ignored; an endpoint with proxy: env heeds it")
        }
        for absent in withState({ $0.routingTable(now: now) }).absent {
            let text = "\(absent.availability.text(now: now)), since before the start"
            log(.warning, source: "endpoint", endpoint: absent.upstream.name, text)
        }
        for problem in misconfigured {
            log(.warning, source: "endpoint", endpoint: problem.name, "misconfigured: \(problem.reason)")
        }
    }

    /// Binds and begins to serve.
    ///
    /// - Returns: where clients connect.
    /// - Throws: `EngineError.proxy`; the lock has been released then.
    public func start() async throws(EngineError) -> ProxyServer.Address {
        startPersister()
        let bound: ProxyServer.Address
        do {
            bound = try await proxy.start(reportingTo: proxyEvents)
        } catch {
            _ = await persister.shutdown()
            await shutDownLoops()
            let server = withState { $0.configuration.server }
            let reason = ProxyError.addressNotAvailable(host: server.host, port: server.port, reason: "\(error)")
            throw .proxy(error as? ProxyError ?? reason)
        }
        let text = bound.host.contains(":") ? "[\(bound.host)]:\(bound.port)" : "\(bound.host):\(bound.port)"
        address.withLock { $0 = text }
        accessLog.connect { [weak self] level, text in self?.log(level, source: "proxy", text) }
        account.connect(
            names: { [weak self] ids in self?.withState { $0.names(of: ids) } ?? [:] },
            standings: { [weak self] in self?.standings() },
            note: { [weak self] level, text in self?.log(level, source: "history", text) })
        account.events.connect(
            EventHistory.Sources(
                events: { [weak self] id in self?.withState { $0.events.lasting(after: id) } ?? [] },
                flushes: { [weak self] in self?.persister.history() ?? [] }))
        account.follow(withState { $0.configuration.usage })
        account.standingChanged()
        handle { $0.start(wallTime: Self.wallTime()) }
        prober.withLock { $0 = Task { await ProbeLoop(engine: self).run() } }
        log(.info, source: "proxy", "listening on http://\(text)")
        cluster?.start(self)
        return bound
    }

    private func startPersister() {
        persister.start(
            PersisterOwner(
                snapshot: {
                    let state = self.persisted
                    self.cluster?.willWrite(state)
                    return state
                },
                adopt: { edit in
                    // On the persister's thread, which may wait for a disk, and before the state's lock is taken.
                    self.authorities.prepare(edit.configuration.endpoints, self.context)
                    self.zones.prepare(edit.configuration)
                    let before = self.cluster == nil ? nil : self.persisted
                    let (merged, effects) = self.withState {
                        $0.takeIn(edit, now: .now, wallTime: Self.wallTime())
                    }
                    self.perform(effects)
                    if let before { self.cluster?.shareFile(from: before, to: merged.state) }
                    return merged
                },
                follow: { order in self.withState { $0.follow(fileOrder: order.map { EndpointID($0) }) } },
                onEvent: { event in
                    self.cluster?.noteWritten(event)
                    self.handle { $0.persisterEvent(event, now: .now, wallTime: Self.wallTime()) }
                }))
        if !agreesWithFile { persister.mark(now: .now) }
    }

    /// Writes a line into the event log.
    ///
    /// - Parameters:
    ///   - kind: What brought it about.
    ///   - fold: What lines that are the same have in common, where their texts differ in the client or the like.
    public func note(
        _ level: EventLevel, source: String, _ text: String, kind: EventKind = .change, fold: String? = nil
    ) {
        log(level, source: source, text, kind: kind, fold: fold)
    }

    /// Stops accepting and lets running requests end within `limit` (nil: as configured). All else goes on: the engine can
    /// be looked at, takes commands and saves them. Called again with a shorter time it cuts the running wait short.
    public func drain(within limit: Duration? = nil) async {
        let limit = limit ?? withState { $0.configuration.server.drainTimeout }
        let deadline = ContinuousClock.now + limit
        ending.withLock { $0.drainDeadline = min($0.drainDeadline ?? deadline, deadline) }
        prober.withLock { $0?.cancel() }
        catalogues.close()
        await proxy.stop(drain: limit)
    }

    /// Drains, saves what is unsaved, and releases port and lock. Called again, it cuts the running drain short if it is
    /// given a shorter time, and returns the same.
    ///
    /// - Parameter limit: how long running requests may take; nil: as configured, or as a `drain` before said.
    /// - Returns: how the final flush ended.
    public func stop(drain limit: Duration? = nil) async -> Result<FlushReceipt, PersistenceError> {
        let (stopping, isFirst) = ending.withLock { ending in
            if let stopping = ending.stopping { return (stopping, false) }
            let stopping = Task { await self.drainAndRelease(within: limit) }
            ending.stopping = stopping
            return (stopping, true)
        }
        if !isFirst, let limit { await drain(within: limit) }
        return await stopping.value
    }

    private func drainAndRelease(within limit: Duration?) async -> Result<FlushReceipt, PersistenceError> {
        await drain(within: limit)
        cluster?.stop(within: .seconds(2))
        accessLog.finish(within: .seconds(2))
        withState { $0.stopTimers() }
        recorder?.finish()
        account.finish(within: .seconds(2), isFinal: false)
        timeOuts?.finish(standing(), within: .seconds(2))
        limitFile.finish(savedLimits(), within: .seconds(2))
        let result = await persister.shutdown()
        handle { $0.takeRepeats(isLast: true, wallTime: Self.wallTime()) }
        // The last flush, and what was said of it.
        account.finish(within: .seconds(1))
        await shutDownLoops()
        return result
    }

    private func shutDownLoops() async {
        try? await proxyLoops.shutdownGracefully()
        if proxyLoops !== group { try? await group.shutdownGracefully() }
    }

    /// Whether clients can connect.
    var isListening: Bool {
        drainDeadline == nil && address.withLock { !$0.isEmpty }
    }

    /// When requests that still run will be cut off; nil while Podium serves.
    public var drainDeadline: ContinuousClock.Instant? {
        ending.withLock { $0.drainDeadline }
    }

    /// Whether anything that was accepted is not on disk.
    public var hasUnsavedChanges: Bool {
        persister.statistics(now: .now).dirtySince != nil
    }

    /// Cuts a running `stop` short: requests still open are closed now. The final flush runs all the same.
    public func hurry() async {
        await drain(within: .zero)
    }

    /// Returns once the state's lock could be had and every event loop has answered; never, if one of them is stuck.
    public func heartbeat() async {
        withState { _ in }
        for loop in Array(proxyLoops.makeIterator()) + Array(group.makeIterator()) {
            try? await loop.submit {}.get()
        }
    }
}

// MARK: - Events and their effects

extension Engine {
    /// What the data path calls. The closures capture the engine alone, and run on event loops.
    private var proxyEvents: ProxyEvents {
        ProxyEvents(
            attemptAnswered: { id, beginning, now in
                self.handle { $0.attemptAnswered(id, beginning, now: now, wallTime: Self.wallTime) }
            },
            attemptFinished: { report in
                self.handle { $0.attemptFinished(report, wallTime: Self.wallTime, random: Self.random) }
                if self.recorder != nil { self.trace(report) }
            },
            requestStarted: recorder.map { recorder in { @Sendable in recorder.request(at: .now) } },
            requestFinished: { self.requestFinished($0) },
            admitHalfOpen: { id in self.withState { $0.ranking.admitHalfOpen(id, now: .now) } },
            tryEarly: { ids in self.withState { $0.ranking.tryEarly(among: ids, now: .now) } },
            clientRejected: { rejection in
                self.handle { $0.clientRejected(rejection, wallTime: Self.wallTime()) }
            },
            modelsAsked: { self.modelsAsked() })
    }

    private func requestFinished(_ report: RequestReport) {
        let logsAccess = accessLog.isEnabled
        let (effects, names, limited) = withState { state in
            let effects = state.requestFinished(report, wallTime: Self.wallTime, random: Self.random)
            return (
                effects, logsAccess ? state.names(of: report) : [], state.hasLimits ? state.limited(by: report) : nil
            )
        }
        perform(effects)
        if logsAccess { accessLog.append(report, names: names) }
        account.append(report)
        if let limited { count(report, limited) }
        if recorder != nil, let attempt = report.concludingAttempt { trace(attempt) }
    }

    // MARK: Limits

    private static func restoreLimits(of state: EngineState, from file: LimitFile) {
        let saved = file.read()
        let now = LimitMoment.now
        for (owner, endpoint, used) in state.limitCounts {
            guard let entry = saved[owner] else { continue }
            // Another endpoint that got the name meanwhile has used nothing yet.
            if let reach = entry.reach, let endpoint, EngineState.reach(of: endpoint, state.context) != reach {
                continue
            }
            used.restore(entry.saved, at: now)
        }
    }

    /// Counts what an answer has used of its endpoint's and its client's limits, and says where one is nearly or wholly used up.
    private func count(_ report: RequestReport, _ answer: EngineState.LimitedAnswer) {
        guard let usage = report.usage, usage.extent != .unread else { return }
        let cost = account.cost(of: usage, endpoint: answer.endpoint)
        for (owner, limits, used) in answer.limits {
            for reading in limits.add(tokens: usage.allTokens, cost: cost, used, at: .now) {
                switch owner {
                case .endpoint(let name): log(.warning, source: "endpoint", endpoint: name, reading.sentence())
                case .client(let name):
                    log(.warning, source: "proxy", "client '\(name)': \(reading.sentence("refused"))")
                }
            }
        }
        limitFile.save(
            { self.savedLimits() },
            note: { self.log(.warning, source: "endpoint", "what is used of limits cannot be kept: \($0)") })
    }

    private func savedLimits() -> [LimitFile.Entry] {
        let now = LimitMoment.now
        let counts = withState { $0.limitCounts }
        // Hashing takes a while, and requests need the lock.
        return counts.map { owner, endpoint, used in
            LimitFile.Entry(
                owner: owner, saved: used.saved(at: now), reach: endpoint.map { EngineState.reach(of: $0, context) })
        }
    }

    private func trace(_ report: AttemptReport) {
        guard let recorder, let name = withState({ $0.record(report.endpoint)?.settings.name }) else { return }
        recorder.answer(
            report.isEvidence ? report.outcome : .neutral, of: name, at: report.at, took: report.duration)
    }

    /// The endpoints to probe now, and when to ask again.
    func takeDueProbes(limit: Int) -> (due: [Upstream], next: ContinuousClock.Instant?) {
        withState { $0.takeDueProbes(limit: limit, now: .now) }
    }

    func probeFinished(_ id: EndpointID, _ result: ProbeResult) {
        handle { $0.probeFinished(id, result, now: .now, wallTime: Self.wallTime, random: Self.random) }
    }

    /// A CA file that could not be used can be used now.
    func authoritiesBecameUsable() {
        handle { $0.authoritiesBecameUsable(now: .now, wallTime: Self.wallTime()) }
    }

    /// - Parameter fold: What events that are the same have in common, where their texts differ.
    func log(
        _ level: EventLevel, source: String, endpoint: String? = nil, _ text: String, kind: EventKind = .change,
        fold: String? = nil
    ) {
        handle { state in
            var effects = EngineEffects()
            state.log(
                level, source: source, endpoint: endpoint, text, kind: kind, fold: fold, wallTime: Self.wallTime(),
                &effects)
            return effects
        }
    }

    /// Says that there are new events; several at once may be said once.
    public func eventSignals() -> AsyncStream<Void> {
        listeners.listen()
    }

    // MARK: The lock

    /// Reads the state, or changes what makes nothing necessary outside.
    func withState<Value>(_ body: (inout EngineState) -> sending Value) -> sending Value {
        state.withLock { body(&$0) }
    }

    /// Seconds of the traffic windows.
    func second(_ now: ContinuousClock.Instant) -> Int64 { EngineState.second(now, from: startedAt) }

    /// Hands an event to the state and performs what it makes necessary.
    private func handle(_ event: (inout EngineState) -> EngineEffects) {
        perform(state.withLock { event(&$0) })
    }

    /// - Precondition: The state's lock is not held.
    func perform(_ effects: EngineEffects) {
        guard !effects.isEmpty else { return }
        if let routes = effects.routes {
            proxy.update(routes: routes)
            account.standingChanged()
        }
        let tasks = effects.tasks
        if tasks.contains(.followSettings) { followSettings() }
        if tasks.contains(.markPersister) { persister.mark(now: .now) }
        if tasks.contains(.saveLearned) {
            // A failure is the persister's to report and to try again.
            Task { [persister] in _ = try? await persister.flush(trigger: .learned) }
        }
        if tasks.contains(.saveTimeOuts) {
            timeOuts?.save { self.standing() }
            cluster?.wake()
        }
        if tasks.contains(.setTimer) { setTimer() }
        if tasks.contains(.writeRepeatsLater) { writeRepeatsLater() }
        if tasks.contains(.signalReaders) {
            listeners.signal()
            account.eventsChanged()
        }
        if tasks.contains(.writeLines) { writeLines() }
    }

    /// What the next process is to know.
    private func standing() -> SavedTimeOuts {
        let (now, wallTime) = (ContinuousClock.now, Self.wallTime())
        let (saved, memory, settings) = withState { state in
            (state.savedTimeOuts(now: now, wallTime: wallTime), state.ranking.memory, state.measuredSettings)
        }
        // Hashing takes a while where there are many endpoints, and requests need the lock.
        var all = saved
        all.times = SavedResponseTimes(memory, of: settings, context, now: now, wallTime: wallTime)
        all.catalogues = withState { $0.savedCatalogues }
        return all
    }

    /// Writes what the next process is to know.
    func saveForNextProcess() {
        timeOuts?.save { self.standing() }
    }

    /// Writes what has been measured, where there is something new since so many answers.
    ///
    /// - Returns: how many were measured by now
    func saveTimes(unlessMeasured count: Int) -> Int {
        let measured = withState { $0.ranking.measuredAnswers }
        if measured != count { timeOuts?.save { self.standing() } }
        return measured
    }

    private func followSettings() {
        followed.withLock { followed in
            let running = state.withLock { $0.running }
            if followed.clients != running.clients { proxy.update(running.clients) }
            if followed.saving != running.saving {
                let saving = running.saving
                persister.update(
                    persist: saving.persist, strategy: saving.strategy, flushInterval: saving.flushInterval,
                    maxDirtyTime: saving.maxDirtyTime, allowInPlace: saving.allowInPlace)
            }
            if followed.accessLog != running.accessLog { accessLog.direct(to: running.accessLog) }
            if followed.usage != running.usage { account.follow(running.usage) }
            followed = running
        }
    }

    private func setTimer() {
        guard let deadline = state.withLock({ $0.timerDeadline }) else { return }
        let delay = max(.zero, deadline - ContinuousClock.now)
        group.next().scheduleTask(in: .nanoseconds(Int64(min(delay.wholeMicroseconds, 86_400_000_000)) * 1_000)) {
            self.handle { $0.deadlineReached(now: .now, wallTime: Self.wallTime) }
        }
    }

    private func writeRepeatsLater() {
        group.next().scheduleTask(in: .seconds(Int64(EventLog.gap))) {
            self.handle { $0.takeRepeats(isLast: false, wallTime: Self.wallTime()) }
        }
    }

    private func writeLines() {
        writing.withLock { _ in
            for line in state.withLock({ $0.takeLines() }) {
                // Its attributes apart, so that a log in JSON has them apart.
                var metadata: Logger.Metadata = ["source": "\(line.source)"]
                if let endpoint = line.endpoint { metadata["endpoint"] = "\(endpoint)" }
                logger.log(level: Logger.Level(line.level), "\(line.text)", metadata: metadata)
            }
        }
    }

    // MARK: What the state is not to ask for itself

    /// Seconds since 1970.
    static func wallTime() -> Double {
        WallClock.seconds
    }

    private static func random() -> UInt64 { .random(in: .min ... .max) }
}

extension PersisterOptions {
    fileprivate init(
        path: String, _ server: ServerSettings, _ saving: RunningSettings.Saving, _ options: EngineOptions
    ) {
        self.init(
            path: path, strategy: saving.strategy, flushInterval: saving.flushInterval,
            maxDirtyTime: saving.maxDirtyTime, allowInPlace: saving.allowInPlace, environment: options.environment)
        persist = saving.persist
        if !server.isLoopback, !options.insecureListen { openListener = server.host }
    }
}

extension Logger.Level {
    fileprivate init(_ level: EventLevel) {
        switch level {
        case .debug: self = .debug
        case .info: self = .info
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}

/// How many processors this process may run on: `taskset` or a container may leave it fewer than there are.
///
/// Two event loops on one processor wake and interrupt each other, at a third of what a request costs.
enum ProcessorCount {
    static var usable: Int {
        let allowed = Int(podium_usable_processors())
        return allowed > 0 ? min(allowed, System.coreCount) : System.coreCount
    }
}

/// What the control API asks beyond commands and snapshots.
extension Engine {
    /// All counters, cheaply.
    public func metrics() -> EngineMetrics {
        let now = ContinuousClock.now
        let statistics = persister.statistics(now: now)
        let lastFlush = persister.history().last
        let usage = account.counters()
        let load = proxy.load
        let second = second(now)
        return withState { state in
            EngineMetrics(
                endpoints: state.endpointMetrics(now: now), clientRequests: state.clientRequests,
                clients: state.clientReadings.filter { $0.limits != nil },
                unanswered: state.unanswered, firstByte: state.firstByte,
                firstContent: state.firstContent, requestsInFlight: load.requests, connections: load.connections,
                replayBytes: load.replayBytes,
                unreplayable: load.unreplayable, shadowed: load.shadowed, repaired: load.repaired, queue: load.queue,
                attemptsPerSecond: state.traffic.summary(second: second).attemptsPerSecond,
                isAutoSorting: state.ranking.isAutoSorting, revision: state.revisions.revision, persister: statistics,
                lastFlush: lastFlush, usage: usage, events: state.events.total, takenAt: now,
                wallTime: WallClock.seconds)
        }
    }

    /// Whether all is well, for load balancers and alarms. Cheap enough for an event loop: it waits for nothing that is done
    /// under the engine's lock.
    public func health() -> EngineHealth {
        let now = ContinuousClock.now
        let statistics = persister.statistics(now: now)
        return EngineHealth(
            isListening: isListening, isDraining: drainDeadline != nil, usableEndpoints: proxy.candidateCount,
            isOverdue: statistics.isOverdue, saveError: statistics.lastError.map { "\($0)" })
    }

    /// `host:port` that clients connect to; empty before `start`.
    public var listenAddress: String { address.withLock { $0 } }

    /// Raised by each change of the configuration, but not by ranks that move by themselves.
    public var configurationRevision: UInt64 {
        withState { $0.revisions.revision }
    }

    /// The event log as a reader that follows it finds it.
    public struct EventsAfter: Sendable {
        /// Oldest first.
        public var events: [Snapshot.Event]
        /// The id of the newest event of all.
        public var newest: UInt64
        /// How many the reader did not get to see: they were dropped before it asked.
        public var missed: UInt64
        /// How many were dropped since start.
        public var dropped: UInt64
    }

    /// The kept events that happened, or happened again, after an id.
    ///
    /// - Parameters:
    ///   - limit: At most that many of the newest.
    ///   - dropped: How many were dropped when the reader asked last.
    public func events(after id: UInt64, limit: Int, dropped: UInt64 = 0) -> EventsAfter {
        let (kept, newest, missed, evicted) = withState { state in
            (
                state.events.after(id, limit: limit), state.events.total,
                state.events.missed(after: id, since: dropped), state.events.evicted
            )
        }
        return EventsAfter(
            events: kept.map { Snapshot.Event($0) }, newest: newest, missed: missed, dropped: evicted)
    }

    /// The loops for everything but the proxy's connections.
    public var eventLoops: any EventLoopGroup { group }

    /// `server.host` as it was bound.
    public var host: String {
        withState { $0.configuration.server.host }
    }

    /// `server:` as it is in force: for what is read when it is needed, such as `drain_timeout` and `on_hangup`.
    public var serverSettings: ServerSettings {
        withState { $0.configuration.server }
    }

    /// The token of `server.admin_token`, expanded; nil when there is none, or its variable is not set.
    public var adminToken: String? {
        withState { state in
            state.configuration.server.adminToken.flatMap {
                try? state.context.expanded($0)
            }
        }
    }

    /// Lets the closure answer `GET` of `/healthz` and `/readyz` on the proxy's port; nil: these paths are unknown.
    public func answerHealthChecks(_ responder: HealthResponder?) {
        proxy.answerHealthChecks(responder)
    }

    /// Hands requests for the paths that Podium keeps to itself over: the closure fills the pipeline of a channel, which then
    /// reads the request from its first byte. Called on the channel's event loop.
    public func handOverAdministration(to responder: (@Sendable (any Channel) throws -> Void)?) {
        proxy.handOverAdministration(to: responder)
    }
}
