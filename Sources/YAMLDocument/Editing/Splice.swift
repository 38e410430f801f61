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
