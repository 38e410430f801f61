/// What each edit of one call decides, so that two that contradict each other are seen even where only one writes.
///
/// An edit that sets or removes a value decides about all of it, also if the value is to be what it is. One that inserts
/// stands beside any other that does not decide about the collection as a whole.
struct EditClaims {
    private var taken: [Range<Int>] = []
    private var extended: [Int] = []

    /// The records of a value that is set or removed.
    mutating func take(_ subtree: Range<Int>) { taken.append(subtree) }

    /// The record of a collection that something is inserted into.
    mutating func extend(_ collection: Int) { extended.append(collection) }

    /// A record that two edits decide about, or nil.
    func firstConflict() -> Int? {
        let sorted = taken.sorted { $0.lowerBound < $1.lowerBound }
        for (left, right) in zip(sorted, sorted.dropFirst()) where right.lowerBound < left.upperBound {
            return right.lowerBound
        }
        return extended.first { collection in
            var (low, high) = (0, sorted.count)
            while low < high {
                let middle = (low + high) / 2
                if sorted[middle].lowerBound <= collection { low = middle + 1 } else { high = middle }
            }
            return low > 0 && sorted[low - 1].contains(collection)
        }
    }
}
