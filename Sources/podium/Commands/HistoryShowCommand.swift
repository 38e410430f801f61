import ArgumentParser
import Console
import Control
import Engine
import PodiumModel
import Support

struct HistoryShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract:
            "How all endpoints did, or one of them hour by hour or day by day: requests, times, tokens, cost, availability.",
        discussion: """
            `podium history` and `podium history NAME` are the same as `podium history show`. Up to a week in hours (168h), and of single \
            days, one endpoint is shown by the hour, else by the day.

            OK% is the share of requests whose answer neither broke off nor named an error, RESC counts those that an endpoint asked before \
            had failed, FIRST and p95 are the median and the 95th percentile of the time to the first byte, TOK/S is the median speed of \
            streams, UP% the share of the time in which the endpoint was switched on that it could be used. What is not known, such as \
            while no Podium ran, is in no share.

            Exit codes: as of podium history.
            """)

    @Argument(help: ArgumentHelp("The endpoint.", valueName: "name"), completion: EndpointNames.completion)
    var endpoint: String?

    @Option(help: ArgumentHelp("How far back.", valueName: "span"))
    var since = "24h"

    @OptionGroup var control: ControlOptions

    func run() async throws {
        let step = isOfHours ? "hour" : "day"
        var usage = UsageQuestion()
        usage.span = since
        usage.endpoint = endpoint
        usage.by = endpoint == nil ? ["endpoint"] : [step]
        var history = HistoryQuestion()
        history.span = since
        history.endpoint = endpoint
        history.by = endpoint == nil ? nil : step
        let report = EndpointHistory(
            usage: try await control.usage(usage), availability: try await control.availability(history))
        try control.show(report, problem: report.usage.problem ?? report.availability.problem) {
            HistoryTable.lines($0, of: endpoint)
        }
    }

    private var isOfHours: Bool {
        if let count = Int(since.dropLast()), since.hasSuffix("h") { return count <= 24 * 7 }
        return !since.contains("..") && !since.hasSuffix("d") && since != "this-month"
    }
}

extension ControlOptions {
    /// Usage as a running Podium or the files that one has left say it.
    func usage(_ question: UsageQuestion) async throws -> UsageReport {
        try await askOrRead { client throws(ControlClientError) in
            try await client.usage(question)
        } fromFiles: { path throws(CommandRefusal) in
            try UsageQuery(question).answer(fromFile: path, prices: target.prices)
        }
    }

    /// The same of how endpoints stood.
    func availability(_ question: HistoryQuestion) async throws -> AvailabilityReport {
        try await askOrRead { client throws(ControlClientError) in
            try await client.availability(question)
        } fromFiles: { path throws(CommandRefusal) in
            try AvailabilityQuery(question).answer(fromFile: path)
        }
    }
}

/// What `podium history show` tells.
struct EndpointHistory: Encodable {
    var usage: UsageReport
    var availability: AvailabilityReport
}

/// Histories of endpoints as text.
enum HistoryTable {
    private static let heads = [
        "REQS", "OK%", "RESC", "FIRST", "p95", "TOK/S", "IN", "CACHE", "OUT", "COST", "UP%", "RANK",
    ]

    /// - Parameter endpoint: of which alone it is
    static func lines(_ report: EndpointHistory, of endpoint: String?) -> [String] {
        let stood = Dictionary(
            report.availability.rows.map { ($0.time ?? $0.endpoint, $0) }, uniquingKeysWith: { first, _ in first })
        let used = Dictionary(
            report.usage.rows.map { ($0.values[0], $0) }, uniquingKeysWith: { first, _ in first })
        var table = [[endpoint == nil ? "ENDPOINT" : "TIME"] + heads]
        for key in Set(stood.keys).union(used.keys).sorted() {
            table.append([key.isEmpty ? "-" : SafeText.clean(key)] + cells(used[key], stood[key]))
        }
        let all = endpoint == nil ? nil : total(report.availability)
        table.append(["all"] + cells(report.usage.total, all))
        var lines = TextTable.lines(table, leftColumns: 1) + [""]
        if let all { lines += rank(all) }
        return lines + outages(report.availability) + UsageTable.footer(report.usage)
    }

    private static func cells(_ used: UsageReport.Row?, _ stood: AvailabilityReport.Row?) -> [String] {
        var cells = [String](repeating: "", count: heads.count - 2)
        if let used {
            let plain = UsageTable.cells(used)
            let speed = used.tokensPerSecondP50.map { "\(Int($0 + 0.5))" } ?? ""
            cells = Array(plain[..<5]) + [speed] + Array(plain[5...])
        }
        return cells + [share(stood?.upShare), ranks(stood)]
    }

    private static func total(_ report: AvailabilityReport) -> AvailabilityReport.Row? {
        guard var all = report.rows.first else { return nil }
        for row in report.rows.dropFirst() {
            let known = all.knownSeconds + row.knownSeconds
            if let mean = all.rankMean, let other = row.rankMean, known > 0 {
                all.rankMean = (mean * all.knownSeconds + other * row.knownSeconds) / known
            }
            all.knownSeconds = known
            all.upSeconds += row.upSeconds
            all.probationSeconds += row.probationSeconds
            all.offSeconds += row.offSeconds
            all.leadingSeconds += row.leadingSeconds
            all.rankBest = [all.rankBest, row.rankBest].compactMap(\.self).min()
            all.rankWorst = [all.rankWorst, row.rankWorst].compactMap(\.self).max()
            all.changes += row.changes
        }
        return all
    }

    static func share(_ share: Double?) -> String {
        guard let share else { return "" }
        // Rounded down: 100.0 is said only where nothing was missing.
        let tenths = Int(share * 1_000 + 1e-9)
        return "\(tenths / 10).\(tenths % 10)"
    }

    static func ranks(_ row: AvailabilityReport.Row?) -> String {
        guard let row, let best = row.rankBest, let worst = row.rankWorst else { return "" }
        return best == worst ? "\(best)" : "\(best)-\(worst)"
    }

    private static func rank(_ row: AvailabilityReport.Row) -> [String] {
        ["first in the order and up for \(time(row.leadingSeconds)) of the \(time(row.knownSeconds)) that are known"]
    }

    /// When endpoints could not be used, the newest last.
    private static func outages(_ report: AvailabilityReport) -> [String] {
        var begun: [String: AvailabilityReport.Change] = [:]
        var lines: [String] = []
        func line(_ change: AvailabilityReport.Change, _ end: Double?) -> String {
            let lasted = end.map { "for \(time($0 - change.time))" } ?? "since then"
            return SafeText.clean("\(LocalTime.text(change.time)) \(change.endpoint): \(change.after) \(lasted)")
        }
        for change in report.changes.reversed() {
            if let before = begun.removeValue(forKey: change.endpoint) { lines.append(line(before, change.time)) }
            if ["open", "limited", "misconfigured"].contains(change.after) { begun[change.endpoint] = change }
        }
        for change in begun.values.sorted(by: { $0.time < $1.time }) { lines.append(line(change, nil)) }
        return lines
    }

    static func time(_ seconds: Double) -> String { Duration.seconds(seconds).shortText }
}

struct HistoryAvailabilityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "availability",
        abstract: "For how long endpoints were in which state and at which rank, and when that changed.",
        discussion: """
            KNOWN is for how long it is known; while no Podium ran, and up to ten seconds before one was killed, it is not. FIRST is for how \
            long the endpoint was up and the first in the order.

            Exit codes: as of podium history.
            """)

    @Option(help: ArgumentHelp("How far back.", valueName: "span"))
    var since = "24h"

    @Option(help: "Only this endpoint.", completion: EndpointNames.completion)
    var endpoint: String?

    @Option(help: ArgumentHelp("A row for each hour or day.", valueName: "hour|day"))
    var by: String?

    @Option(help: ArgumentHelp("How many changes.", valueName: "n"))
    var last = 50

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var question = HistoryQuestion()
        (question.span, question.endpoint, question.by, question.limit) = (since, endpoint, by, max(0, last))
        let report = try await control.availability(question)
        try control.show(report, problem: report.problem) { Self.lines($0) }
    }

    private static func lines(_ report: AvailabilityReport) -> [String] {
        let hasTimes = report.rows.contains { $0.time != nil }
        let states = ["UP", "PROBATION", "OPEN", "LIMITED", "MISCONFIGURED", "OFF"]
        var table = [
            ["ENDPOINT"] + (hasTimes ? ["TIME"] : []) + ["UP%"] + states + ["KNOWN", "FIRST", "RANK", "CHANGES"]
        ]
        for row in report.rows {
            let times = [
                row.upSeconds, row.probationSeconds, row.openSeconds, row.limitedSeconds, row.misconfiguredSeconds,
                row.offSeconds, row.knownSeconds, row.leadingSeconds,
            ]
            table.append(
                [SafeText.clean(row.endpoint)] + (hasTimes ? [row.time ?? ""] : []) + [HistoryTable.share(row.upShare)]
                    + times.map { $0 > 0 ? HistoryTable.time($0) : "-" } + [HistoryTable.ranks(row), "\(row.changes)"])
        }
        let changes = report.changes.reversed().map { change in
            SafeText.clean("\(LocalTime.text(change.time)) \(change.endpoint): \(change.before) → \(change.after)")
        }
        return TextTable.lines(table, leftColumns: hasTimes ? 2 : 1) + (changes.isEmpty ? [] : [""] + changes)
    }
}
