public import Ranking

/// What endpoints are called, also those that are gone and that events and the journal still speak of. Made for each snapshot, so
/// it is an array: a dictionary of 10,000 takes 4 ms, under the lock that requests need.
public struct EndpointNameTable: Sendable {
    private let index: SlotIndex
    /// By the slot that the index gives.
    private let present: [String?]
    private let former: [EndpointID: String]

    init(index: SlotIndex, present: [String?], former: [EndpointID: String]) {
        self.index = index
        self.present = present
        self.former = former
    }

    /// nil for an identity that no endpoint ever had, or one that has been gone for long.
    public subscript(id: EndpointID) -> String? {
        index[id].flatMap { $0 < present.count ? present[$0] : nil } ?? former[id]
    }
}
