import Foundation
import TestSupport
import Testing

@testable import Verdicts

@Suite("The documentation of the verdicts")
struct VerdictDocumentTests {
    @Test("docs/verdicts.md has the rows of the table")
    func tables() throws {
        var page = try Repository.text("docs/verdicts.md")
        for section in VerdictDocument.sections {
            let begin = try #require(page.range(of: "<!-- \(section.mark) -->\n"), "no mark \(section.mark)")
            let end = try #require(page.range(of: "<!-- /\(section.mark) -->"))
            if ProcessInfo.processInfo.environment["PODIUM_UPDATE_DOCS"] != nil {
                page.replaceSubrange(begin.upperBound..<end.lowerBound, with: section.text + "\n")
            } else {
                let shown = page[begin.upperBound..<end.lowerBound].trimmingCharacters(in: .newlines)
                #expect(shown == section.text, "run the tests with PODIUM_UPDATE_DOCS=1 to write \(section.mark) anew")
            }
        }
        if ProcessInfo.processInfo.environment["PODIUM_UPDATE_DOCS"] != nil {
            try page.write(toFile: Repository.path("docs/verdicts.md"), atomically: true, encoding: .utf8)
        }
    }
}
