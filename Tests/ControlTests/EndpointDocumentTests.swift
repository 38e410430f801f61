import Foundation
import Testing

@testable import Control

struct EndpointDocumentTests {
    private func decode(_ text: String) throws -> EndpointDocument {
        try JSONDecoder().decode(EndpointDocument.self, from: Data(text.utf8))
    }

    @Test func absentNullAndSetAreThreeThings() throws {
        let document = try decode(#"{"url": null, "url_openai": "http://a", "auth_type": "none"}"#)
        #expect(document.url == .removed)
        #expect(document.urlAnthropic == .absent)
        #expect(document.urlOpenAI == .set("http://a"))
        #expect(document.authValue == .absent)
        #expect(document.authType == "none")
        #expect(document.tags == nil)
    }

    @Test func whatIsWrittenIsReadBack() throws {
        var document = EndpointDocument()
        document.name = "ä b"
        document.url = .set("http://a")
        document.urlAnthropic = .removed
        document.authValue = .set("${KEY}")
        document.rank = 2
        document.tags = ["x"]
        document.enabled = false
        document.pinned = true
        let bytes = try JSONEncoder().encode(document)
        #expect(try JSONDecoder().decode(EndpointDocument.self, from: bytes) == document)
    }

    @Test func anUnknownKeyIsNamed() {
        #expect { try decode(#"{"urll": "http://a"}"#) } throws: { error in
            (error as? EndpointDocument.UnknownKey)?.name == "urll"
        }
    }

    @Test(arguments: [
        #"{"name": null}"#, #"{"name": 1}"#, #"{"tags": "x"}"#, #"{"rank": 1.5}"#, #"{"url": 3}"#, #"[]"#, "1", "",
    ])
    func whatIsNoDocumentIsRefused(_ text: String) {
        #expect(throws: (any Error).self) { try decode(text) }
    }
}
