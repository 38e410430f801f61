import Testing

@testable import Configuration
import PodiumModel

/// Warnings with their positions; each file is otherwise right.
private func warnings(_ text: String, environment: [String: String] = [:]) -> [String] {
    let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), environment: environment)
    #expect(loaded.configuration != nil, "\(loaded.errors)")
    return loaded.diagnostics.filter { $0.severity == .warning }.map { "\($0.line):\($0.column) \($0.message)" }
}

private func endpoint(_ url: String, server: String = "port: 8081") -> String {
    "server: { \(server) }\nendpoints:\n  - name: a\n    url: \(url)\n"
}

struct FileAdviceTests {
    @Test(arguments: [
        ("http://127.0.0.1:8081", "port: 8081"), ("http://LOCALHOST:8081/v1", "port: 8081"),
        ("http://[::1]:8081", "port: 8081"), ("http://0.0.0.0:9", "port: 9"),
        ("http://10.0.0.1:8081", "{ host: 10.0.0.1, client_tokens: [long-enough-token], port: 8081 }"),
        ("http://127.0.0.1:8081", "{ host: 0.0.0.0, client_tokens: [long-enough-token], port: 8081 }"),
    ])
    func aURLThatIsPodiumItselfIsACircle(url: String, server: String) {
        let settings = server.hasPrefix("{") ? String(server.dropFirst().dropLast()) : server
        let found = warnings(endpoint(url, server: settings))
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("4:10 this is where Podium itself listens") == true)
    }

    @Test(arguments: [
        "http://127.0.0.1:8082", "http://10.0.0.1:8081", "https://api.example.com", "http://127.0.0.2:8081",
    ])
    func anotherPortOrMachineIsNone(url: String) {
        #expect(warnings(endpoint(url)).isEmpty)
    }

    @Test func aCircleThroughAVariableIsFoundAndOneThroughAProxyMayLeadElsewhere() {
        #expect(warnings(endpoint("${HOME_URL}"), environment: ["HOME_URL": "http://localhost:8081"]).count == 1)
        #expect(warnings(endpoint("http://127.0.0.1:8081\n    proxy: http://10.0.0.9:3128")).isEmpty)
    }

    @Test func referencesThatAreNoneAreNamedAndTheirTextIsNotShown() {
        let text = """
            server:
              client_tokens: [long-enough-token, "$CLIENT_TOKEN"]
            endpoints:
              - name: a
                url: http://${HOST
                auth_type: api_key
                auth_value: $api_key
                headers: { x-one: "Bearer $THE_KEY", x-two: "${not-a-name}" }

            """.replacing("url: http://${HOST", with: "url: http://h")
        let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), environment: [:])
        let found = loaded.diagnostics.filter { $0.severity != .note }
        #expect(found.map { "\($0.line):\($0.column)" } == ["2:38", "7:17", "8:23", "8:49"])
        #expect(found.map(\.fix).prefix(3) == ["write ${CLIENT_TOKEN}", "write ${api_key}", "write ${THE_KEY}"])
        #expect(found.map(\.excerpt).allSatisfy { $0 == "***" || $0.isEmpty })
    }

    @Test func slips() {
        #expect(ReferenceSlip.find(in: "${A}${B_2} $${literal} pa$$word 5$") == nil)
        #expect(ReferenceSlip.find(in: "sk-$abc-secret") == nil)
        #expect(ReferenceSlip.find(in: "$KEY") == .bare("KEY"))
        #expect(ReferenceSlip.find(in: "x $MY_KEY y") == .bare("MY_KEY"))
        for broken in ["${", "${}", "${A", "${A-B}", "${1A}", "x${A${B}"] {
            #expect(ReferenceSlip.find(in: broken) == .broken, "\(broken)")
        }
    }

    @Test func prioritiesBelowOneAndTwiceAreWarnedOf() {
        let text = """
            endpoints:
              - { name: a, url: "http://h", priority: 0 }
              - { name: b, url: "http://h", priority: -2 }
              - { name: c, url: "http://h", priority: 3 }
              - { name: d, url: "http://h", priority: 3 }

            """
        let found = warnings(text)
        #expect(found.count == 3)
        #expect(found[0].hasPrefix("2:43 priority 0 is below 1"))
        #expect(found[1].hasPrefix("3:43 priority -2 is below 1"))
        #expect(found[2].hasPrefix("5:43 priority 3 is also that of line 4"))
    }

    @Test func anOpenListenerWithoutTokensIsWarnedOf() {
        #expect(warnings(endpoint("http://h", server: "host: 0.0.0.0")).count == 1)
        #expect(warnings(endpoint("http://h", server: "host: 0.0.0.0, client_tokens: [long-enough]")).isEmpty)
        #expect(warnings(endpoint("http://h", server: "host: localhost")).isEmpty)
    }

    /// For the running Podium: an edit must not open what it listens on to everybody.
    @Test func whereTokensKeepOthersOutAFileWithoutAnyIsAnError() {
        func problems(_ server: String) -> [String] {
            let loaded = ConfigurationLoader.load(
                bytes: Array("server:\n  port: 1\n\(server)endpoints: []\n".utf8), environment: ["EMPTY": ""],
                openListener: "0.0.0.0")
            #expect((loaded.configuration == nil) == !loaded.errors.isEmpty)
            return loaded.errors.map { "\($0.line):\($0.column) \($0.message.prefix(22))" }
        }
        let expected = "client_tokens is empty"
        #expect(problems("  client_tokens: []\n") == ["3:18 \(expected)"])
        #expect(problems("  host: 127.0.0.1\n  client_tokens:\n") == ["4:17 \(expected)"])
        #expect(problems("") == ["2:3 \(expected)"])
        #expect(problems("  client_tokens: [one]\n").isEmpty)
        let bare = ConfigurationLoader.load(bytes: Array("endpoints: []\n".utf8), environment: [:], openListener: "::")
        #expect(bare.errors.count == 1)
    }
}
