internal import PodiumModel
internal import Support
internal import YAMLDocument

/// Reads the entries of `clients:`.
///
/// `ConfigurationLoader` calls it for the whole list, `ClientEdits` for the entries that an edit has changed: so an edit is checked by the
/// code that will read it at the next start.
struct ClientReader {
    private let section: SectionReader
    private let entry: YAMLNode
    private let sink: DiagnosticSink

    /// Reads the whole list; what is wrong is reported.
    ///
    /// - Returns: each with its entry
    static func readAll(
        _ list: YAMLNode?, environment: [String: String], sink: DiagnosticSink
    ) -> [(settings: ClientSettings, entry: YAMLNode)] {
        guard let list else { return [] }
        guard list.kind == .sequence else {
            sink.error(
                at: list, "clients has to be a list", fix: "begin each entry with a dash: - {name: NAME, token: ...}")
            return []
        }
        var clients: [(settings: ClientSettings, entry: YAMLNode)] = []
        for (index, entry) in list.entries.enumerated() {
            guard let client = read(entry, number: index + 1, environment: environment, sink: sink) else { continue }
            if clients.contains(where: { $0.settings.name == client.name }) {
                sink.error(
                    at: entry, "the client's name '\(HeaderRules.printable(client.name))' is taken",
                    fix: "give each its own")
            } else if clients.contains(where: { $0.settings.token == client.token }) {
                sink.report(
                    .error, at: entry, ValueProblem("two clients have the same token", fix: "give each its own"),
                    isSecret: true)
            } else {
                clients.append((client, entry))
            }
        }
        return clients
    }

    /// One entry; nil where it is none, which is reported.
    ///
    /// - Parameter environment: nil leaves references unchecked
    static func read(
        _ entry: YAMLNode, number: Int, environment: [String: String]?, sink: DiagnosticSink
    ) -> ClientSettings? {
        guard let node = entry.resolved, node.kind == .mapping else {
            sink.error(
                at: entry, "client \(number) is not a mapping", fix: "write {name: NAME, token: \"${NAME_TOKEN}\"}")
            return nil
        }
        let section = SectionReader(
            node, title: "client \(number)", known: ClientField.allCases.map(\.key), sink: sink)
        return ClientReader(section: section, entry: entry, sink: sink).client(environment)
    }

    private func client(_ environment: [String: String]?) -> ClientSettings? {
        var client = ClientSettings(name: section.text("name") ?? "", token: "")
        if let written = section.text("token"), let node = section.node("token") {
            client.token = node.withForeignTag(written)
        }
        client.enabled = section.boolean("enabled") ?? true
        client.expires = section.text("expires").flatMap { $0.isEmpty ? nil : $0 }
        client.models = section.list("models").map(\.text)
        client.endpoints = section.list("endpoints").map(\.text)
        client.tags = section.list("tags").map(\.text)
        if let node = section.node("limits"), node.kind == .mapping {
            client.limits = EndpointReader.limits(node)
        } else {
            client.limits = section.text("limits").flatMap { $0.isEmpty ? nil : $0 }
        }
        let problems = client.problems
        for (field, problem) in problems {
            sink.report(
                .error, at: section.node(field.key) ?? section.place("name") ?? entry, problem,
                isSecret: field == .token)
        }
        guard problems.isEmpty else { return nil }
        if let environment, let place = section.node("token") {
            ServerSettings.check(client.token, "the token of client '\(client.name)'", at: place, environment, sink)
        }
        return client
    }
}
