import Ranking
import Testing

@Suite struct RateLimitTests {
    private func limit(_ ranking: inout EndpointRanking, _ id: EndpointID, _ wait: Duration, _ seconds: Double) {
        _ = ranking.record(.rateLimited(retryAfter: wait), for: id, now: at(seconds), random: noJitter)
    }

    @Test func isNoFailureAndEndsByItself() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<5 { limit(&ranking, 0, .seconds(7), Double(second)) }
        let explanation = ranking.explanation(for: 0, now: at(4))
        #expect(explanation?.availability == .rateLimited(until: at(11)))
        #expect(explanation?.failuresInARow == 0)
        #expect(ranking.order == [1, 0])
        let update = ranking.advance(now: at(11))
        #expect(update.availabilityChanges.map(\.to) == [.available])
    }

    @Test func isNeverShortened() {
        var ranking = EndpointRanking(count: 1)
        limit(&ranking, 0, .seconds(100), 0)
        limit(&ranking, 0, .seconds(1), 50)
        limit(&ranking, 0, .seconds(-5), 51)
        #expect(ranking.earliestRecovery(now: at(52)) == at(100))
    }

    @Test func isADayAtMost() {
        var ranking = EndpointRanking(count: 1)
        limit(&ranking, 0, .seconds(1_000_000), 0)
        #expect(ranking.earliestRecovery(now: at(0)) == at(86_400))
        limit(&ranking, 0, .seconds(Int64.max), 1)
        #expect(ranking.earliestRecovery(now: at(1)) == at(86_401))
    }

    @Test func doesNotEndATimeOutThatLastsLonger() {
        var ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { ranking.fail(0, at: 0) }
        limit(&ranking, 0, .seconds(2), 0)
        #expect(ranking.availability(of: 0, now: at(5))?.recovery == at(10))
        limit(&ranking, 0, .seconds(60), 5)
        #expect(ranking.availability(of: 0, now: at(11)) == .rateLimited(until: at(65)))
        #expect(ranking.availability(of: 0, now: at(65)) == .halfOpen)
    }

    @Test func staggeredRecoveriesNameTheEarliest() {
        var ranking = EndpointRanking(count: 3)
        limit(&ranking, 0, .seconds(30), 0)
        limit(&ranking, 1, .seconds(10), 0)
        limit(&ranking, 2, .seconds(20), 0)
        #expect(ranking.candidates(now: at(0)).isEmpty)
        #expect(ranking.earliestRecovery(now: at(0)) == at(10))
        #expect(ranking.nextDeadline == at(10))
        _ = ranking.advance(now: at(10))
        #expect(ranking.candidates(now: at(10)).map(\.endpoint) == [1])
        _ = ranking.advance(now: at(20))
        #expect(ranking.candidates(now: at(20)).map(\.endpoint) == [1, 2])
        _ = ranking.advance(now: at(30))
        #expect(ranking.order == [1, 2, 0])
    }
}
