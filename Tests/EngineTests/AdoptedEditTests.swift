import Configuration
import PodiumModel
import Proxy
import Ranking
import Testing

@testable import Engine
@testable import Persistence

private let epoch = ContinuousClock.now

/// Somebody edits the file while the operator has changed the same thing and it is not on disk yet.
@Suite struct AdoptedEditTests {
    private static func endpoint(_ name: String, priority: Int) -> EndpointSettings {
        var settings = EndpointSettings(name: name)
        settings.url = "http://\(name).test"
        settings.priority = priority
        return settings
    }

    private let file = [
        Self.endpoint("a", priority: 1), Self.endpoint("b", priority: 2), Self.endpoint("c", priority: 3),
    ]

    private func start() -> EngineState {
        var configuration = Configuration(endpoints: file)
        configuration.server.autoSortEndpoints = false
        return EngineState(configuration: configuration, context: ConfigurationContext(), now: epoch)
    }

    /// The file, edited from what it was at the start.
    ///
    /// - Parameter gone: what had left the file before.
    private func edit(without gone: String = "", _ body: (inout [EndpointSettings]) -> Void) -> ExternalEdit {
        var edited = file
        body(&edited)
        var configuration = Configuration(endpoints: edited)
        configuration.server.autoSortEndpoints = false
        let ancestor = PersistedState(
            endpoints: file.enumerated().map { .init(id: UInt32($0), settings: $1) }.filter {
                $0.settings.name != gone
            },
            autoSortEndpoints: false)
        let theirs = PersistedState(configuration: configuration)
        return ExternalEdit(
            configuration: configuration, ancestor: ancestor, theirs: FileAlignment(known: ancestor).align(theirs),
            theirAutoSort: false)
    }

    private func names(_ state: EngineState) -> [String] {
        state.ranking.order.compactMap { state.record($0)?.settings.name }
    }

    private func target(_ name: String) -> CommandTarget {
        CommandTarget(name: name)
    }

    @Test func theFileWinsAndUndoBringsTheOperatorsValueBack() throws {
        var state = start()
        let mine = EndpointPatch(name: "b", url: "http://mine.test", tags: ["mine"])
        _ = try state.apply(.update(target("b"), mine), now: epoch)
        let adopted = state.adopt(
            edit {
                $0[1].url = "http://theirs.test"
                $0[1].enabled = false
            }, now: epoch)
        #expect(adopted.merged.conflicts.map(\.subject) == [.field(.url)])
        #expect(state.record(named: "b")?.settings.url == "http://theirs.test")

        _ = try state.apply(.undo, now: epoch)
        let settled = try #require(state.record(named: "b")?.settings)
        #expect(settled.url == "http://mine.test")
        // What only one side changed is nobody's conflict and stays.
        #expect(settled.tags == ["mine"])
        #expect(!settled.enabled)

        _ = try state.apply(.redo, now: epoch)
        #expect(state.record(named: "b")?.settings.url == "http://theirs.test")
    }

    @Test func aConflictOverTheRankIsUndoneToTheOperatorsRank() throws {
        var state = start()
        _ = try state.apply(.move(target("c"), toRank: 1), now: epoch)
        #expect(names(state) == ["c", "a", "b"])
        let adopted = state.adopt(
            edit {
                $0[2].priority = 2; $0[1].priority = 3
            }, now: epoch)
        #expect(adopted.merged.conflicts.contains { $0.endpoint == "c" && $0.subject == .field(.priority) })
        while let label = state.actions.undoable.last?.label, label.hasPrefix("file") {
            _ = try state.apply(.undo, now: epoch)
        }
        #expect(names(state).first == "c")
    }

    @Test func anEndpointRemovedInTheFileComesBackWithUndo() throws {
        var state = start()
        _ = try state.apply(.update(target("b"), EndpointPatch(name: "b", url: "http://mine.test")), now: epoch)
        _ = state.adopt(edit { $0.remove(at: 1) }, now: epoch)
        #expect(names(state) == ["a", "c"])
        _ = try state.apply(.undo, now: epoch)
        #expect(names(state) == ["a", "b", "c"])
        #expect(state.record(named: "b")?.settings.url == "http://mine.test")
    }

    /// Its old identity is spent; under that one it would have been missing from every picture and the next save.
    @Test func anEndpointRemovedHereAndEditedInTheFileIsBackAndUndoRemovesIt() throws {
        var state = start()
        _ = try state.apply(.remove(target("b")), now: epoch)
        _ = state.adopt(edit { $0[1].url = "http://theirs.test" }, now: epoch)
        #expect(names(state) == ["a", "b", "c"])
        #expect(state.persistedState().endpoints.map(\.settings.name) == ["a", "b", "c"])
        #expect(state.routingTable(now: epoch).candidates.map(\.upstream.name) == ["a", "b", "c"])
        _ = try state.apply(.undo, now: epoch)
        #expect(names(state) == ["a", "c"])
    }

    @Test func undoOfAnOlderActionLeavesWhatTheFileChangedSince() throws {
        var state = start()
        _ = try state.apply(.setPinned(target("a"), true), now: epoch)
        _ = state.adopt(edit { $0[0].url = "http://theirs.test" }, now: epoch)
        _ = try state.apply(.undo, now: epoch)
        let settings = try #require(state.record(named: "a")?.settings)
        #expect(!settings.pinned)
        #expect(settings.url == "http://theirs.test")
    }

    @Test func undoOfAnActionOnAnEndpointThatIsGoneIsRefusedAndKept() throws {
        var state = start()
        _ = try state.apply(.setPinned(target("b"), true), now: epoch)
        state.remove(EndpointID(1), now: epoch)
        for _ in 0..<2 {
            #expect(throws: CommandRefusal.noSuchEndpoint("b")) { try state.apply(.undo, now: epoch) }
        }
        // Back under its name it is the one that it was, and the action finds it.
        _ = state.adopt(edit(without: "b") { $0[1].url = "http://back.test" }, now: epoch)
        #expect(state.record(EndpointID(1))?.settings.name == "b")
        #expect(try state.apply(.undo, now: epoch) == "undid: pinned b")
    }

    /// What was done before to others is not out of reach.
    @Test func anActionWhoseEndpointIsGoneIsPassedOver() throws {
        var state = start()
        _ = try state.apply(.setPinned(target("a"), true), now: epoch)
        _ = try state.apply(.setPinned(target("b"), true), now: epoch)
        state.remove(EndpointID(1), now: epoch)
        #expect(state.undoLabel == "pinned a")
        #expect(try state.apply(.undo, now: epoch) == "undid: pinned a")
        #expect(state.record(named: "a")?.settings.pinned == false)
        #expect(throws: CommandRefusal.noSuchEndpoint("b")) { try state.apply(.undo, now: epoch) }
        #expect(state.actions.undoable.map(\.label) == ["pinned b"])
    }

    /// The obstacle gone, the same undo does what it would have done.
    @Test func aRefusedUndoIsStillThereWhenItsObstacleHasGone() throws {
        var state = start()
        _ = try state.apply(.remove(target("b")), now: epoch)
        let other = state.insert(Self.endpoint("b", priority: 9), now: epoch)
        for _ in 0..<3 {
            #expect(throws: CommandRefusal.self) { try state.apply(.undo, now: epoch) }
        }
        #expect(names(state) == ["a", "c", "b"])
        state.remove(other, now: epoch)
        #expect(try state.apply(.undo, now: epoch) == "undid: delete b")
        #expect(names(state) == ["a", "b", "c"])
        #expect(state.record(EndpointID(1))?.settings.name == "b")
        // The same with redo.
        let another = EndpointPatch(name: "b2", url: "http://b.test")
        _ = try state.apply(.update(target("b"), another), now: epoch)
        _ = try state.apply(.undo, now: epoch)
        let taken = state.insert(Self.endpoint("b2", priority: 9), now: epoch)
        #expect(throws: CommandRefusal.self) { try state.apply(.redo, now: epoch) }
        state.remove(taken, now: epoch)
        _ = try state.apply(.redo, now: epoch)
        #expect(state.record(EndpointID(1))?.settings.name == "b2")
    }
}
