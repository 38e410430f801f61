// A parsed file as a flat table of nodes, and how the table is built from the parser's events. Everything that reads or edits a document
// goes by this table; `YAMLNode` is a view of one row.

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

/// Anchor, tag and alias target of a node. Few nodes have any of them, so they lie outside the records, in a table of their own.
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

/// Builds a tree from the parser's events.
struct TreeBuilder {
    private var records: [NodeRecord] = []
    private var arena: [UInt8] = []
    private var propertyTable: [NodeProperties] = []
    private var anchors: [String: Int] = [:]
    private var open: [Int] = []
    private var hasDocumentMarkers = false
    private let bytes: UnsafeBufferPointer<UInt8>
    /// Bytes of the byte-order mark, which the parser never sees.
    private let prefix: Int
    private var cursor: CodePointCursor

    static func parse(_ bytes: [UInt8]) throws(YAMLError) -> YAMLTree {
        guard bytes.count <= YAMLDocument.maximumByteCount else {
            throw YAMLError(
                line: 1, column: 1,
                reason: "the file has \(bytes.count) bytes; at most \(YAMLDocument.maximumByteCount) are read")
        }
        try refuseWideEncodings(bytes)
        let outcome = bytes.withUnsafeBufferPointer { buffer -> Result<TreeBuilder, YAMLError> in
            do throws(YAMLError) {
                var builder = TreeBuilder(buffer)
                try builder.readDocument()
                return .success(builder)
            } catch {
                return .failure(error)
            }
        }
        let builder = try outcome.get()
        return YAMLTree(
            bytes: bytes, records: builder.records, arena: builder.arena, propertyTable: builder.propertyTable,
            hasDocumentMarkers: builder.hasDocumentMarkers)
    }

    private static func refuseWideEncodings(_ bytes: [UInt8]) throws(YAMLError) {
        let first = bytes.prefix(4)
        let isWide =
            first.starts(with: [0xFF, 0xFE]) || first.starts(with: [0xFE, 0xFF])
            || (first.count >= 2 && (first[0] == 0) != (first[1] == 0))
        if isWide { throw YAMLError(line: 1, column: 1, reason: "the file is UTF-16 or UTF-32; save it as UTF-8") }
    }

    private init(_ buffer: UnsafeBufferPointer<UInt8>) {
        prefix = buffer.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        bytes = UnsafeBufferPointer(rebasing: buffer[prefix...])
        cursor = CodePointCursor(bytes)
        records.reserveCapacity(bytes.count / 12)
        arena.reserveCapacity(bytes.count)
    }

    private mutating func readDocument() throws(YAMLError) {
        let reader = try EventReader(bytes)
        var documents = 0
        while true {
            let event = try reader.next()
            switch event.kind {
            case .streamEnd:
                return
            case .documentStart(let isExplicit):
                documents += 1
                hasDocumentMarkers = hasDocumentMarkers || isExplicit
                if documents > 1 {
                    throw YAMLError(
                        line: event.start.line, column: event.start.column,
                        reason: "a second document begins here; the file must hold one")
                }
            case .documentEnd(let isExplicit):
                hasDocumentMarkers = hasDocumentMarkers || isExplicit
            case .node(let kind, let style):
                try append(event, kind, style)
            case .collectionEnd:
                close(event)
            }
        }
    }

    private mutating func append(_ event: ParsedEvent, _ kind: YAMLNode.Kind, _ style: YAMLNode.Style) throws(YAMLError)
    {
        let index = records.count
        var record = NodeRecord(
            kind: kind, style: style, start: offset(event.start), end: offset(event.end), line: Int32(event.start.line),
            column: Int32(event.start.column), next: Int32(index + 1))
        if let parent = open.last { records[parent].childCount += 1 }

        switch kind {
        case .scalar:
            if style.isBlockScalar { record.end = blockScalarEnd(record) }
            appendText(event.text, to: &record)
        case .alias:
            let name = event.anchor ?? ""
            name.utf8.withContiguousStorageIfAvailable { appendText($0, to: &record) }
        case .sequence, .mapping:
            guard open.count < YAMLDocument.maximumDepth else {
                throw YAMLError(
                    line: event.start.line, column: event.start.column,
                    reason: "nested deeper than \(YAMLDocument.maximumDepth) levels")
            }
            open.append(index)
        }
        try addProperties(event, to: &record, at: index)
        records.append(record)
        if kind == .scalar || kind == .alias { extendParent(to: record.end) }
    }

    private mutating func addProperties(
        _ event: ParsedEvent, to record: inout NodeRecord, at index: Int
    ) throws(YAMLError) {
        guard event.anchor != nil || event.tag != nil else { return }
        record.properties = Int32(propertyTable.count)
        if record.kind == .alias {
            // libyaml leaves aliases to its caller; every reader that composes a document refuses this one.
            guard let name = event.anchor, let target = anchors[name] else {
                throw YAMLError(
                    line: event.start.line, column: event.start.column,
                    reason: "the alias *\(event.anchor ?? "") refers to no anchor &\(event.anchor ?? "") before it")
            }
            propertyTable.append(NodeProperties(aliasTarget: target))
        } else {
            propertyTable.append(NodeProperties(anchor: event.anchor, tag: event.tag))
            if let anchor = event.anchor { anchors[anchor] = index }
        }
    }

    private mutating func close(_ event: ParsedEvent) {
        guard let index = open.popLast() else { return }
        records[index].next = Int32(records.count)
        // The parser's own end mark of a block collection lies behind the comments that follow it.
        if records[index].style == .flow { records[index].end = offset(event.end) }
        extendParent(to: records[index].end)
    }

    private mutating func extendParent(to end: Int32) {
        guard let parent = open.last else { return }
        records[parent].end = max(records[parent].end, end)
    }

    private mutating func appendText(_ text: UnsafeBufferPointer<UInt8>, to record: inout NodeRecord) {
        record.textStart = Int32(arena.count)
        record.textLength = Int32(text.count)
        arena.append(contentsOf: text)
    }

    private mutating func offset(_ mark: ParsedEvent.Mark) -> Int32 {
        Int32(cursor.byteOffset(of: mark.codePoint) + prefix)
    }

    /// The end of the last line that has text, before its line break: blank lines behind a block scalar are layout, unless
    /// `+` makes them part of its text.
    private func blockScalarEnd(_ record: NodeRecord) -> Int32 {
        let start = Int(record.start) - prefix
        let end = Int(record.end) - prefix
        let header = bytes[start..<end].prefix {
            $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "#")
        }
        if header.contains(UInt8(ascii: "+")) { return record.end }
        let last = LineBreaks.endWithoutBlanks(bytes, in: start..<end)
        return Int32(LineBreaks.endOfLine(bytes, from: last, limit: end) + prefix)
    }
}

/// Turns libyaml's positions, which count code points, into byte offsets.
///
/// Positions come almost in order, so it walks from the last one; in ASCII there is nothing to walk.
private struct CodePointCursor {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let isASCII: Bool
    private var codePoint = 0
    private var offset = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        var bits: UInt8 = 0
        for byte in bytes { bits |= byte }
        isASCII = bits < 0x80
    }

    mutating func byteOffset(of target: Int) -> Int {
        if isASCII { return min(target, bytes.count) }
        while codePoint < target, offset < bytes.count {
            offset += 1
            while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
            codePoint += 1
        }
        while codePoint > target, offset > 0 {
            offset -= 1
            while offset > 0, bytes[offset] & 0xC0 == 0x80 { offset -= 1 }
            codePoint -= 1
        }
        return offset
    }
}
