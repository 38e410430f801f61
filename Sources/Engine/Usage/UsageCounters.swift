internal import Trends

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

/// What `UsageCounters` counts, by the numbers of names, as it is added to.
struct UsageTotals {
    private struct Key: Hashable {
        var endpoint: Int32
        var model: Int32
    }

    private struct Totals {
        var tokens = [Int64](repeating: 0, count: UsageCounters.kinds.count)
        var cost: Int64 = 0
        var unpriced: Int64 = 0
        var unread: Int64 = 0

        mutating func add(_ cell: Cell) {
            for (index, figure) in Self.figures.enumerated() { tokens[index] &+= cell[figure] }
            cost &+= cell[.cost]
            unpriced += cell[.unpriced]
            unread += cell[.unread]
        }

        /// In the order of `UsageCounters.kinds`.
        private static let figures: [Figure] = [.input, .output, .cacheRead, .cacheWrite5m, .cacheWrite1h, .reasoning]
    }

    private var totals: [Key: Totals] = [:]
    /// By the number of the client's name.
    private var clients: [Int32: Totals] = [:]

    mutating func add(_ sums: EntrySums) {
        for part in sums.parts where part.cell[.read] + part.cell[.partial] + part.cell[.unread] > 0 {
            totals[Key(endpoint: part.endpoint, model: part.model), default: Totals()].add(part.cell)
            if part.client != NameTable.none { clients[part.client, default: Totals()].add(part.cell) }
        }
    }

    func samples(_ names: NameTable) -> ([UsageCounters.Sample], [UsageCounters.ClientSample]) {
        let samples = totals.map { key, totals in
            UsageCounters.Sample(
                endpoint: names.name(key.endpoint)?.text ?? "", model: names.text(key.model), tokens: totals.tokens,
                cost: Double(totals.cost) / 1e12, unpriced: totals.unpriced, unread: totals.unread)
        }
        let clients = clients.map { client, totals in
            UsageCounters.ClientSample(
                client: names.text(client), tokens: totals.tokens, cost: Double(totals.cost) / 1e12)
        }
        return (
            samples.sorted { ($0.endpoint, $0.model) < ($1.endpoint, $1.model) },
            clients.sorted { $0.client < $1.client }
        )
    }
}
