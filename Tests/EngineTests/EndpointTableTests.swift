import Configuration
import PodiumModel
import Ranking
import Testing

@testable import Engine
@testable import Persistence
@testable import Proxy

private let epoch = ContinuousClock.now

/// What is kept of endpoints that come and go, and for how long.
struct EndpointTableTests {
    private static func settings(_ name: String) -> EndpointSettings {
        var settings = EndpointSettings(name: name)
        settings.url = "http://127.0.0.1:1"
        return settings
    }

    private func start() -> EngineState {
        let configuration = Configuration(endpoints: [Self.settings("a"), Self.settings("b")])
        return EngineState(configuration: configuration, context: ConfigurationContext(), now: epoch)
    }

    @Test func addingAndRemovingForEverTakesNoMoreMemory() throws {
        var state = start()
        for number in 0..<5_000 {
            let id = state.insert(Self.settings("n\(number)"), now: epoch)
            #expect(id.rawValue == UInt32(number + 2))
            state.remove(id, now: epoch)
        }
        #expect(state.records.slots.count == 3)
        #expect(state.records.formerCount == EndpointTable.formerNames)
        #expect(state.records.formerRecordCount == EndpointTable.formerRecords)
        #expect(state.names[EndpointID(5_001)] == "n4999")
        #expect(state.names[EndpointID(2)] == nil)
        #expect(state.records[EndpointID(0)]?.settings.name == "a")
    }

    /// The log will still name it.
    @Test func anEndpointWithARequestInFlightKeepsItsName() throws {
        var state = start()
        let load = try #require(state.record(EndpointID(1))).load
        load.attemptStarted()
        state.remove(EndpointID(1), now: epoch)
        for number in 0..<3_000 {
            state.remove(state.insert(Self.settings("n\(number)"), now: epoch), now: epoch)
        }
        #expect(state.names[EndpointID(1)] == "b")
        load.attemptEnded()
        state.remove(state.insert(Self.settings("last"), now: epoch), now: epoch)
        #expect(state.names[EndpointID(1)] == nil)
    }

    /// What runs there is counted on, and an edit that was based on what it was before is told so.
    @Test func whatComesBackByUndoIsWhatItWas() throws {
        var state = start()
        let before = try #require(state.record(named: "b"))
        before.load.attemptStarted()
        state.withRecord(before.id) { $0.successStreak = 7 }
        _ = try state.apply(.remove(CommandTarget(name: "b")), now: epoch)
        #expect(state.ranking.rank(of: before.id) == nil)
        _ = try state.apply(.undo, now: epoch)
        let after = try #require(state.record(named: "b"))
        #expect(after.id == before.id && after.load === before.load && after.successStreak == 7)
        #expect(after.revision > before.revision)
        #expect(after.upstream != nil)
        #expect(state.ranking.rank(of: before.id) == 2)
        before.load.attemptEnded()
    }

    @Test func theMemoryOfActionsIsBounded() throws {
        var state = start()
        for number in 0..<300 {
            _ = try state.apply(.add(EndpointPatch(name: "n\(number)", url: "http://127.0.0.1:1")), now: epoch)
            _ = try state.apply(.remove(CommandTarget(name: "n\(number)")), now: epoch)
        }
        #expect(state.actions.undoable.count == ActionHistory.depth)
        // As far as it reaches, it brings back what was there.
        for _ in 0..<50 {
            _ = try state.apply(.undo, now: epoch)
            _ = try state.apply(.undo, now: epoch)
        }
        #expect(throws: CommandRefusal.nothingToUndo) { try state.apply(.undo, now: epoch) }
        #expect(state.ranking.count == 2)
    }
}

/// What undo gives back beyond the endpoint that was touched.
struct UndoneOrderTests {
    private func start(_ priorities: [Int?], off: Set<Int> = [], pinned: Set<Int> = []) -> EngineState {
        var endpoints: [EndpointSettings] = []
        for (index, priority) in priorities.enumerated() {
            var settings = EndpointSettings(name: "e\(index)")
            settings.url = "http://127.0.0.1:1"
            settings.priority = priority
            settings.enabled = !off.contains(index)
            settings.pinned = pinned.contains(index)
            endpoints.append(settings)
        }
        var configuration = Configuration(endpoints: endpoints)
        configuration.server.autoSortEndpoints = false
        return EngineState(configuration: configuration, context: ConfigurationContext(), now: epoch)
    }

    private static let commands: [Command] = [
        .move(CommandTarget(name: "e2"), toRank: 1), .setEnabled(CommandTarget(name: "e0"), false),
        .remove(CommandTarget(name: "e1")), .setPinned(CommandTarget(name: "e2"), true),
        .update(CommandTarget(name: "e1"), EndpointPatch(name: "other", url: "http://127.0.0.1:2", rank: 3)),
        .add(EndpointPatch(name: "new", url: "http://127.0.0.1:2", rank: 1)), .setAutoSort(true),
    ]

    /// Priorities as somebody wrote them, with gaps or none at all, are not numbered anew by what was taken back.
    @Test(arguments: commands)
    func theNumbersOfTheFileComeBack(_ command: Command) throws {
        for priorities in [[10, 20, 30], [nil, nil, nil], [1, 1, nil], [5, nil, nil]] as [[Int?]] {
            var state = start(priorities, pinned: [1])
            let before = state.persistedState()
            let order = state.ranking.arrangement
            _ = try state.apply(command, now: epoch)
            let after = state.persistedState()
            for _ in 0..<2 {
                _ = try state.apply(.undo, now: epoch)
                #expect(state.persistedState() == before)
                #expect(state.ranking.arrangement == order)
                _ = try state.apply(.redo, now: epoch)
                #expect(state.persistedState() == after)
            }
        }
    }

    /// Then only what the action touched is put back.
    @Test func whatMovedSinceStaysWhereItIs() throws {
        var state = start([10, 20, 30, 40])
        _ = try state.apply(.setEnabled(CommandTarget(name: "e0"), false), now: epoch)
        _ = state.ranking.reorder([EndpointID(3), EndpointID(2), EndpointID(1)], now: epoch)
        _ = try state.apply(.undo, now: epoch)
        #expect(state.record(named: "e0")?.settings.enabled == true)
        #expect(state.ranking.order.map(\.rawValue) == [0, 3, 2, 1])
    }
}
