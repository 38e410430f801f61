/// One consistent picture of the running proxy: everything the console shows, and nothing it has to ask for.
///
/// The producer fills it from its own state as often as it is asked. Arrays may be shared between snapshots.
public struct DashboardSnapshot: Sendable, Equatable {
    /// Raised by the producer whenever anything in the snapshot may have changed.
    public var revision: UInt64 = 0
    /// When it was taken, on the monotonic clock; deadlines below are on the same clock.
    public var sampledAt: ContinuousClock.Instant
    /// The wall clock at `sampledAt`.
    public var wallClock = WallTime(secondsSinceEpoch: 0)
    /// Seconds east of UTC in which every wall time is shown.
    public var utcOffset = 0
    /// The program itself.
    public var server = ServerSummary()
    /// Sums over all endpoints.
    public var traffic = TrafficTotals()
    /// In rank order, the first tried first.
    public var endpoints: [EndpointStatus] = []
    /// Whether the ranking sorts itself.
    public var autoSort = true
    /// What is unsaved, and the persister's counters.
    public var persister = PersisterStatus()
    /// Oldest first.
    public var flushes: [FlushEntry] = []
    /// Oldest first.
    public var events: [EventEntry] = []
    /// Changes of rank, oldest first.
    public var journal: [JournalEntry] = []
    /// What `undo` would take back; nil when there is nothing.
    public var undo: UndoOffer?
    /// What `redo` would do again; nil when there is nothing.
    public var redo: UndoOffer?

    /// An empty picture.
    public init(sampledAt: ContinuousClock.Instant) {
        self.sampledAt = sampledAt
    }
}

/// A moment on the wall clock.
public struct WallTime: Sendable, Equatable, Comparable {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    public var secondsSinceEpoch: Double

    /// The moment that many seconds after the epoch.
    public init(secondsSinceEpoch: Double) {
        self.secondsSinceEpoch = secondsSinceEpoch
    }

    /// Earlier moments come first.
    public static func < (left: WallTime, right: WallTime) -> Bool {
        left.secondsSinceEpoch < right.secondsSinceEpoch
    }
}

/// The program itself, as the header shows it.
public struct ServerSummary: Sendable, Equatable {
    /// Such as `1.4.0`.
    public var version = ""
    /// `host:port` clients connect to.
    public var address = ""
    /// Since the start of the proxy.
    public var uptime = Duration.zero
    /// True in the demo: the header says so.
    public var isDemo = false
    /// True when operator actions are refused.
    public var isReadOnly = false
    /// True when this console is attached to a proxy in another process.
    public var isAttached = false
    /// When the connection to that process was lost: the picture is as old as that. nil while it is live.
    public var staleSince: ContinuousClock.Instant?
    /// Fraction of one core, 0.03 = 3 %; nil when unknown.
    public var cpu: Double?
    /// Resident bytes; nil when unknown.
    public var residentBytes: UInt64?
    /// One line for the header when something needs the operator now, such as an invalid hand edit; nil otherwise.
    public var warning: String?

    /// An unnamed server.
    public init() {}
}

/// Sums over all endpoints.
public struct TrafficTotals: Sendable, Equatable {
    /// Requests per second, over the last few seconds.
    public var requestsPerSecond = 0.0
    /// Median time to the first byte; nil without traffic.
    public var p50: Duration?
    /// 95th percentile of the time to the first byte; nil without traffic.
    public var p95: Duration?
    /// 99th percentile of the time to the first byte; nil without traffic.
    public var p99: Duration?
    /// Fraction of requests that failed, 0.007 = 0.7 %; nil without traffic.
    public var errorRate: Double?
    /// Requests being served now.
    public var inFlight = 0
    /// From clients.
    public var bytesInPerSecond = 0.0
    /// To clients.
    public var bytesOutPerSecond = 0.0
    /// Requests per second over the last minute, oldest first, evenly spaced.
    public var requestSeries: [Double] = []

    /// No traffic at all.
    public init() {}
}

/// An operator action that can be taken back or done again.
public struct UndoOffer: Sendable, Equatable {
    /// What was done, such as `move openai-team 4→3`.
    public var label: String
    /// When the offer lapses; nil if it stands.
    public var expires: ContinuousClock.Instant?

    /// An offer to undo or redo the labelled action.
    public init(label: String, expires: ContinuousClock.Instant? = nil) {
        self.label = label
        self.expires = expires
    }
}
