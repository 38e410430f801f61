@testable import Ranking
import Testing

@Suite struct ExplanationTests {
    private func lines(_ ranking: EndpointRanking, _ id: EndpointID, at seconds: Double) -> [String] {
        ranking.explanation(for: id, now: at(seconds))?.lines(now: at(seconds)) { "e\($0.rawValue)" } ?? []
    }

    @Test func everyNeighbourIsAccountedFor() {
        var ranking = EndpointRanking(count: 3)
        ranking.succeed(0, 100, at: 0)
        ranking.succeed(1, 90, at: 0)
        ranking.succeed(2, 200, at: 0)
        let middle = ranking.explanation(for: 1, now: at(1))
        #expect(middle?.above?.neighbour == 0)
        #expect(middle?.above?.kept == .hysteresis(passesBelow: .milliseconds(85)))
        #expect(middle?.above?.lowerIsFasterBy.map { abs($0 - 0.1) < 1e-9 } == true)
        #expect(middle?.above?.required == 0.15)
        #expect(middle?.below?.neighbour == 2)
        #expect(middle?.below?.kept == .slower)
        #expect(middle?.below?.lowerIsFasterBy.map { abs($0 + 200.0 / 90 - 1) < 1e-9 } == true)
        #expect(ranking.explanation(for: 0, now: at(1))?.above == nil)
        #expect(ranking.explanation(for: 9, now: at(1)) == nil)
    }

    @Test func allAtOnceSayTheSameAsOneByOne() {
        var ranking = EndpointRanking(count: 5)
        for id in 0..<5 { ranking.succeed(EndpointID(UInt32(id)), 100 + 37 * (id * 3 % 5), at: 0) }
        _ = ranking.move(4, toRank: 2, now: at(20))
        #expect(
            ranking.explanations(now: at(21)) == ranking.order.compactMap { ranking.explanation(for: $0, now: at(21)) })
        #expect(ranking.explanations(now: at(21)).map(\.rank) == [1, 2, 3, 4, 5])
    }

    @Test func itReadsAsSentences() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 100, at: 0)
        ranking.succeed(1, 90, at: 0)
        #expect(
            lines(ranking, 1, at: 2) == [
                "Available.", "Response time 90 ms, usually 90 ms (1 request, last 2.0 s ago).",
                "10 % faster than e0 above, needs more than 15 %: passes below 85 ms.",
                "Rank 2 for 2.0 s, as at the start.",
            ])
        for _ in 0..<3 { ranking.fail(0, at: 20) }
        #expect(
            lines(ranking, 0, at: 21) == [
                "Timed out for another 9.0 s: 3 failures in a row, last: status 502.",
                "Response time 100 ms, usually 100 ms (1 request, last 21 s ago).",
                "e1 above can be used.", "3 of 4 attempts failed in the last minute, last: status 502.",
                "Rank 2 for 1.0 s; it changed once.", "Last change: 1 → 2, could not be used.",
            ])
    }

    @Test func theFirstRankSaysByHowMuch() {
        var ranking = EndpointRanking(count: 3)
        ranking.succeed(0, 100, at: 0)
        ranking.succeed(1, 150, at: 0)
        ranking.succeed(2, 150, at: 0)
        #expect(lines(ranking, 0, at: 1).contains("33 % faster than e1 below."))
        #expect(lines(ranking, 1, at: 1).contains("Not faster than e0 above: takes 50 % longer."))
        #expect(lines(ranking, 1, at: 1).contains("As fast as e2 below."))
        #expect(lines(ranking, 2, at: 1).contains("Not faster than e1 above: equally fast."))
        ranking.succeed(2, 1_500, at: 2)
        #expect(lines(ranking, 2, at: 3).contains("Not faster than e1 above: takes 10 times as long."))
        ranking.succeed(1, 90, at: 200)
        let needed = "e1 below is 10 % faster, but needs more than 15 %: it passes below 85 ms."
        #expect(lines(ranking, 0, at: 201).contains(needed))
    }

    /// Every rank says how it stands to each neighbour, whatever keeps the two apart.
    @Test func everyRankNamesBothNeighbours() {
        var ranking = EndpointRanking(count: 6)
        for id in 0..<5 { ranking.succeed(EndpointID(UInt32(id)), 100 + 50 * id, at: 0) }
        _ = ranking.setPinned(true, for: 1, now: at(1))
        _ = ranking.setEnabled(false, for: 5, now: at(1))
        for id: EndpointID in [4, 3] { for _ in 0..<3 { ranking.fail(id, at: 20) } }
        #expect(lines(ranking, 0, at: 21).contains("33 % faster than e1 below, which is pinned."))
        #expect(lines(ranking, 1, at: 21).contains("25 % faster than e2 below; the pin decides."))
        #expect(lines(ranking, 2, at: 21).contains("e3 below cannot be used."))
        #expect(lines(ranking, 3, at: 21).contains("e4 below cannot be used either."))
        #expect(lines(ranking, 4, at: 21).contains("e5 below is off."))
        _ = ranking.advance(now: at(30))
        #expect(lines(ranking, 3, at: 30).contains("e2 above can be used; this one has yet to answer."))
        _ = ranking.setAutoSort(false, now: at(31))
        #expect(lines(ranking, 2, at: 31).contains("20 % faster than e3 below; auto-sort is off."))
        for rank in 1...5 {
            let told = lines(ranking, ranking.order[rank - 1], at: 31)
            if rank > 1 { #expect(told.contains { $0.contains("above") }, "rank \(rank)") }
            #expect(told.contains { $0.contains("below") }, "rank \(rank)")
        }
    }

    @Test func whatCannotBeUsedIsNotCalledAvailable() {
        let explanation = EndpointRanking(count: 1).explanation(for: 0, now: at(0))
        let lines = explanation?.lines(now: at(0), misconfiguration: "NOPE_KEY is not set") { _ in "" } ?? []
        #expect(lines == ["Cannot be used: NOPE_KEY is not set.", "Rank 1 for 0 ms, as at the start."])
    }

    @Test func whatHoldsAnEndpointIsNamed() {
        var ranking = EndpointRanking(count: 3)
        #expect(ranking.explanation(for: 1, now: at(0))?.above?.kept == .unmeasured)
        _ = ranking.setPinned(true, for: 0, now: at(0))
        #expect(ranking.explanation(for: 1, now: at(0))?.above?.kept == .pinned)
        #expect(lines(ranking, 0, at: 0).contains("Pinned at rank 1."))
        for _ in 0..<3 { ranking.fail(2, at: 1) }
        #expect(ranking.explanation(for: 2, now: at(1))?.above?.kept == .unavailable)
        _ = ranking.setPinned(false, for: 0, now: at(2))
        _ = ranking.setAutoSort(false, now: at(2))
        #expect(ranking.explanation(for: 1, now: at(2))?.above?.kept == .manual)
    }
}
