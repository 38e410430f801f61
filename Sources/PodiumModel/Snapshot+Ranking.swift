extension Snapshot {
    /// Why an endpoint has its rank: figures for programs, sentences for people.
    public struct Explanation: Codable, Sendable, Equatable {
        /// One finished sentence per line, most important first.
        public var sentences: [String] = []
        /// Time to first byte as the ranking sees it; absent until anything was measured.
        public var responseTime: ResponseTime?
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
        /// Who moved; `?` when it has been removed since.
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
    /// Time to first byte as the ranking sees it.
    public struct ResponseTime: Codable, Sendable, Equatable {
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
            case samples
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
