internal import CSystemShim
internal import Configuration
internal import Limits
internal import Persistence
public import PodiumModel
internal import Proxy
public import Ranking
internal import Support

/// Snapshots of the engine: the one place where its state becomes a ``Snapshot``.
///
/// Under the lock that requests need only what has to be of one moment is read; the texts, which take longer, are made of it
/// afterwards.
extension Engine {
    /// One consistent picture of everything. What the engine does not know of its process (its version, its number, what it
    /// uses of the machine) is for the caller to add.
    ///
    /// - Parameters:
    ///   - eventLimit: at most that many of the newest events.
    ///   - eventsAfter: only events with a higher id.
    ///   - flushesAfter: only flushes with a higher number.
    ///   - hintsSecrets: shows the last characters of long secrets, by which their owner tells them apart. For the screen of
    ///     the process that holds them only; nothing that leaves the process has them.
    public func snapshot(
        eventLimit: Int = EventRetention.total, eventsAfter: UInt64 = 0, flushesAfter: UInt64 = 0,
        hintsSecrets: Bool = false
    ) -> Snapshot {
        let clock = WallClockMapping(takenAt: .now, wallTime: WallClock.seconds)
        let statistics = persister.statistics(now: clock.takenAt)
        let flushes = persister.history()
        let (address, drainDeadline, load) = (listenAddress, drainDeadline, proxy.load)
        let (second, unwritten) = (second(clock.takenAt), EndpointReading.byEndpoint(statistics.unwritten))
        let reading = withState { state in
            (
                endpoints: state.endpointReadings(now: clock.takenAt, second: second, unwritten: unwritten),
                names: state.names, traffic: state.traffic.summary(second: second),
                events: state.events.after(eventsAfter, limit: eventLimit), journal: state.ranking.changes,
                isAutoSorting: state.ranking.isAutoSorting, revision: state.revisions.revision,
                settings: state.configuration.server, undo: state.undoLabel, redo: state.redoLabel
            )
        }
        let name: (EndpointID) -> String = { reading.names[$0] ?? "?" }
        var snapshot = Snapshot()
        snapshot.takenAt = clock.wallTime
        snapshot.revision = reading.revision
        snapshot.server = Snapshot.Server(
            reading.settings, address: address, configPath: path, startedAt: startedAt,
            drainDeadline: drainDeadline, persister: statistics, requestsInFlight: load.requests, clock: clock)
        snapshot.traffic = Snapshot.Traffic(reading.traffic, inFlight: load.requests)
        snapshot.traffic.queued = load.queue.waiting > 0 ? load.queue.waiting : nil
        snapshot.traffic.replayBytes = load.replayBytes
        snapshot.traffic.unreplayable = load.unreplayable
        snapshot.endpoints = reading.endpoints.map { Snapshot.Endpoint($0, clock: clock, name: name) }
        if hintsSecrets {
            for (index, endpoint) in reading.endpoints.enumerated() {
                snapshot.endpoints[index].maskedSecret = endpoint.settings.authValue.map(SecretExpansion.hinted)
            }
        }
        snapshot.autoSort = reading.isAutoSorting
        snapshot.persister = Snapshot.Persister(
            statistics, strategy: reading.settings.persistStrategy.rawValue, file: .look(at: path), clock: clock)
        snapshot.flushes = flushes.lazy.filter { $0.number > flushesAfter }.map { Snapshot.Flush($0) }
        snapshot.events = reading.events.map { Snapshot.Event($0) }
        snapshot.journal = reading.journal.map { Snapshot.RankChange($0, clock: clock, name: name) }
        snapshot.undo = reading.undo
        snapshot.redo = reading.redo
        return snapshot
    }

    /// All endpoints in rank order, as a snapshot has them, with the revision of the configuration.
    public func endpoints() -> (revision: UInt64, endpoints: [Snapshot.Endpoint]) {
        let clock = WallClockMapping(takenAt: .now, wallTime: WallClock.seconds)
        let second = second(clock.takenAt)
        let unwritten = EndpointReading.byEndpoint(persister.statistics(now: clock.takenAt).unwritten)
        let (revision, readings, names) = withState { state in
            (
                state.revisions.revision,
                state.endpointReadings(now: clock.takenAt, second: second, unwritten: unwritten), state.names
            )
        }
        return (revision, readings.map { Snapshot.Endpoint($0, clock: clock) { names[$0] ?? "?" } })
    }

    /// One endpoint, as a snapshot has it; nil when there is none of that name.
    public func endpoint(named name: String) -> Snapshot.Endpoint? {
        let clock = WallClockMapping(takenAt: .now, wallTime: WallClock.seconds)
        let second = second(clock.takenAt)
        let unwritten = EndpointReading.byEndpoint(persister.statistics(now: clock.takenAt).unwritten)
        let (reading, names) = withState { state in
            (
                state.endpointReading(named: name, now: clock.takenAt, second: second, unwritten: unwritten),
                state.names
            )
        }
        return reading.map { Snapshot.Endpoint($0, clock: clock) { names[$0] ?? "?" } }
    }

    /// The persister and its file alone, as a snapshot has them; cheap.
    public func persisterSnapshot() -> Snapshot.Persister {
        let clock = WallClockMapping(takenAt: .now, wallTime: WallClock.seconds)
        let strategy = withState { $0.configuration.server.persistStrategy }
        return Snapshot.Persister(
            persister.statistics(now: clock.takenAt), strategy: strategy.rawValue, file: .look(at: path), clock: clock)
    }
}

/// What a snapshot needs of one endpoint, as the engine's state has it. Read under the lock, where only what has to be of
/// one moment is taken; the texts and figures of a ``Snapshot/Endpoint`` are made of it afterwards.
struct EndpointReading: Sendable {
    /// Outlives renames and rank changes.
    var id: EndpointID
    /// Raised with each operator-visible change.
    var revision: UInt64
    /// 1 is tried first.
    var rank: Int
    /// As the file has them, `${NAME}` unexpanded.
    var settings: EndpointSettings
    /// Whether requests may be sent.
    var availability: Availability
    /// The models that it is not asked for now.
    var limitedModels: [LimitedModel]
    /// Why it cannot be used as configured; nil when it can.
    var misconfiguration: String?
    /// What of it holds in memory alone, because the file has no place that could be edited for it, and why.
    var notInFile: String?
    /// Why it has its rank; nil beyond the first few hundred endpoints.
    var explanation: RankExplanation?
    /// Ranks gained (positive) or lost when it last moved, within a minute; 0 after that.
    var movement: Int
    /// The last minute in figures.
    var traffic: TrafficSummary
    /// How fast its answers came lately.
    var answers: AnswerWindow.Summary
    /// Requests being served now.
    var inFlight: Int
    var queued: Int
    /// What its settings say of when it is asked; nil: nothing.
    var limits: LimitSource?
    /// Sessions that run there.
    var sessions: Int
    /// Successes in a row up to now.
    var successStreak: Int
    /// Whether any request or probe has ended well since start.
    var hasAnswered: Bool
    /// Failed attempts since start, by what they failed by; kinds that did not occur are left out.
    var errors: [ErrorKind: UInt64]
    /// Seconds since 1970, and what happened.
    var lastError: (time: Double, text: String)?
}

extension EndpointReading {
    /// What could not be written, in words, by endpoint.
    fileprivate static func byEndpoint(_ unwritten: [UnwrittenChange]) -> [EndpointID: String] {
        var texts: [EndpointID: String] = [:]
        for change in unwritten {
            guard let id = change.endpoint.map({ EndpointID($0) }) else { continue }
            texts[id] = [texts[id], change.description].compactMap(\.self).joined(separator: "; ")
        }
        return texts
    }

    /// Above this multiple of what is usual for it, an endpoint that works counts as slow.
    private static let slowFactor = 2.0

    /// Availability, speed and configuration in one.
    var state: Snapshot.Endpoint.State {
        if misconfiguration != nil, settings.enabled {
            return .misconfigured
        }
        switch availability {
        case .disabled: return .off
        case .open, .halfOpen: return .down
        case .timedOut: return .cooling
        case .misconfigured: return .misconfigured
        case .available:
            guard let time = explanation?.responseTime, !time.isPresumed, time.usual > .zero else {
                return hasAnswered ? .up : .untested
            }
            return time.average / time.usual > Self.slowFactor ? .slow : .up
        }
    }
}

/// Turns instants of the engine's clock into seconds since 1970.
struct WallClockMapping {
    var takenAt: ContinuousClock.Instant
    var wallTime: Double

    /// To the millisecond: what stands still has to read the same in the next picture.
    func seconds(_ instant: ContinuousClock.Instant) -> Double {
        ((wallTime + (instant - takenAt).inSeconds) * 1_000).rounded() / 1_000
    }
}

extension Snapshot.Server {
    /// - Parameter address: empty before the engine has begun to serve.
    init(
        _ settings: ServerSettings, address: String, configPath: String, startedAt: ContinuousClock.Instant,
        drainDeadline: ContinuousClock.Instant?, persister: PersisterStatistics, requestsInFlight: Int,
        clock: WallClockMapping
    ) {
        self.init()
        self.address = address
        self.startedAt = clock.seconds(startedAt)
        uptimeSeconds = (clock.takenAt - startedAt).inSeconds
        self.configPath = configPath
        persistStrategy = settings.persistStrategy.rawValue
        flushIntervalSeconds = settings.configFlushInterval.inSeconds
        maxDirtyTimeSeconds = settings.configMaxDirtyTime.inSeconds
        drainingUntil = drainDeadline.map(clock.seconds)
        if persister.isOverdue {
            warning = "UNSAVED for too long: see the persister"
        } else if let refused = persister.refusedFile {
            warning = "file on disk not used: \(refused)"
        } else if let deadline = drainDeadline {
            let rest = max(0, (deadline - clock.takenAt).inSeconds.rounded(.up))
            warning = "stopping: \(requestsInFlight.counted("request")) in flight may end within \(Int(rest)) s"
        }
    }
}

extension Snapshot.Traffic {
    init(_ summary: TrafficSummary, inFlight: Int) {
        self.init()
        total = summary.attempts
        failures = summary.failures
        self.inFlight = inFlight
        perSecond = summary.attemptsPerSecond
        bytesInPerSecond = summary.bytesInPerSecond
        bytesOutPerSecond = summary.bytesOutPerSecond
        successRatio = summary.successRatio
        p50Seconds = summary.firstByte?.p50.inSeconds
        p95Seconds = summary.firstByte?.p95.inSeconds
        p99Seconds = summary.firstByte?.p99.inSeconds
        perSecondSeries = summary.attemptsPerSecondSeries
        failuresPerSecondSeries = summary.failuresPerSecondSeries
        firstByteMillisecondsSeries = summary.firstByteMillisecondsSeries.map { value in
            value.map { ($0 * 1_000).rounded() / 1_000 }
        }
    }
}

extension Snapshot.Traffic {
    /// To three digits: what is shown is right to 6 %.
    private static func rounded(_ number: Double) -> Double { (number * 1_000).rounded() / 1_000 }

    fileprivate mutating func take(_ answers: AnswerWindow.Summary) {
        firstContentP50Seconds = (answers.firstContent?.median).map(Self.rounded)
        firstContentP95Seconds = (answers.firstContent?.worst).map(Self.rounded)
        wholeAnswerP50Seconds = (answers.whole?.median).map(Self.rounded)
        wholeAnswerP95Seconds = (answers.whole?.worst).map(Self.rounded)
        tokensPerSecondP50 = (answers.speed?.median).map(Self.rounded)
        tokensPerSecondP5 = (answers.speed?.worst).map(Self.rounded)
    }
}

extension Snapshot.Event {
    init(_ event: LoggedEvent) {
        self.init(
            id: event.id, time: event.time, level: event.level.rawValue, kind: event.kind.rawValue,
            source: event.source, endpoint: event.endpoint, text: event.text)
        guard event.count > 1 else { return }
        count = event.count
        firstID = event.firstID
        firstTime = event.firstTime
    }
}

extension Snapshot.Endpoint {
    init(_ endpoint: EndpointReading, clock: WallClockMapping, name: (EndpointID) -> String) {
        self.init()
        id = endpoint.id.rawValue
        revision = endpoint.revision
        rank = endpoint.rank
        state = endpoint.state
        availability = Availability(endpoint.availability, clock: clock)
        limitedModels = endpoint.limitedModels.map {
            LimitedModel(
                model: $0.name, until: clock.seconds($0.until), cause: $0.reason.text, reason: $0.reason.cause.rawValue)
        }
        if let source = endpoint.limits { take(source, wall: clock.wallTime) }
        misconfiguration = endpoint.misconfiguration
        notInFile = endpoint.notInFile
        explanation = endpoint.explanation.map {
            .init($0, misconfiguration: endpoint.misconfiguration, clock: clock, name: name)
        }
        movement = endpoint.movement
        traffic = .init(endpoint.traffic, inFlight: endpoint.inFlight)
        traffic.take(endpoint.answers)
        traffic.queued = endpoint.queued > 0 ? endpoint.queued : nil
        traffic.sessions = endpoint.sessions
        successStreak = endpoint.successStreak
        lastError = endpoint.lastError.map { LastError(time: $0.time, text: $0.text) }
        settings = endpoint.settings.shown
    }
}

extension EngineMetrics.Endpoint {
    /// How far its limits are used.
    public var usedLimits: [(name: String, used: Double, usable: Double)] {
        limits?.readings(at: .now).map { reading in
            let unit = reading.kind == .spend ? 1e12 : 1
            return (reading.kind.rawValue, Double(reading.used) / unit, Double(reading.usable) / unit)
        } ?? []
    }
}

/// Where to ask how far limits are used: a value of the engine's state, which is asked when its lock is free again.
struct LimitSource: Sendable {
    var conditions: EndpointConditions
    var load: EndpointLoad

    func readings(at now: LimitMoment) -> [LimitLedger.Reading] {
        conditions.readings(load, at: now)
    }
}

extension Snapshot.Endpoint.Limit {
    init(_ reading: LimitLedger.Reading) {
        let unit = reading.kind == .spend ? 1e12 : 1
        self.init(
            name: reading.kind.rawValue, used: Double(reading.used) / unit, limit: Double(reading.limit) / unit,
            usable: Double(reading.usable) / unit, until: Double(reading.until), isReached: reading.isReached)
    }
}

extension Snapshot.Endpoint {
    /// What limits and active hours say; where they keep an endpoint from being asked that could be, that is its state.
    fileprivate mutating func take(_ source: LimitSource, wall: Double) {
        var now = LimitMoment.now
        now.wall = Int64(wall)
        usedLimits = source.readings(at: now).map { Limit($0) }
        guard availability.kind == .available, let reason = source.conditions.refusal(source.load, at: now) else {
            return
        }
        state = .cooling
        availability.kind = .rateLimited
        availability.until = reason.until.map(Double.init)
        if case .limited(let kind, _) = reason {
            availability.cause = "limit used up (\(kind.rawValue))"
            availability.reason = Snapshot.Endpoint.Availability.limitReason
        } else {
            availability.cause = "not active"
            availability.reason = Snapshot.Endpoint.Availability.inactiveReason
        }
    }
}

extension Snapshot.Endpoint.Availability {
    fileprivate init(_ availability: Availability, clock: WallClockMapping) {
        self.init()
        kind = Kind(availability)
        until = availability.recovery.map(clock.seconds)
        switch availability {
        case .open(_, let reason): cause = reason.text
        case .timedOut(_, let why):
            cause = why.text
            reason = why.cause.rawValue
        case .misconfigured(_, let status): cause = "credential refused (\(status))"
        case .available, .halfOpen, .disabled: break
        }
    }
}

extension Snapshot.Endpoint.Availability.Kind {
    init(_ availability: Availability) {
        switch availability {
        case .available: self = .available
        case .halfOpen: self = .probation
        case .open: self = .open
        case .timedOut: self = .rateLimited
        case .misconfigured: self = .misconfigured
        case .disabled: self = .disabled
        }
    }
}

extension Snapshot.Explanation {
    fileprivate init(
        _ explanation: RankExplanation, misconfiguration: String?, clock: WallClockMapping,
        name: (EndpointID) -> String
    ) {
        self.init()
        sentences = explanation.lines(now: clock.takenAt, misconfiguration: misconfiguration, name: name)
        responseTime = explanation.responseTime.map { ResponseTime($0) }
        otherTime = explanation.otherTime.map { ResponseTime($0) }
        pinnedRank = explanation.pinnedRank
        above = explanation.above.map { Margin($0, clock: clock, name: name) }
        below = explanation.below.map { Margin($0, clock: clock, name: name) }
        failuresInARow = explanation.failuresInARow
        recentAttempts = explanation.recentAttempts
        recentFailures = explanation.recentFailures
        lastFailure = explanation.lastFailure?.text
        rankSince = clock.seconds(explanation.rankSince)
        rankChanges = explanation.rankChanges
        lastChange = explanation.lastChange.map { .init($0, clock: clock, name: name) }
    }
}

extension Snapshot.Explanation.ResponseTime {
    fileprivate init(_ time: RankExplanation.ResponseTime) {
        self.init()
        kind = time.kind.word
        averageSeconds = time.average.inSeconds
        usualSeconds = time.usual.inSeconds
        samples = time.samples
        ageSeconds = time.age?.inSeconds
    }
}

extension Snapshot.Explanation.Margin {
    fileprivate init(_ margin: RankExplanation.Margin, clock: WallClockMapping, name: (EndpointID) -> String) {
        self.init()
        neighbour = name(margin.neighbour)
        lowerIsFasterBy = margin.lowerIsFasterBy
        required = margin.required
        switch margin.kept {
        case .slower: keptBy = .slower
        case .hysteresis(let time):
            keptBy = .hysteresis
            passesBelowSeconds = time.inSeconds
        case .dwell(let instant):
            keptBy = .dwell
            until = clock.seconds(instant)
        case .pinned: keptBy = .pinned
        case .unavailable: keptBy = .unavailable
        case .unmeasured: keptBy = .unmeasured
        case .manual: keptBy = .manual
        }
    }
}

extension Snapshot.RankChange {
    init(_ change: RankChange, clock: WallClockMapping, name: (EndpointID) -> String) {
        self.init()
        time = clock.seconds(change.at)
        endpoint = name(change.endpoint)
        from = change.from
        to = change.to
        text = change.cause.text(name: name)
        cause = change.cause.kind.rawValue
        other = change.cause.other.map(name)
        share = change.cause.share
    }
}

extension Snapshot.Persister {
    init(_ statistics: PersisterStatistics, strategy: String, file: File?, clock: WallClockMapping) {
        self.init()
        figures = statistics.figures
        self.strategy = strategy
        self.writes = statistics.totalWrites
        self.writesByTrigger = Dictionary(
            statistics.writes.map { ($0.key.rawValue, $0.value) }, uniquingKeysWith: +)
        self.failuresByError = Dictionary(
            statistics.failuresByErrno.map { (PersistenceError.symbol(ofErrno: $0.key), $0.value) },
            uniquingKeysWith: +)
        self.isDirty = statistics.dirtySince != nil
        self.dirtySince = statistics.dirtySince.map(clock.seconds)
        self.oldestUnsavedSeconds = statistics.oldestUnsavedAge?.inSeconds
        self.nextDeadline = statistics.nextDeadline.map(clock.seconds)
        self.nextTrigger = statistics.nextTrigger?.rawValue
        self.maxDirtyDeadline = statistics.maxDirtyDeadline.map(clock.seconds)
        self.writingSince = statistics.writingSince.map(clock.seconds)
        self.lastError = statistics.lastError.map { "\($0)" }
        self.refusedFile = statistics.refusedFile.map { "\($0)" }
        self.memoryOnly = statistics.memoryOnly.map { "\($0)" }
        self.file = file
    }
}

extension Snapshot.Flush {
    init(_ record: FlushRecord) {
        self.init()
        number = record.number
        time = record.startedAt.inSeconds
        trigger = record.trigger.rawValue
        generation = record.generation
        changes = record.changes
        bytesChanged = record.bytesChanged
        fileSize = record.fileSize
        encodeSeconds = record.durations.encode.inSeconds
        writeSeconds = record.durations.write.inSeconds
        fsyncSeconds = record.durations.fsync.inSeconds
        renameSeconds = record.durations.rename.inSeconds
        totalSeconds = record.durations.total.inSeconds
        switch record.result {
        case .written: result = .written
        case .unchanged: result = .unchanged
        case .inMemory: result = .inMemory
        case .failed(let failure):
            if case .durabilityUnknown = failure {
                result = .durabilityUnknown
            } else {
                result = .failed
            }
            errorCode = failure.symbol
            error = "\(failure)"
        }
    }
}

/// What endpoints are called, also those that are gone and that events and the journal still speak of. Made for each snapshot, so
/// it is an array: a dictionary of 10,000 takes 4 ms, under the lock that requests need.
public struct EndpointNameTable: Sendable {
    private let index: SlotIndex
    /// By the slot that the index gives.
    private let present: [String?]
    private let former: [EndpointID: String]

    init(index: SlotIndex, present: [String?], former: [EndpointID: String]) {
        self.index = index
        self.present = present
        self.former = former
    }

    /// nil for an identity that no endpoint ever had, or one that has been gone for long.
    public subscript(id: EndpointID) -> String? {
        index[id].flatMap { $0 < present.count ? present[$0] : nil } ?? former[id]
    }
}

extension Snapshot.Persister.File {
    /// What the file system says of the configuration file and of the backup beside it; nil when it cannot be looked at.
    public static func look(at path: String) -> Self? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return nil
        }
        var file = Self(
            size: UInt64(max(0, status.st_size)), mode: UInt32(status.st_mode) & 0o7777, backupTime: nil)
        var backup = stat()
        if stat(path + ".backup", &backup) == 0 {
            file.backupTime = Double(backup.st_mtim.tv_sec) + Double(backup.st_mtim.tv_nsec) / 1e9
        }
        return file
    }
}
