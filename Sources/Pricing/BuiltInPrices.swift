extension PriceTable {
    /// The prices that Podium brings along: only those that their vendors' own pages state, looked up on the date below, in US dollars for
    /// a million tokens. No patterns: a model's successor must not inherit its price. Batches, priority, promotions and tools are
    /// not in it.
    ///
    /// Anthropic's are from its pricing page and the pages of its models; the price of long inputs of Sonnet 4 and 4.5 is
    /// not known for certain, so it is left unknown. OpenAI's are from the pages of its models; of these only what was seen there is here.
    public static let builtIn = PriceTable(
        date: "2026-11-30", currency: "USD",
        entries: rows.compactMap { row in
            let rates = Rates(row.prices)
            let tiers = row.isLimited ? [Tier(inputAbove: 200_000, rates: Rates())] : []
            return Entry(model: row.model, rates: rates, tiers: tiers)
        })

    /// Input, output, cache read, cache write for five minutes and for an hour.
    private static let rows: [(model: String, prices: [String], isLimited: Bool)] = [
        ("claude-fable-5-1", ["10", "50", "0.25", "12.50", "20"], false),
        ("claude-fable-5", ["10", "50", "1", "12.50", "20"], false),
        ("claude-opus-5-5", ["4", "20", "0.20", "5", "8"], false),
        ("claude-opus-5", ["5", "25", "0.50", "6.25", "10"], false),
        ("claude-opus-4-8", ["5", "25", "0.50", "6.25", "10"], false),
        ("claude-opus-4-7", ["5", "25", "0.50", "6.25", "10"], false),
        ("claude-opus-4-6", ["5", "25", "0.50", "6.25", "10"], false),
        ("claude-opus-4-5", ["5", "25", "0.50", "6.25", "10"], false),
        ("claude-opus-4-1", ["15", "75", "1.50", "18.75", "30"], false),
        ("claude-opus-4-0", ["15", "75", "1.50", "18.75", "30"], false),
        ("claude-opus-4", ["15", "75", "1.50", "18.75", "30"], false),
        ("claude-sonnet-5", ["2", "10", "0.20", "2.50", "4"], false),
        ("claude-sonnet-4-6", ["3", "15", "0.30", "3.75", "6"], false),
        ("claude-sonnet-4-5", ["3", "15", "0.30", "3.75", "6"], true),
        ("claude-sonnet-4-0", ["3", "15", "0.30", "3.75", "6"], true),
        ("claude-sonnet-4", ["3", "15", "0.30", "3.75", "6"], true),
        ("claude-haiku-4-5", ["1", "5", "0.10", "1.25", "2"], false),
        ("claude-3-5-haiku", ["0.80", "4", "0.08", "1", "1.60"], false),
        ("gpt-5.1", ["1.25", "10", "0.125"], false),
    ]
}

extension Rates {
    fileprivate init(_ prices: [String]) {
        let rates = prices.map { Decimal.parse($0, digits: 6) } + [nil, nil]
        (input, output, cacheRead, cacheWrite5m, cacheWrite1h) = (rates[0], rates[1], rates[2], rates[3], rates[4])
    }
}
