import ArgumentParser

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
}
