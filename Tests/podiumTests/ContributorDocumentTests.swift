import Foundation
import TestSupport
import Testing

/// CONTRIBUTING.md and docs/glossary.md lead through the code by names. A name that is gone is a way that ends nowhere.
@Suite("The documents for contributors")
struct ContributorDocumentTests {
    /// All that Swift files declare, the targets, and the names of the files.
    private struct Code {
        var types: Set<String> = []
        var members: Set<String> = []
        var files: Set<String> = []

        init() throws {
            for folder in ["Sources", "Tests"] {
                for path in try Repository.files(below: folder) {
                    let name = path.split(separator: "/").last.map(String.init) ?? path
                    files.insert(name)
                    // A target has the name of its folder.
                    types.insert(String(path.split(separator: "/")[1]))
                    guard name.hasSuffix(".swift") else { continue }
                    read(try Repository.text(path))
                }
            }
        }

        private mutating func read(_ text: String) {
            for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
                let words = line.split { !Self.isPartOfName($0) }
                for (keyword, name) in zip(words, words.dropFirst()) {
                    guard let keyword = Keyword(rawValue: String(Substring(keyword))) else { continue }
                    switch keyword {
                    case .class, .struct, .enum, .protocol, .actor, .typealias: types.insert(String(Substring(name)))
                    case .func, .var, .let: members.insert(String(Substring(name)))
                    // One line may declare several.
                    case .case: members.formUnion(words.map { String(Substring($0)) })
                    }
                }
            }
        }

        private enum Keyword: String {
            case `class`, `struct`, `enum`, `protocol`, actor, `typealias`, `func`, `var`, `let`, `case`
        }

        private static func isPartOfName(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }

        /// What is wrong with a text in backticks; nil for one that names nothing in the code, or something that is there.
        func problem(_ quoted: Substring) -> String? {
            if quoted.wholeMatch(of: /(?:Sources|Tests|docs|Benchmarks|Fuzz|packaging|screenshots)\/[\w\/.+-]*/) != nil
            {
                let found = FileManager.default.fileExists(atPath: Repository.path(String(quoted)))
                return found ? nil : "no file or folder \(quoted)"
            }
            if quoted.wholeMatch(of: /[\w+]+\.(?:swift|c|h|py)/) != nil {
                return files.contains(String(quoted)) ? nil : "no file \(quoted)"
            }
            guard let match = quoted.wholeMatch(of: /([A-Z]\w*[a-z]\w*)((?:\.\w+)*)(?:\([\w:]*\))?/) else {
                return nil
            }
            guard types.contains(String(match.output.1)) else { return "no type \(match.output.1)" }
            for part in match.output.2.split(separator: ".") {
                let name = String(part)
                guard types.contains(name) || members.contains(name) || name == "init" else {
                    return "nothing called \(name) (\(quoted))"
                }
            }
            return nil
        }
    }

    private static func quoted(_ text: some StringProtocol) -> [Substring] {
        text.split(separator: "\n").flatMap { line -> [Substring] in
            line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter { $0.offset % 2 == 1 }.map { Substring($0.element) }
        }
    }

    @Test("CONTRIBUTING.md names files, types and members that exist")
    func contributing() throws {
        let names = Self.quoted(try Repository.text("CONTRIBUTING.md"))
        let code = try Code()
        #expect(names.compactMap(code.problem) == [])
        // Otherwise nothing was looked at.
        #expect(names.count(where: { code.types.contains(String($0)) }) > 50)
    }

    @Test("The last column of the glossary names types that exist")
    func glossary() throws {
        let code = try Code()
        let rows = try Repository.text("docs/glossary.md").split(separator: "\n").filter { $0.hasPrefix("| ") }
        let names = rows.map { $0.split(separator: "|", omittingEmptySubsequences: false) }.filter { $0.count == 6 }
            .flatMap { Self.quoted($0[4]) }
        #expect(names.compactMap(code.problem) == [])
        #expect(names.count > 30)
    }

    /// The headings of a page as the anchors that GitHub makes of them.
    private static func anchors(_ page: String) throws -> Set<String> {
        let headings = try Repository.text(page).split(separator: "\n").filter { $0.hasPrefix("#") }
        return Set(
            headings.map { heading in
                heading.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
                    .filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == " " }
                    .replacing(" ", with: "-")
            })
    }

    @Test("Links between the pages lead somewhere")
    func links() throws {
        var pages = try Repository.files(below: "docs").filter { $0.hasSuffix(".md") }
        pages += ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        var dead: [String] = []
        var count = 0
        for page in pages {
            let folder = page.split(separator: "/").dropLast().joined(separator: "/")
            for match in try Repository.text(page).matches(of: /\]\(([^)\s]+)\)/) {
                let link = match.output.1
                if link.contains("://") { continue }
                count += 1
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                var steps = folder.split(separator: "/")
                for step in parts[0].split(separator: "/") where step != "." {
                    if step == ".." { _ = steps.popLast() } else { steps.append(step) }
                }
                let target = parts[0].isEmpty ? page : steps.joined(separator: "/")
                guard FileManager.default.fileExists(atPath: Repository.path(target)) else {
                    dead.append("\(page): \(link)")
                    continue
                }
                if parts.count == 2, try !Self.anchors(target).contains(String(parts[1])) {
                    dead.append("\(page): \(link)")
                }
            }
        }
        #expect(dead == [])
        #expect(count > 50)
    }
}
