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
