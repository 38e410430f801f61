/// Identifies an endpoint for the life of the process; survives renames and rank changes, never reused.
public struct EndpointID: Hashable, Sendable, Comparable {
    public let rawValue: UInt32

    public init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static func < (left: EndpointID, right: EndpointID) -> Bool {
        left.rawValue < right.rawValue
    }
}
