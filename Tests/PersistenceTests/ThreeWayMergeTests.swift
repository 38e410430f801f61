import Configuration
import PodiumModel
import Testing

@testable import Persistence

@Suite struct ThreeWayMergeTests {
    private static func endpoint(_ id: UInt32, _ name: String, priority: Int) -> PersistedState.Endpoint {
        var settings = EndpointSettings(name: name)
        settings.url = "http://\(name)"
        settings.priority = priority
        return PersistedState.Endpoint(id: id, settings: settings)
    }

    private static let ancestor = PersistedState(
        endpoints: [endpoint(1, "a", priority: 1), endpoint(2, "b", priority: 2)], autoSortEndpoints: true)

    /// - Parameter file: the entries of the edited file; their ids are not looked at.
    private static func merge(
        ours: PersistedState = ancestor, file: [PersistedState.Endpoint], autoSort: Bool = true
    ) -> MergedEdit {
        let theirs = PersistedState(endpoints: file, autoSortEndpoints: autoSort)
        let edit = ExternalEdit(
            configuration: Configuration(endpoints: file.map(\.settings)), ancestor: ancestor,
            theirs: FileAlignment(known: ancestor).align(theirs), theirAutoSort: autoSort)
        return edit.merge(into: ours) { _ in 99 }
    }

    private static func changed(_ body: (inout PersistedState) -> Void) -> PersistedState {
        var state = ancestor
        body(&state)
        return state
    }

    @Test func differentFieldsOfOneEndpointBothStand() {
        let ours = Self.changed { $0.endpoints[0].settings.enabled = false }
        let merged = Self.merge(
            ours: ours, file: [Self.endpoint(0, "a", priority: 7), Self.endpoint(0, "b", priority: 2)])
        #expect(merged.state.endpoints[0].settings.priority == 7)
        #expect(merged.state.endpoints[0].settings.enabled == false)
        #expect(merged.conflicts.isEmpty)
        #expect(merged.agreed.endpoints[0].settings.enabled)
    }

    @Test func theSameChangeOnBothSidesIsNoConflict() {
        let ours = Self.changed { $0.endpoints[0].settings.priority = 7 }
        let merged = Self.merge(
            ours: ours, file: [Self.endpoint(0, "a", priority: 7), Self.endpoint(0, "b", priority: 2)])
        #expect(merged.conflicts.isEmpty)
        #expect(merged.state.endpoints[0].settings.priority == 7)
    }

    @Test func anEndpointRemovedInTheFileIsGoneThoughItWasChangedHere() throws {
        var ours = Self.changed { $0.endpoints[1].settings.enabled = false }
        let merged = Self.merge(ours: ours, file: [Self.endpoint(0, "a", priority: 1)])
        #expect(merged.state.endpoints.map(\.id) == [1])
        let conflict = try #require(merged.conflicts.first)
        #expect(conflict.subject == .removedInFile)
        ours = merged.state
        conflict.undo(in: &ours)
        #expect(ours.endpoints.map(\.settings.name) == ["a", "b"])
        #expect(ours.endpoints[1].settings.enabled == false)
    }

    @Test func anUntouchedEndpointRemovedInTheFileIsGoneWithoutAWord() {
        let merged = Self.merge(file: [Self.endpoint(0, "b", priority: 2)])
        #expect(merged.state.endpoints.map(\.id) == [2])
        #expect(merged.conflicts.isEmpty)
    }

    @Test func anEndpointRemovedHereComesBackIfTheFileChangedIt() throws {
        let ours = Self.changed { $0.endpoints.removeFirst() }
        let unchanged = Self.merge(ours: ours, file: Self.ancestor.endpoints)
        #expect(unchanged.state.endpoints.map(\.id) == [2])
        #expect(unchanged.agreed.endpoints.map(\.id) == [1, 2])

        let merged = Self.merge(
            ours: ours, file: [Self.endpoint(0, "a", priority: 5), Self.endpoint(0, "b", priority: 2)])
        // As what it was, so that undo and requests in flight still find it.
        #expect(merged.state.endpoints.map(\.id) == [1, 2])
        #expect(merged.agreed.endpoints.map(\.id) == [1, 2])
        let conflict = try #require(merged.conflicts.first)
        #expect(conflict.subject == .removedHere)
        var state = merged.state
        conflict.undo(in: &state)
        #expect(state.endpoints.map(\.id) == [2])
    }

    @Test func additionsOfBothSidesStandAndOneNameIsTheFiles() {
        let mine = Self.endpoint(7, "mine", priority: 3)
        let both = Self.endpoint(8, "both", priority: 4)
        let ours = Self.changed { $0.endpoints += [mine, both] }
        let merged = Self.merge(
            ours: ours, file: Self.ancestor.endpoints + [Self.endpoint(0, "both", priority: 9)])
        #expect(merged.state.endpoints.map(\.settings.name) == ["a", "b", "mine", "both"])
        #expect(merged.state.endpoints.map(\.id) == [1, 2, 7, 99])
        #expect(merged.state.endpoints[3].settings.priority == 9)
        #expect(merged.conflicts.count == 1)
    }

    /// One that was deleted, saved so, and brought back: it is not in the file yet, and has its place all the same.
    @Test func whatIsNotInTheFileYetStandsWhereItStandsHere() {
        let ours = Self.changed { $0.endpoints.insert(Self.endpoint(7, "mine", priority: 3), at: 1) }
        let merged = Self.merge(ours: ours, file: Self.ancestor.endpoints + [Self.endpoint(0, "new", priority: 9)])
        #expect(merged.state.endpoints.map(\.settings.name) == ["a", "mine", "b", "new"])
    }

    @Test func aNewNameOfOursThatTheFileGaveToAnotherIsGivenUp() {
        let ours = Self.changed { $0.endpoints[0].settings.name = "c" }
        let merged = Self.merge(ours: ours, file: Self.ancestor.endpoints + [Self.endpoint(0, "c", priority: 3)])
        #expect(merged.state.endpoints.map(\.settings.name) == ["a", "b", "c"])
        #expect(merged.conflicts.map(\.subject) == [.field(.name)])
    }

    @Test(arguments: [true, false], [true, false])
    func autoSortFollowsTheSideThatChangedIt(ours: Bool, theirs: Bool) {
        let state = Self.changed { $0.autoSortEndpoints = ours }
        let merged = Self.merge(ours: state, file: Self.ancestor.endpoints, autoSort: theirs)
        // The ancestor has it on: off on either side is the change.
        #expect(merged.state.autoSortEndpoints == (ours && theirs))
        #expect(merged.agreed.autoSortEndpoints == theirs)
    }

    @Test func conflictsNeverShowACredential() {
        let ours = Self.changed { $0.endpoints[0].settings.authValue = "sk-ours" }
        var file = Self.ancestor.endpoints
        file[0].settings.authValue = "sk-theirs"
        let merged = Self.merge(ours: ours, file: file)
        #expect(merged.conflicts.count == 1)
        #expect(!"\(merged.conflicts)".contains("sk-ours"))
        #expect(!merged.conflicts[0].description.contains("sk-theirs"))
    }
}
