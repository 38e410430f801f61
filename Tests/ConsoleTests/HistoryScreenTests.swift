import PodiumModel
import Testing

@testable import Console

/// The screen of what went on over time.
@Suite struct HistoryScreenTests {
    /// Noon of 2026-11-30, which is day 20,787 of the Unix era.
    private static func open(
        _ columns: Int = 80, _ lines: Int = 24, utcOffset: Int = 0, glyphs: Glyphs = .unicode
    ) -> (ConsoleState, [ConsoleEffect]) {
        var picture = Fixture.snapshot()
        picture.takenAt = 20_787 * 86_400 + 43_200
        picture.utcOffset = utcOffset
        var state = Fixture.console(columns, lines, picture, glyphs: glyphs)
        let effects = state.press(.character("H"))
        return (state, effects)
    }

    private static func questions(_ effects: [ConsoleEffect]) -> [(id: CommandID, question: UsageQuestion)] {
        effects.compactMap { effect in
            if case .perform(let id, .usage(let question)) = effect { (id, question) } else { nil }
        }
    }

    private static func row(
        _ values: [String], _ requests: Int64, failed: Int64 = 0, cost: String = "0", unpriced: Int64 = 0
    ) -> UsageReport.Row {
        var row = UsageReport.Row(values: values)
        (row.requests, row.attempts, row.failed, row.read) = (requests, requests + failed, failed, requests)
        (row.cost, row.unpriced, row.costComplete) = (cost, unpriced, unpriced == 0)
        (row.input, row.output) = (requests * 1_000, requests * 10)
        (row.firstByteP50Seconds, row.firstByteP95Seconds) = (0.25, 1.5)
        return row
    }

    private static func report(_ question: UsageQuestion, _ rows: [UsageReport.Row]) -> UsageReport {
        var total = UsageReport.Row(values: [])
        for row in rows {
            total.requests += row.requests
            total.attempts += row.attempts
            total.failed += row.failed
        }
        total.cost = "12.5"
        return UsageReport(
            span: question.span, by: question.by, currency: "USD", pricesDate: "2026-11-30", problem: nil, rows: rows,
            total: total)
    }

    private static func answer(_ state: inout ConsoleState, _ effects: [ConsoleEffect]) {
        let asked = questions(effects)
        let rows = [
            row(["quiet"], 2), row(["busy"], 41_200, failed: 412, cost: "12.345678", unpriced: 3),
            row([""], 1, cost: "0.0004"),
        ]
        let hours = [
            row(["busy", "2026-11-30 03"], 1_000), row(["busy", "2026-11-30 05"], 8_000),
            row(["quiet", "2026-11-30 04"], 2),
        ]
        _ = state.handle(
            .commandFinished(asked[0].id, .success(.usage(report(asked[0].question, rows)))), now: Fixture.start)
        _ = state.handle(
            .commandFinished(asked[1].id, .success(.usage(report(asked[1].question, hours)))), now: Fixture.start)
    }

    @Test func asksForSumsAndForHours() {
        let (state, effects) = Self.open()
        let asked = Self.questions(effects)
        #expect(asked.map(\.question.by) == [["endpoint"], ["endpoint", "hour"]])
        #expect(asked.map(\.question.span) == ["2026-11-30..2026-11-30", "2026-11-30..2026-11-30"])
        #expect(state.pending.isEmpty, "it is no action of the operator's")
        #expect(state.screen().contains("Asking"))
    }

    @Test func theDayIsTheOperators() {
        let (_, effects) = Self.open(utcOffset: 13 * 3_600)
        #expect(Self.questions(effects).first?.question.span == "2026-12-01..2026-12-01")
    }

    @Test func showsRowsSumAndGraphs() {
        var (state, effects) = Self.open()
        Self.answer(&state, effects)
        let lines = state.screen().split(separator: "\n").map { String($0) }
        func line(_ name: String) -> String { lines.first { $0.contains(name) } ?? "" }
        // 412 of 41,612 attempts failed: 99.0 %.
        for part in ["41200", "41M", "99.0", "250ms", "1.50s", "12.35+?"] {
            #expect(line("busy").contains(part), "\(part)")
        }
        #expect(line("(Podium itself)").contains("<0.01"))
        #expect(line(" all").contains("12.50"))
        let names = lines.compactMap { line in
            ["busy", "quiet", "(Podium itself)", " all "].first { line.contains($0) && !line.contains("─") }
        }
        #expect(names == ["busy", "quiet", "(Podium itself)", " all "])
        // Two columns for each of 24 hours: nothing before three o'clock, a gap at four, the peak at five, nothing after it.
        #expect(line(" requests ").contains("requests       ▂▂  ██"))
        #expect(line(" requests ").contains("max 8000"))
        #expect(line("00 h").contains("23 h"))
    }

    @Test func whatHasNoPriceHasNoGraphOfItsCost() {
        var (state, effects) = Self.open()
        let asked = Self.questions(effects)
        for one in asked {
            let row = Self.row(["a"] + one.question.by.dropFirst().map { _ in "2026-11-30 03" }, 5, unpriced: 5)
            let report = Self.report(one.question, [row])
            effects = state.handle(.commandFinished(one.id, .success(.usage(report))), now: Fixture.start)
        }
        let screen = state.screen()
        #expect(screen.contains("no figures") && screen.contains(" ?│"))
    }

    @Test func theSumHasTheGraphOfAll() {
        var (state, effects) = Self.open()
        Self.answer(&state, effects)
        #expect(state.press(.character("G")) == [])
        let screen = state.screen()
        // 1,000, 2 and 8,000: an eighth of the peak, next to nothing, and the peak.
        #expect(screen.contains("▂▂▁▁██"))
        #expect(screen.contains("only of single rows"))
    }

    @Test func keysChooseTimeAndRows() {
        var (state, effects) = Self.open()
        func ask(_ key: Character) -> (span: String, by: [String])? {
            Self.answer(&state, effects)
            effects = state.press(.character(key))
            return Self.questions(effects).last.map { ($0.question.span, $0.question.by) }
        }
        #expect(ask("[")?.span == "2026-11-29..2026-11-29")
        #expect(ask("]")?.span == "2026-11-30..2026-11-30")
        #expect(state.press(.character("]")) == [.bell])
        #expect(ask("w")?.span == "2026-11-24..2026-11-30")
        #expect(ask("[")?.span == "2026-11-17..2026-11-23")
        let month = ask("m")
        #expect(month?.span == "2026-11-01..2026-11-30" && month?.by == ["endpoint", "day"])
        let year = ask("Y")
        #expect(year?.span == "2025-12-01..2026-11-30" && year?.by == ["endpoint", "month"])
        #expect(ask("o")?.by == ["model", "month"])
        #expect(ask("c")?.by == ["client", "month"])
        #expect(ask("e")?.by == ["endpoint", "month"])
        #expect(state.press(.escape) == [])
        #expect(state.overlay == nil)
    }

    @Test func anAnswerThatComesTooLateIsNotShown() {
        var (state, effects) = Self.open()
        // A key that is held down asks once more, and not once for each time.
        for _ in 0..<20 { #expect(state.press(.character("[")) == []) }
        let asked = Self.questions(effects)
        let report = Self.report(asked[0].question, [Self.row(["old"], 1)])
        #expect(state.handle(.commandFinished(asked[0].id, .success(.usage(report))), now: Fixture.start) == [])
        #expect(state.screen().contains("Asking"))
        let refusal = CommandRefusal(.unavailable, "busy")
        let next = state.handle(.commandFinished(asked[1].id, .failure(refusal)), now: Fixture.start)
        #expect(Self.questions(next).map(\.question.span) == ["2026-11-10..2026-11-10", "2026-11-10..2026-11-10"])
        Self.answer(&state, next)
        #expect(state.screen().contains("busy") && !state.screen().contains("old"))
        // The screen is left before the answers come.
        let last = state.press(.character("o"))
        _ = state.press(.escape)
        Self.answer(&state, last)
        #expect(state.overlay == nil)
    }

    @Test func saysWhyThereIsNoAnswer() {
        var (state, effects) = Self.open()
        let asked = Self.questions(effects)
        let refusal = CommandRefusal(.malformedRequest, "the history is \u{1B}[31mon fire")
        _ = state.handle(.commandFinished(asked[0].id, .failure(refusal)), now: Fixture.start)
        #expect(state.screen().contains("on fire"))
        #expect(!state.screen().contains("\u{1B}"))
        // Another time asks anew, once the other answer is there.
        #expect(state.press(.character("w")) == [])
        let next = state.handle(.commandFinished(asked[1].id, .failure(refusal)), now: Fixture.start)
        #expect(Self.questions(next).first?.question.span == "2026-11-24..2026-11-30")
    }

    @Test func copiesTheRows() {
        var (state, effects) = Self.open()
        #expect(state.press(.character("y")) == [.bell], "there is nothing yet")
        Self.answer(&state, effects)
        guard case .copy(let text)? = state.press(.character("y")).first else {
            Issue.record("nothing was copied")
            return
        }
        let lines = text.split(separator: "\n")
        #expect(lines.count == 5)
        #expect(lines.first?.hasPrefix("endpoint,requests,attempts,failed,") == true)
        #expect(lines.dropFirst().first == "\"busy\",41200,41612,412,0,41200000,0,412000,12.345678,false")
    }

    @Test(arguments: [(40, 10), (52, 14), (80, 24), (140, 40), (300, 90)], [Glyphs.unicode, .ascii])
    func fitsEveryScreen(_ size: (Int, Int), _ glyphs: Glyphs) {
        var (state, effects) = Self.open(size.0, size.1, glyphs: glyphs)
        Self.answer(&state, effects)
        for _ in 0..<5 { _ = state.press(.character("j")) }
        let screen = state.screen()
        #expect(screen.contains("all"))
        #expect(screen.contains("COST"))
        let isASCII = screen.unicodeScalars.allSatisfy { $0.isASCII }
        #expect(isASCII || !glyphs.isASCII)
    }

    @Test func aLongListScrolls() {
        var (state, effects) = Self.open()
        let asked = Self.questions(effects)
        let rows = (0..<60).map { Self.row(["endpoint-\($0)"], Int64(100 - $0)) }
        _ = state.handle(
            .commandFinished(asked[0].id, .success(.usage(Self.report(asked[0].question, rows)))), now: Fixture.start)
        #expect(state.screen().contains("endpoint-0 "))
        for _ in 0..<59 { _ = state.press(.character("j")) }
        #expect(state.screen().contains("endpoint-59") && !state.screen().contains("endpoint-0 "))
        _ = state.press(.character("g"))
        #expect(state.screen().contains("endpoint-0 "))
    }

    @Test func graphsHaveGapsAndKeepPeaks() {
        #expect(GapGraph.text([1, nil, 8], width: 3, glyphs: .unicode) == "▂ █")
        // Five values on three columns: pairs share one, and the larger is seen.
        #expect(GapGraph.text([1, 8, nil, nil, 4], width: 3, glyphs: .unicode) == "█ ▅")
        #expect(GapGraph.text([0, 0], width: 2, glyphs: .ascii) == "__")
        #expect(GapGraph.text([nil, nil], width: 4, glyphs: .unicode) == "    ")
        #expect(GapGraph.text([], width: 4, glyphs: .unicode) == "")
        #expect(GapGraph.text([1], width: 0, glyphs: .unicode) == "")
        #expect(GapGraph.columns(168, width: 60) == 56 && GapGraph.columns(24, width: 59) == 48)
    }
}
