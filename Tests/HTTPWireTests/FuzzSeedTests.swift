import Foundation
import Testing
import TestSupport
import WireOracle

/// The fuzzer's seeds, and a deterministic handful of their mutants, on every run of the tests.
///
/// `Fuzz/run` makes up millions more. What it finds becomes a seed.
@Suite struct FuzzSeedTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let seeds: [String] = {
        let names = try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Fuzz/Seeds").path)
        return (names ?? []).sorted()
    }()

    private static func bytes(_ seed: String) throws -> [UInt8] {
        Array(try Data(contentsOf: root.appending(path: "Fuzz/Seeds").appending(path: seed)))
    }

    private static func judge(_ bytes: [UInt8]) -> Comparison.Verdict {
        bytes.withUnsafeBytes { Comparison.judge(WireInput($0)) }
    }

    @Test(arguments: seeds)
    func aSeedIsReadAsLLHTTPReadsItOrForAReason(seed: String) throws {
        let bytes = try Self.bytes(seed)
        let verdict = Self.judge(bytes)
        if case .unexplained(let difference) = verdict {
            Issue.record("\(difference)\n\(bytes.withUnsafeBytes { Comparison.explanation(WireInput($0)) })")
        }
    }

    /// Otherwise the comparison would be of refusals only.
    @Test func theSeedsAreOfAllSorts() throws {
        #expect(Self.seeds.count > 50)
        var verdicts: [String: Int] = [:]
        for seed in Self.seeds {
            switch Self.judge(try Self.bytes(seed)) {
            case .agree: verdicts["agree", default: 0] += 1
            case .stricter(let choice): verdicts[choice.rawValue, default: 0] += 1
            case .laxer(let choice): verdicts[choice.rawValue, default: 0] += 1
            case .unexplained: break
            }
        }
        for choice in StricterChoice.allCases { #expect(verdicts[choice.rawValue] != nil, "no seed for \(choice)") }
        for choice in LaxerChoice.allCases { #expect(verdicts[choice.rawValue] != nil, "no seed for \(choice)") }
        #expect((verdicts["agree"] ?? 0) > 20)
    }

    @Test func mutantsAreReadAsLLHTTPReadsThemOrForAReason() throws {
        var random = SeededRandom(seed: 20_261_123)
        let seeds = try Self.seeds.map(Self.bytes)
        for round in 0..<1000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0..<1 + Int(random.next() % 3) { random.mutate(&bytes) }
            if case .unexplained(let difference) = Self.judge(bytes) {
                Issue.record("\(difference)\n\(bytes.withUnsafeBytes { Comparison.explanation(WireInput($0)) })")
            }
        }
    }

    /// What is stricter, or laxer, than llhttp is written down, and nothing else is.
    @Test func theDocumentationListsEveryChoice() throws {
        let text = try String(contentsOf: Self.root.appending(path: "docs/proxy-tables.md"), encoding: .utf8)
        let section = try #require(text.components(separatedBy: "## Held against llhttp").dropFirst().first)
        let rows = section.components(separatedBy: "\n## ")[0].split(separator: "\n").filter { $0.hasPrefix("| `") }
        let names = rows.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }
        #expect(
            names.sorted() == (StricterChoice.allCases.map(\.rawValue) + LaxerChoice.allCases.map(\.rawValue)).sorted())
    }
}

extension SeededRandom {
    /// Changes, removes, doubles or inserts a byte that matters to the grammar, behind the letter of the kind.
    fileprivate mutating func mutate(_ bytes: inout [UInt8]) {
        guard bytes.count > 3 else { return }
        let interesting = Array("\r\n\t :;,0159aAfF/\u{0}\u{7F}".utf8) + [0x80, 0xFF]
        let index = 2 + Int(next() % UInt64(bytes.count - 2))
        let byte = interesting[Int(next() % UInt64(interesting.count))]
        switch next() % 4 {
        case 0: bytes[index] = byte
        case 1: bytes.remove(at: index)
        case 2: bytes.insert(bytes[index], at: index)
        default: bytes.insert(byte, at: index)
        }
    }
}
