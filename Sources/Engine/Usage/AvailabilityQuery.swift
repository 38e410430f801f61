internal import History
public import PodiumModel
internal import Ranking
internal import Support
internal import Trends

/// A question about how endpoints stood that has been understood. The same for a running engine and for a file of which no process takes
/// care now.
public struct AvailabilityQuery: Sendable {
    let period: CellKey.Period
    /// The end is not included.
    let range: Range<Int64>
    let changes: StoredQuestion
    private let question: HistoryQuestion
    private let span: String

    /// - Throws: `CommandRefusal` that says what cannot be understood
    public init(_ question: HistoryQuestion) throws(CommandRefusal) {
        try self.init(question, now: WallClock.seconds)
    }

    /// - Parameter now: seconds since 1970
    init(_ question: HistoryQuestion, now: Double) throws(CommandRefusal) {
        guard [nil, "hour", "day"].contains(question.by) else {
            throw CommandRefusal(
                .malformedRequest, "by is hour or day, not '\(CommandRefusal.printable(question.by ?? ""))'")
        }
        self.question = question
        span = question.span ?? "24h"
        // The rows of usage and of this are of the same hours or days.
        var usage = UsageQuestion()
        usage.span = span
        usage.by = question.by.map { [$0] } ?? []
        let query = try UsageQuery(usage, now: now)
        (period, range) = (query.period, query.range)
        var changes = StoredQuestion()
        let begin = period == .hour ? range.lowerBound : UsageQuery.begin(ofDay: range.lowerBound)
        let end = period == .hour ? range.upperBound : UsageQuery.begin(ofDay: range.upperBound)
        changes.since = begin * 1_000_000
        changes.before = min(question.before ?? .max, end * 1_000_000)
        changes.limit = min(question.limit, HistoryQuestion.mostRows)
        changes.endpoint = question.endpoint
        self.changes = changes
    }

    func report(_ rows: [StandingRow], _ changes: [StandingChange], problem: String?) -> AvailabilityReport {
        var groups: [[String]: StandingSums] = [:]
        for row in rows
        where row.start >= range.lowerBound && row.start < range.upperBound && row.period == period
            && (question.endpoint.map { $0 == row.endpoint } ?? true)
        {
            let time = question.by.flatMap { UsageDimension(rawValue: $0) }.map { dimension in
                LocalDate.text(ofStart: row.start, row.period, dimension) { UsageQuery.offset(at: $0) }
            }
            groups[[row.endpoint, time ?? ""], default: StandingSums()].add(row.sums)
        }
        let wanted = changes.filter { change in
            change.id >= self.changes.since && change.id < self.changes.before
                && (question.endpoint.map { $0 == change.endpoint } ?? true)
        }
        return AvailabilityReport(
            span: span, problem: problem,
            rows: groups.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { names, sums in
                AvailabilityReport.Row(endpoint: names[0], time: names[1].isEmpty ? nil : names[1], sums)
            },
            changes: wanted.sorted { $0.id > $1.id }.prefix(max(0, self.changes.limit)).map { change in
                AvailabilityReport.Change(
                    key: change.id, time: Double(change.id) / 1e6, endpoint: change.endpoint,
                    before: "\(change.before)", after: "\(change.after)")
            })
    }

    /// The answer out of a file, where no Podium runs; nil where there is none.
    public func answer(fromFile path: String) -> AvailabilityReport? {
        guard access(path, F_OK) == 0 else { return nil }
        do throws(HistoryProblem) {
            let file = try RollUpFile.reader(path: path)
            return report(
                try file.standings(period, from: range.lowerBound, to: range.upperBound), try file.changes(changes),
                problem: nil)
        } catch {
            return report([], [], problem: error.text)
        }
    }
}

extension AvailabilityReport.Row {
    init(endpoint: String, time: String?, _ sums: StandingSums) {
        func seconds(_ milliseconds: Int64) -> Double { Double(milliseconds) / 1e3 }
        self.init(endpoint: endpoint, time: time)
        knownSeconds = seconds(sums.known)
        upSeconds = seconds(sums[.up])
        probationSeconds = seconds(sums[.probation])
        openSeconds = seconds(sums[.open])
        limitedSeconds = seconds(sums[.limited])
        misconfiguredSeconds = seconds(sums[.misconfigured])
        offSeconds = seconds(sums[.off])
        leadingSeconds = seconds(sums.leading)
        if sums.known > 0 { rankMean = Double(sums.rankTime) / Double(sums.known) }
        rankBest = sums.best > 0 ? sums.best : nil
        rankWorst = sums.worst > 0 ? sums.worst : nil
        changes = sums.changes
    }
}

extension Engine {
    /// How endpoints stood, also in earlier processes.
    public func availability(_ question: HistoryQuestion) async throws(CommandRefusal) -> AvailabilityReport {
        let query = try AvailabilityQuery(question)
        let (rows, changes, problem) = await account.standings(query)
        return query.report(rows, changes, problem: problem)
    }

    /// How they stand now.
    func standings() -> [String: Standing] { withState { $0.standings(now: .now) } }
}

extension EngineState {
    /// How all endpoints stand now, by name.
    func standings(now: ContinuousClock.Instant) -> [String: Standing] {
        var standings: [String: Standing] = [:]
        for (index, id) in ranking.order.enumerated() {
            guard let record = record(id) else { continue }
            var state = Standing.State(ranking.availability(of: id, now: now))
            if record.misconfiguration != nil { state = .misconfigured }
            if !record.settings.enabled { state = .off }
            standings[record.settings.name] = Standing(state, rank: Int64(index + 1))
        }
        return standings
    }
}

extension Standing.State {
    fileprivate init(_ availability: Availability?) {
        self =
            switch availability {
            case .available: .up
            case .halfOpen: .probation
            case .open: .open
            case .timedOut: .limited
            case .misconfigured: .misconfigured
            case .disabled, nil: .off
            }
    }
}
