public import Configuration
public import PodiumModel
internal import Persistence
public import NIOCore
public import Proxy
internal import Ranking
internal import Support
internal import Synchronization

/// What the control API asks beyond commands and snapshots.
extension Engine {
    /// All counters, cheaply.
    public func metrics() -> EngineMetrics {
        let now = ContinuousClock.now
        let statistics = persister.statistics(now: now)
        let lastFlush = persister.history().last
        let load = proxy.load
        let second = second(now)
        return withState { state in
            EngineMetrics(
                endpoints: state.endpointMetrics(now: now), unanswered: state.unanswered, firstByte: state.firstByte,
                requestsInFlight: load.requests, connections: load.connections,
                attemptsPerSecond: state.traffic.summary(second: second).attemptsPerSecond,
                isAutoSorting: state.ranking.isAutoSorting, revision: state.revisions.revision, persister: statistics,
                lastFlush: lastFlush, events: state.events.total, takenAt: now, wallTime: WallClock.seconds)
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

    /// Raised by each change that somebody made to the configuration.
    public var configurationRevision: UInt64 {
        withState { $0.revisions.revision }
    }

    /// The event log as a reader finds it who follows it.
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
