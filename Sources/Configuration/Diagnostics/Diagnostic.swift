public import PodiumModel

/// One finding in a configuration file.
public struct Diagnostic: Sendable, Equatable {
    /// How much it matters.
    public typealias Severity = PodiumModel.Severity

    /// How much it matters.
    public var severity: Severity
    /// 1-based.
    public var line: Int
    /// 1-based, in code points.
    public var column: Int
    /// One sentence without a full stop.
    public var message: String
    /// The offending text as it stands in the file, secrets masked, at most 80 characters; empty where there is none.
    public var excerpt: String
    /// What to do about it; empty where the message says it all.
    public var fix: String

    /// Creates a finding at a 1-based position.
    public init(
        severity: Severity, line: Int, column: Int, message: String, excerpt: String = "", fix: String = ""
    ) {
        self.severity = severity
        self.line = line
        self.column = column
        self.message = message
        self.excerpt = excerpt
        self.fix = fix
    }

    /// `FILE:LINE:COLUMN: error: message`, the form that editors jump to, with the fix behind a dash.
    public func rendered(file: String) -> String {
        let advice = fix.isEmpty ? "" : " (\(fix))"
        let text = excerpt.isEmpty ? "" : ": \(excerpt)"
        return "\(file):\(line):\(column): \(severity.rawValue): \(message)\(text)\(advice)"
    }
}
