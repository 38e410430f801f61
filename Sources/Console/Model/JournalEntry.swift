/// One endpoint's change of rank.
public struct JournalEntry: Sendable, Equatable, Identifiable {
    /// Never falls from one entry to the next; entries of one moment may share it.
    public var id: UInt64
    /// When it happened.
    public var time: WallTime
    /// Who moved.
    public var endpoint: String
    /// Rank before; 0 for one that was just added.
    public var from: Int
    /// Rank after; 0 for one that was just removed.
    public var to: Int
    /// In plain words, such as `22 % faster than anthropic-eu`.
    public var cause: String

    /// A change of rank.
    public init(id: UInt64, time: WallTime, endpoint: String, from: Int, to: Int, cause: String) {
        self.id = id
        self.time = time
        self.endpoint = endpoint
        self.from = from
        self.to = to
        self.cause = cause
    }
}
