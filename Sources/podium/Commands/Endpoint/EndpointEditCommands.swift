import ArgumentParser
import Control

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
        document.name = name
        if disabled { document.enabled = false }
        let final = document
        try await control.perform { client throws(ControlClientError) in try await client.add(final) }
    }
}

struct EndpointSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Changes the fields that are named, and no others.",
        discussion: "An empty text takes a field away: --url-openai ''.")

    @OptionGroup var endpoint: EndpointArgument

    @OptionGroup var fields: EndpointFields

    @Option(help: "A new name.")
    var rename: String?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        var document = try fields.document()
        document.name = rename
        guard document != EndpointDocument() else { throw ValidationError("there is nothing to change") }
        let final = document
        try await control.perform { client throws(ControlClientError) in
            try await client.change(endpoint.name, final, revision: endpoint.revision)
        }
    }
}
