import Configuration
import PodiumModel
import Persistence
import Proxy
import Testing

@testable import Engine

/// Virtual time: nothing here passes.
private let epoch = ContinuousClock.now

private func state(_ names: [String]) -> EngineState {
    let endpoints = names.map { name in
        var settings = EndpointSettings(name: name)
        settings.url = "http://127.0.0.1:1"
        return settings
    }
    var configuration = Configuration(endpoints: endpoints)
    configuration.server.autoSortEndpoints = false
    return EngineState(
        configuration: configuration, context: ConfigurationContext(environment: [:], folder: "/"), now: epoch)
}

struct RevisionLogTests {
    private func perform(_ command: Command, on state: inout EngineState, by actor: String = "alice") throws {
        let before = ConfigurationSnapshot(state)
        let text = try state.apply(command, now: epoch)
        state.noteChanges(since: before, by: actor, text, time: 7)
    }

    @Test func whatChangesNothingRaisesNothing() throws {
        var state = state(["a", "b"])
        let before = state.revisions.revision
        try perform(.flush, on: &state)
        try perform(.setEnabled(.init(name: "a"), true), on: &state)
        try perform(.sortNow, on: &state)
        #expect(state.revisions.revision == before)
        #expect(state.revisions.changes(after: 0).isEmpty)
    }

    @Test func eachChangeSaysWhoAndWhat() throws {
        var state = state(["a", "b"])
        try perform(.move(.init(name: "b"), toRank: 1), on: &state, by: "bob")
        var edit = EndpointPatch(name: "a2", url: "http://127.0.0.1:1", secret: "sk-hidden")
        edit[.tags] = .list(["x"])
        try perform(.update(.init(name: "a"), edit), on: &state)
        try perform(.remove(.init(name: "b")), on: &state)
        try perform(.setAutoSort(true), on: &state)
        let changes = state.revisions.changes(after: 0)
        #expect(changes.map(\.revision) == [2, 3, 4, 5])
        #expect(changes.map(\.actor) == ["bob", "alice", "alice", "alice"])
        #expect(changes[0].text == "b rank 2→1, b pinned false→true")
        #expect(changes[1].text == "a name a→a2, a auth_value (none)→***, a tags []→[x]")
        #expect(changes[2].text == "b removed")
        #expect(changes[2].endpointRevision == nil)
        #expect(changes[3].text == "auto_sort_endpoints false→true")
        #expect(state.revisions.changes(after: 4).map(\.revision) == [5])
    }

    @Test func oneEndpointsChangesAreThoseSinceItsRevision() throws {
        var state = state(["a", "b"])
        let seen = try #require(state.record(named: "a")).revision
        try perform(.setPinned(.init(name: "b"), true), on: &state)
        #expect(state.revisions.changes(of: "a", after: seen).isEmpty)
        try perform(.setPinned(.init(name: "a"), true), on: &state)
        try perform(.setEnabled(.init(name: "a"), false), on: &state)
        let all = state.revisions.changes(of: "a", after: seen)
        #expect(all.map(\.text) == ["a pinned false→true", "a rank 1→2, a enabled true→false"])
        let between = try #require(all.first?.endpointRevision)
        #expect(state.revisions.changes(of: "a", after: between) == Array(all.dropFirst()))
    }

    @Test func onlyTheLastOnesAreKept() {
        var log = RevisionLog()
        for _ in 0..<(RevisionLog.capacity + 10) {
            log.begin()
            log.append(
                RecordedChange(
                    revision: log.revision, time: 0, actor: "", endpoint: nil, endpointRevision: nil, text: ""))
        }
        let kept = log.changes(after: 0)
        #expect(kept.count == RevisionLog.capacity)
        #expect(kept.last?.revision == log.revision)
    }
}

struct TrafficCounterTests {
    @Test func eachKindOfEndIsCountedApart() {
        var tally = RequestTally()
        for status in [200, 503, 200, nil] {
            tally.record(status: status, ending: .completed)
        }
        tally.record(status: 200, ending: .clientClosed)
        #expect(
            tally.entries == [
                .init(status: 200, ending: .completed, count: 2), .init(status: 503, ending: .completed, count: 1),
                .init(status: 0, ending: .completed, count: 1), .init(status: 200, ending: .clientClosed, count: 1),
            ])
    }

    @Test func aTimeFallsIntoTheBucketWhoseBoundItDoesNotExceed() throws {
        var histogram = TimeHistogram.toFirstByte
        let bounds = histogram.bounds
        for bound in bounds {
            histogram.record(.microseconds(Int64(bound)))
        }
        #expect(histogram.counts == Array(repeating: 1, count: bounds.count) + [0])
        let last = try #require(bounds.last)
        histogram.record(.microseconds(Int64(last) + 1))
        histogram.record(.zero)
        #expect(histogram.counts.last == 1)
        #expect(histogram.counts.first == 2)
        #expect(histogram.sumMicroseconds == bounds.reduce(0, +) + last + 1)
    }

}
