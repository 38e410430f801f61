import ArgumentParser
import Configuration
import PodiumModel
import Engine

import Support

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Serves the endpoints of a configuration; on a terminal, with the console.",
        discussion: """
            If another Podium serves the file already, run on a terminal opens the console of that one.

            Exit codes: 0, 64 usage, 69 cannot bind, 73 no log file, 74 final save failed, 75 another Podium has the \
            file (without a terminal), 78 bad configuration.
            """)

    @Argument(
        help: "The configuration file. Default: config.yaml, or the service's where that runs.",
        completion: .file(extensions: ["yaml", "yml"]))
    var file: String?

    @Option(help: "The same, as an option.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Flag(name: .customLong("insecure-listen"), help: "Serve beyond this machine without client_tokens.")
    var insecureListen = false

    @Option(help: ArgumentHelp("Record what endpoints answer, for `podium simulate`.", valueName: "file"))
    var record: String?

    @OptionGroup var console: ConsoleOptions

    @OptionGroup var logging: LogOptions

    func validate() throws {
        // `podium stauts` is hardly a file without an ending.
        if let file, !file.contains(where: { $0 == "." || $0 == "/" }), access(file, F_OK) != 0 {
            var verbs: [String] = []
            for command in Podium.configuration.subcommands where command.configuration.shouldDisplay {
                verbs += [command.configuration.commandName ?? ""]
            }
            let advice = NearestName.suggestion(for: file, among: verbs).map { "; did you mean '\($0)'?" } ?? ""
            throw ValidationError("there is no verb and no file '\(file)'\(advice)")
        }
        guard file == nil || config == nil else {
            throw ValidationError("name the configuration once, as FILE or with --config")
        }
    }

    func run() async throws {
        let config = file ?? config ?? DefaultConfiguration.pathToServe
        let file: LoadedFile
        do {
            file = try LoadedFile(path: config, toServe: true)
        } catch {
            StandardStreams.error("podium: \(error)")
            throw ExitCode(ExitStatus.badConfiguration.rawValue)
        }
        if let doubt = file.doubt {
            StandardStreams.error("podium: the file is taken as it is, because it does not change any more; \(doubt)")
        }
        for diagnostic in file.diagnostics where diagnostic.severity != .note {
            StandardStreams.error(diagnostic.rendered(file: config))
        }
        guard let configuration = file.loaded.configuration else {
            let advice = LoadedFile.wayOut(config).map { "; \($0)" } ?? ""
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
