import Configuration
import Foundation
import Testing

@testable import Engine

/// What `podium check` says of prices.
@Suite struct PriceFileAdviceTests {
    private func lines(_ text: String?, today: Int64) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "prices-\(UUID().uuidString)").path + "/"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = UsageSettings()
        settings.prices = .file("own.json")
        if let text { try Data(text.utf8).write(to: URL(filePath: folder + "own.json")) }
        return PriceFileAdvice.lines(settings, folder: folder, today: today).map {
            $0.replacingOccurrences(of: folder, with: "")
        }
    }

    private static let good =
        #"{"format":"podium-prices/1","date":"2026-11-01","currency":"EUR","models":[{"model":"m","input":"2","output":"1"}]}"#
    /// 2026-11-01: 56 years of 365 days, 14 leap days, and 304 days of its own year.
    private static let day: Int64 = 56 * 365 + 14 + 304

    @Test func oldPricesAndThoseThatCannotBeReadAreSaid() throws {
        #expect(try lines(Self.good, today: Self.day + 180).isEmpty)
        #expect(
            try lines(Self.good, today: Self.day + 181) == [
                "usage.prices: the prices in own.json are of 2026-11-01, 181 days ago: costs may be wrong"
            ])
        // A clock that is wrong says nothing.
        #expect(try lines(Self.good, today: 0).isEmpty)
        for text in [nil, "{}", Self.good + "x"] {
            let said = try lines(text, today: Self.day)
            #expect(said.count == 1 && said[0].hasPrefix("usage.prices: own.json"), "\(said)")
            #expect(said[0].hasSuffix("the built-in prices stay in force"))
        }
        var settings = UsageSettings()
        settings.prices = .off
        #expect(PriceFileAdvice.lines(settings, folder: "", today: 1_000_000).isEmpty)
        settings.prices = .builtIn
        #expect(PriceFileAdvice.lines(settings, folder: "", today: 1_000_000).count == 1)
    }
}
