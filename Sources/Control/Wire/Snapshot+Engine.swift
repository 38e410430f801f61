internal import Configuration
public import Engine
internal import Persistence
public import PodiumModel
internal import Ranking

/// Turns instants of the engine's clock into seconds since 1970.
struct WallClockMapping {
    var takenAt: ContinuousClock.Instant
    var wallTime: Double

    /// To the millisecond: what stands still has to read the same in the next picture.
    func seconds(_ instant: ContinuousClock.Instant) -> Double {
        ((wallTime + (instant - takenAt).inSeconds) * 1_000).rounded() / 1_000
    }
}

extension Duration {
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

extension Snapshot {
    /// How many of the newest events a snapshot has, for a console in this process and for an attached one alike.
    static let mostEvents = EventRetention.total

    /// Everything at once, as `GET /admin/api/snapshot` answers it to an attached console, for a console in the same process:
    /// both are drawn from the same figures, so that they cannot differ.
    ///
    /// - Parameter hintsSecrets: shows the last characters of long secrets, by which their owner tells them apart. For the
    ///   screen of the process that holds them only; nothing that leaves the process has them.
    public init(of engine: Engine, facts: ServerFacts, hintsSecrets: Bool) {
        let snapshot = engine.snapshot(eventLimit: Self.mostEvents)
        self.init(snapshot, flushesAfter: 0, process: .now(), facts: facts)
        guard hintsSecrets else { return }
        for (index, endpoint) in snapshot.endpoints.enumerated() {
            endpoints[index].maskedSecret = endpoint.settings.authValue.map(SecretExpansion.hinted)
        }
    }

    init(_ engine: EngineSnapshot, flushesAfter: UInt64, process: ProcessFacts, facts: ServerFacts) {
        self.init()
        let clock = WallClockMapping(takenAt: engine.takenAt, wallTime: engine.wallTime)
        let name: (EndpointID) -> String = { engine.names[$0] ?? "?" }
        takenAt = engine.wallTime
        revision = engine.revision
        server = Server(engine, clock: clock, process: process, facts: facts)
        traffic = Traffic(engine.traffic, inFlight: engine.requestsInFlight)
        endpoints = engine.endpoints.map { Endpoint($0, clock: clock, name: name) }
        autoSort = engine.isAutoSorting
        persister = Persister(
            engine.persister, strategy: engine.server.persistStrategy.rawValue, file: engine.configFile, clock: clock)
        flushes = engine.flushes.lazy.filter { $0.number > flushesAfter }.map { Flush($0) }
        events = engine.events.map { Event($0) }
        journal = engine.journal.map { RankChange($0, clock: clock, name: name) }
        undo = engine.undoLabel
        redo = engine.redoLabel
    }
}

extension Snapshot.Server {
    fileprivate init(_ engine: EngineSnapshot, clock: WallClockMapping, process: ProcessFacts, facts: ServerFacts) {
        self.init()
        version = facts.version
        pid = process.pid
        address = engine.address
        startedAt = clock.seconds(engine.startedAt)
        uptimeSeconds = (engine.takenAt - engine.startedAt).inSeconds
        configPath = engine.configPath
        isDemo = facts.isDemo
        persistStrategy = engine.server.persistStrategy.rawValue
        flushIntervalSeconds = engine.server.configFlushInterval.inSeconds
        maxDirtyTimeSeconds = engine.server.configMaxDirtyTime.inSeconds
        drainingUntil = engine.drainDeadline.map(clock.seconds)
        if engine.persister.isOverdue {
            warning = "UNSAVED for too long: see the persister"
        } else if let refused = engine.persister.refusedFile {
            warning = "file on disk not used: \(refused)"
        } else if let deadline = engine.drainDeadline {
            let rest = max(0, (deadline - engine.takenAt).inSeconds.rounded(.up))
            let requests = engine.requestsInFlight == 1 ? "1 request" : "\(engine.requestsInFlight) requests"
            warning = "stopping: \(requests) in flight may end within \(Int(rest)) s"
        }
        cpuSeconds = process.cpuSeconds
        residentBytes = process.residentBytes
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

extension RevisionChange {
    init(_ change: RecordedChange, ofEndpoint: Bool) {
        self.init(
            revision: ofEndpoint ? change.endpointRevision ?? 0 : change.revision, time: change.time,
            actor: change.actor,
            text: change.text)
    }
}
