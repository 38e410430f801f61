/// A version of the configuration that can be brought back.
public struct RestorePoint: Sendable, Equatable {
    /// Where it comes from.
    public enum Kind: String, Sendable, Equatable {
        /// The version before the last write.
        case backup
        /// A version that a crash left behind, found at the next start.
        case recovered
        /// A temporary of a process that crashed or still runs.
        case orphan
    }

    /// The file's name, beside the configuration.
    public var name: String
    /// Where it comes from.
    public var kind: Kind
    /// When its content was written, since 1970-01-01 00:00 UTC.
    public var modified: Duration
    /// In bytes.
    public var size: Int
    /// What keeps it from loading; empty when it is valid.
    public var problems: [FileProblem]
    /// It says the same as the current file, byte for byte.
    public var isCurrent: Bool

    /// Whether it can be restored.
    public var isValid: Bool { problems.isEmpty }
}
