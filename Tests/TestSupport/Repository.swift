import Foundation

/// The files of this repository, for tests that hold documents against the code.
public enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The text of a file, by its path from the repository's root on.
    public static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Where a file of the repository is.
    public static func path(_ path: String) -> String {
        root.appending(path: path).path
    }

    /// The paths of all files below a folder, from the repository's root on.
    public static func files(below folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path).map { "\(folder)/\($0)" }
            .sorted()
    }
}
