import ArgumentParser
import Console
import Control
import Engine
import PodiumModel
import Support

struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Says what requests used in tokens and what that cost, also of earlier days and while nothing runs.",
        discussion: """
            SPAN is 24h, 30d, today, yesterday, this-month, a date such as 2026-11-30, or 2026-11-01..2026-11-15. Up to a week \
            in hours (168h) goes by the hour, everything else by whole local days.

            Costs are of the list prices that are known, and are no bill: `?` stands where a model has no price, `+?` behind a \
            sum in which some are missing, `*` behind figures of which answers said only a part.

            Exit codes: 0 there is an answer, 1 the question cannot be understood, 69 nothing runs and there is no history, \
            77 it belongs to another user.
            """)

    @Option(help: ArgumentHelp("How far back.", valueName: "span"))
    var since = "30d"

    @Option(
        help: ArgumentHelp(
            "Grouped by these, with commas between: \(UsageQuestion.dimensions.joined(separator: ", ")).",
            valueName: "what"))
    var by = "endpoint"

    @Option(help: "Only this endpoint.", completion: EndpointNames.completion)
    var endpoint: String?

    @Option(help: ArgumentHelp("Only models of this name or pattern (claude-*).", valueName: "pattern"))
    var model: String?

    @Option(help: ArgumentHelp("Only the client of this name.", valueName: "name"), completion: ClientNames.completion)
    var client: String?

    @Flag(
        help:
            "Reckon costs anew by the prices of today; what that cannot be done for is named. Nothing that is kept changes."
    )
    var reprice = false

    @Flag(help: "Print a table for spreadsheets.")
    var csv = false

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var question = UsageQuestion()
        question.span = since
        question.by = by.split(separator: ",").map { String($0.trimming(" ")) }
        question.endpoint = endpoint
        question.model = model
        question.client = client
        question.reprices = reprice
        let report = try await control.usage(question)
        if control.json {
            try control.printJSON(report)
        } else {
            for line in csv ? UsageTable.csv(report) : UsageTable.lines(report) { StandardStreams.output(line) }
        }
    }
}

/// A report of usage as text.
enum UsageTable {
    private static let heads = ["REQS", "OK%", "RESC", "FIRST", "p95", "IN", "CACHE", "OUT", "COST"]

    static func lines(_ report: UsageReport) -> [String] {
        var table = [report.by.map { $0.uppercased() } + heads]
        for row in report.rows { table.append(row.values.map(name) + cells(row)) }
        if report.rows.count != 1 || report.by.isEmpty {
            let blanks = [String](repeating: "", count: max(0, report.by.count - 1))
            table.append((report.by.isEmpty ? [] : ["all"] + blanks) + cells(report.total))
        }
        if report.by.isEmpty, report.rows.count == 1 { table.removeLast() }
        return TextTable.lines(table, leftColumns: report.by.count) + footer(report)
    }

    /// What is to be known of the figures.
    static func footer(_ report: UsageReport) -> [String] {
        var lines: [String] = []
        lines.append("")
        lines.append(
            "\(report.span); \(report.currency) by prices of \(report.pricesDate.isEmpty ? "no date" : report.pricesDate), not a bill"
        )
        if report.total.unpriced > 0 {
            lines.append("\(report.total.unpriced.counted("request")) of models without a price")
        }
        if report.total.unread > 0 {
            lines.append("\(report.total.unread.counted("answer")) did not say what was used, or could not be read")
        }
        if let repricing = report.repricing {
            lines.append("costs are reckoned anew by these prices, once for each sum that is kept")
            if let problem = repricing.problem {
                lines.append("without the file of prices: \(SafeText.clean(problem))")
            }
            for left in repricing.left {
                lines.append(
                    SafeText.clean(
                        "as they were: \(Int(left.requests).counted("request")) of \(left.model.isEmpty ? "no model" : left.model)"
                            + " at \(left.endpoint.isEmpty ? "-" : left.endpoint): \(left.reason)"))
            }
        }
        if let problem = report.problem {
            lines.append(
                "the history cannot be read, so that this is of the present process alone: \(SafeText.clean(problem))")
        }
        return lines
    }

    private static func name(_ text: String) -> String { text.isEmpty ? "-" : SafeText.clean(text) }

    static func cells(_ row: UsageReport.Row) -> [String] {
        let mark = row.partial > 0 || row.unread > 0 ? "*" : ""
        let good = row.requests == 0 ? "" : percent(row.requests - row.broken - row.errors, of: row.requests)
        let isKnown = row.read + row.partial > 0
        func tokens(_ count: Int64) -> String { isKnown ? short(count) + mark : row.unread > 0 ? "?" : "-" }
        return [
            short(row.requests), good, short(row.rescued), seconds(row.firstByteP50Seconds),
            seconds(row.firstByteP95Seconds),
            tokens(row.input), tokens(row.cacheRead + row.cacheWrite5m + row.cacheWrite1h), tokens(row.output),
            isKnown ? row.costText : row.unread > 0 ? "?" : "-",
        ]
    }

    private static func percent(_ part: Int64, of whole: Int64) -> String {
        let tenths = part * 1_000 / whole
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func seconds(_ value: Double?) -> String {
        guard let value else { return "" }
        let hundredths = Int(min(value, 1e6) * 100 + 0.5)
        return "\(hundredths / 100).\((hundredths % 100).twoDigits)"
    }

    /// `812`, `41.2k`, `310M`.
    static func short(_ count: Int64) -> String {
        var (value, unit) = (Double(count), "")
        for next in ["k", "M", "G", "T"] where value >= 999.5 {
            value /= 1_000
            unit = next
        }
        guard !unit.isEmpty, value < 99.95 else { return "\(Int64(value + 0.5))\(unit)" }
        let tenths = Int64(value * 10 + 0.5)
        return "\(tenths / 10).\(tenths % 10)\(unit)"
    }

    static func csv(_ report: UsageReport) -> [String] {
        let numbers: [(String, KeyPath<UsageReport.Row, Int64>)] = [
            ("requests", \.requests), ("attempts", \.attempts), ("failed", \.failed), ("rescued", \.rescued),
            ("broken", \.broken), ("aborted", \.aborted), ("errors", \.errors), ("streams", \.streams),
            ("read", \.read), ("partial", \.partial), ("unread", \.unread), ("input", \.input), ("output", \.output),
            ("cache_read", \.cacheRead), ("cache_write_5m", \.cacheWrite5m), ("cache_write_1h", \.cacheWrite1h),
            ("reasoning", \.reasoning), ("unpriced", \.unpriced), ("bytes_up", \.bytesUp), ("bytes_down", \.bytesDown),
        ]
        let head = report.by + numbers.map(\.0) + ["cost"]
        return [head.joined(separator: ",")]
            + report.rows.map { row in
                (row.values.map(quoted) + numbers.map { "\(row[keyPath: $0.1])" } + [row.cost]).joined(separator: ",")
            }
    }

    /// After RFC 4180; and a text that a spreadsheet would take for a formula is none.
    private static func quoted(_ text: String) -> String {
        var text = SafeText.clean(text)
        if let first = text.first, "=+-@".contains(first) { text = "'" + text }
        guard text.contains(where: { $0 == "," || $0 == "\"" }) else { return text }
        return "\"\(text.replacing("\"", with: "\"\""))\""
    }
}
