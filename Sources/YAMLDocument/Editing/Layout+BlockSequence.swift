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
    /// A commented-out entry above is nobody's comment and stays.
    func entryExtent(_ units: [Int], _ index: Int, key: Int) -> Range<Int>? {
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
    func withBlankLines(
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
