import ArgumentParser
import Configuration
import PodiumModel
import Engine
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
        let file = try ConfigurationFile.readOrExit(path)
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
