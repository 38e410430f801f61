/// Whole lines of the file that hold one entry of a block sequence, or one pair of the root mapping, and all edits in it.
struct EditWindow {
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
    func entryLine(_ entry: Int) -> Int? {
        guard let dash = dash(ofEntry: entry), beginsLine(dash) else { return nil }
        return lineStart(dash)
    }

    /// The start of the line on which a key stands first.
    func pairLine(_ key: Int) -> Int? {
        guard colon(afterKey: key) != nil, beginsLine(start(key)) else { return nil }
        return lineStart(start(key))
    }
}

extension Array {
    /// The first index whose element satisfies the predicate, for elements that are partitioned by it.
    func partitionPoint(_ predicate: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
