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
        facts += configured(endpoint.settings)
        let traffic = endpoint.traffic
        var words = ["\(traffic.total) attempts", "\(traffic.failures) failed", "\(traffic.inFlight) in flight"]
        if let p50 = traffic.p50Seconds { words.append("p50 \(Int((p50 * 1_000).rounded()))ms") }
        if let p95 = traffic.p95Seconds { words.append("p95 \(Int((p95 * 1_000).rounded()))ms") }
        facts.append(("traffic", words.joined(separator: ", ")))
        if let error = endpoint.lastError { facts.append(("last error", error.text)) }
        facts.append(("revision", String(endpoint.revision)))
        return facts
    }

    /// What the file says of it, but for defaults: where it is reached, with which credential, and the rest.
    private static func configured(_ settings: EndpointSettings) -> [(String, String)] {
        var (way, rest): ([(String, String)], [(String, String)]) = ([], [])
        let credential = EndpointField.credential.map { $0.text(of: settings.effectiveValue(of: $0)) }
        for field in EndpointField.current where !field.isShownElsewhere {
            let value = settings.effectiveValue(of: field)
            guard value != field.defaultValue else { continue }
            // The column of labels is narrow.
            let label = field.key.count < 14 ? field.key : field.label.lowercased()
            switch (field.kind, value) {
            case (.url, _), (.proxy, _): way.append((label, field.text(of: value)))
            case (_, .headers(let headers)):
                rest += headers.map {
                    ("header", "\($0.name): \($0.value == EndpointPatch.keptSecret ? "***" : $0.value)")
                }
            default: rest.append((label, field.text(of: value)))
            }
        }
        return way + [("credential", credential.filter { !$0.isEmpty }.joined(separator: " "))] + rest
    }
}

extension EndpointField {
    /// Whether `show` names it in its first lines or beside the credential.
    fileprivate var isShownElsewhere: Bool {
        kind == .name || EndpointField.credential.contains(self) || traits.contains(.rankOrSwitch)
    }
}
