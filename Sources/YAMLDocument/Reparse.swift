/// Reads the edited file again, as far as it can have changed. `EditPlan` asks for the tree and has it compared with what was meant.
///
/// Reading 230 KB costs libyaml 4 ms, and a change of one rank concerns 200 bytes of it. So where the changed lines are
/// whole entries of a block list, or whole sections, only they are read, and the tree is put together from them and the
/// records on both sides. Whenever anything about that is not beyond doubt, the whole file is read.
struct Reparse {
    let plan: EditPlan
    /// In file order.
    let splices: [Splice]

    func tree() throws(YAMLError) -> YAMLTree {
        let edited = Splice.apply(splices, to: plan.tree.bytes)
        if let windows = EditWindow.windows(plan: plan, splices: splices),
            let tree = WindowedTree.assemble(plan.tree, edited, windows)
        {
            return tree
        }
        do throws(YAMLError) {
            return try TreeBuilder.parse(edited)
        } catch {
            throw plan.tree.refusal(
                at: splices[0].container,
                "the change would break the file (\(error.description)); edit the file by hand")
        }
    }
}

/// Puts a tree together from one that is known and the parts of the file that were read again.
private enum WindowedTree {
    /// Nil if a part does not read the same alone as it does in its place.
    static func assemble(_ old: YAMLTree, _ edited: [UInt8], _ windows: [EditWindow]) -> YAMLTree? {
        var parts: [Part] = []
        var shift = 0
        for window in windows {
            let place = window.bytes.lowerBound + shift..<window.bytes.upperBound + shift + window.growth
            guard let part = Part(old, window, edited, place) else { return nil }
            parts.append(part)
            shift += window.growth
        }

        var records: [NodeRecord] = []
        records.reserveCapacity(old.records.count + parts.reduce(0) { $0 + $1.recordGrowth })
        var arena = old.arena
        var moved = Shift()
        var position = 0
        for part in parts {
            append(old.records[position..<part.window.records.lowerBound], to: &records, moved, parts)
            part.append(to: &records, &arena, moved)
            moved.add(part)
            position = part.window.records.upperBound
        }
        append(old.records[position...], to: &records, moved, parts)
        for part in parts { fixEnds(&records, parent: part.window.parent, parts) }
        return YAMLTree(
            bytes: edited, records: records, arena: arena, propertyTable: [], hasDocumentMarkers: false)
    }

    /// How far everything behind the parts so far has moved.
    struct Shift {
        var bytes = 0
        var lines = 0
        var records = 0

        mutating func add(_ part: Part) {
            bytes += part.window.growth
            lines += part.lineGrowth
            records += part.recordGrowth
        }
    }

    /// The records between two parts, moved.
    private static func append(
        _ slice: ArraySlice<NodeRecord>, to records: inout [NodeRecord], _ moved: Shift, _ parts: [Part]
    ) {
        let grows = parts.contains { $0.recordGrowth != 0 }
        for record in slice {
            var record = record
            record.start += Int32(moved.bytes)
            record.end += Int32(moved.bytes)
            record.line += Int32(moved.lines)
            if grows {
                let next = Int(record.next)
                for part in parts where part.window.records.upperBound <= next {
                    record.next += Int32(part.recordGrowth)
                }
            }
            records.append(record)
        }
    }

    /// The ends of the collections around a part: those of their last children.
    private static func fixEnds(_ records: inout [NodeRecord], parent: Int, _ parts: [Part]) {
        var index = parent
        for part in parts where part.window.records.upperBound <= parent { index += part.recordGrowth }
        for collection in index == 0 ? [0] : [index, 0] {
            var child = collection + 1
            for _ in 1..<max(1, records[collection].childCount) { child = Int(records[child].next) }
            records[collection].end = records[child].end
        }
    }

    /// One window, read alone.
    struct Part {
        let window: EditWindow
        let lineGrowth: Int
        private let tree: YAMLTree
        /// Where the window begins in the edited file, without the shift of the windows before it.
        private let origin: Int
        private let firstLine: Int

        var recordGrowth: Int { tree.records.count - 1 - window.records.count }

        init?(_ old: YAMLTree, _ window: EditWindow, _ edited: [UInt8], _ place: Range<Int>) {
            let before = Array(old.bytes[window.bytes])
            let after = Array(edited[place])
            // A window has to end as it did: where a line ends, or the file.
            let endsLine = LineBreaks.length(after, before: after.count) > 0
            guard endsLine || window.bytes.upperBound == old.bytes.count,
                let oldPart = Self.read(before, parent: old.records[window.parent]),
                let newPart = Self.read(after, parent: old.records[window.parent]),
                oldPart.records[0].column == newPart.records[0].column,
                Self.isSame(oldPart, old, window)
            else { return nil }
            self.window = window
            tree = newPart
            origin = window.bytes.lowerBound
            // Derived from a record, so that no line of the file has to be counted.
            firstLine = Int(old.records[window.records.lowerBound].line - oldPart.records[1].line)
            lineGrowth = Self.lineCount(after) - Self.lineCount(before)
        }

        private static func read(_ bytes: [UInt8], parent: NodeRecord) -> YAMLTree? {
            guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]), let tree = try? TreeBuilder.parse(bytes),
                !tree.hasDocumentMarkers, tree.propertyTable.isEmpty, let root = tree.records.first,
                root.kind == parent.kind, root.style == .block, root.childCount == (root.kind == .mapping ? 2 : 1)
            else { return nil }
            return tree
        }

        /// Whether the unedited window reads alone as it was read in its place.
        private static func isSame(_ part: YAMLTree, _ old: YAMLTree, _ window: EditWindow) -> Bool {
            guard part.records.count - 1 == window.records.count else { return false }
            let lines = old.records[window.records.lowerBound].line - part.records[1].line
            for (offset, index) in window.records.enumerated() {
                let alone = part.records[offset + 1]
                let inPlace = old.records[index]
                guard Verification.areAlike(part, offset + 1, old, index), alone.childCount == inPlace.childCount,
                    Int(alone.start) + window.bytes.lowerBound == Int(inPlace.start),
                    Int(alone.end) + window.bytes.lowerBound == Int(inPlace.end), alone.column == inPlace.column,
                    alone.line + lines == inPlace.line,
                    Int(alone.next) - 1 + window.records.lowerBound == Int(inPlace.next)
                else { return false }
            }
            return true
        }

        private static func lineCount(_ bytes: [UInt8]) -> Int {
            var count = 0
            var position = 0
            while position < bytes.count {
                let length = LineBreaks.length(bytes, at: position)
                if length > 0 { count += 1 }
                position += max(1, length)
            }
            return count
        }

        func append(to records: inout [NodeRecord], _ arena: inout [UInt8], _ moved: Shift) {
            let base = records.count
            for record in tree.records.dropFirst() {
                var record = record
                record.start += Int32(origin + moved.bytes)
                record.end += Int32(origin + moved.bytes)
                record.line += Int32(firstLine + moved.lines)
                record.next += Int32(base - 1)
                record.textStart += Int32(arena.count)
                records.append(record)
            }
            arena.append(contentsOf: tree.arena)
        }
    }
}

/// Whole lines of the file that hold one entry of a block sequence, or one pair of the root mapping, and all edits in it.
private struct EditWindow {
    /// The collection that the entry or pair belongs to.
    var parent: Int
    /// The entry, or the pair's key and value.
    var records: Range<Int>
    var bytes: Range<Int>
    /// How many bytes the edits add.
    var growth = 0

    /// Disjoint windows in file order, or nil if the file or the edits do not allow a reading in parts.
    static func windows(plan: EditPlan, splices: [Splice]) -> [EditWindow]? {
        let tree = plan.tree
        // Anchors, tags and directives reach across entries. The arena keeps texts that are no longer used, up to a limit.
        guard plan.newRoot == nil, tree.propertyTable.isEmpty, !tree.hasDocumentMarkers, splices.count <= 64,
            tree.records.first?.kind == .mapping, tree.records.first?.style == .block,
            tree.arena.count <= 2 * tree.bytes.count + 65_536
        else { return nil }
        let layout = Layout(tree)
        var windows: [EditWindow] = []
        for splice in splices {
            if let last = windows.indices.last, windows[last].records.contains(splice.container),
                splice.range.lowerBound >= windows[last].bytes.lowerBound,
                splice.range.upperBound <= windows[last].bytes.upperBound
            {
                windows[last].growth += splice.growth
                continue
            }
            guard var window = window(of: splice.container, layout),
                splice.range.lowerBound >= window.bytes.lowerBound, splice.range.upperBound <= window.bytes.upperBound,
                windows.last.map({ $0.bytes.upperBound <= window.bytes.lowerBound }) ?? true
            else { return nil }
            window.growth = splice.growth
            windows.append(window)
        }
        let total = windows.reduce(0) { $0 + $1.bytes.count }
        return total <= tree.bytes.count / 2 ? windows : nil
    }

    private static func window(of container: Int, _ layout: Layout) -> EditWindow? {
        guard container > 0 else { return nil }
        let tree = layout.tree
        let sections = tree.children(of: 0)
        guard let section = unit(holding: container, in: sections, tree), section.isMultiple(of: 2) == false else {
            return nil
        }
        let nextSection = section + 1 < sections.count ? layout.pairLine(sections[section + 1]) : tree.bytes.count
        guard let nextSection else { return nil }
        let value = sections[section]
        if tree.records[value].kind == .sequence, tree.records[value].style == .block, value != container {
            let entries = tree.children(of: value)
            guard let number = unit(holding: container, in: entries, tree),
                let start = layout.entryLine(entries[number]),
                let end = number + 1 < entries.count ? layout.entryLine(entries[number + 1]) : nextSection
            else { return nil }
            let records = entries[number]..<Int(tree.records[entries[number]].next)
            return EditWindow(parent: value, records: records, bytes: start..<end)
        }
        guard let start = layout.pairLine(sections[section - 1]) else { return nil }
        let records = sections[section - 1]..<Int(tree.records[value].next)
        return EditWindow(parent: 0, records: records, bytes: start..<nextSection)
    }

    /// Which of the sorted records has `record` in its subtree.
    private static func unit(holding record: Int, in units: [Int], _ tree: YAMLTree) -> Int? {
        let number = units.partitionPoint { $0 > record } - 1
        guard number >= 0, record < Int(tree.records[units[number]].next) else { return nil }
        return number
    }
}

extension Layout {
    /// The start of the line on which an entry's dash stands first.
    fileprivate func entryLine(_ entry: Int) -> Int? {
        guard let dash = dash(ofEntry: entry), beginsLine(dash) else { return nil }
        return lineStart(dash)
    }

    /// The start of the line on which a key stands first.
    fileprivate func pairLine(_ key: Int) -> Int? {
        guard colon(afterKey: key) != nil, beginsLine(start(key)) else { return nil }
        return lineStart(start(key))
    }
}

extension Array {
    /// The first index whose element satisfies the predicate, for elements that are partitioned by it.
    fileprivate func partitionPoint(_ predicate: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
