import Console
import Control

import PodiumModel
import Support

extension DashboardSnapshot {
    /// A snapshot in the console's terms: the engine's in this process, or what another process has sent. Its wall-clock times
    /// become instants of this process's clock, counted from its own `takenAt`, so that two clocks that differ do no harm.
    ///
    /// - Parameter cpu: fraction of a core, from two snapshots.
    init(_ picture: Snapshot, receivedAt: ContinuousClock.Instant, cpu: Double?) {
        self.init(sampledAt: receivedAt)
        revision = picture.revision
        wallClock = WallTime(secondsSinceEpoch: picture.takenAt)
        utcOffset = Self.localOffset(at: picture.takenAt)
        server.version = picture.server.version
        server.address = picture.server.address
        server.uptime = .seconds(max(0, picture.server.uptimeSeconds))
        server.isDemo = picture.server.isDemo
        server.cpu = cpu
        server.residentBytes = picture.server.residentBytes
        server.warning = picture.server.warning
        traffic = TrafficTotals(picture.traffic)
        let instant = { (time: Double) in receivedAt + .seconds(Self.sane(time - picture.takenAt)) }
        endpoints = picture.endpoints.map { EndpointStatus($0, instant: instant) }
        autoSort = picture.autoSort
        persister = PersisterStatus(picture, instant: instant)
        flushes = picture.flushes.map(FlushEntry.init)
        events = picture.events.map(EventEntry.init)
        journal = picture.journal.enumerated().map { JournalEntry($1, number: $0, startedAt: picture.server.startedAt) }
        undo = picture.undo.map { UndoOffer(label: $0) }
        redo = picture.redo.map { UndoOffer(label: $0) }
    }

    /// A broken clock must not trap the arithmetic.
    private static func sane(_ seconds: Double) -> Double {
        seconds.isFinite ? min(max(seconds, -1e9), 1e9) : 0
    }

    private static func localOffset(at wallTime: Double) -> Int {
        var seconds = time_t(wallTime.isFinite ? min(max(wallTime, 0), 1e11) : 0)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return parts.tm_gmtoff
    }
}

extension TrafficTotals {
    fileprivate init(_ traffic: Snapshot.Traffic) {
        self.init()
        requestsPerSecond = traffic.perSecond
        p50 = traffic.p50Seconds.map { .seconds($0) }
        p95 = traffic.p95Seconds.map { .seconds($0) }
        p99 = traffic.p99Seconds.map { .seconds($0) }
        errorRate = traffic.successRatio.map { 1 - $0 }
        inFlight = traffic.inFlight
        bytesInPerSecond = traffic.bytesInPerSecond
        bytesOutPerSecond = traffic.bytesOutPerSecond
        requestSeries = traffic.perSecondSeries.map(Double.init)
    }
}

extension EndpointStatus {
    fileprivate init(_ endpoint: Snapshot.Endpoint, instant: (Double) -> ContinuousClock.Instant) {
        self.init(id: endpoint.id, name: endpoint.name)
        revision = endpoint.revision
        kind =
            switch (endpoint.url, endpoint.urlAnthropic, endpoint.urlOpenAI) {
            case (nil, .some, nil): .anthropic
            case (nil, nil, .some): .openAI
            default: .any
            }
        state = State(rawValue: endpoint.state.rawValue) ?? .untested
        rank = endpoint.rank
        rankMovement = endpoint.movement
        rankChanges = endpoint.explanation?.rankChanges ?? 0
        priority = endpoint.priority
        isEnabled = endpoint.enabled
        isPinned = endpoint.pinned
        let traffic = endpoint.traffic
        successRate = traffic.successRatio
        attempts = traffic.total
        errors = traffic.failures
        successStreak = endpoint.successStreak
        p50 = traffic.p50Seconds.map { .seconds($0) }
        p95 = traffic.p95Seconds.map { .seconds($0) }
        requestsPerSecond = traffic.perSecond
        inFlight = traffic.inFlight
        errorSeries = traffic.failuresPerSecondSeries.map { UInt32(clamping: $0) }
        latencySeries = traffic.firstByteMillisecondsSeries.map { milliseconds in
            milliseconds.map { UInt32(min(max($0, 1), 4e9)) } ?? 0
        }
        url = endpoint.url
        urlAnthropic = endpoint.urlAnthropic
        urlOpenAI = endpoint.urlOpenAI
        authType = AuthType(rawValue: endpoint.authType) ?? .none
        maskedSecret = endpoint.maskedSecret
        tags = endpoint.tags
        headers = endpoint.headers.map { Header(name: $0.name, shown: $0.value ?? Self.keptSecret) }
        openAIPreference = OpenAIPreference(rawValue: endpoint.openAIPreference) ?? .auto
        proxy = endpoint.proxy
        learned = endpoint.openAIPreference == "auto" ? nil : endpoint.openAIPreference
        lastError = endpoint.lastError.map { LastError(time: WallTime(secondsSinceEpoch: $0.time), text: $0.text) }
        retryAt = endpoint.availability.until.map(instant)
        explanation =
            endpoint.explanation?.sentences ?? endpoint.misconfiguration.map { ["Cannot be used: \($0)."] } ?? []
        if let text = endpoint.notInFile { explanation.append("In force, but not in the file: \(text).") }
    }
}

extension PersisterStatus {
    fileprivate init(_ picture: Snapshot, instant: (Double) -> ContinuousClock.Instant) {
        self.init()
        let status = picture.persister
        strategy = status.strategy
        isDirty = status.isDirty
        unsavedChanges = Int(clamping: status.generation - min(status.generation, status.savedGeneration))
        oldestUnsaved = status.oldestUnsavedSeconds.map { .seconds($0) }
        nextFlush = status.nextDeadline.map(instant)
        flushInterval = .seconds(picture.server.flushIntervalSeconds)
        maxDirty = status.maxDirtyDeadline.map(instant)
        maxDirtyTime = .seconds(picture.server.maxDirtyTimeSeconds)
        isWriting = status.writingSince != nil
        writes = status.writes
        marks = status.marks
        coalesced = status.coalesced
        unchanged = status.unchanged
        failures = status.failuresByError.values.reduce(0, +) + status.refusals
        externalEditsMerged = status.externalEditsMerged
        bytesWritten = status.bytesWritten
        filePath = picture.server.configPath
        fileSize = status.file?.size
        fileMode = status.file?.mode
        fileProblem = status.refusedFile
        memoryOnly = status.memoryOnly
        writesByTrigger = Count.mostFirst(status.writesByTrigger.map { ($0, $1) })
        failuresByCode = Count.mostFirst(status.failuresByError.map { ($0, $1) } + [("REFUSED", status.refusals)])
        lastBackup = status.file?.backupTime.map { WallTime(secondsSinceEpoch: $0) }
        lastFailure = picture.flushes.last { $0.error != nil }.map { flush in
            Failure(
                time: WallTime(secondsSinceEpoch: flush.time), code: flush.errorCode ?? "", text: flush.error ?? "")
        }
        isOverdue = status.isOverdue
        retryAt = status.nextTrigger == "retry" ? nextFlush : nil
    }
}

extension FlushEntry {
    fileprivate init(_ flush: Snapshot.Flush) {
        self.init(id: flush.number, time: WallTime(secondsSinceEpoch: flush.time), trigger: flush.trigger)
        changes = flush.changes
        changeCount = flush.changes.count
        bytesChanged = UInt64(clamping: flush.bytesChanged)
        fileSize = flush.fileSize > 0 ? UInt64(clamping: flush.fileSize) : nil
        steps = [
            Step(name: "encode", duration: .seconds(flush.encodeSeconds)),
            Step(name: "write", duration: .seconds(flush.writeSeconds)),
            Step(name: "fsync", duration: .seconds(flush.fsyncSeconds)),
            Step(name: "rename", duration: .seconds(flush.renameSeconds)),
        ]
        duration = .seconds(flush.totalSeconds)
        let worked = steps.reduce(.zero) { $0 + $1.duration }
        // Below that it is the time between the steps.
        if duration - worked >= .milliseconds(5) {
            waited = duration - worked
            steps.insert(Step(name: "waiting", duration: duration - worked), at: 0)
        }
        result =
            switch flush.result {
            case .written: .saved
            case .unchanged: .unchanged
            case .inMemory: .inMemory
            case .durabilityUnknown: .durabilityUnknown
            case .failed: .failed(code: flush.errorCode ?? "", text: flush.error ?? "")
            }
    }
}

extension EventEntry {
    fileprivate init(_ event: Snapshot.Event) {
        let level: Level =
            switch event.level {
            case "debug": .debug
            case "warning": .warning
            case "error": .error
            default: .info
            }
        self.init(
            id: event.identity, time: WallTime(secondsSinceEpoch: event.time), level: level, source: event.source,
            text: event.endpoint.map { "\($0)  \(event.text)" } ?? event.text)
        latest = event.id
        count = event.count ?? 1
        firstTime = WallTime(secondsSinceEpoch: event.firstTime ?? event.time)
    }
}

extension JournalEntry {
    fileprivate init(_ change: Snapshot.RankChange, number: Int, startedAt: Double) {
        self.init(
            id: UInt64(max(0, min(1e15, (change.time - startedAt) * 1e6))),
            time: WallTime(secondsSinceEpoch: change.time), endpoint: change.endpoint, from: change.from,
            to: change.to, cause: change.text)
    }
}

extension PersisterStatus.Count {
    fileprivate static func mostFirst(_ counts: [(String, UInt64)]) -> [Self] {
        counts.filter { $0.1 > 0 }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.map { Self(name: $0.0, count: $0.1) }
    }
}
