internal import Support

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

extension RestorePoint: CustomStringConvertible {
    /// Name, origin, age, size and validity, such as
    /// `config.yaml.backup: the version before the last write, 3 min old, 1204 bytes, loads`.
    public var description: String { described(at: WallClock.now) }

    func described(at now: Duration) -> String {
        let state =
            isCurrent
            ? "the same as the current file"
            : problems.first.map { "does not load: \($0)" } ?? "loads"
        return "\(name): \(kind.origin), \(Self.age(now - modified)), \(size) bytes, \(state)"
    }

    private static func age(_ age: Duration) -> String {
        let seconds = age.components.seconds
        return switch seconds {
        case ..<0: "dated in the future"
        case ..<60: "\(seconds) s old"
        case ..<7_200: "\(seconds / 60) min old"
        case ..<172_800: "\(seconds / 3_600) hours old"
        default: "\(seconds / 86_400) days old"
        }
    }
}

extension RestorePoint.Kind {
    fileprivate var origin: String {
        switch self {
        case .backup: "the version before the last write"
        case .recovered: "left by a crash"
        case .orphan: "a temporary, unfinished or left by a crash"
        }
    }
}
