import ArgumentParser
import Control
import PodiumModel
import Testing
@testable import podium

/// The options of `podium endpoint add` and `set` are made from the table of fields.
struct EndpointFieldsTests {
    private func patch(_ arguments: String...) throws -> EndpointPatch {
        try EndpointFields.parse(arguments).document()
    }

    @Test func eachFieldIsGivenByItsOption() throws {
        let patch = try patch(
            "--url", "http://a", "--url-openai", "", "--auth-type", "api_key", "--auth-value", "${KEY}", "--rank", "2",
            "--tag", "x", "--tag", "y", "--openai-preference", "responses", "--proxy", "socks5://h:1", "--ca-file",
            "ca.pem", "--cookies", "pass", "--no-forwarded", "--model", "claude-*", "--model", "!claude-opus-*",
            "--model-map", "claude-* = gpt-5", "--model-map", "*=a=b", "--no-restore-model")
        var expected = EndpointPatch()
        expected[.url] = .text("http://a")
        expected[.urlOpenAI] = .absent
        expected[.authType] = .text("api_key")
        expected[.authValue] = .text("${KEY}")
        expected[.priority] = .integer(2)
        expected[.tags] = .list(["x", "y"])
        expected[.openAIPreference] = .text("responses")
        expected[.proxy] = .text("socks5://h:1")
        expected[.caFile] = .text("ca.pem")
        expected[.cookies] = .text("pass")
        expected[.forwarded] = .boolean(false)
        expected[.models] = .list(["claude-*", "!claude-opus-*"])
        expected[.modelMap] = .renamings([Renaming(from: "claude-*", to: "gpt-5"), Renaming(from: "*", to: "a=b")])
        expected[.restoreModel] = .boolean(false)
        #expect(patch == expected)
    }

    @Test func whatIsNotGivenIsNotNamed() throws {
        #expect(try patch() == EndpointPatch())
    }

    @Test func headersAreKeptApart() throws {
        let fields = try EndpointFields.parse(["--header", "x-team: blue", "--header", "x-old:"])
        #expect(fields.headers.map(\.name) == ["x-team", "x-old"])
        #expect(try fields.document() == EndpointPatch())
    }

    @Test(arguments: [
        (["--auth-type", "basic"], "--auth-type takes one of api_key, auth_token, passthrough, none"),
        (["--cookies", "yes"], "--cookies takes one of off, pass"),
        (["--auth-value", "sk-clear"], "arguments are visible to everybody on this machine"),
        (["--auth-value", "${A}", "--secret-from-stdin"], "exclude each other"),
        (["--proxy", "ftp://h"], "--proxy: 'ftp' is not a kind of proxy; use http or socks5"),
        (["--proxy", "http://u:p@h:1"], "the proxy's password as '${NAME}'"),
        (["--header", "X-Api-Key: sk-1"], "arguments are visible to everybody on this machine"),
    ])
    func whatCannotBeIsRefused(arguments: [String], text: String) {
        let error = #expect(throws: (any Error).self) { try EndpointFields.parse(arguments) }
        #expect(error.map { EndpointFields.message(for: $0) }?.contains(text) == true)
    }

    /// Everything that people can set has an option, or a verb of its own.
    @Test func theHelpNamesEachField() {
        let help = EndpointFields.helpMessage(columns: 400)
        for field in EndpointField.current where ![.name, .enabled, .pinned].contains(field) {
            #expect(help.contains(field.help), "\(field)")
        }
    }
}

struct HeaderOptionTests {
    private let present = ["Anthropic-Version", "x-api-key"]

    @Test func aNameWithAValueSetsAndANameAloneTakesAway() throws {
        let team = try HeaderOption("x-team: blue")
        #expect(team.name == "x-team" && team.value == "blue")
        #expect(try HeaderOption("x-time:12:30").value == "12:30")
        for text in ["x-team:", "x-team:  "] { #expect(try HeaderOption(text).value == nil) }
        for text in ["", "x-team", ": blue"] { #expect(throws: ValidationError.self) { try HeaderOption(text) } }
    }

    @Test func aSecretInTheClearIsRefusedAndAReferenceIsNot() throws {
        #expect(throws: ValidationError.self) { try HeaderOption("X-Api-Key: sk-1") }
        #expect(try HeaderOption("X-Api-Key: ${KEY}").value == "${KEY}")
        #expect(try HeaderOption("X-Api-Key:").value == nil)
    }

    @Test func othersStayAsTheyAreAndNamesAreFoundInAnyCase() throws {
        func applied(_ options: String...) throws -> [HeaderField] {
            HeaderOption.apply(try options.map(HeaderOption.init), to: present)
        }
        let kept = present.map { HeaderField(name: $0, value: EndpointPatch.keptSecret) }
        #expect(try applied("x-team: blue") == kept + [HeaderField(name: "x-team", value: "blue")])
        #expect(
            try applied("anthropic-version: 2024-01-01")
                == [HeaderField(name: "Anthropic-Version", value: "2024-01-01"), kept[1]])
        #expect(try applied("X-API-KEY:", "anthropic-version:") == [])
        #expect(try applied("x-none:") == kept)
        #expect(try applied("x-team: blue", "x-team: red").last?.value == "red")
        #expect(try applied("x-team: blue", "x-team:") == kept)
    }
}
