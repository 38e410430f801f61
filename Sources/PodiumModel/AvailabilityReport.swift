/// How endpoints stood, as `GET /admin/api/history/availability` answers it and `podium history availability` shows it.
public struct AvailabilityReport: Codable, Sendable, Equatable {
    /// The span that was asked for, such as `24h`.
    public var span: String
    /// What is wrong with the history, so that times may be missing; absent where nothing is.
    public var problem: String?
    /// By endpoint, and where that was asked for by hour or day.
    public var rows: [Row]
    /// Steps from one state to another, the newest first.
    public var changes: [Change]

    /// How one endpoint stood.
    public struct Row: Codable, Sendable, Equatable {
        public var endpoint: String
        /// The local hour or day, such as `2026-11-30 14`; absent where the row is of all of the span.
        public var time: String?
        /// For so long it is known; while no Podium ran it is not.
        public var knownSeconds: Double
        public var upSeconds: Double
        /// Back from a time out: one request at a time.
        public var probationSeconds: Double
        /// Timed out after failures.
        public var openSeconds: Double
        /// Left alone for a time that a refusal named.
        public var limitedSeconds: Double
        public var misconfiguredSeconds: Double
        public var offSeconds: Double
        /// The first in the order, and up.
        public var leadingSeconds: Double
        /// 1 is tried first; absent where it is not known.
        public var rankMean: Double?
        public var rankBest: Int64?
        public var rankWorst: Int64?
        /// How often its state changed.
        public var changes: Int64

        /// Nothing is known.
        public init(endpoint: String, time: String?) {
            (self.endpoint, self.time) = (endpoint, time)
            (knownSeconds, upSeconds, probationSeconds, openSeconds) = (0, 0, 0, 0)
            (limitedSeconds, misconfiguredSeconds, offSeconds, leadingSeconds, changes) = (0, 0, 0, 0, 0)
        }

        enum CodingKeys: String, CodingKey {
            case endpoint, time, changes
            case knownSeconds = "known_seconds"
            case upSeconds = "up_seconds"
            case probationSeconds = "probation_seconds"
            case openSeconds = "open_seconds"
            case limitedSeconds = "limited_seconds"
            case misconfiguredSeconds = "misconfigured_seconds"
            case offSeconds = "off_seconds"
            case leadingSeconds = "leading_seconds"
            case rankMean = "rank_mean"
            case rankBest = "rank_best"
            case rankWorst = "rank_worst"
        }
    }

    /// A step from one state to another.
    public struct Change: Codable, Sendable, Equatable {
        /// What `before` takes.
        public var key: Int64
        /// Seconds since 1970-01-01 00:00 UTC.
        public var time: Double
        public var endpoint: String
        /// `up`, `probation`, `open`, `limited`, `misconfigured` or `off`.
        public var before: String
        public var after: String

        /// All parts given.
        public init(key: Int64, time: Double, endpoint: String, before: String, after: String) {
            (self.key, self.time, self.endpoint, self.before, self.after) = (key, time, endpoint, before, after)
        }
    }

    /// All parts given.
    public init(span: String, problem: String?, rows: [Row], changes: [Change]) {
        (self.span, self.problem, self.rows, self.changes) = (span, problem, rows, changes)
    }
}

extension AvailabilityReport.Row {
    /// The share of the time in which it was to be used that it could be used; nil where there is none.
    public var upShare: Double? {
        let wanted = knownSeconds - offSeconds
        return wanted > 0 ? (upSeconds + probationSeconds) / wanted : nil
    }
}
