/// Why a file cannot be read as YAML or an edit of it cannot be made, and the place that stands in the way. After a refused
/// edit nothing has changed.
public struct YAMLError: Error, Sendable, Equatable, CustomStringConvertible {
    /// 1-based; 1:1 where it is the file as a whole.
    public var line: Int
    /// 1-based, in code points.
    public var column: Int
    /// One sentence without a full stop, such as "mapping values are not allowed in this context".
    public var reason: String

    /// Creates an error at a 1-based position.
    public init(line: Int, column: Int, reason: String) {
        self.line = line
        self.column = column
        self.reason = reason
    }

    /// `line 3, column 5: REASON`
    public var description: String { "line \(line), column \(column): \(reason)" }
}
