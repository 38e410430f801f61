internal import PureSupport

// Values as text, and what is said of a text that is none. The file's reader, the control API, the options of `podium endpoint` and the
// console's form all come here, so that the same text is right or wrong everywhere, for the same reason in the same words.

/// Why a text is not a valid value, and what to write instead.
public struct ValueProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// One sentence without a full stop.
    public var message: String
    /// What to do about it; may be empty.
    public var fix: String
    /// The same in a few words, where there is room for no more; the message where it is short enough itself.
    public var brief: String {
        get { briefIfShorter ?? message }
        set { briefIfShorter = newValue }
    }

    private var briefIfShorter: String?

    /// - Parameter brief: where the message is too long for the line of a form.
    public init(_ message: String, fix: String = "", brief: String? = nil) {
        self.message = message
        self.fix = fix
        briefIfShorter = brief
    }

    /// The message, with the fix in brackets behind it.
    public var description: String { fix.isEmpty ? message : "\(message) (\(fix))" }
}

extension ValueProblem {
    /// A number that is not in the range.
    public static func outOfRange(_ range: ClosedRange<Int>, _ key: String) -> ValueProblem {
        ValueProblem(
            "\(key) has to be \(range.lowerBound) to \(range.upperBound)",
            brief: "must be \(range.lowerBound)–\(range.upperBound)")
    }
}

/// Words as a sentence lists them.
public enum WordList {
    /// `a, b or c`
    public static func joined(_ words: [String], last conjunction: String) -> String {
        guard words.count > 1 else { return words.joined() }
        return words.dropLast().joined(separator: ", ") + " \(conjunction) " + (words.last ?? "")
    }
}

/// Finds the name that was probably meant.
public enum NearestName {
    /// The closest candidate within one typing slip for short names, two for longer ones.
    public static func suggestion(for name: String, among candidates: some Sequence<String>) -> String? {
        let folded = fold(name)
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(Array(folded.utf8), Array(fold(candidate).utf8))
            if distance <= (candidate.utf8.count <= 5 ? 1 : 2), distance < best?.distance ?? .max {
                best = (candidate, distance)
            }
        }
        return best?.name
    }

    private static func fold(_ name: String) -> String {
        String(name.lowercased().map { $0 == "-" || $0 == " " ? "_" : $0 }.prefix(64))
    }

    /// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in 1...left.count {
            var current = [row] + [Int](repeating: 0, count: right.count)
            for column in 1...right.count {
                let cost = left[row - 1] == right[column - 1] ? 0 : 1
                current[column] = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + cost)
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    current[column] = min(current[column], beforeLast[column - 2] + 1)
                }
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}

/// Durations as they are written in the file: `500ms`, `30s`, `5m`, `1h30m`, `1.5s`.
public enum DurationText {
    /// Reads a duration. Units are `ns`, `us`, `ms`, `s`, `m` and `h`; `0` needs none.
    public static func parse(_ text: String) throws(ValueProblem) -> Duration {
        let problem = ValueProblem(
            "\(SecretSigns.quoted(text)) is not a duration", fix: "write it like 500ms, 30s, 5m or 1h30m")
        guard text != "0" else { return .zero }
        guard !text.isEmpty else { throw problem }
        if text.utf8.allSatisfy({ ASCII.isDigit($0) }) {
            throw ValueProblem("'\(text)' has no unit", fix: "write \(text)s for seconds or \(text)m for minutes")
        }

        var nanoseconds = 0.0
        var rest = Substring(text).utf8
        while !rest.isEmpty {
            let number = rest.prefix { ASCII.isDigit($0) || $0 == UInt8(ascii: ".") }
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
        "ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "d": 86_400e9,
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

/// Shares below one as they are written in the file: `15%` or `0.15`.
public enum FractionText {
    /// Reads a share; 0 to below 1.
    public static func parse(_ text: String) throws(ValueProblem) -> Double {
        let problem = ValueProblem(
            "\(SecretSigns.quoted(text)) is not a share below 100%", fix: "write it like 15% or 0.15")
        let isPercent = text.last == "%"
        let digits = isPercent ? String(text.dropLast()) : text
        guard digits.utf8.allSatisfy({ ASCII.isDigit($0) || $0 == UInt8(ascii: ".") }),
            let number = Double(digits)
        else { throw problem }
        let fraction = isPercent ? number / 100 : number
        guard (0..<1).contains(fraction) else { throw problem }
        return fraction
    }
}
