internal import Configuration
internal import PodiumModel
internal import Logging
internal import Persistence
internal import Proxy
internal import Ranking
internal import Synchronization

internal import Support

/// The engine's state and what has to happen around each change of it. Nothing here waits.
final class EngineCore: Sendable {
    struct Guarded {
        var state: EngineState
        /// Changes of rank up to here are in the event log.
        var changesLoggedUntil: ContinuousClock.Instant
        /// When the timer will fire next.
        var armed: ContinuousClock.Instant?
        weak var proxy: ProxyServer?
        weak var persister: Persister?
        var arm: (@Sendable (ContinuousClock.Instant) -> Void)?
        /// Has `writeRepeats` called after `EventLog.gap`.
        var armRepeats: (@Sendable () -> Void)?
    }

    let startedAt: ContinuousClock.Instant
    private let guarded: Mutex<Guarded>
    private let listeners = EventListeners()
    private let logger: Logger
    private let recorder: TraceRecorder?
    let accessLog: AccessLog

    init(
        state: EngineState, startedAt: ContinuousClock.Instant, logger: Logger, accessLog: AccessLog,
        recorder: TraceRecorder? = nil
    ) {
        self.accessLog = accessLog
        self.startedAt = startedAt
        self.logger = logger
        self.recorder = recorder
        guarded = Mutex(Guarded(state: state, changesLoggedUntil: startedAt))
    }

    /// Seconds of the traffic windows.
    func second(_ now: ContinuousClock.Instant) -> Int64 {
        max(0, (now - startedAt).wholeSeconds)
    }

    // MARK: Wiring

    func connect(proxy: ProxyServer) {
        guarded.withLock { $0.proxy = proxy }
    }

    func connect(persister: Persister) {
        guarded.withLock { $0.persister = persister }
    }

    /// After a hand edit: the schedule follows the file's settings.
    func updateSchedule() {
        let (persister, server) = guarded.withLock { ($0.persister, $0.state.configuration.server) }
        persister?.update(
            persist: server.persist, strategy: server.persistStrategy, flushInterval: server.configFlushInterval,
            maxDirtyTime: server.configMaxDirtyTime, allowInPlace: server.allowInPlace)
    }

    /// `arm` is called, under the lock, with the instant at which `deadlineReached` should be called.
    /// `armRepeats` is called, under the lock, where `writeRepeats` should be called after `EventLog.gap`.
    func connectTimer(
        _ arm: @escaping @Sendable (ContinuousClock.Instant) -> Void, armRepeats: @escaping @Sendable () -> Void
    ) {
        guarded.withLock { guarded in
            guarded.arm = arm
            guarded.armRepeats = armRepeats
            rearm(&guarded)
        }
    }

    func disconnectTimer() {
        guarded.withLock { guarded in
            guarded.arm = nil
            guarded.armRepeats = nil
        }
    }

    // MARK: The data path's reports

    /// - Returns: whether the order changed, so that it has to be saved.
    func attemptAnswered(_ id: EndpointID, after time: Duration, now: ContinuousClock.Instant) -> Bool {
        let second = second(now)
        return guarded.withLock { guarded in
            let update = guarded.state.attemptAnswered(id, after: time, second: second, now: now)
            return rankingUpdated(update, &guarded, now: now)
        }
    }

    /// What the end of an attempt changed, so that it has to be saved.
    struct Consequence {
        var orderChanged = false
        var hasLearned = false
    }

    func attemptFinished(_ report: AttemptReport) -> Consequence {
        let now = report.at
        let second = second(now)
        return guarded.withLock { take(report, second: second, now: now, &$0) }
    }

    private func take(
        _ report: AttemptReport, second: Int64, now: ContinuousClock.Instant, _ guarded: inout Guarded
    ) -> Consequence {
        let wallTime: Double =
            switch report.outcome {
            case .success, .declined, .neutral: 0
            case .failure, .rateLimited, .misconfigured: WallClock.seconds
            }
        let update = guarded.state.attemptFinished(report, second: second, wallTime: wallTime) {
            UInt64.random(in: .min ... .max)
        }
        if let recorder, let name = guarded.state.record(report.endpoint)?.settings.name {
            recorder.answer(report.isEvidence ? report.outcome : .neutral, of: name, at: now)
        }
        var consequence = Consequence(orderChanged: rankingUpdated(update, &guarded, now: now))
        if let lesson = report.lesson {
            consequence.hasLearned = learn(lesson, about: report.endpoint, &guarded, now: now)
        }
        return consequence
    }

    private func learn(
        _ lesson: OpenAILesson, about id: EndpointID, _ guarded: inout Guarded, now: ContinuousClock.Instant
    ) -> Bool {
        guard let (name, learned) = guarded.state.learn(lesson, about: id, now: now) else {
            return false
        }
        guarded.state.noteLearned(learned, name: name, endpoint: id, time: WallClock.seconds)
        publishRoutes(&guarded, now: now)
        let missing = learned.lackedAPI?.path ?? ""
        append(
            .info, source: "endpoint", endpoint: name,
            "learned openai_preference \(learned.rawValue): it does not know \(missing); such requests pass it over",
            &guarded)
        return true
    }

    /// What to call for each request, where somebody wants to know.
    var requestStarted: (@Sendable () -> Void)? {
        guard let recorder else { return nil }
        return { recorder.request(at: .now) }
    }

    /// No request is served any more.
    func finishTrace() {
        recorder?.finish()
    }

    func requestFinished(_ report: RequestReport) -> Consequence {
        let now = report.at
        let second = second(now)
        let logsAccess = accessLog.isEnabled
        let (consequence, names) = guarded.withLock { guarded in
            let consequence = report.concludingAttempt.map { take($0, second: second, now: now, &guarded) }
            guarded.state.requestFinished(report, second: second)
            return (consequence ?? Consequence(), logsAccess ? guarded.state.names(of: report) : [])
        }
        if logsAccess {
            accessLog.append(report, names: names)
        }
        if report.failedOver || report.ending == .brokenStream || report.isRefusal {
            logTrouble(report)
        }
        return consequence
    }

    func admitProbation(_ id: EndpointID) -> Bool {
        guarded.withLock { $0.state.ranking.admitTrial(id, now: .now) }
    }

    /// - Returns: whether the order changed.
    func deadlineReached() -> Bool {
        guarded.withLock { guarded in
            guarded.armed = nil
            let now = ContinuousClock.now
            let update = guarded.state.ranking.advance(now: now)
            return rankingUpdated(update, &guarded, now: now)
        }
    }

    /// The endpoints to probe now, and when to ask again.
    func takeDueProbes(limit: Int) -> (due: [Upstream], next: ContinuousClock.Instant?) {
        guarded.withLock { guarded in
            let now = ContinuousClock.now
            let due = guarded.state.ranking.takeDueProbes(now: now, limit: limit)
            return (due.compactMap { guarded.state.record($0)?.upstream }, guarded.state.ranking.nextProbe(now: now))
        }
    }

    /// - Returns: whether the order changed, so that it has to be saved.
    func probeFinished(_ id: EndpointID, _ result: ProbeResult) -> Bool {
        guarded.withLock { guarded in
            let now = ContinuousClock.now
            let outcome: AttemptOutcome =
                result.failure.map { .failure($0) } ?? .success(timeToFirstByte: result.connect ?? .zero)
            let update = guarded.state.ranking.record(outcome, for: id, source: .probe, now: now) {
                UInt64.random(in: .min ... .max)
            }
            if result.failure == nil { guarded.state.withRecord(id) { $0.hasAnsweredProbe = true } }
            if let failure = result.failure {
                let name = guarded.state.record(id)?.settings.name ?? "?"
                let text = "probe: \(failure.text)"
                guarded.state.withRecord(id) { $0.lastError = .init(time: WallClock.seconds, text: text) }
                // Where it took the endpoint out, the line about that says the same.
                if !update.availabilityChanges.contains(where: { $0.endpoint == id }) {
                    append(.debug, source: "endpoint", endpoint: name, text, kind: .traffic, &guarded)
                }
            }
            return rankingUpdated(update, &guarded, now: now)
        }
    }

    private func rankingUpdated(
        _ update: RankingUpdate, _ guarded: inout Guarded, now: ContinuousClock.Instant
    ) -> Bool {
        if update.candidatesChanged {
            publishRoutes(&guarded, now: now)
            for change in update.availabilityChanges {
                log(change, &guarded, now: now)
            }
            if update.orderChanged {
                logRankChanges(&guarded, now: now)
            }
        }
        rearm(&guarded)
        return update.orderChanged
    }

    private func publishRoutes(_ guarded: inout Guarded, now: ContinuousClock.Instant) {
        guarded.proxy?.update(routes: guarded.state.routingTable(now: now))
    }

    private func rearm(_ guarded: inout Guarded) {
        guard let deadline = guarded.state.ranking.nextDeadline, let arm = guarded.arm else {
            return
        }
        if let armed = guarded.armed, armed <= deadline {
            return
        }
        guarded.armed = deadline
        arm(deadline)
    }

    // MARK: Commands and snapshots

    /// What a command did in memory.
    struct AppliedCommand {
        /// In words; empty where there is nothing to say.
        var change = ""
        /// What undo would take back of it; nil where it made nothing to undo.
        var undo: String?
    }

    /// Carries out a command in memory and lets requests follow it at once.
    func apply(
        _ command: EngineCommand, by author: CommandAuthor, ifRevision: UInt64? = nil
    ) throws(CommandError) -> AppliedCommand {
        let result: Result<AppliedCommand, CommandError> = guarded.withLock { guarded in
            let now = ContinuousClock.now
            do throws(CommandError) {
                if let ifRevision, ifRevision != guarded.state.revisions.revision {
                    throw .staleRevision
                }
                let before = ConfigurationPicture(guarded.state)
                let made = guarded.state.actions.made
                let change = try guarded.state.apply(command, now: now)
                guarded.state.noteChanges(since: before, by: author.name, change, time: WallClock.seconds)
                publishRoutes(&guarded, now: now)
                // The command's own line tells more than the rank changes it brought.
                guarded.changesLoggedUntil = now
                rearm(&guarded)
                if let deed = command.deed(change) {
                    append(.info, source: author.source.rawValue, "\(author.name) \(deed)", &guarded)
                }
                let actions = guarded.state.actions
                guard actions.made != made else { return .success(AppliedCommand(change: change)) }
                return .success(AppliedCommand(change: change, undo: actions.undoable.last?.label))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Sends the access log where the configuration says.
    func startAccessLog() {
        accessLog.connect { [weak self] level, text in self?.log(level, source: "proxy", text) }
        guarded.withLock { guarded in
            if guarded.state.configuration.server.accessLog != .off {
                directAccessLog(&guarded)
            }
        }
    }

    private func directAccessLog(_ guarded: inout Guarded) {
        let surroundings = guarded.state.surroundings
        switch guarded.state.configuration.server.accessLog {
        case .off:
            accessLog.direct(to: .off)
            append(.info, source: "proxy", "access log: off", &guarded)
        case .file(let path):
            let located = surroundings.located(path)
            accessLog.direct(to: .file(path: located))
            append(.info, source: "proxy", "access log: \(located)", &guarded)
        case .standardOutput where surroundings.standardOutputIsFree:
            accessLog.direct(to: .standardOutput)
        case .standardOutput:
            accessLog.direct(to: .off)
            append(
                .warning, source: "proxy",
                "access log: stdout is not written while a console has the terminal; name a file, or run --headless",
                &guarded)
        }
    }

    /// A file of authorities that could not be used can be used now: so can its endpoints.
    func authoritiesBecameUsable() {
        guarded.withLock { guarded in
            let before = guarded.state.misconfigured
            guarded.state.assembleAllUpstreams()
            publishRoutes(&guarded, now: .now)
            let after = Set(guarded.state.misconfigured.map(\.name))
            for (name, _) in before where !after.contains(name) {
                append(.info, source: "endpoint", endpoint: name, "its ca_file can be used now", &guarded)
            }
        }
    }

    func routingTable() -> RoutingTable {
        guarded.withLock { $0.state.routingTable(now: .now) }
    }

    func persistedState() -> PersistedState {
        guarded.withLock { $0.state.persistedState() }
    }

    /// Takes in a hand edit of the file.
    func adopt(_ edit: ExternalEdit) -> MergedEdit {
        guarded.withLock { guarded in
            let now = ContinuousClock.now
            let before = ConfigurationPicture(guarded.state)
            let accessLog = guarded.state.configuration.server.accessLog
            let (merged, notes) = guarded.state.adopt(edit, now: now)
            guarded.state.noteChanges(since: before, by: "the file", "a new order", time: WallClock.seconds)
            if guarded.state.configuration.server.accessLog != accessLog {
                directAccessLog(&guarded)
            }
            guarded.proxy?.update(clientTokens: guarded.state.expandedClientTokens())
            guarded.proxy?.update(allowedOrigins: guarded.state.configuration.server.allowedOrigins)
            guarded.proxy?.update(halfClose: HalfClosePolicy(guarded.state.configuration.server.halfClose))
            publishRoutes(&guarded, now: now)
            guarded.changesLoggedUntil = now
            rearm(&guarded)
            for note in notes {
                append(.info, source: "config", note, &guarded)
            }
            return merged
        }
    }

    /// Reads and, where it must, settles the state.
    func withState<Value>(_ body: (inout EngineState) -> sending Value) -> sending Value {
        guarded.withLock { body(&$0.state) }
    }

    // MARK: Event log

    func eventSignals() -> AsyncStream<Void> {
        listeners.listen()
    }

    /// - Parameter fold: What events that are the same have in common, where their texts differ.
    func log(
        _ level: EventLevel, source: String, endpoint: String? = nil, _ text: String, kind: EventKind = .change,
        fold: String? = nil
    ) {
        guarded.withLock {
            append(level, source: source, endpoint: endpoint, text, kind: kind, fold: fold, &$0)
        }
    }

    private func append(
        _ level: EventLevel, source: String, endpoint: String? = nil, _ text: String, kind: EventKind = .change,
        fold: String? = nil, _ guarded: inout Guarded
    ) {
        let appended = guarded.state.events.append(
            level, source: source, endpoint: endpoint, text, kind: kind, fold: fold, time: WallClock.seconds)
        listeners.signal()
        if appended.holdsFirst { guarded.armRepeats?() }
        write(appended.lines)
    }

    private func write(_ lines: [EventLog.Line]) {
        for line in lines {
            // Its attributes apart, so that a log in JSON has them apart.
            var metadata: Logger.Metadata = ["source": "\(line.source)"]
            if let endpoint = line.endpoint { metadata["endpoint"] = "\(endpoint)" }
            logger.log(level: Logger.Level(line.level), "\(line.text)", metadata: metadata)
        }
    }

    /// Tells the log that is written out what repeated itself since; the last time all of it, due or not.
    func writeRepeats(isLast: Bool = false) {
        guarded.withLock { guarded in
            let due = guarded.state.events.takeRepeats(isLast: isLast, time: WallClock.seconds)
            write(due.lines)
            if due.hasMore { guarded.armRepeats?() }
        }
    }

    private func log(_ change: AvailabilityChange, _ guarded: inout Guarded, now: ContinuousClock.Instant) {
        guard let line = change.logLine(now: now) else {
            return
        }
        let name = guarded.state.record(change.endpoint)?.settings.name ?? "?"
        append(
            line.level, source: "endpoint", endpoint: name, line.text, kind: line.fold == nil ? .change : .traffic,
            fold: line.fold, &guarded)
    }

    private func logRankChanges(_ guarded: inout Guarded, now: ContinuousClock.Instant) {
        let since = guarded.changesLoggedUntil
        let fresh = guarded.state.ranking.changes.reversed().prefix { $0.at > since }.reversed()
        guarded.changesLoggedUntil = now
        for change in fresh {
            if case .displaced = change.cause {
                continue
            }
            let name = guarded.state.records.name(of: change.endpoint) ?? "?"
            let text = change.text { guarded.state.records.name(of: $0) ?? "?" }
            append(.info, source: "ranking", endpoint: name, text, kind: .traffic, &guarded)
        }
    }

    private func logTrouble(_ report: RequestReport) {
        let attempts = report.attempts
        guarded.withLock { guarded in
            let names = attempts.map { attempt in
                let name = guarded.state.records.name(of: attempt.endpoint) ?? "?"
                return "\(name) \(attempt.outcome.plainWords(status: attempt.status))"
            }
            let refused = report.status == 503 ? "no endpoint" : "refused"
            let path = attempts.isEmpty ? refused : names.joined(separator: " → ")
            let level: EventLevel = report.ending == .completed ? .info : .warning
            append(
                level, source: "proxy",
                "\(report.method) \(report.path): \(path)\(report.status.map { ", answered \($0)" } ?? "")"
                    + " (req \(report.requestID))",
                kind: .traffic, fold: "\(path) \(report.status ?? 0)", &guarded)
        }
    }
}

extension EngineCommand {
    /// What the event log says was done, behind the author's name.
    fileprivate func deed(_ change: String) -> String? {
        switch self {
        case .flush: "asked for a flush"
        case .reload: "asked to read the file again"
        default: change.isEmpty ? nil : change
        }
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
