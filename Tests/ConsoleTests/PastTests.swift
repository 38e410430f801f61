import PodiumModel
import Testing

@testable import Console

/// The log of a day, also of earlier processes: it is asked for, gone through and searched.
@Suite struct PastTests {
    /// Of 2026-01-15, which is day 20,468; the picture was taken at 12:04:31.
    private static let day = 20_468

    private static func asked(_ effects: [ConsoleEffect]) -> (id: CommandID, question: HistoryQuestion)? {
        for case .perform(let id, .pastEvents(let question)) in effects { return (id, question) }
        return nil
    }

    private static func at(_ text: String, _ columns: Int = 80, _ lines: Int = 24) -> (ConsoleState, [ConsoleEffect]) {
        var state = Fixture.console(columns, lines)
        state.press(.character(":"))
        state.type("at " + text)
        let effects = state.press(.enter)
        return (state, effects)
    }

    /// An event each ten minutes of the day, the newest first as the history answers them.
    private static func answer(_ state: inout ConsoleState, _ effects: [ConsoleEffect], day: Int = day) {
        guard let (id, _) = asked(effects) else { return }
        let events = (0..<144).map { index in
            Fixture.event(
                UInt64(index + 1), Double(day * 86_400 + index * 600), index == 20 ? .error : .info, "endpoint",
                "event \(index)\(index % 50 == 7 ? " with a needle" : "")")
        }
        _ = state.handle(
            .commandFinished(id, .success(.pastEvents(EventHistoryReport(problem: nil, events: events.reversed())))),
            now: Fixture.start)
    }

    @Test(arguments: [
        ("03:12", "2026-01-15", 11_520), ("23:00", "2026-01-14", 82_800), ("yesterday 03:12", "2026-01-14", 11_520),
        ("yesterday", "2026-01-14", nil), ("2025-12-31 03:12:30", "2025-12-31", 11_550),
        ("2024-02-29", "2024-02-29", nil),
    ])
    func times(_ text: String, _ date: String, _ second: Int?) {
        let (state, effects) = Self.at(text)
        #expect(Self.asked(effects)?.question.span == date)
        guard case .past(let view) = state.overlay else {
            Issue.record("not open")
            return
        }
        #expect(view.wanted == second && view.date == date)
    }

    @Test(arguments: ["25:00", "nonsense", "2026-02-30", "2027-01-01"])
    func whatIsNoTimeIsRefused(_ text: String) {
        let (state, effects) = Self.at(text)
        #expect(effects == [.bell] && state.overlay == nil)
    }

    @Test func theTimeStandsAmongWhatSurroundsIt() {
        var (state, effects) = Self.at("03:12")
        #expect(state.screen().contains("Asking"))
        Self.answer(&state, effects)
        // 03:12 is behind 03:10 (event 19), so event 20 at 03:20 is the first from then on.
        let lines = state.screen().split(separator: "\n").map { String($0) }
        let cursor = lines.firstIndex { $0.hasPrefix("│▸") } ?? 0
        #expect(lines[cursor].contains("03:20:00 E endpoint  event 20"))
        #expect(lines[cursor - 1].contains("event 19") && lines[cursor + 1].contains("event 21"))
        #expect(lines[1].contains("Log of 2026-01-15"))
    }

    @Test func aSearchJumpsAndKeepsTheRestInSight() {
        var (state, effects) = Self.at("03:12")
        Self.answer(&state, effects)
        state.press(.character("/"))
        state.type("needle")
        #expect(state.context == .prompt)
        #expect(state.press(.enter) == [])
        func line() -> String {
            state.screen().split(separator: "\n").first { $0.hasPrefix("│▸") }.map(String.init) ?? ""
        }
        #expect(line().contains("event 7 with a needle"), "the newest match before the cursor")
        #expect(state.screen().contains("event 9"), "the surroundings are in sight")
        state.press(.character("n"))
        #expect(line().contains("event 57 with a needle"))
        state.press(.character("n"))
        #expect(state.press(.character("n")) == [.bell])
        state.press(.character("N"))
        #expect(line().contains("event 57"))
        state.press(.character("/"))
        state.type("04:00")
        state.press(.enter)
        #expect(line().contains("04:00:00"), "times are found as well: \(line())")
        state.press(.escape)
        #expect(state.overlay == nil)
    }

    @Test func goesFromDayToDayAndFromLevelToLevel() {
        var (state, effects) = Self.at("yesterday")
        Self.answer(&state, effects, day: Self.day - 1)
        #expect(Self.asked(state.press(.character("[")))?.question.span == "2026-01-13")
        // The answer to the day before is waited for, and the last day that was wanted is asked then.
        #expect(Self.asked(state.press(.character("["))) == nil)
        guard case .past(let view) = state.overlay else {
            Issue.record("not open")
            return
        }
        #expect(view.date == "2026-01-12")
        var (levels, first) = Self.at("03:12")
        Self.answer(&levels, first)
        #expect(Self.asked(first)?.question.level == .info)
        first = levels.press(.character("f"))
        #expect(Self.asked(first)?.question.level == .warning)
        #expect(levels.press(.character("]")) == [.bell])
    }

    @Test func saysWhatIsWrong() {
        var (state, effects) = Self.at("yesterday")
        let id = Self.asked(effects)?.id ?? CommandID(0)
        _ = state.handle(
            .commandFinished(id, .success(.pastEvents(EventHistoryReport(problem: "the history is off", events: [])))),
            now: Fixture.start)
        #expect(state.screen().contains("the history is off"))
        effects = state.press(.character("q"))
        #expect(state.overlay == nil && effects.isEmpty)
    }
}
