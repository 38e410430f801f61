import Foundation
import Testing

@testable import Configuration
import PodiumModel

/// Files as the older single-process proxy wrote and read them: see docs/upgrading.md.
struct OlderFilesTests {
    static let names = ["written-by-the-program", "kept-by-hand", "minimal", "oauth", "one-url"]

    private func text(_ name: String) throws -> String {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../OlderFiles")
        return try String(contentsOf: folder.appending(path: "\(name).yaml"), encoding: .utf8)
    }

    @Test(arguments: names)
    func loadsAsItIs(name: String) throws {
        let loaded = load(try text(name))
        #expect(loaded.configuration != nil, "\(loaded.errors)")
        // What has no counterpart is a note; only the credentials that Podium cannot send are more than that.
        let warnings = loaded.diagnostics.filter { $0.severity == .warning }
        #expect(
            warnings.map { $0.message.contains("is not supported; no credential is sent") }
                == (name == "oauth" ? [true, true] : []))
    }

    @Test func everyKeyWithoutACounterpartIsANoteAndNoSecretIsShown() throws {
        let loaded = load(try text("written-by-the-program"))
        let messages = loaded.diagnostics.map(\.message).joined(separator: "\n")
        for key in [
            "model_rewrite", "oauth_config", "enhanced_protection", "sse_config", "rate_limit_reset",
            "rate_limit_status", "count_tokens_enabled", "supports_responses", "max_tokens_field_name",
            "parameter_overrides", "url_gemini", "endpoint_type", "header_overrides", "logging", "validation",
            "tagging", "blacklist", "http_client", "monitoring", "conversion", "streaming", "tools",
            "format_detection", "retry",
        ] {
            #expect(messages.contains("'\(key)'"), "\(key)")
        }
        #expect(!loaded.diagnostics.map { $0.rendered(file: "f") }.joined().contains("sk-older"))
    }

    @Test func theSettingsMeanWhatTheyMeant() throws {
        let configuration = try #require(load(try text("written-by-the-program")).configuration)
        #expect(configuration.server.port == 8080)
        #expect(configuration.server.autoSortEndpoints)
        #expect(configuration.endpoints.map(\.enabled) == [true, true, false])
        #expect(configuration.endpoints.map(\.priority) == [1, 2, 3])
        #expect(configuration.endpoints[0].authType == .authToken)
        #expect(configuration.endpoints[1].proxy?.host == "127.0.0.1")
        #expect(configuration.endpoints[1].openAIPreference == .chatCompletions)
        // What the file does not say is as documented: throttled, thirty seconds, five minutes.
        #expect(configuration.server.persistStrategy == .throttled)
    }

    /// `endpoint_type` says which API the one `url` is for; what it cannot say is a note.
    @Test func theTypeDecidesWhereAURLGoes() throws {
        let loaded = load(try text("one-url"))
        let endpoints = try #require(loaded.configuration).endpoints
        let relay = "https://relay.example"
        #expect(endpoints.map(\.anthropicBase) == ["\(relay)/api", nil, nil])
        #expect(endpoints.map(\.openAIBase) == [nil, "\(relay)/api/paas/v4", nil])
        #expect(endpoints.map(\.anyBase) == [nil, nil, "\(relay)/v1/chat/completions"])
        let notes = loaded.diagnostics.filter { $0.message.contains("endpoint_type") }
        #expect(notes.map(\.severity) == [.note])
        #expect(notes.first?.line == 18)
    }

    @Test(arguments: names)
    func aNewOrderChangesThePrioritiesAlone(name: String) throws {
        let before = try text(name)
        let after = try rewrite(before) { state in
            let count = state.endpoints.count
            for index in state.endpoints.indices { state.endpoints[index].settings.priority = count - index }
        }
        #expect(after != before)
        let digits = /priority: \d+/
        #expect(after.replacing(digits, with: "priority: N") == before.replacing(digits, with: "priority: N"))
    }
}
