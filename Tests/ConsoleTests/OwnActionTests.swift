import PodiumModel
import Testing

@testable import Console

@Suite("The operator's own actions: undo, the paused picture, the order")
struct OwnActionTests {
    @Test("Undo is offered for what the command itself made, by its name")
    func undoOffered() {
        var state = Fixture.console(100, 24)
        state.succeed(state.press(.character("m")), "pinned anthropic-main", undo: "pinned anthropic-main")
        #expect(state.screen().contains("✓ pinned anthropic-main · u undo pinned anthropic-main"))
        var older = Fixture.snapshot()
        older.undo = "disabled gemini-a"
        for key: Character in ["w", "T", "s"] {
            state = Fixture.console(80, 24, older)
            state.succeed(state.press(.character(key)))
            #expect(state.screen().contains("✓ done\n"), "\(key)")
        }
    }

    @Test("The hint stays where the message fills the line or several")
    func undoHintStays() {
        for words in [12, 14, 16, 60] {
            var state = Fixture.console()
            let message = Array(repeating: "moved", count: words).joined(separator: " ")
            state.succeed(state.press(.character("m")), message, undo: "pinned anthropic-main")
            #expect(state.screen().contains("· u undo"), "\(words) words")
            state.press(.character("?"))
            #expect(state.screen().contains("· u undo"), "\(words) words under the help")
        }
    }

    @Test("Once somebody else has acted the hint goes: u would take theirs back")
    func undoTaken() {
        var state = Fixture.console()
        state.succeed(state.press(.character("m")), undo: "pinned a")
        var next = Fixture.snapshot()
        next.undo = "pinned a"
        _ = state.handle(.snapshot(next), now: Fixture.start)
        #expect(state.screen().contains("u undo"))
        next.undo = "disabled b"
        _ = state.handle(.snapshot(next), now: Fixture.start)
        #expect(!state.screen().contains("u undo"))
    }

    private func swapped() -> ConsolePicture {
        var next = Fixture.snapshot()
        next.undo = "x"
        next.redo = "x"
        next.endpoints.swapAt(0, 1)
        next.endpoints[0].rank = 1
        next.endpoints[1].rank = 2
        return next
    }

    private static let keys: [Key] = [
        .character("u"), .control("R"), .character(" "), .character("m"), .character("A"), .character("s"),
    ]

    @Test("What the operator did moves rows at once; the cursor stays with its endpoint", arguments: keys)
    func orderNotHeld(key: Key) {
        var before = Fixture.snapshot()
        before.undo = "x"
        before.redo = "x"
        var state = Fixture.console(80, 24, before)
        state.succeed(state.press(key))
        _ = state.handle(.snapshot(swapped()), now: Fixture.start + .milliseconds(100))
        #expect(state.rows.map { state.shown.endpoints[$0].rank } == [1, 2, 3, 4, 5, 6, 7])
        #expect(state.selected?.name == "anthropic-main" && state.selectedRow == 1)
    }

    @Test("A paused picture shows what the operator did, and stays paused")
    func paused() {
        var state = Fixture.console()
        state.press(.character("p"))
        let effects = state.press(.character(" "))
        var next = Fixture.snapshot()
        next.endpoints[0].enabled = false
        next.endpoints[0].state = .off
        next.endpoints[0].revision = 8
        let later = Fixture.start + .milliseconds(50)
        state.succeed(effects, at: later)
        _ = state.handle(.snapshot(next), now: later)
        #expect(state.shown.endpoints[0].state == .off)
        #expect(state.pausedAt == later)
        #expect(state.screen(at: later).contains("PAUSED"))
        // What happens by itself is held again.
        var more = next
        more.traffic.perSecond = 99
        _ = state.handle(.snapshot(more), now: later + .milliseconds(100))
        #expect(state.shown.traffic.perSecond != 99)
        more.endpoints[1].revision = 99
        _ = state.handle(.snapshot(more), now: later + .seconds(4))
        #expect(state.shown.endpoints[1].revision == 7)
    }

    @Test("A picture that comes before the answer is shown with it")
    func pausedPictureFirst() {
        var state = Fixture.console()
        state.press(.character("p"))
        let effects = state.press(.character("m"))
        var next = Fixture.snapshot()
        next.endpoints[0].pinned = true
        next.endpoints[0].revision = 8
        _ = state.handle(.snapshot(next), now: Fixture.start)
        #expect(!state.shown.endpoints[0].pinned)
        state.succeed(effects)
        #expect(state.shown.endpoints[0].pinned)
    }

    @Test("That it is not connected is said for as long as it is so")
    func connectedAgain() {
        var lost = Fixture.snapshot()
        lost.isAttached = true
        lost.staleSince = Fixture.start
        var state = Fixture.console(80, 24, lost)
        #expect(state.press(.character(" ")) == [.bell])
        #expect(state.screen().contains("not connected: this picture is old"))
        lost.staleSince = nil
        _ = state.handle(.snapshot(lost), now: Fixture.start)
        #expect(!state.screen().contains("not connected"))
    }
}
