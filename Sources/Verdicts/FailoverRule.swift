internal import LLMWire

/// A rule of the operator: for refusals of these statuses whose text matches, what happens instead of what the table says.
///
///     failover:
///       rules:
///         - {status: [402, 429], match: "balance|quota", then: next, time_out: 30m, scope: endpoint}
public struct FailoverRule: Sendable, Equatable {
    /// How it is called in logs and explanations, such as `failover.rules 2`.
    public var name: String
    /// Empty: every status.
    public var statuses: [ClosedRange<Int>]
    /// nil: every text.
    public var match: TextPattern?
    /// What the client gets.
    public var then: Verdict.Client
    /// nil: the endpoint stays in use, and nothing is held against it.
    public var timeOut: Duration?
    public var scope: TimeOut.Scope

    /// A rule; without statuses and pattern it holds for every refusal.
    public init(
        name: String, statuses: [ClosedRange<Int>] = [], match: TextPattern? = nil, then: Verdict.Client,
        timeOut: Duration? = nil, scope: TimeOut.Scope = .endpoint
    ) {
        self.name = name
        self.statuses = statuses
        self.match = match
        self.then = then
        self.timeOut = timeOut
        self.scope = scope
    }

    /// The statuses that a rule can be about: those of answers, and of errors within them.
    public static let possibleStatuses = 200...599

    /// The verdict of the first rule that holds for a refusal.
    ///
    /// - Parameter meaning: the status that an error within stands for.
    static func verdict(_ finding: Finding, meaning: Int, _ text: inout LoweredTexts, _ rules: [FailoverRule])
        -> Verdict?
    {
        switch finding.sign {
        case .status where finding.status >= 400: break
        case .error, .page, .emptyBody, .noContent: break
        // What did not come, or not whole, has no words; what is good needs no rule.
        case .status, .unreachable, .unanswered, .malformed, .content, .opaque, .brokenOff: return nil
        }
        for rule in rules where rule.statuses.hold(finding.status) || rule.statuses.hold(meaning) {
            if let match = rule.match, !text.match(match, finding) { continue }
            // What is no inference says nothing of the endpoint's health, whatever its text is.
            let timeOut = finding.operation.isInference ? rule.timeOut : nil
            return Verdict(
                client: finding.place == .afterCommit ? .answer : rule.then,
                endpoint: timeOut.map { .timeOut(TimeOut(scope: rule.scope, $0)) } ?? .nothing, reason: .rule,
                row: rule.name, status: meaning, mayBeRequests: false, isRetriedAlone: false)
        }
        return nil
    }

    /// The rules that can never fire, since one before them holds for all that they hold for.
    ///
    /// - Returns: for each of them its place and that of the earlier one.
    public static func idle(in rules: [FailoverRule]) -> [(rule: Int, behind: Int)] {
        rules.indices.compactMap { index in
            rules[..<index].firstIndex { $0.holdsForAll(of: rules[index]) }.map { (index, $0) }
        }
    }

    private func holdsForAll(of other: FailoverRule) -> Bool {
        guard match == nil || match == other.match else { return false }
        if statuses.isEmpty { return true }
        guard !other.statuses.isEmpty else { return false }
        return other.statuses.allSatisfy { $0.allSatisfy(statuses.hold) }
    }
}

/// Statuses that a row or a rule is about.
extension [ClosedRange<Int>] {
    /// Whether the status is one of them; where none is named, all are.
    func hold(_ status: Int) -> Bool { isEmpty || contains { $0.contains(status) } }
}

/// The texts of a refusal, with the capitals made small when the first pattern asks.
struct LoweredTexts {
    private var texts: [[UInt8]]?

    /// Whether the body, or what the error calls itself, matches: what an escape in JSON hides stands in the latter.
    mutating func match(_ pattern: TextPattern, _ finding: Finding) -> Bool {
        if texts == nil {
            var found = [TextPattern.lowered(finding.text)]
            if let error = finding.error {
                found += [error.message, error.type, error.code].filter { !$0.isEmpty }.map {
                    TextPattern.lowered($0.utf8)
                }
                // `not_found_error` and `model: x` say together what neither says alone.
                found.append(TextPattern.lowered("\(error.type) \(error.code) \(error.message)".utf8))
            }
            texts = found
        }
        return texts?.contains { pattern.matches($0) } ?? false
    }
}
