import ArgumentParser
import Configuration

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validates a configuration and prints every problem as FILE:LINE:COLUMN.",
        discussion: "Exits 0 without errors (warnings and notes are no errors), 1 with errors, 78 without a file.")

    @Argument(
        help: "The configuration file. Default: config.yaml, else /etc/podium/config.yaml.",
        completion: .file(extensions: ["yaml", "yml"]))
    var file: String?

    func run() async throws {
        let path = file ?? DefaultConfiguration.path
        let file: ConfigurationFile
        do {
            file = try ConfigurationFile(path: path)
        } catch {
            StandardStreams.error("podium: \(error)")
            throw ExitCode(ExitStatus.badConfiguration.rawValue)
        }
        for diagnostic in file.diagnostics {
            StandardStreams.output(diagnostic.rendered(file: path))
        }
        guard let configuration = file.loaded.configuration else {
            throw ExitCode(ExitStatus.checkFailed.rawValue)
        }
        let count = configuration.endpoints.count
        StandardStreams.output("\(path): ok, \(count) endpoint\(count == 1 ? "" : "s")")
    }
}
