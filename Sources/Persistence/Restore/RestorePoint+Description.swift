internal import Support

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
