import Foundation
import Testing

@testable import PodiumModel

struct EndpointPatchTests {
    private func decode(_ text: String) throws -> EndpointPatch {
        try JSONDecoder().decode(EndpointPatch.self, from: Data(text.utf8))
    }

    @Test func absentNullAndSetAreThreeThings() throws {
        let document = try decode(#"{"url": null, "url_openai": "http://a", "auth_type": "none"}"#)
        #expect(document[.url] == .absent)
        #expect(document[.urlAnthropic] == nil)
        #expect(document[.urlOpenAI] == .text("http://a"))
        #expect(document[.authValue] == nil)
        #expect(document[.authType] == .text("none"))
        #expect(document[.tags] == nil)
    }

    @Test func whatIsWrittenIsReadBack() throws {
        var document = EndpointPatch()
        document[.name] = .text("ä b")
        document[.url] = .text("http://a")
        document[.urlAnthropic] = .absent
        document[.authValue] = .text("${KEY}")
        document[.priority] = .integer(2)
        document[.tags] = .list(["x"])
        document[.enabled] = .boolean(false)
        document[.pinned] = .boolean(true)
        let bytes = try JSONEncoder().encode(document)
        #expect(try JSONDecoder().decode(EndpointPatch.self, from: bytes) == document)
    }

    @Test func anUnknownKeyIsNamed() {
        #expect { try decode(#"{"urll": "http://a"}"#) } throws: { error in
            (error as? EndpointPatch.UnknownKey)?.name == "urll"
        }
    }

    @Test(arguments: [
        #"{"name": null}"#, #"{"name": 1}"#, #"{"tags": "x"}"#, #"{"rank": 1.5}"#, #"{"url": 3}"#, #"[]"#, "1", "",
    ])
    func whatIsNoDocumentIsRefused(_ text: String) {
        #expect(throws: (any Error).self) { try decode(text) }
    }
}
