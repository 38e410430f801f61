import ArgumentParser
import Console
import Control
import PodiumModel
import Support

struct EndpointCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endpoint",
        abstract: "Shows and changes the endpoints of the running Podium.",
        discussion: """
            A change is on disk when the command returns. Exit codes: 0 done, 1 refused with the reason, 64 usage, 69 \
            nothing runs, 74 changed in memory but not saved, 75 somebody else was first (with --revision), 77 it \
            belongs to another user.
            """,
        subcommands: [
            EndpointListCommand.self, EndpointShowCommand.self, EndpointAddCommand.self, EndpointSetCommand.self,
            EndpointMoveCommand.self, EndpointPinCommand.self, EndpointUnpinCommand.self, EndpointEnableCommand.self,
            EndpointDisableCommand.self, EndpointRemoveCommand.self, EndpointClearCommand.self,
            EndpointTestCommand.self, EndpointCloneCommand.self, EndpointDrainCommand.self, EndpointAllCommand.self,
        ])
}

/// An endpoint and the revision that it has to have.
struct EndpointArgument: ParsableArguments {
    @Argument(help: "The endpoint's name.", completion: EndpointNames.completion)
    var name: String

    @Option(help: "Only if it still has this revision, as `endpoint show` and --json print it.")
    var revision: UInt64?

    var target: CommandTarget { CommandTarget(name: name, revision: revision) }
}

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

/// Columns for people to read; programs use `--json`.
enum TextTable {
    /// - Parameter leftColumns: so many begin at their left edge, as names do, the others end at their right one; nil: all begin there
    static func lines(_ rows: [[String]], leftColumns: Int? = nil) -> [String] {
        let cleaned = rows.map { $0.map(SafeText.clean) }
        let widths = (0..<(cleaned.first?.count ?? 0)).map { column in
            cleaned.map { TextWidth.columns(of: $0[column]) }.max() ?? 0
        }
        return cleaned.map { row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: cell.1 - TextWidth.columns(of: cell.0))
                return leftColumns.map { column >= $0 } ?? false ? blanks + cell.0 : cell.0 + blanks
            }
            let line = cells.joined(separator: "  ")
            return String(line.prefix(line.count - line.reversed().prefix { $0 == " " }.count))
        }
    }
}

struct EndpointShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one endpoint and why it has its rank. Its credential stays masked.")

    @Argument(help: "The endpoint's name.", completion: EndpointNames.completion)
    var name: String

    @OptionGroup var control: ControlOptions

    func run() async throws {
        let endpoint = try await control.ask { client throws(ControlClientError) in try await client.endpoint(name) }
        if control.json {
            try control.printJSON(endpoint)
            return
        }
        for (label, value) in Self.facts(endpoint) {
            let padding = String(repeating: " ", count: max(1, 14 - label.count))
            StandardStreams.output("\(label)\(padding)\(SafeText.clean(value))")
        }
        guard let explanation = endpoint.explanation, !explanation.sentences.isEmpty else { return }
        StandardStreams.output("why this rank:")
        for sentence in explanation.sentences { StandardStreams.output("  " + SafeText.clean(sentence)) }
    }

    private static func facts(_ endpoint: Snapshot.Endpoint) -> [(String, String)] {
        var facts = [("name", endpoint.name), ("rank", "\(endpoint.rank)\(endpoint.pinned ? ", pinned" : "")")]
        facts.append(
            ("state", endpoint.misconfiguration.map { "\(endpoint.state.rawValue): \($0)" } ?? endpoint.state.rawValue))
        if let until = endpoint.availability.until {
            let cause = endpoint.availability.cause.map { ": \($0)" } ?? ""
            facts.append(("tried again", "in \(left(until))\(cause)"))
        }
        for limited in endpoint.limitedModels {
            facts.append(("without", "\(limited.model) for \(left(limited.until)): \(limited.cause)"))
        }
        for limit in endpoint.usedLimits {
            facts.append(("used", limit.text + (limit.isReached ? ", again in \(left(limit.until))" : "")))
        }
        if let text = endpoint.notInFile { facts.append(("not in file", text)) }
        facts += configured(endpoint.settings)
        let traffic = endpoint.traffic
        var words = ["\(traffic.total) attempts", "\(traffic.failures) failed", "\(traffic.inFlight) in flight"]
        if let queued = traffic.queued { words.append("\(queued) waiting") }
        if let sessions = traffic.sessions { words.append(sessions.counted("session")) }
        facts.append(("traffic", words.joined(separator: ", ")))
        func spread(_ label: String, _ median: Double?, _ worst: Double?) {
            guard let median, let worst else { return }
            facts.append((label, "p50 \(milliseconds(median)), p95 \(milliseconds(worst))"))
        }
        spread("first byte", traffic.p50Seconds, traffic.p95Seconds)
        spread("first content", traffic.firstContentP50Seconds, traffic.firstContentP95Seconds)
        spread("whole answer", traffic.wholeAnswerP50Seconds, traffic.wholeAnswerP95Seconds)
        if let speed = traffic.tokensPerSecondP50, let slowest = traffic.tokensPerSecondP5 {
            facts.append(("speed", "\(tokens(speed)) tokens/s, slowest 5 % below \(tokens(slowest))"))
        }
        if let error = endpoint.lastError { facts.append(("last error", error.text)) }
        facts.append(("revision", String(endpoint.revision)))
        return facts
    }

    private static func milliseconds(_ seconds: Double) -> String {
        "\(Int((min(max(0, seconds), 1e6) * 1_000).rounded()))ms"
    }

    private static func tokens(_ perSecond: Double) -> String { String(Int(min(max(0, perSecond), 1e6).rounded())) }

    /// How long it is to that moment.
    private static func left(_ time: Double) -> String {
        let seconds = time - WallClock.seconds
        return Duration.seconds(seconds.isFinite ? min(max(seconds, 0), 1e9) : 0).shortText
    }

    /// What the file says of it, but for defaults: where it is reached, with which credential, and the rest.
    private static func configured(_ settings: EndpointSettings) -> [(String, String)] {
        var (way, rest): ([(String, String)], [(String, String)]) = ([], [])
        let credential = EndpointField.credential.map { $0.text(of: settings.effectiveValue(of: $0)) }
        for field in EndpointField.current where !field.isShownElsewhere {
            let value = settings.effectiveValue(of: field)
            guard value != field.defaultValue else { continue }
            // The column of labels is narrow.
            let label = field.key.count < 14 ? field.key : field.label.lowercased()
            switch (field.kind, value) {
            case (.url, _), (.proxy, _): way.append((label, field.text(of: value)))
            case (_, .headers(let headers)):
                rest += headers.map {
                    ("header", "\($0.name): \($0.value == EndpointPatch.keptSecret ? "***" : $0.value)")
                }
            default: rest.append((label, field.text(of: value)))
            }
        }
        return way + [("credential", credential.filter { !$0.isEmpty }.joined(separator: " "))] + rest
    }
}

extension EndpointField {
    /// Whether `show` names it in its first lines or beside the credential.
    fileprivate var isShownElsewhere: Bool {
        kind == .name || EndpointField.credential.contains(self) || traits.contains(.rankOrSwitch)
    }
}

struct EndpointAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Adds an endpoint, last in rank unless told otherwise.",
        discussion: """
            podium endpoint add backup --url-anthropic https://api.example.com --auth-type api_key --auth-value '${BACKUP_KEY}'
            """)

    @Argument(help: "Its name; unique.")
    var name: String

    @OptionGroup var fields: EndpointFields

    @Flag(help: "Add it out of service.")
    var disabled = false

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var document = try fields.document()
        document[.name] = .text(name)
        if disabled { document[.enabled] = .boolean(false) }
        if !fields.headers.isEmpty { document[.headers] = .headers(HeaderOption.apply(fields.headers, to: [])) }
        try await control.perform(.add(document))
    }
}

struct EndpointSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Changes the fields that are named, and no others.",
        discussion: """
            An empty text takes a field away: --url-openai ''. A header goes by its name alone: --header 'x-team:'.
            """)

    @OptionGroup var endpoint: EndpointArgument

    @OptionGroup var fields: EndpointFields

    @Option(help: "A new name.")
    var rename: String?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var document = try fields.document()
        document[.name] = rename.map(FieldValue.text)
        guard document != EndpointPatch() || !fields.headers.isEmpty else {
            throw ValidationError("there is nothing to change")
        }
        var revision = endpoint.revision
        if !fields.headers.isEmpty {
            let present = try await control.ask { client throws(ControlClientError) in
                try await client.endpoint(endpoint.name)
            }
            document[.headers] = .headers(HeaderOption.apply(fields.headers, to: present.headers.map(\.name)))
            // The list is made from what is there now: it must not take away a header that is added meanwhile.
            revision = revision ?? present.revision
        }
        try await control.perform(.update(CommandTarget(name: endpoint.name, revision: revision), document))
    }
}

struct EndpointMoveCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Puts an endpoint at a rank and pins it there; `unpin` releases it.")

    @OptionGroup var endpoint: EndpointArgument

    @Argument(help: "1 is tried first.")
    var rank: Int

    @OptionGroup var control: ControlOptions

    var command: Command { .move(endpoint.target, toRank: rank) }
}

struct EndpointPinCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Keeps an endpoint's rank from automatic sorting.")

    @OptionGroup var endpoint: EndpointArgument
    @OptionGroup var control: ControlOptions

    var command: Command { .setPinned(endpoint.target, true) }
}

struct EndpointUnpinCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "unpin", abstract: "Gives an endpoint's rank back to automatic sorting.")

    @OptionGroup var endpoint: EndpointArgument
    @OptionGroup var control: ControlOptions

    var command: Command { .setPinned(endpoint.target, false) }
}

struct EndpointEnableCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Takes an endpoint into service.")

    @OptionGroup var endpoint: EndpointArgument
    @OptionGroup var control: ControlOptions

    var command: Command { .setEnabled(endpoint.target, true) }
}

struct EndpointDisableCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Takes an endpoint out of service; requests that run there may end.")

    @OptionGroup var endpoint: EndpointArgument
    @OptionGroup var control: ControlOptions

    var command: Command { .setEnabled(endpoint.target, false) }
}

struct EndpointClearCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "clear",
        abstract: "Ends every time out of an endpoint now: one request tries it, then it is used as before.")

    @Argument(help: "The endpoint's name.", completion: EndpointNames.completion)
    var name: String

    @OptionGroup var control: ControlOptions

    var command: Command { .clear(CommandTarget(name: name)) }
}

struct EndpointTestCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract:
            "Goes all the way to an answer of an endpoint, from where Podium runs: name, connection, TLS, GET /v1/models."
    )

    @Argument(help: "The endpoint's name.", completion: EndpointNames.completion)
    var name: String

    @OptionGroup var control: ControlOptions

    var command: Command { .test(CommandTarget(name: name)) }
}

struct EndpointRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Removes an endpoint from the ranking and from the file.",
        discussion:
            "The console's undo (u) brings it back, and so does `podium restore` as long as nothing else was written.")

    @OptionGroup var endpoint: EndpointArgument

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var control: ControlOptions

    func run() async throws {
        if !yes, StandardStreams.isInteractive {
            StandardStreams.output("Remove endpoint '\(endpoint.name)'? [y/N]")
            let answer = readLine().map(InputParser.typed(in:))
            guard ["y", "yes"].contains(answer?.lowercased()) else {
                StandardStreams.output("nothing was changed")
                throw ExitCode(ExitStatus.checkFailed.rawValue)
            }
        }
        try await control.perform(.remove(endpoint.target))
    }
}

struct EndpointCloneCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "clone",
        abstract:
            "Adds an endpoint that is as another one, its credential included, under a new name; it is off at first.")

    @Argument(help: "The endpoint's name.", completion: EndpointNames.completion)
    var name: String

    @Argument(help: "The new endpoint's name.")
    var new: String

    @OptionGroup var control: ControlOptions

    var command: Command { .clone(CommandTarget(name: name), named: new) }
}

struct EndpointDrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Takes an endpoint out of service and waits until the requests that run there have ended.",
        discussion: "Exit codes: 0 none is left, 1 some are left after --for, and as of `disable`.")

    @OptionGroup var endpoint: EndpointArgument

    @Option(name: .customLong("for"), help: ArgumentHelp("Waits so many seconds at most.", valueName: "seconds"))
    var patience = 600

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.perform(.setEnabled(endpoint.target, false))
        let deadline = ContinuousClock.now + .seconds(patience)
        var told = -1
        while true {
            let present = try await control.ask { client throws(ControlClientError) in
                try await client.endpoint(endpoint.name)
            }
            let left = present.traffic.inFlight
            if left == 0 { break }
            if left != told { StandardStreams.output("\(left) left") }
            told = left
            guard ContinuousClock.now < deadline else { throw ExitCode(1) }
            try await Task.sleep(for: .milliseconds(200))
        }
        StandardStreams.output("\(endpoint.name): none left")
    }
}

struct EndpointAllCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "all",
        abstract: "Does the same to several endpoints: all of it or nothing, and one step to undo.",
        discussion: "podium endpoint all --tagged lab --off")

    @Argument(help: "Their names.", completion: EndpointNames.completion)
    var names: [String] = []

    @Option(help: "Those that have this tag.")
    var tagged: String?

    @Flag(help: "Take them into service.")
    var on = false

    @Flag(help: "Take them out of service.")
    var off = false

    @Flag(help: "End their time outs.")
    var clear = false

    @Option(help: "Give them this tag.")
    var addTag: String?

    @Option(help: "Take this tag away.")
    var removeTag: String?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        let changes: [BatchChange?] = [
            on ? .setEnabled(true) : nil, off ? .setEnabled(false) : nil, clear ? .clear : nil,
            addTag.map { .addTag($0) }, removeTag.map { .removeTag($0) },
        ]
        let given = changes.compactMap(\.self)
        guard given.count == 1, let change = given.first else {
            throw ValidationError("name one of --on, --off, --clear, --add-tag and --remove-tag")
        }
        var targets = names.map { CommandTarget(name: $0) }
        if let tagged {
            let list = try await control.ask { client throws(ControlClientError) in try await client.endpoints() }
            targets += list.endpoints.filter { $0.tags.contains(tagged) && !names.contains($0.name) }.map(\.target)
        }
        guard !targets.isEmpty else { throw ValidationError("no endpoint is named, and none has that tag") }
        try await control.perform(.changeAll(targets, change))
    }
}
