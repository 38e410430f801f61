internal import Configuration
internal import Persistence
public import PodiumModel
internal import Proxy
internal import Ranking
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
