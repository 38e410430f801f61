/// Names an endpoint at the revision its author saw. Never a row or a rank: those move by themselves.
public struct CommandTarget: Codable, Sendable, Hashable {
    /// As configured; unique.
    public var name: String
    /// nil accepts whatever is there now.
    public var revision: UInt64?

    /// - Parameter revision: nil accepts whatever is there now.
    public init(name: String, revision: UInt64? = nil) {
        self.name = name
        self.revision = revision
    }
}
