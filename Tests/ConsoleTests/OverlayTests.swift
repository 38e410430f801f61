import PodiumModel
import Testing

@testable import Console

@Suite("Overlays, drawn")
struct OverlayTests {
    private func box(_ screen: String) -> String {
        // From the box's first line to its last, without what stands beside it.
        let lines = screen.split(separator: "\n", omittingEmptySubsequences: false).map { Array($0) }
        guard let top = lines.firstIndex(where: { $0.contains("╭") }),
            let bottom = lines.lastIndex(where: { $0.contains("╰") }), let left = lines[top].firstIndex(of: "╭"),
            let right = lines[top].lastIndex(of: "╮")
        else { return "" }
        return lines[top...bottom].map { String($0[left...min(right, $0.count - 1)]) }.joined(separator: "\n")
    }

    @Test("The quit dialog says what is at stake, with Cancel in focus")
    func quit() {
        var state = Fixture.console()
        state.press(.character("q"))
        #expect(
            box(state.screen()) == """
                ╭─ Leave Podium? ───────────────────────────────────────────────╮
                │  The proxy runs in this process.                              │
                │  7 requests in flight: Stop lets them finish first.           │
                │  4 unsaved changes: Stop writes them first.                   │
                │                                                               │
                │  [ Stop  s ]  [ Keep serving, headless  k ]  [ Cancel  Esc ]  │
                ╰───────────────────────────────────────────────────────────────╯
                """)
        guard case .quit(let dialog) = state.overlay else { return #expect(Bool(false)) }
        #expect(dialog.focus == .cancel)
    }

    @Test("Enter on an event opens it in full, with its neighbours at the arrow keys")
    func event() {
        var snapshot = Fixture.snapshot()
        let words = (1...40).map { "word\($0)" }
        snapshot.events[5].text = words.joined(separator: " ")
        var state = Fixture.console(80, 24, snapshot)
        state.press(.character("4"), .enter)
        let shown = box(state.screen())
        for word in words { #expect(shown.contains(word)) }
        #expect(shown.contains("12:04:29.114  info  console"))
        #expect(state.press(.character("y")) == [.copy("12:04:29 info console: " + words.joined(separator: " "))])
        state.press(.left)
        #expect(box(state.screen()).contains("azure-gpt   slow: p95 3.1s > 2.0s for 30s"))
        state.press(.escape)
        #expect(state.overlay == nil)
        #expect(state.selectedEvent?.id == 5)
    }

    @Test("Deleting at 40x10 shows where to type, and says when the name is another")
    func deleteSmall() {
        var state = Fixture.console(40, 10)
        state.press(.character("d"))
        state.type("anthropic")
        #expect(state.press(.enter) == [.bell])
        #expect(
            box(state.screen()) == """
                ╭─ Delete anthropic-main? ─────────────╮
                │  Its entry is taken out of the       │
                │  file.                               │
                │  ✗ That is not its name. Type it:    │
                │  anthropic_________________________  │
                │                                      │
                │  [ Delete  ↵ ]  [ Cancel  Esc ]      │
                ╰──────────────────────────────────────╯
                """)
    }

    @Test("A long message is wrapped, not cut")
    func longMessage() {
        for columns in [40, 80] {
            var state = Fixture.console(columns, 12)
            let words = (1...20).map { "w\($0)" }
            state.say(.bad, words.joined(separator: " "), now: Fixture.start)
            let shown = state.screen().split { $0 == " " || $0 == "\n" }.map(String.init)
            for word in words { #expect(shown.contains(word), "\(columns): \(word)") }
        }
    }

    @Test("Deleting asks for the name")
    func delete() {
        var state = Fixture.console()
        state.press(.character("j"), .character("d"))
        state.type("anthropic-")
        #expect(
            box(state.screen()) == """
                ╭─ Delete anthropic-eu? ────────────────╮
                │  Its entry is taken out of the file.  │
                │  Type the name to delete it:          │
                │  anthropic-_________________________  │
                │                                       │
                │  [ Delete  ↵ ]  [ Cancel  Esc ]       │
                ╰───────────────────────────────────────╯
                """)
    }

    @Test("The edit form at 80x24")
    func form() {
        var state = Fixture.console()
        state.press(.character("j"), .enter)
        state.press(.tab, .tab, .tab, .tab, .tab, .tab)
        state.press(.control("U"))
        state.type("1")
        #expect(
            box(state.screen()) == """
                ╭─ Edit endpoint · anthropic-eu ──────────────────────────────── 1 change ─╮
                │  Name       anthropic-eu                                                 │
                │  URL        —                                                            │
                │  URL anth   https://anthropic-eu.example.com                             │
                │  URL openai —                                                            │
                │  Auth       ‹api_key›  auth_token   passthrough   none                   │
                │  Secret     sk-ant-…3f9c                                                 │
                │▸ Priority   1___  rank 1–7                                               │
                │  Tags       prod, claude                                                 │
                │  Headers    —                                                            │
                │  OpenAI API ‹auto›  responses   chat_completions                         │
                │  Proxy      —                                                            │
                │  CA file    —                                                            │
                │  Cookies    ‹off›  pass                                                  │
                │  Forwarded  [ ]                                                          │
                │  In flight  0                                                            │
                │  Limits     —                                                            │
                │  Active     —                                                            │
                │  Models     —                                                            │
                │  Saves: Priority 2→1, pinned there. Takes effect now, on disk now.       │
                │  [ Save  ^S ]   [ Test request  ^T ]   [ Cancel  Esc ]                   │
                ╰────────────────────────────────────────────────── 9 more · Tab ↑↓ field ─╯
                """)
    }

    @Test("The edit form at 40x10 keeps the field in focus, the message and the buttons in sight")
    func smallForm() {
        var state = Fixture.console(40, 10)
        state.press(.enter, .control("U"), .tab)
        #expect(state.screen().contains("✗ needs a name"))
        #expect(state.screen().contains("▸ URL"))
        #expect(state.screen().contains("[ Save  ^S ] [ Test ^T ] [ Esc ]"))
    }

    @Test("At 40 columns the chosen way to authenticate is in sight, whichever it is")
    func smallChoice() {
        var state = Fixture.console(40, 10)
        state.press(.enter, .tab, .tab, .tab, .tab)
        for type in ["api_key", "auth_token", "passthrough", "none"] {
            #expect(state.screen().contains("‹\(type)›"))
            state.press(.right)
        }
    }

    @Test("A typed secret is never on screen unless it is revealed, and then for ten seconds")
    func secret() {
        var state = Fixture.console()
        state.press(.enter, .tab, .tab, .tab, .tab, .tab)
        state.type("hunter2-secret")
        #expect(!state.screen().contains("hunter2"))
        #expect(state.screen().contains("••••••••••••••"))
        state.press(.control("R"))
        #expect(state.screen().contains("hunter2-secret"))
        let later = Fixture.start + .seconds(10)
        #expect(!state.screen(at: later).contains("hunter2"))
    }

    @Test("A flush shows its steps and what it changed")
    func flush() {
        var state = Fixture.console()
        state.press(.character("3"), .down, .enter)
        #expect(
            box(state.screen()) == """
                ╭─ Flush ──────────────────────────────────────────────────────────────────╮
                │ 12:02:51.000  operator  ok                                               │
                │ 1 change, 0 bytes changed, file 4.1 K                                    │
                │                                                                          │
                │ encode       0.58 ms ██████████                                          │
                │ write        0.00 ms                                                     │
                │ fsync        2.32 ms ████████████████████████████████████████            │
                │ rename       0.00 ms                                                     │
                │ all          2.90 ms                                                     │
                │                                                                          │
                │ • anthropic-main priority 1→2                                            │
                ╰────────────────────────────────────────────────── ← older → newer · Esc ─╯
                """)
    }

    @Test("F passes over flushes that found nothing to write, unless one of them was chosen")
    func lastTellingFlush() {
        var snapshot = Fixture.snapshot()
        var idle = Snapshot.Flush(number: 213, time: Fixture.time(12, 4, 0), trigger: "operator")
        idle.result = .unchanged
        snapshot.flushes.append(idle)
        var state = Fixture.console(80, 24, snapshot)
        state.press(.character("F"))
        #expect(state.screen().contains("12:03:49.000  interval"))
        state.press(.right)
        #expect(state.screen().contains("The file already said so: nothing was written."))
        snapshot.flushes = [idle]
        state = Fixture.console(80, 24, snapshot)
        state.press(.character("F"))
        #expect(state.screen().contains("nothing was written"))
    }

    @Test("The help lists every key of the main screen")
    func help() {
        var state = Fixture.console(140, 60)
        state.press(.character("?"))
        let screen = state.screen()
        for binding in Keymap.standard.bindings(in: .main) where !binding.action.rawValue.hasPrefix("panel-") {
            #expect(screen.contains(binding.keys[0].name), "\(binding.action)")
        }
        #expect(screen.contains("1-8        panels"))
    }

    @Test("The help finds words and says why something cannot be done now")
    func search() {
        var state = Fixture.console()
        state.press(.character("?"))
        state.type("undo")
        #expect(state.screen().contains("Takes the last operator action back."))
        #expect(state.screen().contains("not now: nothing to undo"))
        #expect(!state.screen().contains("Adds an endpoint"))
    }

    @Test("Every overlay fits every size", arguments: [(40, 10), (60, 18), (80, 24), (140, 40), (250, 70)])
    func fits(columns: Int, lines: Int) {
        for keys in ["q", "d", "e", "a", "?", "F", ":", "/"] {
            var state = Fixture.console(columns, lines)
            state.type(keys)
            let grid = state.render(now: Fixture.start)
            if let cursor = grid.cursor {
                #expect(cursor.column < columns && cursor.line < lines, "\(keys)")
            }
            let bar = grid.text(line: lines - 1)
            #expect(bar.contains("Esc") || bar.contains("↵"), "\(keys) at \(columns)x\(lines): \(bar)")
        }
    }
}
