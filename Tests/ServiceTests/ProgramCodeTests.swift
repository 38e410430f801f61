import Foundation
import Testing

@testable import Service

struct ProgramCodeTests {
    /// Kilobytes of this program's code that are mapped at the moment.
    private func mappedCode() throws -> Int {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var total = 0
        var isCode = false
        for line in try String(contentsOfFile: "/proc/self/smaps", encoding: .utf8).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count >= 6, words[1].count == 4 { isCode = words[1] == "r-xp" && line.hasSuffix(program) }
            if isCode, words.first == "Rss:" { total += Int(words[1]) ?? 0 }
        }
        return total
    }

    @Test func whatTheStartNeededIsLetGo() throws {
        let before = try mappedCode()
        ProgramCode.letGoOfStart()
        // It goes on, with less of it mapped.
        #expect(try mappedCode() < before)
    }
}
