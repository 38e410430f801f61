public import Configuration
public import Persistence
public import Ranking

/// One consistent picture of the running engine.
public struct EngineSnapshot: Sendable {
    /// When it was taken; all instants below are on this clock.
    public var takenAt: ContinuousClock.Instant
    /// The same moment, seconds since 1970.
    public var wallTime: Double
    /// When the engine was made.
    public var startedAt: ContinuousClock.Instant
    /// `host:port` that clients connect to; empty before `start`.
    public var address: String
    /// When requests that still run will be cut off; nil while Podium serves.
    public var drainDeadline: ContinuousClock.Instant?
    /// In rank order.
    public var endpoints: [EndpointSnapshot]
    /// Whether the ranking sorts itself.
    public var isAutoSorting: Bool
    /// Raised by each change that somebody made to the configuration.
    public var revision: UInt64
    /// The last minute in figures.
    public var traffic: TrafficSummary
    /// Client requests being served now.
    public var requestsInFlight: Int
    /// `server:` as it is in force.
    public var server: ServerSettings
    /// The persister's counters and gauges.
    public var persister: PersisterStatistics
    /// Oldest first.
    public var flushes: [FlushRecord]
    /// Oldest first.
    public var events: [LoggedEvent]
    /// Changes of rank with their causes, oldest first; at most the last 1,000.
    public var journal: [RankChange]
    /// The names of all endpoints, also of those that are gone but still stand in the journal.
    public var names: EndpointNames
    /// The configuration file as the operator named it.
    public var configPath: String
    /// nil when it cannot be looked at.
    public var configFile: FileFacts?
    /// What undo would take back.
    public var undoLabel: String?
    /// What redo would do again.
    public var redoLabel: String?
}

/// The configuration file as it is on disk.
public struct FileFacts: Sendable, Equatable {
    /// Bytes.
    public var size: UInt64
    /// Permission bits.
    public var mode: UInt32
    /// Seconds since 1970; nil without a backup.
    public var backupTime: Double?
}

/// The persister alone.
public struct PersisterPicture: Sendable {
    /// When it was taken; all instants below are on this clock.
    public var takenAt: ContinuousClock.Instant
    /// The same moment, seconds since 1970.
    public var wallTime: Double
    /// Its counters and gauges.
    public var statistics: PersisterStatistics
    /// `server.persist_strategy` as it is in force.
    public var strategy: PersistStrategy
    /// nil when the configuration file cannot be looked at.
    public var file: FileFacts?
}

/// One endpoint in an ``EngineSnapshot``.
public struct EndpointSnapshot: Sendable {
    /// Outlives renames and rank changes.
    public var id: EndpointID
    /// Raised with each operator-visible change.
    public var revision: UInt64
    /// 1 is tried first.
    public var rank: Int
    /// As the file has them, `${NAME}` unexpanded.
    public var settings: EndpointSettings
    /// Whether requests may be sent.
    public var availability: Availability
    /// Why it cannot be used as configured; nil when it can.
    public var misconfiguration: String?
    /// What of it holds in memory alone, because the file has no place that could be edited for it, and why.
    public var notInFile: String?
    /// Why it has its rank; nil beyond the first few hundred endpoints.
    public var explanation: RankExplanation?
    /// Ranks gained (positive) or lost when it last moved, within a minute; 0 after that.
    public var movement: Int
    /// The last minute in figures.
    public var traffic: TrafficSummary
    /// Requests being served now.
    public var inFlight: Int
    /// Successes in a row up to now.
    public var successStreak: Int
    /// Whether any request or probe has ended well since start.
    public var hasAnswered: Bool
    /// Failed attempts since start, by what they failed by; kinds that did not occur are left out.
    public var errors: [ErrorKind: UInt64]
    /// Seconds since 1970, and what happened.
    public var lastError: (time: Double, text: String)?
}

extension EndpointSnapshot {
    /// What could not be written, in words, by endpoint.
    static func byEndpoint(_ unwritten: [UnwrittenChange]) -> [EndpointID: String] {
        var texts: [EndpointID: String] = [:]
        for change in unwritten {
            guard let id = change.endpoint.map({ EndpointID($0) }) else { continue }
            texts[id] = [texts[id], change.description].compactMap(\.self).joined(separator: "; ")
        }
        return texts
    }
}
