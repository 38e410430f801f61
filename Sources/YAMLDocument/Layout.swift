/// Works out which bytes of the file to replace. It knows how the file is laid out (indents, line breaks, comments, blank lines,
/// brackets), but not what the edits mean: `EditPlan` tells it what is to become of which node and takes its splices.
///
/// The rules here are those that an operator would follow by hand: a comment belongs to the line it stands on or above, a new entry
/// looks like its neighbours, and what is removed takes its comments along and leaves no gap.
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
    private func lineBehind(_ offset: Int) -> Int {
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

    private func isBlankLine(at start: Int) -> Bool {
        let text = LineBreaks.skippingSpaces(bytes, from: start)
        return text < bytes.count && LineBreaks.length(bytes, at: text) > 0
    }

    /// The 0-based column of a comment that has its line to itself.
    private func commentColumn(at start: Int) -> Int? {
        let text = LineBreaks.skippingSpaces(bytes, from: start)
        return text < bytes.count && bytes[text] == UInt8(ascii: "#") ? text - start : nil
    }

    /// The end of the comment lines directly behind `offset` that are indented deeper than `column`: they belong to what
    /// stands before them.
    private func endOfOwnComments(from offset: Int, deeperThan column: Int) -> Int {
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
    private func flowText(_ key: String?, _ value: YAMLValue, indent: String?) -> String {
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

    /// Anchor and tag of a node, which stand before its own text.
    private struct Properties {
        var tag: Range<Int>?
        /// Behind the anchor or the tag, whichever comes last.
        var end: Int
        /// Where the node's own text begins.
        var content: Int
    }

    /// Nil where the node has neither anchor nor tag.
    private func properties(_ index: Int) -> Properties? {
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

    /// Takes away the tag of a node that gets a value of which the tag would not be true. An anchor stays: whether its aliases
    /// allow the change is for `EditPlan` to say.
    private mutating func dropTag(of index: Int, unlessTrueOf value: YAMLValue, in container: Int) {
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
    private func pairEnd(_ key: Int) -> Int {
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

extension Layout {
    mutating func changeBlockMapping(_ changes: Changes) throws(YAMLError) {
        guard changes.removed.count < changes.units.count else {
            throw tree.refusal(at: changes.container, "all keys of a mapping cannot be exchanged at once")
        }
        for unit in changes.units where colon(afterKey: unit) == nil {
            throw tree.refusal(at: unit, "a key of this mapping is not plain text before a colon")
        }
        removePairs(changes)
        for insertion in changes.added { insertPair(insertion, changes) }
    }

    private mutating func insertPair(_ insertion: EditPlan.Insertion, _ changes: Changes) {
        let units = changes.units
        let column = Int(record(units[0]).column) - 1
        let text = writer.pair(insertion.key ?? "", insertion.value, indent: column)
        let indent = String(repeating: " ", count: column)
        if insertion.position == 0 || changes.removed.contains(insertion.position - 1) {
            let next = start(units[min(insertion.position, units.count - 1)])
            splice(next..<next, text + writer.lineBreak + indent, in: changes.container)
        } else {
            var offset = lineBehind(pairEnd(units[insertion.position - 1]))
            // At the top level, a comment at the keys' column is as likely to be about what follows.
            let outside = column == 0 ? 0 : column - 1
            if insertion.position == units.count { offset = endOfOwnComments(from: offset, deeperThan: outside) }
            splice(offset..<offset, lines(indent + text, at: offset), in: changes.container)
        }
    }

    private mutating func removePairs(_ changes: Changes) {
        let units = changes.units
        var firstOnItsOwnLine = 0
        if changes.removed.contains(0), !beginsLine(start(units[0])) {
            // The first key stands behind the entry's dash: the next one that stays takes its place.
            let next = units.indices.first { !changes.removed.contains($0) } ?? 0
            let last = pairEnd(units[next - 1])
            let begin = start(units[next])
            let isAdjacent = lineBehind(last) == lineStart(begin)
            splice(
                start(units[0])..<(isAdjacent ? begin : LineBreaks.endOfLine(bytes, from: last)), "",
                in: changes.container)
            firstOnItsOwnLine = next
        }
        for index in changes.removed.sorted() where index >= firstOnItsOwnLine {
            splice(lineStart(start(units[index]))..<lineBehind(pairEnd(units[index])), "", in: changes.container)
        }
    }
}

extension Layout {
    mutating func changeBlockSequence(_ changes: Changes) throws(YAMLError) {
        let units = changes.units
        let key = changes.container - 1
        // Both removed and added: blank lines stay as they are, so that places do not overlap.
        let isMixed = !changes.removed.isEmpty && !changes.added.isEmpty
        for index in changes.removed.sorted() {
            guard let extent = entryExtent(units, index, key: key) else {
                throw tree.refusal(at: units[index], "the entry begins on another one's line")
            }
            let isAlone = index == 0 || !changes.removed.contains(index - 1)
            splice(
                isMixed ? extent : withBlankLines(extent, units, index, previousStays: isAlone), "",
                in: changes.container)
        }
        for insertion in changes.added { try insertEntry(insertion, changes) }
    }

    private mutating func insertEntry(_ insertion: EditPlan.Insertion, _ changes: Changes) throws(YAMLError) {
        let units = changes.units
        let position = insertion.position
        let neighbour = position == 0 ? 0 : position - 1
        guard let dash = dash(ofEntry: units[neighbour]), beginsLine(dash),
            let extent = entryExtent(units, neighbour, key: changes.container - 1)
        else { throw tree.refusal(at: units[neighbour], "the entry begins on another one's line") }
        let column = dash - lineStart(dash)
        let entry = writer.entry(
            insertion.value, indent: column, keyOffset: keyOffset(of: units[neighbour], dash: dash))
        let text = String(repeating: " ", count: column) + entry
        if position == 0 || changes.removed.contains(neighbour) {
            splice(extent.lowerBound..<extent.lowerBound, text + writer.lineBreak, in: changes.container)
        } else {
            let separator = areSeparated(units, upTo: neighbour) ? writer.lineBreak : ""
            let offset = extent.upperBound
            splice(offset..<offset, lines(separator + text, at: offset), in: changes.container)
        }
    }

    /// Columns from the dash to the entry's keys, where they stand on its line.
    private func keyOffset(of entry: Int, dash: Int) -> Int {
        // An anchor or a tag of the entry stands on the dash's line without its keys.
        guard record(entry).kind == .mapping, record(entry).style == .block, record(entry).childCount > 0,
            lineStart(start(entry + 1)) == lineStart(dash)
        else { return 2 }
        return start(entry + 1) - dash
    }

    /// Whether entries are set apart by blank lines.
    private func areSeparated(_ units: [Int], upTo index: Int) -> Bool {
        guard index > 0 else { return false }
        var position = lineBehind(end(units[index - 1]))
        let limit = start(units[index])
        while position < limit {
            if isBlankLine(at: position) { return true }
            let next = LineBreaks.startOfNextLine(bytes, after: position)
            guard next > position else { return false }
            position = next
        }
        return false
    }

    /// The dash of an entry.
    func dash(ofEntry entry: Int) -> Int? {
        var position = start(entry)
        while true {
            let line = lineStart(position)
            let text = LineBreaks.endWithoutBlanks(bytes, in: line..<position)
            if text > line {
                if bytes[text - 1] == UInt8(ascii: "-") { return text - 1 }
                // Between dash and entry there can be comments, and lines of nothing else.
                let comment = bytes[line..<text].firstIndex(of: UInt8(ascii: "#"))
                guard let comment else { return nil }
                let before = LineBreaks.endWithoutBlanks(bytes, in: line..<comment)
                if before > line { return bytes[before - 1] == UInt8(ascii: "-") ? before - 1 : nil }
            }
            guard line > 0 else { return nil }
            position = line - LineBreaks.length(bytes, before: line)
            if position == line { return nil }
        }
    }

    /// The whole lines that belong to an entry: from the comments directly above it, at its dash's column, to its last line
    /// and the deeper comments behind that. Nil if the entry begins on a line that belongs to another.
    ///
    /// A commented-out entry above belongs to no entry and stays.
    private func entryExtent(_ units: [Int], _ index: Int, key: Int) -> Range<Int>? {
        guard let dash = dash(ofEntry: units[index]), beginsLine(dash) else { return nil }
        let line = lineStart(dash)
        let column = dash - line
        let floor = index > 0 ? lineBehind(end(units[index - 1])) : key >= 0 ? lineBehind(end(key)) : 0
        var lead = line
        while lead > floor {
            let previous = lineStart(lead - LineBreaks.length(bytes, before: lead))
            guard previous >= floor, previous < lead, commentColumn(at: previous) == column else { break }
            lead = previous
        }
        if holdsCommentedEntry(lead..<line) { lead = line }
        return lead..<endOfOwnComments(from: lineBehind(end(units[index])), deeperThan: column)
    }

    private func holdsCommentedEntry(_ range: Range<Int>) -> Bool {
        var position = range.lowerBound
        while position < range.upperBound {
            var text = LineBreaks.skippingSpaces(bytes, from: position)
            while text < range.upperBound, bytes[text] == UInt8(ascii: "#") { text += 1 }
            text = LineBreaks.skippingSpaces(bytes, from: text)
            if text + 1 < range.upperBound, bytes[text] == UInt8(ascii: "-"), bytes[text + 1] == 0x20 { return true }
            position = LineBreaks.startOfNextLine(bytes, after: position)
        }
        return false
    }

    /// Takes the blank lines on one side along, so that removing an entry does not leave two gaps in a row.
    private func withBlankLines(
        _ extent: Range<Int>, _ units: [Int], _ index: Int, previousStays: Bool
    ) -> Range<Int> {
        var (lower, upper) = (extent.lowerBound, extent.upperBound)
        let previousLine = lower == 0 ? nil : lineStart(lower - LineBreaks.length(bytes, before: lower))
        if index == 0 || previousLine.map(isBlankLine) ?? true {
            while upper < bytes.count, isBlankLine(at: upper) {
                upper = LineBreaks.startOfNextLine(bytes, after: upper)
            }
        }
        guard upper == bytes.count, index > 0, previousStays else { return lower..<upper }
        let floor = lineBehind(end(units[index - 1]))
        while lower > floor {
            let previous = lineStart(lower - LineBreaks.length(bytes, before: lower))
            guard previous >= floor, isBlankLine(at: previous) else { break }
            lower = previous
        }
        return lower..<upper
    }
}

extension Layout {
    /// The offsets of a flow collection's brackets.
    func brackets(_ collection: Int) throws(YAMLError) -> (open: Int, close: Int) {
        let isMapping = record(collection).kind == .mapping
        let (start, end) = (content(collection), end(collection))
        guard start < end,
            bytes[start] == UInt8(ascii: isMapping ? "{" : "["), bytes[end - 1] == UInt8(ascii: isMapping ? "}" : "]")
        else { throw tree.refusal(at: collection, "the brackets of this value cannot be made out") }
        return (start, end - 1)
    }

    mutating func changeFlow(_ changes: Changes) throws(YAMLError) {
        let (open, close) = try brackets(changes.container)
        guard changes.units.isEmpty || changes.removed.count < changes.units.count else {
            throw tree.refusal(at: changes.container, "everything in brackets cannot be exchanged at once")
        }
        if !changes.removed.isEmpty { removeFromFlow(changes) }
        var rest = changes.added[...]
        while let first = rest.first {
            let group = rest.prefix { $0.position == first.position }
            rest = rest.dropFirst(group.count)
            if changes.units.isEmpty {
                fillEmpty(open, close, group, changes.container)
            } else if let kept = changes.units.indices.last(where: {
                $0 < first.position && !changes.removed.contains($0)
            }) {
                // Where all that follows goes, so do the commas and lines that new ones could stand behind.
                let isLast =
                    !changes.removed.isEmpty
                    && changes.units.indices.allSatisfy { $0 <= kept || changes.removed.contains($0) }
                insert(group, behind: changes.units[kept], onItsLine: isLast, changes.container)
            } else {
                let offset = start(changes.units[0])
                let indent = json?.unit != nil && beginsLine(offset) ? self.indent(ofLineAt: offset) : nil
                let separator = indent.map { "," + writer.lineBreak + $0 } ?? comma
                splice(
                    offset..<offset, items(group, indent).map { $0 + separator }.joined(), in: changes.container)
            }
        }
    }

    private func items(_ group: ArraySlice<EditPlan.Insertion>, _ indent: String?) -> [String] {
        group.map { flowText($0.key, $0.value, indent: indent) }
    }

    private mutating func fillEmpty(
        _ open: Int, _ close: Int, _ group: ArraySlice<EditPlan.Insertion>, _ container: Int
    ) {
        let isBlank = bytes[open + 1..<close].allSatisfy { LineBreaks.isSpace($0) || $0 == 0x0A || $0 == 0x0D }
        let end = isBlank ? close : open + 1
        guard let unit = json?.unit, isBlank else {
            // Line breaks between empty brackets stay in a file that is not JSON: comments may stand among them.
            let isOnOneLine = bytes[open + 1..<close].allSatisfy(LineBreaks.isSpace)
            splice(open + 1..<(isOnOneLine ? end : open + 1), items(group, nil).joined(separator: comma), in: container)
            return
        }
        let outer = indent(ofLineAt: open)
        let inner = outer + unit
        let lines = items(group, inner).joined(separator: "," + writer.lineBreak + inner)
        splice(
            open + 1..<end, writer.lineBreak + inner + lines + writer.lineBreak + outer, in: container)
    }

    private func unitEnd(_ unit: Int, in container: Int) -> Int {
        record(container).kind == .mapping ? pairEnd(unit) : end(unit)
    }

    /// The comma or bracket behind an offset; what lies between are spaces, line breaks and comments.
    private func nextPunctuation(from offset: Int) -> Int {
        var position = offset
        while position < bytes.count {
            let breakLength = LineBreaks.length(bytes, at: position)
            if breakLength > 0 {
                position += breakLength
            } else if LineBreaks.isSpace(bytes[position]) {
                position += 1
            } else if bytes[position] == UInt8(ascii: "#") {
                position = LineBreaks.endOfLine(bytes, from: position)
            } else {
                return position
            }
        }
        return position
    }

    private mutating func insert(
        _ group: ArraySlice<EditPlan.Insertion>, behind unit: Int, onItsLine: Bool, _ container: Int
    ) {
        let end = unitEnd(unit, in: container)
        let next = nextPunctuation(from: end)
        func inline() -> String { items(group, nil).map { comma + $0 }.joined() }
        guard !onItsLine, beginsLine(start(unit)), next < bytes.count else {
            splice(end..<end, inline(), in: container)
            return
        }
        // One item a line: the new ones get their own lines, behind the comment that belongs to their neighbour.
        let indent = String(decoding: bytes[lineStart(start(unit))..<start(unit)], as: UTF8.self)
        let lineEnd = LineBreaks.endOfLine(bytes, from: end)
        if bytes[next] == UInt8(ascii: ",") {
            let rest = nextPunctuation(from: next + 1)
            guard next < lineEnd, rest >= lineEnd else {
                splice(end..<end, inline(), in: container)
                return
            }
            let offset = lineBehind(next)
            splice(
                offset..<offset, items(group, indent).map { indent + $0 + "," + writer.lineBreak }.joined(),
                in: container)
        } else if next > lineEnd {
            splice(end..<end, ",", in: container)
            let offset = lineBehind(end)
            let lines = items(group, indent).map { indent + $0 }.joined(separator: "," + writer.lineBreak)
            splice(offset..<offset, lines + writer.lineBreak, in: container)
        } else {
            splice(
                end..<end, items(group, indent).map { "," + writer.lineBreak + indent + $0 }.joined(), in: container)
        }
    }

    private mutating func removeFromFlow(_ changes: Changes) {
        let (units, container) = (changes.units, changes.container)
        // Those at the end go together with the comma before them.
        let lastKept = units.indices.last { !changes.removed.contains($0) } ?? 0
        if lastKept + 1 < units.count {
            let end = unitEnd(units[units.count - 1], in: container)
            let comma = nextPunctuation(from: unitEnd(units[lastKept], in: container))
            let first = start(units[lastKept + 1])
            let holdsComment = bytes[comma..<first].contains(UInt8(ascii: "#"))
            if holdsComment {
                splice(comma..<comma + 1, "", in: container)
                splice(first..<end, "", in: container)
            } else {
                splice(comma..<end, "", in: container)
            }
        }
        for index in changes.removed.sorted() where index < lastKept {
            let (first, end) = (start(units[index]), unitEnd(units[index], in: container))
            let comma = nextPunctuation(from: end)
            let behind = LineBreaks.skippingSpaces(bytes, from: comma + 1)
            let isOwnLine =
                beginsLine(first) && (LineBreaks.length(bytes, at: behind) > 0 || bytes[behind] == UInt8(ascii: "#"))
            let range = isOwnLine ? lineStart(first)..<lineBehind(behind) : first..<behind
            splice(range, "", in: container)
        }
    }
}

extension Layout {
    /// Replaces a value where it stands.
    mutating func replace(_ target: PathResolver.Target, with value: YAMLValue) throws(YAMLError) {
        let old = record(target.record)
        let container = target.parent ?? target.record
        dropTag(of: target.record, unlessTrueOf: value, in: container)
        if old.style == .block, old.kind != .scalar {
            try replaceBlockCollection(target, with: value)
        } else if old.style.isBlockScalar {
            replaceBlockScalar(target.record, with: value, in: container)
        } else if target.context == .block, let key = target.key,
            !ValueWriter.fitsInline(value, indent: Int(record(key).column) - 1)
        {
            try replaceByLines(target.record, key: key, with: value, in: container)
        } else {
            try replaceInline(target, with: value, in: container)
        }
    }

    private mutating func replaceInline(
        _ target: PathResolver.Target, with value: YAMLValue, in container: Int
    ) throws(YAMLError) {
        let old = record(target.record)
        let style = old.kind == .scalar && old.style != .plain ? old.style : nil
        let isOnItsLine = target.key.map { beginsLine(Int(record($0).start)) } ?? beginsLine(Int(old.start))
        var text =
            json?.text(
                value, indent: isOnItsLine ? indent(ofLineAt: Int(old.start)) : "", lineBreak: writer.lineBreak)
            ?? ValueWriter.inline(value, in: target.context, replacing: style)
        let properties = properties(target.record)
        let (start, end) = (properties?.content ?? Int(old.start), Int(old.end))
        if let properties {
            if start == properties.end { text = " " + text }
        } else if start == end {
            // Nothing is written there yet: the span lies behind the colon or the dash, in braces also behind spaces.
            let before = LineBreaks.endWithoutBlanks(bytes, in: 0..<start)
            guard before > 0, bytes[before - 1] == UInt8(ascii: ":") || bytes[before - 1] == UInt8(ascii: "-") else {
                throw tree.refusal(at: target.record, "a key without a colon stands here")
            }
            if before == start { text = " " + text }
        }
        splice(start..<end, text, in: container)
    }

    /// Puts a one-line value in the place of a literal or folded one; a comment behind the `|` stays.
    private mutating func replaceBlockScalar(_ scalar: Int, with value: YAMLValue, in container: Int) {
        let (start, end) = (content(scalar), end(scalar))
        let header = bytes[start..<end].prefix { !LineBreaks.isSpace($0) && $0 != 0x0A && $0 != 0x0D && $0 < 0x80 }
        splice(start..<header.endIndex, ValueWriter.inline(value, in: .block), in: container)
        let endOfHeader = LineBreaks.endOfLine(bytes, from: start)
        // A scalar that keeps its blank lines ends behind the last line break, which has to stay.
        let breakLength = LineBreaks.length(bytes, before: end)
        let last = end > start && breakLength > 0 ? end - breakLength : end
        if endOfHeader < last { splice(endOfHeader..<last, "", in: container) }
    }

    /// Puts a value of several lines under its key.
    private mutating func replaceByLines(
        _ record: Int, key: Int, with value: YAMLValue, in container: Int
    ) throws(YAMLError) {
        guard let colon = colon(afterKey: key) else { throw tree.refusal(at: key, "the key is written as ? key") }
        let behind = properties(record)?.end ?? colon + 1
        if behind < end(record) { splice(behind..<end(record), "", in: container) }
        let offset = lineBehind(end(record))
        let indent = Int(self.record(key).column) - 1 + writer.indentStep
        splice(offset..<offset, lines(writer.children(of: value, indent: indent), at: offset), in: container)
    }

    private mutating func replaceBlockCollection(
        _ target: PathResolver.Target, with value: YAMLValue
    ) throws(YAMLError) {
        let container = target.parent ?? target.record
        guard let key = target.key, let colon = colon(afterKey: key) else {
            throw tree.refusal(at: target.record, "a nested list or mapping stands here")
        }
        let first = lineStart(firstItemOffset(target.record))
        let last = LineBreaks.endOfLine(bytes, from: end(target.record))
        let behind = properties(target.record)?.end ?? colon + 1
        guard behind <= first else { throw tree.refusal(at: target.record, "the value begins on its key's line") }
        if ValueWriter.fitsInline(value, indent: Int(record(key).column) - 1) {
            splice(behind..<behind, " " + ValueWriter.inline(value, in: .block), in: container)
            splice(first..<lineBehind(last), "", in: container)
        } else {
            let indent = Int(record(key).column) - 1 + writer.indentStep
            splice(first..<last, writer.children(of: value, indent: indent), in: container)
        }
    }

    /// The first dash or key of a block collection.
    private func firstItemOffset(_ collection: Int) -> Int {
        guard record(collection).kind == .sequence else { return start(collection + 1) }
        return dash(ofEntry: collection + 1) ?? start(collection)
    }

    /// Takes everything out of a collection, so that `[]` or `{}` is left.
    mutating func writeEmpty(_ container: Int, _ value: YAMLValue) throws(YAMLError) {
        guard record(container).style == .block else {
            let (open, close) = try brackets(container)
            dropTag(of: container, unlessTrueOf: value, in: container)
            splice(open + 1..<close, "", in: container)
            return
        }
        guard let (key, colon) = keyAndColon(ofValue: container) else {
            throw tree.refusal(at: container, "the last one cannot be removed from here")
        }
        dropTag(of: container, unlessTrueOf: value, in: key)
        let behind = properties(container)?.end ?? colon + 1
        splice(behind..<behind, " " + ValueWriter.inline(value, in: .block), in: key)
        if record(container).kind == .sequence {
            let entries = tree.children(of: container)
            for index in entries.indices {
                guard let extent = entryExtent(entries, index, key: key) else {
                    throw tree.refusal(at: entries[index], "the entry begins on another one's line")
                }
                splice(withBlankLines(extent, entries, index, previousStays: false), "", in: key)
            }
        } else {
            let first = lineStart(start(container + 1))
            guard behind <= first else { throw tree.refusal(at: container, "the value begins on its key's line") }
            splice(first..<lineBehind(LineBreaks.endOfLine(bytes, from: end(container))), "", in: key)
        }
    }

    /// The key that a value belongs to; nil for a root, an entry, or a key in the long form.
    private func keyAndColon(ofValue value: Int) -> (key: Int, colon: Int)? {
        // The key is the record whose subtree ends where the value begins, and keys that matter here are scalars.
        guard value > 0, record(value - 1).kind == .scalar, let colon = colon(afterKey: value - 1)
        else { return nil }
        return isPairKey(value - 1) ? (value - 1, colon) : nil
    }

    private func isPairKey(_ candidate: Int) -> Bool {
        var parent = candidate - 1
        while parent >= 0, Int(record(parent).next) <= candidate { parent -= 1 }
        guard parent >= 0, record(parent).kind == .mapping else { return false }
        let children = tree.children(of: parent)
        return children.firstIndex(of: candidate).map { $0.isMultiple(of: 2) } ?? false
    }

    /// The content of a file that had none.
    mutating func writeRoot(_ root: YAMLValue) {
        let offset = bytes.count
        splice(offset..<offset, lines(writer.children(of: root, indent: 0), at: offset), in: 0)
    }
}
