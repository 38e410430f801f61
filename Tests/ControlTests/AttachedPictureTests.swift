import PodiumModel
import Testing

@testable import Control

private let epoch = ContinuousClock.now

private func event(_ id: UInt64) -> Snapshot.Event {
    .init(id: id, time: 0, level: "info", source: "proxy", endpoint: nil, text: "event \(id)")
}

private func answer(
    pid: Int32 = 1, at time: Double = 1_000, events: ClosedRange<UInt64>? = nil, cpu: Double? = nil
) -> Snapshot {
    var snapshot = Snapshot()
    snapshot.takenAt = time
    snapshot.server.pid = pid
    snapshot.server.cpuSeconds = cpu
    snapshot.events = events.map { $0.map(event) } ?? []
    return snapshot
}

private func ids(_ picture: AttachedPicture) -> [UInt64] {
    picture.dashboard(now: epoch, patience: .seconds(3)).events.map(\.identity)
}

private func take(_ answer: Snapshot, isWhole: Bool, into picture: inout AttachedPicture) -> Bool {
    picture.take(answer, isWhole: isWhole, at: epoch)
}

struct AttachedPictureTests {
    @Test func partsAreAddedToTheWholeWhateverTheirOrder() {
        var picture = AttachedPicture()
        #expect(take(answer(events: 1...3), isWhole: true, into: &picture))
        #expect(picture.known.event == 3)
        // Two questions after event 3 are under way at once: the second answer says what the first said already.
        #expect(take(answer(at: 1_002, events: 4...6), isWhole: false, into: &picture))
        #expect(take(answer(at: 1_001, events: 4...5), isWhole: false, into: &picture))
        #expect(take(answer(at: 1_003, events: 4...7), isWhole: false, into: &picture))
        #expect(ids(picture) == Array(1...7))
    }

    @Test func whatRepeatsStandsAtItsLastTimeAndFloodsPushOutTheirOwnKindOnly() {
        var picture = AttachedPicture()
        var first = answer(events: 1...3)
        first.events[0].level = "error"
        _ = take(first, isWhole: true, into: &picture)
        var part = answer(at: 1_001, events: 4...5)
        (part.events[1].firstID, part.events[1].firstTime, part.events[1].count) = (2, 0, 2)
        #expect(take(part, isWhole: false, into: &picture))
        #expect(picture.dashboard(now: epoch, patience: .seconds(3)).events.map(\.identity) == [1, 3, 4, 2])
        #expect(picture.dashboard(now: epoch, patience: .seconds(3)).events.last?.count == 2)
        #expect(picture.known.event == 5)
        var flood = answer(at: 1_002, events: 6...3_000)
        for index in flood.events.indices { flood.events[index].kind = "traffic" }
        #expect(take(flood, isWhole: false, into: &picture))
        // The four of before, and as much of the flood as Podium keeps.
        #expect(ids(picture) == [1, 3, 4, 2] + Array(2_701...3_000))
    }

    @Test func endpointsThatStandStillStayAndChangedOnesTakeTheirPlaces() {
        func endpoint(_ id: UInt32, rank: Int, tag: String = "") -> Snapshot.Endpoint {
            var endpoint = Snapshot.Endpoint()
            (endpoint.id, endpoint.name, endpoint.rank, endpoint.tags) = (id, "e\(id)", rank, [tag])
            return endpoint
        }
        var picture = AttachedPicture()
        var whole = answer()
        whole.endpoints = (1...4).map { endpoint(UInt32($0), rank: $0) }
        whole.endpointsVersion = 7
        _ = take(whole, isWhole: true, into: &picture)
        #expect(picture.known.endpoints == 7)
        var part = answer(at: 1_001)
        part.endpoints = [
            endpoint(3, rank: 1), endpoint(1, rank: 2, tag: "x"), endpoint(2, rank: 3), endpoint(5, rank: 5),
        ]
        (part.endpointsVersion, part.endpointsSince) = (9, 7)
        #expect(take(part, isWhole: false, into: &picture))
        let shown = picture.dashboard(now: epoch, patience: .seconds(3)).endpoints
        #expect(shown.map(\.name) == ["e3", "e1", "e2", "e4", "e5"])
        #expect(shown[1].tags == ["x"])
        #expect(picture.known.endpoints == 9)
        // One was removed: all of them are told.
        var fewer = answer(at: 1_002)
        fewer.endpoints = [endpoint(5, rank: 1)]
        fewer.endpointsVersion = 10
        #expect(take(fewer, isWhole: false, into: &picture))
        #expect(picture.dashboard(now: epoch, patience: .seconds(3)).endpoints.map(\.name) == ["e5"])
    }

    @Test func anotherProcessIsNeverMixedIn() {
        var picture = AttachedPicture()
        _ = picture.take(answer(pid: 1, events: 1...50), isWhole: true, at: epoch)
        #expect(!take(answer(pid: 2, events: 51...51), isWhole: false, into: &picture))
        #expect(picture.known.event == nil)
        #expect(take(answer(pid: 2, events: 1...2), isWhole: true, into: &picture))
        #expect(ids(picture) == [1, 2])
    }

    @Test func anOldPictureSaysSoAndSinceWhen() {
        var picture = AttachedPicture()
        _ = picture.take(answer(), isWhole: true, at: epoch)
        func stale(after: Duration) -> ContinuousClock.Instant? {
            picture.dashboard(now: epoch + after, patience: .seconds(3)).staleSince
        }
        #expect(stale(after: .seconds(3)) == nil)
        #expect(stale(after: .seconds(4)) == epoch)
        picture.lost("the connection broke off")
        #expect(stale(after: .zero) == epoch)
        let shown = picture.dashboard(now: epoch, patience: .seconds(3))
        #expect(shown.server.warning == "not connected: the connection broke off; trying again")
        _ = picture.take(answer(at: 1_010), isWhole: true, at: epoch + .seconds(10))
        #expect(stale(after: .seconds(10)) == nil)
        #expect(AttachedPicture().dashboard(now: epoch, patience: .seconds(3)).staleSince == epoch)
    }

    @Test func theLoadIsThatBetweenTwoPicturesOfOneProcess() {
        var picture = AttachedPicture()
        func cpu() -> Double? { picture.dashboard(now: epoch, patience: .seconds(3)).load }
        _ = picture.take(answer(at: 1_000, cpu: 5), isWhole: true, at: epoch)
        #expect(cpu() == nil)
        _ = picture.take(answer(at: 1_002, cpu: 5.5), isWhole: false, at: epoch)
        #expect(cpu() == 0.25)
        _ = picture.take(answer(pid: 2, at: 1_003, cpu: 0.1), isWhole: true, at: epoch)
        #expect(cpu() == nil)
    }
}
