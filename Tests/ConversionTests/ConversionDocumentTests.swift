import Conversion
import Foundation
import LLMWire
import TestSupport
import Testing

@Suite("The documentation of conversion")
struct ConversionDocumentTests {
    private static func table(_ api: LLMAPI) -> String {
        let rows = ConversionTable.rows.filter { $0.api == api }.map { row in
            "| `\(row.path)` | \(row.fate.rawValue) | \(row.note) |"
        }
        return (["| field | | |", "|---|---|---|"] + rows).joined(separator: "\n") + "\n"
    }

    @Test("It holds the table of the code", arguments: [LLMAPI.messages, .responses])
    func table(_ api: LLMAPI) throws {
        let (begin, end) = ("<!-- \(api) -->\n", "<!-- /\(api) -->")
        let text = try Repository.text("docs/conversion.md")
        let head = try #require(text.firstRange(of: begin)).upperBound
        let tail = try #require(text.firstRange(of: end)).lowerBound
        let wanted = Self.table(api)
        if ProcessInfo.processInfo.environment["PODIUM_UPDATE_DOCS"] != nil {
            let new = text[..<head] + wanted + text[tail...]
            try String(new).write(toFile: Repository.path("docs/conversion.md"), atomically: true, encoding: .utf8)
        } else {
            #expect(String(text[head..<tail]) == wanted, "PODIUM_UPDATE_DOCS=1 writes the table anew")
        }
    }
}
