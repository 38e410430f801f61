import ArgumentParser
import Console
import PodiumModel

/// A verb that makes one change to one endpoint and prints what it did.
protocol EndpointChange: AsyncParsableCommand {
    var control: ControlOptions { get }

    var command: Command { get }
}

extension EndpointChange {
    func run() async throws {
        try await control.perform(command)
    }
}

struct EndpointMoveCommand: EndpointChange {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Puts an endpoint at a rank and pins it there; `unpin` releases it.")

    @OptionGroup var endpoint: EndpointArgument

    @Argument(help: "1 is tried first.")
    var rank: Int

    @OptionGroup var control: ControlOptions

    var command: Command { .move(endpoint.target, toRank: rank) }
}

struct EndpointPinCommand: EndpointChange {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Keeps an endpoint's rank from automatic sorting.")

    @OptionGroup var endpoint: EndpointArgument
    @OptionGroup var control: ControlOptions

    var command: Command { .setPinned(endpoint.target, true) }
}

struct EndpointUnpinCommand: EndpointChange {
    static let configuration = CommandConfiguration(
        commandName: "unpin", abstract: "Gives an endpoint's rank back to automatic sorting.")

    @OptionGroup var endpoint: EndpointArgument
    @OptionGroup var control: ControlOptions

    var command: Command { .setPinned(endpoint.target, false) }
}

struct EndpointEnableCommand: EndpointChange {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Takes an endpoint into service.")

    @OptionGroup var endpoint: EndpointArgument
    @OptionGroup var control: ControlOptions

    var command: Command { .setEnabled(endpoint.target, true) }
}

struct EndpointDisableCommand: EndpointChange {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Takes an endpoint out of service; requests that run there may end.")

    @OptionGroup var endpoint: EndpointArgument
    @OptionGroup var control: ControlOptions

    var command: Command { .setEnabled(endpoint.target, false) }
}

struct EndpointTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract:
            "Goes all the way to an answer of an endpoint, from where Podium runs: name, connection, TLS, GET /v1/models."
    )

    @Argument(help: "The endpoint's name.", completion: EndpointNames.completion)
    var name: String

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.perform(.test(CommandTarget(name: name)))
    }
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
