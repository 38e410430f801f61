/// Compares the edited file, read again, with what was meant: the intended values as intended, all others unchanged. `EditPlan` calls
/// it for every edit before the caller gets the new document, so that a fault of `Layout` costs a refused edit and never a file.
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

/// What a reader makes of a file once aliases and merge keys are followed.
///
/// The tree says where each byte belongs; this says what it does. An edit near an anchor is right if and only if the new
/// meaning is the old one with the change made in the one place that was named.
indirect enum Meaning: Equatable {
    enum Scalar: Equatable {
        case null
        case boolean(Bool)
        case integer(Int)
        case string(String)
        /// A float, or a scalar with a tag of the file's own.
        case other(tag: String, text: String)
    }

    case scalar(Scalar)
    case sequence([Meaning])
    /// The order of keys means nothing.
    case mapping([String: Meaning])
    /// An alias inside of what it refers to.
    case circle

    /// Aliases can multiply a short file beyond all memory; one that grows larger or deeper than this is not edited.
    private static let largest = 2_000_000
    private static let deepest = 400

    /// Nil for a file that is too large once its aliases are followed.
    static func of(_ tree: YAMLTree) -> Meaning? {
        guard !tree.records.isEmpty else { return .scalar(.null) }
        var reader = Reader(tree: tree)
        return reader.read(0)?.meaning
    }

    /// Reads each record once: an anchor stands before its aliases, so it has been read when they ask for it.
    private struct Reader {
        struct Part {
            var meaning: Meaning
            var size: Int
            var depth: Int
        }

        let tree: YAMLTree
        private var known: [Int: Part] = [:]

        init(tree: YAMLTree) {
            self.tree = tree
        }

        mutating func read(_ index: Int) -> Part? {
            let node = YAMLNode(tree: tree, index: index)
            let part: Part?
            switch node.kind {
            case .alias:
                guard let target = tree.properties(of: index)?.aliasTarget else { return nil }
                return known[target] ?? Part(meaning: .circle, size: 1, depth: 1)
            case .scalar: part = Part(meaning: .scalar(Scalar(node)), size: 1, depth: 1)
            case .sequence: part = sequence(index)
            case .mapping: part = mapping(index)
            }
            guard let part, part.size <= Meaning.largest, part.depth <= Meaning.deepest else { return nil }
            if node.record.properties >= 0 { known[index] = part }
            return part
        }

        private mutating func sequence(_ index: Int) -> Part? {
            var items: [Meaning] = []
            var (size, depth) = (1, 0)
            for child in tree.children(of: index) {
                guard let part = read(child) else { return nil }
                items.append(part.meaning)
                size += part.size
                depth = max(depth, part.depth)
            }
            return Part(meaning: .sequence(items), size: size, depth: depth + 1)
        }

        private mutating func mapping(_ index: Int) -> Part? {
            var own: [String: Meaning] = [:]
            var merged: [String: Meaning] = [:]
            var (size, depth) = (1, 0)
            let children = tree.children(of: index)
            for number in stride(from: 0, to: children.count - 1, by: 2) {
                let key = YAMLNode(tree: tree, index: children[number])
                // A key that is no plain text is told apart by its place.
                if key.kind != .scalar, read(children[number]) == nil { return nil }
                guard let value = read(children[number + 1]) else { return nil }
                size += value.size + 1
                depth = max(depth, value.depth)
                if key.isMergeKey, let sources = value.meaning.mergeSources {
                    for source in sources { merged.merge(source) { first, _ in first } }
                } else {
                    let name = key.kind == .scalar ? "=\(key.text)" : "?\(number)"
                    if own[name] == nil { own[name] = value.meaning }
                }
            }
            return Part(meaning: .mapping(own.merging(merged) { own, _ in own }), size: size, depth: depth + 1)
        }
    }

    private var mergeSources: [[String: Meaning]]? {
        switch self {
        case .mapping(let pairs): return [pairs]
        case .sequence(let items):
            let sources = items.compactMap { if case .mapping(let pairs) = $0 { pairs } else { nil } }
            return sources.count == items.count ? sources : nil
        case .scalar, .circle: return nil
        }
    }

    init(_ value: YAMLValue) {
        switch value {
        case .null: self = .scalar(.null)
        case .boolean(let flag): self = .scalar(.boolean(flag))
        case .integer(let number): self = .scalar(.integer(number))
        case .string(let text): self = .scalar(.string(text))
        case .sequence(let items): self = .sequence(items.map(Meaning.init))
        case .mapping(let pairs):
            self = .mapping(
                Dictionary(pairs.map { ("=\($0.key)", Meaning($0.value)) }, uniquingKeysWith: { first, _ in first }))
        }
    }
}

extension Meaning.Scalar {
    fileprivate init(_ node: YAMLNode) {
        let known = [
            "null", "bool", "int", "str",
        ].map { "tag:yaml.org,2002:\($0)" }
        if let tag = node.tag, tag != "!", !known.contains(tag) {
            self = .other(tag: tag, text: node.text)
            return
        }
        switch node.scalar {
        case .null, nil: self = .null
        case .boolean(let flag): self = .boolean(flag)
        case .integer(let number): self = .integer(number)
        case .string(let text): self = .string(text)
        case .float: self = .other(tag: "float", text: node.text)
        }
    }
}

extension Meaning {
    /// The edits of one call, sorted by the place they concern.
    struct Intent {
        private var value: YAMLValue?
        private var isRemoved = false
        private var keys: [(key: String, value: YAMLValue)] = []
        private var entries: [(position: Int, value: YAMLValue)] = []
        private var below: [YAMLPath.Step: Intent] = [:]

        init(_ edits: [YAMLEdit]) {
            for edit in edits {
                switch edit {
                case .set(let path, let value): change(path.steps[...]) { $0.value = value }
                case .remove(let path): change(path.steps[...]) { $0.isRemoved = true }
                case .insertKey(let key, let value, let path, _):
                    change(path.steps[...]) { $0.keys.append((key, value)) }
                case .insertEntry(let value, let path, let position):
                    change(path.steps[...]) { $0.entries.append((position, value)) }
                }
            }
        }

        private init() {}

        private mutating func change(_ steps: ArraySlice<YAMLPath.Step>, _ body: (inout Intent) -> Void) {
            guard let step = steps.first else { return body(&self) }
            below[step, default: Intent()].change(steps.dropFirst(), body)
        }

        /// What a reader has to find once the edits are made.
        func applied(to meaning: Meaning) -> Meaning {
            if let value { return Meaning(value) }
            switch meaning {
            case .mapping(var pairs):
                for (step, intent) in below {
                    guard case .key(let key) = step, let present = pairs["=\(key)"] else { continue }
                    pairs["=\(key)"] = intent.isRemoved ? nil : intent.applied(to: present)
                }
                for (key, value) in keys { pairs["=\(key)"] = Meaning(value) }
                return .mapping(pairs)
            case .sequence(let items):
                var result: [Meaning] = []
                for position in 0...items.count {
                    for entry in entries where min(max(entry.position, 0), items.count) == position {
                        result.append(Meaning(entry.value))
                    }
                    guard position < items.count else { break }
                    guard let intent = below[.index(position)] else {
                        result.append(items[position])
                        continue
                    }
                    if !intent.isRemoved { result.append(intent.applied(to: items[position])) }
                }
                return .sequence(result)
            case .scalar, .circle: return meaning
            }
        }
    }
}
