import PodiumModel
import Testing

@testable import Console

@Suite("Finding and going")
struct SearchTests {
    @Test("n and N go through what the search of a log has found")
    func matches() {
        var state = Fixture.console()
        state.press(.character("4"))
        #expect(state.press(.character("n")) == [.bell])
        #expect(state.toast?.text == "no search: press / first")
        state.press(.character("/"))
        state.type("endpoint")
        state.press(.enter)
        #expect(state.selectedEvent?.id == 5)
        #expect(state.press(.character("n")).isEmpty)
        #expect(state.selectedEvent?.id == 2)
        #expect(state.press(.character("N")).isEmpty)
        #expect(state.selectedEvent?.id == 5)
    }

    @Test("n and N scroll the journal, and go from row to row in the table")
    func otherMatches() {
        var snapshot = Fixture.snapshot()
        snapshot.journal = (1...80).map {
            Fixture.rankChange(time: Fixture.time(12, 0, 0), endpoint: "e\($0)", from: 2, to: 1, text: "faster")
        }
        var state = Fixture.console(80, 24, snapshot)
        state.press(.character("8"), .character("/"))
        state.type("faster")
        state.press(.enter, .character("n"), .character("n"))
        #expect(state.scroll[.journal] == 2)
        state.press(.character("N"))
        #expect(state.scroll[.journal] == 1)
        state.press(.character("1"), .character("/"))
        state.type("anthropic")
        state.press(.enter, .character("n"))
        #expect(state.selected?.name == "anthropic-eu")
    }

    @Test("go finds what the filter hides, takes the filter away and says so")
    func goThroughFilter() {
        var state = Fixture.console()
        state.press(.character("/"))
        state.type("gpt")
        state.press(.enter)
        state.type(":go gemini-a")
        #expect(state.press(.enter).isEmpty)
        #expect(state.selected?.name == "gemini-a")
        #expect(state.filter.text.isEmpty && state.rows.count == 7)
        #expect(state.toast?.text == "The filter /gpt hid gemini-a: all are shown")
        state.type(":go nobody")
        #expect(state.press(.enter) == [.bell])
    }

    @Test("go leaves a filter that shows the endpoint, and comes to the table")
    func goWithinFilter() {
        var state = Fixture.console()
        state.press(.character("/"))
        state.type("a")
        state.press(.enter, .character("4"))
        state.type(":go azure-gpt")
        state.press(.enter)
        #expect(state.filter.text == "a" && state.focus == .endpoints)
        #expect(state.selected?.name == "azure-gpt")
    }

    @Test("rank says why it cannot: the row is being saved, or nothing matches the filter")
    func rankObstacles() {
        var state = Fixture.console()
        state.press(.character("m"))
        state.type(":rank 3")
        #expect(state.press(.enter) == [.bell])
        #expect(state.toast?.text == "anthropic-main is being saved")
        state = Fixture.console()
        state.press(.character("/"))
        state.type("zzz")
        state.press(.enter)
        state.type(":rank 3")
        #expect(state.press(.enter) == [.bell])
        #expect(state.toast?.text == "nothing matches the filter: Esc shows all")
    }

    @Test("Ranks end above those that are off, for K and J as well")
    func limits() {
        var state = Fixture.console()
        state.type(":go backup-hk")
        state.press(.enter)
        #expect(state.press(.character("J")) == [.bell])
        #expect(state.toast?.text == "already the last rank: endpoints that are off come last")
        state.press(.down)
        #expect(state.selected?.name == "lab-proxy")
        #expect(state.press(.character("K")) == [.bell])
        #expect(state.toast?.text == "no rank above for it: endpoints that are off come last")
        #expect(state.press(.character("J")) == [.bell])
    }
}
