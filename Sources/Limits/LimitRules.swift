/// What an endpoint may be asked for: so many requests and tokens a minute, tokens a day, and money.
///
/// In one line it is `requests_per_minute 60, tokens_per_day 2M, spend 10 per day reset 00:00 Asia/Shanghai, reserve 10%`; the file may have it as
/// a mapping too.
public struct LimitRules: Sendable, Equatable {
    /// In any sixty seconds; nil: any number.
    public var requestsPerMinute: Int64?
    /// The same of tokens, all kinds together.
    public var tokensPerMinute: Int64?
    /// From one reset to the next.
    public var tokensPerDay: Int64?
    /// What may be spent.
    public var spend: Spend?
    /// The share of `tokensPerDay` and `spend` that is not used, in hundredths.
    public var reserve: Int64 = 0

    /// An amount of money, and the time for which it has to do.
    public struct Spend: Sendable, Equatable {
        /// In picos of the prices' currency: 10¹² are one.
        public var amount: Int64
        public var period: Period
        /// When a day, week or month begins.
        public var reset = ClockTime(seconds: 0)
    }

    /// How long an amount has to do.
    public enum Period: String, Sendable, CaseIterable {
        /// From the first request on that comes when the last five hours are over.
        case fiveHours = "5h"
        case day
        /// From Monday on.
        case week
        /// From the first on.
        case month
    }

    /// No limit.
    public init() {}

    /// The keys of the mapping, and of the line.
    public static let keys = ["requests_per_minute", "tokens_per_minute", "tokens_per_day", "spend", "reserve"]

    /// - Throws: what is wrong with the text, and what to write.
    public init(_ text: String) throws(LimitsProblem) {
        var seen: Set<String> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(whereSeparator: { " :=".contains($0) && $0 != ":" }).map(String.init)
            guard let first = words.first else {
                throw LimitsProblem("a limit is missing between two commas", fix: Self.example)
            }
            let key = first.hasSuffix(":") ? String(first.dropLast()) : first
            guard Self.keys.contains(key) else {
                throw LimitsProblem("'\(key)' is no limit", fix: "write one of \(Self.keys.joined(separator: ", "))")
            }
            guard seen.insert(key).inserted else { throw LimitsProblem("\(key) is there twice", fix: "remove one") }
            let values = Array(words.dropFirst())
            switch key {
            case "requests_per_minute": requestsPerMinute = try Self.count(values, key)
            case "tokens_per_minute": tokensPerMinute = try Self.count(values, key)
            case "tokens_per_day": tokensPerDay = try Self.count(values, key)
            case "reserve": reserve = try Self.share(values)
            default: spend = try Self.spend(values)
            }
        }
    }

    private static let example = "write requests_per_minute 60, spend 10 per day reset 00:00 Asia/Shanghai, reserve 10%"

    private static func count(_ words: [String], _ key: String) throws(LimitsProblem) -> Int64 {
        guard words.count == 1, let count = number(words[0], places: 0), count > 0 else {
            throw LimitsProblem("\(key) has to be a number above 0", fix: "write \(key) 60, 100k or 2M")
        }
        return count
    }

    private static func share(_ words: [String]) throws(LimitsProblem) -> Int64 {
        guard words.count == 1, words[0].hasSuffix("%"), let share = Int64(words[0].dropLast()), 0...90 ~= share else {
            throw LimitsProblem("reserve has to be a share from 0% to 90%", fix: "write reserve 10%")
        }
        return share
    }

    private static func spend(_ words: [String]) throws(LimitsProblem) -> Spend {
        guard words.count >= 3, words[1] == "per", let amount = number(words[0], places: 12), amount > 0,
            let period = Period(rawValue: words[2])
        else {
            throw LimitsProblem(
                "spend has to be an amount per 5h, day, week or month",
                fix: "write spend 10 per day reset 00:00 Asia/Shanghai")
        }
        var spend = Spend(amount: amount, period: period)
        let rest = Array(words.dropFirst(3))
        guard !rest.isEmpty else { return spend }
        guard rest[0] == "reset", 2...3 ~= rest.count, let seconds = ClockText.seconds(rest[1][...]), seconds < 86_400,
            rest.count == 2 || ZoneName.isPossible(rest[2])
        else {
            throw LimitsProblem("reset has to be a time of day and a time zone", fix: "write reset 00:00 Asia/Shanghai")
        }
        guard period != .fiveHours else {
            throw LimitsProblem(
                "5h begin with the first request, and have no reset", fix: "remove reset, or write per day")
        }
        spend.reset = ClockTime(seconds: seconds, zone: rest.count == 3 ? rest[2] : nil)
        return spend
    }

    /// `1500`, `2M`, `0.5`.
    ///
    /// - Parameter places: decimal places that the result counts by
    private static func number(_ text: String, places: Int) -> Int64? {
        var digits = text.filter { $0 != "_" }
        var zeros = places
        if let suffix = digits.last, let power = ["k": 3, "K": 3, "M": 6, "G": 9][suffix] {
            zeros += power
            digits.removeLast()
        }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard 1...2 ~= parts.count, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { 48...57 ~= $0 } }) else {
            return nil
        }
        let fraction = parts.count == 2 ? String(parts[1]) : ""
        guard fraction.count <= zeros else { return nil }
        return Int64(parts[0] + fraction + String(repeating: "0", count: zeros - fraction.count))
    }

    /// How much of a limit may be used.
    func usable(_ limit: Int64) -> Int64 {
        let (hundredths, rest) = limit.quotientAndRemainder(dividingBy: 100)
        return hundredths * (100 - reserve) + rest * (100 - reserve) / 100
    }

    /// The zones by which it goes; nil stands for the machine's.
    public var zone: String? { spend?.reset.zone }
}
