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
