import Foundation
import Testing

@testable import Configuration
import PodiumModel

/// Files as the older single-process proxy wrote and read them: see docs/upgrading.md.
struct OlderFilesTests {
    static let names = ["written-by-the-program", "kept-by-hand", "minimal", "oauth", "one-url", "models-and-tags"]

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
            "rate_limit_status", "count_tokens_enabled", "supports_responses", "url_gemini", "endpoint_type",
            "header_overrides", "logging", "validation",
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
        // It converted by itself what such an endpoint does not speak.
        #expect(configuration.endpoints.map(\.converts) == [false, true, false])
        #expect(configuration.endpoints[1].maxTokensField == "max_completion_tokens")
        #expect(configuration.endpoints[1].parameterOverrides == [Renaming(from: "temperature", to: "0.2")])
        #expect(configuration.endpoints[2].headers == [HeaderField(name: "X-Team", value: "blue")])
        // What the file does not say is as documented: throttled, thirty seconds, five minutes.
        #expect(configuration.server.persistStrategy == .throttled)
    }

    /// What is read says how, and what is not says what to write instead.
    @Test func modelsAndTagsAreReadAsFarAsTheyHaveACounterpart() throws {
        let loaded = load(try text("models-and-tags"))
        let configuration = try #require(loaded.configuration)
        #expect(
            configuration.endpoints[1].modelMap.map(\.description)
                == ["claude-*haiku*=small-model", "claude-*sonnet*=large-model"])
        #expect(configuration.tagging.rules == [.init(pattern: "claude-opus-*", tag: "opus")])
        #expect(
            configuration.endpoints.map { configuration.tagging.models(forTags: $0.tags) }
                == [["claude-opus-*"], [], ["!claude-opus-*"]])
        #expect(configuration.failover.rules.count == 1)
        let notes = loaded.diagnostics.map { "\($0.message) (\($0.fix))" }
        for part in [
            "'model_rewrite' is read as model_map: claude-*haiku*=small-model, claude-*sonnet*=large-model",
            "this rule of the older system's 'model_rewrite' is kept and not used",
            "tagger 'opus' is read as models", "'tagging' is read as far as it goes by models",
            "tagger 'team' is kept and not used: it goes by a header (give the client a name and tags: [team], or have it send X-Podium-Tag: team)",
            "tagger 'script' is kept and not used: it goes by a script",
            "'retry' is read as failover.rules",
        ] {
            #expect(notes.contains { $0.contains(part) }, "\(part)")
        }
        #expect(
            !notes.contains { $0.contains("switched-off") } && loaded.diagnostics.allSatisfy { $0.severity == .note })
    }

    /// A map of Podium's own goes before the older one, and an edit of one makes the older one say nothing.
    @Test func anOwnMapGoesFirst() throws {
        let older = try text("models-and-tags")
        let own = older.replacing("      model_rewrite:\n", with: "      model_map: {a: b}\n      model_rewrite:\n")
        #expect(try #require(load(own).configuration).endpoints[1].modelMap.map(\.description) == ["a=b"])
        let after = try rewrite(older) { state in
            state.endpoints[1].settings.modelMap = [Renaming(from: "x", to: "y")]
        }
        #expect(after.contains("model_rewrite:") && after.contains("model_map:"))
        #expect(try #require(load(after).configuration).endpoints[1].modelMap.map(\.description) == ["x=y"])
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
