/// The last flushes, oldest first.
struct FlushHistory: Sendable {
    static let capacity = 512

    private var ring: [FlushRecord] = []
    private var oldest = 0

    mutating func append(_ record: FlushRecord) {
        if ring.count < Self.capacity {
            ring.append(record)
        } else {
            ring[oldest] = record
            oldest = (oldest + 1) % Self.capacity
        }
    }

    var records: [FlushRecord] {
        Array(ring[oldest...] + ring[..<oldest])
    }
}
