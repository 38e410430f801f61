import PodiumModel
import Testing

@testable import Configuration

/// `clients:` as the file has it.
struct ClientSettingsTests {
    private static func load(_ clients: String) -> LoadedConfiguration {
        let text =
            "clients:\(clients)\nendpoints:\n  - { name: a, url: \"https://a.example\", auth_type: none, tags: [fast] }\n"
        return ConfigurationLoader.load(bytes: Array(text.utf8), environment: ["T": "secret-1", "U": "secret-2"])
    }

    @Test func anEntrySaysItAll() throws {
        let loaded = Self.load(
            "\n  - { name: alice, token: \"${T}\", tags: [cheap, fast], expires: 2028-02-29, enabled: false }\n  - { name: bob, token: \"${U}\" }"
        )
        let clients = try #require(loaded.configuration?.clients)
        #expect(loaded.diagnostics == [])
        #expect(clients.map(\.name) == ["alice", "bob"])
        #expect(clients[0].tags == ["cheap", "fast"] && !clients[0].enabled)
        // 2028-03-01 00:00 UTC.
        #expect(clients[0].expiryTime == 1_835_481_600)
        #expect(clients[1].enabled && clients[1].expires == nil && clients[1].tags.isEmpty)
        #expect(loaded.configuration?.admitsEveryone == false)
    }

    @Test func itSaysWhatAClientMayUse() throws {
        let loaded = Self.load(
            """

              - name: alice
                token: "${T}"
                models: ["claude-*", "!claude-opus-*"]
                endpoints: [a]
                limits: { requests_per_minute: 60, spend: { amount: 5, per: day, reset: "00:00 UTC" }, reserve: 10% }
              - { name: bob, token: "${U}", limits: tokens_per_day 2M }
            """)
        #expect(loaded.diagnostics == [])
        let clients = try #require(loaded.configuration?.clients)
        #expect(clients[0].models == ["claude-*", "!claude-opus-*"] && clients[0].endpoints == ["a"])
        #expect(clients[0].limits == "requests_per_minute 60, spend 5 per day reset 00:00 UTC, reserve 10%")
        #expect(clients[1].limits == "tokens_per_day 2M")
    }

    @Test(arguments: [
        ("endpoints: [b]", "client 'alice' may use 'b', and there is no such endpoint"),
        ("tags: [cheap]", "no endpoint has a tag of client 'alice'"),
        ("allowed_models: [x]", "the key 'allowed_models' is not read in client 1"),
        ("key: x", "the key 'key' is not read in client 1"),
    ]) func whatWasHardlyMeantIsAWarning(field: String, message: String) {
        let loaded = Self.load("\n  - { name: alice, token: \"${T}\", \(field) }")
        #expect(loaded.diagnostics.map(\.severity) == [.warning])
        #expect(loaded.diagnostics.first?.message == message)
    }

    @Test(arguments: [
        " 5", "\n  - alice", "\n  - { token: \"${T}\" }", "\n  - { name: alice }",
        "\n  - { name: a, token: \"${T}\", expires: soon }",
        "\n  - { name: a, token: \"${T}\", expires: 2027-02-30 }",
        "\n  - { name: a, token: \"${T}\", models: claude }", "\n  - { name: a, token: \"${T}\", models: [\"!\"] }",
        "\n  - { name: a, token: \"${T}\", endpoints: [\"\"] }",
        "\n  - { name: a, token: \"${T}\", limits: tokens_per_year 5 }",
        "\n  - { name: a, token: \"${T}\", limits: { requests_per_minute: many } }",
        "\n  - { name: a, token: \"${T}\" }\n  - { name: a, token: \"${U}\" }",
        "\n  - { name: a, token: \"${T}\" }\n  - { name: b, token: \"${T}\" }",
    ]) func whatIsWrongIsAnError(clients: String) {
        let loaded = Self.load(clients)
        #expect(loaded.configuration == nil && !loaded.errors.isEmpty)
    }

    @Test func aTokenIsNotShown() {
        let text = "clients:\n  - { name: alice, token: a-literal-token-of-alice }\n"
        #expect(!FileMask.lines(of: Array(text.utf8)).joined().contains("a-literal-token-of-alice"))
        let loaded = Self.load("\n  - { name: alice, token: a-literal-token-of-alice }")
        #expect(loaded.literalSecrets.count == 1)
        for finding in loaded.diagnostics + loaded.literalSecrets {
            #expect(!"\(finding)".contains("a-literal-token-of-alice"))
        }
    }

    @Test(arguments: [
        ("1970-01-01", 86_400), ("2000-02-29", 951_868_800), ("2026-12-31", 1_798_761_600),
        ("2100-12-31", 4_133_980_800),
    ])
    func aLastDayEndsAtMidnight(text: String, end: Int64) {
        #expect(ClientSettings.time(text) == end)
    }
}
