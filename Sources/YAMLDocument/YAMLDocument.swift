/// A YAML file: its bytes, and the tree that was read from them.
///
/// Immutable and safe to share between threads. Editing gives a new document that shares nothing it must not.
public struct YAMLDocument: Sendable {
    /// Larger files are refused.
    public static let maximumByteCount = 16 << 20
    /// Deeper nesting is refused.
    public static let maximumDepth = 100

    let tree: YAMLTree

    /// Reads a file.
    ///
    /// Refused with line and column: syntax errors, more than one document, UTF-16, invalid UTF-8, files over
    /// `maximumByteCount` and nesting beyond `maximumDepth`.
    public init(bytes: [UInt8]) throws(YAMLError) {
        tree = try TreeBuilder.parse(bytes)
    }

    init(tree: YAMLTree) {
        self.tree = tree
    }

    /// The file, byte for byte.
    public var bytes: [UInt8] { tree.bytes }

    /// Nil for a file of nothing but comments and blank lines.
    public var root: YAMLNode? {
        tree.records.isEmpty ? nil : YAMLNode(tree: tree, index: 0)
    }

    /// Whether any part of the file is used in a second place.
    public var hasAliases: Bool { tree.hasAliases }

    /// The document with the edits made, every other byte as it was.
    ///
    /// The result has been parsed again and compared: everything but the intended values is equal. What cannot be edited
    /// safely is refused with the place and the reason.
    public func applying(_ edits: [YAMLEdit]) throws(YAMLError) -> YAMLDocument {
        guard !edits.isEmpty else { return self }
        let plan = try EditPlan(edits, tree: tree)
        let edited = try plan.apply()
        return YAMLDocument(tree: edited)
    }
}
