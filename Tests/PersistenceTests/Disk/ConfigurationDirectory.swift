import Configuration
import PodiumModel
import Foundation
import Testing

@testable import Persistence

/// A directory on the real disk with a configuration in it; removed when the last reference goes.
final class ConfigurationDirectory: Sendable {
    let path: String
    let file: String
    private let isOwned: Bool

    static let text = """
        # Kept by hand.
        server:
          auto_sort_endpoints: true  # on

        endpoints:
          - name: alpha   # the first
            url: http://127.0.0.1:1
            priority: 1   # ranks move
            enabled: true
          - name: beta
            url: http://127.0.0.1:2
            priority: 2
            enabled: true
          - name: gamma
            url: http://127.0.0.1:3
            priority: 3
            enabled: true

        """

    init(_ text: String = ConfigurationDirectory.text) throws {
        var template = Array("\(FileManager.default.temporaryDirectory.path)/podium-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        file = "\(path)/config.yaml"
        isOwned = true
        try write(text)
    }

    /// Another process's directory: not ours to remove.
    init(adopting file: String) throws {
        self.file = file
        path = String(file.prefix(upTo: try #require(file.lastIndex(of: "/"))))
        isOwned = false
    }

    deinit {
        guard isOwned else { return }
        try? FileManager.default.removeItem(atPath: path)
    }

    func write(_ text: String, to name: String = "config.yaml") throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    /// What vim and others do: a new file is renamed over the old one.
    func replace(_ text: String) throws {
        try write(text, to: "edited")
        guard rename("\(path)/edited", file) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    func text(_ name: String = "config.yaml") -> String? {
        FileManager.default.contents(atPath: "\(path)/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }

    /// Everything in the directory but the configuration, its backup and its lock.
    var leftovers: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { !["config.yaml", "config.yaml.backup", ".config.yaml.lock"].contains($0) }.sorted()
    }
}
