/// Identifies an endpoint for the life of the process; survives renames and rank changes, never reused.
public struct EndpointID: Hashable, Sendable, Comparable {
    /// As the persister numbers endpoints.
    public let rawValue: UInt32

    /// The endpoint with this number.
    public init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// By number, so that lists can be made deterministic.
    public static func < (left: EndpointID, right: EndpointID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Where the record of an endpoint is. Ids are small and dense as a rule, and then one array read tells; finding one is
/// on the path of every request.
///
/// Its memory is bounded however many endpoints came and went: the array by its limit, the dictionary by the endpoints that
/// are there.
public struct SlotIndex: Sendable {
    static let denseLimit: UInt32 = 1 << 16

    private var dense: [Int32] = []
    private var sparse: [EndpointID: Int] = [:]

    /// Knows no endpoint yet.
    public init() {}

    /// Entries that take up memory.
    var footprint: Int { dense.count + sparse.count }

    /// nil for an endpoint that has no record; set nil to forget one.
    public subscript(id: EndpointID) -> Int? {
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
            guard let newValue else {
                guard Int(raw) < dense.count else { return }
                dense[Int(raw)] = -1
                while dense.last == -1 { dense.removeLast() }
                return
            }
            let missing = Int(raw) + 1 - dense.count
            if missing > 0 { dense.append(contentsOf: repeatElement(-1, count: missing)) }
            dense[Int(raw)] = Int32(newValue)
        }
    }
}
