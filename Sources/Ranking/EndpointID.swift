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
