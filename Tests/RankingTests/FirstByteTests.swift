import Ranking
import Testing

/// Long answers: their beginning is known long before their end.
@Suite struct FirstByteTests {
    private func firstByte(
        _ ranking: inout EndpointRanking, _ id: EndpointID, _ milliseconds: Int, at seconds: Double
    ) -> RankingUpdate {
        ranking.recordFirstByte(ResponseSample(.milliseconds(milliseconds)), for: id, now: at(seconds))
    }

    private func end(_ ranking: inout EndpointRanking, _ outcome: AttemptOutcome, at seconds: Double) {
        _ = ranking.record(outcome, for: 0, isAnswered: true, now: at(seconds), random: noJitter)
    }

    @Test func theOrderFollowsTheFirstByte() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<20 {
            ranking.succeed(0, 900, at: Double(second))
            _ = firstByte(&ranking, 1, 100, at: Double(second))
        }
        #expect(ranking.order == [1, 0])
    }

    @Test func theEndMeasuresNothingAnew() {
        var ranking = EndpointRanking(count: 1)
        _ = firstByte(&ranking, 0, 100, at: 0)
        let before = ranking.explanation(for: 0, now: at(60))?.responseTime
        _ = ranking.record(
            .success(timeToFirstByte: .seconds(9)), for: 0, isAnswered: true, isMeasured: true, now: at(60),
            random: noJitter)
        #expect(before != nil)
        #expect(ranking.explanation(for: 0, now: at(60))?.responseTime == before)
        #expect(ranking.explanation(for: 0, now: at(60))?.recentAttempts == 1)
    }

    @Test func threeAnswersThatBreakOffOpenAlthoughTheyBeganWell() {
        var ranking = EndpointRanking(count: 1)
        for second in 0..<3 {
            #expect(ranking.availability(of: 0, now: at(Double(second))) == .available)
            _ = firstByte(&ranking, 0, 100, at: Double(second))
            end(&ranking, .failure(.brokenStream), at: Double(second) + 0.5)
        }
        #expect(
            ranking.availability(of: 0, now: at(3))
                == .open(until: at(12.5), cause: .failuresInARow(3, last: .brokenStream)))
    }

    @Test func theFirstByteEndsAProbation() {
        var ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { ranking.fail(0, .timeout, at: 0) }
        let isAdmitted = ranking.admitHalfOpen(0, now: at(10))
        #expect(isAdmitted)
        let update = firstByte(&ranking, 0, 100, at: 11)
        #expect(
            update.availabilityChanges.last
                == AvailabilityChange(endpoint: 0, from: .halfOpen, to: .available))
        end(&ranking, .success(timeToFirstByte: .milliseconds(100)), at: 300)
        #expect(ranking.availability(of: 0, now: at(300)) == .available)
    }

    @Test func afterBrokenStreamsOnlyAWholeAnswerEndsAProbation() {
        var ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { ranking.fail(0, .brokenStream, at: 0) }
        var admitted = [ranking.admitHalfOpen(0, now: at(10))]
        _ = firstByte(&ranking, 0, 100, at: 11)
        #expect(ranking.availability(of: 0, now: at(11)) == .halfOpen)
        admitted.append(ranking.admitHalfOpen(0, now: at(12)))
        end(&ranking, .failure(.brokenStream), at: 13)
        #expect(ranking.availability(of: 0, now: at(13))?.recovery == at(33))
        admitted.append(ranking.admitHalfOpen(0, now: at(33)))
        #expect(admitted == [true, false, true])
        _ = firstByte(&ranking, 0, 100, at: 34)
        end(&ranking, .success(timeToFirstByte: .milliseconds(100)), at: 40)
        #expect(ranking.availability(of: 0, now: at(40)) == .available)
    }

    @Test func oneAnswerCountsOnceTowardsTheRecoveryThreshold() {
        var settings = EndpointRanking.Settings()
        settings.recoveryThreshold = 2
        var ranking = EndpointRanking(count: 1, settings: settings)
        for _ in 0..<3 { ranking.fail(0, .timeout, at: 0) }
        _ = firstByte(&ranking, 0, 100, at: 10)
        end(&ranking, .success(timeToFirstByte: .milliseconds(100)), at: 11)
        #expect(ranking.availability(of: 0, now: at(11)) == .halfOpen)
        _ = firstByte(&ranking, 0, 100, at: 12)
        #expect(ranking.availability(of: 0, now: at(12)) == .available)
    }

    @Test func anEndpointThatIsGoneIsIgnored() {
        var ranking = EndpointRanking(count: 1)
        let update = firstByte(&ranking, 7, 100, at: 0)
        #expect(update == .unchanged)
    }
}
