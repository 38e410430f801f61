internal import Configuration
public import PodiumModel

/// The difference of two files as a person reads it.
public struct LineDifference: Sendable, Equatable, CustomStringConvertible {
    /// Changed lines with up to three unchanged ones around them; a gap in the numbers is a part left out.
    public var lines: [DifferenceLine]

    private static let context = 3
    /// Myers' algorithm takes time and memory by the square of the differences; beyond this, files are compared by place.
    private static let compared = 4_000
    /// Searching many lines for many secrets takes time by their product.
    private static let searched = 1_000_000

    init(from old: [UInt8], to new: [UInt8]) {
        let before = Self.split(old)
        let after = Self.split(new)
        let (removed, added) = Self.changed(before, after)
        let shownBefore = FileMask.lines(of: old)
        let shownAfter = FileMask.lines(of: new)
        var all: [DifferenceLine] = []
        var newIndex = 0
        func appendAdded() {
            while newIndex < after.count, added.contains(newIndex) {
                all.append(DifferenceLine(kind: .added, number: newIndex + 1, text: shownAfter[newIndex]))
                newIndex += 1
            }
        }
        for index in before.indices {
            if removed.contains(index) {
                all.append(DifferenceLine(kind: .removed, number: index + 1, text: shownBefore[index]))
                continue
            }
            appendAdded()
            all.append(DifferenceLine(kind: .kept, number: index + 1, text: shownBefore[index]))
            newIndex += 1
        }
        appendAdded()
        lines = Self.withoutDistantContext(all)
        // A key that one version has in its place may stand in a comment of the other, or in a broken line.
        let secrets = FileMask.secrets(in: old).union(FileMask.secrets(in: new)).sorted { $0.count > $1.count }
        guard secrets.count * lines.count < Self.searched else { return }
        for index in lines.indices { lines[index].text = FileMask.hiding(secrets, in: lines[index].text) }
    }

    /// Whether the files are equal line by line.
    public var isEmpty: Bool { lines.isEmpty }

    /// One line each, with ` `, `-` or `+` before it.
    public var description: String {
        lines.map { "\($0.kind.sign)\($0.text)" }.joined(separator: "\n")
    }

    private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        bytes.split(separator: 10, omittingEmptySubsequences: false)
    }

    /// The lines of the old file that are gone and those of the new one that came.
    private static func changed(
        _ before: [ArraySlice<UInt8>], _ after: [ArraySlice<UInt8>]
    ) -> (removed: Set<Int>, added: Set<Int>) {
        let shorter = min(before.count, after.count)
        let head = zip(before, after).prefix { $0 == $1 }.count
        let tail = zip(before.reversed(), after.reversed()).prefix(shorter - head).prefix { $0 == $1 }.count
        let old = before[head..<(before.count - tail)]
        let new = after[head..<(after.count - tail)]
        guard old.count + new.count > compared else {
            var removed: Set<Int> = []
            var added: Set<Int> = []
            for change in new.difference(from: old) {
                switch change {
                case .remove(let offset, _, _): removed.insert(head + offset)
                case .insert(let offset, _, _): added.insert(head + offset)
                }
            }
            return (removed, added)
        }
        // Ranks that changed in a long file leave every line in its place.
        guard old.count == new.count else { return (Set(old.indices), Set(new.indices)) }
        let places = Set(old.indices.filter { before[$0] != after[$0] })
        return (places, places)
    }

    private static func withoutDistantContext(_ lines: [DifferenceLine]) -> [DifferenceLine] {
        var near = [Bool](repeating: false, count: lines.count)
        for index in lines.indices where lines[index].kind != .kept {
            for neighbour in max(0, index - context)...min(lines.count - 1, index + context) { near[neighbour] = true }
        }
        return lines.indices.filter { near[$0] }.map { lines[$0] }
    }
}
