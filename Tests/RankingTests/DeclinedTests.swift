@testable import Ranking
import TestSupport
import Testing

/// Refusals that the request may have deserved: they are no samples, no successes and no failures.
@Suite struct DeclinedTests {
    @discardableResult
    private func decline(_ ranking: inout EndpointRanking, _ id: EndpointID, at seconds: Double) -> RankingUpdate {
        ranking.record(.declined(status: 404), for: id, now: at(seconds), random: noJitter)
    }

    @Test func aFastRefusalIsNoFastAnswer() throws {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 300, at: 0)
        for second in 1..<100 {
            decline(&ranking, 1, at: Double(second))
            ranking.succeed(0, 300, at: Double(second))
        }
        #expect(ranking.order == [0, 1])
        #expect(ranking.explanation(for: 1, now: at(100))?.responseTime?.samples == 0)
        _ = ranking.sortNow(now: at(100))
        #expect(ranking.order == [0, 1])
    }

    /// What is only presumed of an endpoint that declines never brings it before one that answers, however slow that becomes.
    @Test(arguments: [1, 2, 3, 50])
    func whatDeclinesChallengesNobody(times: Int) {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 300, at: 0)
        for index in 0..<times { decline(&ranking, 1, at: Double(index)) }
        for second in 60..<120 { ranking.succeed(0, 20_000, at: Double(second)) }
        #expect(ranking.order == [0, 1])
    }

    @Test func anEndpointLosesNothingByABadRequest() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(1, 300, at: 0)
        ranking.succeed(0, 310, at: 0)
        for second in 20..<50 {
            decline(&ranking, 0, at: Double(second))
            if second % 5 == 0 { ranking.succeed(0, 310, at: Double(second)) }
        }
        #expect(ranking.order == [0, 1])
        #expect(ranking.availability(of: 0, now: at(50)) == .available)
        #expect(ranking.explanation(for: 0, now: at(50))?.recentFailures == 0)
    }

    @Test func aRowOfFailuresIsNotEndedByARefusal() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<2 { ranking.fail(0, at: Double(second)) }
        decline(&ranking, 0, at: 2)
        ranking.fail(0, at: 3)
        #expect(ranking.availability(of: 0, now: at(3))?.isUsable == false)
    }

    @Test func aTrialIsNotPassedByARefusalAndItsPlaceIsFree() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<3 { ranking.fail(0, at: Double(second)) }
        _ = ranking.advance(now: at(20))
        let first = ranking.admitHalfOpen(0, now: at(20))
        let second = ranking.admitHalfOpen(0, now: at(20))
        #expect(first && !second)
        decline(&ranking, 0, at: 21)
        #expect(ranking.availability(of: 0, now: at(21)) == .halfOpen)
        let third = ranking.admitHalfOpen(0, now: at(21))
        #expect(third)
    }

    @Test func aLeaderThatAnsweredNothingWellIsPassedByOneThatDid() throws {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(1, 900, at: 0)
        for second in 20..<22 { decline(&ranking, 0, at: Double(second)) }
        #expect(ranking.order == [0, 1])
        decline(&ranking, 0, at: 22)
        #expect(ranking.order == [1, 0])
        #expect(
            ranking.lastChange(of: 1)?.cause == .preferred(to: 0) || ranking.lastChange(of: 0)?.cause.kind == .declining
        )
        #expect(ranking.explanation(for: 0, now: at(23))?.isDoubted == true)
        // Having answered one, it is as good as any.
        ranking.succeed(0, 100, at: 40)
        #expect(ranking.order == [0, 1])
    }

    /// A key that is used up or a path that has moved: the figure of better days does not keep it first.
    @Test func aLeaderThatDeclinesEverythingIsLeft() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 100, at: 0)
        ranking.succeed(1, 300, at: 0)
        for second in 1...59 { decline(&ranking, 0, at: Double(second)) }
        #expect(ranking.order == [0, 1])
        for second in 60...61 { decline(&ranking, 0, at: Double(second)) }
        #expect(ranking.order == [1, 0])
        _ = ranking.sortNow(now: at(80))
        #expect(ranking.order == [1, 0])
        // Later it may be asked again; then one more refusal is enough.
        for second in stride(from: 90.0, to: 420, by: 30) {
            ranking.succeed(1, 300, at: second)
            _ = ranking.takeDueProbes(now: at(second))
            ranking.probe(0, .success(timeToFirstByte: .zero), at: second)
        }
        #expect(ranking.order == [0, 1])
        decline(&ranking, 0, at: 440)
        #expect(ranking.order == [1, 0])
    }

    /// The fallback declines everything; the endpoint that was left has to be asked again all the same.
    @Test func whoWasLeftGetsATrialAlthoughTheLeaderIsFastInRefusing() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 300, at: 0)
        for second in 1...3 { ranking.fail(0, at: Double(second)) }
        for second in 4...40 { decline(&ranking, 1, at: Double(second)) }
        #expect(ranking.candidates(now: at(40)).map(\.endpoint) == [0, 1])
        let isAdmitted = ranking.admitHalfOpen(0, now: at(40))
        #expect(isAdmitted)
        ranking.succeed(0, 300, at: 41)
        #expect(ranking.order == [0, 1])
    }

    @Test func anotherCredentialEndsTheDoubt() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(1, 900, at: 0)
        for second in 20..<30 { decline(&ranking, 0, at: Double(second)) }
        #expect(ranking.explanation(for: 0, now: at(30))?.isDoubted == true)
        _ = ranking.credentialChanged(for: 0, now: at(30))
        #expect(ranking.explanation(for: 0, now: at(30))?.isDoubted == false)
    }

    /// A success whose time says nothing, such as an embedding's, proves the endpoint and measures nothing.
    @Test func aSuccessWithoutATimeIsNoSample() {
        var ranking = EndpointRanking(count: 1)
        for second in 0..<3 { ranking.fail(0, at: Double(second)) }
        _ = ranking.advance(now: at(20))
        _ = ranking.record(.success(timeToFirstByte: nil), for: 0, now: at(20), random: noJitter)
        #expect(ranking.availability(of: 0, now: at(20)) == .available)
        #expect(ranking.explanation(for: 0, now: at(20))?.responseTime == nil)
    }

    /// No sequence of answers makes an endpoint that has answered nothing well outrank one that has and that works.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func nobodyOutranksByRefusals(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        var ranking = EndpointRanking(count: 3)
        var now = 0.0
        ranking.succeed(0, 300, at: now)
        for _ in 0..<300 {
            now += Double.random(in: 0...20, using: &generator)
            let other = EndpointID(UInt32.random(in: 1...2, using: &generator))
            _ = ranking.advance(now: at(now))
            let before = ranking
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1: ranking.succeed(0, Int.random(in: 1...30_000, using: &generator), at: now)
            case 2, 3: decline(&ranking, other, at: now)
            case 4: ranking.fail(other, at: now)
            default:
                for id in ranking.takeDueProbes(now: at(now)) {
                    ranking.probe(id, .success(timeToFirstByte: .zero), at: now)
                }
            }
            // One that was never asked may be tried; one that declined what it was asked may not, and is left.
            let hadDeclined = (before.explanation(for: other, now: at(now))?.declinedInARow ?? 0) > 0
            if hadDeclined, before.order.first != other, ranking.order.first == other {
                Issue.record("seed \(seed): \(other) has passed at \(now)")
            }
            var later = ranking
            _ = later.advance(now: at(now + 10))
            if later.order.first != 0, later.explanation(for: later.order[0], now: at(now + 10))?.isDoubted == true {
                Issue.record("seed \(seed): a doubted endpoint is first at \(now)")
            }
        }
    }
}
