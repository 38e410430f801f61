internal import LLMWire
internal import PureSupport

/// The tables of `docs/verdicts.md`, written from `VerdictTable`.
public enum VerdictDocument {
    /// What stands between the marks of the page, by the mark's name.
    public static var sections: [(mark: String, text: String)] {
        [("verdicts", rows), ("meanings", meanings), ("words", words), ("telling", telling), ("repairs", repairs)]
    }

    private static var rows: String {
        let lines = VerdictTable.rows.map { row in
            [
                row.name, signs(row.signs), statuses(row.statuses), condition(row), client(row), endpoint(row),
                "`\(row.reason.rawValue)`", row.why,
            ]
        }
        return table(
            ["row", "what was seen", "status", "only if", "the client gets", "the ranking learns", "reason", "why"],
            lines)
    }

    private static func signs(_ signs: [Finding.Sign]) -> String {
        signs == Finding.Sign.allCases ? "anything else" : signs.map(\.rawValue).joined(separator: ", ")
    }

    private static func statuses(_ ranges: [ClosedRange<Int>]) -> String {
        ranges.map { range in
            switch range.count {
            case 1: "\(range.lowerBound)"
            case 2: "\(range.lowerBound), \(range.upperBound)"
            default: "\(range.lowerBound)–\(range.upperBound)"
            }
        }.joined(separator: ", ")
    }

    private static func condition(_ row: VerdictTable.Row) -> String {
        var parts: [String] = []
        if row.operations != .all { parts.append(row.operations.rawValue) }
        if let words = row.words { parts.append("words: *\(words.name)*") }
        if row.needsWait { parts.append("a time is named") }
        if row.needsClientsCredential { parts.append("`passthrough`") }
        return parts.joined(separator: "; ")
    }

    private static func client(_ row: VerdictTable.Row) -> String {
        switch row.client {
        case .next: "the next endpoint's answer" + (row.isRetriedAlone ? "; of an endpoint alone, another try" : "")
        case .answer: "this answer"
        case .retry: "another try"
        }
    }

    private static func endpoint(_ row: VerdictTable.Row) -> String {
        switch row.endpoint {
        case .goodSample: "a good sample"
        case .failure: "a failure" + (row.mayBeRequests ? ", unless it happens everywhere" : "")
        case .credentialRefused: "the credential is refused"
        case .timeOut(let timeOut): length(timeOut, row) + " for the \(timeOut.scope.rawValue)"
        case .pathUnknown: "it lacks this path"
        case .nothing: "nothing"
        }
    }

    private static func length(_ timeOut: TimeOut, _ row: VerdictTable.Row) -> String {
        if row.needsWait { return "the named time" }
        let own =
            timeOut.first == timeOut.limit
            ? minutes(timeOut.first) : "\(minutes(timeOut.first)), doubling to \(minutes(timeOut.limit))"
        return row.prefersNamedWait ? "the named time, else \(own)," : own
    }

    private static func minutes(_ duration: Duration) -> String { "\(duration.wholeSeconds / 60) min" }

    private static var meanings: String {
        table(
            ["an error within an answer that calls itself", "is judged as"],
            VerdictTable.meanings.map { [$0.words.map { "`\($0)`" }.joined(separator: ", "), "\($0.status)"] }
                + [["a number from 400 to 599", "that status"], ["anything else", "502"]])
    }

    private static var words: String {
        let lists = [
            VerdictTable.quotaWords, VerdictTable.noMoneyWords, VerdictTable.modelWords, VerdictTable.channelWords,
            VerdictTable.pathWords,
        ]
        func shown(_ pattern: TextPattern?) -> String {
            (pattern?.source ?? "").split(separator: "|").map { "`\($0)`" }.joined(separator: ", ")
        }
        return table(
            ["words", "one of", "and none of"],
            lists.map {
                ["*\($0.name)*", shown($0.pattern) + ($0.holdsForSilence ? ", or no body" : ""), shown($0.exception)]
            })
    }

    private static var repairs: String {
        table(
            ["row", "words of a 400, one of", "taken out", "why"],
            RepairTable.rows.map { row in
                let words = row.pattern.source.split(separator: "|").map { "`\($0)`" }.joined(separator: ", ")
                return [row.name, words, row.kind.words, row.why]
            })
    }

    private static var telling: String {
        Verdict.tellingOrder.map { "`\($0.rawValue)`" }.joined(separator: ", ") + "."
    }

    private static func table(_ head: [String], _ lines: [[String]]) -> String {
        ([head, head.map { _ in "---" }] + lines).map { "| " + $0.joined(separator: " | ") + " |" }
            .joined(separator: "\n")
    }
}

extension RequestRepair.Kind {
    /// For tables.
    fileprivate var words: String {
        switch self {
        case .thinking:
            "`thinking` and `redacted_thinking` blocks of the model's messages, `signature` of other blocks, and `thinking` itself "
                + "where the model's last turn calls a tool"
        case .encryptedReasoning: "`reasoning` and `compaction` items with `encrypted_content`"
        }
    }
}
