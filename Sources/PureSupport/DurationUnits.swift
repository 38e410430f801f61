// Durations as numbers and as text, in one place, so that the same time reads the same in the event log, in an explanation
// and in the console.

/// Whole units of a duration, rounded towards zero.
///
/// `components` divides 128 bits by multiplying 128 bits, at some 190 instructions; for each request it would be asked nine
/// times. A power of ten is a power of two and one of five: shifted by the former, what is left of a usual duration fits
/// into a word. These are inlinable because every outcome of a request goes through them.
extension Duration {
    /// Saturates at about 292 years either way.
    @inlinable
    public var wholeNanoseconds: Int64 {
        // 10⁹ = 2⁹ · 5⁹
        if let shifted = shifted(by: 9) { return Int64(shifted / 1_953_125) }
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }

    /// Negative durations count as zero.
    @inlinable
    public var wholeMicroseconds: UInt64 {
        guard self > .zero else { return 0 }
        // 10¹² = 2¹² · 5¹²
        if let shifted = shifted(by: 12) { return shifted / 244_140_625 }
        let (seconds, attoseconds) = components
        let whole = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000)
        return whole.overflow ? .max : whole.partialValue &+ UInt64(attoseconds / 1_000_000_000_000)
    }

    /// Whole seconds; a part of one is dropped.
    @inlinable
    public var wholeSeconds: Int64 {
        // 10¹⁸ = 2¹⁸ · 5¹⁸
        if let shifted = shifted(by: 18) { return Int64(shifted / 3_814_697_265_625) }
        return components.seconds
    }

    /// nil for what is negative or does not fit.
    @inlinable
    func shifted(by count: Int128) -> UInt64? {
        let shifted = attoseconds >> count
        return shifted >= 0 && shifted <= Int128(Int64.max) ? UInt64(truncatingIfNeeded: shifted) : nil
    }
}

extension Duration {
    /// As many seconds as a `Double` can tell: for figures that are shown or written as JSON, where `0.3` must not become
    /// `0.299999999`.
    public var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    /// The same in milliseconds.
    public var inMilliseconds: Double {
        Double(components.seconds) * 1_000 + Double(components.attoseconds) / 1e15
    }

    /// Seconds without what is below a nanosecond. The ranking reckons with it for each outcome, and it is several times
    /// cheaper than `inSeconds`.
    @inlinable
    public var secondsToTheNanosecond: Double { Double(wholeNanoseconds) * 1e-9 }

    /// Such as `3.2 ms`, `810 ms`, `12 s`, `4m42s`, `3h05m`, `2d 4h`: at most three digits of what matters.
    public var shortText: String {
        let milliseconds = inMilliseconds
        if milliseconds <= 0 { return "0 ms" }
        if milliseconds < 10 { return "\((milliseconds * 10).rounded() / 10) ms" }
        if milliseconds < 1_000 { return "\(Int(milliseconds.rounded())) ms" }
        if milliseconds < 10_000 { return "\((milliseconds / 100).rounded() / 10) s" }
        let whole = Int(components.seconds)
        switch whole {
        case ..<60: return "\(whole) s"
        case ..<3_600: return "\(whole / 60)m\((whole % 60).twoDigits)s"
        case ..<86_400: return "\(whole / 3_600)h\((whole / 60 % 60).twoDigits)m"
        default: return "\(whole / 86_400)d \(whole / 3_600 % 24)h"
        }
    }
}
