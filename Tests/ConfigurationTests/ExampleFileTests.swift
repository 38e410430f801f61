import Foundation
import Testing
import YAMLDocument

@testable import Configuration
import PodiumModel

@Suite struct ExampleFileTests {
    private static func exampleBytes() throws -> [UInt8] {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        return Array(try Data(contentsOf: repository.appending(path: "config.yaml.example")))
    }

    private static let environment = [
        "ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "b", "OPENAI_ORGANIZATION": "c",
    ]

    @Test func loadsWithoutAnyFinding() throws {
        let loaded = ConfigurationLoader.load(bytes: try Self.exampleBytes(), environment: Self.environment)
        #expect(loaded.diagnostics == [])
        #expect(loaded.literalSecrets == [])
        #expect(loaded.configuration?.endpoints.map(\.name) == ["anthropic-main", "openai-main"])
    }

    /// What the example says are the defaults are the defaults.
    @Test func showsTheDefaults() throws {
        let loaded = ConfigurationLoader.load(bytes: try Self.exampleBytes(), environment: Self.environment)
        let configuration = try #require(loaded.configuration)
        #expect(configuration.server == ServerSettings())
        #expect(configuration.ranking == RankingSettings())
        #expect(configuration.timeouts == TimeoutSettings())
    }

    /// Every key that the loader knows is in the example, set or behind a comment sign.
    @Test func namesEveryKey() throws {
        let text = String(decoding: try Self.exampleBytes(), as: UTF8.self)
        let keys =
            EndpointField.all.map(\.key) + ServerSettings.table.map(\.key) + RankingSettings.table.map(\.key)
            + TimeoutSettings.table.map(\.key) + FailoverSettings.table.map(\.key)
            + UsageSettings.historyTable.map(\.key) + UsageSettings.usageTable.map(\.key)
        for key in keys { #expect(text.contains("\(key): ") || text.contains("\(key):\n"), "\(key)") }
    }

    @Test func survivesEveryEditOfTheConsole() throws {
        let document = try YAMLDocument(bytes: Self.exampleBytes())
        let base = PersistedState(
            configuration: try #require(
                ConfigurationLoader.load(document, environment: Self.environment).configuration))
        var desired = base
        desired.autoSortEndpoints = false
        desired.endpoints[0].settings.priority = 2
        desired.endpoints[0].settings.pinned = true
        desired.endpoints[1].settings.priority = 1
        desired.endpoints[1].settings.enabled = false
        let edited = try ConfigurationEditor.apply(base.changes(to: desired), to: document)
        let before = String(decoding: document.bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        let after = String(decoding: edited.bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        let difference = after.difference(from: before)
        #expect(difference.removals.count == 4)
        #expect(
            Set(difference.insertions.compactMap { if case .insert(_, let line, _) = $0 { String(line) } else { nil } })
                == [
                    "  auto_sort_endpoints: false", "    priority: 2", "    pinned: true", "    priority: 1",
                    "    enabled: false",
                ])
    }
}
