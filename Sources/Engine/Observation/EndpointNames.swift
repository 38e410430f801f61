public import Ranking

/// What endpoints are called, also those that are gone and that events and the journal still speak of. Made for each picture, so
/// it is an array: a dictionary of 10,000 takes 4 ms, under the lock that requests need.
public struct EndpointNames: Sendable {
    /// By the identity's raw value; nil where the endpoint was removed.
    private let present: [String?]
    private let former: [EndpointID: String]

    init(present: [String?], former: [EndpointID: String]) {
        self.present = present
        self.former = former
    }

    /// nil for an identity that no endpoint ever had.
    public subscript(id: EndpointID) -> String? {
        let index = Int(id.rawValue)
        return (index < present.count ? present[index] : nil) ?? former[id]
    }
}
