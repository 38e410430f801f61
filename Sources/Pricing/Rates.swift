public import LLMWire

/// What tokens cost, of one model: whole picos (10⁻¹² of the currency's unit) for a token of each kind, so that costs are exact
/// integers. A price of `3` for a million tokens is 3,000,000 picos for one.
public struct Rates: Sendable, Hashable {
    /// nil: no price is known, which is not the same as none.
    public var input: Int64?
    /// With the reasoning.
    public var output: Int64?
    /// For tokens that came out of a cache.
    public var cacheRead: Int64?
    /// For tokens put into a cache for five minutes.
    public var cacheWrite5m: Int64?
    /// For an hour.
    public var cacheWrite1h: Int64?

    /// No price is known.
    public init() {}

    /// What this usage costs; nil where a kind of tokens has no price, where nothing is known of the usage, or where the sum is
    /// beyond nine million units.
    ///
    /// - Parameter multiplier: what the endpoint takes of the list price.
    public func cost(of usage: Usage, multiplier: CostMultiplier = .one) -> Int64? {
        let parts: [(tokens: Int64?, rate: Int64?)] = [
            (usage.input, input), (usage.output, output), (usage.cacheRead, cacheRead),
            (usage.cacheWrite5m, cacheWrite5m), (usage.cacheWrite1h, cacheWrite1h),
        ]
        guard parts.contains(where: { $0.tokens != nil }) else { return nil }
        var sum: Int64 = 0
        for (tokens, rate) in parts {
            guard let tokens, tokens > 0 else { continue }
            guard let rate else { return nil }
            let (product, isTooMuch) = tokens.multipliedReportingOverflow(by: rate)
            let (total, isSumTooMuch) = sum.addingReportingOverflow(product)
            if isTooMuch || isSumTooMuch { return nil }
            sum = total
        }
        return multiplier.of(sum)
    }
}

/// What an endpoint takes of the list price: 0 to 100, with four decimals.
public struct CostMultiplier: Sendable, Hashable {
    /// The whole list price.
    public static let one = CostMultiplier(tenThousandths: 10_000)

    let tenThousandths: Int64

    private init(tenThousandths: Int64) { self.tenThousandths = tenThousandths }

    /// nil for what is no such number.
    public init?(_ text: String) {
        guard let value = Decimal.parse(text, digits: 4), value <= 1_000_000 else { return nil }
        tenThousandths = value
    }

    /// Rounded half up.
    func of(_ picos: Int64) -> Int64? {
        if tenThousandths == 10_000 { return picos }
        let (high, low) = picos.multipliedFullWidth(by: tenThousandths)
        let (sum, carries) = low.addingReportingOverflow(5_000)
        let rounded = (high: high + (carries ? 1 : 0), low: sum)
        guard rounded.high < 10_000 else { return nil }
        let quotient = UInt64(10_000).dividingFullWidth((UInt64(rounded.high), rounded.low)).quotient
        return Int64(exactly: quotient)
    }
}

/// Decimal numbers as whole numbers of their last digit, exact.
public enum Decimal {
    /// Such as `0.125` with six digits as 125,000; nil for anything but digits with at most one point and as many decimals.
    public static func parse(_ text: String, digits: Int) -> Int64? {
        var value: Int64 = 0
        var decimals: Int?
        var hasDigits = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "."):
                guard decimals == nil else { return nil }
                decimals = 0
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                hasDigits = true
                if let count = decimals {
                    // Zeros behind the last digit say nothing.
                    guard count < digits || byte == UInt8(ascii: "0") else { return nil }
                    if count >= digits { continue }
                    decimals = count + 1
                }
                guard value < 1_000_000_000_000 else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            default: return nil
            }
        }
        guard hasDigits else { return nil }
        for _ in (decimals ?? 0)..<digits {
            guard value < 1_000_000_000_000_000 else { return nil }
            value *= 10
        }
        return value
    }

    /// Picos as units of the currency, without zeros at the end: `0.0105`.
    public static func text(picos: Int64) -> String {
        let unit: Int64 = 1_000_000_000_000
        let (whole, rest) = picos.magnitude.quotientAndRemainder(dividingBy: unit.magnitude)
        var text = picos < 0 ? "-\(whole)" : "\(whole)"
        if rest > 0 {
            var decimals = String(String(unit.magnitude + rest).dropFirst())
            while decimals.hasSuffix("0") { decimals.removeLast() }
            text += ".\(decimals)"
        }
        return text
    }
}
