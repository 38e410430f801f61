import Configuration
import Console
import Engine
import Persistence
import Ranking

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension DashboardSnapshot {
    /// The engine's picture in the console's terms.
    init(_ engine: EngineSnapshot, usage: ProcessUsage.Sample, isDemo: Bool, isReadOnly: Bool) {
        self.init(sampledAt: engine.takenAt)
        wallClock = WallTime(secondsSinceEpoch: engine.wallTime)
        utcOffset = Self.utcOffset(at: engine.wallTime)
        server.version = Version.number
        server.address = engine.address
        server.uptime = engine.takenAt - engine.startedAt
        server.isDemo = isDemo
        server.isReadOnly = isReadOnly
        server.cpu = usage.cpu
        server.residentBytes = usage.residentBytes
        traffic = TrafficTotals(engine)
        endpoints = engine.endpoints.map { endpoint in
            EndpointStatus(endpoint, now: engine.takenAt) { engine.names[$0] ?? "?" }
        }
        autoSort = engine.isAutoSorting
        persister = PersisterStatus(engine)
        flushes = engine.flushes.map(FlushEntry.init)
        events = engine.events.map(EventEntry.init)
        let names = engine.names
        journal = engine.journal.map { change in
            JournalEntry(
                id: UInt64(max(0, (change.at - engine.startedAt).inSeconds * 1e6)),
                time: WallTime(secondsSinceEpoch: engine.wallTime - (engine.takenAt - change.at).inSeconds),
                endpoint: names[change.endpoint] ?? "?", from: change.from, to: change.to,
                cause: change.cause.text { names[$0] ?? "?" })
        }
        undo = engine.undoLabel.map { UndoOffer(label: $0) }
        redo = engine.redoLabel.map { UndoOffer(label: $0) }
        if persister.isOverdue {
            server.warning = "UNSAVED for too long: see the persister"
        } else if let refused = engine.persister.refusedFile {
            server.warning = "file on disk not used: \(refused)"
        }
    }

    private static func utcOffset(at wallTime: Double) -> Int {
        var seconds = time_t(wallTime)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return parts.tm_gmtoff
    }
}

extension TrafficTotals {
    fileprivate init(_ engine: EngineSnapshot) {
        self.init()
        let traffic = engine.traffic
        requestsPerSecond = traffic.attemptsPerSecond
        p50 = traffic.firstByte?.p50
        p95 = traffic.firstByte?.p95
        p99 = traffic.firstByte?.p99
        errorRate = traffic.successRatio.map { 1 - $0 }
        inFlight = engine.requestsInFlight
        bytesInPerSecond = traffic.bytesInPerSecond
        bytesOutPerSecond = traffic.bytesOutPerSecond
        requestSeries = traffic.attemptsPerSecondSeries.map(Double.init)
    }
}

extension EndpointStatus {
    fileprivate init(_ endpoint: EndpointSnapshot, now: ContinuousClock.Instant, name: (EndpointID) -> String) {
        let settings = endpoint.settings
        self.init(id: endpoint.id.rawValue, name: settings.name)
        revision = endpoint.revision
        kind = Self.kind(of: settings)
        state = State(rawValue: endpoint.state.rawValue) ?? .untested
        rank = endpoint.rank
        rankMovement = endpoint.movement
        rankChanges = endpoint.explanation?.rankChanges ?? 0
        priority = settings.priority
        isEnabled = settings.enabled
        isPinned = settings.pinned
        let traffic = endpoint.traffic
        successRate = traffic.successRatio
        attempts = traffic.attempts
        errors = traffic.failures
        successStreak = endpoint.successStreak
        p50 = traffic.firstByte?.p50
        p95 = traffic.firstByte?.p95
        requestsPerSecond = traffic.attemptsPerSecond
        inFlight = endpoint.inFlight
        latencySeries = traffic.firstByteMillisecondsSeries.map { milliseconds in
            milliseconds.map { UInt32(min(max($0, 1), 4e9)) } ?? 0
        }
        errorSeries = traffic.failuresPerSecondSeries.map { UInt32(clamping: $0) }
        url = settings.url
        urlAnthropic = settings.urlAnthropic
        urlOpenAI = settings.urlOpenAI
        authType = AuthType(rawValue: settings.authType.rawValue) ?? .none
        maskedSecret = settings.authValue.map(SecretExpansion.hinted)
        tags = settings.tags
        headers = settings.headers.map { Header(name: $0.name, shown: $0.holdsSecret ? Self.keptSecret : $0.value) }
        openAIPreference = OpenAIPreference(rawValue: settings.openAIPreference.rawValue) ?? .auto
        proxy = settings.proxy.map { $0.shown(mask: Self.keptSecret) }
        learned = settings.openAIPreference == .auto ? nil : settings.openAIPreference.rawValue
        lastError = endpoint.lastError.map {
            LastError(time: WallTime(secondsSinceEpoch: $0.time), text: $0.text)
        }
        retryAt = endpoint.availability.recovery
        let reason = endpoint.misconfiguration
        explanation =
            endpoint.explanation?.lines(now: now, misconfiguration: reason, name: name)
            ?? reason.map { ["Cannot be used: \($0)."] } ?? []
    }

    private static func kind(of settings: EndpointSettings) -> Kind {
        switch (settings.url, settings.urlAnthropic, settings.urlOpenAI) {
        case (nil, .some, nil): .anthropic
        case (nil, nil, .some): .openAI
        default: .any
        }
    }
}

extension PersisterStatus {
    fileprivate init(_ engine: EngineSnapshot) {
        self.init()
        let statistics = engine.persister
        strategy = engine.server.persistStrategy.rawValue
        isDirty = statistics.dirtySince != nil
        unsavedChanges = Int(clamping: statistics.generation - statistics.savedGeneration)
        oldestUnsaved = statistics.oldestUnsavedAge
        nextFlush = statistics.nextDeadline
        flushInterval = engine.server.configFlushInterval
        maxDirty = statistics.maxDirtyDeadline
        maxDirtyTime = engine.server.configMaxDirtyTime
        isWriting = statistics.writingSince != nil
        writes = statistics.totalWrites
        marks = statistics.marks
        coalesced = statistics.coalesced
        unchanged = statistics.unchanged
        failures = statistics.failuresByErrno.values.reduce(0, +) + statistics.refusals
        externalEditsMerged = statistics.externalEditsMerged
        bytesWritten = statistics.bytesWritten
        filePath = engine.configPath
        fileSize = engine.configFile?.size
        fileMode = engine.configFile?.mode
        lastBackup = engine.configFile?.backupTime.map { WallTime(secondsSinceEpoch: $0) }
        lastFailure = engine.flushes.last { $0.error != nil }.flatMap { record in
            record.error.map {
                Failure(
                    time: WallTime(secondsSinceEpoch: record.startedAt.inSeconds), code: $0.symbol, text: $0.description
                )
            }
        }
        isOverdue = statistics.isOverdue
        fileProblem = statistics.refusedFile?.description
        writesByTrigger = Count.mostFirst(statistics.writes.map { ($0.rawValue, $1) })
        failuresByCode = Count.mostFirst(
            statistics.failuresByErrno.map { (PersistenceError.system(operation: "", path: "", errno: $0).symbol, $1) }
                + [("REFUSED", statistics.refusals)])
        retryAt = statistics.nextTrigger == .retry ? statistics.nextDeadline : nil
    }
}

extension FlushEntry {
    fileprivate init(_ record: FlushRecord) {
        self.init(
            id: record.number, time: WallTime(secondsSinceEpoch: record.startedAt.inSeconds),
            trigger: record.trigger.rawValue)
        changes = record.changes
        changeCount = record.changes.count
        bytesChanged = UInt64(max(0, record.bytesChanged))
        fileSize = record.fileSize > 0 ? UInt64(record.fileSize) : nil
        let durations = record.durations
        steps = [
            Step(name: "encode", duration: durations.encode), Step(name: "write", duration: durations.write),
            Step(name: "fsync", duration: durations.fsync), Step(name: "rename", duration: durations.rename),
        ]
        duration = durations.total
        let worked = durations.encode + durations.write + durations.fsync + durations.rename
        // Below that it is the time between the steps.
        if durations.total - worked >= .milliseconds(5) {
            waited = durations.total - worked
            steps.insert(Step(name: "waiting", duration: waited), at: 0)
        }
        switch record.result {
        case .written: result = .saved
        case .unchanged: result = .unchanged
        case .failed(.durabilityUnknown): result = .durabilityUnknown
        case .failed(let error): result = .failed(code: error.symbol, text: error.description)
        }
    }
}

extension FlushRecord {
    fileprivate var error: PersistenceError? {
        guard case .failed(let error) = result else {
            return nil
        }
        return error
    }
}

extension EventEntry {
    fileprivate init(_ event: LoggedEvent) {
        let level: Level =
            switch event.level {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        self.init(
            id: event.id, time: WallTime(secondsSinceEpoch: event.time), level: level, source: event.source,
            text: event.endpoint.map { "\($0)  \(event.text)" } ?? event.text)
    }
}

extension Duration {
    fileprivate var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

extension PersisterStatus.Count {
    fileprivate static func mostFirst(_ counts: [(String, UInt64)]) -> [Self] {
        counts.filter { $0.1 > 0 }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.map { Self(name: $0.0, count: $0.1) }
    }
}

extension DifferenceLine {
    init(_ line: LineDifference.Line) {
        let kind: Kind =
            switch line.kind {
            case .kept: .kept
            case .removed: .removed
            case .added: .added
            }
        self.init(kind: kind, number: line.number, text: line.text)
    }
}
