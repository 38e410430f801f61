import ArgumentParser
import Console
import Control
import PodiumModel

struct EndpointShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one endpoint and why it has its rank. Its credential stays masked.")

    @Argument(help: "The endpoint's name.", completion: EndpointNames.completion)
    var name: String

    @OptionGroup var control: ControlOptions

    func run() async throws {
        let endpoint = try await control.ask { client throws(ControlClientError) in try await client.endpoint(name) }
        if control.json {
            try control.printJSON(endpoint)
            return
        }
        for (label, value) in Self.facts(endpoint) {
            let padding = String(repeating: " ", count: max(1, 14 - label.count))
            StandardStreams.output("\(label)\(padding)\(SafeText.clean(value))")
        }
        guard let explanation = endpoint.explanation, !explanation.sentences.isEmpty else { return }
        StandardStreams.output("why this rank:")
        for sentence in explanation.sentences { StandardStreams.output("  " + SafeText.clean(sentence)) }
    }

    private static func facts(_ endpoint: Snapshot.Endpoint) -> [(String, String)] {
        var facts = [("name", endpoint.name), ("rank", "\(endpoint.rank)\(endpoint.pinned ? ", pinned" : "")")]
        facts.append(
            ("state", endpoint.misconfiguration.map { "\(endpoint.state.rawValue): \($0)" } ?? endpoint.state.rawValue))
        if let text = endpoint.notInFile { facts.append(("not in file", text)) }
        for (label, url) in [
            ("url", endpoint.url), ("url_anthropic", endpoint.urlAnthropic), ("url_openai", endpoint.urlOpenAI),
            ("proxy", endpoint.proxy),
        ] {
            if let url { facts.append((label, url)) }
        }
        facts.append(("credential", endpoint.maskedSecret.map { "\(endpoint.authType) \($0)" } ?? endpoint.authType))
        if !endpoint.tags.isEmpty { facts.append(("tags", endpoint.tags.joined(separator: ", "))) }
        for header in endpoint.headers { facts.append(("header", "\(header.name): \(header.value ?? "***")")) }
        if endpoint.openAIPreference != "auto" { facts.append(("openai", endpoint.openAIPreference)) }
        if endpoint.cookies != "off" { facts.append(("cookies", endpoint.cookies)) }
        if endpoint.forwarded { facts.append(("forwarded", "on")) }
        let traffic = endpoint.traffic
        var words = ["\(traffic.total) attempts", "\(traffic.failures) failed", "\(traffic.inFlight) in flight"]
        if let p50 = traffic.p50Seconds { words.append("p50 \(Int((p50 * 1_000).rounded()))ms") }
        if let p95 = traffic.p95Seconds { words.append("p95 \(Int((p95 * 1_000).rounded()))ms") }
        facts.append(("traffic", words.joined(separator: ", ")))
        if let error = endpoint.lastError { facts.append(("last error", error.text)) }
        facts.append(("revision", String(endpoint.revision)))
        return facts
    }
}
