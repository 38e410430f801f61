import Foundation
@testable import PodiumModel
import Testing

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

/// `••••` stands for what an editor does not hold: whatever it is mixed with, it must never take the place of the secret.
struct MaskedEditTests {
    private let present: EndpointSettings = {
        var settings = EndpointSettings(name: "a")
        settings.url = "http://127.0.0.1:1"
        settings.authType = .apiKey
        settings.authValue = "sk-present"
        settings.headers = [
            HeaderField(name: "Cookie", value: "sess=X"), HeaderField(name: "x-note", value: "sk-live-12345"),
            HeaderField(name: "x-dot", value: "a • b"),
        ]
        settings.proxy = OutboundProxy(kind: .socks5, host: "h", port: 1, username: "u", password: "p")
        return settings
    }()

    private func edited(_ change: (inout EndpointPatch) -> Void) throws(EndpointProblem) -> EndpointSettings {
        var edit = EndpointPatch()
        change(&edit)
        return try edit.applied(to: present)
    }

    private func headers(_ value: String, name: String) throws(EndpointProblem) -> String? {
        try edited { $0[.headers] = .headers([.init(name: name, value: value)]) }.headers.first?.value
    }

    @Test(arguments: ["Cookie", "cookie", "x-note"]) func aHeaderIsKeptOrGivenWhole(_ name: String) throws {
        let kept = present.headers.first { $0.name.lowercased() == name.lowercased() }?.value
        #expect(try headers("••••", name: name) == kept)
        #expect(try headers("new", name: name) == "new")
        for value in ["••••ZZ", "ZZ••••", "•••", "••••••••"] {
            #expect(throws: EndpointProblem.self, "\(value)") { try headers(value, name: name) }
        }
        #expect(throws: EndpointProblem.self) { try headers("••••", name: "x-other") }
    }

    @Test func aHeaderThatIsNoSecretMayHoldWhatItLikes() throws {
        #expect(try headers("a • c", name: "x-dot") == "a • c")
    }

    @Test func credentialAndProxyToo() throws {
        #expect(try edited { $0[.authValue] = .text("••••") }.authValue == "sk-present")
        #expect(try edited { $0[.proxy] = .text("socks5://u:••••@h:2") }.proxy?.password == "p")
        #expect(throws: EndpointProblem.self) { try edited { $0[.authValue] = .text("••••ZZ") } }
        #expect(throws: EndpointProblem.self) { try edited { $0[.proxy] = .text("socks5://u:••••x@h:1") } }
    }
}
