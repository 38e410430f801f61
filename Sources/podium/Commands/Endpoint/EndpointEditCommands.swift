import ArgumentParser
import Control
import PodiumModel

struct EndpointAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Adds an endpoint, last in rank unless told otherwise.",
        discussion: """
            podium endpoint add backup --url-anthropic https://api.example.com --auth-type api_key --auth-value '${BACKUP_KEY}'
            """)

    @Argument(help: "Its name; unique.")
    var name: String

    @OptionGroup var fields: EndpointFields

    @Flag(help: "Add it out of service.")
    var disabled = false

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var document = try fields.document()
        document[.name] = .text(name)
        if disabled { document[.enabled] = .boolean(false) }
        if !fields.headers.isEmpty { document[.headers] = .headers(HeaderOption.apply(fields.headers, to: [])) }
        try await control.perform(.add(document))
    }
}

struct EndpointSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Changes the fields that are named, and no others.",
        discussion: """
            An empty text takes a field away: --url-openai ''. A header goes by its name alone: --header 'x-team:'.
            """)

    @OptionGroup var endpoint: EndpointArgument

    @OptionGroup var fields: EndpointFields

    @Option(help: "A new name.")
    var rename: String?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var document = try fields.document()
        document[.name] = rename.map(FieldValue.text)
        guard document != EndpointPatch() || !fields.headers.isEmpty else {
            throw ValidationError("there is nothing to change")
        }
        var revision = endpoint.revision
        if !fields.headers.isEmpty {
            let present = try await control.ask { client throws(ControlClientError) in
                try await client.endpoint(endpoint.name)
            }
            document[.headers] = .headers(HeaderOption.apply(fields.headers, to: present.headers.map(\.name)))
            // The list is made from what is there now: it must not take away what somebody adds meanwhile.
            revision = revision ?? present.revision
        }
        try await control.perform(.update(CommandTarget(name: endpoint.name, revision: revision), document))
    }
}
