public import Persistence
public import PodiumModel
public import Ranking

/// All counters at one moment: what a metrics page needs, without the work that a snapshot for people takes.
public struct EngineMetrics: Sendable {
    /// One endpoint's counters and gauges.
    public struct Endpoint: Sendable {
        /// As configured; unique.
        public var name: String
        /// 1 is tried first.
        public var rank: Int
        /// Whether requests may be sent.
        public var availability: Availability
        /// It cannot be used as configured.
        public var isMisconfigured: Bool
        /// How often its rank changed since the start.
        public var rankChanges: Int
        /// Requests being served now.
        public var inFlight: Int
        /// Since the start.
        public var counters: EndpointCounters
        /// Failed attempts by what they failed by; kinds that did not occur are left out.
        public var errors: [ErrorKind: UInt64]
        /// Body bytes of requests.
        public var bytesIn: UInt64
        /// Body bytes of answers.
        public var bytesOut: UInt64

        /// As a ``Snapshot`` names it, but for one that cannot be used as configured, which is that first.
        public var availabilityKind: Snapshot.Endpoint.Availability.Kind {
            isMisconfigured && availability != .disabled ? .misconfigured : .init(availability)
        }
    }

    /// In rank order.
    public var endpoints: [Endpoint]
    /// Requests to which no endpoint's answer went.
    public var unanswered: RequestTally
    /// What clients waited for their first byte.
    public var firstByte: FirstByteHistogram
    /// Client requests being served now.
    public var requestsInFlight: Int
    /// Open client connections.
    public var connections: Int
    /// Attempts at endpoints per second, mean over the last ten seconds.
    public var attemptsPerSecond: Double
    /// Whether the ranking sorts itself.
    public var isAutoSorting: Bool
    /// Of the configuration.
    public var revision: UInt64
    /// The persister's counters and gauges.
    public var persister: PersisterStatistics
    /// The last flush.
    public var lastFlush: FlushRecord?
    /// Events written so far.
    public var events: UInt64
    /// All instants above are on this clock.
    public var takenAt: ContinuousClock.Instant
    /// The same moment, seconds since 1970.
    public var wallTime: Double

    /// An instant in seconds since 1970.
    public func seconds(_ instant: ContinuousClock.Instant) -> Double {
        WallClockMapping(takenAt: takenAt, wallTime: wallTime).seconds(instant)
    }
}

/// Whether Podium does what it is there for.
public struct EngineHealth: Sendable, Equatable {
    /// It accepts clients.
    public var isListening: Bool
    /// It is stopping: requests that run may end, new ones are not accepted.
    public var isDraining: Bool
    /// Endpoints that requests may be sent to.
    public var usableEndpoints: Int
    /// Unsaved changes are older than the maximum dirty time.
    public var isOverdue: Bool
    /// What the last flush failed of.
    public var saveError: String?
}
