internal import PureSupport

/// Numbers in the few columns a dashboard has for them. All panels take their figures from here, so that the same figure reads the
/// same wherever it is shown, and a column never grows with its number.
enum Quantity {
    /// `780` below a second, then `3.1s`, `42s`, `12m`; `—` for nil.
    static func latency(_ duration: Duration?, dash: String) -> String {
        guard let duration else { return dash }
        let milliseconds = duration.inMilliseconds
        if milliseconds < 999.5 { return String(Int(milliseconds.rounded())) }
        if milliseconds < 9_950 { return fixed(milliseconds / 1_000, 1) + "s" }
        if milliseconds < 99_500 { return String(Int((milliseconds / 1_000).rounded())) + "s" }
        return String(Int((milliseconds / 60_000).rounded())) + "m"
    }

    /// `812ms`, `3.1s`.
    static func latencyWithUnit(_ duration: Duration?, dash: String) -> String {
        let text = latency(duration, dash: dash)
        return text.last?.isNumber == true ? text + "ms" : text
    }

    /// `3.2`, `41.0`, `1250`: milliseconds of a flush.
    static func milliseconds(_ duration: Duration) -> String {
        let value = duration.inMilliseconds
        return value < 999.95 ? fixed(value, 1) : String(Int(value.rounded()))
    }

    /// `18s`, `4m42`, `1h05`, `3d04`.
    static func age(_ duration: Duration) -> String {
        let seconds = Int(max(0, duration.inMilliseconds / 1_000).rounded(.up))
        if seconds < 100 { return "\(seconds)s" }
        if seconds < 6_000 { return "\(seconds / 60)m\((seconds % 60).twoDigits)" }
        if seconds < 360_000 { return "\(seconds / 3_600)h\((seconds / 60 % 60).twoDigits)" }
        return "\(seconds / 86_400)d\((seconds / 3_600 % 24).twoDigits)"
    }

    /// `3d 04:12`, `04:12`.
    static func uptime(_ duration: Duration) -> String {
        let minutes = Int(duration.inMilliseconds / 60_000)
        let clock = "\((minutes / 60 % 24).twoDigits):\((minutes % 60).twoDigits)"
        return minutes >= 1_440 ? "\(minutes / 1_440)d \(clock)" : clock
    }

    /// `4.1 K`, `812 B`, `61 M`: bytes with one blank, as the file column shows them.
    static func bytes(_ count: UInt64?, dash: String) -> String {
        guard let count else { return dash }
        if count < 1_000 { return "\(count) B" }
        var value = Double(count) / 1_024
        for unit in ["K", "M", "G"] {
            if value < 9.95 { return fixed(value, 1) + " " + unit }
            if value < 999.5 { return String(Int(value.rounded())) + " " + unit }
            value /= 1_024
        }
        return String(Int(value.rounded())) + " T"
    }

    /// `1.2 MB/s`, `88 kB/s`.
    static func byteRate(_ rate: Double) -> String {
        if rate < 999.5 { return "\(Int(rate.rounded())) B/s" }
        var value = rate / 1_000
        for unit in ["kB/s", "MB/s"] {
            if value < 9.95 { return fixed(value, 1) + " " + unit }
            if value < 999.5 { return String(Int(value.rounded())) + " " + unit }
            value /= 1_000
        }
        return fixed(value, 1) + " GB/s"
    }

    /// The top of a scale: the next of 1, 2 and 5 times a power of ten; 0 for nothing.
    static func scale(_ most: Double) -> Double {
        guard most > 0, most < 1e15 else { return 0 }
        var power = 1.0
        while power * 10 < most { power *= 10 }
        return [1, 2, 5, 10].first { power * $0 >= most }.map { power * $0 } ?? most
    }

    /// `6.1`, `42`, `1.2k`, `12k`, `1.5M`: requests per second in at most four columns.
    static func rate(_ rate: Double) -> String {
        if rate < 99.95 { return fixed(rate, 1) }
        if rate < 9_999.5 { return String(Int(rate.rounded())) }
        if rate < 999_500 { return String(Int((rate / 1_000).rounded())) + "k" }
        return fixed(rate / 1_000_000, 1) + "M"
    }

    /// `99.8`, `100`, `31.0`: a fraction as per cent; never rounds a failure away.
    static func percent(_ fraction: Double?, dash: String) -> String {
        guard let fraction, fraction.isFinite else { return dash }
        if fraction >= 1 { return "100" }
        return fixed(min(fraction * 100, 99.9), 1)
    }

    /// `1,204`.
    static func grouped(_ count: UInt64) -> String {
        var digits = Array(String(count))
        var index = digits.count - 3
        while index > 0 {
            digits.insert(",", at: index)
            index -= 3
        }
        return String(digits)
    }

    /// At most `width` columns: `999`, `12k`, `3M`.
    static func count(_ count: UInt64, width: Int) -> String {
        let plain = String(count)
        if plain.count <= width { return plain }
        for (unit, size) in [("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)] as [(String, UInt64)] {
            let text = String(count / size) + unit
            if text.count <= width { return text }
        }
        return String(repeating: "#", count: max(0, width))
    }

    /// `12:04:29`.
    static func clock(_ time: Double, utcOffset: Int) -> String {
        let day = secondOfDay(time, utcOffset: utcOffset)
        return "\((day / 3_600).twoDigits):\((day / 60 % 60).twoDigits):\((day % 60).twoDigits)"
    }

    /// `12:04:29.114`.
    static func preciseClock(_ time: Double, utcOffset: Int) -> String {
        // 13.87 is a little less as a binary fraction; half a microsecond more than makes up for it.
        let seconds = time + 0.000_000_5
        let fraction = seconds.isFinite ? Int((seconds - seconds.rounded(.down)) * 1_000) : 0
        let text = String(min(999, fraction))
        return clock(seconds, utcOffset: utcOffset) + "."
            + String(repeating: "0", count: 3 - text.count) + text
    }

    /// A number with that many digits after the point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "?" }
        let scale = digits == 0 ? 1.0 : digits == 1 ? 10.0 : 100.0
        let scaled = Int((value * scale).rounded())
        guard digits > 0 else { return String(scaled) }
        let unit = Int(scale)
        let fraction = String(abs(scaled % unit))
        let sign = scaled < 0 && scaled / unit == 0 ? "-" : ""
        return sign + "\(scaled / unit)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    private static func secondOfDay(_ time: Double, utcOffset: Int) -> Int {
        guard time.isFinite, abs(time) < 1e12 else { return 0 }
        let seconds = (Int(time.rounded(.down)) + utcOffset) % 86_400
        return seconds < 0 ? seconds + 86_400 : seconds
    }
}
