import Foundation
import LLMWire
import Pricing
import Support
import TestSupport
import Testing
import Trends

@testable import History

/// A day in virtual time, of 25 hours since the clocks change in it: requests whose answers are read, priced, added up and written on a real
/// disk, with restarts, kills at any moment and an hour in which the disk is full.
///
/// What the rows have to say is reckoned from the numbers that the answers were made of, by other means: costs by Foundation's decimals.
@Suite("A day of requests")
struct DayReplayTests {
    /// A million take some minutes.
    private static let count =
        ProcessInfo.processInfo.environment["PODIUM_DAY_REQUESTS"].flatMap { Int($0) } ?? 50_000

    // Central Europe, 2026-10-25: back at 01:00 UTC.
    private static let midnight: Int64 = 1_792_879_200
    private static let change: Int64 = 1_792_890_000
    private static let day: Int64 = 20_751
    private static let hours: Int64 = 25

    private static let prices = #"""
        {"format": "podium-prices/1", "date": "2026-11-30", "currency": "USD", "models": [
          {"model": "alpha", "input": "3", "output": "15", "cache_read": "0.3", "cache_write_5m": "3.75"},
          {"model": "beta", "input": "0.000003", "output": "0.123457", "cache_read": "0", "cache_write_5m": "1.1"},
          {"model": "long", "input": "2.5", "output": "10", "cache_read": "0.25", "cache_write_5m": "3",
           "over": [{"input_above": 50000, "input": "5", "output": "15", "cache_read": "0.5", "cache_write_5m": "6"}]},
          {"model": "half", "input": "1", "output": "2"}
        ]}
        """#

    /// Prices for a million tokens: input, output, cache read, cache write.
    private static let rates: [String: [String]] = [
        "alpha": ["3", "15", "0.3", "3.75"], "beta": ["0.000003", "0.123457", "0", "1.1"],
        "long": ["2.5", "10", "0.25", "3"], "longer": ["5", "15", "0.5", "6"], "half": ["1", "2"],
    ]
    private static let multipliers = ["relay": "0.3333", "main": "1", "eu": "1.0001"]

    /// What is known of a request by whoever made its answer.
    private struct Made {
        var endpoint = ""
        var model = ""
        var body = ""
        var isStream = false
        /// Input, output, cache read, cache write; nil: not said.
        var tokens: [Int64]?
        var isWhole = true
        var total: Int64 = 0

        /// In the smallest unit that is kept, by decimals; nil: not known.
        var cost: Int64? {
            guard let tokens else { return nil }
            var name = model
            if name == "long", tokens[0] + tokens[2] + tokens[3] > 50_000 { name = "longer" }
            guard let rates = DayReplayTests.rates[name] else { return nil }
            var sum = Foundation.Decimal(0)
            for (index, count) in tokens.enumerated() where count > 0 {
                guard index < rates.count, let rate = Foundation.Decimal(string: rates[index]) else { return nil }
                sum += Foundation.Decimal(count) * rate
            }
            sum *= Foundation.Decimal(string: DayReplayTests.multipliers[endpoint] ?? "1") ?? 1
            // For a million tokens, in units of 10⁻¹².
            sum *= 1_000_000
            var rounded = Foundation.Decimal()
            NSDecimalRound(&rounded, &sum, 0, .plain)
            return Int64(truncating: rounded as NSDecimalNumber)
        }
    }

    private struct Sums: Equatable {
        var requests: Int64 = 0
        var read: Int64 = 0
        var partial: Int64 = 0
        var unread: Int64 = 0
        var tokens: [Int64] = [0, 0, 0, 0]
        var cost: Int64 = 0
        var unpriced: Int64 = 0

        mutating func add(_ made: Made) {
            requests += 1
            guard let said = made.tokens else {
                unread += 1
                return
            }
            if made.isWhole { read += 1 } else { partial += 1 }
            for index in said.indices { tokens[index] += said[index] }
            if let cost = made.cost { self.cost += cost } else { unpriced += 1 }
        }

        mutating func add(_ other: Sums) {
            requests += other.requests
            read += other.read
            partial += other.partial
            unread += other.unread
            for index in tokens.indices { tokens[index] += other.tokens[index] }
            cost += other.cost
            unpriced += other.unpriced
        }

        init() {}

        init(_ cell: Cell) {
            (requests, read, partial, unread) = (cell[.requests], cell[.read], cell[.partial], cell[.unread])
            tokens = [cell[.input], cell[.output], cell[.cacheRead], cell[.cacheWrite5m]]
            (cost, unpriced) = (cell[.cost], cell[.unpriced])
        }
    }

    private struct Key: Hashable {
        var isHour: Bool
        var start: Int64
        var endpoint: String
        var model: String
    }

    private static func make(_ random: inout SeededRandom) -> Made {
        var made = Made()
        made.endpoint = ["main", "eu", "relay"].randomElement(using: &random) ?? ""
        made.model = ["alpha", "alpha", "beta", "long", "half", "unknown"].randomElement(using: &random) ?? ""
        made.total = Int64.random(in: 1...1_000, using: &random) * Int64.random(in: 1...60_000, using: &random)
        let tokens = [
            Int64.random(in: 0...80_000, using: &random), .random(in: 1...9_000, using: &random),
            Int.random(in: 0..<3, using: &random) == 0 ? .random(in: 0...90_000, using: &random) : 0,
            made.model != "half" && Int.random(in: 0..<5, using: &random) == 0
                ? .random(in: 0...5_000, using: &random) : 0,
        ]
        made.tokens = tokens
        made.isStream = Bool.random(using: &random)
        let breaksOff = Int.random(in: 0..<30, using: &random) == 0
        let (input, output, cached, written) = (tokens[0], tokens[1], tokens[2], tokens[3])
        switch (Bool.random(using: &random), made.isStream) {
        case (true, false):
            made.body =
                #"{"type":"message","model":"\#(made.model)","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn","#
                + #""usage":{"input_tokens":\#(input),"output_tokens":\#(output),"cache_read_input_tokens":\#(cached),"#
                + #""cache_creation_input_tokens":\#(written)}}"#
            if breaksOff {
                made.body.removeLast()
                made.isWhole = false
            }
        case (true, true):
            made.body =
                #"data: {"type":"message_start","message":{"model":"\#(made.model)","usage":{"input_tokens":\#(input),"#
                + #""output_tokens":1,"cache_read_input_tokens":\#(cached),"cache_creation_input_tokens":\#(written)}}}"#
                + "\n\n"
            if breaksOff {
                made.tokens?[1] = 1
                made.isWhole = false
            } else {
                made.body +=
                    #"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":\#(output)}}"#
                    + "\n\n" + #"data: {"type":"message_stop"}"# + "\n\n"
            }
        case (false, let isStream):
            let usage =
                #""usage":{"prompt_tokens":\#(input + cached + written),"completion_tokens":\#(output),"#
                + #""total_tokens":\#(input + cached + written + output),"prompt_tokens_details":{"cached_tokens":\#(cached),"#
                + #""cache_write_tokens":\#(written)}}"#
            let choice =
                #""choices":[{"index":0,"delta":{"content":"x"},"message":{"content":"x"},"finish_reason":"stop"}]"#
            if isStream {
                made.body = #"data: {"model":"\#(made.model)",\#(choice)}"# + "\n\n"
                if breaksOff {
                    made.tokens = nil
                } else {
                    made.body += #"data: {"model":"\#(made.model)","choices":[],\#(usage)}"# + "\n\ndata: [DONE]\n\n"
                }
            } else {
                made.body = #"{"model":"\#(made.model)",\#(choice),\#(usage)}"#
                if breaksOff {
                    made.body = #"{"model":"\#(made.model)",\#(choice)"#
                    made.tokens = nil
                }
            }
        }
        return made
    }

    /// What Podium makes of the answer.
    private static func read(_ made: Made, cutAt cut: Int, _ prices: PriceList) -> (entry: Entry, model: String) {
        let bytes = Array(made.body.utf8)
        let api: LLMAPI = made.body.contains("\"choices\"") ? .chatCompletions : .messages
        var reader = AnswerReader(
            api: api, status: 200, contentType: made.isStream ? "text/event-stream" : "application/json")
        for piece in [bytes[..<min(cut, bytes.count)], bytes[min(cut, bytes.count)...]] {
            piece.withUnsafeBytes { reader.read($0) }
        }
        let ending = reader.finish(isClean: true)
        var entry = Entry(at: LocalMoment(microseconds: 0, offset: 0))
        entry.attempts = 1
        entry.isStream = made.isStream
        entry.usage = reader.usage
        entry.total = made.total
        entry.reading = reader.usage == Usage() ? .unread : ending == .complete ? .whole : .partial
        if entry.reading != .unread {
            entry.cost = prices.cost(
                of: reader.usage, answered: reader.model, asked: nil,
                multiplier: CostMultiplier(multipliers[made.endpoint] ?? "1") ?? .one)
        }
        return (entry, reader.model ?? "")
    }

    /// A process with its files; a kill leaves a picture of them of that moment.
    private final class Process {
        var ledger = Ledger(other: NameTable.other)
        var names = NameTable()
        var file: RollUpFile
        let folder: HistoryFolder

        init(_ folder: HistoryFolder) throws {
            self.folder = folder
            file = try RollUpFile.open(path: folder.file, date: "x")
        }

        /// - Returns: whether it was written
        func commit() throws -> Bool {
            guard let batch = ledger.batch() else { return true }
            do throws(HistoryProblem) {
                let bases = try file.write(batch, names)
                ledger.committed(batch, bases: bases)
                return true
            } catch {
                guard error == .full else { throw error }
                return false
            }
        }

        /// The files as a process leaves them that is killed now, within a transaction or between two.
        func killed(withinTransaction: Bool) throws -> HistoryFolder {
            if withinTransaction {
                try file.store.database.execute("BEGIN IMMEDIATE; UPDATE hour SET output=output+1; DELETE FROM day")
            }
            let next = try HistoryFolder("test.history.db")
            for suffix in ["", "-wal"] {
                try? FileManager.default.copyItem(atPath: folder.file + suffix, toPath: next.file + suffix)
            }
            if withinTransaction { try file.store.database.execute("ROLLBACK") }
            return next
        }
    }

    @Test("Rows are what was billed, to the last token and the last digit")
    func day() throws {
        var random = SeededRandom(seed: 2_026_1025)
        let prices = PriceList([try PriceTable(file: Array(Self.prices.utf8))])
        var process = try Process(HistoryFolder("test.history.db"))
        var committed: [Key: Sums] = [:]
        var owed: [Key: Sums] = [:]
        var times: [String: [Int64]] = [:]
        var owedTimes: [String: [Int64]] = [:]
        var (kills, restarts, fulls, lost) = (0, 0, 0, Int64(0))
        let mean = Self.hours * 3_600_000_000 / Int64(Self.count)
        var now = Self.midnight * 1_000_000
        let end = (Self.midnight + Self.hours * 3_600) * 1_000_000
        var nextCommit = now
        func commit() throws {
            guard try process.commit() else {
                fulls += 1
                return
            }
            for (key, sums) in owed { committed[key, default: Sums()].add(sums) }
            for (endpoint, list) in owedTimes { times[endpoint, default: []] += list }
            (owed, owedTimes) = ([:], [:])
        }
        while true {
            now += Int64.random(in: 0...2 * mean, using: &random)
            guard now < end else { break }
            let second = now / 1_000_000
            // From 13:00 to 14:00 there is no room for one page more.
            let isFull = (14..<15).contains((second - Self.midnight) / 3_600)
            let made = Self.make(&random)
            var (entry, model) = Self.read(made, cutAt: .random(in: 0...made.body.utf8.count, using: &random), prices)
            entry.at = LocalMoment(microseconds: now, offset: second < Self.change ? 7_200 : 3_600)
            entry.endpoint = process.names.number(.endpoint, made.endpoint)
            entry.model = process.names.number(.model, model)
            process.ledger.add(entry)
            for (isHour, start) in [(true, second / 3_600 * 3_600), (false, Self.day)] {
                let key = Key(isHour: isHour, start: start, endpoint: made.endpoint, model: made.model)
                owed[key, default: Sums()].add(made)
            }
            owedTimes[made.endpoint, default: []].append(made.total)
            guard now >= nextCommit else { continue }
            // As often as it happens, but in the short run that CI has.
            nextCommit = now + (Self.count > 500_000 ? 10_000_000 : 60_000_000)
            let database = process.file.store.database
            try process.file.setPageLimit(1 << 30)
            if isFull, let free = try database.number("PRAGMA freelist_count"), free > 0 {
                // Nor is there any in pages that are free again.
                try database.execute(
                    "CREATE TABLE IF NOT EXISTS ballast(x BLOB); INSERT INTO ballast VALUES(zeroblob(\(free * 4_000)))")
            }
            let pages = try database.number("PRAGMA page_count") ?? 0
            if isFull { try process.file.setPageLimit(Int(pages)) }
            try commit()
            guard !isFull else { continue }
            switch Int.random(in: 0..<400, using: &random) {
            case 0:
                // Asked to stop: all is written.
                try commit()
                process = try Process(process.folder)
                restarts += 1
            case 1...2:
                // Some more come, and are lost with it.
                for _ in 0..<3 {
                    var late = entry
                    late.at.microseconds += 1
                    process.ledger.add(late)
                    lost += 1
                }
                process = try Process(process.killed(withinTransaction: Bool.random(using: &random)))
                kills += 1
            case 3: try process.file.checkpoint()
            default: break
            }
        }
        try process.file.setPageLimit(1 << 30)
        try commit()
        #expect(owed.isEmpty && kills > 0 && restarts > 0 && fulls > 0 && lost > 0)
        let reader = try RollUpFile.reader(path: process.folder.file)
        var found: [Key: Sums] = [:]
        var sketches: [String: Sketch] = [:]
        for period in CellKey.Period.allCases {
            for row in try reader.rows(period, from: .min, to: .max) {
                let key = Key(isHour: period == .hour, start: row.start, endpoint: row.endpoint, model: row.model)
                #expect(found.updateValue(Sums(row.cell), forKey: key) == nil)
                if period == .day { sketches[row.endpoint, default: Sketch()].merge(row.cell[.total]) }
            }
        }
        #expect(found == committed && reader.brokenRows == 0)
        #expect(Set(found.keys.filter(\.isHour).map(\.start)).count == Int(Self.hours))
        #expect(Set(found.keys.filter { !$0.isHour }.map(\.start)) == [Self.day])
        for (endpoint, list) in times {
            let exact = list.sorted()[max(1, (list.count * 95 + 99) / 100) - 1]
            let p95 = sketches[endpoint]?.percentile(95) ?? 0
            #expect(abs(Double(p95 - exact)) <= Double(exact) * 0.016, "\(endpoint)")
        }
        let total = found.filter { $0.key.isHour }.values.reduce(into: Sums()) { $0.add($1) }
        print(
            "day replay: \(total.requests) requests, \(total.tokens) tokens, cost \(Pricing.Decimal.text(picos: total.cost)), "
                + "\(total.unpriced) unpriced, \(total.unread) unread, \(total.partial) partial; \(kills) kills, "
                + "\(restarts) restarts, \(fulls) commits without room")
    }
}
