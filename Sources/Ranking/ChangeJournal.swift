/// The last 1,000 rank changes; memory is taken once.
struct ChangeJournal: Sendable {
    static let capacity = 1_000

    private var ring: [RankChange] = []
    private var oldest = 0

    init() {
        ring.reserveCapacity(Self.capacity)
    }

    mutating func append(_ change: RankChange) {
        if ring.count < Self.capacity {
            ring.append(change)
        } else {
            ring[oldest] = change
            oldest = (oldest + 1) % Self.capacity
        }
    }

    /// Oldest first.
    var changes: [RankChange] {
        Array(ring[oldest...] + ring[..<oldest])
    }
}
