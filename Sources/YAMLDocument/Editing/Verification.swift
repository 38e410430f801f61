/// Compares the edited file, read again, with what was meant: the intended values as intended, all others unchanged.
struct Verification {
    private let old: YAMLTree
    private let new: YAMLTree
    private let plan: EditPlan
    /// Records of the old tree that something happens to or in, in order.
    private let touched: [Int]

    /// The record of the old tree where the two differ, or nil if all is as it was meant.
    static func firstDifference(_ plan: EditPlan, _ new: YAMLTree) -> Int? {
        if let root = plan.newRoot {
            return !new.records.isEmpty && matches(root, new, 0) ? nil : 0
        }
        guard !plan.tree.records.isEmpty, !new.records.isEmpty else { return 0 }
        return Verification(plan, new).difference(0, 0)
    }

    private init(_ plan: EditPlan, _ new: YAMLTree) {
        old = plan.tree
        self.new = new
        self.plan = plan
        touched = (Array(plan.replaced.keys) + Array(plan.removed) + Array(plan.insertions.keys)).sorted()
    }

    private func difference(_ left: Int, _ right: Int) -> Int? {
        if let value = plan.replaced[left] {
            let present = old.properties(of: left)
            let tag = YAMLTree.tagIsTrue(present?.tag, of: value) ? present?.tag : nil
            let kept = NodeProperties(anchor: present?.anchor, tag: tag)
            return Self.matches(value, new, right, keeping: kept) ? nil : left
        }
        let end = Int(old.records[left].next)
        guard isTouched(left..<end) else { return differenceOfUntouched(left, right) }
        guard Self.areAlike(old, left, new, right) else { return left }

        let step = old.records[left].kind == .mapping ? 2 : 1
        let before = old.children(of: left)
        let after = new.children(of: right)
        var added = (plan.insertions[left] ?? [])[...]
        var position = 0
        for ordinal in 0...before.count / step {
            while let insertion = added.first, insertion.position == ordinal {
                guard position + step <= after.count else { return left }
                if let key = insertion.key {
                    guard Self.matches(.string(key), new, after[position]) else { return left }
                    position += 1
                }
                guard Self.matches(insertion.value, new, after[position]) else { return left }
                position += 1
                added = added.dropFirst()
            }
            guard ordinal < before.count / step, !plan.removed.contains(before[ordinal * step]) else { continue }
            for offset in 0..<step {
                guard position < after.count else { return left }
                if let found = difference(before[ordinal * step + offset], after[position]) { return found }
                position += 1
            }
        }
        return position == after.count && added.isEmpty ? nil : left
    }

    private func isTouched(_ range: Range<Int>) -> Bool {
        var (low, high) = (0, touched.count)
        while low < high {
            let middle = (low + high) / 2
            if touched[middle] < range.lowerBound { low = middle + 1 } else { high = middle }
        }
        return low < touched.count && touched[low] < range.upperBound
    }

    /// The hot loop of a flush: nearly every record is compared here.
    private func differenceOfUntouched(_ left: Int, _ right: Int) -> Int? {
        let count = Int(old.records[left].next) - left
        guard Int(new.records[right].next) - right == count else { return left }
        for offset in 0..<count {
            guard Self.areAlike(old, left + offset, new, right + offset),
                old.records[left + offset].childCount == new.records[right + offset].childCount
            else { return left + offset }
        }
        return nil
    }

    /// Same kind, style, text, anchor and tag.
    static func areAlike(_ left: YAMLTree, _ leftIndex: Int, _ right: YAMLTree, _ rightIndex: Int) -> Bool {
        let leftRecord = left.records[leftIndex]
        let rightRecord = right.records[rightIndex]
        guard leftRecord.kind == rightRecord.kind, leftRecord.style == rightRecord.style,
            leftRecord.textLength == rightRecord.textLength,
            (leftRecord.properties < 0) == (rightRecord.properties < 0)
        else { return false }
        if leftRecord.properties >= 0 {
            let (before, after) = (left.properties(of: leftIndex), right.properties(of: rightIndex))
            guard before?.anchor == after?.anchor, before?.tag == after?.tag else { return false }
        }
        return left.arena.withUnsafeBufferPointer { leftArena in
            right.arena.withUnsafeBufferPointer { rightArena in
                for offset in 0..<Int(leftRecord.textLength)
                where leftArena[Int(leftRecord.textStart) + offset] != rightArena[Int(rightRecord.textStart) + offset] {
                    return false
                }
                return true
            }
        }
    }

    /// Whether the node reads as the value: same type, same text, and with no other anchor or tag than those kept.
    static func matches(
        _ value: YAMLValue, _ tree: YAMLTree, _ index: Int, keeping kept: NodeProperties = NodeProperties()
    ) -> Bool {
        let record = tree.records[index]
        let node = YAMLNode(tree: tree, index: index)
        guard record.kind != .alias, (tree.properties(of: index) ?? NodeProperties()) == kept else { return false }
        switch value {
        case .null: return record.kind == .scalar && node.scalar == .null
        case .boolean(let flag):
            // Readers disagree about a bare `y` or `n`.
            return record.kind == .scalar && record.textLength > 1 && node.scalar == .boolean(flag)
        case .integer(let number):
            // And about `010` and `1_000`.
            return record.kind == .scalar && (record.style == .plain || kept.tag != nil)
                && tree.text(of: index).elementsEqual(String(number).utf8)
        case .string(let text):
            guard record.kind == .scalar, tree.text(of: index).elementsEqual(text.utf8) else { return false }
            return record.style != .plain || !PlainScalar.isAmbiguous(text)
        case .sequence(let items):
            let children = record.kind == .sequence ? tree.children(of: index) : []
            return record.kind == .sequence && children.count == items.count
                && zip(items, children).allSatisfy { matches($0, tree, $1) }
        case .mapping(let pairs):
            let children = record.kind == .mapping ? tree.children(of: index) : []
            return record.kind == .mapping && children.count == pairs.count * 2
                && pairs.indices.allSatisfy {
                    matches(.string(pairs[$0].key), tree, children[$0 * 2])
                        && matches(pairs[$0].value, tree, children[$0 * 2 + 1])
                }
        }
    }
}
