import Testing

@testable import LLMWire

@Suite("Lists of models")
struct ListedModelTests {
    private func read(_ text: String) -> [ListedModel]? {
        Array(text.utf8).withUnsafeBytes { ListedModel.read($0) }
    }

    @Test("Lists of both APIs are read, and those of servers that resemble them")
    func shapes() {
        let anthropic = read(
            #"{"data":[{"type":"model","id":"claude-sonnet-4-5","display_name":"Claude Sonnet 4.5","created_at":"2025-09-29T00:00:00Z"}],"has_more":false}"#
        )
        #expect(anthropic?.map(\.id) == ["claude-sonnet-4-5"])
        #expect(anthropic?.first?.title == "Claude Sonnet 4.5")
        #expect(anthropic?.first?.createdAt == "2025-09-29T00:00:00Z")
        let openAI = read(
            #"{"object":"list","data":[{"id":"gpt-5","object":"model","created":1754073600,"owned_by":"openai","permission":[{"id":"x"}]},{"id":"o3"}]}"#
        )
        #expect(openAI?.map(\.id) == ["gpt-5", "o3"])
        #expect(openAI?.first?.created == 1_754_073_600)
        #expect(openAI?.first?.owner == "openai")
        #expect(
            read(#"{"models":[{"name":"llama3:8b","model":"x"},{"slug":"gpt-5-codex"}]}"#)?.map(\.id) == [
                "llama3:8b", "gpt-5-codex",
            ])
        #expect(read(#"{"data":[{"id":"caf\u00e9"}]}"#)?.map(\.id) == ["café"])
    }

    @Test("What is no list is none, and what is no name is left out")
    func others() {
        for text in ["", "[]", "{}", "null", #"{"data":{}}"#, #"{"data":[{"id":"a"}"#, "<html>"] {
            #expect(read(text) == nil, "\(text)")
        }
        let long = String(repeating: "x", count: 300)
        #expect(
            read(#"{"data":[1,null,{},{"id":1},{"id":""},{"id":"a\nb"},{"id":"\#(long)"},{"id":"ok","created":1.5}]}"#)
                == [ListedModel(id: "ok")])
        #expect(read("{\"data\":[\((0..<6_000).map { #"{"id":"m\#($0)"}"# }.joined(separator: ","))]}")?.count == 5_000)
    }

    private func listed(_ models: [String], _ map: [(String, String)], _ served: [String]) -> [String] {
        let rules = ModelRules(models: models, map: map.map { ($0.0, $0.1) })
        return rules?.listed(serving: served).map(\.name) ?? served
    }

    @Test("The rules show by which names a client can ask")
    func rules() {
        let served = ["claude-a", "claude-opus-b", "gpt-5"]
        #expect(listed(["claude-*", "!claude-opus-*"], [], served) == ["claude-a"])
        #expect(listed(["!gpt-*"], [], served) == ["claude-a", "claude-opus-b"])
        // Names of the configuration need no list.
        #expect(listed(["gpt-5", "o3", "x-*"], [("fast", "gpt-5-mini"), ("c*", "d")], []) == ["gpt-5", "o3"])
        #expect(
            listed([], [("fast", "gpt-5"), ("slow", "other"), ("x*", "gpt-5")], served) == served + ["fast", "slow"])
        // A prefix that the endpoint wants is none that the client writes.
        #expect(
            listed([], [("claude-*", "anthropic/claude-*")], ["anthropic/claude-a", "claude-b", "gpt-5"])
                == ["anthropic/claude-a", "claude-a", "gpt-5"])
        #expect(listed(["claude-*"], [("claude-*", "anthropic/claude-*")], ["anthropic/claude-a"]) == ["claude-a"])
        // What is sent as something else cannot be asked for.
        #expect(listed([], [("*", "default")], ["default", "other"]) == ["default"])
        #expect(listed([], [("a?", "b*"), ("?", "gpt-5"), ("*-*", "x")], ["gpt-5", "b1"]) == ["b1"])
    }

    @Test("It is known whether the rules name all that is asked for")
    func enumerable() {
        #expect(ModelRules(models: ["a", "b"], map: [])?.namesAll == true)
        #expect(ModelRules(models: ["a", "b*"], map: [])?.namesAll == false)
        #expect(ModelRules(models: ["!b"], map: [])?.namesAll == false)
        #expect(ModelRules(models: [], map: [("a", "b")])?.namesAll == false)
    }
}
