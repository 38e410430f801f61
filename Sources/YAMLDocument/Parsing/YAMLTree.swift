/// One node, fixed size, so that a tree is one allocation and can be shifted after an edit.
struct NodeRecord: Sendable {
    var kind: YAMLNode.Kind
    var style: YAMLNode.Style
    /// Byte offsets, anchor and tag included.
    var start: Int32
    var end: Int32
    /// 1-based.
    var line: Int32
    var column: Int32
    var textStart: Int32 = 0
    var textLength: Int32 = 0
    /// Index of the first record behind this node's subtree.
    var next: Int32
    /// Direct children; a pair counts two.
    var childCount: Int32 = 0
    /// Index into `YAMLTree.propertyTable`, or -1.
    var properties: Int32 = -1
}

/// What few nodes have.
struct NodeProperties: Sendable, Equatable {
    var anchor: String?
    var tag: String?
    /// For an alias: the record it stands for.
    var aliasTarget: Int?
}

/// A parsed file: nodes in document order, each followed by its children.
final class YAMLTree: Sendable {
    let bytes: [UInt8]
    let records: [NodeRecord]
    /// The scalars' texts, back to back.
    let arena: [UInt8]
    let propertyTable: [NodeProperties]
    /// `%YAML` or `%TAG` is there, or `---`, or `...`.
    let hasDocumentMarkers: Bool

    init(
        bytes: [UInt8], records: [NodeRecord], arena: [UInt8], propertyTable: [NodeProperties], hasDocumentMarkers: Bool
    ) {
        self.bytes = bytes
        self.records = records
        self.arena = arena
        self.propertyTable = propertyTable
        self.hasDocumentMarkers = hasDocumentMarkers
    }

    /// Whether any part of the file is used in a second place.
    var hasAliases: Bool { propertyTable.contains { $0.aliasTarget != nil } }

    func text(of index: Int) -> ArraySlice<UInt8> {
        let record = records[index]
        return arena[Int(record.textStart)..<Int(record.textStart + record.textLength)]
    }

    func properties(of index: Int) -> NodeProperties? {
        let row = records[index].properties
        return row < 0 ? nil : propertyTable[Int(row)]
    }

    /// Whether a written tag says of a value what it is without one.
    static func tagIsTrue(_ tag: String?, of value: YAMLValue) -> Bool {
        guard let tag else { return true }
        return switch value {
        case .null: tag == "tag:yaml.org,2002:null"
        case .boolean: tag == "tag:yaml.org,2002:bool"
        case .integer: tag == "tag:yaml.org,2002:int"
        case .string: tag == "tag:yaml.org,2002:str" || tag == "!"
        case .sequence: tag == "tag:yaml.org,2002:seq" || tag == "!"
        case .mapping: tag == "tag:yaml.org,2002:map" || tag == "!"
        }
    }

    /// The records of the direct children, keys and values alternating in a mapping.
    func children(of index: Int) -> [Int] {
        var children: [Int] = []
        children.reserveCapacity(Int(records[index].childCount))
        var child = index + 1
        for _ in 0..<records[index].childCount {
            children.append(child)
            child = Int(records[child].next)
        }
        return children
    }

    /// The first pair of a mapping that has this scalar key.
    func firstPair(of index: Int, key: String) -> (key: Int, value: Int)? {
        guard records[index].kind == .mapping else { return nil }
        var child = index + 1
        for _ in 0..<records[index].childCount / 2 {
            let value = Int(records[child].next)
            if records[child].kind == .scalar, text(of: child).elementsEqual(key.utf8) { return (child, value) }
            child = Int(records[value].next)
        }
        return nil
    }
}
