import ArgumentParser
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
            ReloadCommand.self, EndpointCommand.self, CheckCommand.self, RestoreCommand.self, SimulateCommand.self,
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
