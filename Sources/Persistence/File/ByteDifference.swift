/// How many bytes of a file an edit changed.
enum ByteDifference {
    /// Lines that both have in the same place are compared byte by byte behind their common start and before their common
    /// end; where lines were added or removed, everything between the common start and end of the files counts.
    static func count(_ old: [UInt8], _ new: [UInt8]) -> Int {
        let (oldRange, newRange) = changed(old[...], new[...])
        let before = old[oldRange].split(separator: 10, omittingEmptySubsequences: false)
        let after = new[newRange].split(separator: 10, omittingEmptySubsequences: false)
        guard before.count == after.count else { return max(oldRange.count, newRange.count) }
        return zip(before, after).reduce(0) { sum, lines in
            let (left, right) = changed(lines.0, lines.1)
            return sum + max(left.count, right.count)
        }
    }

    private static func changed(
        _ old: ArraySlice<UInt8>, _ new: ArraySlice<UInt8>
    ) -> (Range<Int>, Range<Int>) {
        let shorter = min(old.count, new.count)
        var start = 0
        while start < shorter, old[old.startIndex + start] == new[new.startIndex + start] { start += 1 }
        var end = 0
        while end < shorter - start, old[old.endIndex - 1 - end] == new[new.endIndex - 1 - end] { end += 1 }
        return (old.startIndex + start..<old.endIndex - end, new.startIndex + start..<new.endIndex - end)
    }
}
