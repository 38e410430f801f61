import ArgumentParser
import Configuration
import PodiumModel
import Console
import Engine
import Proxy
import Support

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validates a configuration and prints every problem as FILE:LINE:COLUMN.",
        discussion: "Exits 0 without errors (warnings and notes are no errors), 1 with errors, 78 without a file.")

    @Argument(
        help: "The configuration file. Default: config.yaml, else /etc/podium/config.yaml.",
        completion: .file(extensions: ["yaml", "yml"]))
    var file: String?

    /// What the endpoint will be asked, so that a base URL of another form than expected is seen before it is used. References
    /// stay as written: they may be secrets.
    private static func requests(to endpoint: EndpointSettings) -> [String] {
        let asked: [(title: String, base: String?, paths: [String])] = [
            ("Anthropic", endpoint.anthropicBase ?? endpoint.anyBase, ["/v1/messages"]),
            ("OpenAI", endpoint.openAIBase ?? endpoint.anyBase, ["/v1/chat/completions", "/v1/responses"]),
        ]
        return asked.compactMap { title, base, paths in
            guard let base, let url = try? UpstreamURL(base) else { return nil }
            return "\(title) requests go to "
                + paths.map {
                    // A key that stands in the path or the query is no less one than in a header.
                    SecretSigns.hidingWithURLs(in: url.asked(for: $0), behind: "***")
                }.joined(separator: " and ")
        }
    }

    func run() async throws {
        let path = file ?? DefaultConfiguration.path
        let file = try LoadedFile.readOrExit(path)
        for diagnostic in file.diagnostics {
            StandardStreams.output(diagnostic.rendered(file: path))
        }
        guard let configuration = file.loaded.configuration else {
            throw ExitCode(ExitStatus.checkFailed.rawValue)
        }
        for endpoint in configuration.endpoints {
            for line in Self.requests(to: endpoint) {
                StandardStreams.output("\(path): endpoint '\(SafeText.clean(endpoint.name))': \(SafeText.clean(line))")
            }
        }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        for line in PriceFileAdvice.lines(configuration.usage, folder: folder) {
            StandardStreams.output("\(path): warning: \(SafeText.clean(line))")
        }
        let count = configuration.endpoints.count
        StandardStreams.output("\(path): ok, \(count.counted("endpoint"))")
    }
}
