@testable import Ranking
import TestSupport
import Testing

/// Where all endpoints are out, a request is sent to one before its time rather than refused.
@Suite struct EarlyTrialTests {
    /// Endpoint 0 is out from 0 s to 10 s, endpoint 1 from 2 s to 12 s.
    private static var allDown: EndpointRanking {
        var ranking = EndpointRanking(count: 2)
        for id: EndpointID in [0, 1] {
            for _ in 0..<3 { ranking.fail(id, at: id == 0 ? 0 : 2) }
        }
        return ranking
    }

    @Test func theOneThatIsDueFirstIsAskedAndThenTheOther() {
        var ranking = Self.allDown
        #expect(ranking.candidates(now: at(3)).isEmpty)
        let trials = (0..<3).map { _ in ranking.tryEarly(among: [1, 0], now: at(3)) }
        #expect(trials == [.ask(0), .ask(1), .wait(until: at(4))])
    }

    @Test func aGoodTrialBringsItBackAtOnce() {
        for first in [true, false] {
            var ranking = Self.allDown
            _ = ranking.tryEarly(among: [0, 1], now: at(3))
            let update =
                first
                ? ranking.recordFirstByte(ResponseSample(.milliseconds(50)), for: 0, now: at(3.1))
                : ranking.succeed(0, 50, at: 3.1)
            #expect(update.availabilityChanges.map(\.to) == [.available])
            #expect(ranking.candidates(now: at(3.1)) == [RankedCandidate(endpoint: 0, gate: .open)])
        }
    }

    /// Whatever number of good answers a half-open endpoint needs: requests are waiting.
    @Test func oneGoodAnswerIsEnough() {
        var settings = EndpointRanking.Settings()
        settings.recoveryThreshold = 5
        var ranking = EndpointRanking(count: 1, settings: settings)
        for _ in 0..<3 { ranking.fail(0, at: 0) }
        let trial = ranking.tryEarly(among: [0], now: at(1))
        ranking.succeed(0, 50, at: 2)
        #expect(trial == .ask(0))
        #expect(ranking.availability(of: 0, now: at(2)) == .available)
    }

    @Test func aBadTrialLeavesTheCooldownAsItIsAndTheNextOneIsASecondLater() {
        var ranking = Self.allDown
        _ = ranking.tryEarly(among: [0], now: at(3))
        ranking.fail(0, at: 3.25)
        #expect(ranking.availability(of: 0, now: at(3.25))?.recovery == at(10))
        #expect(ranking.tryEarly(among: [0], now: at(3.5)) == .wait(until: at(4)))
        #expect(ranking.tryEarly(among: [0], now: at(4)) == .ask(0))
        // The first cooldown is over, and it was a first one: the next is twice as long.
        ranking.fail(0, at: 4.5)
        ranking.fail(0, at: 10)
        #expect(ranking.availability(of: 0, now: at(10))?.recovery == at(30))
    }

    /// One trial at a time, however long it takes; it is worth looking again soon.
    @Test func aTrialThatRunsIsWaitedFor() {
        var ranking = Self.allDown
        _ = ranking.tryEarly(among: [0], now: at(3))
        #expect(ranking.tryEarly(among: [0], now: at(3.5)) == .wait(until: at(4)))
        #expect(ranking.tryEarly(among: [0], now: at(7)) == .wait(until: at(7.25)))
        // A client that left says nothing, and gives the place back.
        _ = ranking.record(.neutral, for: 0, now: at(8), random: noJitter)
        #expect(ranking.tryEarly(among: [0], now: at(8)) == .ask(0))
    }

    @Test func answersToOthersThatBeganBeforeTheOpeningCloseNothing() {
        var ranking = Self.allDown
        ranking.succeed(0, 50, at: 3)
        #expect(ranking.availability(of: 0, now: at(3))?.isUsable == false)
        // Nor does a probe after a trial.
        _ = ranking.tryEarly(among: [0], now: at(3))
        ranking.probe(0, .success(timeToFirstByte: .zero), at: 4)
        #expect(ranking.availability(of: 0, now: at(4))?.isUsable == false)
    }

    @Test func whatWasSaidInSoManyWordsIsWaitedFor() {
        var ranking = EndpointRanking(count: 4)
        _ = ranking.record(.rateLimited(retryAfter: .seconds(4)), for: 0, now: at(0), random: noJitter)
        let quota = TimeOutRequest(cause: .quota, status: 402, .seconds(300))
        _ = ranking.record(.timedOut(quota), for: 1, now: at(0), random: noJitter)
        _ = ranking.record(.misconfigured(status: 401), for: 2, now: at(0), random: noJitter)
        _ = ranking.setEnabled(false, for: 3, now: at(0))
        #expect(ranking.tryEarly(among: [0, 1, 2, 3], now: at(1)) == .wait(until: at(4)))
        #expect(ranking.tryEarly(among: [1, 2, 3], now: at(1)) == .wait(until: at(300)))
        #expect(ranking.tryEarly(among: [3, 9], now: at(1)) == .nothing)
        #expect(ranking.tryEarly(among: [], now: at(1)) == .nothing)
    }

    /// An open breaker whose endpoint also named a wait is not tried before that is over.
    @Test func aWaitWithinACooldownIsWaitedFor() {
        var ranking = Self.allDown
        _ = ranking.record(.rateLimited(retryAfter: .seconds(3)), for: 0, now: at(2), random: noJitter)
        #expect(ranking.tryEarly(among: [0], now: at(3)) == .wait(until: at(5)))
        #expect(ranking.tryEarly(among: [0], now: at(5)) == .ask(0))
    }

    @Test func whatHasComeBackMeanwhileComesFirst() {
        var ranking = Self.allDown
        _ = ranking.advance(now: at(10))
        #expect(ranking.availability(of: 0, now: at(10)) == .halfOpen)
        #expect(ranking.tryEarly(among: [1, 0], now: at(10)) == .ask(0))
        #expect(ranking.tryEarly(among: [1, 0], now: at(10)) == .ask(1))
        ranking.succeed(1, 50, at: 11)
        #expect(ranking.tryEarly(among: [0, 1], now: at(11)) == .ask(1))
        #expect(ranking.tryEarly(among: [0, 1], now: at(11)) == .ask(1))
    }

    @Test func aRefusedCredentialEndsTheTrial() {
        var ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { ranking.fail(0, at: 0) }
        _ = ranking.tryEarly(among: [0], now: at(1))
        _ = ranking.record(.misconfigured(status: 401), for: 0, now: at(2), random: noJitter)
        ranking.succeed(0, 50, at: 3)
        #expect(ranking.availability(of: 0, now: at(3)) == .misconfigured(until: at(302), status: 401))
    }

    @Test func absenteesAreNamedWithTheirReasons() {
        var ranking = Self.allDown
        _ = ranking.add(.init(id: 2, isEnabled: false), now: at(2))
        _ = ranking.add(.init(id: 3), now: at(2))
        let absentees = ranking.absentees(now: at(3))
        #expect(absentees.map(\.endpoint) == [1, 0])
        #expect(absentees.map(\.availability) == [1, 0].compactMap { ranking.availability(of: $0, now: at(3)) })
    }

    /// Of two endpoints exactly one works, and which one changes every 3 s: each request is answered, by at most two attempts.
    @Test(arguments: [2, 3]) func whereOneWorksEveryRequestIsAnswered(count: UInt32) {
        var ranking = EndpointRanking(count: count)
        var random = SeededRandom(seed: UInt64(count))
        var failed = 0
        var longest = 0
        for tick in 0..<12_000 {
            let now = Double(tick) / 40
            let working = EndpointID(UInt32(tick / 120) % count)
            _ = ranking.advance(now: at(now))
            var left = Set((0..<count).map { EndpointID($0) })
            var attempts = 0
            var isAnswered = false
            func ask(_ id: EndpointID) {
                left.remove(id)
                attempts += 1
                isAnswered = id == working
                let outcome: AttemptOutcome =
                    isAnswered ? .success(timeToFirstByte: .milliseconds(20)) : .failure(.status(503))
                _ = ranking.record(outcome, for: id, now: at(now)) { random.next() }
            }
            for candidate in ranking.candidates(now: at(now)) where !isAnswered {
                if candidate.gate == .halfOpen, !ranking.admitHalfOpen(candidate.endpoint, now: at(now)) { continue }
                ask(candidate.endpoint)
            }
            while !isAnswered, case .ask(let id) = ranking.tryEarly(among: left.sorted(), now: at(now)) { ask(id) }
            if !isAnswered { failed += 1 }
            longest = max(longest, attempts)
        }
        #expect(failed == 0)
        #expect(longest <= Int(count))
    }
}
