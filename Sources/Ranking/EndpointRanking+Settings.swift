extension EndpointRanking {
    /// Everything that tunes the ranking, as plain values.
    public struct Settings: Sendable, Equatable {
        /// How much faster a challenger has to be, as a fraction of the holder's response time (0.15 = 15 %).
        public var hysteresis = 0.15
        /// The same for a challenger that has served no traffic yet, whose time is only presumed.
        public var presumedHysteresis = 0.5
        /// The same for one that served traffic, but not lately: its figure was not taken under the same conditions as
        /// the holder's. Twice `hysteresis`.
        public var idleHysteresis: Double { min(2 * hysteresis, 0.9) }
        /// How long a holder keeps a rank it has won.
        public var minDwell = Duration.seconds(10)
        /// Time constant with which fast samples pull the response time down.
        public var decay = Duration.seconds(30)
        /// Failures in a row that open the breaker.
        public var failuresInARow = 3
        /// Share of failed attempts within 60 s above which the breaker opens.
        public var failureShare = 0.5
        /// Attempts within 60 s below which the share says nothing.
        public var failureShareMinimum = 10
        /// First time out; doubles with each opening.
        public var cooldown = Duration.seconds(10)
        /// Longest time out after failures; also the time of good behaviour after which the doubling starts anew.
        public var cooldownMaximum = Duration.seconds(300)
        /// Part of a cooldown that is random, taken off it, so that endpoints do not come back in step.
        public var cooldownJitter = 0.2
        /// Time out after a refused credential (401, 403) or an empty account (402); also how long a good answer vouches for the credential.
        public var misconfiguredCooldown = Duration.seconds(300)
        /// Refusals in a row that count against a credential which a good answer vouches for.
        public var refusalsInARow = 3
        /// Requests declined in a row after which an endpoint that has answered none well stands behind all others.
        public var declinedUntested = 3
        /// The same for one that has, where its last good answer is `declinedLongest` ago as well.
        public var declinedInARow = 10
        /// See `declinedInARow`.
        public var declinedLongest = Duration.seconds(60)
        /// Longest cooldown that a rate limit may ask for.
        public var rateLimitMaximum = Duration.seconds(86_400)
        /// Successes in a row that close a half-open breaker.
        public var recoveryThreshold = 1
        /// After this long a request that was admitted half-open and whose outcome never came counts as lost.
        public var halfOpenTimeout = Duration.seconds(120)
        /// How long an endpoint may go without traffic before it is probed, and the time between probes.
        public var checkInterval = Duration.seconds(30)

        /// The defaults; docs/ranking.md gives the reason for each.
        public init() {}
    }

    /// What the ranking has to know about an endpoint that it takes in.
    public struct Endpoint: Sendable, Equatable {
        /// Identity, unique within a ranking.
        public var id: EndpointID
        /// As the file says; 1 is tried first, nil stands after every number.
        public var priority: Int?
        /// A disabled endpoint stands last and is never tried.
        public var isEnabled: Bool
        /// A pinned endpoint keeps its rank.
        public var isPinned: Bool
        /// False while the endpoint cannot be used at all, for instance because `${NAME}` is missing.
        public var isConfigured: Bool

        /// An endpoint; by default enabled, configured and free to move.
        public init(
            id: EndpointID, priority: Int? = nil, isEnabled: Bool = true, isPinned: Bool = false,
            isConfigured: Bool = true
        ) {
            self.id = id
            self.priority = priority
            self.isEnabled = isEnabled
            self.isPinned = isPinned
            self.isConfigured = isConfigured
        }
    }
}
