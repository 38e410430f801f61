// The first half of an edit: from paths and values to nodes of the tree, each with what is to become of it. `YAMLDocument.applying`
// makes a plan, `Layout` turns it into replaced bytes (`Splice`), and `Verification` reads the result. Whatever could
// make an edit mean more than was asked is refused here, before a byte is touched.

/// All edits of one call, resolved against the tree: what is to change in meaning, and in bytes.
struct EditPlan {
    struct Insertion {
        /// How many of the container's present pairs or entries stand before it.
        var position: Int
        /// Nil in a sequence.
        var key: String?
        var value: YAMLValue
        /// For a key: the position follows from it once all removals are known.
        var placement: KeyPlacement?
    }

    let tree: YAMLTree
    /// New values by the record they replace.
    private(set) var replaced: [Int: YAMLValue] = [:]
    /// Entries by their record, pairs by their key's.
    private(set) var removed: Set<Int> = []
    /// In order of position, by the container's record.
    private(set) var insertions: [Int: [Insertion]] = [:]
    /// The whole content of a file that has none.
    private(set) var newRoot: YAMLValue?
    private(set) var splices: [Splice] = []
    /// The file is JSON, and has to stay so.
    private let isJSON: Bool
    /// What was asked for, to be held against what the result means.
    private let edits: [YAMLEdit]
    private var claims = EditClaims()
    private var resolver: PathResolver

    init(_ edits: [YAMLEdit], tree: YAMLTree) throws(YAMLError) {
        self.tree = tree
        self.edits = edits
        resolver = PathResolver(tree)
        var layout = Layout(tree)
        isJSON = layout.json != nil
        var changedContainers: [Int] = []
        var seen: Set<Int> = []
        for edit in edits {
            if let touched = try resolve(edit, &layout), seen.insert(touched).inserted {
                changedContainers.append(touched)
            }
        }
        if let record = claims.firstConflict() { throw conflict(at: record) }
        for container in changedContainers { try lay(out: container, &layout) }
        if let newRoot { layout.writeRoot(newRoot) }
        splices = layout.splices
    }

    /// Makes the edits that need no neighbours, and notes the others; returns the container that has to be laid out anew.
    private mutating func resolve(_ edit: YAMLEdit, _ layout: inout Layout) throws(YAMLError) -> Int? {
        switch edit {
        case .set(let path, let value):
            return try set(resolver.resolve(path), value, &layout)
        case .remove(let path):
            let target = try resolver.resolve(path)
            guard let parent = target.parent else { throw tree.refusal(at: 0, "the whole document cannot be removed") }
            removed.insert(target.key ?? target.record)
            claims.take(target.record..<Int(tree.records[target.record].next))
            return parent
        case .insertKey(let key, let value, let path, let placement):
            return try insert(key, value, into: path, placement)
        case .insertEntry(let value, let path, let index):
            let target = try resolver.resolve(path)
            try resolver.refuseAlias(target.record)
            guard tree.records[target.record].kind == .sequence else {
                throw tree.refusal(at: target.record, "\(path) is not a list")
            }
            claims.extend(target.record)
            let count = Int(tree.records[target.record].childCount)
            insertions[target.record, default: []].append(
                Insertion(position: min(max(index, 0), count), key: nil, value: value))
            return target.record
        }
    }

    private mutating func insert(
        _ key: String, _ value: YAMLValue, into path: YAMLPath, _ placement: KeyPlacement
    ) throws(YAMLError) -> Int? {
        if path.steps.isEmpty, tree.isEmptyDocument {
            var pairs: [YAMLPair] = []
            if case .mapping(let earlier) = newRoot { pairs = earlier }
            newRoot = .mapping(pairs + [YAMLPair(key: key, value: value)])
            return nil
        }
        let target = try resolver.resolve(path)
        let mapping = target.record
        try resolver.refuseAlias(mapping)
        guard tree.records[mapping].kind == .mapping else {
            throw tree.refusal(at: mapping, "\(path) is not a mapping")
        }
        let isThere =
            tree.firstPair(of: mapping, key: key) != nil || (insertions[mapping] ?? []).contains { $0.key == key }
        guard !isThere else { throw tree.refusal(at: mapping, "the key '\(key)' is there already") }
        claims.extend(mapping)
        insertions[mapping, default: []].append(Insertion(position: 0, key: key, value: value, placement: placement))
        return mapping
    }

    private mutating func set(
        _ target: PathResolver.Target, _ value: YAMLValue, _ layout: inout Layout
    ) throws(YAMLError) -> Int? {
        let record = target.record
        claims.take(record..<Int(tree.records[record].next))
        guard !YAMLNode(tree: tree, index: record).reads(as: value) else { return nil }
        if case .sequence(let items) = value, let changed = merge(items, into: record) { return changed }
        replaced[record] = value
        try layout.replace(target, with: value)
        return nil
    }

    /// Turns one list of scalars into another item by item, so that the items that stay keep their comments.
    private mutating func merge(_ items: [YAMLValue], into record: Int) -> Int? {
        guard tree.records[record].kind == .sequence, !items.isEmpty, items.allSatisfy(\.isScalar) else { return nil }
        let present = resolver.childRecords(record)
        guard !present.isEmpty, present.count * items.count <= 40_000,
            YAMLTree.tagIsTrue(tree.properties(of: record)?.tag, of: .sequence(items)),
            present.allSatisfy({ YAMLNode(tree: tree, index: $0).resolved?.kind == .scalar })
        else { return nil }
        let steps = ListMerge.steps(from: present.count, to: items.count) {
            isText(items[$1], of: present[$0])
        }
        // In brackets, a list that both loses and gains items is rewritten: commas cannot be matched up with them.
        let isMixed = !steps.removed.isEmpty && !steps.inserted.isEmpty
        guard tree.records[record].style == .block || !isMixed, steps.removed.count < present.count || isMixed else {
            return nil
        }
        for index in steps.removed { removed.insert(present[index]) }
        insertions[record, default: []] += steps.inserted.map {
            Insertion(position: $0.position, key: nil, value: items[$0.item])
        }
        return record
    }

    /// An item that reads the same stays as it is written, also where it would be quoted today.
    private func isText(_ value: YAMLValue, of record: Int) -> Bool {
        guard case .string(let text) = value, tree.records[record].properties < 0 else {
            return YAMLNode(tree: tree, index: record).reads(as: value)
        }
        // A bare `null` is no text to any reader.
        return tree.text(of: record).elementsEqual(text.utf8)
            && YAMLNode(tree: tree, index: record).scalar != .null
    }

    private mutating func lay(out container: Int, _ layout: inout Layout) throws(YAMLError) {
        let children = resolver.childRecords(container)
        let isMapping = tree.records[container].kind == .mapping
        let units = isMapping ? stride(from: 0, to: children.count, by: 2).map { children[$0] } : children
        let gone = units.indices.filter { removed.contains(units[$0]) }
        let placed = (insertions[container] ?? []).map { insertion in
            var placed = insertion
            if let placement = insertion.placement {
                placed.position = layout.position(for: placement, in: container, units: units, removed: Set(gone))
            }
            return placed
        }
        let added = placed.enumerated().sorted {
            ($0.element.position, $0.offset) < ($1.element.position, $1.offset)
        }.map(\.element)
        insertions[container] = added
        if gone.count == units.count, !gone.isEmpty, added.isEmpty {
            // Nothing is left: the collection is written as empty.
            for unit in units { removed.remove(unit) }
            insertions[container] = nil
            let value = isMapping ? YAMLValue.mapping([]) : .sequence([])
            replaced[container] = value
            try layout.writeEmpty(container, value)
            return
        }
        let changes = Layout.Changes(container: container, units: units, removed: Set(gone), added: added)
        switch (tree.records[container].kind, tree.records[container].style) {
        case (.mapping, .block): try layout.changeBlockMapping(changes)
        case (.sequence, .block): try layout.changeBlockSequence(changes)
        default: try layout.changeFlow(changes)
        }
    }
}

extension EditPlan {
    private func conflict(at record: Int) -> YAMLError {
        tree.refusal(at: record, "two of the changes concern the same text")
    }

    /// Splices the bytes, reads them again and compares.
    func apply() throws(YAMLError) -> YAMLTree {
        guard !splices.isEmpty else { return tree }
        guard let ordered = Splice.ordered(splices) else {
            throw conflict(at: splices[0].container)
        }
        let edited: YAMLTree
        do throws(YAMLError) {
            edited = try Reparse(plan: self, splices: ordered).tree()
        } catch {
            throw sharedAnchor ?? error
        }
        if let record = Verification.firstDifference(self, edited) {
            throw tree.refusal(at: record, "the change would alter more than it should; edit the file by hand")
        }
        if tree.hasAliases { try verifyMeaning(of: edited) }
        if isJSON, JSONStyle(edited.bytes) == nil {
            throw tree.refusal(at: splices[0].container, "the file would no longer be JSON; edit it by hand")
        }
        return edited
    }

    /// A value with an anchor is written once and read in several places. The change must show in the place that was named, as
    /// it was asked for, and in no other.
    private func verifyMeaning(of edited: YAMLTree) throws(YAMLError) {
        guard let before = Meaning.of(tree), let after = Meaning.of(edited) else {
            throw tree.refusal(at: 0, "the file is too large once its aliases are followed; edit it by hand")
        }
        guard Meaning.Intent(edits).applied(to: before) != after else { return }
        throw sharedAnchor
            ?? tree.refusal(
                at: splices[0].container, "the change would show in more than one place; edit the file by hand")
    }

    private var sharedAnchor: YAMLError? {
        resolver.sharedAnchor(of: (Array(replaced.keys) + Array(removed) + Array(insertions.keys)).sorted())
    }
}

extension YAMLTree {
    /// No content, or the null that `---` alone stands for.
    fileprivate var isEmptyDocument: Bool {
        records.isEmpty || (records.count == 1 && records[0].kind == .scalar && records[0].start == records[0].end)
    }
}

/// What each edit of one call decides, so that two edits that contradict each other are found even where one of them changes no
/// byte.
///
/// An edit that sets or removes a value decides about all of it, also if the value is to be what it is. One that inserts
/// stands beside any other that does not decide about the collection as a whole.
private struct EditClaims {
    private var taken: [Range<Int>] = []
    private var extended: [Int] = []

    /// The records of a value that is set or removed.
    mutating func take(_ subtree: Range<Int>) { taken.append(subtree) }

    /// The record of a collection that something is inserted into.
    mutating func extend(_ collection: Int) { extended.append(collection) }

    /// A record that two edits decide about, or nil.
    func firstConflict() -> Int? {
        let sorted = taken.sorted { $0.lowerBound < $1.lowerBound }
        for (left, right) in zip(sorted, sorted.dropFirst()) where right.lowerBound < left.upperBound {
            return right.lowerBound
        }
        return extended.first { collection in
            var (low, high) = (0, sorted.count)
            while low < high {
                let middle = (low + high) / 2
                if sorted[middle].lowerBound <= collection { low = middle + 1 } else { high = middle }
            }
            return low > 0 && sorted[low - 1].contains(collection)
        }
    }
}

/// Finds the nodes that edits name, and refuses those that cannot be edited safely.
struct PathResolver {
    struct Target {
        var record: Int
        /// The key's record where the parent is a mapping.
        var key: Int?
        /// Nil for the root.
        var parent: Int?
        /// The position among the parent's pairs or entries.
        var ordinal = 0
        /// Flow if any collection around it is.
        var context = ScalarWriter.Context.block
    }

    private let tree: YAMLTree
    private var children: [Int: [Int]] = [:]
    /// Anchors that aliases refer to, with the line of the first alias.
    private let aliasLines: [String: Int]

    init(_ tree: YAMLTree) {
        self.tree = tree
        var aliasLines: [String: Int] = [:]
        if !tree.propertyTable.isEmpty {
            for (index, record) in tree.records.enumerated() where record.kind == .alias {
                let name = String(decoding: tree.text(of: index), as: UTF8.self)
                aliasLines[name] = aliasLines[name] ?? Int(record.line)
            }
        }
        self.aliasLines = aliasLines
    }

    mutating func resolve(_ path: YAMLPath) throws(YAMLError) -> Target {
        guard !tree.records.isEmpty else {
            throw YAMLError(line: 1, column: 1, reason: "\(path) is not there: the file is empty")
        }
        var target = Target(record: 0)
        for step in path.steps {
            try refuseAlias(target.record)
            if tree.records[target.record].style == .flow { target.context = .flow }
            target = try descend(from: target, step, path)
        }
        return target
    }

    private mutating func descend(
        from target: Target, _ step: YAMLPath.Step, _ path: YAMLPath
    ) throws(YAMLError) -> Target {
        let parent = target.record
        var next = target
        next.parent = parent
        next.key = nil
        switch step {
        case .index(let index):
            guard tree.records[parent].kind == .sequence else {
                throw tree.refusal(at: parent, "\(path) is not there: this is not a list")
            }
            let entries = childRecords(parent)
            guard entries.indices.contains(index) else {
                throw tree.refusal(at: parent, "\(path) is not there: the list has \(entries.count) entries")
            }
            next.record = entries[index]
            next.ordinal = index
        case .key(let key):
            guard tree.records[parent].kind == .mapping else {
                throw tree.refusal(at: parent, "\(path) is not there: this is not a mapping")
            }
            let pairs = tree.pairs(of: parent, key: key)
            guard let pair = pairs.first else { throw tree.refusal(at: parent, "\(path) is not there") }
            if pairs.count > 1 {
                throw tree.refusal(
                    at: pairs[1].key, "the key '\(key)' is there twice, first in line \(tree.records[pair.key].line)")
            }
            next.record = pair.value
            next.key = pair.key
            next.ordinal = pair.ordinal
        }
        return next
    }

    fileprivate mutating func childRecords(_ parent: Int) -> [Int] {
        if let known = children[parent] { return known }
        let found = tree.children(of: parent)
        children[parent] = found
        return found
    }

    /// Refuses to change what an alias stands for: it would change in its own place as well. The alias itself can be replaced
    /// and removed.
    fileprivate func refuseAlias(_ record: Int) throws(YAMLError) {
        guard tree.records[record].kind == .alias else { return }
        throw tree.refusal(at: record, "an alias stands here; its target would be changed as well")
    }

    /// The anchor because of which a change of these records, or of anything in them, shows in a second place: in them or
    /// around them. Nil if it cannot be told.
    fileprivate func sharedAnchor(of records: [Int]) -> YAMLError? {
        for record in records {
            for index in record..<Int(tree.records[record].next) {
                if let refusal = sharedAnchor(at: index) { return refusal }
            }
        }
        for index in tree.records.indices
        where records.contains(where: { index < $0 && $0 < Int(tree.records[index].next) }) {
            if let refusal = sharedAnchor(at: index) { return refusal }
        }
        return nil
    }

    private func sharedAnchor(at index: Int) -> YAMLError? {
        guard tree.records[index].kind != .alias, let anchor = tree.properties(of: index)?.anchor,
            let line = aliasLines[anchor]
        else { return nil }
        return tree.refusal(
            at: index, "the anchor &\(anchor) is used by an alias in line \(line), where the change would show")
    }
}

extension YAMLTree {
    func refusal(at record: Int, _ reason: String) -> YAMLError {
        guard record < records.count else { return YAMLError(line: 1, column: 1, reason: reason) }
        return YAMLError(line: Int(records[record].line), column: Int(records[record].column), reason: reason)
    }

    func pairs(of mapping: Int, key: String) -> [(key: Int, value: Int, ordinal: Int)] {
        var found: [(key: Int, value: Int, ordinal: Int)] = []
        var child = mapping + 1
        for ordinal in 0..<Int(records[mapping].childCount / 2) {
            let value = Int(records[child].next)
            if records[child].kind == .scalar, text(of: child).elementsEqual(key.utf8) {
                found.append((child, value, ordinal))
            }
            child = Int(records[value].next)
        }
        return found
    }
}

/// The fewest removals and insertions that turn one list into another.
private enum ListMerge {
    struct Steps: Equatable {
        /// Indices in the old list.
        var removed: [Int] = []
        /// Items of the new list, each with the number of old items before it.
        var inserted: [(position: Int, item: Int)] = []

        static func == (left: Steps, right: Steps) -> Bool {
            left.removed == right.removed && left.inserted.elementsEqual(right.inserted, by: ==)
        }
    }

    static func steps(from oldCount: Int, to newCount: Int, areEqual: (Int, Int) -> Bool) -> Steps {
        // Length of the longest common subsequence of the two tails.
        var common = Array(repeating: [Int](repeating: 0, count: newCount + 1), count: oldCount + 1)
        for old in stride(from: oldCount - 1, through: 0, by: -1) {
            for new in stride(from: newCount - 1, through: 0, by: -1) {
                common[old][new] =
                    areEqual(old, new) ? common[old + 1][new + 1] + 1 : max(common[old + 1][new], common[old][new + 1])
            }
        }
        var steps = Steps()
        var (old, new) = (0, 0)
        while old < oldCount || new < newCount {
            if old < oldCount, new < newCount, areEqual(old, new) {
                (old, new) = (old + 1, new + 1)
            } else if new == newCount || (old < oldCount && common[old + 1][new] >= common[old][new + 1]) {
                steps.removed.append(old)
                old += 1
            } else {
                steps.inserted.append((old, new))
                new += 1
            }
        }
        return steps
    }
}

/// Bytes to be replaced.
struct Splice: Equatable {
    var range: Range<Int>
    var text: [UInt8]
    /// The record of the collection whose layout this belongs to.
    var container: Int

    init(_ range: Range<Int>, _ text: String, container: Int) {
        self.range = range
        self.text = Array(text.utf8)
        self.container = container
    }

    var growth: Int { text.count - range.count }

    /// The splices in file order; nil if two of them overlap.
    ///
    /// At one place, insertions come before a removal, and those of a nested collection before those of the one around it:
    /// the deeper lines continue what stands above.
    static func ordered(_ splices: [Splice]) -> [Splice]? {
        func precedes(_ left: (offset: Int, element: Splice), _ right: (offset: Int, element: Splice)) -> Bool {
            let (first, second) = (left.element, right.element)
            guard first.range.lowerBound == second.range.lowerBound else {
                return first.range.lowerBound < second.range.lowerBound
            }
            guard first.range.isEmpty == second.range.isEmpty else { return first.range.isEmpty }
            return first.container == second.container ? left.offset < right.offset : first.container > second.container
        }
        let sorted = splices.enumerated().sorted(by: precedes).map(\.element)
        let overlaps = zip(sorted, sorted.dropFirst()).contains { $0.range.upperBound > $1.range.lowerBound }
        return overlaps ? nil : sorted
    }

    static func apply(_ splices: [Splice], to bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + splices.reduce(0) { $0 + max(0, $1.growth) })
        var position = 0
        for splice in splices {
            result.append(contentsOf: bytes[position..<splice.range.lowerBound])
            result.append(contentsOf: splice.text)
            position = splice.range.upperBound
        }
        result.append(contentsOf: bytes[position...])
        return result
    }
}
