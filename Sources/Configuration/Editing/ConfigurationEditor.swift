public import YAMLDocument

/// Why changes cannot be written into the file. Nothing was changed.
public struct ConfigurationEditError: Error, Sendable, Equatable, CustomStringConvertible {
    /// 1-based position in the file of what stands in the way; 1:1 where it is the file as a whole.
    public var line: Int
    /// 1-based, in code points.
    public var column: Int
    /// One sentence without a full stop.
    public var reason: String

    /// Creates a refusal at a 1-based position.
    public init(line: Int, column: Int, reason: String) {
        self.line = line
        self.column = column
        self.reason = reason
    }

    public var description: String { "line \(line), column \(column): \(reason)" }
}

/// Writes changes into the operator's file, and nothing else.
public enum ConfigurationEditor {
    /// The document with the changes made, verified by reading it again; every other byte is as it was.
    public static func apply(
        _ changes: [ConfigurationChange], to document: YAMLDocument
    ) throws(ConfigurationEditError) -> YAMLDocument {
        guard !changes.isEmpty else { return document }
        throw ConfigurationEditError(line: 1, column: 1, reason: "editing is not available yet")
    }
}
