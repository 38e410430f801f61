import Testing

@testable import Configuration
import PodiumModel

/// What other programs replace is never sent as a credential, and named with what to write instead.
@Suite struct PlaceholderTests {
    @Test(arguments: [
        "$KEY", "{{KEY}}", "{{ .Env.KEY }}", "%KEY%", "${{ secrets.KEY }}", "$(KEY)", "{env:KEY}", "{env.KEY}",
        "os.environ/KEY", "env:KEY",
        "process.env.KEY", "!env KEY", "!ENV KEY", "!vault KEY", "<%= ENV['KEY'] %>", "${env:KEY}", "ENV[KEY]",
        "$env:KEY", "Bearer $KEY", "{$KEY}",
    ]) func anotherProgramsReferenceIsFound(_ text: String) throws {
        let found = try #require(Placeholder.find(in: text))
        #expect(found.name == "KEY")
        var settings = EndpointSettings(name: "a")
        settings.url = "http://h"
        settings.authType = .apiKey
        settings.authValue = text
        #expect { try settings.expanded(environment: ["KEY": "x"]) } throws: { error in
            (error as? ValueProblem)?.message.contains("write ${KEY}") == true
        }
    }

    @Test(arguments: [
        "${KEY}", "sk-live-123", "$2b$10$abc", "a$KEY", "100%", "%41%42", "${A}-${B}", "{json}", "", "Bearer ${KEY}",
        "$${KEY}", "pa__ss", "!secret",
    ]) func whatCanBeMeantAsItStandsIsLeft(_ text: String) {
        #expect(Placeholder.find(in: text) == nil)
    }

    private func load(_ text: String, _ environment: [String: String] = [:]) -> LoadedConfiguration {
        ConfigurationLoader.load(bytes: Array(text.utf8), environment: environment)
    }

    @Test func theFileNamesThePlaceAndTheRightForm() throws {
        let text =
            "endpoints:\n  - name: a\n    url: http://h\n    auth_type: api_key\n    auth_value: !env KEY\n    headers: {X-A: '{{B}}'}\n"
        let loaded = load(text)
        let configuration = try #require(loaded.configuration)
        #expect(loaded.diagnostics.map(\.line) == [5, 6] && loaded.diagnostics.allSatisfy { $0.severity == .warning })
        #expect(
            loaded.diagnostics[0].message.contains("!env KEY") && loaded.diagnostics[0].fix == "write ${KEY}"
        )
        #expect(
            loaded.diagnostics[1].message.contains("the header X-A")
                && loaded.diagnostics[1].fix == "write ${B}")
        #expect(throws: ValueProblem.self) {
            try configuration.endpoints[0].expanded(environment: ["KEY": "k", "B": "b"])
        }
    }

    /// Whoever guesses the variable's name would be let in.
    @Test(arguments: [
        "client_tokens: [$TOKEN]", "client_tokens: [!env TOKEN]", "admin_token: '{{TOKEN}}'", "admin_token: '%TOKEN%'",
    ])
    func aTokenThatIsNotReplacedIsAnError(_ line: String) {
        let loaded = load("server: {\(line)}\nendpoints:\n  - {name: a, url: \"http://h\"}\n")
        #expect(loaded.configuration == nil)
        #expect(loaded.errors.first?.fix == "write ${TOKEN}", "\(loaded.diagnostics)")
    }

    @Test(arguments: ["k\n", "k\r\n", "k \t", "k\n\n"]) func whatEchoPutsBehindAValueIsLeftOut(_ value: String) throws {
        #expect(try SecretExpansion.expand("${K}", environment: ["K": value]) == "k")
    }

    @Test func aLineBreakWithinAValueIsRefusedByName() throws {
        for value in ["a\nb", "a\rb\n", "\na"] {
            #expect(throws: MissingVariables(names: [], broken: ["K"])) {
                try SecretExpansion.expand("${K}", environment: ["K": value])
            }
        }
        #expect(throws: MissingVariables(names: ["K"])) {
            try SecretExpansion.expand("${K}", environment: ["K": " \n"])
        }
        let loaded = load(
            "endpoints:\n  - {name: a, url: \"http://h\", auth_type: api_key, auth_value: \"${K}\"}\n", ["K": "a\nb"])
        #expect(loaded.diagnostics.first?.message.contains("K with a line break") == true)
    }

    @Test(arguments: [
        ("token", "auth_value"), ("key", "auth_value"), ("api_key", "auth_value"), ("apiKey", "auth_value"),
        ("secret", "auth_value"),
        ("base_url", "url"), ("endpoint", "url"), ("uri", "url"), ("host", "url"), ("api_base", "url"),
        ("authValue", "auth_value"),
        ("rank", "priority"), ("disabled", "enabled"), ("openai_base_url", "url_openai"), ("id", "name"),
        ("extra-headers", "headers"),
    ]) func aKeyByAnotherProgramsNameIsAWarningWithTheRightOne(_ key: String, _ right: String) throws {
        let loaded = load("endpoints:\n  - name: a\n    url: http://h\n    \(key): planted\n")
        let found = try #require(loaded.diagnostics.first)
        #expect(loaded.diagnostics.count == 1 && found.severity == .warning && found.line == 4)
        #expect(found.fix.hasPrefix("write \(right)") && !found.rendered(file: "f").contains("planted"))
    }

    @Test func settingsOfTheServerAreNamedAsWell() {
        let text =
            "port: 1\nserver: {listen: x, api_keys: [a], admin_password: b, cors: c}\nproviders: []\nendpoints:\n  - {name: a, url: \"http://h\"}\n"
        let found = load(text).diagnostics.filter { $0.severity == .warning }
        let fixes = Set(found.map(\.fix))
        #expect(
            fixes == [
                "it belongs under server:, indented", "write host", "write client_tokens", "write admin_token",
                "write allowed_origins",
                "write endpoints",
            ])
    }
}
