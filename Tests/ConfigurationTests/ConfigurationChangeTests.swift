import Configuration
import PodiumModel
import Testing

@Suite struct ConfigurationChangeTests {
    private func endpoint(_ id: UInt32, _ name: String, _ change: (inout EndpointSettings) -> Void = { _ in })
        -> PersistedState.Endpoint
    {
        var settings = EndpointSettings(name: name)
        settings.url = "https://\(name)"
        change(&settings)
        return .init(id: id, settings: settings)
    }

    @Test func idsFollowTheFile() {
        let configuration = Configuration(endpoints: [EndpointSettings(name: "a"), EndpointSettings(name: "b")])
        #expect(PersistedState(configuration: configuration).endpoints.map(\.id) == [0, 1])
    }

    @Test func nothingChangesWhereNothingDiffers() {
        let state = PersistedState(endpoints: [endpoint(1, "a"), endpoint(2, "b")], autoSortEndpoints: true)
        #expect(state.changes(to: state) == [])
        let reordered = PersistedState(endpoints: state.endpoints.reversed(), autoSortEndpoints: true)
        #expect(state.changes(to: reordered) == [])
    }

    @Test func changesAreNamedInOrder() {
        let base = PersistedState(
            endpoints: [endpoint(0, "a") { $0.priority = 2 }, endpoint(1, "b"), endpoint(2, "c")],
            autoSortEndpoints: true)
        let desired = PersistedState(
            endpoints: [
                endpoint(2, "c") { $0.tags = ["x", "y"] }, endpoint(9, "new"),
                endpoint(0, "renamed") {
                    $0.priority = 1; $0.url = "https://a"; $0.authValue = "sk-1"
                },
            ], autoSortEndpoints: false)
        let changes = base.changes(to: desired)
        #expect(
            changes.map(\.description) == [
                "auto_sort_endpoints true→false", "a name a→renamed", "a auth_value (none)→***", "a priority 2→1",
                "c tags []→[x, y]", "b removed", "new added",
            ])
    }

    @Test func aChangedHeaderIsNamedAndItsSecretIsNot() {
        func description(_ old: [HeaderField], _ new: [HeaderField]) -> String {
            let base = PersistedState(endpoints: [endpoint(0, "a") { $0.headers = old }], autoSortEndpoints: true)
            let desired = PersistedState(endpoints: [endpoint(0, "a") { $0.headers = new }], autoSortEndpoints: true)
            return base.changes(to: desired).map(\.description).joined(separator: "\n")
        }
        let (team, cookie) = (HeaderField(name: "x-team", value: "blue"), HeaderField(name: "Cookie", value: "s=1"))
        let other = HeaderField(name: "Cookie", value: "s=2")
        #expect(description([team, cookie], [team, other]) == "a headers: Cookie changed")
        #expect(
            description([team, cookie], [.init(name: "X-Team", value: "red"), .init(name: "x-new", value: "1")])
                == "a headers: x-team is now X-Team, X-Team blue→red, x-new added, Cookie removed")
        #expect(description([], [cookie]) == "a headers: Cookie added")
        #expect(description([team, cookie], [cookie, team]) == "a headers: other order")
        let moved = HeaderField(name: "x-team", value: "sk-live-12345")
        #expect(description([team], [moved]) == "a headers: x-team changed")
    }

    @Test func aProxyThatKeepsItsPlaceSaysWhatElseChanged() {
        let old = OutboundProxy(kind: .socks5, host: "h", port: 1, username: "u", password: "p")
        var (password, user, place) = (old, old, old)
        password.password = "q"
        user.username = "v"
        place.port = 2
        for (new, words) in [
            (password, "a proxy password changed"), (user, "a proxy user changed"),
            (place, "a proxy socks5://h:1→socks5://h:2"),
        ] {
            let change = ConfigurationChange.setField(endpoint: "a", field: .proxy, old: .proxy(old), new: .proxy(new))
            #expect(change.description == words)
        }
    }

    @Test func setRefusesAValueOfAnotherField() {
        var settings = EndpointSettings(name: "a")
        let misfits: [(EndpointField, FieldValue)] = [
            (.priority, .text("1")), (.authType, .text("nonsense")), (.name, .absent),
        ]
        for (field, value) in misfits {
            let isSet = settings.set(field, to: value)
            #expect(!isSet)
        }
        for field in EndpointField.all {
            let isSet = settings.set(field, to: settings.value(of: field))
            #expect(isSet)
        }
        #expect(settings == EndpointSettings(name: "a"))
    }
}
