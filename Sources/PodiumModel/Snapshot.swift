/// One consistent picture of a running Podium, as `GET /admin/api/snapshot` answers it.
///
/// Times are seconds since 1970-01-01 00:00 UTC, durations are seconds, shares are 0...1. Keys that have no value are
/// left out. Secrets are masked: nothing in here has to be kept from whoever may look at the console.
public struct Snapshot: Codable, Sendable, Equatable {
    /// When it was taken.
    public var takenAt = 0.0
    /// Raised by every change that somebody made to the configuration; what `If-Match` names for writes that concern no
    /// single endpoint.
    public var revision: UInt64 = 0
    /// The program itself.
    public var server = Server()
    /// Sums over all endpoints.
    public var traffic = Traffic()
    /// In rank order; with `endpoints_since` only the ones that are different since that version.
    public var endpoints: [Endpoint] = []
    /// What to ask for by `endpoints_since` the next time.
    public var endpointsVersion: UInt64?
    /// The version that `endpoints` are the changes since; absent where they are all there are.
    public var endpointsSince: UInt64?
    /// Whether the ranking sorts itself.
    public var autoSort = true
    /// What is unsaved, and the persister's counters.
    public var persister = Persister()
    /// Oldest first; with `flushes_since` only the ones after that number.
    public var flushes: [Flush] = []
    /// Oldest first; with `events_since` only the ones after that id.
    public var events: [Event] = []
    /// The latest changes of rank, oldest first.
    public var journal: [RankChange] = []
    /// What undo would take back.
    public var undo: String?
    /// What redo would do again.
    public var redo: String?

    /// Stands for a secret that a reader does not hold, and that stays what it is where it is sent back.
    public static let keptSecret = EndpointPatch.keptSecret

    /// An empty picture.
    public init() {}

    enum CodingKeys: String, CodingKey {
        case takenAt = "taken_at"
        case revision, server, traffic, endpoints
        case endpointsVersion = "endpoints_version"
        case endpointsSince = "endpoints_since"
        case autoSort = "auto_sort"
        case persister, flushes, events, journal, undo, redo
    }
}

extension Snapshot {
    /// The program and the settings it runs with.
    public struct Server: Codable, Sendable, Equatable {
        /// Such as `0.2.0`.
        public var version = ""
        /// Process number.
        public var pid: Int32 = 0
        /// `host:port` that clients connect to.
        public var address = ""
        /// When requests that still run will be cut off; absent while it serves.
        public var drainingUntil: Double?
        /// When it started.
        public var startedAt = 0.0
        /// Since the start.
        public var uptimeSeconds = 0.0
        /// The configuration file as the operator named it.
        public var configPath = ""
        /// True where the endpoints and the traffic are simulated.
        public var isDemo = false
        /// `throttled`, `batched` or `immediate`.
        public var persistStrategy = ""
        /// `server.config_flush_interval`
        public var flushIntervalSeconds = 30.0
        /// `server.config_max_dirty_time`
        public var maxDirtyTimeSeconds = 300.0
        /// One line when something needs the operator now.
        public var warning: String?
        /// Processor time used since the start; two snapshots give the load.
        public var cpuSeconds: Double?
        /// Resident memory.
        public var residentBytes: UInt64?

        /// An unnamed server.
        public init() {}

        enum CodingKeys: String, CodingKey {
            case version, pid, address, warning
            case drainingUntil = "draining_until"
            case startedAt = "started_at"
            case uptimeSeconds = "uptime_seconds"
            case configPath = "config_path"
            case isDemo = "is_demo"
            case persistStrategy = "persist_strategy"
            case flushIntervalSeconds = "flush_interval_seconds"
            case maxDirtyTimeSeconds = "max_dirty_time_seconds"
            case cpuSeconds = "cpu_seconds"
            case residentBytes = "resident_bytes"
        }
    }

    /// What happened in the last minute, at one endpoint or at all of them.
    public struct Traffic: Codable, Sendable, Equatable {
        /// Requests (of one endpoint: attempts) since the start.
        public var total: UInt64 = 0
        /// Failed ones among them.
        public var failures: UInt64 = 0
        /// Being served now.
        public var inFlight = 0
        /// Mean over the last ten seconds.
        public var perSecond = 0.0
        /// From clients, mean over the last ten seconds.
        public var bytesInPerSecond = 0.0
        /// To clients, mean over the last ten seconds.
        public var bytesOutPerSecond = 0.0
        /// Share of successes over the last minute; absent without traffic.
        public var successRatio: Double?
        /// Median time to the first byte; absent without a sample.
        public var p50Seconds: Double?
        /// 95th percentile of the time to the first byte.
        public var p95Seconds: Double?
        /// 99th percentile of the time to the first byte.
        public var p99Seconds: Double?
        /// One count a second over the last minute, oldest first; empty before the first request.
        public var perSecondSeries: [Int] = []
        /// Failures over the same time; empty when there were none.
        public var failuresPerSecondSeries: [Int] = []
        /// Mean time to the first byte of each second in milliseconds, oldest first; null in a second without a sample.
        public var firstByteMillisecondsSeries: [Double?] = []

        /// No traffic at all.
        public init() {}

        enum CodingKeys: String, CodingKey {
            case total, failures
            case inFlight = "in_flight"
            case perSecond = "per_second"
            case bytesInPerSecond = "bytes_in_per_second"
            case bytesOutPerSecond = "bytes_out_per_second"
            case successRatio = "success_ratio"
            case p50Seconds = "p50_seconds"
            case p95Seconds = "p95_seconds"
            case p99Seconds = "p99_seconds"
            case perSecondSeries = "per_second_series"
            case failuresPerSecondSeries = "failures_per_second_series"
            case firstByteMillisecondsSeries = "first_byte_milliseconds_series"
        }
    }

    /// One line of the event log.
    public struct Event: Codable, Sendable, Equatable, Identifiable {
        /// Rises with everything that is logged; of what repeats, that of the last time.
        public var id: UInt64
        /// When it happened; of what repeats, the last time.
        public var time: Double
        /// `debug`, `info`, `warning` or `error`.
        public var level: String
        /// `change` (of an endpoint's state, the configuration or the program) or `traffic`.
        public var kind: String {
            get { kindIfTold ?? "change" }
            set { kindIfTold = newValue }
        }
        /// The part that speaks: `proxy`, `endpoint`, `persist`, `config`, `console`.
        public var source: String
        /// Whom it concerns, if one endpoint.
        public var endpoint: String?
        /// One line in plain words; of what repeats, the last one.
        public var text: String
        /// How often it happened; absent where it happened once.
        public var count: UInt64?
        /// The id of the first time, by which a reader knows which one repeated; absent where it happened once.
        public var firstID: UInt64?
        /// When it happened first; absent where it happened once.
        public var firstTime: Double?
        /// Earlier versions do not send it.
        private var kindIfTold: String?

        public init(
            id: UInt64, time: Double, level: String, kind: String = "change", source: String, endpoint: String?,
            text: String
        ) {
            self.id = id
            self.time = time
            self.level = level
            kindIfTold = kind
            self.source = source
            self.endpoint = endpoint
            self.text = text
        }

        /// Stays the same when it repeats.
        public var identity: UInt64 { firstID ?? id }

        /// How much it matters; a level that this version does not know is taken for the middle.
        public var severity: EventLevel { EventLevel(rawValue: level) ?? .info }

        /// How often it happened.
        public var times: UInt64 { count ?? 1 }

        enum CodingKeys: String, CodingKey {
            case id, time, level, source, endpoint, text, count
            case kindIfTold = "kind"
            case firstID = "first_id"
            case firstTime = "first_time"
        }
    }
}
