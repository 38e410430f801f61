import Configuration
import PodiumModel
import Testing
import Verdicts

@Suite("Rules of failover in the file")
struct FailoverReaderTests {
    private static let endpoint = "endpoints: [{name: a, url: \"https://a\"}]\n"

    private func rules(_ text: String) throws -> [FailoverRule] {
        let loaded = load("failover:\n  rules:\n\(text)\n\(Self.endpoint)")
        return try #require(loaded.configuration, "\(loaded.errors)").failover.rules
    }

    @Test("A rule says what it says")
    func reading() throws {
        let rules = try rules(
            """
                - {status: [402, 429], match: "balance|quota", then: next, time_out: 30m, scope: model}
                - {status: 422, then: answer}
                - {match: overloaded, then: retry}
                - {status: 5xx, then: next, time_out: 5s}
                - status: [500-504, 529, "4xx"]
                  then: answer
            """)
        #expect(
            rules == [
                FailoverRule(
                    name: "failover.rules 1", statuses: [402...402, 429...429], match: try TextPattern("balance|quota"),
                    then: .next, timeOut: .seconds(1800), scope: .model),
                FailoverRule(name: "failover.rules 2", statuses: [422...422], then: .answer),
                FailoverRule(name: "failover.rules 3", match: try TextPattern("overloaded"), then: .retry),
                FailoverRule(name: "failover.rules 4", statuses: [500...599], then: .next, timeOut: .seconds(5)),
                FailoverRule(
                    name: "failover.rules 5", statuses: [500...504, 529...529, 400...499], then: .answer),
            ])
    }

    @Test("An endpoint's own rules are asked first, and merged ones are its own")
    func endpoints() throws {
        let loaded = load(
            """
            base: &b {failover: {rules: [{status: 404, then: next}]}}
            failover: {rules: [{status: 402, then: answer}]}
            endpoints:
              - {name: a, url: "https://a", failover: {rules: [{status: 403, then: retry}]}}
              - {name: b, url: "https://b", <<: *b}
              - {name: c, url: "https://c"}
            """)
        let failover = try #require(loaded.configuration, "\(loaded.errors)").failover
        #expect(failover.rules(for: "a").map(\.name) == ["failover.rules 1 of a", "failover.rules 1"])
        #expect(failover.rules(for: "b").map(\.statuses) == [[404...404], [402...402]])
        #expect(failover.rules(for: "c") == failover.rules)
        #expect(!loaded.diagnostics.contains { $0.message.contains("unknown") && $0.message.contains("failover") })
    }

    /// `(rule, severity, column, part of the message, part of the fix)`; a rule begins in column 7 of line 3.
    static let findings: [(String, Diagnostic.Severity, Int, String, String)] = [
        ("{status: 402}", .error, 7, "does not say what happens", "next, answer or retry"),
        ("{status: 402, then: skip}", .error, 27, "is not a value of then", "next, answer, retry"),
        ("{status: 402, then: nxt}", .error, 27, "nxt", "did you mean next?"),
        ("{then: next, scope: world, time_out: 1m}", .error, 27, "is not a value of scope", "endpoint, model"),
        ("{then: next, scope: model}", .warning, 20, "nothing without time_out", "add time_out"),
        ("{then: next, time_out: 10}", .error, 30, "no unit", "10s"),
        ("{then: next, time_out: 0s}", .error, 30, "below 1s", ""),
        ("{status: 99, then: next}", .error, 16, "200 to 599", "5xx"),
        ("{status: 600, then: next}", .error, 16, "200 to 599", ""),
        ("{status: 1xx, then: next}", .error, 16, "200 to 599", ""),
        ("{status: 504-500, then: next}", .error, 16, "200 to 599", ""),
        ("{status: [402, many], then: next}", .error, 22, "200 to 599", "500-504"),
        ("{status: [], then: next}", .error, 16, "empty list", ""),
        ("{status: {a: 1}, then: next}", .error, 16, "200 to 599", ""),
        ("{status: 300-399, then: next}", .warning, 16, "never fire", "400"),
        ("{match: \"a(b\", then: next}", .error, 15, "( means nothing in a pattern of Podium, at character 2", "\\("),
        ("{match: \"\", then: next}", .error, 15, "every text matches", ""),
        ("{match: [a], then: next}", .error, 15, "single text", ""),
        ("{match: 'a$b', then: next}", .error, 15, "only at the end", "\\$"),
        ("{then: next, them: 1}", .note, 20, "'them' is unknown", ""),
        ("text", .error, 7, "has to be a mapping", "status"),
    ]

    @Test(arguments: findings.indices)
    func saysWhatAndWhere(_ index: Int) throws {
        let (rule, severity, column, message, fix) = Self.findings[index]
        let loaded = load("failover:\n  rules:\n    - \(rule)\n\(Self.endpoint)")
        let found = loaded.diagnostics.filter { $0.message.contains(message) }
        let diagnostic = try #require(found.first, "\(loaded.diagnostics)")
        #expect(diagnostic.severity == severity && diagnostic.line == 3 && diagnostic.column == column, "\(diagnostic)")
        #expect(diagnostic.fix.contains(fix), "\(diagnostic)")
        #expect((loaded.configuration == nil) == (severity == .error))
    }

    @Test("A rule behind one that takes all of its refusals is a warning")
    func idle() throws {
        let loaded = load(
            "failover:\n  rules:\n    - {status: 4xx, then: next}\n    - {status: 402, match: x, then: answer}\n\(Self.endpoint)"
        )
        let warnings = loaded.diagnostics.filter { $0.severity == .warning }
        #expect(warnings.map(\.line) == [4] && warnings.map(\.column) == [7])
        #expect(warnings.first?.message.contains("can never fire: the one in line 3") == true)
        #expect(loaded.configuration?.failover.rules.count == 2)
    }

    @Test("What is no list, and no mapping, is an error with its place")
    func shapes() {
        for (text, column) in [
            ("failover: [1]\n", 11), ("failover: {rules: 5}\n", 19), ("failover: {rules: {a: 1}}\n", 19),
        ] {
            let errors = load(text + Self.endpoint).errors
            #expect(errors.map(\.line) == [1] && errors.map(\.column) == [column], "\(errors)")
        }
        #expect(load("failover:\n" + Self.endpoint).configuration?.failover == FailoverSettings())
        #expect(load("failover: {rules: []}\n" + Self.endpoint).diagnostics.isEmpty)
    }

    @Test("Errors of the older system's retry are rules, as far as they can be read")
    func older() throws {
        let loaded = load(
            """
            retry:
              upstream_errors:
                - {pattern: "rate limit", action: retry_endpoint, max_retries: 2, case_insensitive: true}
                - {pattern: "balance", action: switch_endpoint}
                - {pattern: "(a|b)+", action: switch_endpoint}
                - {pattern: x, action: dance}
                - {action: dance}
            \(Self.endpoint)
            """)
        let rules = try #require(loaded.configuration, "\(loaded.errors)").failover.rules
        #expect(rules.map(\.then) == [.retry, .next])
        #expect(rules.map(\.name) == ["retry.upstream_errors 1", "retry.upstream_errors 2"])
        #expect(rules.map(\.match?.source) == ["rate limit", "balance"])
        #expect(
            loaded.diagnostics.filter { $0.message.contains("error of the older system") }.map(\.line) == [5, 6, 7])
        #expect(loaded.diagnostics.allSatisfy { $0.severity == .note })
    }
}
