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

    mutating func childRecords(_ parent: Int) -> [Int] {
        if let known = children[parent] { return known }
        let found = tree.children(of: parent)
        children[parent] = found
        return found
    }

    /// Refuses to change what an alias stands for: it would change in its own place as well. The alias itself can be replaced
    /// and removed.
    func refuseAlias(_ record: Int) throws(YAMLError) {
        guard tree.records[record].kind == .alias else { return }
        throw tree.refusal(at: record, "an alias stands here; its target would be changed as well")
    }

    /// The anchor because of which a change of these records, or of anything in them, shows in a second place: in them or
    /// around them. Nil if it cannot be told.
    func sharedAnchor(of records: [Int]) -> YAMLError? {
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
