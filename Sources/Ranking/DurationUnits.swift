/// Whole units of a duration, rounded towards zero.
///
/// `components` divides 128 bits by multiplying 128 bits, at some 190 instructions; for each request it would be asked nine
/// times. A power of ten is a power of two and one of five: shifted by the former, what is left of a usual duration fits
/// into a word.
extension Duration {
    /// Saturates at about 292 years either way.
    package var wholeNanoseconds: Int64 {
        // 10⁹ = 2⁹ · 5⁹
        if let shifted = shifted(by: 9) { return Int64(shifted / 1_953_125) }
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }

    /// Negative durations count as zero.
    package var wholeMicroseconds: UInt64 {
        guard self > .zero else { return 0 }
        // 10¹² = 2¹² · 5¹²
        if let shifted = shifted(by: 12) { return shifted / 244_140_625 }
        let (seconds, attoseconds) = components
        let whole = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000)
        return whole.overflow ? .max : whole.partialValue &+ UInt64(attoseconds / 1_000_000_000_000)
    }

    package var wholeSeconds: Int64 {
        // 10¹⁸ = 2¹⁸ · 5¹⁸
        if let shifted = shifted(by: 18) { return Int64(shifted / 3_814_697_265_625) }
        return components.seconds
    }

    package var inSeconds: Double { Double(wholeNanoseconds) * 1e-9 }

    /// nil for what is negative or does not fit.
    private func shifted(by count: Int128) -> UInt64? {
        let shifted = attoseconds >> count
        return shifted >= 0 && shifted <= Int128(Int64.max) ? UInt64(truncatingIfNeeded: shifted) : nil
    }
}
