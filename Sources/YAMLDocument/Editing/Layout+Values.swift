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
    func firstItemOffset(_ collection: Int) -> Int {
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
    func keyAndColon(ofValue value: Int) -> (key: Int, colon: Int)? {
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
