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
