/// Why an endpoint has the rank it has, as of one instant.
public struct RankExplanation: Sendable, Equatable {
    /// Time to first byte as the ranking sees it.
    public struct ResponseTime: Sendable, Equatable {
        /// The peak-sensitive average that is compared.
        public var average: Duration
        /// The slow average of that average: what is usual for this endpoint.
        public var usual: Duration
        /// Requests measured since start; 0 when the average is presumed from the other endpoints.
        public var samples: Int
        /// Time since the last measured request; nil when there was none.
        public var age: Duration?
        /// Whether the average is presumed, because no request was measured yet.
        public var isPresumed: Bool { samples == 0 }
    }

    /// How an endpoint compares with the one next to it.
    public struct Margin: Sendable, Equatable {
        /// The neighbour.
        public var neighbour: EndpointID
        /// Whether requests may be sent to the neighbour.
        public var neighbourAvailability: Availability
        /// How much less time than the upper the lower of the two needs, as a fraction of the upper's; negative when
        /// it needs more, nil when one of them is unmeasured.
        public var lowerIsFasterBy: Double?
        /// The fraction the lower must exceed to pass.
        public var required: Double
        /// What keeps the two in this order.
        public var kept: Keep
    }

    /// What keeps the lower of two neighbours below the upper.
    public enum Keep: Sendable, Equatable {
        /// The upper answers at least as fast.
        case slower
        /// The lower is faster, by less than the hysteresis; it passes once its response time is below this.
        case hysteresis(passesBelow: Duration)
        /// The lower is faster by enough; the upper has not held its rank for long enough.
        case dwell(until: ContinuousClock.Instant)
        /// One of them is pinned.
        case pinned
        /// The lower cannot be used, or has yet to prove that it can.
        case unavailable
        /// One of them has no response time yet.
        case unmeasured
        /// Auto-sort is off.
        case manual
    }

    /// Whose.
    public var endpoint: EndpointID
    /// 1 is tried first.
    public var rank: Int
    /// Whether requests may be sent, and if not, why and until when.
    public var availability: Availability
    /// nil until any endpoint was measured.
    public var responseTime: ResponseTime?
    /// The rank it is pinned at; nil when it is free to move.
    public var pinnedRank: Int?
    /// Against the endpoint above; nil at rank 1.
    public var above: Margin?
    /// Against the endpoint below; nil at the last rank.
    public var below: Margin?
    /// Failures in a row, now.
    public var failuresInARow: Int
    /// Attempts within the last 60 s.
    public var recentAttempts: Int
    /// Failed ones among them.
    public var recentFailures: Int
    /// The last failure, if any.
    public var lastFailure: FailureKind?
    /// Requests declined since the last one that was answered well.
    public var declinedInARow = 0
    /// So many that everybody else is preferred to it.
    public var isDoubted = false
    /// Since when it has this rank.
    public var rankSince: ContinuousClock.Instant
    /// How often its rank changed since start.
    public var rankChanges: Int
    /// The last change of its rank; nil while it has the rank it started with.
    public var lastChange: RankChange?
}
