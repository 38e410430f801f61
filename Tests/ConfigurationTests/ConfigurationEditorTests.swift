import Configuration
import PodiumModel
import Testing
import YAMLDocument

/// Loads the file, changes its state, writes the changes and returns the new text.
func rewrite(_ text: String, _ change: (inout PersistedState) -> Void) throws -> String {
    let loaded = load(text)
    let base = PersistedState(configuration: try #require(loaded.configuration, "\(loaded.diagnostics)"))
    var desired = base
    change(&desired)
    let changes = base.changes(to: desired)
    let edited = try ConfigurationEditor.apply(changes, to: #require(loaded.document))
    let again = ConfigurationLoader.load(bytes: edited.bytes, environment: [:])
    let result = PersistedState(configuration: try #require(again.configuration, "\(again.diagnostics)"))
    // The order in the file is not part of the state, and neither are the ids that it gives.
    let (got, wanted) = (result.endpoints.map(\.settings), desired.endpoints.map(\.settings))
    #expect(got.sorted { $0.name < $1.name } == wanted.sorted { $0.name < $1.name })
    #expect(result.autoSortEndpoints == desired.autoSortEndpoints)
    return String(decoding: edited.bytes, as: UTF8.self)
}

@Suite struct ConfigurationEditorTests {
    @Test func addsToAFileWithoutEndpoints() throws {
        var settings = EndpointSettings(name: "new")
        settings.url = "https://a.example"
        settings.priority = 1
        settings.headers = [HeaderField(name: "anthropic-version", value: "2023-06-01")]
        let entry = """
              - name: new
                url: https://a.example
                auth_type: none
                enabled: true
                priority: 1
                headers: { anthropic-version: "2023-06-01" }

            """
        let cases: [(String, String)] = [
            ("server: { port: 1 }\n", "server: { port: 1 }\nendpoints:\n" + entry),
            ("server: { port: 1 }", "server: { port: 1 }\nendpoints:\n" + entry.dropLast()),
            ("endpoints: [] # none\nserver:\n", "endpoints: # none\n" + entry + "server:\n"),
            ("endpoints: # none\nserver:\n", "endpoints: # none\n" + entry + "server:\n"),
            ("endpoints: ~\nserver:\n", "endpoints:\n" + entry + "server:\n"),
        ]
        for (before, after) in cases {
            let text = try rewrite(before) { $0.endpoints.append(.init(id: 7, settings: settings)) }
            #expect(text == after)
        }
    }

    /// The order of a map counts, so that a renaming which comes elsewhere than last writes all of them anew.
    @Test func aMapOfModelsIsEditedPairByPair() throws {
        let head = "endpoints:\n  - name: a\n    url: https://a\n    model_map:\n"
        let old = "      claude-*: x # the first\n      gpt-4: \"y\"\n"
        #expect(
            load(head + old).configuration?.endpoints[0].modelMap == [
                .init(from: "claude-*", to: "x"), .init(from: "gpt-4", to: "y"),
            ])
        let cases: [([(String, String)], String)] = [
            ([("claude-*", "x"), ("gpt-4", "z")], head + old.replacing("\"y\"", with: "\"z\"")),
            ([("claude-*", "x"), ("gpt-4", "y"), ("*", "2.0")], head + old + "      \"*\": \"2.0\"\n"),
            ([("claude-*", "x")], head + "      claude-*: x # the first\n"),
            ([], String(head.dropLast("    model_map:\n".count))),
        ]
        for (map, text) in cases {
            let result = try rewrite(head + old) { state in
                state.endpoints[0].settings.modelMap = map.map { Renaming(from: $0.0, to: $0.1) }
            }
            #expect(result == text)
        }
        let moved = try rewrite(head + old) { $0.endpoints[0].settings.modelMap.reverse() }
        #expect(load(moved).configuration?.endpoints[0].modelMap.map(\.from) == ["gpt-4", "claude-*"])
    }

    @Test func theLastHeaderTakesItsKeyAlong() throws {
        let cases: [(String, String)] = [
            ("    headers: { x-a: \"1\" }   # one\n    url: https://a\n", "    url: https://a\n"),
            ("    headers:\n      x-a: one\n    url: https://a\n", "    url: https://a\n"),
            ("    url: https://a\n    headers:\n      x-a: one\n", "    url: https://a\n"),
        ]
        for (before, after) in cases {
            let head = "endpoints:\n  - name: a\n"
            #expect(try rewrite(head + before) { $0.endpoints[0].settings.headers = [] } == head + after)
        }
        let flow = "endpoints: [{name: a, headers: {x-a: one}, url: 'https://a'}]\n"
        let text = try rewrite(flow) { $0.endpoints[0].settings.headers = [] }
        #expect(text == "endpoints: [{name: a, url: 'https://a'}]\n")
    }

    @Test func setsAutoSortWhereTheKeyIsMissing() throws {
        let tail = "endpoints: []\n"
        let cases: [(String, String)] = [
            ("", "server:\n  auto_sort_endpoints: false\n"), ("server:\n", "server:\n  auto_sort_endpoints: false\n"),
            ("server:\n  port: 1\n  host: h\n", "server:\n  port: 1\n  auto_sort_endpoints: false\n  host: h\n"),
            ("server: {port: 1}\n", "server: {port: 1, auto_sort_endpoints: false}\n"),
            ("server: {auto_sort_endpoints: yes} # x\n", "server: {auto_sort_endpoints: false} # x\n"),
        ]
        for (before, after) in cases {
            #expect(try rewrite(before + tail) { $0.autoSortEndpoints = false } == after + tail)
        }
    }
}
