@testable import Ranking
import Testing

/// What is back from a time out keeps its rank among those that are down until it has answered.
@Suite struct TrialTests {
    /// An hour of two dead endpoints below one that works, with probes and deadlines as they come, and a request that
    /// reaches the dead ones now and then.
    private func hour(_ kind: FailureKind, answeredBefore: Bool) -> EndpointRanking {
        var ranking = EndpointRanking(count: 4)
        if answeredBefore { for id in 0..<4 { ranking.succeed(EndpointID(UInt32(id)), 100 + 40 * id, at: 0) } }
        for id: EndpointID in [3, 2] { for _ in 0..<3 { ranking.fail(id, kind, at: 1) } }
        for second in 1...3_600 {
            let now = Double(second)
            ranking.succeed(0, 100, at: now)
            _ = ranking.advance(now: at(now))
            for id in ranking.takeDueProbes(now: at(now)) {
                let isDead = id.rawValue > 1 && kind.isUnreachable
                ranking.probe(id, isDead ? .failure(kind) : .success(timeToFirstByte: .zero), at: now)
            }
            guard second % 7 == 0 else { continue }
            for candidate in ranking.candidates(now: at(now)) where candidate.endpoint.rawValue > 1 {
                guard ranking.admitTrial(candidate.endpoint, now: at(now)) else { continue }
                ranking.fail(candidate.endpoint, kind, at: now)
            }
        }
        return ranking
    }

    @Test(arguments: [FailureKind.connect, .status(502)], [true, false])
    func deadEndpointsDoNotPassEachOther(kind: FailureKind, answeredBefore: Bool) {
        let ranking = hour(kind, answeredBefore: answeredBefore)
        #expect(ranking.order == [0, 1, 2, 3])
        #expect(ranking.changes.isEmpty)
        #expect((0..<4).allSatisfy { ranking.rankChanges(of: EndpointID(UInt32($0))) == 0 })
    }

    @Test func probationIsNoChangeOfRankAndAnAnswerIs() {
        var ranking = EndpointRanking(count: 3)
        for id: EndpointID in [2, 1] { for _ in 0..<3 { ranking.fail(id, at: 0) } }
        #expect(ranking.order == [0, 1, 2])
        for _ in 0..<3 { ranking.fail(1, at: 5) }
        let update = ranking.advance(now: at(10))
        #expect(update.availabilityChanges.map(\.to) == [.probation, .probation])
        #expect(!update.orderChanged)
        ranking.fail(1, at: 11)
        #expect(ranking.succeed(2, 100, at: 12).orderChanged)
        #expect(ranking.order == [0, 2, 1])
        #expect(ranking.lastChange(of: 2)?.cause == .recovered)
    }

    /// Nothing else could bring the fast one back: reaching it proves nothing, and no request fails over to it.
    @Test func aFastEndpointIsAskedBeforeASlowLeader() {
        var ranking = EndpointRanking(count: 3)
        ranking.succeed(0, 100, at: 0)
        ranking.succeed(1, 400, at: 0)
        ranking.succeed(2, 420, at: 0)
        for _ in 0..<3 { ranking.fail(0, at: 20) }
        #expect(ranking.order == [1, 2, 0])
        #expect(ranking.candidates(now: at(29)).map(\.endpoint) == [1, 2])
        // The new leader has dwelt at 30 s, when the cooldown is over as well.
        let offer = ranking.advance(now: at(30))
        #expect(offer.trialsOffered && offer.candidatesChanged && !offer.orderChanged)
        #expect(
            ranking.candidates(now: at(30)) == [
                .init(endpoint: 0, gate: .probation), .init(endpoint: 1, gate: .open), .init(endpoint: 2, gate: .open),
            ])
        #expect(ranking.order == [1, 2, 0])
        #expect(!ranking.fail(0, at: 31).orderChanged)
        #expect(ranking.candidates(now: at(31)).map(\.endpoint) == [1, 2])
        _ = ranking.advance(now: at(51))
        #expect(ranking.succeed(0, 100, at: 52).orderChanged)
        #expect(ranking.order == [0, 1, 2])
    }

    @Test func aTrialIsOfferedOnceTheLeaderHasBecomeSlow() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 400, at: 0)
        ranking.succeed(1, 400, at: 0)
        for _ in 0..<3 { ranking.fail(0, at: 20) }
        #expect(ranking.advance(now: at(30)).trialsOffered == false)
        #expect(ranking.candidates(now: at(40)).map(\.endpoint) == [1, 0])
        #expect(ranking.succeed(1, 900, at: 41).trialsOffered)
        #expect(ranking.candidates(now: at(41)).map(\.endpoint) == [0, 1])
        #expect(ranking.order == [1, 0])
    }

    @Test func sortNowLeavesItAmongThoseThatAreDown() {
        var ranking = EndpointRanking(count: 3)
        ranking.succeed(0, 100, at: 0)
        ranking.succeed(1, 400, at: 0)
        ranking.succeed(2, 420, at: 0)
        for _ in 0..<3 { ranking.fail(0, at: 20) }
        _ = ranking.advance(now: at(30))
        _ = ranking.sortNow(now: at(31))
        #expect(ranking.order == [1, 2, 0])
    }
}
