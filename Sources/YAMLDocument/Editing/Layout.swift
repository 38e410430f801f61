/// Works out which bytes to replace; knows how the file is laid out, but not what the edits mean.
struct Layout {
    /// What happens to the children of one collection.
    struct Changes {
        var container: Int
        /// The entries, or the pairs' keys.
        var units: [Int]
        /// Indices of `units`.
        var removed: Set<Int>
        /// In order of position.
        var added: [EditPlan.Insertion]
    }

    let tree: YAMLTree
    let writer: ValueWriter
    /// Nil for a file that is more than JSON.
    let json: JSONStyle?
    var splices: [Splice] = []

    var bytes: [UInt8] { tree.bytes }

    init(_ tree: YAMLTree) {
        self.tree = tree
        json = JSONStyle(tree.bytes)
        writer = ValueWriter(lineBreak: Self.lineBreak(of: tree.bytes), indentStep: Self.indentStep(of: tree))
    }

    func record(_ index: Int) -> NodeRecord { tree.records[index] }
    func start(_ index: Int) -> Int { Int(tree.records[index].start) }
    func end(_ index: Int) -> Int { Int(tree.records[index].end) }

    mutating func splice(_ range: Range<Int>, _ text: String, in container: Int) {
        splices.append(Splice(range, text, container: container))
    }

    /// The file's first line break, if it is one that every editor knows.
    private static func lineBreak(of bytes: [UInt8]) -> String {
        guard let first = bytes.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) else { return "\n" }
        guard bytes[first] == 0x0D else { return "\n" }
        return first + 1 < bytes.count && bytes[first + 1] == 0x0A ? "\r\n" : "\r"
    }

    /// Columns by which the first nested block mapping of the file is indented; 2 where there is none.
    private static func indentStep(of tree: YAMLTree) -> Int {
        guard let root = tree.records.first, root.kind == .mapping, root.style == .block else { return 2 }
        let children = tree.children(of: 0)
        for value in stride(from: 1, to: children.count, by: 2) {
            let record = tree.records[children[value]]
            if record.kind == .mapping, record.style == .block, record.properties < 0, record.column > root.column {
                return Int(record.column - root.column)
            }
        }
        return 2
    }

    // MARK: Lines

    /// Where lines that are to follow the one with `offset` go.
    ///
    /// A line without a break at the end of the file is given one by `lines(_:at:)`.
    func lineBehind(_ offset: Int) -> Int {
        // A block scalar that keeps its blank lines ends where the next line begins.
        if offset > 0, LineBreaks.length(bytes, before: offset) > 0 { return offset }
        return LineBreaks.startOfNextLine(bytes, after: offset)
    }

    /// Whole lines for insertion at the start of a line, or at the end of a file whose last line has no break.
    func lines(_ text: String, at offset: Int) -> String {
        let isOpenEnd = offset == bytes.count && offset > 0 && LineBreaks.length(bytes, before: offset) == 0
        return isOpenEnd && !isAtByteOrderMark(offset) ? writer.lineBreak + text : text + writer.lineBreak
    }

    private func isAtByteOrderMark(_ offset: Int) -> Bool { offset == 3 && bytes.starts(with: [0xEF, 0xBB, 0xBF]) }

    /// The start of the line's text, behind a byte-order mark.
    func lineStart(_ offset: Int) -> Int {
        let start = LineBreaks.startOfLine(bytes, at: offset)
        return start == 0 && offset >= 3 && bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : start
    }

    /// Whether nothing but spaces stands before the offset on its line.
    func beginsLine(_ offset: Int) -> Bool {
        bytes[lineStart(offset)..<offset].allSatisfy(LineBreaks.isSpace)
    }

    func isBlankLine(at start: Int) -> Bool {
        let text = LineBreaks.skippingSpaces(bytes, from: start)
        return text < bytes.count && LineBreaks.length(bytes, at: text) > 0
    }

    /// The 0-based column of a comment that has its line to itself.
    func commentColumn(at start: Int) -> Int? {
        let text = LineBreaks.skippingSpaces(bytes, from: start)
        return text < bytes.count && bytes[text] == UInt8(ascii: "#") ? text - start : nil
    }

    /// The end of the comment lines directly behind `offset` that are indented deeper than `column`: they belong to what
    /// stands before them.
    func endOfOwnComments(from offset: Int, deeperThan column: Int) -> Int {
        var position = offset
        while position < bytes.count, let comment = commentColumn(at: position), comment > column {
            position = LineBreaks.startOfNextLine(bytes, after: position)
        }
        return position
    }

    // MARK: Values in brackets

    /// A value, or a pair, as it is written within brackets or braces.
    ///
    /// - Parameter indent: that of the line it begins; nil in the middle of one.
    func flowText(_ key: String?, _ value: YAMLValue, indent: String?) -> String {
        guard let json else {
            return key.map { ValueWriter.inlinePair($0, value) } ?? ValueWriter.inline(value, in: .flow)
        }
        let text = indent.map { json.text(value, indent: $0, lineBreak: writer.lineBreak) } ?? json.inline(value)
        return (key.map(json.key) ?? "") + text
    }

    /// What stands between two values on one line.
    var comma: String { json?.comma ?? ", " }

    /// The blanks that the line with the offset begins with.
    func indent(ofLineAt offset: Int) -> String {
        let start = lineStart(offset)
        return String(decoding: bytes[start..<LineBreaks.skippingSpaces(bytes, from: start)], as: UTF8.self)
    }

    // MARK: Anchors and tags

    /// What stands before a node's own text.
    struct Properties {
        var tag: Range<Int>?
        /// Behind the anchor or the tag, whichever comes last.
        var end: Int
        /// Where the node's own text begins.
        var content: Int
    }

    /// Nil where the node has neither anchor nor tag.
    func properties(_ index: Int) -> Properties? {
        guard let written = tree.properties(of: index), written.anchor != nil || written.tag != nil else { return nil }
        let limit = end(index)
        var found = Properties(tag: nil, end: start(index), content: start(index))
        while found.content < limit,
            bytes[found.content] == UInt8(ascii: "&") || bytes[found.content] == UInt8(ascii: "!")
        {
            var position = found.content
            while position < limit, !LineBreaks.isSpace(bytes[position]), LineBreaks.length(bytes, at: position) == 0 {
                position += 1
            }
            if bytes[found.content] == UInt8(ascii: "!") { found.tag = found.content..<position }
            found.end = position
            found.content = skippingBlanksAndComments(from: position, limit: limit)
        }
        return found
    }

    /// Where a node's own text begins.
    func content(_ index: Int) -> Int { properties(index)?.content ?? start(index) }

    private func skippingBlanksAndComments(from offset: Int, limit: Int) -> Int {
        var position = offset
        while position < limit {
            let breakLength = LineBreaks.length(bytes, at: position)
            if breakLength > 0 {
                position += breakLength
            } else if LineBreaks.isSpace(bytes[position]) {
                position += 1
            } else if bytes[position] == UInt8(ascii: "#"), position > offset {
                position = LineBreaks.endOfLine(bytes, from: position, limit: limit)
            } else {
                break
            }
        }
        return position
    }

    /// Takes away the tag of a node that gets a value of which it would not be true. An anchor stays: what refers to it is
    /// another matter.
    mutating func dropTag(of index: Int, unlessTrueOf value: YAMLValue, in container: Int) {
        guard let tag = properties(index)?.tag, !YAMLTree.tagIsTrue(tree.properties(of: index)?.tag, of: value) else {
            return
        }
        let behind = LineBreaks.skippingSpaces(bytes, from: tag.upperBound)
        let isFollowed = behind > tag.upperBound && behind < end(index) && LineBreaks.length(bytes, at: behind) == 0
        if isFollowed {
            splice(tag.lowerBound..<behind, "", in: container)
        } else if record(index).kind == .scalar {
            splice(tag, "", in: container)
        } else {
            let line = lineStart(tag.lowerBound)
            splice(LineBreaks.endWithoutBlanks(bytes, in: line..<tag.lowerBound)..<tag.upperBound, "", in: container)
        }
    }

    // MARK: Pairs

    /// The offset of the colon behind a key; nil where the key is written in the long form `? key`.
    func colon(afterKey key: Int) -> Int? {
        guard record(key).kind == .scalar, !record(key).style.isBlockScalar else { return nil }
        let colon = LineBreaks.skippingSpaces(bytes, from: end(key))
        guard colon < bytes.count, bytes[colon] == UInt8(ascii: ":") else { return nil }
        let before = LineBreaks.endWithoutBlanks(bytes, in: lineStart(start(key))..<start(key))
        return before > 0 && bytes[before - 1] == UInt8(ascii: "?") && !beginsLine(start(key)) ? nil : colon
    }

    /// The end of a pair's value, or of its key where the value is empty.
    func pairEnd(_ key: Int) -> Int {
        let value = Int(record(key).next)
        return max(end(value), end(key))
    }

    /// How many present pairs will stand before a new key.
    func position(for placement: KeyPlacement, in mapping: Int, units: [Int], removed: Set<Int>) -> Int {
        let first = units.indices.first { !removed.contains($0) } ?? units.count
        switch placement {
        case .first: return first
        case .last: return (units.indices.last { !removed.contains($0) } ?? units.count - 1) + 1
        case .after(let name):
            for index in units.indices where !removed.contains(index) {
                guard record(units[index]).kind == .scalar, tree.text(of: units[index]).elementsEqual(name.utf8) else {
                    continue
                }
                return record(mapping).style == .flow || standsOnOneLine(units[index]) ? index + 1 : first
            }
            return first
        }
    }

    private func standsOnOneLine(_ key: Int) -> Bool {
        let value = Int(record(key).next)
        guard colon(afterKey: key) != nil, !record(value).style.isBlockScalar, record(value).style != .block else {
            return false
        }
        return LineBreaks.endOfLine(bytes, from: start(key)) >= pairEnd(key)
    }
}
