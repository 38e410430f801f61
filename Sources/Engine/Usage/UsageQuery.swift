public import Configuration
internal import History
public import PodiumModel
internal import Pricing
internal import Support
internal import Trends

/// A question about usage that has been understood: which rows are to be read, and what becomes of them.
///
/// The same for a running engine, which lays over them what is in memory, and for a file of which no process takes care now.
public struct UsageQuery: Sendable {
    let period: CellKey.Period
    /// The end is not included.
    let range: Range<Int64>
    /// The rows are minutes, which no file has.
    let isByMinute: Bool
    private let question: UsageQuestion
    private let dimensions: [UsageDimension]

    /// - Throws: `CommandRefusal` that says what cannot be understood
    public init(_ question: UsageQuestion) throws(CommandRefusal) {
        try self.init(question, now: WallClock.seconds)
    }

    /// - Parameter now: seconds since 1970
    init(_ question: UsageQuestion, now: Double) throws(CommandRefusal) {
        let moment = LocalMoment(microseconds: Int64(now * 1e6), offset: Self.offset(at: Int64(now)))
        let span = try Self.span(question.span, now: now)
        var dimensions: [UsageDimension] = []
        for name in question.by {
            guard UsageQuestion.dimensions.contains(name), let dimension = UsageDimension(rawValue: name) else {
                throw CommandRefusal(
                    .malformedRequest,
                    "usage is grouped by \(UsageQuestion.dimensions.joined(separator: ", ")), "
                        + "not by '\(CommandRefusal.printable(name))'")
            }
            if !dimensions.contains(dimension) { dimensions.append(dimension) }
        }
        self.question = question
        self.dimensions = dimensions
        let isByMinute = dimensions.contains(.minute)
        self.isByMinute = isByMinute
        guard !isByMinute || Self.hasMinutes(span, dimensions, question) else {
            throw CommandRefusal(
                .malformedRequest,
                "minutes are known of the last hour (1h), of all endpoints or of one, and not by model or client")
        }
        switch span {
        case .hours where isByMinute:
            period = .hour
            range = moment.minute - Int64(MinuteTable.minutes - 1) * 60..<moment.minute + 60
        case .hours(let count):
            period = .hour
            range = moment.hour - (count - 1) * 3_600..<moment.hour + 3_600
        case .days(let days) where dimensions.contains(.hour):
            // The hours of local days, of which the first and the last may have another offset than now.
            period = .hour
            range = Self.begin(ofDay: days.lowerBound)..<Self.begin(ofDay: days.upperBound)
        case .days(let days):
            period = .day
            range = days
        }
    }

    private static func hasMinutes(
        _ span: UsageSpan, _ dimensions: [UsageDimension], _ question: UsageQuestion
    ) -> Bool {
        span == .hours(1) && !dimensions.contains(.model) && !dimensions.contains(.client) && question.model == nil
            && question.client == nil && !question.reprices
    }

    static func offset(at unixTime: Int64) -> Int64 { Int64(WallClock.utcOffset(at: Double(unixTime))) }

    /// - Parameter now: seconds since 1970
    static func span(_ text: String, now: Double) throws(CommandRefusal) -> UsageSpan {
        let moment = LocalMoment(microseconds: Int64(now * 1e6), offset: offset(at: Int64(now)))
        guard let span = UsageSpan(text, today: moment.day) else {
            throw CommandRefusal(
                .malformedRequest,
                "'\(CommandRefusal.printable(text))' is no span: 24h, 30d, today, yesterday, this-month, "
                    + "2026-11-30 or 2026-11-01..2026-11-15")
        }
        return span
    }

    /// The unix time at which the local day began.
    static func begin(ofDay day: Int64) -> Int64 {
        let guess = day * 86_400 - offset(at: day * 86_400)
        return day * 86_400 - offset(at: guess)
    }

    /// Whether costs are wanted by the prices of today.
    var reprices: Bool { question.reprices }

    /// - Parameter prices: where costs are to be reckoned anew
    func report(
        _ rows: [UsageRow], currency: String, pricesDate: String, problem: String?, prices: UsagePrices? = nil
    ) -> UsageReport {
        var rows = rows.filter { row in
            (question.endpoint.map { $0 == row.endpoint } ?? true)
                && (question.client.map { $0 == row.client } ?? true)
                && (question.model.map { PriceTable.matches(row.model, $0) } ?? true)
        }
        var repricing = prices.map { Repricing($0) }
        if repricing != nil { rows = rows.map { repricing?.reprice($0) ?? $0 } }
        let groups = UsageGroup.groups(of: rows, by: dimensions) { Self.offset(at: $0) }
        var all = Cell()
        for group in groups { all.add(group.cell) }
        var report = UsageReport(
            span: question.span, by: dimensions.map(\.rawValue), currency: currency, pricesDate: pricesDate,
            problem: problem, rows: groups.map { Self.row($0.cell, $0.values) },
            total: Self.row(all, []))
        report.repricing = repricing?.note
        return report
    }

    private static func row(_ cell: Cell, _ values: [String]) -> UsageReport.Row {
        var row = UsageReport.Row(values: values)
        (row.requests, row.attempts, row.failed) = (cell[.requests], cell[.attempts], cell[.failed])
        (row.rescued, row.broken, row.aborted) = (cell[.rescued], cell[.broken], cell[.aborted])
        (row.errors, row.streams) = (cell[.errors], cell[.streams])
        (row.read, row.partial, row.unread) = (cell[.read], cell[.partial], cell[.unread])
        (row.input, row.output, row.reasoning) = (cell[.input], cell[.output], cell[.reasoning])
        (row.cacheRead, row.cacheWrite5m, row.cacheWrite1h) = (
            cell[.cacheRead], cell[.cacheWrite5m], cell[.cacheWrite1h]
        )
        row.cost = Decimal.text(picos: cell[.cost])
        row.unpriced = cell[.unpriced]
        row.costComplete = cell[.unpriced] == 0
        (row.bytesUp, row.bytesDown) = (cell[.bytesUp], cell[.bytesDown])
        func seconds(_ measure: Measure, _ percent: Int) -> Double? {
            cell[measure].percentile(percent).map { Double($0) / 1e6 }
        }
        row.firstByteP50Seconds = seconds(.firstByte, 50)
        row.firstByteP95Seconds = seconds(.firstByte, 95)
        row.firstContentP50Seconds = seconds(.firstToken, 50)
        row.firstContentP95Seconds = seconds(.firstToken, 95)
        row.tokensPerSecondP50 = cell[.speed].percentile(50).map { Double($0) / 1e3 }
        row.totalP50Seconds = seconds(.total, 50)
        row.totalP95Seconds = seconds(.total, 95)
        return row
    }

    /// The answer out of a file, where no Podium runs.
    ///
    /// - Parameter prices: those of the configuration
    /// - Returns: nil where there is no file
    public func answer(
        fromFile path: String, prices: UsagePrices = UsagePrices(UsageSettings(), folder: "")
    ) -> UsageReport? {
        guard access(path, F_OK) == 0, !isByMinute else { return nil }
        let first = prices.list.tables.first
        let (currency, date) = (first?.currency ?? "", first?.date ?? "")
        let new = reprices ? prices : nil
        do throws(HistoryProblem) {
            let rows = try RollUpFile.reader(path: path).rows(period, from: range.lowerBound, to: range.upperBound)
            return report(rows, currency: currency, pricesDate: date, problem: nil, prices: new)
        } catch {
            return report([], currency: currency, pricesDate: date, problem: error.text, prices: new)
        }
    }
}

extension Engine {
    /// What requests used and what that cost.
    public func usage(_ question: UsageQuestion) async throws(CommandRefusal) -> UsageReport {
        let query = try UsageQuery(question)
        var (rows, problem): ([UsageRow], String?) = ([], nil)
        if query.isByMinute {
            rows = await account.minutes(from: query.range.lowerBound, to: query.range.upperBound)
        } else {
            (rows, problem) = await account.rows(
                query.period, from: query.range.lowerBound, to: query.range.upperBound)
        }
        let (currency, date) = account.priceLabel
        var prices = query.reprices ? account.prices : nil
        prices?.endpoints = Set(withState { $0.records.slots.compactMap { $0?.settings.name } })
        return query.report(
            rows, currency: currency, pricesDate: date, problem: problem,
            prices: prices)
    }
}
