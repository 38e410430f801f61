import Foundation
import Ranking
import Testing

@Suite struct SimulatorTests {
    private func run(
        _ scenario: Scenario, _ policy: RankingSimulator.Policy = .podium(.init())
    ) -> RankingSimulator.Report {
        RankingSimulator(trace: scenario.trace, start: start).run(policy)
    }

    @Test func equalEndpointsStayWhereTheOldRuleFlapsHundredsOfTimes() {
        let report = run(.equal)
        #expect(report.orderChanges <= 1)
        #expect(report.switches <= 1)
        #expect(report.requests == 3_600)
        #expect(run(.equal, .lastResponseTime).orderChanges >= 200)
    }

    /// Traffic moves once per outage, and once all are measured it stays.
    @Test func equalEndpointsStayAlsoWhenAllAreMeasured() {
        let report = run(.equalMeasured)
        #expect(report.switches <= 3)
        #expect(report.failedRequests == 0)
    }

    @Test func aStepIsLeftWithinFiveRequests() {
        let report = run(.step)
        #expect(report.timeOnTop[0] <= .seconds(605))
        #expect(report.timeOnTop[0] >= .seconds(600))
        #expect(report.finalOrder.last == 0)
        #expect(report.failedFirstAttempts == 0)
    }

    /// At 480 ms on average, 20 % over the other's 400, the peaks of both differ by more than the hysteresis; at twice
    /// that nothing may keep the first on top.
    @Test func aSlowDriftIsFollowedOnce() {
        let report = run(.drift)
        #expect(report.finalOrder == [1, 0])
        #expect(report.switches <= 3)
        #expect(report.timeOnTop[0] < .seconds(2_400))
    }

    /// Sixty outages in the hour: the old rule and plain averages run into them again and again.
    @Test func aFlappingUpstreamIsLeftAlone() {
        let report = run(.flapping)
        #expect(report.failedRequests == 0)
        // Three failures open the breaker; an equal endpoint gives its rank back to nobody.
        #expect(report.failedFirstAttempts == 3)
        #expect(report.switches == 1)
        #expect(run(.flapping, .lastResponseTime).failedFirstAttempts > 6)
    }

    /// The cooldowns of 10, 20 and 40 s that begin in an outage of 60 s are over at 380 s at the latest.
    @Test func afterAnOutageOfAllServiceResumes() {
        let report = run(.outage)
        #expect(report.failedRequests >= 58)
        #expect(report.failedRequests <= 80)
        #expect(report.finalOrder.count == 3)
    }

    @Test func rateLimitsAreSatOut() {
        let report = run(.limits)
        // All are limited from 100 to 110 s; the second is back then. What comes from 105 s on waits for it.
        #expect(report.failedRequests == 5)
        #expect(report.waitingRequests == 5)
        #expect(report.failedFirstAttempts == 10)
    }

    @Test func whatRefusesFastIsLeftAndNoRequestIsLostByIt() {
        for scenario in Scenario.refusals {
            let report = run(scenario)
            #expect(report.finalOrder == [1, 0], "\(scenario.name)")
            // What it declines is the client's answer, and may be the client's fault; after three, and the minimum dwell of 10 s, it is left.
            let isDeclined = scenario.name.contains("400")
            #expect(report.failedRequests == (isDeclined ? 10 : 0), "\(scenario.name)")
            #expect(report.failedFirstAttempts <= 12, "\(scenario.name)")
            #expect(report.timeOnTop[0] < .seconds(60), "\(scenario.name)")
        }
    }

    @Test func whereOneEndpointWorksNoRequestIsLost() {
        for scenario in Scenario.turns {
            let report = run(scenario)
            #expect(report.requests == 4_800)
            #expect(report.failedRequests == 0, "\(scenario.name)")
        }
    }

    @Test func resultsDependOnTheTraceAndTheSeedAlone() {
        let other = RankingSimulator(trace: Scenario.flapping.trace, start: start + .seconds(12_345))
        #expect(run(.flapping) == other.run(.podium(.init())))
    }

    /// A sample an hour old still counts, and its age is known.
    @Test func oneSampleInAnHour() {
        var ranking = EndpointRanking(count: 2)
        ranking.succeed(1, 5_000, at: 0)
        for second in 1...3_600 { ranking.succeed(0, 400, at: Double(second)) }
        #expect(ranking.order == [0, 1])
        let age = ranking.explanation(for: 1, now: at(3_600))?.responseTime?.age
        #expect(age == .seconds(3_600))
    }

    @Test func tenThousandEndpoints() {
        var ranking = EndpointRanking(count: 10_000)
        ranking.succeed(0, 400, at: 0)
        for _ in 0..<3 { ranking.fail(0, at: 20) }
        #expect(ranking.rank(of: 0) == 10_000)
        #expect(ranking.candidates(now: at(20)).first?.endpoint == 1)
        #expect(ranking.changes.map(\.to) == [10_000])
        let order = ranking.order
        #expect(Set(order).count == 10_000)
        #expect(order.first == 1 && order[9_998] == 9_999)
    }
}

@Suite struct OutcomeTraceTests {
    @Test func everyOutcomeComesBackFromItsLine() throws {
        let outcomes: [AttemptOutcome] = [
            .success(timeToFirstByte: .microseconds(412_500)), .failure(.status(502)), .failure(.connect),
            .failure(.nameResolution), .failure(.tls(.unspecified)), .failure(.timeout), .failure(.closed),
            .failure(.badResponse), .failure(.brokenStream), .rateLimited(retryAfter: .milliseconds(1_500)),
            .misconfigured(status: 401), .failure(.page), .failure(.emptyAnswer),
            .failure(.errorInAnswer(status: 529)),
            .timedOut(TimeOutRequest(cause: .quota, status: 402, first: .seconds(300), limit: .seconds(3_600))),
            .timedOut(
                TimeOutRequest(
                    cause: .rateLimited, status: 429, .milliseconds(1_500), model: .ofTraces)),
            .success(ResponseSample(.milliseconds(9_120), kind: .whole, model: 0x9F3C_21AA)),
            .success(ResponseSample(.milliseconds(3), kind: .stream, model: 7)),
        ]
        let lines = outcomes.enumerated().map {
            OutcomeTrace.line(at: .milliseconds(1_001 * $0), endpoint: "a name", outcome: $1) ?? ""
        }
        let text = (["# a comment", ""] + lines + [OutcomeTrace.requestLine(at: .seconds(3))]).joined(separator: "\n")
        let trace = try OutcomeTrace(parsing: text)
        #expect(trace.endpoints == ["a name"])
        #expect(trace.answers[0].map(\.outcome) == outcomes)
        #expect(trace.answers[0].map(\.at) == (0..<18).map { .milliseconds(1_001 * $0) })
        #expect(trace.requests == [.seconds(3)])
        #expect(OutcomeTrace.line(at: .zero, endpoint: "x", outcome: .neutral) == nil)
    }

    /// A time out counts only where the endpoint answered nothing while it ran, so its line says when it began.
    @Test func aTimeOutComesBackWithItsLength() throws {
        let line = OutcomeTrace.line(
            at: .seconds(70), endpoint: "a", outcome: .failure(.timeout), took: .milliseconds(60_250))
        #expect(line == "70.000 fail timeout:60.250 a")
        let answer = try #require(OutcomeTrace(parsing: line ?? "").answers.first?.first)
        #expect(answer.outcome == .failure(.timeout))
        #expect(answer.took == .milliseconds(60_250))
        // Traces of earlier versions do not say it.
        #expect(try OutcomeTrace(parsing: "70 fail timeout a").answers.first?.first?.took == nil)
    }

    /// Three attempts ran out of time that had begun before others were answered: they open no breaker. Where the trace does not say
    /// that, they do.
    @Test(arguments: [(":60", 0), ("", 1)]) func timeOutsCountAsTheyDidAtTheTime(length: String, leader: Int) throws {
        let failures = [2, 3, 4].map { "\($0) fail timeout\(length) a" }
        let trace = try OutcomeTrace(parsing: (["1 ok 100 a"] + failures + ["4.5 ok 100 b"]).joined(separator: "\n"))
        let report = RankingSimulator(trace: trace, start: start).run(.podium(.init()))
        #expect(report.finalOrder.first == leader)
    }

    @Test func withoutRequestLinesEachAnswerIsOne() throws {
        let trace = try OutcomeTrace(parsing: "2 ok 5 b\r\n1 ok 5 a\r\n")
        #expect(trace.endpoints == ["b", "a"])
        #expect(trace.requests == [.seconds(1), .seconds(2)])
    }

    @Test(arguments: [
        ("1 ok 5", 1), ("\nx ok 5 a", 2), ("1 ok five a", 1), ("1 fail later a", 1), ("-1 ok 5 a", 1),
        ("1 maybe 5 a", 1), ("1 ok 5:both:0 a", 1), ("1 ok 5:whole a", 1), ("1 fail timeout:x a", 1),
        ("1 out quota:402:300 a", 1), ("1 out money:402:300:300 a", 1),
        ("1 ok 5 a\n1e400 request", 2), ("nan request", 1),
    ])
    func aBadLineIsNamed(text: String, line: Int) {
        #expect { try OutcomeTrace(parsing: text) } throws: { ($0 as? OutcomeTrace.ParseError)?.line == line }
    }

    @Test func anEmptyTraceGivesAnEmptyReport() throws {
        let report = RankingSimulator(trace: try OutcomeTrace(parsing: ""), start: start).run(.podium(.init()))
        #expect(report.requests == 0 && report.meanTimeToFirstByte == nil)
    }
}

/// docs/ranking.md shows what the simulator says, and goes on doing so.
@Suite struct DocumentedTableTests {
    private let policies: [RankingSimulator.Policy] = [
        .podium(.init()), .lastResponseTime, .plainAverage(decay: .seconds(30)), .leastFailures,
    ]

    private func row(_ scenario: Scenario) -> String {
        let cells = policies.map { policy in
            let report = RankingSimulator(trace: scenario.trace, start: start).run(policy)
            let mean = report.meanTimeToFirstByte.map { Int($0 / .milliseconds(1)) } ?? 0
            return "\(report.switches) · \(report.failedFirstAttempts) · \(mean)"
        }
        return "| " + ([scenario.name] + cells).joined(separator: " | ") + " |"
    }

    private func failureRow(_ scenario: Scenario) -> String {
        let cells = policies.map { policy in
            let report = RankingSimulator(trace: scenario.trace, start: start).run(policy)
            return "\(report.failedRequests) · \(report.failedFirstAttempts)"
        }
        return "| " + ([scenario.name] + cells).joined(separator: " | ") + " |"
    }

    @Test func theTableIsWhatTheSimulatorGives() throws {
        let here = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("docs/ranking.md"), encoding: .utf8)
        for row in Scenario.all.map(row) + Scenario.unanswered.map(failureRow) {
            #expect(text.contains(row), "docs/ranking.md lacks: \(row)")
        }
    }
}
