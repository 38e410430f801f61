import CBuildInfo

enum Version {
    static let number = "0.2.0"

    /// Such as `podium 0.2.0 (8e4cb61a2b3c)`; a build without a commit shows none.
    static let text: String = {
        let commit = String(cString: podium_build_commit())
        return commit.isEmpty ? "podium \(number)" : "podium \(number) (\(commit))"
    }()
}
