internal import PodiumModel
internal import PureSupport

/// What the traffic panel shows: how far back, of which endpoints, and what has come of it.
///
/// One question is asked for each series, since percentiles of parts do not add up to those of the whole. Figures that are there stay
/// until newer ones of the same question come, so that a graph does not flicker.
struct TrafficView: Sendable, Equatable {
    /// How far back the graphs go.
    enum Span: String, Sendable, CaseIterable {
        case hour = "1h"
        case day = "1d"
        case week = "7d"
        case month = "30d"

        /// As the usage takes it.
        var question: String {
            switch self {
            case .hour: "1h"
            case .day: "24h"
            case .week: "168h"
            case .month: "30d"
            }
        }

        /// By what the graphs are drawn: a dimension of the usage.
        var bucket: String {
            switch self {
            case .hour: "minute"
            case .day, .week: "hour"
            case .month: "day"
            }
        }

        /// What requests are counted by.
        var unit: String {
            switch self {
            case .hour: "req/min"
            case .day, .week: "req/h"
            case .month: "req/day"
            }
        }

        /// After that long the figures are asked for again.
        var lasts: Duration {
            switch self {
            case .hour: .seconds(5)
            case .day, .week: .seconds(60)
            case .month: .seconds(300)
            }
        }

        private var seconds: Int {
            switch self {
            case .hour: 60
            case .day, .week: 3_600
            case .month: 86_400
            }
        }

        private var count: Int {
            switch self {
            case .hour: 60
            case .day: 24
            case .week: 168
            case .month: 30
            }
        }

        /// The times of the graph, oldest first, in the words of the usage.
        ///
        /// - Parameter local: seconds since 1970 on the operator's clock
        func buckets(local: Int) -> [String] {
            let last = local - (local % seconds + seconds) % seconds
            return (0..<count).map { index in
                let time = CivilTime(unixTime: max(0, last - (count - 1 - index) * seconds))
                switch self {
                case .hour: return "\(time.date) \(time.hour.twoDigits):\(time.minute.twoDigits)"
                case .day, .week: return "\(time.date) \(time.hour.twoDigits)"
                case .month: return time.date
                }
            }
        }
    }

    /// Whose traffic it is, unless two endpoints are marked: then it is theirs, to be compared.
    enum Scope: String, Sendable, CaseIterable {
        case all, selected, both
    }

    /// What is asked for. An endpoint that is nil stands for all of them.
    struct Wanted: Sendable, Equatable {
        var span: Span
        var endpoints: [String?]
    }

    /// One series of the graphs.
    struct Series: Sendable, Equatable {
        var report: UsageReport
        /// By bucket.
        var rows: [String: UsageReport.Row]

        init(_ report: UsageReport) {
            self.report = report
            rows = Dictionary(
                report.rows.compactMap { row in row.values.last.map { ($0, row) } }, uniquingKeysWith: { $1 })
        }

        /// nil where there was no traffic.
        func values(_ value: (UsageReport.Row) -> Double?, over buckets: [String]) -> [Double?] {
            buckets.map { rows[$0].flatMap(value) }
        }
    }

    var span = Span.hour
    var scope = Scope.all
    /// What the figures are of.
    private(set) var shown: Wanted?
    /// In the order of `shown`; nil until it has come.
    private(set) var series: [Series?] = []
    /// Why there are no figures.
    private(set) var refusal: String?
    private var asked: Wanted?
    private var askedAt: ContinuousClock.Instant?
    private var questions: [CommandID: Int] = [:]
    private var answers: [Series?] = []

    /// The questions that are under way.
    var asking: [(CommandID, UsageQuestion)] {
        guard let asked else { return [] }
        return questions.sorted { $0.value < $1.value }.map { ($0.key, Self.question(asked, $0.value)) }
    }

    private static func question(_ wanted: Wanted, _ index: Int) -> UsageQuestion {
        var question = UsageQuestion()
        (question.span, question.by) = (wanted.span.question, [wanted.span.bucket])
        question.endpoint = wanted.endpoints[index]
        return question
    }

    /// Whether an answer is still to come.
    var isAsking: Bool { !questions.isEmpty }

    /// Whether these figures should be asked for now.
    func isDue(_ wanted: Wanted, now: ContinuousClock.Instant) -> Bool {
        guard !isAsking else { return false }
        guard wanted == asked, let askedAt else { return true }
        return now - askedAt >= wanted.span.lasts
    }

    /// - Parameter identifiers: one for each series
    mutating func ask(_ wanted: Wanted, _ identifiers: [CommandID], now: ContinuousClock.Instant) -> [ConsoleEffect] {
        (asked, askedAt) = (wanted, now)
        answers = Array(repeating: nil, count: wanted.endpoints.count)
        questions = [:]
        for (index, id) in identifiers.enumerated() { questions[id] = index }
        return asking.map { .perform($0.0, .usage($0.1)) }
    }

    /// - Returns: whether it was an answer to a question of this view
    mutating func take(_ id: CommandID, _ result: CommandResult) -> Bool {
        guard let index = questions.removeValue(forKey: id) else { return false }
        switch result {
        case .success(.usage(let report)):
            answers[index] = Series(report)
            refusal = nil
        case .success: break
        case .failure(let failure): refusal = failure.line
        }
        if questions.isEmpty, let asked, answers.contains(where: { $0 != nil }) || shown != asked {
            (shown, series) = (asked, answers)
        }
        return true
    }
}

extension ConsoleState {
    /// What the panel should show now: two marked endpoints are compared.
    var wantedTraffic: TrafficView.Wanted {
        let compared = latest.endpoints.filter { marked.contains($0.id) }.prefix(2).map { Optional($0.name) }
        if compared.count == 2 { return TrafficView.Wanted(span: traffic.span, endpoints: compared) }
        guard traffic.scope != .all, let selected else {
            return TrafficView.Wanted(span: traffic.span, endpoints: [nil])
        }
        let one = Optional(selected.name)
        return TrafficView.Wanted(span: traffic.span, endpoints: traffic.scope == .both ? [nil, one] : [one])
    }

    /// Asks for the figures of the panel where it is in sight and they are old, or other ones are wanted.
    mutating func refreshTraffic(now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard overlay == nil, latest.staleSince == nil, pausedAt == nil, layout.frames[.traffic] != nil else {
            return []
        }
        let wanted = wantedTraffic
        guard traffic.isDue(wanted, now: now) else { return [] }
        let identifiers = wanted.endpoints.map { _ in nextIdentifier() }
        return traffic.ask(wanted, identifiers, now: now)
    }

    mutating func stepTrafficSpan(_ step: Int, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        let spans = TrafficView.Span.allCases
        let index = (spans.firstIndex(of: traffic.span) ?? 0) + step
        guard spans.indices.contains(index) else {
            say(.note, step < 0 ? "an hour is the shortest" : "30 days are the longest here; H goes further", now: now)
            return [.bell]
        }
        traffic.span = spans[index]
        if layout.frames[.traffic] == nil { focus = .traffic }
        return refreshTraffic(now: now)
    }

    mutating func stepTrafficScope(now: ContinuousClock.Instant) -> [ConsoleEffect] {
        let scopes = TrafficView.Scope.allCases
        let index = scopes.firstIndex(of: traffic.scope) ?? 0
        traffic.scope = scopes[(index + 1) % scopes.count]
        if layout.frames[.traffic] == nil { focus = .traffic }
        if marked.count >= 2 {
            say(.note, "two endpoints are marked and compared; \(key(.mark)) on them ends that", now: now)
        }
        return refreshTraffic(now: now)
    }
}
