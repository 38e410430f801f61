import ArgumentParser
import PodiumModel

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
            EndpointDisableCommand.self, EndpointRemoveCommand.self, EndpointTestCommand.self,
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
