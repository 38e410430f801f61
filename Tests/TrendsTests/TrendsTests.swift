import Foundation
import LLMWire
import TestSupport
import Testing

@testable import Trends

private struct SketchVectors: Decodable {
    struct Vector: Decodable {
        struct Expectation: Decodable {
            let hex: String?
            let exact_p95: Int64?
            let count: Int64
            let p50, p95, p99: Int64?
        }
        let id: String
        let values: [Int64]?
        let parts: [String]?
        let expect: Expectation
    }
    let vectors: [Vector]

    static func read() throws -> [Vector] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors/sketch.json")
        return try JSONDecoder().decode(SketchVectors.self, from: Data(contentsOf: file)).vectors
    }
}

private func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex)
    return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0..<$0 + 2]), radix: 16) }
}

@Suite("Sketches")
struct SketchTests {
    @Test("The vectors")
    func vectors() throws {
        let vectors = try SketchVectors.read()
        #expect(vectors.count >= 6)
        for vector in vectors {
            var sketch = Sketch()
            for value in vector.values ?? [] { sketch.record(value) }
            for part in vector.parts ?? [] { sketch.merge(try #require(Sketch(encoded: bytes(part)))) }
            if let hex = vector.expect.hex { #expect(sketch.encoded == bytes(hex), "\(vector.id)") }
            if let exact = vector.expect.exact_p95, let found = sketch.percentile(95) {
                #expect(abs(Double(found - exact)) <= Double(exact) * 0.016, "\(vector.id)")
            }
            #expect(Sketch(encoded: sketch.encoded) == sketch, "\(vector.id)")
            #expect(sketch.count == vector.expect.count, "\(vector.id)")
            #expect(sketch.percentile(50) == vector.expect.p50, "\(vector.id)")
            #expect(sketch.percentile(95) == vector.expect.p95, "\(vector.id)")
            if let p99 = vector.expect.p99 { #expect(sketch.percentile(99) == p99, "\(vector.id)") }
        }
    }

    @Test("A percentile is within 1.6 % of the exact one, whatever the values, and merging loses nothing")
    func error() {
        var random = SeededRandom(seed: 18)
        for _ in 0..<60 {
            let top = Int64(1) << Int64.random(in: 3...45, using: &random)
            let values = (0..<Int.random(in: 1...400, using: &random)).map { _ in
                Int64.random(in: 0..<top, using: &random)
            }
            var (whole, one, two) = (Sketch(), Sketch(), Sketch())
            for (index, value) in values.enumerated() {
                whole.record(value)
                if index % 3 == 0 { one.record(value) } else { two.record(value) }
            }
            one.merge(two)
            #expect(one == whole)
            let sorted = values.sorted()
            for percent in [1, 50, 95, 99, 100] {
                let exact = sorted[max(1, (values.count * percent + 99) / 100) - 1]
                let found = whole.percentile(percent) ?? -1
                #expect(
                    abs(Double(found - exact)) <= Double(exact) * 0.016, "\(percent) % of \(values.count) below \(top)")
            }
        }
    }

    @Test("The largest and the smallest values have a place")
    func extremes() {
        var sketch = Sketch()
        for value in [Int64.min, -1, 0, .max] { sketch.record(value) }
        #expect(sketch.count == 4 && sketch.percentile(50) == 0)
        #expect(Sketch(encoded: sketch.encoded) == sketch)
        #expect((sketch.percentile(100) ?? 0) > .max / 65 * 64)
    }

    @Test("Bytes that are no sketch are none, and stop nothing")
    func damage() {
        var random = SeededRandom(seed: 5)
        for encoded: [UInt8] in [[2], [1, 0], [1, 0, 0], [1, 5, 1, 0, 1], [1] + [UInt8](repeating: 0xFF, count: 30)] {
            #expect(Sketch(encoded: encoded) == nil)
        }
        for _ in 0..<2_000 {
            let noise =
                [1]
                + (0..<Int.random(in: 0...30, using: &random)).map { _ in
                    UInt8.random(in: .min ... .max, using: &random)
                }
            if let sketch = Sketch(encoded: noise) { _ = sketch.percentile(95) }
        }
    }
}

@Suite("Local time")
struct LocalMomentTests {
    private func moment(_ seconds: Int64, _ offset: Int64) -> LocalMoment {
        LocalMoment(microseconds: seconds * 1_000_000 + 999_999, offset: offset)
    }

    @Test("Hours begin where the local clock says so")
    func hours() {
        // 1970-01-01T01:29:59 UTC
        #expect(moment(5_399, 0).hour == 3_600)
        // India is 5:30 ahead: 06:59:59, an hour that began at 00:30 UTC; one second later the next one begins.
        #expect(moment(5_399, 19_800).hour == 1_800)
        #expect(moment(5_400, 19_800).hour == 5_400)
        // Nepal, 5:45.
        #expect(moment(5_399, 20_700).hour == 4_500)
        #expect(moment(-1, 0).hour == -3_600)
    }

    @Test("A day of 23 or of 25 hours is one")
    func days() {
        // Central Europe in 2026: to summer time on March 29 at 01:00 UTC, back on October 25 at 01:00 UTC.
        for (midnight, change, before, after, hours) in [
            (Int64(1_774_738_800), Int64(1_774_746_000), Int64(3_600), Int64(7_200), 23),
            (1_792_879_200, 1_792_890_000, 7_200, 3_600, 25),
        ] {
            var days: Set<Int64> = []
            var begun: Set<Int64> = []
            let end = midnight + Int64(hours) * 3_600
            for second in stride(from: midnight, to: end, by: 600) {
                let moment = moment(second, second < change ? before : after)
                days.insert(moment.day)
                begun.insert(moment.hour)
            }
            #expect(days.count == 1)
            #expect(begun.count == hours)
            #expect(!days.contains(moment(midnight - 1, before).day))
            #expect(!days.contains(moment(end, after).day))
        }
    }
}

@Suite("The ledger")
struct LedgerTests {
    private func entry(_ hour: Int64, endpoint: Int32 = 2, model: Int32 = 3, output: Int64 = 10) -> Entry {
        var entry = Entry(at: LocalMoment(microseconds: hour * 3_600_000_000, offset: 0))
        entry.endpoint = endpoint
        entry.model = model
        entry.attempts = 1
        entry.reading = .whole
        entry.usage.output = output
        entry.cost = output * 7
        entry.total = 1_000
        return entry
    }

    private func key(_ period: CellKey.Period, _ start: Int64, endpoint: Int32 = 2, model: Int32 = 3) -> CellKey {
        CellKey(period, start: start, endpoint: endpoint, model: model, client: 0)
    }

    @Test("A request counts in its hour and in its day, and failed attempts where they failed")
    func adding() throws {
        var ledger = Ledger(other: 1)
        #expect(ledger.batch() == nil)
        var rescued = entry(25)
        rescued.attempts = 3
        rescued.failures = [5, 6]
        ledger.add(rescued)
        ledger.add(entry(25))
        let batch = try #require(ledger.batch())
        let cells = Dictionary(uniqueKeysWithValues: batch.items.map { ($0.key, $0.cell) })
        #expect(cells.count == 6)
        for (period, start) in [(CellKey.Period.hour, Int64(90_000)), (.day, 1)] {
            let own = try #require(cells[key(period, start)])
            #expect(own[.requests] == 2 && own[.attempts] == 2 && own[.failed] == 0 && own[.rescued] == 1)
            #expect(own[.output] == 20 && own[.cost] == 140 && own[.read] == 2 && own[.unpriced] == 0)
            #expect(own[.total].count == 2)
            let failed = try #require(cells[key(period, start, endpoint: 5)])
            #expect(failed[.requests] == 0 && failed[.attempts] == 1 && failed[.failed] == 1)
        }
    }

    @Test("Usage without a price is counted, and one that is not known is not priced")
    func unpriced() {
        var ledger = Ledger(other: 1)
        var one = entry(0)
        one.cost = nil
        ledger.add(one)
        one.reading = .unread
        one.usage = Usage()
        ledger.add(one)
        let cell = ledger.batch()?.items.first { $0.key.period == .hour }?.cell
        #expect(cell?[.unpriced] == 1 && cell?[.unread] == 1 && cell?[.read] == 1 && cell?[.cost] == 0)
    }

    /// A store of rows that may refuse a batch, or take it without saying so, as a disk that breaks down in a commit does.
    private struct Store {
        var rows: [CellKey: Cell] = [:]

        mutating func write(_ batch: Ledger.Batch) -> [CellKey: Cell] {
            var bases: [CellKey: Cell] = [:]
            for item in batch.items {
                var cell = item.cell
                if !item.isBased, let row = rows[item.key] {
                    bases[item.key] = row
                    cell.add(row)
                }
                rows[item.key] = cell
            }
            return bases
        }
    }

    @Test(
        "Whatever fails and whenever the process starts anew, the rows are the sums of what was committed or is still in memory"
    )
    func faults() {
        var random = SeededRandom(seed: 2_026)
        for _ in 0..<60 {
            var (store, ledger) = (Store(), Ledger(other: 1))
            // What has to be there: all that was ever added to the present process, and what earlier ones had committed.
            var (expected, committed) = ([CellKey: Cell](), [CellKey: Cell]())
            var hour: Int64 = 0
            for _ in 0..<80 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0...5:
                    let entry = entry(
                        hour, endpoint: Int32.random(in: 2...3, using: &random),
                        output: Int64.random(in: 0...99, using: &random))
                    ledger.add(entry)
                    var reference = Ledger(other: 1)
                    reference.add(entry)
                    for item in reference.batch()?.items ?? [] { expected[item.key, default: Cell()].add(item.cell) }
                case 6: hour += 1
                case 7:
                    // Killed: what was not committed is lost, and nothing else.
                    ledger = Ledger(other: 1)
                    expected = committed
                default:
                    guard let batch = ledger.batch() else { continue }
                    // The disk is full, or locked: nothing is written.
                    if Bool.random(using: &random) { continue }
                    let bases = store.write(batch)
                    // An entry that comes while the batch is being written stays owed.
                    let late = entry(hour)
                    let isLate = Bool.random(using: &random)
                    let before = expected
                    if isLate {
                        ledger.add(late)
                        var reference = Ledger(other: 1)
                        reference.add(late)
                        for item in reference.batch()?.items ?? [] {
                            expected[item.key, default: Cell()].add(item.cell)
                        }
                    }
                    ledger.committed(batch, bases: bases)
                    committed = before
                    #expect(ledger.isDirty == isLate)
                }
                var seen = store.rows
                ledger.overlay(&seen) { _ in true }
                #expect(seen == expected)
            }
        }
    }

    @Test("A store that was replaced gets all that is in memory")
    func replaced() throws {
        var ledger = Ledger(other: 1)
        ledger.add(entry(5))
        ledger.committed(try #require(ledger.batch()), bases: [:])
        #expect(!ledger.isDirty)
        ledger.replaced()
        var store = Store()
        _ = store.write(try #require(ledger.batch()))
        #expect(store.rows[key(.hour, 18_000)]?[.output] == 10)
    }

    @Test("Strangers' names do not fill the memory")
    func limits() throws {
        var names = NameTable()
        for index in 0..<1_500 { _ = names.number(.model, "m\(index)") }
        #expect(names.number(.model, "m999") != NameTable.other)
        #expect(names.number(.model, "m1000") == NameTable.other)
        #expect(names.number(.endpoint, "e") != NameTable.other)
        #expect(names.number(.model, "") == NameTable.none)
        let number = names.number(.model, "m5")
        #expect(names.name(number)?.text == "m5" && names.name(0) == nil && names.name(1) == nil)
        var ledger = Ledger(other: NameTable.other)
        for model in 0..<Int32(6_000) { ledger.add(entry(0, model: model + 2, output: 1)) }
        let items = try #require(ledger.batch()).items
        // The hour and the day of everything else.
        #expect(items.count <= Ledger.limit + 2)
        let output = items.filter { $0.key.period == .hour }.reduce(Int64(0)) { $0 + $1.cell[.output] }
        #expect(output == 6_000)
    }

    @Test("Cells that rest are let go of when there are many, and nothing is lost by it")
    func resting() throws {
        var random = SeededRandom(seed: 7)
        var (store, ledger, expected) = (Store(), Ledger(other: 1), [CellKey: Cell]())
        func add(_ endpoint: Int32) {
            let entry = entry(3, endpoint: endpoint, output: 1)
            ledger.add(entry)
            var reference = Ledger(other: 1)
            reference.add(entry)
            for item in reference.batch()?.items ?? [] { expected[item.key, default: Cell()].add(item.cell) }
        }
        for round in 0..<60 {
            // Few endpoints at first, then 400, of which 40 have requests between two batches, then few again.
            let many = round >= 10 && round < 40
            for _ in 0..<40 { add(Int32.random(in: 2..<(many ? 400 : 10), using: &random)) }
            let batch = try #require(ledger.batch())
            #expect(batch.items.count <= 82)
            let bases = store.write(batch)
            add(2)
            ledger.committed(batch, bases: bases)
            // What changes while a batch is being written stays, and so do the cells of this batch.
            #expect(ledger.count <= Ledger.kept + 82)
            var seen = store.rows
            ledger.overlay(&seen) { _ in true }
            #expect(seen == expected)
        }
        // All of a batch of 1,000 cells is let go of, but for what has changed meanwhile.
        for endpoint in 2..<Int32(502) { add(endpoint) }
        let batch = try #require(ledger.batch())
        let bases = store.write(batch)
        add(2)
        ledger.committed(batch, bases: bases)
        #expect(ledger.count == 2)
        var seen = store.rows
        ledger.overlay(&seen) { _ in true }
        #expect(seen == expected)
    }

    @Test("A checksum notices a changed figure, and a row in another's place")
    func checksums() {
        var cell = Cell()
        cell[.output] = 5
        cell[.total].record(7)
        let sum = cell.checksum(key(.hour, 1))
        var other = cell
        other[.output] = 4
        #expect(other.checksum(key(.hour, 1)) != sum)
        #expect(cell.checksum(key(.hour, 2)) != sum)
        other = cell
        other[.total].record(7)
        #expect(other.checksum(key(.hour, 1)) != sum)
    }
}

@Suite("Retention")
struct RetentionTests {
    private let limits = Retention.Limits()
    private let now: Int64 = 1_800_000_000

    @Test("It rests after a start and after a jump of the clock")
    func rests() {
        var retention = Retention(wall: now, steady: 0)
        #expect(retention.cut(wall: now + 60, steady: 60, oldestDay: nil, limits: limits) == nil)
        let cut = retention.cut(wall: now + 3_600, steady: 3_600, oldestDay: nil, limits: limits)
        #expect(cut?.hoursBefore == now + 3_600 - 35 * 86_400)
        #expect(cut?.requestsBefore == (now + 3_600 - 14 * 86_400) * 1_000_000)
        // The battery died: 1970. Then it is right again. Neither deletes.
        #expect(retention.cut(wall: 100, steady: 3_660, oldestDay: 20_000, limits: limits) == nil)
        #expect(retention.cut(wall: 4_000_000_000, steady: 3_720, oldestDay: 20_000, limits: limits) == nil)
        #expect(retention.cut(wall: now + 3_780, steady: 3_780, oldestDay: 20_000, limits: limits) == nil)
        #expect(retention.cut(wall: now + 7_400, steady: 7_400, oldestDay: nil, limits: limits) != nil)
    }

    @Test("Of days one goes an hour")
    func days() {
        var retention = Retention(wall: now, steady: 0)
        let today = now / 86_400
        func cut(_ steady: Int64, oldest: Int64) -> Int64? {
            retention.cut(wall: now + steady, steady: steady, oldestDay: oldest, limits: limits)?.daysBefore
        }
        #expect(cut(3_600, oldest: today - 500) == today - 499)
        #expect(cut(3_660, oldest: today - 499) == today - 499)
        #expect(cut(7_260, oldest: today - 499) == today - 498)
        #expect(cut(11_000, oldest: today - 399) == today - 498)
    }
}

@Suite("Asking for usage")
struct UsageRowTests {
    @Test("Dates are those of the calendar, both ways")
    func dates() {
        #expect(LocalDate.days(1970, 1, 1) == 0)
        #expect(LocalDate.days(2000, 2, 29) == 11_016)
        #expect(LocalDate.days(2026, 11, 30) == 20_787)
        for text in [(2026, 2, 29), (2026, 13, 1), (2026, 0, 1), (2026, 4, 31)] {
            #expect(LocalDate.days(Int64(text.0), Int64(text.1), Int64(text.2)) == nil)
        }
        for day in stride(from: Int64(-40_000), to: 60_000, by: 17) {
            let (year, month, date) = LocalDate.date(day)
            #expect(LocalDate.days(year, month, date) == day)
        }
    }

    @Test("Spans")
    func spans() {
        // 2026-11-30
        let today: Int64 = 20_787
        func span(_ text: String) -> UsageSpan? { UsageSpan(text, today: today) }
        #expect(span("24h") == .hours(24) && span("168h") == .hours(168))
        #expect(span("240h") == .days(today - 10..<today + 1))
        #expect(span("1d") == .days(today..<today + 1) && span("7d") == .days(today - 6..<today + 1))
        #expect(span("today") == .days(today..<today + 1) && span("yesterday") == .days(today - 1..<today))
        #expect(span("this-month") == .days(today - 29..<today + 1))
        #expect(span("2026-11-01..2026-11-15") == .days(today - 29..<today - 14))
        #expect(span("2026-11-30") == .days(today..<today + 1))
        for text in [
            "", "h", "0d", "-1d", "7w", "2026-11-31", "2026-11-15..2026-11-01", "a..b", "99999999999999999999d",
        ] {
            #expect(span(text) == nil, "\(text)")
        }
    }

    @Test("Rows are grouped by name and by local time, and what is in memory is laid over them")
    func groups() {
        func row(_ period: CellKey.Period, _ start: Int64, _ endpoint: String, _ model: String, _ output: Int64)
            -> UsageRow
        {
            var cell = Cell()
            cell[.output] = output
            return UsageRow(period: period, start: start, endpoint: endpoint, model: model, client: "", cell: cell)
        }
        let rows = [
            row(.day, 20_787, "a", "m", 1), row(.day, 20_787, "b", "m", 2), row(.day, 20_786, "a", "n", 4),
            row(.day, 20_757, "a", "m", 8),
        ]
        func groups(_ dimensions: [UsageDimension], _ rows: [UsageRow]) -> [String: Int64] {
            Dictionary(
                uniqueKeysWithValues: UsageGroup.groups(of: rows, by: dimensions) { _ in 3_600 }
                    .map { ($0.values.joined(separator: "/"), $0.cell[.output]) })
        }
        #expect(groups([.endpoint], rows) == ["a": 13, "b": 2])
        #expect(groups([.model, .day], rows) == ["m/2026-11-30": 3, "n/2026-11-29": 4, "m/2026-10-31": 8])
        #expect(groups([.month], rows) == ["2026-11": 7, "2026-10": 8])
        #expect(groups([], rows) == ["": 15])
        // 23:00 UTC is the next day's first hour, an hour east.
        #expect(groups([.hour], [row(.hour, 20_787 * 86_400 - 3_600, "a", "m", 5)]) == ["2026-11-30 00": 5])

        var (names, ledger) = (NameTable(), Ledger(other: NameTable.other))
        var entry = Entry(at: LocalMoment(microseconds: 20_787 * 86_400_000_000, offset: 0))
        entry.endpoint = names.number(.endpoint, "a")
        entry.model = names.number(.model, "m")
        entry.reading = .whole
        entry.usage.output = 100
        ledger.add(entry)
        let seen = ledger.overlay(rows, names, .day, from: 0, to: .max)
        #expect(groups([.endpoint], seen) == ["a": 113, "b": 2])
        #expect(ledger.overlay([], names, .hour, from: 0, to: 1).isEmpty)
    }
}
