import Configuration
import PodiumModel
import Proxy
import Ranking
import Testing

@testable import Engine

/// Virtual time: `now` only moves where a test moves it.
private let epoch = ContinuousClock.now

private func endpoint(_ name: String, priority: Int? = nil, enabled: Bool = true) -> EndpointSettings {
    var settings = EndpointSettings(name: name)
    settings.enabled = enabled
    settings.url = "http://127.0.0.1:1"
    settings.priority = priority
    return settings
}

private func state(_ endpoints: [EndpointSettings], autoSort: Bool = false, environment: [String: String] = [:])
    -> EngineState
{
    var configuration = Configuration(endpoints: endpoints)
    configuration.server.autoSortEndpoints = autoSort
    return EngineState(
        configuration: configuration, context: ConfigurationContext(environment: environment), now: epoch)
}

private func names(_ state: EngineState) -> [String] {
    state.ranking.order.compactMap { state.record($0)?.settings.name }
}

private func reference(_ name: String, _ revision: UInt64? = nil) -> CommandTarget {
    CommandTarget(name: name, revision: revision)
}

struct EngineStateTests {
    @Test func orderComesFromPrioritiesTiesAndMissingOnesInFileOrder() {
        let state = state([endpoint("c", priority: 9), endpoint("x"), endpoint("a", priority: 1), endpoint("y")])
        #expect(names(state) == ["a", "c", "x", "y"])
    }

    @Test func sparsePrioritiesStayUntilTheOrderChanges() throws {
        var state = state([endpoint("a", priority: 10), endpoint("b", priority: 20), endpoint("c")])
        #expect(state.persistedState().endpoints.map(\.settings.priority) == [10, 20, nil])
        _ = try state.apply(.move(reference("c"), toRank: 1), now: epoch)
        #expect(state.persistedState().endpoints.map(\.settings.priority) == [2, 3, 1])
    }

    @Test func whoMadeRoomHasMovedTooAndAMinuteLaterNobodyHas() throws {
        var state = state([endpoint("a", priority: 1), endpoint("b", priority: 2), endpoint("c", priority: 3)])
        _ = try state.apply(.move(reference("c"), toRank: 1), now: epoch)
        let movements = { (state: inout EngineState, seconds: Int) in
            state.endpointReadings(now: epoch + .seconds(seconds), second: 0).map(\.movement)
        }
        #expect(movements(&state, 60) == [2, -1, -1])
        #expect(movements(&state, 61) == [0, 0, 0])
    }

    @Test func aMovePinsAndUndoReleases() throws {
        var state = state([endpoint("a", priority: 1), endpoint("b", priority: 2), endpoint("c", priority: 3)])
        let before = state.persistedState()
        _ = try state.apply(.move(reference("c"), toRank: 1), now: epoch)
        #expect(names(state) == ["c", "a", "b"])
        #expect(state.record(named: "c")?.settings.pinned == true)
        _ = try state.apply(.undo, now: epoch)
        #expect(names(state) == ["a", "b", "c"])
        #expect(state.persistedState() == before)
        _ = try state.apply(.redo, now: epoch)
        #expect(names(state) == ["c", "a", "b"])
        #expect(state.record(named: "c")?.settings.pinned == true)
    }

    @Test func aMoveToItsOwnRankPinsOnceAndThenDoesNothing() throws {
        var state = state([endpoint("a", priority: 1), endpoint("b", priority: 2)], autoSort: true)
        let first = try #require(state.record(named: "b")).revision
        #expect(try state.apply(.move(reference("b"), toRank: 2), now: epoch) == "pinned b at rank 2")
        let pinned = try #require(state.record(named: "b"))
        #expect(pinned.settings.pinned && pinned.revision > first)
        #expect(
            try state.apply(.move(reference("b"), toRank: 2), now: epoch)
                == "left b at rank 2, where it was pinned already")
        #expect(state.record(named: "b")?.revision == pinned.revision)
        // There is one thing to undo: the pin.
        _ = try state.apply(.undo, now: epoch)
        #expect(state.record(named: "b")?.settings.pinned == false)
        #expect(throws: CommandRefusal.nothingToUndo) { try state.apply(.undo, now: epoch) }
    }

    @Test func aMovePastThoseThatAreOffEndsAboveThemAndSaysSo() throws {
        var state = state(
            [endpoint("a", priority: 1), endpoint("b", priority: 2), endpoint("c", priority: 3, enabled: false)],
            autoSort: true)
        let limit = ": endpoints that are off come last"
        #expect(
            try state.apply(.move(reference("a"), toRank: 3), now: epoch)
                == "moved a to rank 2 and pinned it" + limit)
        let made = state.actions.made
        #expect(try state.apply(.move(reference("a"), toRank: 3), now: epoch) == "left a at rank 2" + limit)
        #expect(state.actions.made == made)
    }

    @Test func anEndpointThatIsOffMovesAmongItsLikeAndIsNotPinned() throws {
        var state = state(
            [
                endpoint("a", priority: 1), endpoint("b", priority: 2, enabled: false),
                endpoint("c", priority: 3, enabled: false),
            ], autoSort: true)
        let limit = ": endpoints that are off come last"
        #expect(try state.apply(.move(reference("b"), toRank: 1), now: epoch) == "left b at rank 2" + limit)
        #expect(state.record(named: "b")?.settings.pinned == false)
        #expect(throws: CommandRefusal.nothingToUndo) { try state.apply(.undo, now: epoch) }
        #expect(try state.apply(.move(reference("b"), toRank: 3), now: epoch) == "moved b to rank 3")
        #expect(state.record(named: "b")?.settings.pinned == false)
        #expect(names(state) == ["a", "c", "b"])
        _ = try state.apply(.undo, now: epoch)
        #expect(names(state) == ["a", "b", "c"])
    }

    @Test func onlyWhatMadeSomethingToUndoCountsAsMade() throws {
        var state = state([endpoint("a", priority: 1), endpoint("b", priority: 2)])
        _ = try state.apply(.sortNow, now: epoch)
        #expect(state.actions.made == 0)
        _ = try state.apply(.setEnabled(reference("a"), false), now: epoch)
        #expect(state.actions.made == 1)
        _ = try state.apply(.undo, now: epoch)
        #expect(state.actions.made == 1)
        _ = try state.apply(.redo, now: epoch)
        #expect(state.actions.made == 2)
    }

    @Test func whatIsSoAlreadyIsLeftAndSaidSo() throws {
        var state = state([endpoint("a", priority: 1)])
        let same = EndpointPatch(name: "a", url: "http://127.0.0.1:1")
        let commands: [(Command, String)] = [
            (.setEnabled(reference("a"), true), "left a enabled, as it was"),
            (.setPinned(reference("a"), false), "left a unpinned, as it was"),
            (.setAutoSort(false), "left auto-sort off, as it was"),
            (.update(reference("a"), same), "left a as it was"),
        ]
        let revision = state.record(named: "a")?.revision
        for (command, text) in commands { #expect(try state.apply(command, now: epoch) == text) }
        #expect(state.record(named: "a")?.revision == revision)
        #expect(throws: CommandRefusal.nothingToUndo) { try state.apply(.undo, now: epoch) }
    }

    /// What says that the endpoint is another one, or works again, ends its time outs: nothing of the file is changed by it.
    @Test func anotherWayToItAndOffAndOnClearIt() throws {
        let edits: [(String, [Command])] = [
            ("cleared", [.clear(reference("a"))]),
            ("off and on", [.setEnabled(reference("a"), false), .setEnabled(reference("a"), true)]),
            ("URL", [.update(reference("a"), EndpointPatch(name: "a", url: "http://127.0.0.1:2"))]),
            (
                "key",
                [
                    .update(
                        reference("a"),
                        EndpointPatch(name: "a", url: "http://127.0.0.1:1", authType: .apiKey, secret: "sk-other"))
                ]
            ),
        ]
        for (what, commands) in edits {
            var state = state([endpoint("a"), endpoint("b")])
            let limited = AttemptOutcome.rateLimited(retryAfter: .seconds(600))
            _ = state.ranking.record(limited, for: EndpointID(0), now: epoch, random: { 0 })
            for command in commands { _ = try state.apply(command, now: epoch) }
            #expect(state.ranking.availability(of: EndpointID(0), now: epoch) == .halfOpen, "\(what)")
        }
        var state = state([endpoint("a"), endpoint("b")])
        let before = state.persistedState()
        #expect(try state.apply(.clear(reference("a")), now: epoch) == "a was in no time out")
        #expect(state.persistedState() == before)
        #expect(throws: CommandRefusal.nothingToUndo) { try state.apply(.undo, now: epoch) }
        // A new name is no reason to believe that it works.
        let limited = AttemptOutcome.rateLimited(retryAfter: .seconds(600))
        _ = state.ranking.record(limited, for: EndpointID(0), now: epoch, random: { 0 })
        _ = try state.apply(.update(reference("a"), EndpointPatch(name: "c", url: "http://127.0.0.1:1")), now: epoch)
        #expect(state.ranking.availability(of: EndpointID(0), now: epoch)?.isUsable == false)
    }

    /// A model that is out makes a routing table when its time out begins and when it ends, by the timer; both are said.
    @Test func aModelsTimeOutIsPublishedShownAndEnds() throws {
        var state = state([endpoint("a"), endpoint("b")])
        _ = state.startTimers()
        func refuse(_ name: String, at seconds: Int) -> EngineEffects {
            let request = TimeOutRequest(cause: .model, status: 404, .seconds(300), model: ModelReference(name))
            let report = AttemptReport(
                endpoint: EndpointID(0), outcome: .timedOut(request), status: 404, timeToFirstByte: nil,
                duration: .zero, at: epoch + .seconds(seconds))
            return state.attemptFinished(report, wallTime: { Double(seconds) }, random: { 0 })
        }
        let begun = refuse("opus", at: 0)
        let table = try #require(begun.routes)
        #expect(table.hasModelLimits && table.candidates.map(\.limitedModels.count) == [1, 0])
        #expect(table.candidates[0].limitedModels[0].name == "opus" && table.absent.isEmpty)
        #expect(begun.tasks.contains(.setTimer) && state.timerDeadline == epoch + .seconds(300))
        // By a request that was under way.
        #expect(refuse("opus", at: 1).routes == nil)
        let known = state.endpointReading(named: "a", now: epoch + .seconds(1), second: 1)
        let reading = try #require(known)
        #expect(reading.limitedModels.map(\.until) == [epoch + .seconds(301)] && reading.state != .cooling)
        #expect(state.endpointMetrics(now: epoch + .seconds(1)).first?.limitedModels.count == 1)
        #expect(state.endpointMetrics(now: epoch + .seconds(1)).first?.counters.refused == 2)
        let ended = state.deadlineReached(now: epoch + .seconds(301), wallTime: { 301 })
        #expect(ended.routes?.hasModelLimits == false)
        let lines = state.events.after(0, limit: 10).map(\.text)
        #expect(lines == ["opus: model not available (404) for 5m00s", "opus: asked again"])
    }

    /// What is left out of a routing table stands beside it, with the reason.
    @Test func anEndpointThatIsOutIsNamedWithItsReason() throws {
        var state = state([endpoint("a"), endpoint("b"), endpoint("c", enabled: false)])
        let request = TimeOutRequest(cause: .quota, status: 402, first: .seconds(300), limit: .seconds(3_600))
        let report = AttemptReport(
            endpoint: EndpointID(0), outcome: .timedOut(request), status: 402, timeToFirstByte: nil, duration: .zero,
            at: epoch)
        let effects = state.attemptFinished(report, wallTime: { 0 }, random: { 0 })
        let table = try #require(effects.routes)
        let out = Availability.timedOut(until: epoch + .seconds(300), TimeOutReason(.quota, status: 402))
        #expect(table.candidates.map(\.upstream.name) == ["b"])
        #expect(table.absent.map(\.upstream.name) == ["a"] && table.absent.map(\.availability) == [out])
        let known = state.endpointReading(named: "a", now: epoch, second: 0)
        let reading = try #require(known)
        #expect(reading.state == .cooling && reading.errors == [.quota: 1])
        #expect(state.events.after(0, limit: 10).first?.text == "quota used up (402) for 5m00s")
        #expect(reading.lastError?.text == "quota used up (402), wait 5m00s")
    }

    @Test func aStaleRevisionIsRefusedAndChangesNothing() throws {
        var state = state([endpoint("a"), endpoint("b")])
        let seen = try #require(state.record(named: "b")).revision
        _ = try state.apply(.setPinned(reference("b", seen), true), now: epoch)
        let before = state.persistedState()
        let refusal = #expect(throws: CommandRefusal.self) {
            try state.apply(.setEnabled(reference("b", seen), false), now: epoch)
        }
        #expect(refusal?.code == .revisionConflict && refusal?.revision == state.record(named: "b")?.revision)
        #expect(state.persistedState() == before)
    }

    @Test func anUnknownNameIsRefused() {
        var state = state([endpoint("a")])
        #expect(throws: CommandRefusal.noSuchEndpoint("z")) {
            try state.apply(.setEnabled(reference("z"), false), now: epoch)
        }
    }

    @Test func disabledEndpointsAreNotCandidates() throws {
        var state = state([endpoint("a"), endpoint("b")])
        _ = try state.apply(.setEnabled(reference("a"), false), now: epoch)
        #expect(state.routingTable(now: epoch).candidates.map(\.upstream.name) == ["b"])
        #expect(names(state) == ["b", "a"])
    }

    @Test func aMissingVariableLeavesTheRestRunning() {
        var broken = endpoint("a")
        broken.authType = .apiKey
        broken.authValue = "${NOT_SET}"
        let state = state([broken, endpoint("b")])
        #expect(state.routingTable(now: epoch).candidates.map(\.upstream.name) == ["b"])
        #expect(state.misconfigured.map(\.name) == ["a"])
        #expect(state.misconfigured.first?.reason.contains("NOT_SET") == true)
    }

    @Test func variablesAreExpandedForTheDataPathOnly() {
        var settings = endpoint("a")
        settings.authType = .authToken
        settings.authValue = "${TOKEN}"
        var state = state([settings], environment: ["TOKEN": "secret"])
        #expect(state.routingTable(now: epoch).candidates.count == 1)
        #expect(state.persistedState().endpoints.map(\.settings.authValue) == ["${TOKEN}"])
    }

    @Test func anEditKeepsTheSecretThatTheFormNeverSaw() throws {
        var settings = endpoint("a")
        settings.authType = .apiKey
        settings.authValue = "sk-1"
        settings.headers = [HeaderField(name: "x-team", value: "1")]
        var state = state([settings])
        let edit = EndpointPatch(name: "renamed", url: "http://127.0.0.1:2", authType: .apiKey, tags: ["prod"])
        _ = try state.apply(.update(reference("a"), edit), now: epoch)
        let edited = try #require(state.record(named: "renamed")?.settings)
        #expect(edited.authValue == "sk-1")
        #expect(edited.headers == settings.headers)
        #expect(edited.url == "http://127.0.0.1:2")
        #expect(edited.tags == ["prod"])
    }

    @Test(arguments: [
        (EndpointPatch(name: "", url: "http://h"), EndpointField.name),
        (EndpointPatch(name: "b", url: "http://h"), .name),
        (EndpointPatch(name: "n"), .url),
        (EndpointPatch(name: "n", url: "ftp://h"), .url),
        (EndpointPatch(name: "n", urlOpenAI: "http://"), .urlOpenAI),
        (EndpointPatch(name: "n", url: "http://h", authType: .apiKey), .authValue),
        (EndpointPatch(name: "n", url: "http://h", rank: 9), .priority),
        (EndpointPatch(name: "n", url: "http://h", tags: [""]), .tags),
    ])
    func badEditsNameTheirFieldAndChangeNothing(edit: EndpointPatch, field: EndpointField) throws {
        var state = state([endpoint("a"), endpoint("b")])
        let before = state.persistedState()
        for command in [Command.update(reference("a"), edit), .add(edit)] {
            let error = #expect(throws: CommandRefusal.self) { try state.apply(command, now: epoch) }
            #expect(error?.endpointField == field, "\(String(describing: error))")
        }
        #expect(state.persistedState() == before)
    }

    @Test func undoOfDisablingBringsTheRankBack() throws {
        for autoSort in [false, true] {
            var state = state(
                [endpoint("a", priority: 1), endpoint("b", priority: 2), endpoint("c", priority: 3)], autoSort: autoSort
            )
            let before = state.persistedState()
            _ = try state.apply(.setEnabled(reference("a"), false), now: epoch)
            #expect(names(state) == ["b", "c", "a"])
            _ = try state.apply(.undo, now: epoch)
            #expect(names(state) == ["a", "b", "c"])
            #expect(state.persistedState() == before)
        }
    }

    @Test func aStartWithoutAVariableDoesNotReorderTheFile() {
        var broken = endpoint("a", priority: 1)
        broken.authType = .apiKey
        broken.authValue = "${NOT_SET}"
        var state = state([broken, endpoint("b", priority: 2)], autoSort: true)
        let before = state.persistedState()
        _ = state.ranking.record(
            .success(timeToFirstByte: .milliseconds(5)), for: EndpointID(1), now: epoch, random: { 0 })
        _ = state.ranking.advance(now: epoch + .seconds(60))
        #expect(state.persistedState() == before)
        #expect(state.routingTable(now: epoch).candidates.map(\.upstream.name) == ["b"])
    }

    @Test func addRemoveAndTheirUndo() throws {
        var state = state([endpoint("a", priority: 1), endpoint("b", priority: 2)])
        _ = try state.apply(.add(EndpointPatch(name: "n", url: "http://h", rank: 1)), now: epoch)
        #expect(names(state) == ["n", "a", "b"])
        _ = try state.apply(.remove(reference("a")), now: epoch)
        #expect(names(state) == ["n", "b"])
        _ = try state.apply(.undo, now: epoch)
        #expect(names(state) == ["n", "a", "b"])
        #expect(state.persistedState().endpoints.map(\.settings.name) == ["a", "b", "n"])
        _ = try state.apply(.undo, now: epoch)
        #expect(names(state) == ["a", "b"])
        #expect(state.persistedState().endpoints.map(\.settings.name) == ["a", "b"])
        _ = try state.apply(.redo, now: epoch)
        _ = try state.apply(.redo, now: epoch)
        #expect(names(state) == ["n", "b"])
        #expect(throws: CommandRefusal.nothingToRedo) { try state.apply(.redo, now: epoch) }
    }

    private func report(_ outcome: AttemptOutcome, status: Int? = 200, wasAnswered: Bool = false) -> AttemptReport {
        AttemptReport(
            endpoint: EndpointID(0), outcome: outcome, status: status, timeToFirstByte: .milliseconds(50),
            duration: .seconds(1), at: epoch, wasAnswered: wasAnswered)
    }

    private let beginning = AnswerBeginning(.milliseconds(50), ResponseSample(.milliseconds(70)))

    @Test func aLongAnswerIsCountedOnceAndWhenItBegins() throws {
        var state = state([endpoint("a")])
        _ = state.countAnswer(EndpointID(0), beginning, second: 0, now: epoch)
        var record = try #require(state.record(named: "a"))
        #expect(record.traffic.attempts == 1)
        let success = AttemptOutcome.success(timeToFirstByte: .milliseconds(50))
        _ = state.count(report(success, wasAnswered: true), at: epoch, second: 9, wallTime: 0) { 0 }
        record = try #require(state.record(named: "a"))
        #expect(record.traffic.attempts == 1)
        #expect(record.traffic.failures == 0)
        #expect(record.successStreak == 1)
    }

    @Test func anAnswerThatBreaksOffIsAFailureAfterAll() throws {
        var state = state([endpoint("a")])
        _ = state.countAnswer(EndpointID(0), beginning, second: 0, now: epoch)
        _ = state.count(report(.failure(.brokenStream), wasAnswered: true), at: epoch, second: 9, wallTime: 7) { 0 }
        let record = try #require(state.record(named: "a"))
        #expect(record.traffic.attempts == 1)
        #expect(record.traffic.failures == 1)
        #expect(record.successStreak == 0)
        #expect(record.lastError?.time == 7)
        #expect(state.ranking.explanation(for: EndpointID(0), now: epoch)?.failuresInARow == 1)
    }

    @Test func errorsAreCountedByKind() throws {
        var state = state([endpoint("a"), endpoint("b")])
        for outcome in [
            AttemptOutcome.failure(.connect), .failure(.connect), .rateLimited(retryAfter: .seconds(1)), .neutral,
            .success(timeToFirstByte: .zero),
        ] {
            _ = state.count(report(outcome, status: 429), at: epoch, second: 0, wallTime: 0) { 0 }
        }
        let snapshots = state.endpointReadings(now: epoch, second: 0)
        #expect(snapshots.first { $0.settings.name == "a" }?.errors == [.connect: 2, .rateLimited: 1])
        #expect(snapshots.first { $0.settings.name == "b" }?.errors == [:])
    }

    @Test func aFasterEndpointRisesWithAutoSortAndStaysWithout() {
        for autoSort in [true, false] {
            var state = state([endpoint("slow"), endpoint("fast")], autoSort: autoSort)
            var now = epoch
            for _ in 0..<30 {
                now += .seconds(1)
                for (id, time) in [(EndpointID(0), Duration.milliseconds(900)), (EndpointID(1), .milliseconds(100))] {
                    _ = state.ranking.record(.success(timeToFirstByte: time), for: id, now: now, random: { 0 })
                }
            }
            #expect(names(state) == (autoSort ? ["fast", "slow"] : ["slow", "fast"]))
        }
    }

    @Test func aSortIsUndoneAsAWhole() throws {
        var state = state([endpoint("slow"), endpoint("middle"), endpoint("fast")])
        for (id, milliseconds) in [(0, 900), (1, 500), (2, 100)] {
            _ = state.ranking.record(
                .success(timeToFirstByte: .milliseconds(milliseconds)), for: EndpointID(UInt32(id)), now: epoch,
                random: { 0 })
        }
        _ = try state.apply(.sortNow, now: epoch)
        #expect(names(state) == ["fast", "middle", "slow"])
        _ = try state.apply(.undo, now: epoch)
        #expect(names(state) == ["slow", "middle", "fast"])
        _ = try state.apply(.redo, now: epoch)
        #expect(names(state) == ["fast", "middle", "slow"])
    }
}
