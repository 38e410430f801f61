import TestSupport
import Testing

@testable import YAMLDocument

@Suite struct FuzzTests {
    /// Any bytes are either refused with a place in the file, or give a tree whose spans lie in it; any edit of it is either
    /// refused or changes only its own bytes.
    @Test(arguments: 1...8) func damagedFilesNeverCrashNorChangeMoreThanMeant(_ seed: UInt64) throws {
        var mutator = Mutator(random: SeededRandom(seed: seed))
        var accepted = 0
        var edited = 0
        for round in 0..<3000 {
            let bytes = mutator.mutate(Corpus.bytes(Corpus.files[round % Corpus.files.count].text))
            let document: YAMLDocument
            do {
                document = try YAMLDocument(bytes: bytes)
            } catch {
                let lines = bytes.count { $0 == 0x0A || $0 == 0x0D || $0 == 0x85 || $0 & 0xFE == 0xA8 } + 2
                #expect(error.line >= 1 && error.column >= 1 && error.line <= lines && !error.reason.isEmpty)
                continue
            }
            accepted += 1
            if let root = document.root { checkSpans(root, in: 0..<bytes.count) }
            for _ in 0..<2 {
                guard let edit = mutator.edit(document) else { continue }
                do {
                    let result = try document.applying([edit])
                    checkSurroundings(document, edit, result)
                    #expect(result.readsTheSameAsAWhole, "\(edit)")
                    edited += 1
                } catch {
                    #expect(error.line >= 1 && error.column >= 1 && !error.reason.isEmpty)
                }
            }
        }
        // Most damage leaves a file that parses; were none edited, the test would show nothing.
        #expect(accepted > 600)
        #expect(edited > 600)
    }

    private func checkSpans(_ node: YAMLNode, in outer: Range<Int>) {
        #expect(outer.lowerBound <= node.span.lowerBound && node.span.upperBound <= outer.upperBound)
        var position = node.span.lowerBound
        let children = node.pairs.flatMap { [$0.key, $0.value] } + node.entries
        for child in children {
            #expect(child.span.lowerBound >= position)
            position = child.span.upperBound
            checkSpans(child, in: outer)
        }
    }

    private func checkSurroundings(_ before: YAMLDocument, _ edit: YAMLEdit, _ after: YAMLDocument) {
        switch edit {
        case .set(let path, _):
            guard let node = before.node(at: path), node.kind == .scalar, node.tag == nil else { return }
            #expect(
                after.bytes.starts(with: before.bytes[..<node.span.lowerBound]) || node.span.isEmpty
                    || after.bytes.count > before.bytes.count + 4, "\(edit)")
            guard node.style == .plain, !node.span.isEmpty, case .set(_, let value) = edit, value.isOnOneLine else {
                return
            }
            #expect(after.bytes.starts(with: before.bytes[..<node.span.lowerBound]), "\(edit)")
            #expect(after.bytes.reversed().starts(with: before.bytes[node.span.upperBound...].reversed()), "\(edit)")
        case .insertKey(_, _, let path, _), .insertEntry(_, let path, _):
            guard let node = before.node(at: path), node.style == .block, node.kind == .mapping || !node.entries.isEmpty
            else { return }
            #expect(Self.isOneInsertion(before.bytes, after.bytes), "\(edit)")
        case .remove(let path):
            var steps = path.steps
            steps.removeLast()
            guard let parent = before.node(at: YAMLPath(steps)), parent.style == .block,
                max(parent.pairs.count, parent.entries.count) > 1
            else { return }
            #expect(Self.isOneInsertion(after.bytes, before.bytes), "\(edit)")
        }
    }

    /// Whether the longer text is the shorter one with something put in at one place.
    private static func isOneInsertion(_ shorter: [UInt8], _ longer: [UInt8]) -> Bool {
        let head = zip(shorter, longer).prefix { $0 == $1 }.count
        let tail = zip(shorter.reversed(), longer.reversed()).prefix { $0 == $1 }.count
        return longer.count >= shorter.count && head + tail >= shorter.count
    }
}

extension YAMLDocument {
    func node(at path: YAMLPath) -> YAMLNode? {
        var node = root
        for step in path.steps {
            switch step {
            case .key(let key): node = node?[key]
            case .index(let index): node = node.flatMap { $0.entries.indices.contains(index) ? $0.entries[index] : nil }
            }
        }
        return node
    }
}

extension YAMLValue {
    fileprivate var isOnOneLine: Bool {
        switch self {
        case .sequence, .mapping: false
        default: true
        }
    }
}

extension YAMLDocument {
    /// Whether a tree that was put together from parts is the one that reading the whole file gives.
    var readsTheSameAsAWhole: Bool {
        guard let whole = try? YAMLDocument(bytes: bytes) else { return false }
        return tree.isSame(as: whole.tree)
    }
}

extension YAMLTree {
    /// Equal in all that a reader can see; the texts' places in the arena may differ.
    func isSame(as other: YAMLTree) -> Bool {
        records.count == other.records.count && bytes == other.bytes
            && records.indices.allSatisfy { index in
                let (left, right) = (records[index], other.records[index])
                return left.start == right.start && left.end == right.end && left.line == right.line
                    && left.column == right.column && left.next == right.next && left.childCount == right.childCount
                    && Verification.areAlike(self, index, other, index)
            }
    }
}
