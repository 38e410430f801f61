@testable import Ranking
import PureSupport
import Testing

@Suite struct ResponseTimeTests {
    private func average(_ ranking: EndpointRanking, _ id: EndpointID, at seconds: Double) -> Double? {
        ranking.explanation(for: id, now: at(seconds))?.responseTime?.average.inSeconds
    }

    @Test func exponentialAgreesWithKnownValues() {
        // e^-1, e^-0.001 and e^-20 to twelve digits, from tables.
        for (x, expected) in [(-1, 0.367879441171), (-0.001, 0.999000499833), (-20, 2.06115362244e-9), (0, 1)] {
            #expect(abs(exponential(x) / expected - 1) < 1e-9)
        }
        #expect(exponential(-1e300) == 0)
    }

    @Test func aSlowerSampleCountsAtOnceAFasterOneByTime() {
        var ranking = EndpointRanking(count: 1)
        ranking.succeed(0, 100, at: 0)
        ranking.succeed(0, 900, at: 1)
        #expect(average(ranking, 0, at: 1) == 0.9)
        // One time constant later 1/e of the distance is left: 100 + 800 / e.
        ranking.succeed(0, 100, at: 31)
        let expected = 0.1 + 0.8 * 0.367879441171
        #expect(average(ranking, 0, at: 31).map { abs($0 - expected) < 1e-8 } == true)
    }

    @Test func forgettingDoesNotDependOnTheRequestRate() {
        var often = EndpointRanking(count: 1)
        often.succeed(0, 900, at: 0)
        for step in 1...3_000 { often.succeed(0, 100, at: Double(step) / 100) }
        let expected = 0.1 + 0.8 * 0.367879441171
        #expect(average(often, 0, at: 30).map { abs($0 - expected) < 1e-5 } == true)
    }

    @Test func samplesAndAgeAreKnown() {
        var ranking = EndpointRanking(count: 2)
        #expect(ranking.explanation(for: 0, now: at(0))?.responseTime == nil)
        ranking.succeed(0, 100, at: 1)
        ranking.succeed(0, 100, at: 2)
        let measured = ranking.explanation(for: 0, now: at(5))?.responseTime
        #expect(measured?.samples == 2)
        #expect(measured?.age == .seconds(3))
        // The other one is taken to be like the first until it is measured itself.
        let presumed = ranking.explanation(for: 1, now: at(5))?.responseTime
        #expect(presumed?.isPresumed == true)
        #expect(presumed?.average == .milliseconds(100))
        #expect(presumed?.age == nil)
    }

    @Test func aProbesTimeIsNotComparedWithARequests() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 400, at: 20)
        ranking.probe(1, .success(timeToFirstByte: .milliseconds(1)), at: 21)
        #expect(ranking.order == [0, 1])
        #expect(ranking.explanation(for: 1, now: at(21))?.responseTime?.average == .milliseconds(400))
    }

    @Test func anUnmeasuredEndpointIsTriedOnceTheHolderTakesTwiceTheUsual() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<20 { ranking.succeed(0, 400, at: Double(second)) }
        ranking.succeed(0, 780, at: 20)
        #expect(ranking.order == [0, 1])
        ranking.succeed(0, 820, at: 21)
        #expect(ranking.order == [1, 0])
    }

    /// It fails from the start, and its cooldown of 10 s is over at 13 s; then the first slows down tenfold.
    @Test func whatNeverSucceededChallengesNobodyUntilItDoes() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<20 { ranking.succeed(0, 400, at: Double(second)) }
        for second in 1...3 { ranking.fail(1, at: Double(second)) }
        _ = ranking.advance(now: at(14))
        #expect(ranking.availability(of: 1, now: at(14)) == .halfOpen)
        ranking.succeed(0, 4_000, at: 30)
        _ = ranking.advance(now: at(60))
        #expect(ranking.order == [0, 1])
        ranking.succeed(1, 400, at: 61)
        #expect(ranking.availability(of: 1, now: at(61)) == .available)
        #expect(ranking.order == [1, 0])
    }

    /// After a bad spell, probes that get through bring an idle endpoint back to what is usual for it: the mean of
    /// 100 × 200 ms and one of 2,000, 218 ms. That is less than 400 by more than twice the hysteresis.
    @Test func aBadSpellIsForgottenWithoutTraffic() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<100 { ranking.succeed(0, 200, at: Double(second)) }
        ranking.succeed(0, 2_000, at: 100)
        #expect(ranking.order == [1, 0])
        for second in stride(from: 130.0, through: 1_330, by: 30) {
            ranking.succeed(1, 400, at: second)
            ranking.probe(0, .success(timeToFirstByte: .milliseconds(1)), at: second)
        }
        #expect(ranking.order == [0, 1])
    }
}

@Suite struct HysteresisTests {
    /// Both endpoints measured at 100 ms, endpoint 0 first.
    private func equals(settings: EndpointRanking.Settings = .init()) -> EndpointRanking {
        var ranking = EndpointRanking(count: 2, settings: settings)
        ranking.succeed(0, 100, at: 0)
        ranking.succeed(1, 100, at: 0)
        return ranking
    }

    @Test func aMarginOfFifteenPercentIsNotEnoughMoreIs() {
        var ranking = equals()
        // 100 is 15 % less than 117.647: just not below it, and just below at 118.
        ranking.succeed(0, 117, at: 20)
        #expect(ranking.order == [0, 1])
        let update = ranking.succeed(0, 118, at: 21)
        #expect(update.orderChanged)
        #expect(ranking.order == [1, 0])
        #expect(ranking.changes.map(\.endpoint) == [0])
        #expect(ranking.changes.first?.cause == .slower(than: 1))
    }

    @Test func aHolderIsProtectedForTheDwellAndTheTimerThenMovesIt() {
        var ranking = equals()
        ranking.succeed(0, 500, at: 20)
        #expect(ranking.order == [1, 0])
        ranking.succeed(1, 5_000, at: 21)
        #expect(ranking.order == [1, 0])
        #expect(ranking.explanation(for: 0, now: at(21))?.above?.kept == .dwell(until: at(30)))
        #expect(ranking.nextDeadline == at(30))
        #expect(ranking.advance(now: at(29.9)) == .unchanged)
        #expect(ranking.advance(now: at(30)).orderChanged)
        #expect(ranking.order == [0, 1])
        #expect(ranking.changes.last?.cause == .faster(than: 1, by: 0.9))
    }

    /// A leader that goes away for a second takes no one's place on its return before the dwell.
    @Test func whoeverBecomesFirstIsProtectedAlsoWithoutHavingWon() {
        var ranking = equals()
        ranking.succeed(1, 150, at: 1)
        _ = ranking.record(.rateLimited(retryAfter: .seconds(1)), for: 0, now: at(20), random: noJitter)
        #expect(ranking.order == [1, 0])
        _ = ranking.advance(now: at(21))
        #expect(ranking.order == [1, 0])
        _ = ranking.advance(now: at(30))
        #expect(ranking.order == [0, 1])
    }

    @Test func theDwellProtectsEveryRankThatWasWon() {
        var ranking = EndpointRanking(count: 3)
        ranking.succeed(0, 20, at: 0)
        ranking.succeed(1, 100, at: 0)
        ranking.succeed(2, 100, at: 0)
        ranking.succeed(1, 500, at: 20)
        #expect(ranking.order == [0, 2, 1])
        ranking.succeed(2, 5_000, at: 21)
        #expect(ranking.order == [0, 2, 1])
        _ = ranking.advance(now: at(30))
        #expect(ranking.order == [0, 1, 2])
    }

    /// 100 ms is 17 % less than 120: enough under traffic, too little for a figure from before a time out.
    @Test func whoComesBackNeedsTwiceTheMargin() {
        var ranking = equals()
        ranking.succeed(1, 120, at: 1)
        _ = ranking.record(.rateLimited(retryAfter: .seconds(1)), for: 0, now: at(20), random: noJitter)
        _ = ranking.advance(now: at(21))
        _ = ranking.advance(now: at(60))
        #expect(ranking.order == [1, 0])
        #expect(ranking.explanation(for: 0, now: at(60))?.above?.required == 0.3)
        ranking.succeed(0, 100, at: 61)
        #expect(ranking.order == [0, 1])
    }

    @Test func aFallPastMinorRanksIsOneEntryInTheJournal() {
        var ranking = EndpointRanking(count: 5)
        for id in 0..<5 { ranking.succeed(EndpointID(UInt32(id)), 100, at: 0) }
        ranking.succeed(0, 1_000, at: 20)
        #expect(ranking.order == [1, 2, 3, 4, 0])
        #expect(ranking.changes.count == 1)
        #expect(ranking.changes.first.map { [$0.from, $0.to] } == [1, 5])
        let shifted = ranking.explanation(for: 2, now: at(20))
        #expect(shifted?.lastChange?.cause == .displaced(by: 0))
        #expect(shifted?.rankChanges == 1)
        #expect(shifted?.rankSince == at(20))
    }

    @Test func theJournalKeepsTheLastThousand() {
        var ranking = equals()
        for flap in 1...1_200 {
            _ = ranking.setPinned(false, for: 0, now: at(Double(flap)))
            _ = ranking.move(0, toRank: 1 + flap % 2, now: at(Double(flap)))
        }
        #expect(ranking.changes.count == 1_000)
        #expect(ranking.changes.last?.at == at(1_200))
        #expect(ranking.changes.first?.at == at(201))
        #expect(ranking.explanation(for: 0, now: at(1_200))?.rankChanges == 1_200)
    }
}
