/// What requests used and what that cost, as `GET /admin/api/usage` answers it and `podium usage` shows it.
public struct UsageReport: Codable, Sendable, Equatable {
    /// The span that was asked for, such as `30d`.
    public var span: String
    /// By what the rows are grouped: `endpoint`, `model`, `client`, `minute`, `hour`, `day`, `month`.
    public var by: [String]
    /// Of `cost`; a label.
    public var currency: String
    /// When the prices were looked up, such as `2026-11-30`.
    public var pricesDate: String
    /// What is wrong with the history, so that figures of earlier processes may be missing; absent where nothing is.
    public var problem: String?
    /// In the order of their values.
    public var rows: [Row]
    /// All of them together.
    public var total: Row
    /// Where costs were reckoned anew by the prices of today (`reprice`): what could not be; absent otherwise.
    public var repricing: Repricing?

    /// What could not be reckoned anew, and has the cost that it had.
    public struct Repricing: Codable, Sendable, Equatable {
        /// Why the operator's file of prices was not used; absent where it was, or where there is none.
        public var problem: String?
        /// By endpoint and model.
        public var left: [Left]

        /// Requests of one endpoint and model.
        public struct Left: Codable, Sendable, Equatable {
            public var endpoint: String
            public var model: String
            public var requests: Int64
            /// In words.
            public var reason: String

            /// All parts given.
            public init(endpoint: String, model: String, requests: Int64, reason: String) {
                (self.endpoint, self.model, self.requests, self.reason) = (endpoint, model, requests, reason)
            }
        }

        /// All parts given.
        public init(problem: String?, left: [Left]) {
            (self.problem, self.left) = (problem, left)
        }
    }

    /// Sums of one group.
    public struct Row: Codable, Sendable, Equatable {
        /// What it is the sum of, in the order of `by`: names, and local times such as `2026-11-30 14`
        /// or `2026-11-30 14:05`. Empty names: Podium's own answer,
        /// a model that was not named, a client without a name.
        public var values: [String]
        /// Requests whose answer went to the client.
        public var requests: Int64
        /// At these endpoints, also where another one answered.
        public var attempts: Int64
        public var failed: Int64
        /// Requests that an endpoint asked before had failed.
        public var rescued: Int64
        /// Answers that broke off after their beginning.
        public var broken: Int64
        /// Requests whose client went away.
        public var aborted: Int64
        /// Answers that named an error within.
        public var errors: Int64
        public var streams: Int64
        /// Requests whose usage is known, known in part, and not known though due.
        public var read: Int64
        public var partial: Int64
        public var unread: Int64
        /// Tokens read anew, neither from nor into a cache.
        public var input: Int64
        /// Tokens written, reasoning included.
        public var output: Int64
        public var cacheRead: Int64
        public var cacheWrite5m: Int64
        public var cacheWrite1h: Int64
        public var reasoning: Int64
        /// Exact, in units of the currency; of those requests that have a price.
        public var cost: String
        /// Whether all requests with known usage have a price.
        public var costComplete: Bool
        /// Requests with usage and without a price.
        public var unpriced: Int64
        public var bytesUp: Int64
        public var bytesDown: Int64
        /// Absent where there was no request.
        public var firstByteP50Seconds: Double?
        public var firstByteP95Seconds: Double?
        /// Of streams.
        public var firstContentP50Seconds: Double?
        public var firstContentP95Seconds: Double?
        /// How fast streams were written, once they had begun.
        public var tokensPerSecondP50: Double?
        public var totalP50Seconds: Double?
        public var totalP95Seconds: Double?

        enum CodingKeys: String, CodingKey {
            case values, requests, attempts, failed, rescued, broken, aborted, errors, streams, read, partial, unread
            case input, output, reasoning, cost, unpriced
            case cacheRead = "cache_read"
            case cacheWrite5m = "cache_write_5m"
            case cacheWrite1h = "cache_write_1h"
            case costComplete = "cost_complete"
            case bytesUp = "bytes_up"
            case bytesDown = "bytes_down"
            case firstByteP50Seconds = "first_byte_p50_seconds"
            case firstByteP95Seconds = "first_byte_p95_seconds"
            case firstContentP50Seconds = "first_content_p50_seconds"
            case firstContentP95Seconds = "first_content_p95_seconds"
            case tokensPerSecondP50 = "tokens_per_second_p50"
            case totalP50Seconds = "total_p50_seconds"
            case totalP95Seconds = "total_p95_seconds"
        }

        /// Nothing has happened.
        public init(values: [String]) {
            self.values = values
            (requests, attempts, failed, rescued, broken, aborted, errors, streams) = (0, 0, 0, 0, 0, 0, 0, 0)
            (read, partial, unread, input, output, cacheRead) = (0, 0, 0, 0, 0, 0)
            (cacheWrite5m, cacheWrite1h, reasoning, unpriced, bytesUp, bytesDown) = (0, 0, 0, 0, 0, 0)
            cost = "0"
            costComplete = true
        }
    }

    enum CodingKeys: String, CodingKey {
        case span, by, currency, problem, rows, total, repricing
        case pricesDate = "prices_date"
    }

    /// All parts given.
    public init(
        span: String, by: [String], currency: String, pricesDate: String, problem: String?, rows: [Row], total: Row
    ) {
        self.span = span
        self.by = by
        self.currency = currency
        self.pricesDate = pricesDate
        self.problem = problem
        self.rows = rows
        self.total = total
    }
}

extension UsageReport.Row {
    /// The cost as people see it: with `+?` where some requests have no price, `?` where none has.
    public var costText: String {
        guard !costComplete else { return cost }
        return cost == "0" && unpriced >= read + partial ? "?" : cost + "+?"
    }
}

/// What of the usage is asked for.
public struct UsageQuestion: Codable, Sendable, Equatable {
    /// `24h`, `30d`, `today`, `yesterday`, `this-month`, `2026-11-30`, `2026-11-01..2026-11-15`.
    public var span = "30d"
    /// By what it is grouped; empty: one row.
    public var by: [String] = ["endpoint"]
    /// Only this endpoint.
    public var endpoint: String?
    /// Only models of this name, or pattern with `*` and `?`.
    public var model: String?
    /// Only the client of this name.
    public var client: String?

    /// Costs by the prices of today, of all that they can be reckoned of.
    public var reprices = false

    /// The last 30 days by endpoint.
    public init() {}

    /// Names that `by` may have. Minutes are those of the last hour of a running Podium, and go with endpoints alone.
    public static let dimensions = ["endpoint", "model", "client", "minute", "hour", "day", "month"]
}
