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
