import ArgumentParser
import CBuildInfo
import Configuration
import PodiumModel

@main
struct Podium: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "podium",
        abstract: "Keeps the best API endpoint on top: proxy, ranking and console in one.",
        discussion: """
            Without a verb, podium runs: it serves the endpoints of config.yaml behind one local address and, on a \
            terminal, opens the console. `podium demo` shows it with simulated endpoints.
            """,
        version: Version.text,
        subcommands: [
            RunCommand.self, AttachCommand.self, StatusCommand.self, FlushCommand.self, SortCommand.self,
            ReloadCommand.self, RequestsCommand.self, CancelCommand.self, ExplainCommand.self, UsageCommand.self,
            HistoryCommand.self, EndpointCommand.self,
            ClientCommand.self, ClusterCommand.self,
            CheckCommand.self, RestoreCommand.self,
            SimulateCommand.self,
            DemoCommand.self,
            ManualCommand.self,
        ],
        defaultSubcommand: RunCommand.self)

    static func main() async {
        StandardStreams.prepare()
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            // What is wrong with an argument is printed with the argument.
            StandardStreams.error(SecretSigns.hiding(in: fullMessage(for: error), behind: "***"))
            exit(withError: ExitCode.validationFailure)
        }
    }
}

/// Exit codes after sysexits(3).
enum ExitStatus: Int32, CaseIterable {
    case success = 0
    /// `check` found errors, or a running Podium refused.
    case checkFailed = 1
    /// EX_USAGE
    case usage = 64
    /// EX_DATAERR: a trace cannot be read as one.
    case badData = 65
    /// EX_NOINPUT: a file named on the command line cannot be opened.
    case noInput = 66
    /// EX_UNAVAILABLE: cannot bind, or no Podium answers.
    case unavailable = 69
    /// EX_SOFTWARE: the terminal could not be used, or another inner fault.
    case software = 70
    /// EX_CANTCREAT: an output file cannot be made.
    case cannotCreate = 73
    /// EX_IOERR: the final flush failed, a change is not on disk, or standard output cannot be written.
    case notSaved = 74
    /// EX_TEMPFAIL: another Podium holds the file, or another command was first.
    case locked = 75
    /// EX_NOPERM: the running Podium belongs to another user.
    case noPermission = 77
    /// EX_CONFIG
    case badConfiguration = 78

    /// For the manual.
    var meaning: String {
        switch self {
        case .success: "Done, or stopped as asked with everything saved."
        case .checkFailed: "check found errors; a running Podium refused a command."
        case .usage: "Wrong usage."
        case .badData: "A trace cannot be read as one."
        case .noInput: "A file named on the command line cannot be opened."
        case .unavailable: "The address cannot be bound; no Podium runs on this configuration."
        case .software: "An inner fault, or a terminal that cannot be used."
        case .cannotCreate: "The log file or another output cannot be made."
        case .notSaved:
            "The final save failed; a change holds in memory and is not on disk; standard output cannot be written."
        case .locked: "Another Podium has the file; somebody else changed the endpoint first."
        case .noPermission: "The running Podium belongs to another user."
        case .badConfiguration: "The configuration cannot be used."
        }
    }
}

enum Version {
    static let number = "0.2.0"

    /// Such as `podium 0.2.0 (8e4cb61a2b3c)`; a build without a commit shows none.
    static let text: String = {
        let commit = String(cString: podium_build_commit())
        return commit.isEmpty ? "podium \(number)" : "podium \(number) (\(commit))"
    }()
}
