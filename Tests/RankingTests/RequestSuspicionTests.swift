@testable import Ranking
import TestSupport
import Testing

/// One request that fails everywhere says something about the request; many that do, about the endpoints.
@Suite struct RequestSuspicionTests {
    /// A request meets the same failure everywhere.
    private func failEverywhere(
        _ ranking: inout EndpointRanking, request: UInt64, _ outcome: AttemptOutcome = .failure(.status(500)),
        at seconds: Double
    ) {
        for id in ranking.candidates(now: at(seconds)).map(\.endpoint) {
            _ = ranking.record(outcome, for: id, failedEverywhere: request, now: at(seconds), random: noJitter)
        }
    }

    private func usable(_ ranking: EndpointRanking, at seconds: Double) -> Int {
        ranking.order.count { ranking.availability(of: $0, now: at(seconds)) == .available }
    }

    @Test(arguments: [AttemptOutcome.failure(.status(500)), .failure(.closed), .misconfigured(status: 403)])
    func oneRequestTakesNoEndpointOut(outcome: AttemptOutcome) {
        var ranking = EndpointRanking(count: 3)
        ranking.succeed(0, 100, at: 0)
        for attempt in 0..<20 { failEverywhere(&ranking, request: 7, outcome, at: 1 + Double(attempt)) }
        #expect(usable(ranking, at: 21) == 3)
    }

    @Test func nobodyIsBlamedForOneRequestInTen() {
        var ranking = EndpointRanking(count: 3)
        var generator = SeededRandom(seed: 1)
        for step in 0..<4_000 {
            let now = Double(step) / 40
            if Int.random(in: 0..<10, using: &generator) == 0 {
                failEverywhere(&ranking, request: generator.next(), at: now)
            } else {
                ranking.succeed(0, 100, at: now)
            }
            #expect(ranking.availability(of: 0, now: at(now)) == .available)
        }
        #expect(usable(ranking, at: 100) == 3)
    }

    @Test(arguments: [0.1, 1, 30, 120])
    func anOutageOfAllIsLearnt(interval: Double) {
        var ranking = EndpointRanking(count: 3)
        ranking.succeed(0, 100, at: 0)
        // Two are passed over, and whatever comes within two seconds; three open a breaker.
        let requests = max(2, Int(2 / interval)) + 3
        for request in 1...requests {
            failEverywhere(&ranking, request: UInt64(request), at: Double(request) * interval)
        }
        #expect(usable(ranking, at: Double(requests) * interval) == 0)
    }

    /// Where nothing was ever answered, nothing speaks against an outage.
    @Test func anOutageFromTheStartIsLearntAtOnce() {
        var ranking = EndpointRanking(count: 2)
        for request in 1...3 { failEverywhere(&ranking, request: UInt64(request), at: Double(request)) }
        #expect(usable(ranking, at: 3) == 0)
    }

    /// A client that is alone and sends its request again and again: that counts once in ten seconds.
    @Test func aRepetitionCountsOnceWithinAWhile() {
        var ranking = EndpointRanking(count: 1)
        for second in 0..<20 { failEverywhere(&ranking, request: 7, at: Double(second)) }
        #expect(ranking.explanation(for: 0, now: at(19))?.failuresInARow == 2)
        failEverywhere(&ranking, request: 7, at: 20)
        #expect(usable(ranking, at: 20) == 0)
    }

    @Test func whatNoRequestCanBringAboutCounts() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 100, at: 0)
        for second in 1...3 { ranking.fail(0, .connect, at: Double(second)) }
        #expect(usable(ranking, at: 3) == 1)
    }
}
