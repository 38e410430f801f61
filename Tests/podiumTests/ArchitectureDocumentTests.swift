import Foundation
import TestSupport
import Testing

/// What docs/architecture.md and docs/control-api.md say of the code is held against the code.
@Suite("The documents of the architecture")
struct ArchitectureDocumentTests {
    /// All Swift sources, one after the other.
    private static func sources() throws -> String {
        try Repository.files(below: "Sources").filter { $0.hasSuffix(".swift") }.map(Repository.text)
            .joined(separator: "\n")
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

    /// What each target imports of ours, as Package.swift says it.
    private static func imports() throws -> [String: Set<String>] {
        let package = try Repository.text("Package.swift")
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
        return built
    }

    /// The text between two marks of a page.
    private static func marked(_ mark: String, in page: String) throws -> Substring {
        let document = try Repository.text(page)
        let begin = try #require(document.range(of: "<!-- \(mark) -->\n"))
        let end = try #require(document.range(of: "<!-- /\(mark) -->"))
        return document[begin.upperBound..<end.lowerBound]
    }

    @Test("The diagram has every arrow between targets that does not follow from others")
    func diagram() throws {
        let all = try Self.imports()
        let imports = all.mapValues { $0.filter { all[$0] != nil } }
        func reached(from target: String) -> Set<String> {
            var found: Set<String> = []
            var ahead = Array(imports[target] ?? [])
            while let next = ahead.popLast() {
                if found.insert(next).inserted { ahead += imports[next] ?? [] }
            }
            return found
        }
        var wanted: Set<String> = []
        for (target, direct) in imports {
            for other in direct where !direct.contains(where: { $0 != other && reached(from: $0).contains(other) }) {
                wanted.insert("\(target) --> \(other)")
            }
        }
        let drawn = try Self.marked("diagram", in: "docs/architecture.md").split(separator: "\n")
            .filter { $0.contains(" --> ") }.map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(Set(drawn).subtracting(wanted).sorted() == [])
        #expect(wanted.subtracting(drawn).sorted() == [])
    }

    @Test("The table of targets has each of them")
    func targets() throws {
        let document = try Repository.text("docs/architecture.md")
        let table = try #require(document.range(of: "| target | what for | pure |\n|---|---|---|\n"))
        let rows = document[table.upperBound...].split(
            separator: "\n", omittingEmptySubsequences: false
        ).prefix { $0.hasPrefix("| ") }
        let named = rows.map { $0.dropFirst(2).prefix { $0 != " " } }.map(String.init)
        #expect(named.sorted() == (try Self.imports()).keys.sorted())
    }

    @Test("The table of imports is the package's")
    func importsTable() throws {
        var documented: [String: Set<String>] = [:]
        for line in try Self.marked("imports", in: "docs/architecture.md").split(separator: "\n").dropFirst(2) {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            try #require(cells.count == 2)
            documented[cells[0]] = cells[1] == "nothing" ? [] : Set(cells[1].components(separatedBy: ", "))
        }
        let built = try Self.imports()
        #expect(built.count > 10)
        #expect(documented == built)
    }

    @Test("What the package lets a target import, its code does import")
    func importsInCode() throws {
        for (target, declared) in try Self.imports() {
            var imported: Set<String> = []
            for path in try Repository.files(below: "Sources/\(target)") where path.hasSuffix(".swift") {
                for line in try Repository.text(path).split(separator: "\n") {
                    let words = line.split(separator: " ")
                    guard words.count < 5, words.contains("import"), let module = words.last else { continue }
                    imported.insert(String(module))
                }
            }
            #expect(declared.subtracting(imported) == [], "\(target)")
        }
    }

    @Test("The table of threads has every queue and every named thread")
    func threads() throws {
        let code = try Self.sources()
        let labels = Self.matches(/DispatchQueue\(label: "([\w.-]+)"/, in: code)
            .union(Self.matches(/podium_name_thread\("(\w+)"\)/, in: code))
        let document = try Repository.text("docs/architecture.md")
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
        let document = try Repository.text("docs/control-api.md")
        let begin = try #require(document.range(of: "The event's `source` says"))
        let end = try #require(document[begin.upperBound...].range(of: "\n\n"))
        let documented = Self.quoted(document[begin.upperBound..<end.lowerBound])
        #expect(used.isSubset(of: documented), "\(used.subtracting(documented).sorted())")
        #expect(documented.subtracting(used).isSubset(of: ["console", "cli", "api", "Podium-Client"]))
    }
}
