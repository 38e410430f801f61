import ArgumentParser
import Control
import PodiumModel
import Testing

@testable import podium

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
