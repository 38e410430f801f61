import PodiumModel
import Testing

@testable import Console

@Suite("The help runs what it finds")
struct HelpTests {
    private func searched(_ text: String) -> ConsoleState {
        var state = Fixture.console()
        state.press(.character("?"))
        state.type(text)
        return state
    }

    @Test("Enter runs the action under the cursor and closes the help")
    func run() {
        var state = searched("auto-sort")
        #expect(command(state.press(.enter)) == .setAutoSort(false))
        #expect(state.overlay == nil)
    }

    @Test("The arrows go from action to action, and stop at the ends")
    func choose() {
        var state = searched("sort")
        let found = HelpOverlay.found(state, "sort").map(\.action)
        #expect(found.first == .sortNow)
        state.press(.up, .down)
        #expect(command(state.press(.enter)) == .setAutoSort(false))
        state = searched("sort")
        for _ in 0..<30 { state.press(.down) }
        guard case .help(let view) = state.overlay else { return #expect(Bool(false)) }
        #expect(view.selected == found.count - 1)
    }

    @Test("What cannot be done now says why, and the help stays")
    func refused() {
        var state = searched("last operator action")
        #expect(state.press(.enter) == [.bell])
        #expect(state.toast?.text == "nothing to undo")
        #expect(state.context == .help)
        state = searched("as it is typed")
        #expect(state.press(.enter) == [.bell])
        #expect(state.toast?.text == "test works in another place: form")
        state = searched("nothing like it")
        #expect(state.press(.enter) == [.bell])
    }

    @Test("A key that changes an endpoint is refused there where it would be on the main screen")
    func sight() {
        var state = Fixture.console()
        state.press(.character("4"), .character("?"))
        state.type("out of service")
        #expect(state.press(.enter) == [.bell])
        #expect(state.toast?.text == "no endpoint in this panel: press 1 first")
    }

    @Test("The action under the cursor stays in sight on the smallest screen")
    func small() {
        var state = Fixture.console(40, 10)
        state.press(.character("?"))
        state.type("rank")
        for index in HelpOverlay.found(state, "rank").indices {
            if index > 0 { state.press(.down) }
            #expect(state.screen().contains("│ ▸"), "\(index)")
        }
    }

    @Test("Without a search the arrows scroll and Enter closes")
    func overview() {
        var state = Fixture.console(40, 10)
        state.press(.character("?"), .down, .down)
        guard case .help(let view) = state.overlay else { return #expect(Bool(false)) }
        #expect(view.scroll == 2)
        #expect(state.press(.enter).isEmpty)
        #expect(state.overlay == nil)
    }
}
