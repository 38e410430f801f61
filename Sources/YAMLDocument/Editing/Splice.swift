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

    /// The splices in file order, an insertion before a removal at the same place; nil if two of them overlap.
    static func ordered(_ splices: [Splice]) -> [Splice]? {
        let sorted = splices.enumerated().sorted { left, right in
            let leftKey = (left.element.range.lowerBound, left.element.range.isEmpty ? 0 : 1, left.offset)
            let rightKey = (right.element.range.lowerBound, right.element.range.isEmpty ? 0 : 1, right.offset)
            return leftKey < rightKey
        }.map(\.element)
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
