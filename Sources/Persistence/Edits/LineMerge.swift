/// Brings two descendants of one text together, line by line. "Theirs" is the text that was edited by hand; "ours" is the one
/// from which the common ancestor was made. `AuthoredFile` takes the program's own changes out of an edited file with it.
struct LineMerge {
    /// Lines of the ancestor, and what stands in their place. An empty range is an insertion before its line.
    private struct Hunk {
        var range: Range<Int>
        var lines: ArraySlice<ArraySlice<UInt8>>
    }

    private let ancestor: [ArraySlice<UInt8>]
    private let ours: [Hunk]
    private var theirs: [Hunk]
    /// Our hunks that touch no line of theirs.
    private(set) var compatible: [Int] = []
    /// Those, and our insertions amid lines that theirs rewrote.
    private var applicable: Set<Int> = []

    var hunkCount: Int { ours.count }

    init(ancestor: [UInt8], ours: [UInt8], theirs: [UInt8]) {
        let (old, our, their) = (Self.lines(of: ancestor), Self.lines(of: ours), Self.lines(of: theirs))
        self.ancestor = old
        self.ours = LineAlignment.hunks(from: old, to: our).map { Hunk(range: $0.old, lines: our[$0.new]) }
        self.theirs = LineAlignment.hunks(from: old, to: their).map { Hunk(range: $0.old, lines: their[$0.new]) }
        var behind = 0
        var pieces: [Hunk] = []
        for (index, range) in self.ours.map(\.range).enumerated() {
            while behind < self.theirs.count, self.theirs[behind].range.upperBound < range.lowerBound {
                pieces.append(self.theirs[behind])
                behind += 1
            }
            let near = self.theirs[behind...].prefix { $0.range.lowerBound <= range.upperBound }
            guard let conflict = near.firstIndex(where: { Self.overlap($0.range, range) }) else {
                compatible.append(index)
                applicable.insert(index)
                continue
            }
            guard range.isEmpty else { continue }
            let (before, after) = Self.split(self.theirs[conflict], at: range.lowerBound, for: self.ours[index].lines)
            pieces += self.theirs[behind..<conflict] + [before]
            self.theirs[conflict] = after
            behind = conflict
            applicable.insert(index)
        }
        self.theirs = pieces + self.theirs[behind...]
    }

    /// An insertion amid lines that theirs rewrote goes before the first of their lines that begins as it does, with the dash of
    /// an entry; where there is none, it goes behind them all.
    private static func split(
        _ hunk: Hunk, at line: Int, for lines: ArraySlice<ArraySlice<UInt8>>
    ) -> (before: Hunk, after: Hunk) {
        func dash(_ line: ArraySlice<UInt8>) -> Int? {
            let text = line.drop { $0 == 0x20 }
            return text.first == UInt8(ascii: "-") ? text.startIndex - line.startIndex : nil
        }
        let indent = lines.lazy.compactMap(dash).first
        let place = hunk.lines.firstIndex { indent != nil && dash($0) == indent } ?? hunk.lines.endIndex
        return (
            Hunk(range: hunk.range.lowerBound..<line, lines: hunk.lines[..<place]),
            Hunk(range: line..<hunk.range.upperBound, lines: hunk.lines[place...])
        )
    }

    /// Their text with some of our hunks; those of the others that they have changed too are left out.
    func merged(applying chosen: Set<Int>) -> [UInt8] {
        let mine = applicable.intersection(chosen).sorted().map { ours[$0] }.enumerated().sorted {
            ($0.element.range.lowerBound, $0.element.range.upperBound, $0.offset)
                < ($1.element.range.lowerBound, $1.element.range.upperBound, $1.offset)
        }.map(\.element)
        // At one place our insertions come first, then theirs, then what replaces the lines there.
        var result: [UInt8] = []
        var (next, their) = (0, 0)
        var line = 0
        while true {
            while next < mine.count, mine[next].range.isEmpty, mine[next].range.lowerBound == line {
                mine[next].lines.forEach { result += $0 }
                next += 1
            }
            while their < theirs.count, theirs[their].range.isEmpty, theirs[their].range.lowerBound == line {
                theirs[their].lines.forEach { result += $0 }
                their += 1
            }
            if next < mine.count, mine[next].range.lowerBound == line {
                mine[next].lines.forEach { result += $0 }
                line = mine[next].range.upperBound
                next += 1
            } else if their < theirs.count, theirs[their].range.lowerBound == line {
                theirs[their].lines.forEach { result += $0 }
                line = theirs[their].range.upperBound
                their += 1
            } else if line < ancestor.count {
                result += ancestor[line]
                line += 1
            } else {
                return result
            }
        }
    }

    /// Whether two hunks overlap; hunks that only touch each other do not.
    private static func overlap(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
        switch (left.isEmpty, right.isEmpty) {
        case (true, true): false
        case (true, false): right.lowerBound < left.lowerBound && left.lowerBound < right.upperBound
        case (false, true): left.lowerBound < right.lowerBound && right.lowerBound < left.upperBound
        case (false, false): left.overlaps(right)
        }
    }

    /// With their line ends, so that a missing last one counts.
    private static func lines(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
            lines.append(bytes[start..<end])
            start = end
        }
        return lines
    }
}

/// Finds the lines that two texts have in common: first those that occur once in each, as the name of an entry does, then
/// what lies between them. That takes little time for long files, where a shortest difference takes the square of it.
enum LineAlignment {
    struct Hunk {
        var old: Range<Int>
        var new: Range<Int>
    }

    /// Beyond this, lines without a unique one among them count as replaced as a whole.
    private static let compared = 1_000

    static func hunks(from old: [ArraySlice<UInt8>], to new: [ArraySlice<UInt8>]) -> [Hunk] {
        var numbers: [ArraySlice<UInt8>: Int] = [:]
        func number(_ line: ArraySlice<UInt8>) -> Int {
            if let known = numbers[line] { return known }
            numbers[line] = numbers.count
            return numbers.count - 1
        }
        let (left, right) = (old.map(number), new.map(number))
        var pairs: [(Int, Int)] = []
        var pending = [(left.indices, right.indices)]
        while let (oldRange, newRange) = pending.popLast() {
            align(left, oldRange, right, newRange, &pairs, &pending)
        }
        pairs.sort { $0.0 < $1.0 }
        var result: [Hunk] = []
        var (oldEnd, newEnd) = (0, 0)
        for (oldLine, newLine) in pairs + [(left.count, right.count)] {
            if oldEnd < oldLine || newEnd < newLine {
                result.append(Hunk(old: oldEnd..<oldLine, new: newEnd..<newLine))
            }
            (oldEnd, newEnd) = (oldLine + 1, newLine + 1)
        }
        return result
    }

    private static func align(
        _ left: [Int], _ oldRange: Range<Int>, _ right: [Int], _ newRange: Range<Int>, _ pairs: inout [(Int, Int)],
        _ pending: inout [(Range<Int>, Range<Int>)]
    ) {
        var (old, new) = (oldRange, newRange)
        while let first = old.first, let other = new.first, left[first] == right[other] {
            pairs.append((first, other))
            (old, new) = (first + 1..<old.upperBound, other + 1..<new.upperBound)
        }
        while let last = old.last, let other = new.last, left[last] == right[other] {
            pairs.append((last, other))
            (old, new) = (old.lowerBound..<last, new.lowerBound..<other)
        }
        guard !old.isEmpty, !new.isEmpty else { return }
        let anchors = anchors(left, old, right, new)
        guard !anchors.isEmpty else {
            if old.count + new.count <= compared { pairs += common(left, old, right, new) }
            return
        }
        var (oldStart, newStart) = (old.lowerBound, new.lowerBound)
        for (oldLine, newLine) in anchors + [(old.upperBound, new.upperBound)] {
            pending.append((oldStart..<oldLine, newStart..<newLine))
            (oldStart, newStart) = (oldLine + 1, newLine + 1)
        }
        pairs += anchors
    }

    /// Lines that occur once in either, as many of them as stand in the same order.
    private static func anchors(
        _ left: [Int], _ old: Range<Int>, _ right: [Int], _ new: Range<Int>
    ) -> [(Int, Int)] {
        func places(_ lines: [Int], _ range: Range<Int>) -> [Int: Int?] {
            var places: [Int: Int?] = [:]
            for index in range {
                if places.updateValue(index, forKey: lines[index]) != nil {
                    places.updateValue(nil, forKey: lines[index])
                }
            }
            return places
        }
        let others = places(right, new)
        let candidates = places(left, old).compactMap { line, place -> (Int, Int)? in
            guard let place, let other = others[line], let other else { return nil }
            return (place, other)
        }.sorted { $0.0 < $1.0 }
        return longestAscending(candidates)
    }

    /// The longest run of pairs whose second members ascend, by patience sorting.
    private static func longestAscending(_ pairs: [(Int, Int)]) -> [(Int, Int)] {
        var tops: [Int] = []
        var before = [Int](repeating: -1, count: pairs.count)
        for index in pairs.indices {
            var (low, high) = (0, tops.count)
            while low < high {
                let middle = (low + high) / 2
                if pairs[tops[middle]].1 < pairs[index].1 { low = middle + 1 } else { high = middle }
            }
            if low > 0 { before[index] = tops[low - 1] }
            if low == tops.count { tops.append(index) } else { tops[low] = index }
        }
        var result: [(Int, Int)] = []
        var index = tops.last ?? -1
        while index >= 0 {
            result.append(pairs[index])
            index = before[index]
        }
        return result.reversed()
    }

    private static func common(
        _ left: [Int], _ old: Range<Int>, _ right: [Int], _ new: Range<Int>
    ) -> [(Int, Int)] {
        var (removed, added): (Set<Int>, Set<Int>) = ([], [])
        for change in right[new].difference(from: left[old]) {
            switch change {
            case .remove(let offset, _, _): removed.insert(old.lowerBound + offset)
            case .insert(let offset, _, _): added.insert(new.lowerBound + offset)
            }
        }
        return Array(zip(old.filter { !removed.contains($0) }, new.filter { !added.contains($0) }))
    }
}
