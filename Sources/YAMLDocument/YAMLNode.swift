/// A node of a parsed document: a view that keeps the parsed file alive and costs nothing to copy.
public struct YAMLNode: Sendable {
    /// What sort of node it is.
    public enum Kind: UInt8, Sendable {
        case scalar, sequence, mapping, alias
    }

    /// How the node is written.
    public enum Style: UInt8, Sendable {
        case plain, singleQuoted, doubleQuoted, literal, folded
        /// A sequence or mapping laid out by indentation.
        case block
        /// A sequence or mapping in brackets or braces.
        case flow

        var isBlockScalar: Bool { self == .literal || self == .folded }
    }

    let tree: YAMLTree
    let index: Int

    var record: NodeRecord { tree.records[index] }

    /// What sort of node it is.
    public var kind: Kind { record.kind }
    /// How it is written; an alias counts as plain.
    public var style: Style { record.style }

    /// The bytes of the node in the file, including its anchor and tag. Empty where `key:` has no value. Comments and
    /// line ends after the node do not belong to it.
    public var span: Range<Int> { Int(record.start)..<Int(record.end) }
    /// 1-based line of the span's first byte.
    public var line: Int { Int(record.line) }
    /// 1-based column of the span's first byte, in code points.
    public var column: Int { Int(record.column) }

    /// The scalar's text after unquoting and unfolding, or the alias's name; empty for collections.
    public var text: String { String(decoding: tree.text(of: index), as: UTF8.self) }

    /// The written tag, resolved (`tag:yaml.org,2002:str` for `!!str`); nil where none is written.
    public var tag: String? { tree.properties(of: index)?.tag }
    /// The name behind `&`; nil where there is none.
    public var anchor: String? { tree.properties(of: index)?.anchor }

    /// The node that an alias stands for, followed through chains; the node itself for every other kind. Nil for an alias
    /// that refers to a collection it is inside of.
    public var resolved: YAMLNode? {
        guard kind == .alias else { return self }
        guard let target = tree.properties(of: index)?.aliasTarget else { return nil }
        let isInside = target <= index && index < Int(tree.records[target].next)
        return isInside ? nil : YAMLNode(tree: tree, index: target)
    }

    /// The entries of a sequence in order; empty for other kinds.
    public var entries: [YAMLNode] {
        kind == .sequence ? tree.children(of: index).map { YAMLNode(tree: tree, index: $0) } : []
    }

    /// The pairs of a mapping in order; empty for other kinds.
    public var pairs: [(key: YAMLNode, value: YAMLNode)] {
        guard kind == .mapping else { return [] }
        let children = tree.children(of: index)
        return stride(from: 0, to: children.count - 1, by: 2).map {
            (YAMLNode(tree: tree, index: children[$0]), YAMLNode(tree: tree, index: children[$0 + 1]))
        }
    }

    /// The value of the first pair with this scalar key.
    public subscript(key: String) -> YAMLNode? {
        tree.firstPair(of: index, key: key).map { YAMLNode(tree: tree, index: $0.value) }
    }

    /// What a plain scalar means by YAML 1.1's rules (`yes` is true); a quoted one is a string. Nil for collections and
    /// aliases.
    public var scalar: YAMLScalar? {
        guard kind == .scalar else { return nil }
        let text = text
        switch tag {
        case nil: return style == .plain ? PlainScalar.resolve(text) : .string(text)
        case "tag:yaml.org,2002:str", "!": return .string(text)
        default: return PlainScalar.resolve(text)
        }
    }
}

extension YAMLNode {
    /// Whether this is the plain key `<<`, which merges other mappings in.
    public var isMergeKey: Bool {
        kind == .scalar && style == .plain && tag == nil && record.textLength == 2 && text == "<<"
    }

    /// A number that no other node of the document has.
    public var position: Int { index }

    /// Whether an anchor or an alias is in the node, or is the node.
    public var holdsAnchorOrAlias: Bool {
        (index..<Int(record.next)).contains {
            tree.records[$0].kind == .alias || tree.properties(of: $0)?.anchor != nil
        }
    }

    /// The pairs that a reader finds in a mapping: its own, and behind them those that are merged into it and that it does
    /// not have itself. What is merged first wins.
    public var mergedPairs: [(key: YAMLNode, value: YAMLNode)] {
        guard kind == .mapping else { return [] }
        var found: [(key: YAMLNode, value: YAMLNode)] = []
        var seen: Set<String> = []
        var visited: Set<Int> = []
        func collect(_ mapping: YAMLNode) {
            // A mapping that is met again, in a circle or by two ways, has nothing new.
            guard visited.insert(mapping.index).inserted else { return }
            let pairs = mapping.pairs
            for pair in pairs where !pair.key.isMergeKey && seen.insert(pair.key.text).inserted { found.append(pair) }
            for pair in pairs where pair.key.isMergeKey {
                for source in pair.value.mergeSources { collect(source) }
            }
        }
        collect(self)
        return found
    }

    /// The mappings that a merge key's value names.
    private var mergeSources: [YAMLNode] {
        guard let target = resolved else { return [] }
        switch target.kind {
        case .mapping: return [target]
        case .sequence: return target.entries.compactMap(\.resolved).filter { $0.kind == .mapping }
        default: return []
        }
    }

    /// What a reader finds under the key: the mapping's own value, else the merged one.
    public func merged(_ key: String) -> YAMLNode? {
        self[key] ?? inherited(key)
    }

    /// What a reader would find under the key if the mapping had none of its own.
    public func inherited(_ key: String) -> YAMLNode? {
        guard kind == .mapping else { return nil }
        for pair in pairs where pair.key.isMergeKey {
            for source in pair.value.mergeSources where source.index != index {
                if let found = source.mergedPairs.first(where: { $0.key.text == key }) { return found.value }
            }
        }
        return nil
    }

    /// Whether a reader of the file gets the value already, however it is written: then it is left alone.
    func reads(as value: YAMLValue) -> Bool {
        guard let node = resolved else { return false }
        return YAMLTree.tagIsTrue(node.tag, of: value) && node.means(value)
    }

    private func means(_ value: YAMLValue) -> Bool {
        switch value {
        case .null: return scalar == .null
        // Other readers take a bare `y` or `n` for a string.
        case .boolean(let flag): return record.textLength > 1 && scalar == .boolean(flag)
        case .integer(let number): return scalar == .integer(number)
        case .string(let text): return scalar == .string(text)
        case .sequence(let items):
            return kind == .sequence && Int(record.childCount) == items.count
                && zip(entries, items).allSatisfy { $0.reads(as: $1) }
        case .mapping(let wanted):
            return kind == .mapping && Int(record.childCount) == wanted.count * 2
                && zip(pairs, wanted).allSatisfy { $0.key.reads(as: .string($1.key)) && $0.value.reads(as: $1.value) }
        }
    }
}

/// A scalar with its type.
public enum YAMLScalar: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case string(String)
}

extension YAMLScalar {
    /// What the text means where it stands unquoted, by YAML 1.1's rules.
    public init(plain text: String) { self = PlainScalar.resolve(text) }
}
