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

    /// After RFC 3339, such as `2026-11-23T22:40:14.123Z`.
    ///
    /// - Parameter milliseconds: within the second
    public func rfc3339(milliseconds: Int) -> String {
        "\(year)-\(month.twoDigits)-\(day.twoDigits)T\(clock).\(String(1_000 + milliseconds).dropFirst())Z"
    }
}
