/// Where the record of an endpoint is. Ids are small and dense as a rule, and then one array read tells; finding one is
/// on the path of every request.
struct SlotIndex: Sendable {
    private static let denseLimit: UInt32 = 1 << 16

    private var dense: [Int32] = []
    private var sparse: [EndpointID: Int] = [:]

    subscript(id: EndpointID) -> Int? {
        get {
            let raw = id.rawValue
            guard raw < Self.denseLimit else { return sparse[id] }
            guard Int(raw) < dense.count, dense[Int(raw)] >= 0 else { return nil }
            return Int(dense[Int(raw)])
        }
        set {
            let raw = id.rawValue
            guard raw < Self.denseLimit else {
                sparse[id] = newValue
                return
            }
            let missing = Int(raw) + 1 - dense.count
            if missing > 0 { dense.append(contentsOf: repeatElement(-1, count: missing)) }
            dense[Int(raw)] = newValue.map(Int32.init) ?? -1
        }
    }
}
