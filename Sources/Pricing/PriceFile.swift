internal import YAMLDocument

extension PriceTable {
    /// What is wrong with a file of prices, and where.
    public struct Problem: Error, Equatable {
        /// 1-based.
        public let line: Int
        /// In words.
        public let reason: String
    }

    /// `prices.json`, of the format `podium-prices/1`:
    /// `{"format": "podium-prices/1", "date": "2026-11-30", "currency": "USD", "models": [{"model": "m", "input": "3", …}]}`.
    /// Prices are for a million tokens, as decimals in quotes, with at most six digits behind the point.
    public init(file bytes: [UInt8]) throws(Problem) {
        let document: YAMLDocument
        do { document = try YAMLDocument(bytes: bytes) } catch {
            throw Problem(line: error.line, reason: error.reason)
        }
        guard let root = document.root, root.kind == .mapping else {
            throw Problem(line: 1, reason: "it has to be a JSON object")
        }
        guard root["format"]?.text == "podium-prices/1" else {
            throw Problem(line: 1, reason: "its \"format\" has to be \"podium-prices/1\"")
        }
        guard let models = root["models"], models.kind == .sequence else {
            throw Problem(line: 1, reason: "\"models\" has to be a list")
        }
        var entries: [Entry] = []
        for node in models.entries { entries.append(try Self.entry(node)) }
        self.init(date: root["date"]?.text ?? "", currency: root["currency"]?.text ?? "", entries: entries)
    }

    private static func entry(_ node: YAMLNode) throws(Problem) -> Entry {
        guard let name = node["model"]?.text, !name.isEmpty else {
            throw Problem(line: node.line, reason: "an entry without \"model\"")
        }
        var entry = Entry(model: name, rates: try rates(node, of: name))
        for tier in node["over"]?.entries ?? [] {
            guard let above = tier["input_above"].flatMap({ Int64($0.text) }), above >= 0 else {
                throw Problem(line: tier.line, reason: "\(name): \"over\" needs \"input_above\", a number of tokens")
            }
            entry.tiers.append(Tier(inputAbove: above, rates: try rates(tier, of: name)))
        }
        return entry
    }

    private static func rates(_ node: YAMLNode, of name: String) throws(Problem) -> Rates {
        func rate(_ key: String) throws(Problem) -> Int64? {
            guard let value = node[key], value.text != "null" else { return nil }
            guard let rate = Decimal.parse(value.text, digits: 6) else {
                throw Problem(
                    line: value.line,
                    reason: "\(name): \"\(key)\" has to be a decimal such as \"0.25\", for a million tokens")
            }
            return rate
        }
        var rates = Rates()
        rates.input = try rate("input")
        rates.output = try rate("output")
        rates.cacheRead = try rate("cache_read")
        rates.cacheWrite5m = try rate("cache_write_5m")
        rates.cacheWrite1h = try rate("cache_write_1h")
        return rates
    }
}
