import PodiumModel
import Testing

@testable import Console

@Suite("What saving changes")
struct DifferenceTests {
    private static let kept = "    headers: {x-org: blue, x-a: 1234567890, x-b: 1234567890, x-c: 1234567890, x-team: "

    /// An entry in one long line, of which the last header changes.
    private func console(_ columns: Int, _ lines: Int) throws -> ConsoleState {
        var state = Fixture.console(columns, lines)
        state.press(.enter)
        state.type("2")
        let id = try #require(state.previewCommand)
        let lines = [
            DifferenceLine(kind: .kept, number: 6, text: "  - name: anthropic-main"),
            DifferenceLine(kind: .removed, number: 7, text: Self.kept + "red, x-end: 1}"),
            DifferenceLine(kind: .added, number: 7, text: Self.kept + "green, x-end: 1}"),
        ]
        _ = state.handle(.commandFinished(id, .success(.preview(FilePreview(lines: lines)))), now: Fixture.start)
        return state
    }

    @Test("Long lines show what changes in them", arguments: [(40, 10), (80, 24), (140, 40), (250, 70)])
    func whole(columns: Int, lines: Int) throws {
        var state = try console(columns, lines)
        state.press(.control("D"))
        // Scrolled to the end, where there is more than fits.
        var seen = ""
        for _ in 0..<12 {
            seen += state.screen()
            state.press(.down)
        }
        let text = seen.filter { !" │\n+-".contains($0) }
        #expect(text.contains("team:red,"))
        #expect(text.contains("team:green,"))
    }

    @Test("A wide screen has room for them in one line")
    func wide() throws {
        var state = try console(140, 40)
        state.press(.control("D"))
        #expect(state.screen().contains("7 + " + Self.kept + "green, x-end: 1} "))
    }

    @Test("In the form a long line begins shortly before its change", arguments: [(80, 40), (140, 40)])
    func short(columns: Int, lines: Int) throws {
        let screen = try console(columns, lines).screen()
        #expect(screen.contains("x-team: red, x-end: 1}"))
        #expect(screen.contains("x-team: green, x-end: 1}"))
    }

    @Test("The form takes more of a wide screen, and all of a small one")
    func width() throws {
        for (columns, expected) in [(40, 40), (60, 60), (80, 76), (110, 90), (120, 100), (250, 100)] {
            let top = try console(columns, 40).screen().split(separator: "\n").first { $0.contains("╭─ Edit") }
            let box = try #require(top).drop { $0 != "╭" }.prefix { $0 != "╮" }
            #expect(box.count + 1 == expected, "\(columns)")
        }
    }

    @Test("How long each step of a test took is seen on the smallest screen")
    func smallTest() throws {
        var state = Fixture.console(40, 10)
        state.press(.enter)
        guard case .perform(let id, _)? = state.press(.control("T")).first else { return #expect(Bool(false)) }
        let text = "answered 200 (DNS 1012 ms, connect 3000 ms, TLS 4500 ms, first byte 1200 ms)"
        _ = state.handle(.commandFinished(id, .success(.done(CommandReceipt(message: text)))), now: Fixture.start)
        #expect(state.screen().contains("first byte"))
        #expect(state.screen().contains("1200 ms)"))
        #expect(state.screen().contains("▸ Name"))
    }
}
