import Foundation

/// A folder on a real disk for one file of the history, gone with the test.
final class HistoryFolder {
    let path: String
    /// Where the file is to be made.
    let file: String

    /// - Parameter name: of the file
    init(_ name: String) throws {
        path = NSTemporaryDirectory() + "podium-history-" + UUID().uuidString
        file = path + "/" + name
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
