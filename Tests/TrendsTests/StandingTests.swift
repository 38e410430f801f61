import TestSupport
import Testing

@testable import Trends

@Suite("How endpoints stood")
struct StandingTests {
    private static let offset: @Sendable (Int64) -> Int64 = { _ in 0 }

    private func moment(_ seconds: Double, steady: Double? = nil) -> StandingRecorder.Moment {
        StandingRecorder.Moment(wall: Int64(seconds * 1e6), steady: Int64((steady ?? seconds) * 1e6))
    }

    private func sums(_ batch: StandingRecorder.Batch?, _ period: CellKey.Period, _ start: Int64, _ name: String = "a")
        -> StandingSums
    {
        batch?.rows.first { $0.period == period && $0.start == start && $0.endpoint == name }?.sums ?? StandingSums()
    }

    @Test("Times are cut at the ends of hours and days, also those of an idle night")
    func cutting() {
        var recorder = StandingRecorder()
        recorder.note(["a": Standing(.up, rank: 1)], at: moment(86_400 - 5_400), offset: Self.offset)
        recorder.note(["a": Standing(.limited, rank: 2)], at: moment(86_400 + 600), offset: Self.offset)
        let batch = recorder.take(at: moment(86_400 + 2 * 3_600), offset: Self.offset)
        #expect(sums(batch, .hour, 86_400 - 7_200)[.up] == 1_800_000)
        #expect(sums(batch, .hour, 86_400 - 3_600)[.up] == 3_600_000)
        let first = sums(batch, .hour, 86_400)
        #expect(first[.up] == 600_000 && first[.limited] == 3_000_000 && first.changes == 1)
        #expect(first.leading == 600_000 && first.best == 1 && first.worst == 2)
        #expect(first.rankTime == 600_000 + 2 * 3_000_000)
        #expect(sums(batch, .day, 0)[.up] == 5_400_000 && sums(batch, .day, 1)[.limited] == 6_600_000)
        #expect(
            batch?.changes == [
                StandingChange(id: 87_000_000_000, endpoint: "a", before: .up, after: .limited)
            ])
        // Nothing twice, and what failed to be written comes again.
        let rest = recorder.take(at: moment(86_400 + 2 * 3_600), offset: Self.offset)
        #expect(rest == nil)
        if let batch { recorder.giveBack(batch) }
        #expect(Set(recorder.waiting.rows.map(\.start)) == Set(batch?.rows.map(\.start) ?? []))
    }

    @Test("Local hours of half an hour's offset, and a day of 25 hours")
    func zones() {
        var recorder = StandingRecorder()
        // India: hours begin at half past.
        recorder.note(["a": Standing(.up, rank: 1)], at: moment(0), offset: { _ in 19_800 })
        var batch = recorder.take(at: moment(3_600), offset: { _ in 19_800 })
        #expect(sums(batch, .hour, -1_800)[.up] == 1_800_000 && sums(batch, .hour, 1_800)[.up] == 1_800_000)
        // Central Europe, 2026-10-25: back at 01:00 UTC.
        let (midnight, change): (Int64, Int64) = (1_792_879_200, 1_792_890_000)
        let offset: (Int64) -> Int64 = { $0 < change ? 7_200 : 3_600 }
        recorder = StandingRecorder()
        recorder.note(["a": Standing(.up, rank: 1)], at: moment(Double(midnight)), offset: offset)
        batch = recorder.take(at: moment(Double(midnight) + 25 * 3_600), offset: offset)
        let days = batch?.rows.filter { $0.period == .day } ?? []
        #expect(days.count == 1 && days.first?.sums[.up] == 25 * 3_600_000)
        let hours = batch?.rows.filter { $0.period == .hour } ?? []
        #expect(hours.count == 25 && hours.allSatisfy { $0.sums[.up] == 3_600_000 })
    }

    @Test("A wall clock that is set makes no time and loses none")
    func setClock() {
        for jump in [-100_000.0, 100_000] {
            var recorder = StandingRecorder()
            recorder.note(["a": Standing(.open, rank: 3)], at: moment(1e6, steady: 10), offset: Self.offset)
            let batch = recorder.take(at: moment(1e6 + 60 + jump, steady: 70), offset: Self.offset)
            let total = batch?.rows.filter { $0.period == .day }.reduce(0) { $0 + $1.sums[.open] }
            #expect(total == 60_000)
        }
    }

    @Test("Whatever changes when, the time of all states is the time that went by, and rows add up in any order")
    func random() throws {
        var random = SeededRandom(seed: 4)
        for _ in 0..<200 {
            var recorder = StandingRecorder()
            var (now, steady) = (Int64.random(in: 0...10_000_000, using: &random) * 1_000_000, Int64(0))
            var expected: [String: [Int64]] = [:]
            var present: [String: Standing] = [:]
            var total = StandingSums()
            func tick(_ recorder: inout StandingRecorder) {
                let batch = recorder.take(at: StandingRecorder.Moment(wall: now, steady: steady), offset: Self.offset)
                for row in batch?.rows ?? [] where row.period == .day && row.endpoint == "a" { total.add(row.sums) }
            }
            var changes: Int64 = 0
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                var next: [String: Standing] = [:]
                for name in ["a", "b"] where Int.random(in: 0..<5, using: &random) > 0 {
                    let state = Standing.State.allCases.randomElement(using: &random) ?? .up
                    next[name] = Standing(state, rank: Int64.random(in: 1...3, using: &random))
                }
                if let before = present["a"]?.state, let after = next["a"]?.state, before != after { changes += 1 }
                recorder.note(next, at: StandingRecorder.Moment(wall: now, steady: steady), offset: Self.offset)
                present = next
                if Bool.random(using: &random) { tick(&recorder) }
                // Whole milliseconds, so that none is a part of one.
                let step = Int64.random(in: 0...20_000_000, using: &random) * 1_000
                for (name, standing) in present {
                    expected[name, default: [Int64](repeating: 0, count: 6)][Int(standing.state.rawValue)] +=
                        step / 1_000
                }
                now += step
                steady += step
            }
            tick(&recorder)
            #expect(total.times == expected["a"] ?? [Int64](repeating: 0, count: 6))
            #expect(total.changes == changes)
            #expect(StandingSums(numbers: total.numbers) == total)
        }
    }
}
