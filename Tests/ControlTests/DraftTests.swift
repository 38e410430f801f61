import PodiumModel
import TestSupport
import Testing

@testable import Control

@Suite(.timeLimit(.minutes(15)))
struct DraftTests {
    @Test func aPreviewShowsTheFileAndChangesNothing() async throws {
        try await ControlHarness.run { podium in
            let before = podium.text
            var document = EndpointPatch()
            document[.tags] = .list(["x"])
            document[.authValue] = .text("sk-other")
            let lines = try await podium.client.preview(document, of: "b").lines
            #expect(lines.contains { $0.kind == .added && $0.text.contains("tags") })
            #expect(!lines.contains { $0.text.contains("sk-other") || $0.text.contains(ControlHarness.secret) })
            var new = EndpointPatch()
            new[.name] = .text("newcomer")
            new[.url] = .text("http://127.0.0.1:2")
            let added = try await podium.client.preview(new).lines
            #expect(added.contains { $0.kind == .added && $0.text.contains("name: newcomer") })
            #expect(podium.text == before)
            let revision = try await podium.client.endpoints().revision
            #expect(revision == 1)
        }
    }

    @Test func aStalePreviewIsRefused() async throws {
        try await ControlHarness.run { podium in
            _ = try await podium.client.setPinned("b", true)
            await #expect(throws: ControlClientError.self) {
                try await podium.client.preview(EndpointPatch(), of: "b", revision: 1)
            }
        }
    }

    /// Also where the name is a word of the paths.
    @Test func aDocumentIsTestedWithTheSecretItDoesNotName() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")]
        }
        try await ControlHarness.run(endpoints: ["test", "sort"]) { podium in
            var document = EndpointPatch()
            document[.url] = .text("http://127.0.0.1:\(upstream.port)")
            _ = try await podium.client.test(document, of: "test")
            #expect(upstream.requests.first?.header("authorization") == "Bearer \(ControlHarness.secret)")
            _ = try await podium.client.setPinned("sort", true)
            _ = try await podium.client.remove("test")
            let left = try await podium.client.endpoints().endpoints
            #expect(left.map(\.name) == ["sort"])
            let present = try await podium.client.endpoint("sort")
            #expect(present.pinned && present.url == "http://127.0.0.1:1")
        }
        try await upstream.stop()
    }

    @Test func headersProxyAndPreferenceAreEdited() async throws {
        try await ControlHarness.run { podium in
            var document = EndpointPatch()
            document[.headers] = .headers([
                .init(name: "x-secret", value: EndpointPatch.keptSecret), .init(name: "x-plain", value: "1"),
            ])
            document[.proxy] = .text("socks5://me:hidden@127.0.0.1:1080")
            document[.openAIPreference] = .text("responses")
            let endpoint = try #require(try await podium.client.change("b", document).endpoint)
            #expect(endpoint.headers == [.init(name: "x-secret", value: "••••"), .init(name: "x-plain", value: "1")])
            #expect(endpoint.proxy?.shown(mask: "••••") == "socks5://me:••••@127.0.0.1:1080")
            #expect(endpoint.openAIPreference == .responses)
            #expect(podium.text.contains("hidden"))
            // Nothing typed beside a stand-in takes the secret's place.
            for value in ["••••ZZ", "•••"] {
                var beside = EndpointPatch()
                beside[.headers] = .headers([.init(name: "x-secret", value: value)])
                await #expect(throws: ControlClientError.self) { try await podium.client.change("b", beside) }
            }
            // What a document does not name of these stays, also in a PUT.
            var whole = EndpointPatch()
            whole[.name] = .text("b")
            whole[.url] = .text("http://127.0.0.1:1")
            let same = try #require(try await podium.client.replace("b", with: whole).endpoint)
            #expect(same.headers == endpoint.headers)
            #expect(same.proxy == endpoint.proxy)
            document = EndpointPatch()
            document[.proxy] = .absent
            document[.openAIPreference] = .text("best")
            await #expect(throws: ControlClientError.self) { try await podium.client.change("b", document) }
        }
    }
}
