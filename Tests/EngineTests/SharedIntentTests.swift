import Cluster
import Configuration
import Persistence
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

    @Test(arguments: ["sk-live-abc-${REGION}", "Bearer sk-live-abc ${REGION}", "${REGION}sk-live-abc"])
    func aSecretBesideAReferenceIsNotTold(_ text: String) {
        var settings = Self.settings
        settings.authValue = text
        settings.headers = [
            HeaderField(name: "Authorization", value: text), HeaderField(name: "X-Team", value: "blue"),
        ]
        let entry = SharedIntent.entry(settings, known: [:])
        #expect(entry["auth_value"] == nil)
        #expect(entry["headers"]?.contains("Authorization") == false && entry["headers"]?.contains("blue") == true)
    }

    @Test(arguments: ["${KEY}", "Bearer ${KEY}", "Basic ${USER}:${PASSWORD}"])
    func aReferenceIsTold(_ text: String) {
        var settings = Self.settings
        settings.authValue = text
        settings.headers = [HeaderField(name: "Authorization", value: text)]
        let entry = SharedIntent.entry(settings, known: [:])
        #expect(entry["auth_value"] == "\"\(text)\"")
        #expect(entry["headers"]?.contains(text) == true)
    }

    @Test func whatAWriteLeftOutIsNotTakenForWritten() {
        var (before, announced) = (IntentState(), IntentState())
        before.endpoints["x"] = ["name": "n", "tags": "[\"a\"]"]
        announced.endpoints["x"] = ["name": "n", "tags": "[\"b\"]", "max_in_flight": "7"]
        announced.endpoints["y"] = ["name": "new"]
        let unwritten = [
            UnwrittenChange(endpoint: 1, name: "n", fields: [.tags], text: "", reason: ""),
            UnwrittenChange(endpoint: 2, name: "new", fields: [], text: "", reason: ""),
        ]
        let written = SharedIntent.written(announced, without: unwritten, before: before)
        #expect(written.endpoints == ["x": ["name": "n", "tags": "[\"a\"]", "max_in_flight": "7"]])
        // At the next start nothing of it looks like an edit by hand.
        #expect(HandEdit.find(in: written, before: written, after: announced) == [])
    }

    @Test func whatTheLogSaysOfNoCredentialTakesNoneAway() {
        var (mine, log) = (IntentState(), IntentState())
        mine.endpoints["x"] = ["name": "n", "auth_value": "\"${OWN}\"", "openai_preference": "\"chat\""]
        log.endpoints["x"] = ["name": "n", "tags": "[\"a\"]"]
        #expect(
            SharedIntent.missing(in: mine, of: log) == [.set(endpoint: "x", field: "tags", old: nil, new: "[\"a\"]")])
    }

    private static let epoch = ContinuousClock.now

    /// Endpoints a, b and c, whose identities are their names in capitals, after these changes of others.
    private static func following(_ changes: [IntentChange]) -> (urls: [String: String], problems: [String]) {
        let endpoints = ["a", "b", "c"].map { name in
            var settings = EndpointSettings(name: name)
            (settings.url, settings.authValue) = ("http://\(name).example", "${KEY}")
            return settings
        }
        var state = EngineState(
            configuration: Configuration(endpoints: endpoints),
            context: ConfigurationContext(environment: ["KEY": "x"]),
            now: epoch)
        let (_, problems) = state.follow(
            changes, names: ["A": "a", "B": "b", "C": "c"], by: CommandAuthor(name: "test", source: .cluster),
            now: epoch,
            wallTime: 0)
        let urls = state.persistedState().endpoints.map { ($0.settings.name, $0.settings.url ?? "") }
        return (Dictionary(urls, uniquingKeysWith: { first, _ in first }), problems)
    }

    private static func rename(_ identity: String, to new: String) -> IntentChange {
        .set(endpoint: identity, field: "name", old: identity.lowercased(), new: new)
    }

    @Test func aNameMayPassFromOneEndpointToTheNext() {
        let chain = Self.following([Self.rename("A", to: "b"), Self.rename("B", to: "c"), Self.rename("C", to: "d")])
        #expect(chain.urls == ["b": "http://a.example", "c": "http://b.example", "d": "http://c.example"])
        #expect(chain.problems == [])
    }

    @Test func endpointsMayChangeNames() {
        let circle = Self.following([Self.rename("A", to: "b"), Self.rename("B", to: "a")])
        #expect(circle.urls == ["b": "http://a.example", "a": "http://b.example", "c": "http://c.example"])
        #expect(circle.problems == [])
    }

    @Test func aNewEndpointMayBearANameThatWasLeft() {
        let new: [String: String] = ["name": "a", "url": "\"http://new.example\"", "auth_value": "\"${KEY}\""]
        let step = Self.following([Self.rename("A", to: "d"), .add(endpoint: "N", settings: new)])
        #expect(
            step.urls == [
                "d": "http://a.example", "a": "http://new.example", "b": "http://b.example", "c": "http://c.example",
            ])
        #expect(step.problems == [])
    }

    @Test func aNameThatAnEndpointKeepsStaysItsOwn() {
        let step = Self.following([Self.rename("A", to: "b"), Self.rename("B", to: "c")])
        #expect(step.urls == ["a": "http://a.example", "b": "http://b.example", "c": "http://c.example"])
        #expect(step.problems.count == 2)
    }
}
