/// Points in time as HTTP and JSON APIs write them, as seconds since 1970.
public enum HTTPDate {
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static let longWeekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    /// The three forms of RFC 9110 §5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and
    /// `Sun Nov  6 08:49:37 1994`.
    ///
    /// - Parameter now: a year of two digits is not more than 50 years after it
    public static func unixTime(_ text: String, now: Double = 0) -> Int? {
        let parts = text.split(separator: " ")
        guard let weekday = parts.first, parts.count >= 4 else { return nil }
        if parts.count == 6, parts[5] == "GMT", weekday.last == ",", isWeekday(weekday.dropLast(), weekdays) {
            return unixTime(year: number(parts[3], digits: 4...4), month: parts[2], day: parts[1], time: parts[4])
        }
        if parts.count == 5, isWeekday(weekday, weekdays) {
            return unixTime(year: number(parts[4], digits: 4...4), month: parts[1], day: parts[2], time: parts[3])
        }
        let date = parts[1].split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[3] == "GMT", weekday.last == ",", isWeekday(weekday.dropLast(), longWeekdays),
            date.count == 3, let short = number(date[2], digits: 2...2)
        else { return nil }
        let thisYear = CivilTime(unixTime: Int(max(0, min(now, 1e11)))).year
        var year = thisYear / 100 * 100 + short
        if year > thisYear + 50 { year -= 100 } else if year <= thisYear - 50 { year += 100 }
        return unixTime(year: year, month: date[1], day: date[0], time: parts[2])
    }

    private static func unixTime(year: Int?, month: Substring, day: Substring, time: Substring) -> Int? {
        guard let year, let month = months.firstIndex(of: String(month)), let day = number(day, digits: 1...2),
            let time = secondsOfDay(time)
        else { return nil }
        return unixTime(year: year, month: month + 1, day: day, secondsOfDay: time)
    }

    private static func isWeekday(_ text: Substring, _ names: [String]) -> Bool { names.contains { $0 == text } }

    private static func number(_ text: Substring, digits: ClosedRange<Int>) -> Int? {
        digits.contains(text.utf8.count) && ASCII.isDigits(text) ? Int(text) : nil
    }

    /// The form that `unixTime` reads, for times from 1970 on.
    public static func text(unixTime: Int) -> String {
        let time = CivilTime(unixTime: unixTime)
        let weekday = weekdays[(time.daysSinceEpoch + 4) % 7]
        return "\(weekday), \(time.day.twoDigits) \(months[time.month - 1]) \(time.year) \(time.clock) GMT"
    }

    /// `2026-11-23T10:20:30Z`, with an optional fraction, which is dropped, and an optional offset.
    public static func rfc3339UnixTime(_ text: String) -> Int? {
        guard let separator = text.firstIndex(where: { $0 == "T" || $0 == "t" || $0 == " " }) else { return nil }
        let date = text[..<separator].split(separator: "-")
        let clock = text[text.index(after: separator)...]
        let time = clock.prefix { $0.isNumber || $0 == ":" }
        let zone = clock.dropFirst(time.count).drop { $0 == "." || $0.isNumber }
        guard date.count == 3, let year = number(date[0], digits: 4...4), let month = number(date[1], digits: 2...2),
            let day = number(date[2], digits: 2...2),
            let seconds = secondsOfDay(time), let offset = zoneOffset(zone)
        else { return nil }
        return unixTime(year: year, month: month, day: day, secondsOfDay: seconds).map { $0 - offset }
    }

    private static func zoneOffset(_ zone: Substring) -> Int? {
        if zone == "Z" || zone == "z" { return 0 }
        let parts = zone.dropFirst().split(separator: ":")
        guard let sign = zone.first, sign == "+" || sign == "-", parts.count == 2,
            let hours = number(parts[0], digits: 2...2), let minutes = number(parts[1], digits: 2...2),
            (0...23).contains(hours), (0...59).contains(minutes)
        else { return nil }
        return (sign == "-" ? -1 : 1) * (hours * 3600 + minutes * 60)
    }

    private static func secondsOfDay(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":")
        guard parts.count == 3, let hour = number(parts[0], digits: 2...2),
            let minute = number(parts[1], digits: 2...2), let second = number(parts[2], digits: 2...2),
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    /// Days from the civil calendar, counted in years that begin in March so that the leap day comes last.
    private static func unixTime(year: Int, month: Int, day: Int, secondsOfDay: Int) -> Int? {
        guard (1970...9999).contains(year), (1...12).contains(month),
            (1...length(ofMonth: month, year: year)).contains(day)
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86_400 + secondsOfDay
    }

    private static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
