import Testing

@testable import LLMWire

@Suite("Which models an endpoint is asked for, and by which names")
struct ModelRulesTests {
    private func rules(_ models: [String], _ map: [(String, String)] = []) throws -> ModelRules {
        try #require(ModelRules(models: models, map: map.map { ($0.0, $0.1) }))
    }

    @Test("A star stands for any text, a question mark for one character, and capitals count")
    func patterns() {
        for (pattern, name, matches) in [
            ("gpt-5", "gpt-5", true), ("gpt-5", "gpt-5.1", false), ("*", "", true), ("*", "anything", true),
            ("claude-*", "claude-", true), ("claude-*", "Claude-x", false), ("*-mini", "gpt-5-mini", true),
            ("*-mini", "gpt-5-mini-2", false), ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXcYb", false),
            ("gpt-?", "gpt-5", true), ("gpt-?", "gpt-", false), ("gpt-?", "gpt-é", true), ("gpt-?", "gpt-5x", false),
            ("**", "x", true), ("", "", true), ("", "x", false), ("*é", "caf\u{E9}", true),
        ] { #expect(ModelPattern(pattern).matches(name) == matches, "\(pattern) \(name)") }
    }

    @Test("An exclusion counts wherever it stands; exclusions alone leave all others")
    func exclusions() throws {
        for models in [["claude-*", "!claude-opus-*"], ["!claude-opus-*", "claude-*"]] {
            let rules = try rules(models)
            #expect(rules.allows("claude-sonnet-4-5"))
            #expect(!rules.allows("claude-opus-4"))
            #expect(!rules.allows("gpt-5"))
        }
        #expect(try rules(["!gpt-*"]).allows("claude"))
        #expect(try !rules(["!gpt-*"]).allows("gpt-5"))
        #expect(ModelRules(models: [], map: []) == nil)
    }

    @Test("The first pattern of the map that matches counts, and what none matches keeps its name")
    func map() throws {
        let rules = try rules([], [("claude-sonnet-*", "gpt-5.6-sol"), ("claude-*", "default"), ("gpt-4*", "gpt-5")])
        #expect(rules.name(for: "claude-sonnet-4-5") == "gpt-5.6-sol")
        // No name has a meaning of its own.
        #expect(rules.name(for: "claude-opus-4") == "default")
        #expect(rules.name(for: "gpt-4o") == "gpt-5")
        #expect(rules.name(for: "o3") == "o3")
        #expect(rules.allows("o3"))
    }

    @Test("A star of the name stands for what the star of the pattern has matched")
    func templates() throws {
        let rules = try rules([], [("claude-*", "anthropic/claude-*"), ("*-latest", "*"), ("a*b*", "x*")])
        #expect(rules.name(for: "claude-opus-4") == "anthropic/claude-opus-4")
        #expect(rules.name(for: "claude-") == "anthropic/claude-")
        #expect(rules.name(for: "gpt-latest") == "gpt")
        // What the file's check refuses is sent as it stands.
        #expect(rules.name(for: "a1b2") == "x*")
    }
}
