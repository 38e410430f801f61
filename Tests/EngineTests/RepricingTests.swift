import Configuration
import Foundation
import LLMWire
import PodiumModel
import Pricing
import TestSupport
import Testing
import Trends

@testable import Engine

@Suite("Costs by other prices, and how endpoints stood")
struct RepricingTests {
    private static let file = #"""
        {"format": "podium-prices/1", "date": "2026-11-30", "currency": "EUR", "models": [
          {"model": "plain", "input": "2", "output": "10", "cache_read": "0.2"},
          {"model": "long", "input": "3", "output": "15", "over": [{"input_above": 200000, "input": "6", "output": "22.50"}]},
          {"model": "free", "input": "0", "output": "0"}
        ]}
        """#

    private func prices(_ multipliers: [String: String] = [:]) throws -> UsagePrices {
        UsagePrices(
            list: PriceList([try PriceTable(file: Array(Self.file.utf8))]),
            multipliers: multipliers.compactMapValues { CostMultiplier($0) })
    }

    private func row(
        _ endpoint: String, _ model: String, input: Int64, output: Int64, cacheWrite: Int64 = 0, cost: Int64 = 7,
        unpriced: Int64 = 0
    ) -> UsageRow {
        var cell = Cell()
        (cell[.requests], cell[.read], cell[.input], cell[.output]) = (2, 2, input, output)
        (cell[.cacheWrite5m], cell[.cost], cell[.unpriced]) = (cacheWrite, cost, unpriced)
        return UsageRow(period: .day, start: 20_000, endpoint: endpoint, model: model, client: "", cell: cell)
    }

    @Test("An endpoint that is gone keeps its cost: what it took of the price is not known")
    func gone() throws {
        var prices = try prices()
        prices.endpoints = ["a"]
        var repricing = Repricing(prices)
        #expect(repricing.reprice(row("a", "plain", input: 1, output: 0)).cell[.cost] == 2_000_000)
        #expect(repricing.reprice(row("gone", "plain", input: 1, output: 0)).cell[.cost] == 7)
        #expect(repricing.note.left.map(\.endpoint) == ["gone"])
    }

    @Test("What has tokens and a price is reckoned anew, exactly; the rest keeps its cost and is named")
    func repricing() throws {
        var repricing = Repricing(try prices(["half": "0.5"]))
        let rows = [
            row("a", "plain", input: 1_000_001, output: 3, unpriced: 2), row("half", "plain", input: 3, output: 1),
            row("a", "plain-2026-01-31", input: 5, output: 0), row("a", "free", input: 9, output: 9),
            row("a", "long", input: 1, output: 1), row("a", "unknown", input: 1, output: 1),
            row("a", "plain", input: 1, output: 1, cacheWrite: 1), row("a", "", input: 1, output: 1),
            row("a", NameTable.otherText, input: 1, output: 1),
        ]
        let found = rows.map { repricing.reprice($0) }
        // Picos: two dollars for a million are 2,000,000 for one.
        let costs: [Int64] = [
            1_000_001 * 2_000_000 + 3 * 10_000_000, (3 * 2_000_000 + 10_000_000) / 2, 5 * 2_000_000, 0,
        ]
        #expect(
            found.prefix(4).map { $0.cell[.cost] } == costs && found.prefix(4).allSatisfy { $0.cell[.unpriced] == 0 })
        #expect(Array(found.dropFirst(4)) == Array(rows.dropFirst(4)))
        #expect(repricing.note.left.map(\.model) == ["", NameTable.otherText, "long", "plain", "unknown"])
        #expect(
            repricing.note.left.allSatisfy { $0.requests == 2 && !$0.reason.isEmpty } && repricing.note.problem == nil)
    }

    @Test("Of 500 requests the sum by new prices is that of each of them, to the last digit")
    func exact() throws {
        var random = SeededRandom(seed: 9)
        let prices = try prices()
        var (sum, cell) = (Int64(0), Cell())
        for _ in 0..<500 {
            var usage = Usage()
            usage.input = .random(in: 0...300_000, using: &random)
            usage.output = .random(in: 0...9_000, using: &random)
            usage.cacheRead = .random(in: 0...90_000, using: &random)
            sum += try #require(prices.list.cost(of: usage, answered: "plain", asked: nil))
            cell[.read] += 1
            cell[.input] += usage.input ?? 0
            cell[.output] += usage.output ?? 0
            cell[.cacheRead] += usage.cacheRead ?? 0
        }
        var repricing = Repricing(prices)
        let row = UsageRow(period: .hour, start: 0, endpoint: "a", model: "plain", client: "", cell: cell)
        #expect(repricing.reprice(row).cell[.cost] == sum)
    }

    @Test("Prices of files are those of the settings, and one that cannot be read is said")
    func files() throws {
        let folder = NSTemporaryDirectory() + "podium-prices-" + UUID().uuidString + "/"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Self.file.write(toFile: folder + "prices.json", atomically: true, encoding: .utf8)
        var settings = UsageSettings()
        #expect(UsagePrices(settings, folder: folder).list.tables == [.builtIn])
        settings.prices = .off
        #expect(UsagePrices(settings, folder: folder).list.tables.isEmpty)
        settings.prices = .file("prices.json")
        #expect(UsagePrices(settings, folder: folder).list.tables.first?.currency == "EUR")
        settings.prices = .file("none.json")
        let none = UsagePrices(settings, folder: folder)
        #expect(none.list.tables == [.builtIn] && none.problem?.contains("none.json") == true)
    }

    @Test("Availability is known while it goes on, over the file, and by the hour")
    func availability() async throws {
        let path = NSTemporaryDirectory() + "podium-standing-" + UUID().uuidString + ".history.db"
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        let account = UsageAccount(path: path)
        account.connect(
            names: { _ in [:] }, standings: { ["a": Standing(.up, rank: 1), "b": Standing(.off, rank: 2)] }
        ) { _, _ in }
        account.standingChanged()
        var asked = HistoryQuestion()
        let live = try await report(account, asked)
        #expect(live.rows.map(\.endpoint) == ["a", "b"] && live.problem == nil)
        account.connect(
            names: { _ in [:] }, standings: { ["a": Standing(.open, rank: 2), "b": Standing(.up, rank: 1)] }
        ) { _, _ in }
        account.standingChanged()
        let changed = try await report(account, asked)
        #expect(changed.changes.map(\.endpoint).sorted() == ["a", "b"])
        #expect(changed.changes.first { $0.endpoint == "a" }?.after == "open")
        // The file has what memory has given away, and both together say the same as before.
        account.events.connect(
            .init(events: { after in
                after > 0
                    ? []
                    : [
                        LoggedEvent(
                            id: 1, time: 1, level: .info, kind: .change, source: "s", endpoint: nil, text: "t",
                            firstID: 1,
                            firstTime: 1)
                    ]
            }))
        account.finish(within: .seconds(5))
        let both = try await report(account, asked)
        #expect(both.changes == changed.changes && both.rows.count == 2)
        #expect(zip(both.rows, changed.rows).allSatisfy { $0.knownSeconds >= $1.knownSeconds })
        asked.by = "hour"
        let hours = try await report(account, asked)
        #expect(hours.rows.allSatisfy { $0.time?.count == 13 } && hours.rows.map(\.endpoint).contains("b"))
        asked.by = "week"
        #expect(throws: CommandRefusal.self) { try AvailabilityQuery(asked) }
        asked.by = nil
        #expect(try AvailabilityQuery(asked).answer(fromFile: path)?.changes == changed.changes)
        #expect(try AvailabilityQuery(asked).answer(fromFile: path + ".none") == nil)
    }

    private func report(_ account: UsageAccount, _ question: HistoryQuestion) async throws -> AvailabilityReport {
        let query = try AvailabilityQuery(question)
        let (rows, changes, problem) = await account.standings(query)
        return query.report(rows, changes, problem: problem)
    }
}
