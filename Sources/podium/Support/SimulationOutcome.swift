import Configuration
import PodiumModel
import Console
import Engine
import FoundationEssentials
import Ranking
import Support

/// What `simulate` prints.
struct SimulationOutcome {
    struct Column {
        let title: String
        let report: RankingSimulator.Report
    }

    let trace: OutcomeTrace
    let settings: EndpointRanking.Settings
    let seed: UInt64
    let columns: [Column]

    // MARK: As a table

    var table: String {
        let span = trace.requests.last.map(\.shortText) ?? "0 s"
        let head = [
            "trace     \(trace.requests.count) requests to \(trace.endpoints.count) endpoints in \(span)",
            "settings  hysteresis \(percent(settings.hysteresis)), min_dwell \(DurationText.render(settings.minDwell)), "
                + "decay \(DurationText.render(settings.decay)), "
                + "check_interval \(DurationText.render(settings.checkInterval)), "
                + "recovery_threshold \(settings.recoveryThreshold), seed \(seed)",
            "",
        ]
        var rows: [[String]] = [[""] + columns.map(\.title)]
        func row(_ title: String, _ value: (RankingSimulator.Report) -> String) {
            rows.append([title] + columns.map { value($0.report) })
        }
        row("order changes") { "\($0.orderChanges)" }
        row("switches of endpoint") { "\($0.switches)" }
        row("failed first attempts") { "\($0.failedFirstAttempts)" }
        row("failed requests") { "\($0.failedRequests)" }
        row("mean time to first byte") { $0.meanTimeToFirstByte?.shortText ?? "-" }
        for (index, name) in trace.endpoints.enumerated() {
            row("time first: \(SafeText.clean(name))") { report in
                let total = report.timeOnTop.reduce(.zero, +)
                let share = total > .zero ? " (\(percent(report.timeOnTop[index] / total)))" : ""
                return report.timeOnTop[index].shortText + share
            }
        }
        row("first in the end") { $0.finalOrder.first.map { SafeText.clean(trace.endpoints[$0]) } ?? "-" }
        return (head + Self.aligned(rows)).joined(separator: "\n")
    }

    private func percent(_ share: Double) -> String {
        let tenths = (share * 1_000).rounded() / 10
        return tenths == tenths.rounded() ? "\(Int(tenths))%" : "\(tenths)%"
    }

    private static func aligned(_ rows: [[String]]) -> [String] {
        let widths = (rows.first ?? []).indices.map { column in
            rows.map { TextWidth.columns(of: $0[column]) }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { index, cell in
                let padding = String(repeating: " ", count: widths[index] - TextWidth.columns(of: cell))
                return index == 0 ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }
    }

    // MARK: As JSON

    private struct Document: Encodable {
        let rule: String
        let requests: Int
        let failedRequests: Int
        let failedFirstAttempts: Int
        let orderChanges: Int
        let switches: Int
        let meanTimeToFirstByteSeconds: Double?
        let secondsFirst: [String: Double]
        let finalOrder: [String]
    }

    /// One object for each rule.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let documents = columns.map { column in
            let report = column.report
            let onTop = zip(trace.endpoints, report.timeOnTop).map { ($0, Self.seconds($1)) }
            return Document(
                rule: column.title, requests: report.requests, failedRequests: report.failedRequests,
                failedFirstAttempts: report.failedFirstAttempts, orderChanges: report.orderChanges,
                switches: report.switches,
                meanTimeToFirstByteSeconds: report.meanTimeToFirstByte.map(Self.seconds),
                secondsFirst: Dictionary(onTop, uniquingKeysWith: { first, _ in first }),
                finalOrder: report.finalOrder.map { trace.endpoints[$0] })
        }
        return String(decoding: try encoder.encode(documents), as: UTF8.self)
    }

    private static func seconds(_ time: Duration) -> Double {
        (time / .seconds(1) * 1e6).rounded() / 1e6
    }
}
