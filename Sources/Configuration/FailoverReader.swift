internal import PodiumModel
internal import Support
public import Verdicts
internal import YAMLDocument

/// `failover:`, of the file and of its endpoints.
public struct FailoverSettings: Sendable, Equatable {
    /// Until when another endpoint may still be asked.
    public var commit = CommitPoint.content
    /// How long a request for which there is no endpoint waits for one, at most; zero: it does not.
    public var maxWait = Duration.seconds(5)
    /// How often the client of a stream that says nothing yet is sent a comment; zero: never.
    public var keepalive = Duration.seconds(15)
    /// As many requests may wait for endpoints that are full; 0: none.
    public var queueLength = 16
    /// So long, at most.
    public var queueWait = Duration.seconds(10)
    /// Whether an endpoint that cannot read what another one has signed or encrypted is asked again without it.
    public var repair = false
    /// For every endpoint.
    public var rules: [FailoverRule] = []
    /// `failover:` of an endpoint's entry, by the endpoint's name.
    public var endpointRules: [String: [FailoverRule]] = [:]

    /// No rules.
    public init() {}

    /// The rules for an endpoint in the order in which they are asked: its own first.
    public func rules(for endpoint: String) -> [FailoverRule] { (endpointRules[endpoint] ?? []) + rules }
}

extension FailoverSettings {
    static var table: [Setting<FailoverSettings>] {
        [
            .choice("commit", \.commit),
            .durationOrOff("keepalive", \.keepalive, atLeast: .seconds(1)),
            .duration("max_wait", \.maxWait),
            Setting("queue") { settings, reader in
                guard let node = reader.section.node("queue") else { return }
                SettingReader.read(
                    node, title: "queue of failover", queueTable, into: &settings, sink: reader.section.sink)
            },
            .flag("repair", \.repair),
            Setting("rules") { settings, reader in
                let (section, sink) = (reader.section, reader.section.sink)
                settings.rules = FailoverReader(title: "failover", suffix: "", sink: sink).read(section)
            },
        ]
    }

    private static var queueTable: [Setting<FailoverSettings>] {
        [
            .integer("length", \.queueLength, in: 0...10_000),
            .duration("wait", \.queueWait, atLeast: .milliseconds(100)),
        ]
    }

    /// - Parameters:
    ///   - older: `retry:` of the older system, whose `upstream_errors` are rules too.
    ///   - endpoints: in file order, each with its node.
    init(
        _ node: YAMLNode?, older: YAMLNode?, endpoints: [(settings: EndpointSettings, entry: YAMLNode)],
        sink: DiagnosticSink
    ) {
        self.init()
        SettingReader.read(node, title: "failover", Self.table, into: &self, sink: sink)
        rules += FailoverReader.readOlder(older, sink: sink)
        for (settings, entry) in endpoints {
            guard let node = entry.merged("failover")?.resolved else { continue }
            let name = HeaderRules.printable(settings.name)
            let reader = FailoverReader(title: "failover of '\(name)'", suffix: " of \(name)", sink: sink)
            endpointRules[settings.name] = reader.read(
                SectionReader(node, title: reader.title, known: ["rules"], sink: sink))
        }
    }
}

/// Reads the rules of one `failover:`.
struct FailoverReader {
    /// For findings.
    let title: String
    /// Behind the names of the rules.
    let suffix: String
    let sink: DiagnosticSink

    func read(_ section: SectionReader) -> [FailoverRule] {
        guard let list = section.node("rules") else { return [] }
        guard list.kind == .sequence else {
            sink.error(
                at: list, "rules has to be a list", fix: "begin each rule with a dash: - {status: 402, then: next}")
            return []
        }
        var rules: [(rule: FailoverRule, node: YAMLNode)] = []
        for (index, entry) in list.entries.enumerated() {
            if let rule = rule(entry, number: index + 1) { rules.append((rule, entry)) }
        }
        for idle in FailoverRule.idle(in: rules.map(\.rule)) {
            sink.report(
                .warning, at: rules[idle.rule].node,
                ValueProblem(
                    "this rule can never fire: the one in line \(rules[idle.behind].node.line) holds for all that it holds for",
                    fix: "put it before that one, or remove it"))
        }
        return rules.map(\.rule)
    }

    private func rule(_ entry: YAMLNode, number: Int) -> FailoverRule? {
        guard let node = entry.resolved, node.kind == .mapping else {
            sink.error(at: entry, "a rule has to be a mapping", fix: "write {status: 402, then: next}")
            return nil
        }
        let section = SectionReader(
            node, title: "rule \(number) of \(title)", known: ["status", "match", "then", "time_out", "scope"],
            sink: sink)
        let statuses = statuses(section)
        let pattern = section.node("match")
        let match = pattern.flatMap(textPattern)
        let timeOut = section.duration("time_out", atLeast: .seconds(1))
        let scope = section.choice("scope", of: TimeOut.Scope.self)
        if scope != nil, section.node("time_out") == nil {
            sink.report(
                .warning, at: section.keys["scope"],
                ValueProblem("scope says nothing without time_out", fix: "add time_out: 5m, or remove scope"))
        }
        guard section.node("then") != nil else {
            sink.error(at: node, "rule \(number) does not say what happens", fix: "add then: next, answer or retry")
            return nil
        }
        guard let then = section.choice("then", of: Verdict.Client.self), let statuses, pattern == nil || match != nil
        else { return nil }
        if !statuses.isEmpty, statuses.allSatisfy({ (300...399).contains($0.lowerBound) && $0.upperBound < 400 }) {
            sink.report(
                .warning, at: section.place("status"),
                ValueProblem(
                    "this rule can never fire: a redirect is the client's", fix: "name statuses of 400 and above"))
        }
        return FailoverRule(
            name: "failover.rules \(number)\(suffix)", statuses: statuses, match: match, then: then,
            timeOut: timeOut, scope: scope ?? .endpoint)
    }

    // MARK: Statuses

    /// - Returns: nil where something is wrong; that is reported.
    private func statuses(_ section: SectionReader) -> [ClosedRange<Int>]? {
        guard let node = section.node("status") else { return [] }
        let items = node.kind == .sequence ? node.entries : [node]
        if items.isEmpty {
            sink.error(at: node, "status is an empty list", fix: "remove the key for every status")
            return nil
        }
        var found: [ClosedRange<Int>] = []
        for item in items {
            guard let resolved = item.resolved, resolved.kind == .scalar, let range = Self.range(resolved.text) else {
                sink.error(
                    at: item, "status has to be a number from 200 to 599, or several",
                    fix: "write 402, 500-504 or 5xx, or a list of these")
                return nil
            }
            found.append(range)
        }
        return found
    }

    private static func range(_ text: String) -> ClosedRange<Int>? {
        let text = text.lowercased()
        if text.count == 3, text.hasSuffix("xx"), let hundreds = text.first?.wholeNumberValue {
            return checked(hundreds * 100, hundreds * 100 + 99)
        }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(number)
        switch ends.count {
        case 1: return checked(ends[0], ends[0])
        case 2: return checked(ends[0], ends[1])
        default: return nil
        }
    }

    private static func number(_ text: Substring) -> Int? {
        let digits = text.filter { $0 != " " }
        return digits.count == 3 && ASCII.isDigits(digits) ? Int(digits) : nil
    }

    private static func checked(_ lower: Int?, _ upper: Int?) -> ClosedRange<Int>? {
        guard let lower, let upper, lower <= upper, FailoverRule.possibleStatuses.contains(lower),
            FailoverRule.possibleStatuses.contains(upper)
        else { return nil }
        return lower...upper
    }

    // MARK: Patterns

    /// - Returns: nil where something is wrong; that is reported.
    private func textPattern(_ node: YAMLNode) -> TextPattern? {
        guard node.kind == .scalar else {
            sink.error(at: node, "match has to be a single text", fix: "write \"balance|quota\"")
            return nil
        }
        do throws(TextPattern.Problem) {
            return try TextPattern(node.text)
        } catch {
            sink.report(.error, at: node, Self.problem(error))
            return nil
        }
    }

    private static func problem(_ problem: TextPattern.Problem) -> ValueProblem {
        ValueProblem("\(problem.message), at character \(problem.offset + 1) of match", fix: problem.fix)
    }

    // MARK: The older system

    /// `retry: {upstream_errors: [{pattern, action}]}`. What cannot be read is a note, as all that has no counterpart.
    static func readOlder(_ node: YAMLNode?, sink: DiagnosticSink) -> [FailoverRule] {
        guard let list = node?.merged("upstream_errors")?.resolved, list.kind == .sequence else { return [] }
        var rules: [FailoverRule] = []
        for (index, entry) in list.entries.enumerated() {
            func note(_ message: String, _ fix: String) {
                sink.report(
                    .note, at: entry,
                    ValueProblem("this error of the older system is kept and not used: \(message)", fix: fix))
            }
            guard let text = entry.merged("pattern")?.resolved, text.kind == .scalar else {
                note("it has no pattern", "")
                continue
            }
            let actions: [String: Verdict.Client] = ["retry_endpoint": .retry, "switch_endpoint": .next]
            guard let then = entry.merged("action")?.resolved.flatMap({ actions[$0.text] }) else {
                note("its action is neither retry_endpoint nor switch_endpoint", "")
                continue
            }
            do throws(TextPattern.Problem) {
                rules.append(
                    FailoverRule(
                        name: "retry.upstream_errors \(index + 1)", match: try TextPattern(text.text), then: then))
            } catch {
                note(error.message, error.fix)
            }
        }
        return rules
    }
}
