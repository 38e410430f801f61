import Configuration
import PodiumModel
import Foundation
import Testing

@testable import Persistence

/// Edits made with an editor while the program runs.
@Suite struct ExternalEditTests {
    private static func adopted(_ event: PersisterEvent) -> [String]? {
        if case .externalEditAdopted(let changes, _) = event { changes } else { nil }
    }

    @Test(arguments: [true, false])
    func aSaveIsLiveWithoutAnyFlush(byRename: Bool) async throws {
        let world = try PersisterUnderTest()
        let edited = ConfigurationDirectory.text.replacing("priority: 2", with: "priority: 6")
        if byRename { try world.directory.replace(edited) } else { try world.directory.write(edited) }
        await world.events.first { Self.adopted($0) == ["beta priority 2→6"] }
        #expect(world.memory.state.endpoints[1].settings.priority == 6)
        #expect(world.directory.text() == edited)
        #expect(world.persister.statistics(now: .now).externalEditsMerged == 1)
        #expect(world.persister.history() == [])
        _ = await world.persister.shutdown()
    }

    @Test func anInvalidSaveIsReportedOnceAndTheNextValidOneIsTaken() async throws {
        let world = try PersisterUnderTest()
        try world.directory.replace(ConfigurationDirectory.text.replacing("priority: 2", with: "priority: two"))
        await world.events.first { if case .externalEditRefused(.invalidFile) = $0 { true } else { false } }
        #expect(world.memory.state.endpoints[1].settings.priority == 2)
        #expect(world.persister.statistics(now: .now).refusedFile != nil)
        try world.directory.replace(ConfigurationDirectory.text.replacing("priority: 2", with: "priority: 4"))
        await world.events.first { Self.adopted($0) == ["beta priority 2→4"] }
        #expect(world.persister.statistics(now: .now).refusedFile == nil)
        let refusals = world.events.all.filter { if case .externalEditRefused = $0 { true } else { false } }
        #expect(refusals.count == 1)
        _ = await world.persister.shutdown()
    }

    @Test func anEndpointAddedByHandIsNewAndOneRemovedIsGone() async throws {
        let world = try PersisterUnderTest()
        let added = "  - name: delta\n    url: http://127.0.0.1:4\n    priority: 4\n"
        let edited =
            ConfigurationDirectory.text.replacing(
                "  - name: beta\n    url: http://127.0.0.1:2\n    priority: 2\n    enabled: true\n", with: "") + added
        try world.directory.replace(edited)
        await world.events.first { Self.adopted($0) == ["beta removed", "delta added"] }
        #expect(world.memory.state.endpoints.map(\.settings.name) == ["alpha", "gamma", "delta"])
        world.memory.setPriority("delta", 1)
        _ = try await world.persister.flush(trigger: .operator)
        #expect(world.directory.text() == edited.replacing("priority: 4", with: "priority: 1"))
        _ = await world.persister.shutdown()
    }

    @Test func aLinkThatLeadsElsewhereIsFollowed() async throws {
        let directory = try ConfigurationDirectory()
        rename(directory.file, "\(directory.path)/one.yaml")
        try directory.write(ConfigurationDirectory.text.replacing("priority: 2", with: "priority: 7"), to: "two.yaml")
        symlink("one.yaml", directory.file)
        let base = try LoadedBase.read(directory)
        let memory = Memory(base.state)
        let events = EventLog()
        let persister = try Persister(options: PersisterOptions(path: directory.file), base: base)
        persister.start(
            PersisterOwner(
                snapshot: { memory.state }, adopt: { memory.adopt($0) }, onEvent: { events.append($0) }))
        symlink("two.yaml", "\(directory.path)/next")
        rename("\(directory.path)/next", directory.file)
        await events.first { Self.adopted($0) == ["beta priority 2→7"] }
        memory.setPriority("beta", 8)
        _ = try await persister.flush(trigger: .operator)
        #expect(directory.text("two.yaml")?.contains("priority: 8") == true)
        #expect(directory.text("one.yaml") == ConfigurationDirectory.text)
        _ = await persister.shutdown()
    }

    @Test func aRenamedEndpointKeepsItsIdentity() {
        var settings = EndpointSettings(name: "old")
        settings.url = "http://127.0.0.1:1"
        var renamed = settings
        renamed.name = "new"
        let known = PersistedState(endpoints: [.init(id: 41, settings: settings)], autoSortEndpoints: true)
        let file = PersistedState(endpoints: [.init(id: 0, settings: renamed)], autoSortEndpoints: true)
        #expect(FileAlignment(known: known).align(file) == [FileEndpoint(id: 41, settings: renamed)])
    }
}
