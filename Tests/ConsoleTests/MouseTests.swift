import PodiumModel
import Testing

@testable import Console

@Suite("The mouse")
struct MouseTests {
    private func console() -> ConsoleState {
        var state = Fixture.console()
        state.press(.character("M"))
        return state
    }

    private func mouse(_ state: inout ConsoleState, _ kind: MouseEvent.Kind, _ column: Int, _ line: Int)
        -> [ConsoleEffect]
    {
        state.handle(.mouse(MouseEvent(kind, column: column, line: line)), now: Fixture.start)
    }

    @Test("Off until toggled")
    func off() {
        var state = Fixture.console()
        #expect(mouse(&state, .press, 10, 6).isEmpty)
        #expect(state.selectedRow == 0)
        #expect(state.press(.character("M")) == [.mouse(true)])
        #expect(state.press(.character("M")) == [.mouse(false)])
    }

    @Test("A click selects the row under it and its panel")
    func click() {
        var state = console()
        // The table's first row is line 3 of the mock-up.
        #expect(mouse(&state, .press, 10, 5).isEmpty)
        #expect(state.selected?.name == "openai-team")
        #expect(mouse(&state, .press, 10, 18).isEmpty)
        #expect(state.focus == .events)
        #expect(state.selected?.name == "openai-team")
    }

    private func place(of word: String, in text: String) -> Int? {
        let characters = Array(text)
        return characters.indices.first { characters[$0...].starts(with: Array(word)) }
    }

    @Test("A click on a column's title orders by it, another one the other way round")
    func headings() {
        var state = console()
        let titles = state.render(now: Fixture.start).text(line: 2)
        let sorts: [(title: String, column: SortColumn)] = [
            ("p95", .p95), ("p50", .p50), ("r/s", .rate), (" IN", .inFlight), ("OK%", .success), ("KIND", .kind),
            ("NAME", .name), ("S ", .state), ("#", .rank),
        ]
        for (title, column) in sorts {
            guard let offset = place(of: title, in: titles) else {
                #expect(Bool(false), "\(title)")
                continue
            }
            #expect(mouse(&state, .press, offset, 2).isEmpty)
            #expect(state.sort == column && state.isDescending == column.startsDescending, "\(title)")
            _ = mouse(&state, .press, offset, 2)
            #expect(state.sort == column && state.isDescending != column.startsDescending, "\(title)")
            #expect(state.dragged == nil)
        }
        _ = mouse(&state, .press, place(of: "LAST", in: titles) ?? 0, 2)
        #expect(state.sort == .rank)
    }

    @Test("A row that is dragged takes the rank of the row it is dropped on; a click moves nothing")
    func drag() {
        var state = console()
        #expect(mouse(&state, .press, 10, 6).isEmpty)
        #expect(mouse(&state, .release, 10, 6).isEmpty)
        #expect(mouse(&state, .press, 10, 6).isEmpty)
        let effects = mouse(&state, .release, 30, 3)
        guard case .perform(_, let command) = effects.first else { return #expect(Bool(false)) }
        #expect(command == .move(CommandTarget(name: "azure-gpt", revision: 7), toRank: 1))
    }

    @Test("Dropped outside the table, or while a dialog is open, nothing happens")
    func nowhere() {
        var state = console()
        _ = mouse(&state, .press, 10, 6)
        #expect(mouse(&state, .release, 10, 20).isEmpty)
        _ = mouse(&state, .press, 10, 6)
        state.press(.character("q"))
        #expect(mouse(&state, .release, 10, 3).isEmpty)
        state.press(.escape)
        #expect(mouse(&state, .release, 10, 3).isEmpty)
    }

    @Test("The wheel scrolls what is under it")
    func wheel() {
        var state = console()
        _ = mouse(&state, .wheelDown, 10, 5)
        #expect(state.selectedRow == 3)
        _ = mouse(&state, .wheelUp, 10, 5)
        #expect(state.selectedRow == 0)
        state.press(.character("?"))
        _ = mouse(&state, .wheelDown, 10, 5)
        guard case .help(let view) = state.overlay else { return #expect(Bool(false)) }
        #expect(view.scroll <= ConsoleState.wheelStep)
    }
}
