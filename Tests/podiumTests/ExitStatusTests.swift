import Foundation
import Testing

@testable import podium

struct ExitStatusTests {
    /// The table of docs/operating.md is the whole truth, and so is the manual's, which is made from the cases.
    @Test func theDocumentationHasEveryCodeAndNoOther() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "docs/operating.md"), encoding: .utf8)
        let section = try #require(page.components(separatedBy: "\n## ").first { $0.hasPrefix("Exit codes\n") })
        let documented = section.split(separator: "\n").compactMap { line in
            line.hasPrefix("| ") ? Int32(line.dropFirst(2).prefix { $0.isNumber }) : nil
        }
        #expect(documented == ExitStatus.allCases.map(\.rawValue))
        let manual = ManualPage.closing.joined(separator: "\n")
        for status in ExitStatus.allCases { #expect(manual.contains(".B \(status.rawValue)\n")) }
    }
}
