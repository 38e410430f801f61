@testable import Ranking
import Testing

/// Refusals that ask for a time out: of the endpoint, or of one of its models.
@Suite struct TimeOutTests {
    private static let minute = Duration.seconds(60)

    @discardableResult
    private func refuse(
        _ ranking: inout EndpointRanking, _ id: EndpointID, _ request: TimeOutRequest, at seconds: Double
    ) -> RankingUpdate {
        ranking.record(.timedOut(request), for: id, now: at(seconds), random: noJitter)
    }

    private func quota(_ status: Int = 402) -> TimeOutRequest {
        TimeOutRequest(cause: .quota, status: status, first: Self.minute * 5, limit: Self.minute * 60)
    }

    private func limit(_ model: String, _ seconds: Int, _ cause: TimeOutCause = .rateLimited) -> TimeOutRequest {
        TimeOutRequest(
            cause: cause, status: cause == .model ? 404 : 429, .seconds(seconds), model: ModelReference(model))
    }

    // MARK: The value

    @Test func anOutcomeIsAFewPlainNumbers() {
        #expect(_isPOD(AttemptOutcome.self) && _isPOD(TimeOutRequest.self))
        // As long as the time of a success makes it.
        #expect(MemoryLayout<AttemptOutcome>.size <= MemoryLayout<Duration?>.size + 1)
    }

    @Test func aRequestSaysWhatItWasMadeOf() {
        let request = TimeOutRequest(
            cause: .rule, status: 429, first: .milliseconds(1_500), limit: .seconds(90_000_000),
            model: ModelReference("a"))
        #expect(request.cause == .rule && request.status == 429 && request.model?.name == "a")
        #expect(request.first == .milliseconds(1_500))
        // 49 days at most; the ranking allows 24 h.
        #expect(request.limit == .milliseconds(Int64(UInt32.max)))
        let short = TimeOutRequest(cause: .quota, status: 0, first: .nanoseconds(1), limit: .zero)
        #expect(short.first == .milliseconds(1) && short.limit == .milliseconds(1) && short.model == nil)
    }

    @Test func aThousandNamesAreKeptAndNoneStandsForAnother() {
        #expect(ModelReference("opus") == ModelReference("opus"))
        var known = KnownModels()
        let first = known.number(of: "model of a client")
        let others = (0..<999).map { known.number(of: "other \($0)") }
        #expect(known.name(of: first) == "model of a client")
        let last = known.number(of: "one more")
        #expect(known.name(of: first) == nil)
        #expect(others.map { known.name(of: $0) } == (0..<999).map { "other \($0)" })
        #expect(known.name(of: last) == "one more" && known.number(of: "model of a client") > last)
        #expect(ModelReference.ofTraces.name != nil)
        #expect(ModelReference("").name == nil)
        #expect(ModelReference(String(repeating: "x", count: 257)).name == nil)
    }

    // MARK: The endpoint

    @Test func aRefusalIsNoFailureAndTheEndpointComesBackByItself() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 300, at: 0)
        let update = refuse(&ranking, 0, quota(), at: 1)
        let out = Availability.timedOut(until: at(301), TimeOutReason(.quota, status: 402))
        #expect(update.availabilityChanges == [AvailabilityChange(endpoint: 0, from: .available, to: out)])
        #expect(ranking.candidates(now: at(1)).map(\.endpoint) == [1])
        #expect(ranking.earliestRecovery(now: at(1)) == at(301))
        #expect(ranking.explanation(for: 0, now: at(1))?.recentFailures == 0)
        #expect(ranking.explanation(for: 0, now: at(1))?.responseTime?.samples == 1)
        #expect(
            ranking.explanation(for: 0, now: at(1))?.lines(now: at(1)) { "\($0)" }.first
                == "Quota used up (402) for another 5m00s.")
        #expect(ranking.nextDeadline == at(301))
        _ = ranking.advance(now: at(301))
        #expect(ranking.availability(of: 0, now: at(301)) == .available)
    }

    @Test func eachFurtherOneInARowIsTwiceAsLongUpToTheLimit() {
        var ranking = EndpointRanking(count: 1)
        var now = 0.0
        var minutes: [Double] = []
        for _ in 0..<6 {
            refuse(&ranking, 0, quota(), at: now)
            guard let end = ranking.availability(of: 0, now: at(now))?.recovery else { return }
            minutes.append((end - at(now)) / Self.minute)
            now += (end - at(now)) / .seconds(1)
        }
        #expect(minutes == [5, 10, 20, 40, 60, 60])
        ranking.succeed(0, 300, at: now + 1)
        refuse(&ranking, 0, quota(), at: now + 2)
        #expect(ranking.availability(of: 0, now: at(now + 2))?.recovery == at(now + 302))
    }

    /// Twenty requests were under way when the account was empty: that is one time out.
    @Test func whatWasUnderWayIsNoFurtherOne() {
        var ranking = EndpointRanking(count: 1)
        for index in 0..<20 { refuse(&ranking, 0, quota(), at: Double(index) / 8) }
        #expect(ranking.availability(of: 0, now: at(3))?.recovery == at(302.375))
        // Nor does an answer that was under way end the row.
        ranking.succeed(0, 300, at: 10)
        refuse(&ranking, 0, quota(), at: 303)
        #expect(ranking.availability(of: 0, now: at(303))?.recovery == at(903))
    }

    @Test func aShorterWaitDoesNotShortenAndADayIsTheLongest() {
        var ranking = EndpointRanking(count: 1)
        refuse(&ranking, 0, quota(), at: 0)
        refuse(&ranking, 0, TimeOutRequest(cause: .overloaded, status: 529, .seconds(10)), at: 1)
        #expect(
            ranking.availability(of: 0, now: at(1)) == .timedOut(until: at(300), TimeOutReason(.quota, status: 402)))
        refuse(&ranking, 0, TimeOutRequest(cause: .rule, status: 500, .seconds(200_000)), at: 2)
        #expect(
            ranking.availability(of: 0, now: at(2))
                == .timedOut(until: at(86_402), TimeOutReason(.rule, status: 500)))
    }

    @Test func theRuleOfTheOperatorsIsNamed() {
        var ranking = EndpointRanking(count: 1)
        let request = TimeOutRequest(
            cause: .rule, status: 402, first: .seconds(1_800), limit: .seconds(1_800),
            rule: RuleReference("failover.rules 2"))
        #expect(request.text == "timed out by failover.rules 2 (402), wait 30m00s")
        refuse(&ranking, 0, request, at: 0)
        let sentences = ranking.explanation(for: 0, now: at(0))?.lines(now: at(0)) { _ in "a" }
        #expect(sentences?.first == "Timed out by failover.rules 2 (402) for another 30m00s.")
        // After a restart it is no longer known which one it was.
        #expect(TimeOutReason(.rule, status: 402).text == "timed out by a rule (402)")
    }

    @Test func namesOfRulesAreBoundedAndClean() {
        #expect(RuleReference("a\u{1B}[31m\nb").name == "a[31mb")
        #expect(RuleReference(String(repeating: "x", count: 5_000)).name?.count == 128)
        #expect(RuleReference("failover.rules 1") == RuleReference("failover.rules 1"))
        #expect(RuleReference.none.name == nil)
    }

    @Test func aTrialThatIsRefusedLeavesTheBreakerAsItIs() {
        var ranking = EndpointRanking(count: 1)
        for second in 0..<3 { ranking.fail(0, at: Double(second)) }
        _ = ranking.advance(now: at(20))
        let isAdmitted = ranking.admitHalfOpen(0, now: at(20))
        #expect(isAdmitted)
        refuse(&ranking, 0, quota(), at: 21)
        #expect(ranking.availability(of: 0, now: at(21))?.recovery == at(321))
        _ = ranking.advance(now: at(321))
        #expect(ranking.availability(of: 0, now: at(321)) == .halfOpen)
        let isAdmittedAgain = ranking.admitHalfOpen(0, now: at(321))
        #expect(isAdmittedAgain)
    }

    @Test func anEndpointThatOnlyRefusesComesBackBehindAllOthers() {
        var ranking = EndpointRanking(count: 3)
        refuse(&ranking, 0, TimeOutRequest(cause: .quota, status: 402, .seconds(1)), at: 0)
        ranking.succeed(1, 9_000, at: 0)
        _ = ranking.advance(now: at(30))
        #expect(ranking.order == [1, 2, 0])
        // All others go down and come back by a probe; it is still behind.
        for id: EndpointID in [1, 2] { for second in 31...33 { ranking.fail(id, .connect, at: Double(second)) } }
        #expect(ranking.order.first == 0)
        _ = ranking.advance(now: at(60))
        for id: EndpointID in [1, 2] { ranking.probe(id, .success(timeToFirstByte: .zero), at: 61) }
        _ = ranking.advance(now: at(90))
        #expect(ranking.order == [1, 2, 0])
        ranking.succeed(0, 100, at: 91)
        #expect(ranking.order.first == 0)
    }

    // MARK: A model

    @Test func aModelIsLimitedAndTheEndpointGoesOn() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 300, at: 0)
        let update = refuse(&ranking, 0, limit("opus", 300, .model), at: 1)
        let reason = TimeOutReason(.model, status: 404)
        #expect(
            update.modelChanges == [ModelChange(endpoint: 0, model: "opus", until: at(301), reason: reason)])
        #expect(update.candidatesChanged && update.availabilityChanges.isEmpty)
        #expect(ranking.availability(of: 0, now: at(1)) == .available)
        let opus = LimitedModel(name: "opus", until: at(301), reason: reason)
        #expect(
            ranking.candidates(now: at(1)) == [
                RankedCandidate(endpoint: 0, gate: .open, limitedModels: [opus]),
                RankedCandidate(endpoint: 1, gate: .open),
            ])
        // Again while it runs, by requests that were under way: nothing to publish.
        #expect(!refuse(&ranking, 0, limit("opus", 300, .model), at: 2).candidatesChanged)
        #expect(ranking.advance(now: at(301)) == .unchanged)
        #expect(ranking.nextDeadline == at(302))
        let end = ranking.advance(now: at(302))
        #expect(end.modelChanges == [ModelChange(endpoint: 0, model: "opus", until: nil, reason: reason)])
        #expect(ranking.candidates(now: at(302)).allSatisfy { $0.limitedModels.isEmpty })
        #expect(ranking.nextDeadline == nil)
    }

    @Test func aSecondModelAtItsLimitIsTheEndpointAtItsLimitUntilTheFirstOfThemEnds() {
        var ranking = EndpointRanking(count: 1)
        refuse(&ranking, 0, limit("opus", 60), at: 0)
        refuse(&ranking, 0, limit("opus", 50), at: 1)
        #expect(ranking.availability(of: 0, now: at(1)) == .available)
        refuse(&ranking, 0, limit("sonnet", 20, .overloaded), at: 2)
        #expect(
            ranking.availability(of: 0, now: at(2))
                == .timedOut(until: at(22), TimeOutReason(.overloaded, status: 429)))
        _ = ranking.advance(now: at(22))
        #expect(ranking.availability(of: 0, now: at(22)) == .available)
        #expect(ranking.limitedModels(of: 0, now: at(22)).map(\.name) == ["opus"])
    }

    @Test func missingModelsNeverTakeTheEndpointOut() {
        var ranking = EndpointRanking(count: 1)
        ranking.succeed(0, 300, at: 0)
        refuse(&ranking, 0, limit("opus", 300, .model), at: 1)
        refuse(&ranking, 0, limit("sonnet", 300, .model), at: 2)
        refuse(&ranking, 0, limit("haiku", 60, .rateLimited), at: 3)
        #expect(ranking.availability(of: 0, now: at(3)) == .available)
        #expect(ranking.limitedModels(of: 0, now: at(3)).count == 3)
    }

    @Test func aModelsTimeOutsDoubleTooUntilTheEndpointAnswersWell() {
        var ranking = EndpointRanking(count: 1)
        let request = TimeOutRequest(
            cause: .rule, status: 429, first: .seconds(10), limit: .seconds(40), model: ModelReference("opus"))
        var now = 0.0
        var lengths: [Double] = []
        for _ in 0..<4 {
            refuse(&ranking, 0, request, at: now)
            guard let end = ranking.limitedModels(of: 0, now: at(now)).first?.until else { return }
            lengths.append((end - at(now)) / .seconds(1))
            now += (end - at(now)) / .seconds(1)
            _ = ranking.advance(now: at(now))
        }
        #expect(lengths == [10, 20, 40, 40])
        ranking.succeed(0, 300, at: now)
        refuse(&ranking, 0, request, at: now)
        #expect(ranking.limitedModels(of: 0, now: at(now)).first?.until == at(now + 10))
    }

    @Test func clientsCannotFillTheMemoryWithNames() {
        var ranking = EndpointRanking(count: 1)
        for index in 0..<200 { refuse(&ranking, 0, limit("model \(index)", 300 + index, .model), at: 0) }
        #expect(ranking.limitedModels(of: 0, now: at(0)).map(\.name) == (136..<200).map { "model \($0)" })
        // One that has no name any more limits nothing.
        let update = refuse(&ranking, 0, limit("", 300, .model), at: 1)
        #expect(update.modelChanges.isEmpty && ranking.limitedModels(of: 0, now: at(1)).count == 64)
    }

    @Test func clearingTheEndpointClearsItsModels() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(0, 300, at: 0)
        refuse(&ranking, 0, limit("opus", 300, .model), at: 1)
        let cleared = ranking.clear(0, now: at(2))
        #expect(cleared.isCleared && cleared.update.modelChanges.map(\.model) == ["opus"])
        #expect(ranking.limitedModels(of: 0, now: at(2)).isEmpty)
        #expect(ranking.availability(of: 0, now: at(2)) == .available)
        refuse(&ranking, 0, quota(), at: 3)
        _ = ranking.clear(0, now: at(4))
        #expect(ranking.availability(of: 0, now: at(4)) == .halfOpen)
        refuse(&ranking, 0, quota(), at: 5)
        #expect(ranking.availability(of: 0, now: at(5))?.recovery == at(305))
    }

    @Test func anotherEndpointInTheSamePlaceHasNoneOfIt() {
        var ranking = EndpointRanking(count: 1)
        refuse(&ranking, 0, limit("opus", 300, .model), at: 0)
        _ = ranking.remove(0, now: at(1))
        _ = ranking.add(.init(id: 7), now: at(2))
        #expect(ranking.limitedModels(of: 7, now: at(2)).isEmpty)
        #expect(ranking.nextDeadline == nil)
    }
}
