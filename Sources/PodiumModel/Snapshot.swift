/// One consistent picture of a running Podium, as `GET /admin/api/snapshot` answers it.
///
/// Times are seconds since 1970-01-01 00:00 UTC, durations are seconds, shares are 0...1. Keys that have no value are
/// left out. Secrets are masked: everything in here may be seen by all users who may look at the console.
///
/// The engine makes it (`Engine.snapshot`), the control API sends it as it is, and the console shows it, in whichever process
/// the console runs. So it is the only description of a running Podium: a new figure is a property here and a line where it is filled.
public struct Snapshot: Codable, Sendable, Equatable {
    /// When it was taken.
    public var takenAt = 0.0
    /// Raised by every change of the configuration, but not by ranks that move by themselves; what `If-Match` names for writes that
    /// concern no single endpoint.
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
        /// Requests that wait for a place at an endpoint that is full, or at this one; absent where none does.
        public var queued: Int?
        /// Sessions that have their cache at the endpoint and are running; absent for all endpoints together, and where none is known of.
        public var sessions: Int?
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
        /// Of one endpoint, over the last five to ten minutes: the median time to the first content of streams.
        public var firstContentP50Seconds: Double?
        /// Its 95th percentile.
        public var firstContentP95Seconds: Double?
        /// The median time to the end of answers of models that come whole.
        public var wholeAnswerP50Seconds: Double?
        /// Its 95th percentile.
        public var wholeAnswerP95Seconds: Double?
        /// The median speed that streams are written with, once they have begun.
        public var tokensPerSecondP50: Double?
        /// The speed that all but the slowest twentieth of them reach.
        public var tokensPerSecondP5: Double?
        /// Of all endpoints together: bytes of request bodies that are kept for another endpoint.
        public var replayBytes: Int?
        /// Requests since the start that went up without being kept, since `server.replay_memory` was used up.
        public var unreplayable: Int?
        /// One count a second over the last minute, oldest first; empty before the first request.
        public var perSecondSeries: [Int] = []
        /// Failures over the same time; empty when there were none.
        public var failuresPerSecondSeries: [Int] = []
        /// Mean time to the first byte of each second in milliseconds, oldest first; null in a second without a sample.
        public var firstByteMillisecondsSeries: [Double?] = []

        /// No traffic at all.
        public init() {}

        enum CodingKeys: String, CodingKey {
            case total, failures, queued, sessions
            case inFlight = "in_flight"
            case perSecond = "per_second"
            case bytesInPerSecond = "bytes_in_per_second"
            case bytesOutPerSecond = "bytes_out_per_second"
            case successRatio = "success_ratio"
            case p50Seconds = "p50_seconds"
            case p95Seconds = "p95_seconds"
            case p99Seconds = "p99_seconds"
            case firstContentP50Seconds = "first_content_p50_seconds"
            case firstContentP95Seconds = "first_content_p95_seconds"
            case wholeAnswerP50Seconds = "whole_answer_p50_seconds"
            case wholeAnswerP95Seconds = "whole_answer_p95_seconds"
            case tokensPerSecondP50 = "tokens_per_second_p50"
            case tokensPerSecondP5 = "tokens_per_second_p5"
            case replayBytes = "replay_bytes"
            case unreplayable
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
        /// The endpoint that it concerns, if it is one.
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

extension Snapshot {
    /// One endpoint: its settings, its place in the ranking and why, its traffic.
    @dynamicMemberLookup
    public struct Endpoint: Codable, Sendable, Equatable, Identifiable {
        /// Outlives renames and rank changes; not reused while the process lives.
        public var id: UInt32 = 0
        /// Raised by each change of it, but not by ranks that move by themselves; what `If-Match` names.
        public var revision: UInt64 = 0
        /// 1 is tried first.
        public var rank = 0
        /// What the ranking thinks of it now, in one word.
        public var state = State.up
        /// Whether requests may be sent, and if not, why and until when.
        public var availability = Availability()
        /// What it is not asked for now, while it is asked for all else; empty (and left out) as a rule.
        public var limitedModels: [LimitedModel] = []
        /// How far its limits are used; empty where it has none.
        public var usedLimits: [Limit] = []
        /// Why it cannot be used as configured.
        public var misconfiguration: String?
        /// What of it is in force and not in the file, because the file has no place that could be edited for it, and why.
        public var notInFile: String?
        /// Why it has its rank; absent beyond the first few hundred endpoints.
        public var explanation: Explanation?
        /// Ranks gained (positive) or lost in the last minute.
        public var movement = 0
        /// The last minute in figures.
        public var traffic = Traffic()
        /// Successes in a row up to now.
        public var successStreak = 0
        /// Its most recent failure.
        public var lastError: LastError?

        /// As configured, with every secret masked (``EndpointSettings/shown``). The fields are also members of the endpoint:
        /// `endpoint.url`.
        public var settings: EndpointSettings

        /// An endpoint without settings, that is up and has seen no traffic.
        public init(id: UInt32 = 0, name: String = "") {
            self.id = id
            settings = EndpointSettings(name: name)
        }

        /// A field of the settings.
        public subscript<Value>(dynamicMember field: WritableKeyPath<EndpointSettings, Value>) -> Value {
            get { settings[keyPath: field] }
            set { settings[keyPath: field] = newValue }
        }

        /// `***`, `${NAME}` as written, or the end of the secret; nil when there is none.
        public var maskedSecret: String? {
            get { settings.authValue }
            set { settings.authValue = newValue }
        }

        private enum CodingKeys: String, CodingKey {
            case id, revision, rank, state, availability, misconfiguration, explanation, movement, traffic
            case limitedModels = "limited_models"
            case usedLimits = "used_limits"
            case notInFile = "not_in_file"
            case successStreak = "success_streak"
            case lastError = "last_error"
        }

        /// Reads what another Podium has sent, also one that was started before its program was updated: a field of the settings that
        /// it does not know has its default.
        public init(from decoder: any Decoder) throws {
            settings = try EndpointSettings(shownIn: decoder)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            id = try container.decode(UInt32.self, forKey: .id)
            revision = try container.decode(UInt64.self, forKey: .revision)
            rank = try container.decode(Int.self, forKey: .rank)
            state = try container.decode(State.self, forKey: .state)
            availability = try container.decode(Availability.self, forKey: .availability)
            limitedModels = try container.decodeIfPresent([LimitedModel].self, forKey: .limitedModels) ?? []
            usedLimits = try container.decodeIfPresent([Limit].self, forKey: .usedLimits) ?? []
            misconfiguration = try container.decodeIfPresent(String.self, forKey: .misconfiguration)
            notInFile = try container.decodeIfPresent(String.self, forKey: .notInFile)
            explanation = try container.decodeIfPresent(Snapshot.Explanation.self, forKey: .explanation)
            movement = try container.decode(Int.self, forKey: .movement)
            traffic = try container.decode(Snapshot.Traffic.self, forKey: .traffic)
            successStreak = try container.decode(Int.self, forKey: .successStreak)
            lastError = try container.decodeIfPresent(LastError.self, forKey: .lastError)
        }

        /// The settings stand beside the other members, as in the file.
        public func encode(to encoder: any Encoder) throws {
            try settings.encodeShown(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(id, forKey: .id)
            try container.encode(revision, forKey: .revision)
            try container.encode(rank, forKey: .rank)
            try container.encode(state, forKey: .state)
            try container.encode(availability, forKey: .availability)
            if !limitedModels.isEmpty { try container.encode(limitedModels, forKey: .limitedModels) }
            if !usedLimits.isEmpty { try container.encode(usedLimits, forKey: .usedLimits) }
            try container.encodeIfPresent(misconfiguration, forKey: .misconfiguration)
            try container.encodeIfPresent(notInFile, forKey: .notInFile)
            try container.encodeIfPresent(explanation, forKey: .explanation)
            try container.encode(movement, forKey: .movement)
            try container.encode(traffic, forKey: .traffic)
            try container.encode(successStreak, forKey: .successStreak)
            try container.encodeIfPresent(lastError, forKey: .lastError)
        }
    }
}

extension Snapshot.Endpoint {
    /// What the ranking thinks of an endpoint, in one word.
    public enum State: String, Codable, Sendable, CaseIterable {
        case up
        /// It answers, but takes more than twice as long as is usual for it.
        case slow
        /// Timed out after failures, or on trial after that.
        case down
        /// Switched off.
        case off
        case misconfigured
        /// It named a time to wait.
        case cooling
        /// In service, but no request and no probe has ended yet.
        case untested
    }

    /// Whether requests may be sent, and if not, why and until when.
    public struct Availability: Codable, Sendable, Equatable {
        /// The reason, for programs.
        public enum Kind: String, Codable, Sendable, CaseIterable {
            case available
            /// Back from a time out: one request at a time until one succeeds.
            case probation
            /// Timed out by the breaker.
            case open
            case rateLimited = "rate_limited"
            case misconfigured
            case disabled
        }

        /// The `reason` where a limit of the operator's is used up, which no refusal has asked for.
        public static let limitReason = "limit"
        /// The same outside of its active hours.
        public static let inactiveReason = "inactive"

        /// The reason, for programs.
        public var kind = Kind.available
        /// When it is tried again, where that is known.
        public var until: Double?
        /// Why the breaker opened, what a refusal was about, or the status that refused the credential, in words.
        public var cause: String?
        /// Of `rate_limited`, for programs: `quota`, `rate_limited`, `overloaded` or `rule`.
        public var reason: String?

        /// Available.
        public init() {}
    }

    /// A model that the endpoint is not asked for now.
    public struct LimitedModel: Codable, Sendable, Equatable {
        /// As clients name it.
        public var model: String
        /// When the endpoint is asked for it again.
        public var until: Double
        /// Why not now, in words.
        public var cause: String
        /// The same for programs: `quota`, `rate_limited`, `overloaded`, `model` (it does not have it) or `rule`.
        public var reason: String

        /// As its parts.
        public init(model: String, until: Double, cause: String, reason: String) {
            self.model = model
            self.until = until
            self.cause = cause
            self.reason = reason
        }
    }

    /// How far one limit is used.
    public struct Limit: Codable, Sendable, Equatable {
        /// `requests_per_minute`, `tokens_per_minute`, `tokens_per_day` or `spend`.
        public var name: String
        /// Requests, tokens, or units of the prices' currency.
        public var used: Double
        /// As it is set.
        public var limit: Double
        /// The part of it that may be used: without the reserve.
        public var usable: Double
        /// When the count begins anew; of a minute, when there is something left.
        public var until: Double
        /// The endpoint is passed over until then.
        public var isReached: Bool

        /// All parts given.
        public init(name: String, used: Double, limit: Double, usable: Double, until: Double, isReached: Bool) {
            (self.name, self.used, self.limit, self.usable) = (name, used, limit, usable)
            (self.until, self.isReached) = (until, isReached)
        }

        enum CodingKeys: String, CodingKey {
            case name, used, limit, usable, until
            case isReached = "is_reached"
        }

        /// `spend 8.01 of 10`
        public var text: String { "\(name) \(Self.text(used)) of \(Self.text(usable))" }

        private static func text(_ amount: Double) -> String {
            let hundredths = Int64((min(max(0, amount), 1e15) * 100).rounded())
            return hundredths % 100 == 0
                ? String(hundredths / 100) : "\(hundredths / 100).\(String(100 + hundredths % 100).dropFirst())"
        }
    }

    /// The most recent failure.
    public struct LastError: Codable, Sendable, Equatable {
        /// When it happened.
        public var time: Double
        /// One line in plain words.
        public var text: String

        /// A failure at a time.
        public init(time: Double, text: String) {
            self.time = time
            self.text = text
        }
    }
}

extension Snapshot {
    /// Why an endpoint has its rank: figures for programs, sentences for people.
    public struct Explanation: Codable, Sendable, Equatable {
        /// One finished sentence per line, most important first.
        public var sentences: [String] = []
        /// Time to an answer as the ranking sees it; absent until anything was measured.
        public var responseTime: ResponseTime?
        /// The same of the other kind of answers, which is not compared; absent until it was measured.
        public var otherTime: ResponseTime?
        /// The rank it is pinned at.
        public var pinnedRank: Int?
        /// Against the endpoint above; absent at rank 1.
        public var above: Margin?
        /// Against the endpoint below; absent at the last rank.
        public var below: Margin?
        /// Failures in a row, now.
        public var failuresInARow = 0
        /// Attempts within the last minute.
        public var recentAttempts = 0
        /// Failed ones among them.
        public var recentFailures = 0
        /// The last failure, in words.
        public var lastFailure: String?
        /// Since when it has this rank.
        public var rankSince = 0.0
        /// How often its rank changed since the start.
        public var rankChanges = 0
        /// The last change of its rank.
        public var lastChange: RankChange?

        /// Nothing known yet.
        public init() {}

        enum CodingKeys: String, CodingKey {
            case sentences, above, below
            case responseTime = "response_time"
            case otherTime = "other_time"
            case pinnedRank = "pinned_rank"
            case failuresInARow = "failures_in_a_row"
            case recentAttempts = "recent_attempts"
            case recentFailures = "recent_failures"
            case lastFailure = "last_failure"
            case rankSince = "rank_since"
            case rankChanges = "rank_changes"
            case lastChange = "last_change"
        }
    }

    /// One endpoint's change of rank, with its cause.
    public struct RankChange: Codable, Sendable, Equatable {
        /// When.
        public var time = 0.0
        /// The endpoint that moved; `?` when it has been removed since.
        public var endpoint = ""
        /// Rank before; 0 for an endpoint that was just added.
        public var from = 0
        /// Rank after; 0 for an endpoint that was just removed.
        public var to = 0
        /// `faster`, `slower`, `unavailable`, `recovered`, `preferred`, `declining`, `displaced`, `moved`, `pinned`, `unpinned`, `enabled`, `disabled`,
        /// `added`, `removed`, `reordered`, `sorted`, `auto_sort` or `settings`.
        public var cause = ""
        /// The other endpoint of a `faster`, `slower` or `displaced`.
        public var other: String?
        /// Of a `faster`: by which share of the other's response time.
        public var share: Double?
        /// The cause in words, such as `22 % faster than NAME`.
        public var text = ""

        /// No change.
        public init() {}
    }
}

extension Snapshot.Explanation {
    /// Time to an answer as the ranking sees it, in the time of the model that is asked for most.
    public struct ResponseTime: Codable, Sendable, Equatable {
        /// `stream`: to the first content of streams; `whole`: to the end of answers that come whole. Earlier versions do not say it.
        public var kind: String?
        /// The peak-sensitive average that is compared.
        public var averageSeconds = 0.0
        /// What is usual for this endpoint.
        public var usualSeconds = 0.0
        /// Requests measured since start; 0 when the average is presumed from the other endpoints.
        public var samples = 0
        /// Time since the last measured request; absent when there was none.
        public var ageSeconds: Double?

        /// Nothing measured.
        public init() {}

        enum CodingKeys: String, CodingKey {
            case kind, samples
            case averageSeconds = "average_seconds"
            case usualSeconds = "usual_seconds"
            case ageSeconds = "age_seconds"
        }
    }

    /// How an endpoint compares with the one next to it.
    public struct Margin: Codable, Sendable, Equatable {
        /// What keeps the lower of two neighbours below the upper.
        public enum Keep: String, Codable, Sendable, CaseIterable {
            case slower, hysteresis, dwell, pinned, unavailable, unmeasured, manual
        }

        /// The neighbour's name.
        public var neighbour = ""
        /// How much less time the lower of the two needs, as a share of the upper's; negative when it needs more.
        public var lowerIsFasterBy: Double?
        /// The share the lower must exceed to pass.
        public var required = 0.0
        /// What keeps the two in this order.
        public var keptBy = Keep.unmeasured
        /// Of `hysteresis`: the lower passes once its response time is below this.
        public var passesBelowSeconds: Double?
        /// Of `dwell`: when the upper may be passed.
        public var until: Double?

        /// Nothing compared.
        public init() {}

        enum CodingKeys: String, CodingKey {
            case neighbour, required, until
            case lowerIsFasterBy = "lower_is_faster_by"
            case keptBy = "kept_by"
            case passesBelowSeconds = "passes_below_seconds"
        }
    }
}
