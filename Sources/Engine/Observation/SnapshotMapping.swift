internal import Configuration
internal import Persistence
internal import PodiumModel
internal import Ranking
internal import Support

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
            let requests = requestsInFlight == 1 ? "1 request" : "\(requestsInFlight) requests"
            warning = "stopping: \(requests) in flight may end within \(Int(rest)) s"
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
