import ArgumentParser
import Configuration
import Engine

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Serves the endpoints of a configuration; on a terminal, with the console.",
        discussion: """
            Exit codes: 0, 64 usage, 69 cannot bind, 74 final save failed, 75 another Podium has the file, \
            78 bad configuration.
            """)

    @Option(help: "The configuration file.")
    var config = "config.yaml"

    @Flag(name: .customLong("insecure-listen"), help: "Serve beyond this machine without client_tokens.")
    var insecureListen = false

    @Option(help: ArgumentHelp("Record what endpoints answer, for `podium simulate`.", valueName: "file"))
    var record: String?

    @OptionGroup var console: ConsoleOptions

    @OptionGroup var logging: LogOptions

    func run() async throws {
        let file: ConfigurationFile
        do {
            file = try ConfigurationFile(path: config)
        } catch {
            StandardStreams.error("podium: \(error)")
            throw ExitCode(ExitStatus.badConfiguration.rawValue)
        }
        for diagnostic in file.loaded.diagnostics where diagnostic.severity != .note {
            StandardStreams.error(diagnostic.rendered(file: config))
        }
        guard let configuration = file.loaded.configuration else {
            let advice = ConfigurationFile.wayOut(config).map { "; \($0)" } ?? ""
            StandardStreams.error("podium: \(config) is not used; nothing was changed in it\(advice)")
            throw ExitCode(ExitStatus.badConfiguration.rawValue)
        }
        let session = ServingSession(
            file: file, configuration: configuration, console: console, logging: logging,
            insecureListen: insecureListen, isDemo: false, tracePath: record)
        let status = await session.run()
        throw ExitCode(status.rawValue)
    }
}
