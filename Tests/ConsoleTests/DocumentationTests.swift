import Foundation
import Testing

@testable import Console

@Suite("The documentation")
struct DocumentationTests {
    @Test("docs/console.md has the keys of the keymap")
    func keys() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appending(path: "docs/console.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let begin = try #require(text.range(of: "<!-- keys -->\n"))
        let end = try #require(text.range(of: "\n<!-- /keys -->"))
        let wanted = Keymap.standard.documentation
        if ProcessInfo.processInfo.environment["PODIUM_UPDATE_DOCS"] != nil {
            let updated = text.replacingCharacters(in: begin.upperBound..<end.lowerBound, with: "\n" + wanted + "\n")
            try updated.write(to: file, atomically: true, encoding: .utf8)
        } else {
            let shown = text[begin.upperBound..<end.lowerBound].trimmingCharacters(in: .newlines)
            #expect(shown == wanted, "run the tests with PODIUM_UPDATE_DOCS=1 to write the table anew")
        }
    }
}
