import TestSupport
import Configuration
import PodiumModel
import Testing
import YAMLDocument

private struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var value = state
        value ^= value >> 33
        value = value &* 0xFF51_AFD7_ED55_8CCD
        return value ^ (value >> 29)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }
}

/// Whatever the program can change, in any combination, in files of every layout: what is read back is what was wanted.
@Suite struct EditorPropertyTests {
    static let files = [
        "endpoints:\n  - name: a\n    url: https://a\n  - name: b # b\n    url: https://b\n    priority: 2\n  # c\n  - name: c\n    url: https://c\n",
        "server:\n  port: 1\nendpoints:\n- name: a\n  url: https://a\n  tags:\n  - x\n  - y # y\n- url: https://b\n  name: b\n",
        "endpoints: [{name: a, url: \"https://a\"}, {name: b, url: \"https://b\", tags: [x, y], headers: {X-A: '1'}}]",
        "{\"endpoints\":[{\"name\":\"a\",\"url\":\"https://a\",\"priority\":1}],\"server\":{}}",
        "\u{FEFF}endpoints:\r\n\r\n  -   name: a\r\n      url: https://a\r\n      headers:\r\n        X-A: one # 1\r\n        X-B: two\r\n\r\n  -   name: b\r\n      url: https://b\r\n      proxy:\r\n        type: http\r\n        address: h:1\r\n\r\nlogging: 1\r\n",
        "server: {}\nendpoints:\n  - {name: a, url: \"https://a\", enabled: no,}\n  - name: b\n    url: https://b\n    auth_type: api_key\n    auth_value: |-\n      ${KEY}\n    tags: []\n",
        "endpoints: []\n", "endpoints:\n", "server: # none\n", "# comment\nserver: {port: 1}",
    ]

    @Test(arguments: files.indices) func statesReadBack(_ index: Int) throws {
        var random = SeededRandom(state: UInt64(index + 1))
        let text = Self.files[index]
        let loaded = load(text)
        let base = PersistedState(configuration: try #require(loaded.configuration, "\(loaded.diagnostics)"))
        let document = try #require(loaded.document)
        for round in 0..<400 {
            var desired = base
            if random.chance(20) { desired.autoSortEndpoints.toggle() }
            desired.endpoints.removeAll { _ in random.chance(15) }
            for position in desired.endpoints.indices { Self.change(&desired.endpoints[position].settings, &random) }
            for number in 0..<(random.chance(30) ? Int.random(in: 1...2, using: &random) : 0) {
                var settings = EndpointSettings(name: "new \(number)")
                settings.url = "https://new"
                Self.change(&settings, &random)
                desired.endpoints.append(.init(id: UInt32(100 + number), settings: settings))
            }
            let changes = base.changes(to: desired)
            do {
                let edited = try ConfigurationEditor.apply(changes, to: document)
                let again = ConfigurationLoader.load(bytes: edited.bytes, environment: [:])
                let configuration = try #require(again.configuration, "\(again.diagnostics)")
                #expect(configuration.endpoints == desired.endpoints.map(\.settings), "\(round)")
                #expect(configuration.server.autoSortEndpoints == desired.autoSortEndpoints)
                #expect(
                    PersistedState(configuration: configuration).changes(
                        to: PersistedState(configuration: configuration)
                    ).isEmpty)
                if changes.isEmpty { #expect(edited.bytes == document.bytes) }
            } catch let error as YAMLError {
                Issue.record("\(round): \(error)\n\(changes)\n\(text)")
            }
        }
    }

    private static func change(_ settings: inout EndpointSettings, _ random: inout SeededRandom) {
        let texts = ["plain", "${KEY}", "yes", "0x1", "a: b", "#", "x y", "日本", "'", "\"", "1e3", "~"]
        if random.chance(30) { settings.priority = random.pick([nil, 1, 20]) }
        if random.chance(20) { settings.enabled.toggle() }
        if random.chance(20) { settings.pinned.toggle() }
        if random.chance(10) { settings.name += random.pick([" x", "#", ": y", "é"]) }
        if random.chance(10) { settings.urlAnthropic = random.pick([nil, "https://anthropic.example/v1"]) }
        if random.chance(10) { settings.urlOpenAI = random.pick([nil, "http://127.0.0.1:8080"]) }
        if random.chance(15) {
            settings.authType = random.pick([.apiKey, .authToken])
            settings.authValue = random.pick(texts)
        } else if random.chance(10) {
            settings.authType = .none
            settings.authValue = nil
        }
        if random.chance(20) { settings.tags = random.pick([[], ["x"], ["y", "yes"], ["1", "x", "z", "y"]]) }
        if random.chance(20) {
            let names = random.pick([[], ["X-A"], ["X-B", "X-C"], ["X-A", "X-B", "X-C"], ["X-C", "X-A"]])
            settings.headers = names.map { HeaderField(name: $0, value: random.pick(texts)) }
        }
        if random.chance(10) { settings.openAIPreference = random.pick(OpenAIPreference.allCases) }
        if random.chance(10) { settings.caFile = random.pick([nil, "ca.pem", "/etc/a b: #.pem"]) }
        if random.chance(15) {
            settings.proxy = random.pick([
                nil, OutboundProxy(kind: .socks5, host: "::1", port: 1080),
                OutboundProxy(kind: .http, host: "h", port: 2, username: "u: #", password: random.pick(texts)),
            ])
        }
    }
}
