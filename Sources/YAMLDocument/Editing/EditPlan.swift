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

    /// What is written once can be read in several places: the change must show in the one that was named, and there it must
    /// be what was asked for.
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
    var isEmptyDocument: Bool {
        records.isEmpty || (records.count == 1 && records[0].kind == .scalar && records[0].start == records[0].end)
    }
}
