/// Places of a table in the order in which they were used last: the one that was used longest ago makes room for another.
///
/// The table itself is the caller's; this holds a list through the numbers of its places, and each call takes the same short time
/// however many there are. A place that is not in the list must not be used or taken out of it.
public struct RecencyList: Sendable {
    private struct Neighbours: Sendable {
        var newer = RecencyList.none
        var older = RecencyList.none
    }

    private static let none = -1

    private var neighbours: [Neighbours] = []
    private var first = RecencyList.none
    private var last = RecencyList.none

    /// Nothing is in it.
    public init() {}

    /// Used last of all; nil where nothing is in the list.
    public var newest: Int? { first == Self.none ? nil : first }
    /// Used longest ago; nil where nothing is in the list.
    public var oldest: Int? { last == Self.none ? nil : last }

    /// The one that was used just before it; nil for the oldest.
    public func older(than place: Int) -> Int? {
        let older = neighbours[place].older
        return older == Self.none ? nil : older
    }

    /// Takes a place in that is not in the list, as the newest.
    public mutating func insert(_ place: Int) {
        while neighbours.count <= place { neighbours.append(Neighbours()) }
        neighbours[place] = Neighbours(newer: Self.none, older: first)
        if first != Self.none { neighbours[first].newer = place }
        first = place
        if last == Self.none { last = place }
    }

    /// Makes a place of the list the newest.
    public mutating func use(_ place: Int) {
        guard first != place else { return }
        remove(place)
        insert(place)
    }

    /// Takes a place out.
    public mutating func remove(_ place: Int) {
        let (newer, older) = (neighbours[place].newer, neighbours[place].older)
        if newer == Self.none { first = older } else { neighbours[newer].older = older }
        if older == Self.none { last = newer } else { neighbours[older].newer = newer }
    }
}
