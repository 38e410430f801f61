public import LLMWire

/// The prices of models, by name.
///
/// A name is looked up as it stands, then without its date, then by the entries that are patterns, in their order. What is not
/// found is not known, and never free.
public struct PriceTable: Sendable, Equatable {
    /// The prices of one model, or of those that a pattern matches.
    public struct Entry: Sendable, Equatable {
        /// A name, or a pattern with `*` for any text and `?` for any character.
        public var model: String
        /// Of answers to any input.
        public var rates: Rates
        /// Of answers to more input than this, cached tokens counted: all rates are the tier's.
        public var tiers: [Tier] = []

        /// The prices of one model.
        public init(model: String, rates: Rates, tiers: [Tier] = []) {
            self.model = model
            self.rates = rates
            self.tiers = tiers
        }

        fileprivate var isPattern: Bool { model.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") } }

        /// The rates that hold for this usage.
        public func rates(for usage: Usage) -> Rates {
            let parts = [usage.input, usage.cacheRead, usage.cacheWrite5m, usage.cacheWrite1h]
            let input = parts.reduce(Int64(0)) { $0 &+ max(0, $1 ?? 0) }
            return tiers.filter { input > $0.inputAbove }.max { $0.inputAbove < $1.inputAbove }?.rates ?? rates
        }
    }

    /// Rates for long inputs.
    public struct Tier: Sendable, Equatable {
        /// In tokens.
        public var inputAbove: Int64
        /// They hold instead of the others.
        public var rates: Rates

        /// Rates for longer inputs than this.
        public init(inputAbove: Int64, rates: Rates) {
            self.inputAbove = inputAbove
            self.rates = rates
        }
    }

    /// Such as `2026-11-30`: when the prices were looked up.
    public let date: String
    /// Such as `USD`: a label.
    public let currency: String
    /// In their order.
    public let entries: [Entry]
    private let byName: [String: Int]
    private let patterns: [Pattern]

    private struct Pattern: Sendable, Equatable {
        let pattern: ModelPattern
        let place: Int
    }

    /// Of several entries of one name the first counts.
    public init(date: String, currency: String, entries: [Entry]) {
        self.date = date
        self.currency = currency
        self.entries = entries
        byName = Dictionary(
            entries.enumerated().filter { !$0.element.isPattern }.map { ($0.element.model, $0.offset) },
            uniquingKeysWith: { first, _ in first })
        patterns = entries.enumerated().filter(\.element.isPattern).map {
            Pattern(pattern: ModelPattern($0.element.model), place: $0.offset)
        }
    }

    /// The prices of a model; nil where it has none.
    public func entry(_ model: String) -> Entry? {
        if let place = byName[model] { return entries[place] }
        if let plain = Self.withoutDate(model), let place = byName[plain] { return entries[place] }
        return patterns.first { $0.pattern.matches(model) }.map { entries[$0.place] }
    }

    /// `gpt-5.1-2025-11-13`, `claude-sonnet-4-5-20250929`, `claude-sonnet-4-5@20250929` and `…-latest` without what stands behind.
    static func withoutDate(_ model: String) -> String? {
        let bytes = Array(model.utf8)
        func beginning(_ count: Int) -> String { String(decoding: bytes[..<count], as: UTF8.self) }
        if bytes.suffix(7).elementsEqual("-latest".utf8) { return beginning(bytes.count - 7) }
        if let at = bytes.firstIndex(of: UInt8(ascii: "@")) { return beginning(at) }
        func areDigits(_ range: Range<Int>) -> Bool {
            bytes[range].allSatisfy { UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: "9") }
        }
        func isDash(_ place: Int) -> Bool { bytes[place] == UInt8(ascii: "-") }
        let count = bytes.count
        if count > 9, isDash(count - 9), areDigits(count - 8..<count) { return beginning(count - 9) }
        if count > 11, isDash(count - 11), areDigits(count - 10..<count - 6), isDash(count - 6),
            areDigits(count - 5..<count - 3), isDash(count - 3), areDigits(count - 2..<count)
        {
            return beginning(count - 11)
        }
        return nil
    }

    /// Whether a text is of a pattern with `*` and `?`.
    public static func matches(_ text: String, _ pattern: String) -> Bool {
        ModelPattern(pattern).matches(text)
    }
}

/// The operator's prices before those that Podium brings along.
public struct PriceList: Sendable, Equatable {
    /// In the order in which they are asked.
    public var tables: [PriceTable]

    /// Tables in the order in which they are asked.
    public init(_ tables: [PriceTable]) { self.tables = tables }

    /// What a usage costs, in picos; nil: not known.
    ///
    /// - Parameters:
    ///   - answered: the model that says it answered; it goes first.
    ///   - asked: the model that was asked for.
    public func cost(
        of usage: Usage, answered: String?, asked: String?, multiplier: CostMultiplier = .one
    ) -> Int64? {
        guard let entry = entry(answered: answered, asked: asked) else { return nil }
        return entry.rates(for: usage).cost(of: usage, multiplier: multiplier)
    }

    /// The prices that hold for a model.
    public func entry(answered: String?, asked: String?) -> PriceTable.Entry? {
        for name in [answered, asked].compactMap(\.self) {
            for table in tables { if let entry = table.entry(name) { return entry } }
        }
        return nil
    }
}
