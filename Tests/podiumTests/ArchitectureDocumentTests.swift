import Foundation
import Testing

/// What docs/architecture.md and docs/control-api.md say of the code is held against the code.
@Suite("The documents of the architecture")
struct ArchitectureDocumentTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// All Swift sources, one after the other.
    private static func sources() throws -> String {
        let folder = root.appending(path: "Sources")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
        return try files.sorted().map { try text("Sources/\($0)") }.joined(separator: "\n")
    }

    /// The words in backticks.
    private static func quoted(_ text: some StringProtocol) -> Set<String> {
        Set(
            text.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }
                .map { String($0.element) })
    }

    private static func matches(_ pattern: Regex<(Substring, Substring)>, in text: String) -> Set<String> {
        Set(text.matches(of: pattern).map { String($0.output.1) })
    }

    @Test("The table of imports is the package's")
    func imports() throws {
        let document = try Self.text("docs/architecture.md")
        let begin = try #require(document.range(of: "<!-- imports -->\n"))
        let end = try #require(document.range(of: "<!-- /imports -->"))
        var documented: [String: Set<String>] = [:]
        for line in document[begin.upperBound..<end.lowerBound].split(separator: "\n").dropFirst(2) {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            try #require(cells.count == 2)
            documented[cells[0]] = cells[1] == "nothing" ? [] : Set(cells[1].components(separatedBy: ", "))
        }
        let package = try Self.text("Package.swift")
        var built: [String: Set<String>] = [:]
        // A name with its list of dependencies; what stands in quotes there is a target of this package.
        let libraries = /library\(\s*"(\w+)"(?:\s*,\s*\[([^\]]*)\])?\s*\)/
        for match in package.matches(of: libraries) {
            built[String(match.output.1)] = Self.matches(/"(\w+)"/, in: String(match.output.2 ?? ""))
        }
        let program = /executableTarget\(\s*name: "(\w+)",\s*dependencies: \[([^\]]*)\]/
        for match in package.matches(of: program) {
            built[String(match.output.1)] = Self.matches(/"(\w+)"/, in: String(match.output.2))
        }
        #expect(built.count > 10)
        #expect(documented == built)
    }

    @Test("The table of threads has every queue and every named thread")
    func threads() throws {
        let code = try Self.sources()
        let labels = Self.matches(/DispatchQueue\(label: "([\w.-]+)"/, in: code)
            .union(Self.matches(/podium_name_thread\("(\w+)"\)/, in: code))
        let document = try Self.text("docs/architecture.md")
        let begin = try #require(document.range(of: "## Threads\n"))
        let end = try #require(document[begin.upperBound...].range(of: "\n## "))
        let rows = document[begin.upperBound..<end.lowerBound].split(separator: "\n").filter { $0.hasPrefix("|") }
        let named = rows.map { Self.quoted($0.split(separator: "|").first ?? "") }.reduce(into: Set()) {
            $0.formUnion($1)
        }
        #expect(!labels.isEmpty)
        #expect(named == labels)
    }

    @Test("The sources of events are those that the code names")
    func eventSources() throws {
        let code = try Self.sources()
        let used = Self.matches(/source: "(\w+)"/, in: code)
        let document = try Self.text("docs/control-api.md")
        let begin = try #require(document.range(of: "The event's `source` says"))
        let end = try #require(document[begin.upperBound...].range(of: "\n\n"))
        let documented = Self.quoted(document[begin.upperBound..<end.lowerBound])
        #expect(used.isSubset(of: documented), "\(used.subtracting(documented).sorted())")
        #expect(documented.subtracting(used).isSubset(of: ["console", "cli", "api", "Podium-Client"]))
    }
}
