import Ranking
import Testing

@Suite struct OperatorTests {
    @Test func priorityThenFileOrder() {
        let ranking = EndpointRanking(
            endpoints: [
                .init(id: 0), .init(id: 1, priority: 2), .init(id: 2, priority: 1), .init(id: 3, priority: 2),
                .init(id: 4), .init(id: 5, priority: 1, isEnabled: false),
            ], now: start)
        #expect(ranking.order == [2, 1, 3, 0, 4, 5])
        #expect(ranking.rank(of: 3) == 3)
        #expect(ranking.rank(of: 9) == nil)
    }

    @Test func aMovePinsAndAutoSortLeavesIt() {
        var ranking = EndpointRanking(count: 3)
        for id in 0..<3 { ranking.succeed(EndpointID(UInt32(id)), 100, at: 0) }
        let update = ranking.move(2, toRank: 1, now: at(20))
        #expect(update.orderChanged)
        #expect(ranking.order == [2, 0, 1])
        #expect(ranking.explanation(for: 2, now: at(20))?.pinnedRank == 1)
        ranking.succeed(2, 9_000, at: 40)
        for _ in 0..<3 { ranking.fail(2, at: 41) }
        #expect(ranking.order == [2, 0, 1])
        #expect(ranking.candidates(now: at(41)).map(\.endpoint) == [0, 1])
        _ = ranking.setPinned(false, for: 2, now: at(42))
        #expect(ranking.order == [0, 1, 2])
        #expect(ranking.changes.last?.cause.kind == .unpinned)
    }

    /// Sessions follow an operator at once, and speed not at all.
    @Test func whoChangedTheOrderIsKnown() {
        var ranking = EndpointRanking(count: 3)
        for id in 0..<3 { ranking.succeed(EndpointID(UInt32(id)), 100, at: 0) }
        ranking.succeed(0, 1_000, at: 20)
        #expect(ranking.order == [1, 2, 0] && ranking.operatorOrder == 0)
        _ = ranking.reorder([1, 2, 0], now: at(21))
        _ = ranking.setEnabled(false, for: 2, now: at(21))
        #expect(ranking.operatorOrder == 0)
        _ = ranking.move(0, toRank: 1, now: at(22))
        #expect(ranking.operatorOrder == 1)
        #expect(ranking.candidates(now: at(22)).map(\.isPinned) == [true, false])
        // It comes back where it stood, behind the others.
        _ = ranking.setEnabled(true, for: 2, now: at(23))
        #expect(ranking.operatorOrder == 1)
        _ = ranking.reorder([2, 0, 1], now: at(24))
        _ = ranking.add(.init(id: 7, priority: 1), now: at(25))
        #expect(ranking.operatorOrder == 3)
        _ = ranking.remove(7, now: at(26))
        #expect(ranking.operatorOrder == 3)
        // Where nothing is sorted by speed, the whole order is the operator's.
        _ = ranking.setAutoSort(false, now: at(27))
        #expect(ranking.candidates(now: at(27)).map(\.isPinned) == [true, true, true])
    }

    /// A time that one request has found by looking may be luck.
    @Test func aGlimpseCountsLikeAPresumedTime() {
        func look(_ milliseconds: Int, confirmed: Bool) -> [EndpointID] {
            var ranking = EndpointRanking(count: 2)
            ranking.succeed(0, 100, at: 0)
            _ = ranking.record(
                .success(timeToFirstByte: .milliseconds(milliseconds)), for: 1, isLook: true, now: at(60),
                random: noJitter)
            if confirmed { ranking.succeed(1, milliseconds, at: 61) }
            return ranking.order
        }
        #expect(look(49, confirmed: false) == [1, 0])
        #expect(look(51, confirmed: false) == [0, 1])
        #expect(look(51, confirmed: true) == [1, 0])
    }

    @Test func othersPassAroundAPinnedEndpoint() {
        var ranking = EndpointRanking(count: 4)
        for id in 0..<4 { ranking.succeed(EndpointID(UInt32(id)), 100, at: 0) }
        _ = ranking.setPinned(true, for: 1, now: at(1))
        ranking.succeed(0, 1_000, at: 20)
        #expect(ranking.order == [2, 1, 3, 0])
    }

    @Test func movingPastAPinnedEndpointShiftsItByOne() {
        var ranking = EndpointRanking(count: 3)
        _ = ranking.setPinned(true, for: 0, now: at(1))
        _ = ranking.move(2, toRank: 1, now: at(2))
        #expect(ranking.order == [2, 0, 1])
        #expect(ranking.explanation(for: 0, now: at(2))?.pinnedRank == 2)
    }

    @Test func ranksOutOfRangeGoToTheNearestEnd() {
        var ranking = EndpointRanking(
            endpoints: [.init(id: 0), .init(id: 1), .init(id: 2, isEnabled: false)], now: start)
        _ = ranking.move(0, toRank: 99, now: at(1))
        #expect(ranking.order == [1, 0, 2])
        _ = ranking.move(0, toRank: -3, now: at(2))
        #expect(ranking.order == [0, 1, 2])
        _ = ranking.move(2, toRank: 1, now: at(3))
        #expect(ranking.order == [0, 1, 2])
        #expect(ranking.move(7, toRank: 1, now: at(4)) == .unchanged)
    }

    @Test func aDisabledPinnedEndpointStandsLastAndReturnsToItsRank() {
        var ranking = EndpointRanking(count: 3)
        _ = ranking.move(0, toRank: 1, now: at(1))
        let off = ranking.setEnabled(false, for: 0, now: at(2))
        #expect(off.availabilityChanges.map(\.to) == [.disabled])
        #expect(ranking.order == [1, 2, 0])
        _ = ranking.setEnabled(true, for: 0, now: at(3))
        #expect(ranking.order == [0, 1, 2])
    }

    @Test func withoutAutoSortOnlyTheOperatorMovesEndpoints() {
        var ranking = EndpointRanking(count: 3, autoSort: false)
        ranking.succeed(0, 900, at: 0)
        ranking.succeed(1, 300, at: 0)
        ranking.succeed(2, 100, at: 0)
        for _ in 0..<3 { ranking.fail(1, at: 20) }
        #expect(ranking.order == [0, 1, 2])
        #expect(ranking.candidates(now: at(20)).map(\.endpoint) == [0, 2])
        _ = ranking.sortNow(now: at(20))
        #expect(ranking.order == [2, 0, 1])
        _ = ranking.move(0, toRank: 1, now: at(21))
        _ = ranking.setPinned(false, for: 0, now: at(21))
        ranking.succeed(1, 300, at: 40)
        _ = ranking.setAutoSort(true, now: at(50))
        #expect(ranking.order == [2, 1, 0])
        #expect(ranking.changes.last?.cause.kind == .autoSort)
    }

    @Test func sortNowIgnoresMarginAndDwell() {
        var ranking = EndpointRanking(count: 3)
        ranking.succeed(0, 110, at: 0)
        ranking.succeed(1, 105, at: 0)
        ranking.succeed(2, 100, at: 0)
        #expect(ranking.order == [0, 1, 2])
        #expect(ranking.sortNow(now: at(0)).orderChanged)
        #expect(ranking.order == [2, 1, 0])
        #expect(ranking.sortNow(now: at(0)) == .unchanged)
    }

    @Test func addingAndRemovingKeepRanksDense() {
        var ranking = EndpointRanking(count: 3)
        _ = ranking.add(.init(id: 3, priority: 2), now: at(1))
        #expect(ranking.order == [0, 3, 1, 2])
        _ = ranking.add(.init(id: 4), now: at(2))
        #expect(ranking.order == [0, 3, 1, 2, 4])
        #expect(ranking.add(.init(id: 4), now: at(2)) == .unchanged)
        #expect(ranking.remove(0, now: at(3)).orderChanged)
        #expect(ranking.order.compactMap(ranking.rank(of:)) == [1, 2, 3, 4])
        #expect(ranking.succeed(0, 100, at: 4) == .unchanged)
        // A new endpoint may take over the memory of a removed one, never its history.
        _ = ranking.add(.init(id: 5), now: at(5))
        #expect(ranking.explanation(for: 5, now: at(5))?.responseTime == nil)
    }

    @Test func aWholeNewOrderIsTakenAsGiven() {
        var ranking = EndpointRanking(count: 4)
        _ = ranking.move(3, toRank: 4, now: at(1))
        _ = ranking.reorder([3, 1], now: at(2))
        #expect(ranking.order == [3, 1, 0, 2])
        #expect(ranking.explanation(for: 3, now: at(2))?.pinnedRank == 1)
    }
}

/// An endpoint that is cleared forgets why it is out, and one request has to show that it works.
@Suite struct ClearTests {
    /// Ways into a time out, each with the fault that causes it.
    static let outages: [@Sendable (inout EndpointRanking) -> Void] = [
        { ranking in for _ in 0..<3 { ranking.fail(0, at: 1) } },
        { ranking in _ = ranking.record(.misconfigured(status: 401), for: 0, now: at(1), random: noJitter) },
        { ranking in
            _ = ranking.record(.rateLimited(retryAfter: .seconds(3_600)), for: 0, now: at(1), random: noJitter)
        },
        { ranking in
            for _ in 0..<3 { ranking.fail(0, at: 1) }
            _ = ranking.record(.rateLimited(retryAfter: .seconds(3_600)), for: 0, now: at(1), random: noJitter)
        },
    ]

    @Test(arguments: outages.indices) func everyTimeOutEndsAndOneRequestShowsThatItWorks(_ index: Int) {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(1, 100, at: 0)
        Self.outages[index](&ranking)
        #expect(ranking.availability(of: 0, now: at(2))?.isUsable == false)
        let cleared = ranking.clear(0, now: at(2))
        #expect(cleared.isCleared && cleared.update.candidatesChanged)
        #expect(ranking.availability(of: 0, now: at(2)) == .halfOpen)
        let admitted = [ranking.admitHalfOpen(0, now: at(2)), ranking.admitHalfOpen(0, now: at(2))]
        #expect(admitted == [true, false], "one request at a time tries it")
        ranking.succeed(0, 50, at: 3)
        #expect(ranking.availability(of: 0, now: at(3)) == .available)
    }

    @Test func aFailedTrialIsAFirstCooldownAgain() {
        var ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { ranking.fail(0, at: 0) }
        // The second time out is twice as long as the first, of 10 s.
        ranking.fail(0, at: 10)
        #expect(ranking.availability(of: 0, now: at(10))?.recovery == at(30))
        _ = ranking.clear(0, now: at(11))
        ranking.fail(0, at: 12)
        #expect(ranking.availability(of: 0, now: at(12))?.recovery == at(22))
    }

    @Test func whatIsNotOutIsLeftAlone() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 100, at: 0)
        let cleared = ranking.clear(0, now: at(1))
        #expect(!cleared.isCleared && cleared.update == .unchanged)
        #expect(ranking.availability(of: 0, now: at(1)) == .available)
        let unknown = ranking.clear(9, now: at(1))
        #expect(!unknown.isCleared)
    }

    @Test func aDoubtIsForgottenAsWell() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<8 {
            _ = ranking.record(.declined(status: 400), for: 0, now: at(Double(second)), random: noJitter)
        }
        let cleared = ranking.clear(0, now: at(10))
        #expect(cleared.isCleared)
        #expect(ranking.availability(of: 0, now: at(10)) == .available)
    }
}
