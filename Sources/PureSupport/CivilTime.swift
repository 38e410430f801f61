/// A second of the UTC calendar, for the dates in HTTP headers and log lines.
///
/// Reckoned here and not by the C library, since modules without I/O need it too.
public struct CivilTime: Sendable, Equatable {
    /// Such as 2026.
    public let year: Int
    /// 1 to 12.
    public let month: Int
    /// 1 to 31.
    public let day: Int
    /// 0 to 23.
    public let hour: Int
    /// 0 to 59.
    public let minute: Int
    /// 0 to 59.
    public let second: Int
    /// Days since 1970-01-01, which was a Thursday.
    public let daysSinceEpoch: Int

    /// - Parameter unixTime: seconds since 1970; what lies before counts as 1970
    public init(unixTime: Int) {
        let time = max(0, unixTime)
        daysSinceEpoch = time / 86_400
        (hour, minute, second) = (time % 86_400 / 3_600, time / 60 % 60, time % 60)
        // Years begin in March here, so that the leap day comes last.
        let shifted = daysSinceEpoch + 719_468
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + shifted / 146_097 * 400 + (month <= 2 ? 1 : 0)
    }

    /// `22:40:14`
    public var clock: String { "\(hour.twoDigits):\(minute.twoDigits):\(second.twoDigits)" }

    /// `2026-11-23`
    public var date: String { "\(year)-\(month.twoDigits)-\(day.twoDigits)" }

    /// After RFC 3339, such as `2026-11-23T22:40:14.123Z`.
    ///
    /// - Parameter milliseconds: within the second
    public func rfc3339(milliseconds: Int) -> String {
        "\(date)T\(clock).\(String(1_000 + milliseconds).dropFirst())Z"
    }
}

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
