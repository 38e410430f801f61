import PodiumModel
import Testing

@testable import Console

/// The requests panel: what it asks, how it draws requests that run and that have ended, and how one is ended.
@Suite struct RequestsTests {
    private static func opened(_ columns: Int = 80, _ lines: Int = 24) -> ConsoleState {
        var state = Fixture.console(columns, lines)
        state.press(.character("7"))
        Fixture.answerRequests(&state)
        return state
    }

    private static func commands(_ effects: [ConsoleEffect]) -> [Command] {
        effects.compactMap { if case .perform(_, let command) = $0 { command } else { nil } }
    }

    @Test func asksWhereItIsInSight() {
        var state = Fixture.console()
        #expect(Self.commands(state.handle(.snapshot(state.latest), now: Fixture.start)).isEmpty)
        state.press(.character("7"))
        let asked = Self.commands(state.handle(.snapshot(state.latest), now: Fixture.start))
        #expect(asked.first == .openRequests && asked.count == 2)
        #expect(state.pending.isEmpty)
        // Nothing is asked twice.
        #expect(state.handle(.snapshot(state.latest), now: Fixture.start + .seconds(9)).isEmpty)
    }

    @Test func showsWhatRunsAndWhatHasEnded() {
        let state = Self.opened()
        let lines = state.screen().split(separator: "\n").map { String($0) }
        #expect(lines.contains { $0.hasPrefix("─▸7 Requests · 2 running") && $0.contains("1-4 of 4") })
        let slow = lines.first { $0.contains("2m05") } ?? ""
        #expect(slow.contains("waiting") && slow.contains("azure-gpt") && slow.contains("gpt-5"))
        #expect(lines.contains { $0.contains("streaming") && $0.contains("~41") })
        let failed = lines.first { $0.contains("broken") } ?? ""
        #expect(failed.contains("200 broken") && failed.contains("12:04:20"))
    }

    @Test func cancelsAfterAsking() {
        var state = Self.opened()
        #expect(state.press(.character("x")) == [])
        #expect(state.screen().contains("Cancel a request of ops"))
        #expect(state.press(.enter) == [], "the way out has the focus")
        #expect(state.overlay == nil)
        state.press(.character("x"))
        #expect(Self.commands(state.press(.character("y"))) == [.cancel("0-7")])
        // One that has ended cannot be ended.
        state.press(.character("G"))
        #expect(state.press(.character("x")) == [.bell])
    }

    @Test func followsTheRequestAndNotTheRow() {
        var state = Self.opened()
        state.press(.down)
        Fixture.answerRequests(&state, without: "0-7", at: Fixture.start + .seconds(5))
        guard case .open(let row)? = state.selectedRequest else {
            Issue.record("nothing is selected")
            return
        }
        #expect(row.key == "1-3" && state.selectedRequestIndex == 0)
    }

    @Test func opensTheWayOfOneThatHasEnded() {
        var state = Self.opened()
        state.press(.down, .down)
        #expect(Self.commands(state.press(.enter)) == [.explain("req-ended")])
        #expect(state.screen().contains("req-ended"))
        state.press(.escape, .character("g"), .enter)
        #expect(state.screen().contains("waiting for the endpoint's answer"))
    }

    @Test func isSearchedAsTheLogsAre() {
        var state = Self.opened()
        state.press(.character("/"))
        state.type("gpt-5")
        state.press(.enter)
        #expect(state.requestRows.count == 1)
        state.press(.escape)
        #expect(state.requestRows.count == 4)
    }

    @Test func changesNothingWhereNothingMayBeChanged() {
        var state = Fixture.console(isReadOnly: true)
        state.press(.character("7"))
        Fixture.answerRequests(&state)
        #expect(state.press(.character("x")) == [.bell])
    }
}
