/// Why a text is not a valid value, and what to write instead.
public struct ValueProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// One sentence without a full stop.
    public var message: String
    /// What to do about it; may be empty.
    public var fix: String

    /// Creates a problem.
    public init(_ message: String, fix: String = "") {
        self.message = message
        self.fix = fix
    }

    /// The message, with the fix in brackets behind it.
    public var description: String { fix.isEmpty ? message : "\(message) (\(fix))" }
}
