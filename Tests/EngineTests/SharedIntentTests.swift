import Cluster
import Configuration
import PodiumModel
import Testing

@testable import Engine

/// What of a host's configuration a cluster is told, and what a host makes of what it is told.
@Suite struct SharedIntentTests {
    private static let secret = "sk-ant-a-literal-secret-0123456789abcdef"

    private static var settings: EndpointSettings {
        var settings = EndpointSettings(name: "main")
        settings.url = "https://api.example/base"
        settings.authType = .apiKey
        settings.authValue = "${MAIN_KEY}"
        settings.enabled = false
        settings.tags = ["eu", "a \"quoted\" word"]
        settings.headers = [HeaderField(name: "X-Team", value: "blue")]
        settings.maxInFlight = 7
        settings.models = ["claude-*"]
        settings.caFile = "/etc/ssl/own.pem"
        settings.priority = 3
        return settings
    }

    @Test func anotherHostMakesTheSameOfAnEntry() throws {
        let entry = SharedIntent.entry(Self.settings, known: [:])
        let patch = SharedIntent.patch(entry.mapValues { Optional($0) }, present: nil)
        var expected = Self.settings
        // Its own are the host's.
        (expected.caFile, expected.priority) = (nil, nil)
        #expect(try patch.applied(to: EndpointSettings(name: "main")) == expected)
        #expect(entry["ca_file"] == nil && entry["priority"] == nil && entry[SharedIntent.place] == nil)
    }

    @Test func theRankOfAPinnedEndpointIsShared() {
        var settings = Self.settings
        (settings.enabled, settings.pinned) = (true, true)
        #expect(SharedIntent.entry(settings, known: [:])[SharedIntent.place] == "3")
    }

    @Test func noSecretIsInAnEntry() {
        var settings = Self.settings
        settings.authValue = Self.secret
        settings.headers.append(HeaderField(name: "Authorization", value: "Bearer \(Self.secret)"))
        let entry = SharedIntent.entry(settings, known: ["auth_value": "\"${MAIN_KEY}\""])
        #expect(!entry.values.contains { $0.contains("sk-ant") })
        // What the log says stays what it says: the secret is this host's alone.
        #expect(entry["auth_value"] == "\"${MAIN_KEY}\"")
        #expect(SharedIntent.entry(settings, known: [:])["auth_value"] == nil)
    }

    @Test func aHostKeepsItsSecretHeaders() throws {
        var present = Self.settings
        present.headers = [HeaderField(name: "X-Api-Key", value: Self.secret)]
        let patch = SharedIntent.patch(["headers": "[{\"name\":\"X-Team\",\"value\":\"red\"}]"], present: present)
        #expect(
            try patch.applied(to: present).headers == [
                HeaderField(name: "X-Team", value: "red"), HeaderField(name: "X-Api-Key", value: Self.secret),
            ])
    }

    @Test func endpointsAreKnownByTheirNamesAndKeepTheirIdentity() {
        let one = PersistedState(endpoints: [.init(id: 4, settings: Self.settings)], autoSortEndpoints: true)
        let first = SharedIntent.identities(one, known: IntentState())
        #expect(first[4] == ClusterIdentity.derived(from: "main"))
        var renamed = one
        renamed.endpoints[0].settings.name = "other"
        let known = SharedIntent.state(one, identities: first, known: IntentState())
        let after = SharedIntent.identities(renamed, known: known, given: first)
        #expect(after == first)
        let changes = known.changes(to: SharedIntent.state(renamed, identities: after, known: known))
        #expect(changes == [.set(endpoint: first[4] ?? "", field: "name", old: "main", new: "other")])
    }

    @Test func anEndpointThatTheLogLacksIsAddedWhole() {
        var after = IntentState()
        after.endpoints["x"] = ["name": "n", "tags": "[\"a\"]"]
        let change = IntentChange.set(endpoint: "x", field: "tags", old: nil, new: "[\"a\"]")
        #expect(
            SharedIntent.grounded([change, change], after: after, known: IntentState())
                == [.add(endpoint: "x", settings: ["name": "n", "tags": "[\"a\"]"])])
    }
}
