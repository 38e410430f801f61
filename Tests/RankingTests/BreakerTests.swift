@testable import Ranking
import TestSupport
import Testing

@Suite struct BreakerTests {
    @Test func threeFailuresInARowOpenForTenSeconds() {
        var ranking = EndpointRanking(count: 2)
        #expect(ranking.fail(0, at: 1) == .unchanged)
        #expect(ranking.fail(0, at: 2) == .unchanged)
        let update = ranking.fail(0, at: 3)
        let open = Availability.open(until: at(13), cause: .failuresInARow(3, last: .status(502)))
        #expect(update.availabilityChanges == [AvailabilityChange(endpoint: 0, from: .available, to: open)])
        #expect(ranking.order == [1, 0])
        #expect(ranking.candidates(now: at(12.9)).map(\.endpoint) == [1])
        #expect(ranking.candidates(now: at(13)).contains(RankedCandidate(endpoint: 0, gate: .halfOpen)))
        #expect(ranking.nextDeadline == at(13))
    }

    @Test func aSuccessBetweenBreaksTheRow() {
        var ranking = EndpointRanking(count: 1)
        ranking.fail(0, at: 1)
        ranking.fail(0, at: 2)
        ranking.succeed(0, 100, at: 3)
        ranking.fail(0, at: 4)
        ranking.fail(0, at: 5)
        #expect(ranking.availability(of: 0, now: at(5)) == .available)
    }

    /// Two failures and a success by turns: never three in a row, but two thirds fail.
    @Test func moreThanHalfOfTenAttemptsOpen() {
        var ranking = EndpointRanking(count: 1)
        for index in 0..<9 {
            if index % 3 == 2 { ranking.succeed(0, 100, at: Double(index)) } else { ranking.fail(0, at: Double(index)) }
            #expect(ranking.availability(of: 0, now: at(Double(index))) == .available)
        }
        ranking.fail(0, at: 9)
        #expect(
            ranking.availability(of: 0, now: at(9))
                == .open(until: at(19), cause: .failureShare(failed: 7, of: 10, last: .status(502))))
    }

    @Test func halfExactlyDoesNotOpenAndOldFailuresDoNotCount() {
        var ranking = EndpointRanking(count: 1)
        for index in 0..<20 {
            if index % 2 == 0 { ranking.succeed(0, 100, at: Double(index)) } else { ranking.fail(0, at: Double(index)) }
        }
        #expect(ranking.availability(of: 0, now: at(20)) == .available)
        // A minute and a lane later the ten failures have left the window: one failure of one attempt remains.
        ranking.fail(0, at: 90)
        let explanation = ranking.explanation(for: 0, now: at(90))
        #expect(explanation?.recentAttempts == 1)
        #expect(explanation?.recentFailures == 1)
    }

    @Test func cooldownDoublesUpToFiveMinutes() {
        var ranking = EndpointRanking(count: 1)
        var now = 0.0
        for _ in 0..<3 { ranking.fail(0, at: now) }
        for expected in [10.0, 20, 40, 80, 160, 300, 300] {
            #expect(ranking.availability(of: 0, now: at(now))?.recovery == at(now + expected))
            now += expected
            ranking.fail(0, at: now)
        }
    }

    @Test func jitterOnlyShortensTheCooldownAndByAFifthAtMost() {
        var ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { _ = ranking.record(.failure(.connect), for: 0, now: at(0)) { .max } }
        let recovery = ranking.availability(of: 0, now: at(0))?.recovery
        #expect(recovery.map { $0 > at(7.999) && $0 < at(8.001) } == true)
    }

    @Test func doublingStartsAnewAfterFiveGoodMinutes() {
        var ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { ranking.fail(0, at: 0) }
        ranking.succeed(0, 100, at: 10)
        for _ in 0..<3 { ranking.fail(0, at: 20) }
        #expect(ranking.availability(of: 0, now: at(20))?.recovery == at(40))
        ranking.succeed(0, 100, at: 40)
        for _ in 0..<3 { ranking.fail(0, at: 340) }
        #expect(ranking.availability(of: 0, now: at(340))?.recovery == at(350))
    }

    @Test func halfOpenAdmitsOneRequestAtATime() {
        var ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { ranking.fail(0, at: 0) }
        var admitted = [9.0, 10, 11].map { ranking.admitHalfOpen(0, now: at($0)) }
        #expect(admitted == [false, true, false])
        _ = ranking.record(.neutral, for: 0, now: at(12), random: noJitter)
        // A trial whose outcome never comes is given up after two minutes.
        admitted = [12, 131.9, 132].map { ranking.admitHalfOpen(0, now: at($0)) }
        #expect(admitted == [true, false, true])
        ranking.succeed(0, 100, at: 133)
        #expect(ranking.availability(of: 0, now: at(133)) == .available)
        admitted = [133, 133].map { ranking.admitHalfOpen(0, now: at($0)) }
        #expect(admitted == [true, true])
    }

    @Test func recoveryThresholdAsksForThatManySuccesses() {
        var settings = EndpointRanking.Settings()
        settings.recoveryThreshold = 2
        var ranking = EndpointRanking(count: 1, settings: settings)
        for _ in 0..<3 { ranking.fail(0, at: 0) }
        ranking.succeed(0, 100, at: 10)
        #expect(ranking.availability(of: 0, now: at(10)) == .halfOpen)
        ranking.succeed(0, 100, at: 11)
        #expect(ranking.availability(of: 0, now: at(11)) == .available)
    }

    @Test func outcomesOfOldAttemptsNeitherShortenNorLengthenATimeOut() {
        var ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { ranking.fail(0, at: 0) }
        ranking.succeed(0, 100, at: 5)
        ranking.fail(0, at: 6)
        #expect(ranking.availability(of: 0, now: at(6))?.recovery == at(10))
    }

    @Test func aProbeClosesOnlyWhatReachingTheEndpointProves() {
        for (kind, expected) in [(FailureKind.connect, Availability.available), (.status(500), .halfOpen)] {
            var ranking = EndpointRanking(count: 1)
            for _ in 0..<3 { ranking.fail(0, kind, at: 0) }
            ranking.probe(0, .success(timeToFirstByte: .milliseconds(1)), at: 10)
            #expect(ranking.availability(of: 0, now: at(10)) == expected)
        }
    }

    @Test func aProbeDoesNotBreakARowOfFailedRequests() {
        var ranking = EndpointRanking(count: 1)
        ranking.fail(0, at: 0)
        ranking.fail(0, at: 1)
        ranking.probe(0, .success(timeToFirstByte: .milliseconds(1)), at: 2)
        ranking.fail(0, at: 3)
        #expect(ranking.availability(of: 0, now: at(3))?.isUsable == false)
    }

    private func refuse(_ ranking: inout EndpointRanking, _ status: Int = 403, at seconds: Double) -> Availability? {
        _ = ranking.record(.misconfigured(status: status), for: 0, now: at(seconds), random: noJitter)
        return ranking.availability(of: 0, now: at(seconds))
    }

    /// One request for a model that the key does not cover says nothing about all the others.
    @Test func aCredentialThatWasGoodAMomentAgoIsRefusedThreeTimesBeforeItCounts() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 100, at: 0)
        var states = [1, 2].map { refuse(&ranking, at: $0) }
        ranking.succeed(0, 100, at: 3)
        states += [4, 5, 302].map { refuse(&ranking, 401, at: $0) }
        #expect(states[..<4].allSatisfy { $0 == .available })
        #expect(states[4] == .misconfigured(until: at(602), status: 401))
        // Back from it, nothing vouches for the credential any more.
        #expect(ranking.availability(of: 0, now: at(602)) == .halfOpen)
        #expect(refuse(&ranking, at: 602) == .misconfigured(until: at(902), status: 403))
    }

    @Test func aGoodAnswerVouchesForFiveMinutes() {
        for (time, isOut) in [(299.0, false), (300, true)] {
            var ranking = EndpointRanking(count: 1)
            ranking.succeed(0, 100, at: 0)
            #expect((refuse(&ranking, at: time)?.isUsable == false) == isOut)
        }
        // A probe that gets through without the credential vouches for nothing; the first byte of a long answer does.
        var ranking = EndpointRanking(count: 1)
        ranking.probe(0, .success(timeToFirstByte: .milliseconds(1)), at: 0)
        #expect(refuse(&ranking, at: 1)?.isUsable == false)
        ranking = EndpointRanking(count: 1)
        _ = ranking.recordFirstByte(ResponseSample(.milliseconds(1)), for: 0, now: at(0))
        #expect(refuse(&ranking, at: 1) == .available)
    }

    @Test func onTrialARefusalOfAGoodCredentialSettlesNothing() {
        var ranking = EndpointRanking(count: 1)
        ranking.succeed(0, 100, at: 0)
        for _ in 0..<3 { ranking.fail(0, at: 1) }
        #expect(ranking.availability(of: 0, now: at(11)) == .halfOpen)
        #expect(refuse(&ranking, at: 11) == .halfOpen)
        let admitted = ranking.admitHalfOpen(0, now: at(12))
        #expect(admitted)
    }

    @Test func anotherCredentialBeginsAnew() {
        var ranking = EndpointRanking(count: 1)
        #expect(refuse(&ranking, at: 0)?.isUsable == false)
        let update = ranking.credentialChanged(for: 0, now: at(1))
        #expect(update.candidatesChanged)
        #expect(ranking.availability(of: 0, now: at(1)) == .halfOpen)
        ranking.succeed(0, 100, at: 2)
        _ = ranking.credentialChanged(for: 0, now: at(3))
        #expect(refuse(&ranking, at: 4)?.isUsable == false)
        // A time out for another reason is not shortened by it.
        ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { ranking.fail(0, at: 0) }
        _ = ranking.credentialChanged(for: 0, now: at(1))
        #expect(ranking.availability(of: 0, now: at(1))?.recovery == at(10))
    }

    @Test func aRefusedCredentialIsOutForFiveMinutesAndNeedsARequestToComeBack() {
        var ranking = EndpointRanking(count: 2)
        _ = ranking.record(.misconfigured(status: 401), for: 0, now: at(0), random: noJitter)
        #expect(ranking.availability(of: 0, now: at(0)) == .misconfigured(until: at(300), status: 401))
        #expect(ranking.order == [1, 0])
        #expect(ranking.availability(of: 0, now: at(300)) == .halfOpen)
        ranking.probe(0, .success(timeToFirstByte: .milliseconds(1)), at: 301)
        #expect(ranking.availability(of: 0, now: at(301)) == .halfOpen)
        ranking.succeed(0, 100, at: 302)
        #expect(ranking.availability(of: 0, now: at(302)) == .available)
    }
}

/// docs/states.md shows exactly the transitions that a breaker can make.
@Suite struct BreakerDiagramTests {
    private typealias Transition = StateDiagram.Transition

    private static func name(_ breaker: Breaker) -> String {
        switch (breaker.state, breaker.cause) {
        case (.closed, _): "closed"
        case (.open, .credentialRefused): "refused"
        case (.open, _): "open"
        case (.halfOpen, _): "half_open"
        }
    }

    /// What can happen to a breaker, by the diagram's names.
    private static func happen(
        _ event: String, to breaker: inout Breaker, at now: inout RankingTime, _ random: inout SeededRandom
    ) {
        let settings = EndpointRanking.Settings()
        let source: AttemptSource = random.next() % 4 == 0 ? .probe : .traffic
        let kinds: [FailureKind] = [.connect, .timeout, .status(502), .brokenStream]
        let kind = kinds[Int(random.next() % 4)]
        let lot = random.next()
        func record(_ event: Breaker.Event) {
            breaker.record(event, from: source, at: now, settings: settings) { lot }
        }
        switch event {
        case "success": record(.success)
        case "completion": record(.completion)
        case "failure": record(.failure(kind))
        case "credential_refused": record(.credentialRefused(status: 401))
        case "first_byte": breaker.recordFirstByte(at: now, settings: settings)
        case "credential_changed": breaker.credentialChanged()
        case "clear": breaker.clear(settings)
        case "early_trial": breaker.tryEarly()
        default:
            now = now + .seconds(Int(random.next() % 400))
            breaker.advance(to: now)
        }
    }

    @Test func theDiagramShowsEveryTransitionAndNoOther() throws {
        let events = [
            "success", "completion", "failure", "credential_refused", "first_byte", "credential_changed", "clear",
            "early_trial", "time",
        ]
        var reached: Set<Transition> = []
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var breaker = Breaker()
            var now = RankingTime(nanoseconds: 0)
            for _ in 0..<200 {
                let before = Self.name(breaker)
                let event = events[Int(random.next() % UInt64(events.count))]
                Self.happen(event, to: &breaker, at: &now, &random)
                if Self.name(breaker) != before { reached.insert(Transition(before, event, Self.name(breaker))) }
            }
        }
        let diagram = try StateDiagram(page: "docs/states.md", heading: "The breaker")
        #expect(diagram.initial == [Self.name(Breaker())])
        #expect(diagram.transitions.subtracting(reached).sorted() == [])
        #expect(reached.subtracting(diagram.transitions).sorted() == [])
    }
}

@Suite struct RateLimitTests {
    private func limit(_ ranking: inout EndpointRanking, _ id: EndpointID, _ wait: Duration, _ seconds: Double) {
        _ = ranking.record(.rateLimited(retryAfter: wait), for: id, now: at(seconds), random: noJitter)
    }

    @Test func isNoFailureAndEndsByItself() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<5 { limit(&ranking, 0, .seconds(7), Double(second)) }
        let explanation = ranking.explanation(for: 0, now: at(4))
        #expect(explanation?.availability == .timedOut(until: at(11), .init(.rateLimited)))
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
        #expect(ranking.availability(of: 0, now: at(11)) == .timedOut(until: at(65), .init(.rateLimited)))
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

    /// One long request that runs out of time says little where others are answered meanwhile.
    @Test func aTimeOutAloneOpensNothingWhileOthersAreAnswered() {
        func state(answersMeanwhile: Bool, _ kind: FailureKind = .timeout) -> Availability? {
            var ranking = EndpointRanking(count: 2)
            for number in 0..<5 {
                let end = Double(number) * 10 + 200
                if answersMeanwhile { ranking.succeed(0, 50, at: end - 5) }
                _ = ranking.record(.failure(kind), for: 0, began: at(end - 120), now: at(end)) { 0 }
            }
            return ranking.availability(of: 0, now: at(240))
        }
        #expect(state(answersMeanwhile: true) == .available)
        guard case .open = state(answersMeanwhile: false) else {
            Issue.record("it stayed in use")
            return
        }
    }
}
