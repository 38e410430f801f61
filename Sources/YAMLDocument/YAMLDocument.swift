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

/// One change to a document.
///
/// All paths of one `applying(_:)` call refer to the document as it was before any of its edits, so edits commute.
public enum YAMLEdit: Sendable, Equatable {
    /// Replaces the value at the path. A sequence of scalars over a sequence of scalars touches only the items that differ.
    case set(YAMLPath, YAMLValue)
    /// Adds a key to the mapping at the path.
    case insertKey(String, YAMLValue, into: YAMLPath, placement: KeyPlacement)
    /// Adds an entry to the sequence at the path, before the entry that has the index now; the count appends.
    case insertEntry(YAMLValue, into: YAMLPath, at: Int)
    /// Removes the pair or the entry at the path.
    case remove(YAMLPath)
}

/// Where a new key goes.
public enum KeyPlacement: Sendable, Equatable {
    case first
    case last
    /// Behind this key if its whole pair stands on one line, else first.
    case after(String)
}

/// The way from the root to a node.
public struct YAMLPath: Sendable, Hashable, ExpressibleByArrayLiteral, CustomStringConvertible {
    /// One step down: into a mapping or into a sequence.
    public enum Step: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
        case key(String)
        case index(Int)

        /// A key.
        public init(stringLiteral value: String) { self = .key(value) }
        /// A 0-based position.
        public init(integerLiteral value: Int) { self = .index(value) }
    }

    /// From the root downwards.
    public var steps: [Step]

    /// Creates a path from its steps; none is the root.
    public init(_ steps: [Step]) { self.steps = steps }
    /// `["endpoints", 2, "name"]`
    public init(arrayLiteral elements: Step...) { self.steps = elements }

    /// The path one step further down.
    public func appending(_ step: Step) -> YAMLPath { YAMLPath(steps + [step]) }

    /// `endpoints[2].name`
    public var description: String {
        guard !steps.isEmpty else { return "the document" }
        var text = ""
        for step in steps {
            switch step {
            case .key(let key): text += text.isEmpty ? key : ".\(key)"
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}

/// A value to be written, independent of how it is laid out in the file.
public indirect enum YAMLValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    /// Quoted wherever a reader would otherwise see another type or another text.
    case string(String)
    case sequence([YAMLValue])
    case mapping([YAMLPair])

    /// A mapping from keys and values in the order they are to be written.
    public static func mapping(_ pairs: KeyValuePairs<String, YAMLValue>) -> YAMLValue {
        .mapping(pairs.map { YAMLPair(key: $0.key, value: $0.value) })
    }

    var isScalar: Bool {
        switch self {
        case .null, .boolean, .integer, .string: true
        case .sequence, .mapping: false
        }
    }
}

/// One `key: value` of a mapping to be written.
public struct YAMLPair: Sendable, Equatable {
    /// The key's text; quoted where it has to be.
    public var key: String
    /// What is written behind the colon.
    public var value: YAMLValue

    /// Creates a pair.
    public init(key: String, value: YAMLValue) {
        self.key = key
        self.value = value
    }
}

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
