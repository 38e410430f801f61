import PodiumModel
import Testing

@testable import Console

/// The traffic panel: what it asks, when, and how it draws what comes.
@Suite struct TrafficTests {
    private static func questions(_ effects: [ConsoleEffect]) -> [UsageQuestion] {
        effects.compactMap { effect in
            if case .perform(_, .usage(let question)) = effect { question } else { nil }
        }
    }

    private static func renew(_ state: inout ConsoleState, after seconds: Int = 0) -> [UsageQuestion] {
        questions(state.handle(.snapshot(state.latest), now: Fixture.start + .seconds(seconds)))
    }

    @Test func asksWhereItIsInSightOnly() {
        var small = Fixture.console(80, 24)
        #expect(Self.renew(&small).isEmpty)
        var state = Fixture.console(80, 24)
        state.press(.character("6"))
        let asked = Self.renew(&state)
        #expect(asked.map(\.span) == ["1h"] && asked.map(\.by) == [["minute"]] && asked.first?.endpoint == nil)
        #expect(state.pending.isEmpty, "it is no action of the operator's")
    }

    @Test func asksAgainWhenTheFiguresAreOld() {
        var state = Fixture.console(80, 24)
        state.press(.character("6"))
        Fixture.answerTraffic(&state)
        #expect(Self.renew(&state, after: 4).isEmpty)
        #expect(Self.renew(&state, after: 5).count == 1)
        #expect(Self.renew(&state, after: 30).isEmpty, "the answer is still to come")
    }

    @Test func goesThroughTheSpans() {
        var state = Fixture.console(80, 24)
        state.press(.character("6"))
        Fixture.answerTraffic(&state)
        var asked: [UsageQuestion] = []
        for _ in 0..<3 {
            asked += Self.questions(state.press(.character("]")))
            Fixture.answerTraffic(&state)
        }
        #expect(asked.map(\.span) == ["24h", "168h", "30d"])
        #expect(asked.map(\.by) == [["hour"], ["hour"], ["day"]])
        #expect(state.press(.character("]")) == [.bell])
        #expect(state.screen().contains("30 days are the longest"))
    }

    @Test func showsTheSelectedEndpointAndBoth() {
        var state = Fixture.console(80, 24)
        state.press(.character("6"))
        Fixture.answerTraffic(&state)
        #expect(Self.questions(state.press(.character("E"))).map(\.endpoint) == ["anthropic-main"])
        Fixture.answerTraffic(&state)
        #expect(state.screen().contains("· 1h · anthropic-main"))
        #expect(Self.questions(state.press(.character("E"))).map(\.endpoint) == [nil, "anthropic-main"])
        Fixture.answerTraffic(&state)
        #expect(state.screen().contains("a all · b anthropic-main"))
    }

    @Test func comparesTwoMarkedOnesOnOneScale() {
        var state = Fixture.console(80, 24)
        state.press(.character("v"), .character("v"), .character("6"))
        Fixture.answerTraffic(&state)
        let lines = state.screen().split(separator: "\n").map { String($0) }
        #expect(lines.contains { $0.contains("a anthropic-main · b anthropic-eu") })
        // 8 requests more each minute, of which one endpoint had half and the other a quarter: 240 and 120 in the last one.
        let first = lines.firstIndex { $0.contains("req/min a") } ?? 0
        #expect(lines[first].hasSuffix("240"))
        let second = lines[(first + 1)...].first { $0.contains(" b ") } ?? ""
        let last = second.last { "▁▂▃▄▅▆▇█".contains($0) }
        #expect(last == "▄" || last == "▅" || last == "█", "half of the scale: \(second)")
        state.press(.character("1"), .escape)
        #expect(state.marked.isEmpty)
    }

    @Test func gapsAreNoZeros() {
        var view = TrafficView()
        let buckets = TrafficView.Span.day.buckets(local: 86_400 * 3 + 3_600 * 5 + 7)
        #expect(buckets.first == "1970-01-03 06" && buckets.last == "1970-01-04 05" && buckets.count == 24)
        _ = view.ask(.init(span: .day, endpoints: [nil]), [CommandID(1)], now: Fixture.start)
        var row = UsageReport.Row(values: ["1970-01-04 04"])
        (row.requests, row.attempts) = (4, 4)
        let report = UsageReport(
            span: "24h", by: ["hour"], currency: "", pricesDate: "", problem: nil, rows: [row], total: row)
        let isTaken = view.take(CommandID(1), .success(.usage(report)))
        #expect(isTaken)
        let values = view.series[0]?.values({ Double($0.requests) }, over: buckets) ?? []
        #expect(values.dropLast(2).allSatisfy { $0 == nil } && values.suffix(2) == [4, nil])
        #expect(
            GapGraph.rows(values, width: 24, height: 2, top: 8, glyphs: .unicode)
                == [String(repeating: " ", count: 24), String(repeating: " ", count: 22) + "█ "])
        #expect(
            GapGraph.rows([0, 8, nil, 6], width: 4, height: 2, top: 8, glyphs: .ascii) == [" # -", "_# #"])
    }

    @Test func saysWhyThereIsNothing() {
        var state = Fixture.console(80, 24)
        state.press(.character("6"))
        for case .perform(let id, _) in state.handle(.snapshot(state.latest), now: Fixture.start) {
            _ = state.handle(
                .commandFinished(id, .failure(CommandRefusal(.unavailable, "the history rests"))), now: Fixture.start)
        }
        #expect(state.screen().contains("the history rests"))
    }

    @Test(arguments: [(0.0, 0.0), (0.4, 1), (1, 1), (3, 5), (999, 1_000), (1_001, 2_000), (4_999, 5_000)])
    func scalesGoInSteps(_ most: Double, _ top: Double) {
        #expect(Quantity.scale(most) == top)
    }
}
