import ArgumentParser
import Configuration
import Console
import Control
import Engine
import PodiumModel
import Support

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Shows what has happened, also of earlier days and while nothing runs.",
        discussion: """
            SPAN is 24h, 30d, today, yesterday, this-month, a date such as 2026-11-30, or 2026-11-01..2026-11-15.

            Exit codes: 0 there is an answer, 1 the question cannot be understood or a check has found damage, 73 a copy cannot be \
            made there, 69 nothing runs and there is no history, 77 it belongs to another user.
            """,
        subcommands: [
            HistoryShowCommand.self, HistoryAvailabilityCommand.self, HistoryRequestsCommand.self,
            HistoryEventsCommand.self, HistoryFlushesCommand.self,
            HistoryCheckCommand.self, HistoryExportCommand.self,
            HistoryPathCommand.self,
        ], defaultSubcommand: HistoryShowCommand.self)
}

extension ControlOptions {
    /// Asks the running Podium; where none runs the files that one has left.
    ///
    /// - Parameter fromFiles: takes the path of the file of the sums; nil where there is no history
    func askOrRead<Report>(
        _ ask: (ControlClient) async throws(ControlClientError) -> Report,
        fromFiles: (String) throws(CommandRefusal) -> Report?
    ) async throws -> Report {
        // A process that was killed leaves its socket behind.
        var isRunning = target.socket != nil
        if !isRunning, target.socketPath != nil {
            let client = try target.client()
            do throws(ControlClientError) { return try await ask(client) } catch {
                if case .unreachable = error {} else { isRunning = true }
            }
        }
        if !isRunning, let path = target.historyPath {
            do throws(CommandRefusal) {
                if let report = try fromFiles(path) { return report }
            } catch {
                StandardStreams.error("podium: \(SafeText.clean(error.line))")
                throw ExitCode(ExitStatus.checkFailed.rawValue)
            }
        }
        return try await self.ask { client throws(ControlClientError) in try await ask(client) }
    }

    /// Prints a report as JSON or as lines.
    ///
    /// - Parameter problem: why it may lack something, for the other stream; JSON has it within
    func show<Report: Encodable>(_ report: Report, problem: String?, lines: (Report) -> [String]) throws {
        if json { return try printJSON(report) }
        for line in lines(report) { StandardStreams.output(line) }
        if let problem { StandardStreams.error("podium: \(SafeText.clean(problem))") }
    }
}

extension ControlTarget {
    /// The file of the sums; nil where there is no place for it.
    var historyPath: String? {
        let settings = (try? LoadedFile(path: configPath))?.loaded.configuration?.usage
        return HistoryPlace.rollUps(
            configuration: configPath, settings ?? UsageSettings(), environment: LoadedFile.environment)
    }

    /// Those of the configuration, for what is read out of files.
    var prices: UsagePrices {
        let configuration = (try? LoadedFile(path: configPath))?.loaded.configuration
        var prices = UsagePrices(
            configuration?.usage ?? UsageSettings(), folder: Engine.folder(ofConfiguration: configPath))
        prices.endpoints = configuration.map { Set($0.endpoints.map(\.name)) }
        return prices
    }

    /// - Throws: `ExitCode`, after having said that there is no history.
    func historyFiles() throws -> [String] {
        let files = historyPath.map { [$0, HistoryPlace.requests(besides: $0)] } ?? []
        let present = files.filter { access($0, F_OK) == 0 }
        guard !present.isEmpty else {
            StandardStreams.error("podium: there is no history of \(configPath) yet, or it belongs to another user")
            throw ExitCode(ExitStatus.unavailable.rawValue)
        }
        return present
    }
}

struct HistoryRequestsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requests",
        abstract: "The last requests, and of those that failed somewhere the way from endpoint to endpoint.",
        discussion: """
            The times are those of their ends. `failed` are requests that no endpoint answered well, or not at once. What was asked \
            and answered is nowhere kept.

            Exit codes: as of podium history.
            """)

    @Option(help: ArgumentHelp("How many.", valueName: "n"))
    var last = 50

    @Option(help: ArgumentHelp("Only of this time.", valueName: "span"))
    var since: String?

    @Flag(help: "Only those that failed, or were answered by another endpoint than the first.")
    var failed = false

    @Option(help: "Only those that this endpoint answered or failed.", completion: EndpointNames.completion)
    var endpoint: String?

    @Option(
        help: ArgumentHelp("Only those of the client of this name.", valueName: "name"),
        completion: ClientNames.completion)
    var client: String?

    @Option(help: ArgumentHelp("Only the one of this id.", valueName: "request-id"))
    var id: String?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var question = HistoryQuestion()
        question.limit = max(0, last)
        question.span = since
        question.isFailed = failed
        question.endpoint = endpoint
        question.client = client
        question.request = id
        let report = try await control.askOrRead { client throws(ControlClientError) in
            try await client.loggedRequests(question)
        } fromFiles: { path throws(CommandRefusal) in
            try HistoryQuery(question).requests(fromFileBeside: path)
        }
        try control.show(report, problem: report.problem) { RequestLogLines.lines($0) }
    }
}

/// The log of requests as text.
enum RequestLogLines {
    /// The oldest first, as other logs have it.
    static func lines(_ report: RequestLogReport) -> [String] {
        report.requests.reversed().flatMap { row in
            [line(row)] + row.walk.map { "    " + line($0) }
        }
    }

    private static func line(_ row: RequestLogReport.Row) -> String {
        var words = [LocalTime.text(row.time), row.id ?? "-", row.kind + (row.stream ? " stream" : "")]
        words.append(row.status.map { "\($0)" } ?? "no answer")
        words.append(row.endpoint.map { "by \($0)" } ?? "by Podium itself")
        if let model = row.model { words.append(model) }
        if let asked = row.modelAsked, asked != row.model { words.append("asked for \(asked)") }
        if let client = row.client { words.append("for \(client)") }
        words.append(row.ending.replacing("_", with: " "))
        words.append("\(duration(row.seconds)) in all")
        if let first = row.firstContentSeconds ?? row.firstByteSeconds { words.append("first \(duration(first))") }
        words += usage(row)
        return SafeText.clean(words.joined(separator: "  "))
    }

    private static func usage(_ row: RequestLogReport.Row) -> [String] {
        switch row.usage {
        case "none": return []
        case "unread": return ["usage ?"]
        default:
            let cache = (row.cacheRead ?? 0) + (row.cacheWrite5m ?? 0) + (row.cacheWrite1h ?? 0)
            let mark = row.usage == "partial" ? "*" : ""
            return [
                "in \(row.input ?? 0)\(mark) cache \(cache)\(mark) out \(row.output ?? 0)\(mark)",
                "cost \(row.cost ?? "?")",
            ]
        }
    }

    private static func line(_ step: RequestLogReport.Step) -> String {
        var words = ["\(step.endpoint): \(step.outcome.replacing("_", with: " "))"]
        if let status = step.status { words.append("status \(status)") }
        if let verdict = step.verdict { words.append("verdict: \(verdict)") }
        if let first = step.firstByteSeconds { words.append("first byte after \(duration(first))") }
        words.append("\(duration(step.seconds)) in all")
        return SafeText.clean(words.joined(separator: ", "))
    }

    private static func duration(_ seconds: Double) -> String { Duration.seconds(seconds).shortText }
}

struct HistoryEventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "What has happened to endpoints, the configuration and Podium itself, also before the last start.",
        discussion: """
            What repeats is one line with a count. Of what comes with requests only what such events have in common is kept, and no \
            client, path or id.

            Exit codes: as of podium history.
            """)

    @Option(help: ArgumentHelp("How many.", valueName: "n"))
    var last = 50

    @Option(help: ArgumentHelp("Only of this time.", valueName: "span"))
    var since: String?

    @Option(help: "Only of this level or a higher one.")
    var level: LevelChoice?

    @Option(help: "Only what concerns this endpoint.", completion: EndpointNames.completion)
    var endpoint: String?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var question = HistoryQuestion()
        question.limit = max(0, last)
        question.span = since
        question.level = level.flatMap { EventLevel(rawValue: $0.rawValue) }
        question.endpoint = endpoint
        let report = try await control.askOrRead { client throws(ControlClientError) in
            try await client.pastEvents(question)
        } fromFiles: { path throws(CommandRefusal) in
            try HistoryQuery(question).events(fromFile: path)
        }
        try control.show(report, problem: report.problem) { $0.events.reversed().map(Self.line) }
    }

    private static func line(_ event: Snapshot.Event) -> String {
        let subject = event.endpoint.map { "\($0): " } ?? ""
        let repeats = event.count.map { ", \($0) times until \(LocalTime.text(event.time))" } ?? ""
        return SafeText.clean(
            "\(LocalTime.text(event.firstTime ?? event.time)) \(event.level) \(event.source): \(subject)\(event.text)\(repeats)"
        )
    }
}

/// A level as the command line takes it.
enum LevelChoice: String, ExpressibleByArgument, CaseIterable {
    case debug, info, warning, error
}

struct HistoryFlushesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flushes",
        abstract: "When the configuration was written, why, how long it took and how it ended.",
        discussion: "Exit codes: as of podium history.")

    @Option(help: ArgumentHelp("How many.", valueName: "n"))
    var last = 50

    @Option(help: ArgumentHelp("Only of this time.", valueName: "span"))
    var since: String?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var question = HistoryQuestion()
        question.limit = max(0, last)
        question.span = since
        let report = try await control.askOrRead { client throws(ControlClientError) in
            try await client.pastFlushes(question)
        } fromFiles: { path throws(CommandRefusal) in
            try HistoryQuery(question).flushes(fromFile: path)
        }
        try control.show(report, problem: report.problem) { $0.flushes.reversed().map(Self.line) }
    }

    private static func line(_ flush: FlushHistoryReport.Row) -> String {
        func time(_ seconds: Double) -> String { Duration.seconds(seconds).shortText }
        let error = flush.errorCode.map { " \($0)" } ?? ""
        return SafeText.clean(
            "\(LocalTime.text(flush.time)) \(flush.trigger): \(flush.result)\(error), \(Int(flush.changes).counted("change")), "
                + "\(flush.bytesChanged) of \(flush.fileSize) bytes, \(time(flush.totalSeconds)) in all "
                + "(encode \(time(flush.encodeSeconds)), write \(time(flush.writeSeconds)), fsync \(time(flush.fsyncSeconds)), "
                + "rename \(time(flush.renameSeconds)))")
    }
}

/// Points in time as people read them who look at several days.
enum LocalTime {
    /// `2026-11-30 14:03:22`
    static func text(_ time: Double) -> String {
        let seconds = Int(max(0, min(time, 1e11)))
        let local = CivilTime(unixTime: seconds + WallClock.utcOffset(at: Double(seconds)))
        return "\(local.date) \(local.clock)"
    }
}

struct HistoryCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Looks for damage in the history's files: SQLite's own check, and the checksum of each row.",
        discussion: "It changes nothing, and Podium may run meanwhile. Exit codes: as of podium history.")

    @OptionGroup var target: ControlTarget

    func run() async throws {
        var isSound = true
        for path in try target.historyFiles() {
            let problems = HistoryCare.check(path)
            isSound = isSound && problems.isEmpty
            for problem in problems.isEmpty ? ["sound"] : problems {
                StandardStreams.output("\(path): \(SafeText.clean(problem))")
            }
        }
        if !isSound { throw ExitCode(ExitStatus.checkFailed.rawValue) }
    }
}

struct HistoryExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Copies the history into a folder, each file whole and of one moment.",
        discussion: """
            The copies are SQLite databases. Podium may run meanwhile. A file of the same name in the folder is replaced.

            Exit codes: as of podium history.
            """)

    @Argument(help: ArgumentHelp("The folder.", valueName: "folder"), completion: .directory)
    var folder: String

    @OptionGroup var target: ControlTarget

    func run() async throws {
        for path in try target.historyFiles() {
            let name = path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
            if let problem = HistoryCare.copy(path, to: "\(folder)/\(name)") {
                StandardStreams.error("podium: \(SafeText.clean(problem))")
                throw ExitCode(ExitStatus.cannotCreate.rawValue)
            }
            StandardStreams.output("\(folder)/\(name)")
        }
    }
}

struct HistoryPathCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "path",
        abstract: "Says where the history's files are.",
        discussion: "Exit codes: as of podium history.")

    @OptionGroup var target: ControlTarget

    func run() async throws {
        for path in try target.historyFiles() { StandardStreams.output(path) }
    }
}
