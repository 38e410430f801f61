/// Durations as they are written in the file: `500ms`, `30s`, `5m`, `1h30m`, `1.5s`.
public enum DurationText {
    /// Reads a duration. Units are `ns`, `us`, `ms`, `s`, `m` and `h`; `0` needs none.
    public static func parse(_ text: String) throws(ValueProblem) -> Duration {
        let problem = ValueProblem(
            "\(SecretSigns.quoted(text)) is not a duration", fix: "write it like 500ms, 30s, 5m or 1h30m")
        guard text != "0" else { return .zero }
        guard !text.isEmpty else { throw problem }
        if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            throw ValueProblem("'\(text)' has no unit", fix: "write \(text)s for seconds or \(text)m for minutes")
        }

        var nanoseconds = 0.0
        var rest = Substring(text).utf8
        while !rest.isEmpty {
            let number = rest.prefix { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
            let unit = rest.dropFirst(number.count).prefix { $0 >= 0x61 && $0 <= 0x7A }
            guard let amount = Double(String(Substring(number))), amount.isFinite,
                let scale = units[String(Substring(unit))]
            else { throw problem }
            nanoseconds += amount * scale
            rest = rest.dropFirst(number.count + unit.count)
        }
        // A century is more than any of these settings can mean, and keeps clear of overflow everywhere.
        guard nanoseconds < 100 * 365 * 86_400 * 1e9 else { throw ValueProblem("'\(text)' is too long") }
        return .nanoseconds(Int64(nanoseconds.rounded()))
    }

    private static let units: [String: Double] = [
        "ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
    ]

    /// The shortest way to write a duration: `1h30m`, `30s`, `500ms`.
    public static func render(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = attoseconds / 1_000_000_000
        var text = ""
        if seconds >= 3600 { text += "\(seconds / 3600)h" }
        if seconds % 3600 >= 60 { text += "\(seconds % 3600 / 60)m" }
        if seconds % 60 > 0 { text += "\(seconds % 60)s" }
        if nanoseconds >= 1_000_000 { text += "\(nanoseconds / 1_000_000)ms" }
        if nanoseconds % 1_000_000 >= 1000 { text += "\(nanoseconds % 1_000_000 / 1000)us" }
        if nanoseconds % 1000 > 0 { text += "\(nanoseconds % 1000)ns" }
        return text.isEmpty ? "0s" : text
    }
}
