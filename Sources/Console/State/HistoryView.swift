internal import PodiumModel
internal import PureSupport

/// The screen of what went on over time: which days are looked at, how they are grouped, where the cursor is, and what has come of it.
///
/// It asks two questions each time: one for the sums of each row, since percentiles of parts do not add up to those of the whole, and one
/// for the rows by hour, day or month, for the graphs.
struct HistoryView: Sendable, Equatable {
    /// How long a time the screen shows.
    enum Period: String, Sendable {
        case day, week, month, year

        /// By what its graphs are drawn: a dimension of the usage.
        var bucket: String {
            switch self {
            case .day, .week: "hour"
            case .month: "day"
            case .year: "month"
            }
        }

        /// How many days it has.
        var days: Int {
            switch self {
            case .day: 1
            case .week: 7
            case .month: 30
            case .year: 365
            }
        }
    }

    /// What the rows are: a dimension of the usage.
    enum Group: String, Sendable {
        case endpoint, model, client
    }

    var period = Period.day
    var group = Group.endpoint
    /// How many periods before the present one.
    var back = 0
    /// Which row the cursor is on; the last one is the sum of all.
    var selected = 0
    /// The first row in sight.
    var top = 0
    /// Days since 1970 on the operator's calendar, when it was asked.
    var today: Int
    private var question: CommandID?
    private var seriesQuestion: CommandID?
    private(set) var report: UsageReport?
    private(set) var series: [[String]: UsageReport.Row] = [:]
    /// Of all rows together, by bucket.
    private(set) var totals: [String: UsageReport.Row] = [:]
    /// Why there is no answer.
    private(set) var refusal: String?

    init(today: Int) { self.today = today }

    /// Something else was asked for while answers were still to come: the next question waits for them, so that a key that is held down does
    /// not line up hundreds.
    private(set) var isOwed = false

    /// Whether an answer is still to come.
    var isAsking: Bool { question != nil || seriesQuestion != nil }

    /// The days it shows, since 1970.
    var days: ClosedRange<Int> {
        let last = today - back * period.days
        return max(0, last - period.days + 1)...max(0, last)
    }

    /// As the usage takes it: `2026-11-01..2026-11-30`.
    var span: String { "\(Self.date(days.lowerBound))..\(Self.date(days.upperBound))" }

    /// What the graphs have a value for, oldest first, in the words of the usage.
    var buckets: [String] {
        switch period {
        case .day, .week:
            days.flatMap { day in (0..<24).map { "\(Self.date(day)) \($0.twoDigits)" } }
        case .month: days.map { Self.date($0) }
        case .year:
            days.map { String(Self.date($0).dropLast(3)) }.reduce(into: []) { months, month in
                if months.last != month { months.append(month) }
            }
        }
    }

    /// The row under the cursor; nil where there is none.
    var selectedRow: UsageReport.Row? {
        guard let report, !report.rows.isEmpty else { return nil }
        return report.rows.indices.contains(selected) ? report.rows[selected] : report.total
    }

    /// The values of the row under the cursor by bucket; nil where there was nothing.
    ///
    /// - Parameter buckets: those of the view, which all graphs share
    func graph(_ value: (UsageReport.Row) -> Double?, over buckets: [String]) -> [Double?] {
        guard let report else { return [] }
        return buckets.map { bucket in
            let row =
                report.rows.indices.contains(selected)
                ? series[report.rows[selected].values + [bucket]] : totals[bucket]
            return row.flatMap(value)
        }
    }

    /// - Returns: the two questions, for the rows and for the graphs
    mutating func ask(_ first: CommandID, _ second: CommandID) -> [ConsoleEffect] {
        isOwed = false
        (question, seriesQuestion) = (first, second)
        (report, series, totals, refusal) = (nil, [:], [:], nil)
        (selected, top) = (0, 0)
        var rows = UsageQuestion()
        (rows.span, rows.by) = (span, [group.rawValue])
        var graphs = rows
        graphs.by.append(period.bucket)
        return [.perform(first, .usage(rows)), .perform(second, .usage(graphs))]
    }

    /// The answers that are still to come are of no use any more.
    mutating func owe() {
        isOwed = true
        (report, series, totals, refusal) = (nil, [:], [:], nil)
    }

    /// - Returns: whether it was an answer to a question of this view, also of one that was given up for another
    mutating func take(_ id: CommandID, _ result: CommandResult) -> Bool {
        guard id == question || id == seriesQuestion else { return false }
        let isFirst = id == question
        if isFirst { question = nil } else { seriesQuestion = nil }
        guard !isOwed else { return true }
        switch result {
        case .success(.usage(let answer)) where isFirst:
            report = answer
            report?.rows.sort { left, right in
                left.requests == right.requests
                    ? left.values.lexicographicallyPrecedes(right.values) : left.requests > right.requests
            }
        case .success(.usage(let answer)):
            for row in answer.rows {
                series[row.values] = row
                if let bucket = row.values.last { totals[bucket, default: UsageReport.Row(values: [bucket])].add(row) }
            }
        case .success: break
        case .failure(let failure): refusal = failure.line
        }
        return true
    }

    private static func date(_ day: Int) -> String { CivilTime(unixTime: day * 86_400).date }
}

extension UsageReport.Row {
    /// What is drawn as a graph, of several rows. Percentiles do not add up, and costs are texts that are as exact as they can be.
    fileprivate mutating func add(_ other: UsageReport.Row) {
        requests += other.requests
        attempts += other.attempts
        failed += other.failed
        (read, partial, unpriced) = (read + other.read, partial + other.partial, unpriced + other.unpriced)
        costComplete = costComplete && other.costComplete
        if other.cost != "0" { cost = String((Double(cost) ?? 0) + (Double(other.cost) ?? 0)) }
    }
}

extension ConsoleState {
    /// Opens the screen and asks for what it shows.
    mutating func openHistory() -> [ConsoleEffect] {
        let local = Int(latest.takenAt) + latest.utcOffset
        return ask(HistoryView(today: max(0, local) / 86_400))
    }

    /// The answer to a question of the screen has come, perhaps.
    ///
    /// - Returns: what is asked next; nil where it was no such answer
    mutating func takeHistory(_ id: CommandID, _ result: CommandResult) -> [ConsoleEffect]? {
        guard case .history(var view) = overlay, view.take(id, result) else { return nil }
        overlay = .history(view)
        return view.isOwed && !view.isAsking ? ask(view) : []
    }

    private mutating func ask(_ view: HistoryView) -> [ConsoleEffect] {
        var view = view
        if view.isAsking {
            view.owe()
            overlay = .history(view)
            return []
        }
        let effects = view.ask(nextIdentifier(), nextIdentifier())
        overlay = .history(view)
        return effects
    }

    mutating func performHistory(
        _ action: ConsoleAction, _ view: HistoryView, now: ContinuousClock.Instant
    ) -> [ConsoleEffect] {
        var view = view
        let count = (view.report?.rows.count ?? 0) + 1
        switch action {
        case .cursorUp, .cursorDown, .pageUp, .pageDown, .first, .last:
            let page = max(1, HistoryOverlay.rowCount(self, view) - 1)
            let target = destination(action, from: view.selected, page: page, count: count)
            view.selected = target
            view.top = HistoryOverlay.top(self, view)
            overlay = .history(view)
            return []
        case .perDay, .perWeek, .perMonth, .perYear:
            view.period =
                switch action {
                case .perDay: .day
                case .perWeek: .week
                case .perMonth: .month
                default: .year
                }
            view.back = 0
        case .byEndpoint: view.group = .endpoint
        case .byModel: view.group = .model
        case .byClient: view.group = .client
        case .previousEntry:
            guard view.days.lowerBound > 0 else { return [.bell] }
            view.back += 1
        case .nextEntry:
            guard view.back > 0 else {
                say(.note, "nothing is known of the future", now: now)
                return [.bell]
            }
            view.back -= 1
        case .redraw: return [.redraw]
        case .copy:
            guard let report = view.report else { return [.bell] }
            say(.note, "Copied \(report.rows.count + 1) lines of CSV", now: now)
            return [.copy(HistoryOverlay.csv(report))]
        default:
            overlay = nil
            return []
        }
        return ask(view)
    }
}
