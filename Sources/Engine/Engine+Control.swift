internal import Configuration
internal import Persistence
public import NIOCore
public import Proxy
internal import Ranking

/// What the control API asks beyond commands and snapshots.
extension Engine {
    /// All counters, cheaply.
    public func metrics() -> EngineMetrics {
        let now = ContinuousClock.now
        let statistics = persister.statistics(now: now)
        let lastFlush = persister.history().last
        let load = proxy.load
        return core.withState { state in
            EngineMetrics(
                endpoints: state.endpointMetrics(now: now), unanswered: state.unanswered, firstByte: state.firstByte,
                requestsInFlight: load.requests, connections: load.connections,
                isAutoSorting: state.ranking.isAutoSorting, revision: state.revisions.revision, persister: statistics,
                lastFlush: lastFlush, events: state.events.total, takenAt: now, wallTime: EngineCore.wallTime())
        }
    }

    /// The persister and its file, cheaply.
    public func persisterPicture() -> PersisterPicture {
        let now = ContinuousClock.now
        return PersisterPicture(
            takenAt: now, wallTime: EngineCore.wallTime(), statistics: persister.statistics(now: now),
            strategy: core.withState { $0.configuration.server.persistStrategy }, file: FileFacts.look(at: path))
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

    /// One endpoint as a snapshot would show it.
    public struct SingleEndpoint: Sendable {
        /// The endpoint.
        public var endpoint: EndpointSnapshot
        /// The names of all endpoints, as in ``EngineSnapshot/names``.
        public var names: EndpointNames
        /// When it was taken.
        public var takenAt: ContinuousClock.Instant
        /// The same moment, seconds since 1970.
        public var wallTime: Double
    }

    /// One endpoint; nil when there is none of that name.
    public func endpoint(named name: String) -> SingleEndpoint? {
        let now = ContinuousClock.now
        let second = core.second(now)
        let unwritten = EndpointSnapshot.byEndpoint(persister.statistics(now: now).unwritten)
        return core.withState { state in
            state.endpointSnapshot(named: name, now: now, second: second, unwritten: unwritten).map {
                SingleEndpoint(endpoint: $0, names: state.names, takenAt: now, wallTime: EngineCore.wallTime())
            }
        }
    }

    /// When the engine was made.
    public var startedAt: ContinuousClock.Instant { core.startedAt }

    /// Raised by each change that somebody made to the configuration.
    public var configurationRevision: UInt64 {
        core.withState { $0.revisions.revision }
    }

    /// What was changed since a revision of the configuration, as far as it is kept; oldest first.
    public func changes(after revision: UInt64) -> [RecordedChange] {
        core.withState { $0.revisions.changes(after: revision) }
    }

    /// What was changed at one endpoint since a revision of its own, as far as it is kept; oldest first.
    public func changes(of endpoint: String, after revision: UInt64) -> [RecordedChange] {
        core.withState { $0.revisions.changes(of: endpoint, after: revision) }
    }

    /// The event log as a reader finds it who follows it.
    public struct EventsAfter: Sendable {
        /// Oldest first.
        public var events: [LoggedEvent]
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
        core.withState { state in
            EventsAfter(
                events: state.events.after(id, limit: limit), newest: state.events.total,
                missed: state.events.missed(after: id, since: dropped), dropped: state.events.evicted)
        }
    }

    /// Says that there are new events; several at once may be said once.
    public func eventSignals() -> AsyncStream<Void> {
        core.eventSignals()
    }

    /// The loops for everything but the proxy's connections.
    public var eventLoops: any EventLoopGroup { group }

    /// `server.host` as it was bound.
    public var host: String {
        core.withState { $0.configuration.server.host }
    }

    /// The token of `server.admin_token`, expanded; nil when there is none, or its variable is not set.
    public var adminToken: String? {
        core.withState { state in
            state.configuration.server.adminToken.flatMap {
                try? SecretExpansion.expand($0, environment: state.surroundings.environment)
            }
        }
    }

    /// Lets the closure answer `GET` of `/healthz` and `/readyz` on the proxy's port; nil: nobody does.
    public func answerHealthChecks(_ responder: HealthResponder?) {
        proxy.answerHealthChecks(responder)
    }

    /// Hands requests for the paths that Podium keeps to itself over: the closure fills the pipeline of a channel, which then
    /// reads the request from its first byte. Called on the channel's event loop.
    public func handOverAdministration(to responder: (@Sendable (any Channel) throws -> Void)?) {
        proxy.handOverAdministration(to: responder)
    }
}
