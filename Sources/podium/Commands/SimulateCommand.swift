import ArgumentParser
import Configuration
import Console
import Engine
import FoundationEssentials
import PodiumModel
import Ranking
import Support

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Replays recorded outcomes against ranking settings, so that a setting is chosen by evidence.",
        discussion: """
            `podium run --record FILE` records a trace; docs/ranking.md describes its format. Settings come from the \
            options, else from the file given with --config, else they are the defaults. The same trace, seed and \
            settings give the same result. Exits 65 if the trace cannot be read as one.
            """)

    @Option(help: ArgumentHelp("The trace; - reads it from standard input.", valueName: "file"))
    var trace: String

    @Option(help: "Seed of the cooldowns' jitter.")
    var seed: UInt64 = 1

    @Option(help: "Take the settings from this configuration file.")
    var config: String?

    @Option(help: "How much faster a challenger has to be, such as 15%.")
    var hysteresis: String?

    @Option(name: .customLong("min-dwell"), help: "How long a rank that was won is kept, such as 10s.")
    var minDwell: String?

    @Option(help: "Time constant of the response time, such as 30s.")
    var decay: String?

    @Option(name: .customLong("check-interval"), help: "Time between probes of idle endpoints, such as 30s.")
    var checkInterval: String?

    @Option(name: .customLong("recovery-threshold"), help: "Successes that end a probation.")
    var recoveryThreshold: Int?

    @Flag(help: "Show simpler ways of ranking beside these settings.")
    var compare = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let settings = try chosenSettings()
        let trace = try readTrace()
        let simulator = RankingSimulator(
            trace: trace, seed: seed, checkInterval: settings.checkInterval, start: .now)
        var policies: [(String, RankingSimulator.Policy)] = [("podium", .podium(settings))]
        if compare {
            policies += [
                ("last time wins", .lastResponseTime), ("plain average", .plainAverage(decay: settings.decay)),
                ("least failures", .leastFailures),
            ]
        }
        let outcome = SimulationOutcome(
            trace: trace, settings: settings, seed: seed,
            columns: policies.map { .init(title: $0.0, report: simulator.run($0.1)) })
        StandardStreams.output(json ? try outcome.json() : outcome.table)
    }

    private func chosenSettings() throws -> EndpointRanking.Settings {
        var settings = EndpointRanking.Settings()
        if let config {
            settings = try fileSettings(config)
        }
        if let hysteresis {
            settings.hysteresis = try Self.parsed("--hysteresis", hysteresis, FractionText.parse)
        }
        if let minDwell {
            settings.minDwell = try Self.parsed("--min-dwell", minDwell, DurationText.parse)
        }
        if let decay {
            settings.decay = try Self.parsed("--decay", decay, DurationText.parse)
        }
        if let checkInterval {
            settings.checkInterval = try Self.parsed("--check-interval", checkInterval, DurationText.parse)
        }
        if let recoveryThreshold {
            settings.recoveryThreshold = recoveryThreshold
        }
        guard settings.decay >= .milliseconds(1), settings.checkInterval >= .milliseconds(100),
            (1...1_000).contains(settings.recoveryThreshold)
        else {
            throw ValidationError(
                "--decay has to be at least 1ms, --check-interval at least 100ms, --recovery-threshold from 1 to 1000")
        }
        return settings
    }

    private func fileSettings(_ path: String) throws -> EndpointRanking.Settings {
        let file = try LoadedFile.readOrExit(path)
        guard let configuration = file.loaded.configuration else {
            for diagnostic in file.loaded.diagnostics where diagnostic.severity == .error {
                StandardStreams.error(diagnostic.rendered(file: path))
            }
            throw ExitCode(ExitStatus.badConfiguration.rawValue)
        }
        return EndpointRanking.Settings(configuration)
    }

    private static func parsed<Value>(
        _ option: String, _ text: String, _ parse: (String) throws(ValueProblem) -> Value
    ) throws -> Value {
        do {
            return try parse(text)
        } catch {
            throw ValidationError("\(option): \(error)")
        }
    }

    private func readTrace() throws -> OutcomeTrace {
        let text: String
        do throws(TextFile.ReadError) {
            text = try TextFile.read(trace)
        } catch {
            StandardStreams.error("podium: \(trace): \(error.reason)")
            throw ExitCode(ExitStatus.noInput.rawValue)
        }
        do throws(OutcomeTrace.ParseError) {
            return try OutcomeTrace(parsing: text)
        } catch {
            StandardStreams.error(
                "\(trace):\(error.line): error: \(error.reason); docs/ranking.md describes the format")
            throw ExitCode(ExitStatus.badData.rawValue)
        }
    }
}

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
        row("requests that waited") { "\($0.waitingRequests)" }
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
        let waitingRequests: Int
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
                failedFirstAttempts: report.failedFirstAttempts, waitingRequests: report.waitingRequests,
                orderChanges: report.orderChanges,
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
