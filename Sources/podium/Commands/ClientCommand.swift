import ArgumentParser
import Configuration
import Console
import Control
import FoundationEssentials
import Persistence
import PodiumModel
import Support

struct ClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client",
        abstract: "Shows and changes the named clients of the running Podium, or of the file where none runs.",
        discussion: """
            A change is on disk when the command returns, and in force for requests that begin then. Where no Podium serves the \
            configuration, its file is edited. Tokens are never shown, but for one that `add` has made, once.

            Exit codes: 0 done, 1 refused with the reason, 64 usage, 69 nothing runs (with --socket), 74 changed in memory but not saved, 77 it \
            belongs to another user.
            """,
        subcommands: [
            ClientListCommand.self, ClientAddCommand.self, ClientSetCommand.self, ClientEnableCommand.self,
            ClientDisableCommand.self, ClientRemoveCommand.self,
        ])
}

/// The names of the running Podium's clients, for the shell to complete.
enum ClientNames {
    static let completion = CompletionKind.custom { words, _, _ in
        await NameCompletion.complete(words) { try await $0.clients().clients.map(\.name) }
    }
}

/// What a client may use, as options of the verbs.
struct ClientFields: ParsableArguments {
    @Option(help: ArgumentHelp("Its last day (UTC), such as 2027-01-31.", valueName: "date"))
    var expires: String?

    @Option(
        help: ArgumentHelp(
            "The models that it may ask for, with commas between, as patterns: 'claude-*,!claude-opus-*'.",
            valueName: "patterns"))
    var models: String?

    @Option(
        help: ArgumentHelp("The endpoints that it may use, with commas between.", valueName: "names"),
        completion: EndpointNames.completion)
    var endpoints: String?

    @Option(
        help: ArgumentHelp("It uses endpoints that have one of these tags, with commas between.", valueName: "words"))
    var tags: String?

    @Option(
        help: ArgumentHelp(
            "How much it may use, such as 'requests_per_minute 60, tokens_per_day 2M, spend 5 per day'.",
            valueName: "limits"))
    var limits: String?

    var patch: ClientPatch {
        var patch = ClientPatch()
        (patch.expires, patch.limits) = (expires, limits)
        (patch.models, patch.endpoints, patch.tags) = (words(models), words(endpoints), words(tags))
        return patch
    }

    private func words(_ text: String?) -> [String]? {
        text.map { $0.split(separator: ",").map { String($0.trimming(" ")) }.filter { !$0.isEmpty } }
    }
}

struct ClientListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the named clients, with what they may use and have used; also while nothing runs.")

    @OptionGroup var control: ControlOptions

    func run() async throws {
        let list = try await list()
        if control.json { return try control.printJSON(list) }
        let rows =
            [["NAME", "STATE", "REQUESTS", "EXPIRES", "MODELS", "ENDPOINTS", "TAGS", "LIMITS"]]
            + list.clients.map(Self.row)
        for line in TextTable.lines(rows) { StandardStreams.output(line) }
    }

    private func list() async throws -> ClientList {
        if control.target.socketPath == nil, LockHolder.pid(config: control.target.configPath) == nil,
            let configuration = (try? LoadedFile(path: control.target.configPath))?.loaded.configuration
        {
            return ClientList(revision: 0, clients: configuration.clients.map { ClientList.Entry($0) })
        }
        return try await control.ask { client throws(ControlClientError) in try await client.clients() }
    }

    private static func row(_ client: ClientList.Entry) -> [String] {
        func words(_ words: [String]) -> String { words.isEmpty ? "all" : words.joined(separator: ",") }
        let used = client.usedLimits.map { $0.text + ($0.isReached ? " (used up)" : "") }.joined(separator: ", ")
        return [
            client.name, state(client), "\(client.requests)", client.expires ?? "-", words(client.models),
            words(client.endpoints), words(client.tags), used.isEmpty ? client.limits ?? "-" : used,
        ]
    }

    private static func state(_ client: ClientList.Entry) -> String {
        if !client.enabled { return "off" }
        if let problem = client.problem { return "misconfigured: \(problem)" }
        let isOver = client.expires.flatMap { ClientSettings.time($0) }.map { Double($0) <= WallClock.seconds } ?? false
        return isOver ? "expired" : "on"
    }
}

struct ClientAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Adds a client, and makes a token for it unless one is given.",
        discussion: """
            podium client add alice
            podium client add build --token '${BUILD_TOKEN}' --models 'claude-*' --expires 2027-01-31

            A token that is made here is printed once and stands in the file; with '${NAME}' the file has the name of a variable \
            alone. The first client makes all others present a token too.
            """)

    @Argument(help: "Its name; unique.")
    var name: String

    @Option(
        help: ArgumentHelp("Its token, best as '${NAME}'. Others can see what a command is given.", valueName: "text"))
    var token: String?

    @OptionGroup var fields: ClientFields

    @OptionGroup var control: ControlOptions

    /// What `--json` prints.
    private struct Answer: Encodable {
        var message: String
        var revision: UInt64
        var undo: String?
        /// Of which there is no other copy but in the file; absent where it was given.
        var token: String?
    }

    func run() async throws {
        var patch = fields.patch
        let made = token == nil ? ClientToken.make() : nil
        (patch.name, patch.token) = (name, token ?? made)
        let receipt: CommandReceipt
        if let message = try control.performUnserved(.addClient(patch)) {
            receipt = CommandReceipt(message: message)
        } else {
            let answer = try await control.ask { [patch] client throws(ControlClientError) in
                try await client.perform(.addClient(patch))
            }
            guard case .done(let done) = answer else { return }
            receipt = done
        }
        if control.json {
            return try control.printJSON(
                Answer(message: receipt.message, revision: receipt.revision, undo: receipt.undo, token: made))
        }
        StandardStreams.output(SafeText.clean(receipt.message))
        if let made { StandardStreams.output("token: \(made)") }
    }
}

/// Tokens that nobody can guess.
enum ClientToken {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    /// 43 of 62 letters are more than 255 bits.
    private static let length = 43

    /// By the system's generator, which is made for secrets. The prefix tells people and scanners what it is.
    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        return "podium-" + String((0..<length).map { _ in letters[Int.random(in: letters.indices, using: &generator)] })
    }
}

struct ClientSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Changes the fields of a client that are named, and no others.",
        discussion: "An empty text takes a field away: --models ''.")

    @Argument(help: "The client's name.", completion: ClientNames.completion)
    var name: String

    @Option(help: ArgumentHelp("Another token, best as '${NAME}'.", valueName: "text"))
    var token: String?

    @OptionGroup var fields: ClientFields

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var patch = fields.patch
        patch.token = token
        guard patch != ClientPatch() else { throw ValidationError("there is nothing to change") }
        try await control.performOnClients(.changeClient(name, patch))
    }
}

/// A verb that changes a client, also where no Podium runs.
protocol ClientVerb: CommandVerb {}

extension ClientVerb {
    func run() async throws { try await control.performOnClients(command) }
}

extension ControlOptions {
    /// Gives the running Podium the command, or edits the file where none serves it.
    fileprivate func performOnClients(_ command: Command) async throws {
        guard let message = try performUnserved(command) else { return try await perform(command) }
        guard json else { return StandardStreams.output(SafeText.clean(message)) }
        try printJSON(CommandReceipt(message: message))
    }

    /// - Returns: what was done; nil where a Podium serves the configuration, or is to be asked by name
    fileprivate func performUnserved(_ command: Command) throws -> String? {
        let path = target.configPath
        guard target.socketPath == nil, LockHolder.pid(config: path) == nil, access(path, F_OK) == 0 else { return nil }
        let clients = UnservedClients(path: path, environment: LoadedFile.environment)
        do {
            switch command {
            case .addClient(let patch): return try clients.add(patch) + ", in \(path)"
            case .changeClient(let name, let patch): return try clients.change(name, patch) + ", in \(path)"
            case .removeClient(let name): return try clients.remove(name) + ", in \(path)"
            default: return nil
            }
        } catch UnservedClients.Refusal.change(let reason) {
            StandardStreams.error("podium: \(reason)")
            throw ExitCode(ExitStatus.checkFailed.rawValue)
        } catch UnservedClients.Refusal.file(let error) {
            // One has begun to serve it meanwhile.
            if case .locked = error { return nil }
            StandardStreams.error("podium: \(error)")
            throw ExitCode(ExitStatus.notSaved.rawValue)
        }
    }
}

struct ClientEnableCommand: ClientVerb {
    static let configuration = CommandConfiguration(commandName: "enable", abstract: "Lets a client in again.")

    @Argument(help: "The client's name.", completion: ClientNames.completion)
    var name: String

    @OptionGroup var control: ControlOptions

    var command: Command { .switchClient(name, true) }
}

struct ClientDisableCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Refuses a client from now on; requests that run may end.")

    @Argument(help: "The client's name.", completion: ClientNames.completion)
    var name: String

    @OptionGroup var control: ControlOptions

    var command: Command { .switchClient(name, false) }
}

extension Command {
    fileprivate static func switchClient(_ name: String, _ enabled: Bool) -> Command {
        var patch = ClientPatch()
        patch.enabled = enabled
        return .changeClient(name, patch)
    }
}

struct ClientRemoveCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Removes a client from the file; its token admits nobody any more.",
        discussion: "What it has used stays in the history. The console's undo (u) brings it back.")

    @Argument(help: "The client's name.", completion: ClientNames.completion)
    var name: String

    @OptionGroup var control: ControlOptions

    var command: Command { .removeClient(name) }
}
