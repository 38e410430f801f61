import TestSupport
import Testing

@testable import Verdicts

@Suite("Patterns of rules")
struct TextPatternTests {
    private func matches(_ pattern: String, _ text: String) throws -> Bool {
        try TextPattern(pattern).matches(TextPattern.lowered(text.utf8))
    }

    @Test(
        "What matches, and what does not",
        arguments: [
            ("quota", "Your QUOTA is used up", true), ("Quota", "quota", true), ("quota", "quot", false),
            ("balance|quota", "no Balance", true), ("balance|quota", "no money", false),
            ("model .* not found", "the model gpt-9 was not found", true),
            ("model .* not found", "not found: the model x", false), ("model .* not found", "model  not found", true),
            ("a.*b.*c", "xxaxxbxxcxx", true), ("a.*b.*c", "c b a", false), ("ab.*ab", "ab", false),
            ("ab.*ab", "abab", true),
            ("gpt-4.1", "gpt-4.1", true), ("gpt-4.1", "gpt-4x1", true), ("gpt-4.1", "gpt-41", false),
            ("gpt-4\\.1", "gpt-4x1", false), ("gpt-4\\.1", "gpt-4.1", true),
            ("^over", "overloaded", true), ("^over", "not over", false), ("up$", "used up", true),
            ("up$", "upper", false),
            ("up$", "up and up", true), ("^a$", "a", true), ("^a$", "aa", false), ("^a.*z$", "a to z", true),
            ("^a.*z$", "a to z!", false), ("^a.*b", "xab", false), ("x|^a|b$", "abc", true), ("x|^a|b$", "cab", true),
            (".*x.*", "axb", true), ("^.*x", "ax", true),
            ("余额不足", "账户余额不足。", true), ("余.不", "余额不足", true), ("余.不", "余不", false), ("É", "é", false),
            ("\\(1\\)", "(1)", true), ("\\|", "a|b", true), ("a\\|b|c", "a|b", true), ("a\\|b|c", "b", false),
            ("\\\\", "\\", true),
            ("a", "", false), (".", "", false), (".", "x", true),
        ])
    func matching(pattern: String, text: String, expected: Bool) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(
        "What is not understood is refused, with its place",
        arguments: [
            ("", 0), ("a||b", 2), ("|a", 0), ("a|", 2), ("^", 1), ("^$", 2), (".*", 2), ("a|.*", 4), ("a^", 1),
            ("a|b^", 3),
            ("$a", 0), ("a$b", 1), ("a*", 1), ("a+", 1), ("a?", 1), ("(a)", 0), ("[a]", 0), ("a{2}", 1), ("a)", 1),
            ("]", 0),
            ("\\d", 0), ("x\\", 1), ("\\é", 0), ("余(额", 1), ("*", 0), ("\\1", 0),
        ])
    func refused(pattern: String, offset: Int) {
        let problem = #expect(throws: TextPattern.Problem.self) { try TextPattern(pattern) }
        #expect(problem?.offset == offset)
        #expect(problem?.message.isEmpty == false && problem?.fix.isEmpty == false)
    }

    @Test("A pattern has a limit")
    func limit() {
        #expect(throws: TextPattern.Problem.self) {
            try TextPattern(String(repeating: "a", count: TextPattern.limit + 1))
        }
        #expect(throws: Never.self) { try TextPattern(String(repeating: "a", count: TextPattern.limit)) }
    }

    /// What a backtracking engine would need ages for is a walk through the text here: each part is looked for once.
    @Test("No text takes long")
    func hostile() throws {
        let parts = String(repeating: "a.*", count: 30) + "b"
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: Finding.textLimit)
        let pattern = try TextPattern(parts)
        let time = ContinuousClock().measure { #expect(!pattern.matches(text)) }
        // Milliseconds; a debug build under load has its time.
        #expect(time < .seconds(20))
    }

    @Test("Any text and any pattern: no trap, and what is literal is found where it is")
    func random() {
        var random = SeededRandom(seed: 16)
        let signs = Array("ab|.*^$\\(é余".unicodeScalars)
        func word() -> String {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                text.append(signs.randomElement(using: &random) ?? "a")
            }
            return String(text)
        }
        for _ in 0..<20_000 {
            let (source, text) = (word(), word())
            guard let pattern = try? TextPattern(source) else { continue }
            let found = pattern.matches(TextPattern.lowered(text.utf8))
            let isLiteral = !source.contains { "|.*^$\\(".contains($0) }
            if isLiteral { #expect(found == text.utf8.contains(Array(source.utf8))) }
        }
    }
}
