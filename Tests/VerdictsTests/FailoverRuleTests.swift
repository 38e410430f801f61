import LLMWire
import Testing

@testable import Verdicts

@Suite("Rules of the operator")
struct FailoverRuleTests {
    private func rule(
        _ name: String = "rule", _ statuses: [ClosedRange<Int>] = [], _ match: String? = nil,
        then: Verdict.Client = .next, timeOut: Duration? = nil, scope: TimeOut.Scope = .endpoint
    ) throws -> FailoverRule {
        FailoverRule(
            name: name, statuses: statuses, match: try match.map { try TextPattern($0) }, then: then, timeOut: timeOut,
            scope: scope)
    }

    private func refusal(_ status: Int, _ text: String = "", sign: Finding.Sign = .status) -> Finding {
        Finding(operation: .inference(.messages), status: status, sign: sign, text: Array(text.utf8))
    }

    @Test("The first that holds decides, before the table")
    func order() throws {
        let rules = [
            try rule("one", [400...400], "unavailable"),
            try rule("two", [402...402, 429...429], timeOut: .seconds(1800)),
            try rule("three", [400...499], then: .answer),
        ]
        func verdict(_ finding: Finding) -> Verdict { VerdictTable.verdict(on: finding, rules: rules) }
        let one = verdict(refusal(400, "Model is Unavailable"))
        #expect(one.row == "one" && one.client == .next && one.endpoint == .nothing && one.reason == .rule)
        let two = verdict(refusal(429))
        #expect(two.row == "two" && two.endpoint == .timeOut(TimeOut(scope: .endpoint, .seconds(1800))))
        let three = verdict(refusal(401))
        #expect(three.row == "three" && three.client == .answer && three.endpoint == .nothing)
        #expect(verdict(refusal(500)).row == "server error")
    }

    @Test("Scope and retry are handed on")
    func scope() throws {
        let rules = [try rule("r", [503...503], then: .retry, timeOut: .seconds(5), scope: .model)]
        let verdict = VerdictTable.verdict(on: refusal(503), rules: rules)
        #expect(verdict.client == .retry && verdict.endpoint == .timeOut(TimeOut(scope: .model, .seconds(5))))
    }

    @Test("A rule holds for errors within answers: by the answer's status, by the error's, by its words in plain text")
    func within() throws {
        let error = AnswerReader.NamedError(type: "overloaded_error", code: "", message: "余额不足")
        let finding = Finding(
            operation: .inference(.chatCompletions), status: 200, place: .beforeContent, sign: .error, error: error,
            text: Array(#"data: {"error":{"message":"\u4f59\u989d"#.utf8))
        for rules in [
            [try rule("r", [200...200], "overloaded")], [try rule("r", [529...529])], [try rule("r", [], "余额")],
            [try rule("r", [], "^overloaded_error$")],
        ] {
            #expect(VerdictTable.verdict(on: finding, rules: rules).row == "r")
        }
        #expect(VerdictTable.verdict(on: finding, rules: [try rule("r", [500...500])]).row == "overloaded")
        var committed = finding
        committed.place = .afterCommit
        #expect(VerdictTable.verdict(on: committed, rules: [try rule("r")]).client == .answer)
    }

    @Test("What is good, or never came, is no rule's matter")
    func good() throws {
        let rules = [try rule()]
        for finding in [
            refusal(200, sign: .content), refusal(200, sign: .opaque), refusal(204), refusal(302),
            refusal(0, sign: .unreachable), refusal(0, sign: .unanswered), refusal(200, sign: .brokenOff),
        ] {
            #expect(VerdictTable.verdict(on: finding, rules: rules).reason != .rule, "\(finding.sign)")
        }
        for sign in [Finding.Sign.page, .emptyBody, .noContent] {
            #expect(VerdictTable.verdict(on: refusal(200, sign: sign), rules: rules).reason == .rule)
        }
    }

    @Test("What is no inference keeps an endpoint's health, whatever the rule says")
    func questions() throws {
        let rules = [try rule("r", [404...404], timeOut: .seconds(60))]
        let verdict = VerdictTable.verdict(on: Finding(operation: .countTokens, status: 404), rules: rules)
        #expect(verdict.row == "r" && verdict.client == .next && verdict.endpoint == .nothing)
    }

    @Test("Rules that can never fire are found")
    func idle() throws {
        let rules = [
            try rule("0", [402...402], "quota"), try rule("1", [402...402], "Quota|x"), try rule("2", [400...429]),
            try rule("3", [402...402]), try rule("4", [401...401, 420...429], "words"), try rule("5", [400...430]),
            try rule("6"), try rule("7", [500...500]), try rule("8", [], "x"),
        ]
        #expect(FailoverRule.idle(in: rules).map { [$0.rule, $0.behind] } == [[3, 2], [4, 2], [7, 6], [8, 6]])
        let same = [try rule("0", [402...402], "quota"), try rule("1", [402...402], "quota", then: .answer)]
        #expect(FailoverRule.idle(in: same).map { [$0.rule, $0.behind] } == [[1, 0]])
        // Two that only together hold for all of a third are not looked for.
        #expect(
            FailoverRule.idle(in: [try rule("0", [400...410]), try rule("1", [411...420]), try rule("2", [400...420])])
                .isEmpty)
    }
}
