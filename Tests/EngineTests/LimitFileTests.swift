import Foundation
import Limits
import Testing

@testable import Engine

/// What is used of limits, on its way to the next process.
struct LimitFileTests {
    private static var full: LimitLedger.Saved {
        var saved = LimitLedger.Saved()
        (saved.requests, saved.tokens, saved.counted) = (3, 400, 1_000)
        saved.day = .init(start: 0, end: 86_400, used: 77)
        saved.spend = .init(start: 500, end: 18_500, used: .max)
        return saved
    }

    private static let relay = LimitFile.Entry(owner: .endpoint("relay"), saved: full, reach: 7)

    @Test(arguments: ["relay", "two words", "ümläut / 100 %", "a\tb"]) func aLineSaysWhatItWasMadeOf(name: String)
        throws
    {
        for saved in [Self.full, LimitLedger.Saved()] {
            for entry in [
                LimitFile.Entry(owner: .endpoint(name), saved: saved, reach: 0xFEDC_BA98_7654_3210),
                LimitFile.Entry(owner: .client(name), saved: saved),
            ] {
                let line = LimitFile.line(entry)
                #expect(line.hasSuffix("\n") && line.count { $0 == "\n" } == 1)
                #expect(LimitFile.entry(line.dropLast()) == entry)
            }
        }
    }

    /// A disk may give back anything.
    @Test func aDamagedLineIsNone() {
        let line = LimitFile.line(Self.relay).dropLast()
        for length in 0..<line.count - 20 { _ = LimitFile.entry(line.prefix(length)) }
        #expect(LimitFile.entry("relay 1 2 3") == nil)
        #expect(LimitFile.entry("relay x 2 3 0 1 1 - - -") == nil)
        #expect(LimitFile.entry("relay 1 2 3 9 1 1 - - -")?.saved.day == nil)
        // Times that no calculation survives, or that would never end.
        #expect(LimitFile.entry("relay 1 2 \(Int64.min) - - - - - -") == nil)
        #expect(LimitFile.entry("relay 1 2 3 - - - \(Int64.min) 5 1")?.saved.spend == nil)
        #expect(LimitFile.entry("relay 1 2 3 - - - 5 \(Int64.max) 1")?.saved.spend == nil)
        #expect(LimitFile.entry("relay 1 2 3 - - - 5 18005 1")?.saved.spend == .init(start: 5, end: 18_005, used: 1))
    }

    /// What is added up may reach the end of its numbers.
    @Test func theLargestSumHasAText() throws {
        var ledger = LimitLedger()
        let rules = try LimitRules("spend 9000000 per month")
        let crossed = ledger.add(tokens: 0, cost: .max, rules, .utc, wall: 1_000, steady: 1)
        // 2^63 picos are 9,223,372.036854775807 units.
        #expect(crossed.map { $0.sentence().contains("9223372.0369 of 9000000.0000") } == [true])
    }

    @Test func theFileIsReadByTheNextProcess() throws {
        let folder = URL(filePath: NSTemporaryDirectory()).appending(path: "limits-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let environment = ["STATE_DIRECTORY": folder.path]
        let file = LimitFile(configuration: "\(folder.path)/config.yaml", environment: environment)
        #expect(file.read().isEmpty)
        file.finish([Self.relay], within: .seconds(50))
        let next = LimitFile(configuration: "\(folder.path)/config.yaml", environment: environment)
        #expect(next.read() == [.endpoint("relay"): Self.relay])
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names.count == 1 && names[0].hasSuffix(".limits"))
    }
}
