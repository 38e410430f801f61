import Configuration
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

    @Test func setRefusesAValueOfAnotherField() {
        var settings = EndpointSettings(name: "a")
        let misfits: [(EndpointField, FieldValue)] = [
            (.priority, .text("1")), (.authType, .text("nonsense")), (.name, .absent),
        ]
        for (field, value) in misfits {
            let isSet = settings.set(field, to: value)
            #expect(!isSet)
        }
        for field in EndpointField.allCases {
            let isSet = settings.set(field, to: settings.value(of: field))
            #expect(isSet)
        }
        #expect(settings == EndpointSettings(name: "a"))
    }
}
