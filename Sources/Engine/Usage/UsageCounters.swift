/// Tokens and costs since the start, for the metrics.
public struct UsageCounters: Sendable {
    /// The kinds of `Sample.tokens`, in their order.
    public static let kinds = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning"]

    /// Of one endpoint and model.
    public struct Sample: Sendable {
        public var endpoint: String
        /// Empty: none was named.
        public var model: String
        /// By kind.
        public var tokens: [Int64]
        /// In units of the currency.
        public var cost: Double
        /// Requests with usage and without a price.
        public var unpriced: Int64
        /// Requests whose usage is not known.
        public var unread: Int64
    }

    /// Of one client that has a name. There are no more than 2,000; the others are together under one name.
    public struct ClientSample: Sendable {
        public var client: String
        /// By kind.
        public var tokens: [Int64]
        /// In units of the currency.
        public var cost: Double
    }

    /// By endpoint and model.
    public var samples: [Sample] = []
    /// By name.
    public var clients: [ClientSample] = []
    /// Requests that could not be added up.
    public var lost = 0
    /// Writes of the history.
    public var commits = 0
    /// The last write failed.
    public var isFailing = false
    /// Requests for which there was no room in the log.
    public var unlogged = 0
}
