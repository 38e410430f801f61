import ArgumentParser
import Console
import Control
import PodiumModel

struct EndpointListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the endpoints in rank order: rank, name, state, and what they answer with.")

    @OptionGroup var control: ControlOptions

    func run() async throws {
        let list = try await control.ask { client throws(ControlClientError) in try await client.endpoints() }
        if control.json {
            try control.printJSON(list)
            return
        }
        let rows = [["RANK", "NAME", "STATE", "P50", "OK", "URL"]] + list.endpoints.map(Self.row)
        for line in TextTable.lines(rows) { StandardStreams.output(line) }
    }

    private static func row(_ endpoint: Snapshot.Endpoint) -> [String] {
        let pin = endpoint.pinned ? " (pinned)" : ""
        let p50 = endpoint.traffic.p50Seconds.map { "\(Int(($0 * 1_000).rounded()))ms" } ?? "-"
        let ok = endpoint.traffic.successRatio.map { "\(Int(($0 * 100).rounded(.down)))%" } ?? "-"
        let url = endpoint.settings.baseURLs.first ?? "-"
        return [String(endpoint.rank), endpoint.name + pin, endpoint.state.rawValue, p50, ok, url]
    }
}

/// Columns for people; whoever wants to take them apart has --json.
enum TextTable {
    static func lines(_ rows: [[String]]) -> [String] {
        let cleaned = rows.map { $0.map(SafeText.clean) }
        let widths = (0..<(cleaned.first?.count ?? 0)).map { column in
            cleaned.map { TextWidth.columns(of: $0[column]) }.max() ?? 0
        }
        return cleaned.map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - TextWidth.columns(of: $0)) }
            let line = cells.joined(separator: "  ")
            return String(line.prefix(line.count - line.reversed().prefix { $0 == " " }.count))
        }
    }
}
