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
