public import Configuration
internal import PodiumModel
internal import CSystemShim
internal import NIOCore
internal import NIOPosix
public import Persistence
public import Proxy
internal import Ranking
internal import Sockets
internal import Synchronization
internal import Support

/// Podium without a user interface: proxy, ranking and persister on one configuration file.
///
///     let engine = try Engine(path: path, bytes: bytes, configuration: configuration, options: options)
///     let address = try await engine.start()
///     let receipt = try await engine.perform(.move(reference, toRank: 1), by: "ops01")
///     let report = await engine.stop()
///
/// All methods may be called from any thread.
public final class Engine: Sendable {
    let core: EngineCore
    let proxy: ProxyServer
    let persister: Persister
    /// For the proxy's connections.
    private let proxyLoops: any EventLoopGroup
    /// For everything else: the control socket, timers.
    let group: MultiThreadedEventLoopGroup
    let path: String
    private let authorities: AuthorityFiles
    private let surroundings: Surroundings
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
        guard configuration.server.isLoopback || !configuration.server.clientTokens.isEmpty || options.insecureListen
        else {
            throw .insecureListen(host: configuration.server.host)
        }
        let now = ContinuousClock.now
        let authorities = options.authorities
        let surroundings = Surroundings(
            environment: options.environment, folder: Self.folder(ofConfiguration: path),
            standardOutputIsFree: options.standardOutputIsFree,
            authorityProblem: { authorities.contexts.problem(of: UpstreamTLSOptions(authorityFile: $0)) })
        authorities.prepare(configuration.endpoints, surroundings)
        let state = EngineState(configuration: configuration, surroundings: surroundings, now: now)
        var recorder: TraceRecorder?
        if let path = options.tracePath {
            recorder = try TraceRecorder(path: path, start: now)
        }
        let core = EngineCore(
            state: state, startedAt: now, logger: options.logger, accessLog: AccessLog(configPath: path),
            recorder: recorder)
        var persisterOptions = PersisterOptions(path: path)
        persisterOptions.persist = configuration.server.persist
        persisterOptions.strategy = configuration.server.persistStrategy
        persisterOptions.flushInterval = configuration.server.configFlushInterval
        persisterOptions.maxDirtyTime = configuration.server.configMaxDirtyTime
        persisterOptions.allowInPlace = configuration.server.allowInPlace
        persisterOptions.environment = options.environment
        if !configuration.server.isLoopback, !options.insecureListen {
            persisterOptions.openListener = configuration.server.host
        }
        let persister: Persister
        do {
            persister = try Persister(
                options: persisterOptions,
                base: LoadedBase(bytes: bytes, state: PersistedState(configuration: configuration)),
                snapshot: { core.persistedState() },
                adopt: { edit in
                    // On the persister's thread, which may wait for a disk, and before the engine's lock is taken.
                    authorities.prepare(edit.configuration.endpoints, surroundings)
                    return core.adopt(edit)
                },
                follow: { order in core.withState { $0.follow(fileOrder: order.map { EndpointID($0) }) } },
                onEvent: { core.persisterEvent($0) })
        } catch {
            throw .persistence(error)
        }
        // The bodies of a burst come and go by the megabyte; the memory of one is wanted for the next.
        podium_keep_freed_memory(16 << 20)
        let loopCount = options.eventLoops ?? ProcessorCount.usable
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        proxyLoops = (try? SocketLoopGroup(count: loopCount)) ?? group
        proxy = ProxyServer(
            options: ProxyOptions(
                configuration.server, tokens: state.expandedClientTokens(), tlsContexts: authorities.contexts),
            routes: core.routingTable(), events: core.proxyEvents(persister: persister), group: proxyLoops)
        core.connect(proxy: proxy)
        core.connect(persister: persister)
        // What is off stands last, whatever its priority: the file is to say so too.
        let loaded = PersistedState(configuration: configuration)
        if core.persistedState() != loaded { persister.mark(now: now) }
        self.core = core
        self.persister = persister
        self.path = path
        self.authorities = authorities
        self.surroundings = surroundings
        let variables = ProxyVariables(options.environment).names
        if let name = variables.first, !configuration.endpoints.contains(where: { $0.proxy == .environment }) {
            core.log(.info, source: "proxy", "\(name) is set and ignored; an endpoint with proxy: env heeds it")
        }
        for problem in state.misconfigured {
            core.log(.warning, source: "endpoint", endpoint: problem.name, "misconfigured: \(problem.reason)")
        }
    }

    /// Binds and begins to serve.
    ///
    /// - Returns: where clients connect.
    /// - Throws: `EngineError.proxy`; the lock has been released then.
    public func start() async throws(EngineError) -> ProxyServer.Address {
        let bound: ProxyServer.Address
        do {
            bound = try await proxy.start()
        } catch {
            _ = await persister.shutdown()
            await shutDownLoops()
            let server = core.withState { $0.configuration.server }
            let reason = ProxyError.addressNotAvailable(host: server.host, port: server.port, reason: "\(error)")
            throw .proxy(error as? ProxyError ?? reason)
        }
        let text = bound.host.contains(":") ? "[\(bound.host)]:\(bound.port)" : "\(bound.host):\(bound.port)"
        address.withLock { $0 = text }
        connectTimer()
        core.startAccessLog()
        let loop = ProbeLoop(core: core, proxy: proxy, persister: persister, authorities: authorities)
        prober.withLock { $0 = Task { await loop.run() } }
        core.log(.info, source: "proxy", "listening on http://\(text)")
        return bound
    }

    /// Carries out an operator's command; requests follow it at once.
    ///
    /// - Parameters:
    ///   - author: who asked, for the event log.
    ///   - ifRevision: the configuration's revision that the command is based on; nil accepts any.
    /// - Returns: when the change is on disk.
    /// - Throws: `CommandError`. After `.notSaved` and `.notWritable` the change holds in memory; after all others nothing has
    ///   changed.
    public func perform(
        _ command: EngineCommand, by author: CommandAuthor, ifRevision: UInt64? = nil
    ) async throws(CommandError) -> CommandReceipt {
        prepare(for: command)
        if command.isEdit { try requireWritable(command, ifRevision) }
        let known = persister.statistics(now: .now).unwritten
        let applied = try core.apply(command, by: author, ifRevision: ifRevision)
        let change = applied.change
        let receipt: FlushReceipt
        do {
            receipt = try await persister.flush(trigger: command == .reload ? .reload : .operator)
        } catch .refused(let refusal) where command == .reload && refusal.isAboutTheFile && !hasUnsavedChanges {
            throw .fileNotUsed(reason: "\(refusal)")
        } catch {
            throw .notSaved(change: change.isEmpty ? "nothing else changed" : change, reason: error.description)
        }
        let message = Self.message(command, change: change, receipt: receipt)
        let fresh = receipt.unwritten.filter { !known.contains($0) }
        guard !fresh.isEmpty else { return CommandReceipt(message: message, undo: applied.undo) }
        // What the command was about is in force and not in the file. A neighbour's rank that follows from it is by the way.
        let own = fresh.filter { command.concerns($0) }
        guard own.isEmpty else {
            throw .notWritable(change: change, reason: own.map(\.description).joined(separator: "; "))
        }
        let rest = fresh.map { "\($0)" }.joined(separator: "; ")
        return CommandReceipt(message: "\(message); not in the file: \(rest)", undo: applied.undo)
    }

    /// Refuses an edit of settings that the file has no place for, before anything is changed. Rank and switches are another
    /// matter: they are in force whatever the file says.
    private func requireWritable(_ command: EngineCommand, _ ifRevision: UInt64?) throws(CommandError) {
        let made: Result<(before: PersistedState, after: PersistedState), CommandError> = core.withState { state in
            var copy = state
            do throws(CommandError) {
                if let ifRevision, ifRevision != state.revisions.revision { throw .staleRevision }
                let before = copy.persistedState()
                _ = try copy.apply(command, now: .now)
                return .success((before, copy.persistedState()))
            } catch {
                return .failure(error)
            }
        }
        let (before, after) = try made.get()
        try Self.require(persister.unwritable(after), from: before, to: after, path: path)
    }

    /// - Throws: what of a command's own changes is among those that cannot be written.
    static func require(
        _ unwritten: [UnwrittenChange], from before: PersistedState, to after: PersistedState, path: String
    ) throws(CommandError) {
        for change in unwritten where !change.fields.contains(where: { $0.traits.contains(.rankOrSwitch) }) {
            guard let id = change.endpoint else { continue }
            let old = before.endpoints.first { $0.id == id }?.settings
            let new = after.endpoints.first { $0.id == id }?.settings
            let isOwn =
                change.fields.isEmpty
                ? (old == nil) != (new == nil)
                : change.fields.contains { old?.value(of: $0) != new?.value(of: $0) }
            guard isOwn else { continue }
            let refusal = Refusal.cannotEdit(path: path, reason: change.reason)
            throw .invalid(field: change.fields.first ?? .name, reason: "not accepted: \(refusal)")
        }
    }

    /// Makes the TLS context that an edit needs, before the lock is taken. Whatever an undo brings back was prepared before.
    private func prepare(for command: EngineCommand) {
        switch command {
        case .add(let edit), .update(_, let edit):
            guard let settings = try? edit.applied(to: EndpointSettings(name: edit.name)) else { return }
            authorities.prepare([settings], surroundings)
        case .remove, .move, .setEnabled, .setPinned, .sortNow, .setAutoSort, .flush, .reload, .undo, .redo: break
        }
    }

    /// Writes a line into the event log.
    ///
    /// - Parameters:
    ///   - kind: What brought it about.
    ///   - fold: What lines that are the same have in common, where their texts differ in the client or the like.
    public func note(
        _ level: EventLevel, source: String, _ text: String, kind: EventKind = .change, fold: String? = nil
    ) {
        core.log(level, source: source, text, kind: kind, fold: fold)
    }

    /// Stops accepting and lets running requests end within `limit` (nil: as configured). All else goes on: the engine can
    /// be looked at, takes commands and saves them. Called again with a shorter time it cuts the running wait short.
    public func drain(within limit: Duration? = nil) async {
        let limit = limit ?? core.withState { $0.configuration.server.drainTimeout }
        let deadline = ContinuousClock.now + limit
        ending.withLock { $0.drainDeadline = min($0.drainDeadline ?? deadline, deadline) }
        prober.withLock { $0?.cancel() }
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
        core.accessLog.finish(within: .seconds(2))
        core.disconnectTimer()
        core.finishTrace()
        let result = await persister.shutdown()
        core.writeRepeats(isLast: true)
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
        core.withState { _ in }
        for loop in Array(proxyLoops.makeIterator()) + Array(group.makeIterator()) {
            try? await loop.submit {}.get()
        }
    }

    private func connectTimer() {
        let loop = group.next()
        let (core, persister) = (core, persister)
        core.connectTimer(
            { deadline in
                let delay = max(.zero, deadline - ContinuousClock.now)
                loop.scheduleTask(in: .nanoseconds(Int64(min(delay.wholeMicroseconds, 86_400_000_000)) * 1_000)) {
                    if core.deadlineReached() {
                        persister.mark(now: .now)
                    }
                }
            },
            armRepeats: {
                loop.scheduleTask(in: .seconds(Int64(EventLog.gap))) { core.writeRepeats() }
            })
    }

    private static func counted(_ changes: Int) -> String { changes == 1 ? "1 change" : "\(changes) changes" }

    private static func message(_ command: EngineCommand, change: String, receipt: FlushReceipt) -> String {
        if command == .reload, receipt.outcome == .unchanged {
            return "the file was read again; file and memory agree"
        }
        return switch (receipt.outcome, change.isEmpty) {
        case (.written, false): "\(change); saved in \(receipt.record.durations.total.shortText)"
        case (.unchanged, false): change
        case (.written, true):
            "saved \(Self.counted(receipt.record.changes.count)) in \(receipt.record.durations.total.shortText)"
        case (.unchanged, true): "nothing to save: the file is up to date"
        case (.inMemory(let reason), false): "\(change); in memory only, not saved: \(reason)"
        case (.inMemory(let reason), true): "nothing is saved, changes live in memory only: \(reason)"
        }
    }
}

extension EngineCommand {
    fileprivate var isEdit: Bool {
        switch self {
        case .update, .add, .remove: true
        case .move, .setEnabled, .setPinned, .sortNow, .setAutoSort, .flush, .reload, .undo, .redo: false
        }
    }

    /// Whether the change is what this command was to make.
    fileprivate func concerns(_ change: UnwrittenChange) -> Bool {
        switch self {
        case .move(let target, _), .setEnabled(let target, _), .setPinned(let target, _), .update(let target, _),
            .remove(let target):
            change.name == target.name
        case .add(let edit): change.name == edit.name
        case .setAutoSort: change.name == nil
        case .sortNow, .flush, .reload, .undo, .redo: false
        }
    }
}

extension Refusal {
    /// Whether what somebody wrote into the file is the reason.
    fileprivate var isAboutTheFile: Bool {
        switch self {
        case .invalidFile, .missing, .empty, .unfinishedEdit: true
        default: false
        }
    }
}
