/// Until when another endpoint may still be asked (`failover.commit`).
public enum CommitPoint: String, Sendable, CaseIterable {
    /// The first event that says something; of what is no stream, its end.
    case content
    /// The first event of any kind.
    case event
    /// The same, and what would have been done otherwise under `content` is counted.
    case shadow
}
