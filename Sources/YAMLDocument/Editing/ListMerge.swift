/// The fewest removals and insertions that turn one list into another.
enum ListMerge {
    struct Steps: Equatable {
        /// Indices in the old list.
        var removed: [Int] = []
        /// Items of the new list, each with the number of old items before it.
        var inserted: [(position: Int, item: Int)] = []

        static func == (left: Steps, right: Steps) -> Bool {
            left.removed == right.removed && left.inserted.elementsEqual(right.inserted, by: ==)
        }
    }

    static func steps(from oldCount: Int, to newCount: Int, areEqual: (Int, Int) -> Bool) -> Steps {
        // Length of the longest common subsequence of the two tails.
        var common = Array(repeating: [Int](repeating: 0, count: newCount + 1), count: oldCount + 1)
        for old in stride(from: oldCount - 1, through: 0, by: -1) {
            for new in stride(from: newCount - 1, through: 0, by: -1) {
                common[old][new] =
                    areEqual(old, new) ? common[old + 1][new + 1] + 1 : max(common[old + 1][new], common[old][new + 1])
            }
        }
        var steps = Steps()
        var (old, new) = (0, 0)
        while old < oldCount || new < newCount {
            if old < oldCount, new < newCount, areEqual(old, new) {
                (old, new) = (old + 1, new + 1)
            } else if new == newCount || (old < oldCount && common[old + 1][new] >= common[old][new + 1]) {
                steps.removed.append(old)
                old += 1
            } else {
                steps.inserted.append((old, new))
                new += 1
            }
        }
        return steps
    }
}
