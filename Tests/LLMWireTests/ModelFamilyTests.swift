@testable import LLMWire
import Testing

@Suite struct ModelFamilyTests {
    private func family(_ name: String) -> UInt32 {
        var text = ShortText<128>()
        for byte in name.utf8 { text.append(byte) }
        return ModelFamily(text).number
    }

    @Test(arguments: [
        [
            "claude-opus-4-5", "claude-opus-4-5-20251101", "Claude-Opus-4.5", "anthropic/claude-opus-4.5",
            "us.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5@20251101", "claude-opus-4-5-latest",
            "openrouter/anthropic/claude-opus-4-5",
        ],
        ["gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o", "GPT-4o-latest"],
        ["gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "azure/gpt-4_1-mini"],
    ])
    func oneModelHasOneNumber(names: [String]) {
        #expect(Set(names.map(family)).count == 1)
    }

    @Test func otherModelsHaveOtherNumbers() {
        let names = [
            "claude-opus-4-5", "claude-opus-4-6", "claude-haiku-4-5", "claude-3-5-haiku-20241022", "gpt-4o",
            "gpt-4o-mini",
            "gpt-4.1", "o3", "o3-mini", "gemini-2.5-pro", "gemini-2.5-flash", "deepseek/deepseek-r1",
            "deepseek-r1:free",
            "qwen3-2507", "llama-3.1-70b", "llama-3.1-8b", "gpt-2024",
        ]
        #expect(Set(names.map(family)).count == names.count)
    }

    /// Whatever is sent for a name: the number is one, and never that of no name.
    @Test(arguments: [
        "", "/", ".", "-", "a/", "-20251101", "-latest", "20251101", "...a", String(repeating: "-2", count: 200),
    ])
    func oddNamesAreNamesToo(name: String) {
        #expect(family(name) != 0)
    }
}
