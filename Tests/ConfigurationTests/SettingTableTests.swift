import Foundation
import PodiumModel
import Testing

@testable import Configuration

/// The configuration page lists the keys of the tables, and the defaults that the reader has.
struct SettingTableTests {
    /// The rows of a section of the page: key, and the cell of its default.
    private static func rows(_ section: String) throws -> [(key: String, initial: String)] {
        let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/configuration.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let rest = try #require(text.components(separatedBy: "\n## `\(section)`\n").last)
        let table = rest.split(separator: "\n").drop { !$0.hasPrefix("|---") }.dropFirst().prefix { $0.hasPrefix("|") }
        return table.map { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            return (cells[0].trimmingCharacters(in: ["`"]), cells[1])
        }
    }

    @Test(arguments: [
        ("server", ServerSettings.table.map(\.key)), ("ranking", RankingSettings.table.map(\.key)),
        ("timeouts", TimeoutSettings.table.map(\.key)), ("failover", FailoverSettings.table.map(\.key)),
        ("history", UsageSettings.historyTable.map(\.key)), ("usage", UsageSettings.usageTable.map(\.key)),
        ("cluster", ClusterSettings.table.map(\.key)),
    ])
    func thePageHasARowForEachSetting(section: String, keys: [String]) throws {
        #expect(try Set(Self.rows(section).map(\.key)) == Set(keys))
        #expect(Set(keys).count == keys.count)
    }

    /// Written out, each default that the page gives changes nothing.
    @Test(arguments: ["server", "ranking", "timeouts", "failover", "history", "usage", "cluster"])
    func thePageHasTheDefaults(section: String) throws {
        for (key, initial) in try Self.rows(section) where initial.hasPrefix("`") {
            let value = try #require(initial.split(separator: "`").first)
            let file = "\(section):\n  \(key): \(value)\nendpoints: []\n"
            let loaded = ConfigurationLoader.load(bytes: Array(file.utf8), environment: [:])
            #expect(loaded.errors.isEmpty, "\(key)")
            #expect(loaded.configuration == Configuration(), "\(key): \(value)")
        }
    }
}
