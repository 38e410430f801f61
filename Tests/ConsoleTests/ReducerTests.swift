import PodiumModel
import Testing

@testable import Console

@Suite("From keys to commands")
struct ReducerTests {
    private let first = CommandTarget(name: "anthropic-main", revision: 7)
    private let second = CommandTarget(name: "anthropic-eu", revision: 7)

    private func command(_ effects: [ConsoleEffect]) -> Command? {
        for case .perform(_, let command) in effects { return command }
        return nil
    }

    private func identifier(_ effects: [ConsoleEffect]) -> CommandID {
        for case .perform(let id, _) in effects { return id }
        return CommandID(0)
    }

    @Test("Each operator key gives its command, by name and revision")
    func commands() {
        var state = Fixture.console()
        #expect(command(state.press(.down, .character("K"))) == .move(second, toRank: 1))
        state = Fixture.console()
        #expect(command(state.press(.character("J"))) == .move(first, toRank: 2))
        state = Fixture.console()
        #expect(command(state.press(.character(" "))) == .setEnabled(first, false))
        state = Fixture.console()
        #expect(command(state.press(.character("m"))) == .setPinned(first, true))
        state = Fixture.console()
        #expect(command(state.press(.character("s"))) == .sortNow)
        state = Fixture.console()
        #expect(command(state.press(.character("A"))) == .setAutoSort(false))
        state = Fixture.console()
        #expect(command(state.press(.character("w"))) == .flush)
        state = Fixture.console()
        #expect(command(state.press(.character("T"))) == .test(first))
    }

    @Test("The cursor follows the endpoint, not the row")
    func cursorFollows() {
        var state = Fixture.console()
        state.press(.down)
        var next = Fixture.snapshot()
        next.endpoints.swapAt(1, 4)
        next.endpoints[1].rank = 2
        next.endpoints[4].rank = 5
        let later = Fixture.start + .seconds(4)
        _ = state.handle(.snapshot(next), now: later)
        #expect(state.selectedRow == 4)
        #expect(command(state.press(.character("m"), at: later)) == .setPinned(second, true))
    }

    @Test("No row moves within three seconds of a key, then it does")
    func orderHeld() {
        var state = Fixture.console()
        state.press(.down)
        var next = Fixture.snapshot()
        next.endpoints.swapAt(0, 1)
        _ = state.handle(.snapshot(next), now: Fixture.start + .milliseconds(2_999))
        #expect(state.rows.map { state.shown.endpoints[$0].id }.prefix(2) == [1, 2])
        _ = state.handle(.snapshot(next), now: Fixture.start + .milliseconds(3_000))
        #expect(state.rows.map { state.shown.endpoints[$0].id }.prefix(2) == [2, 1])
    }

    @Test("K pressed twice goes two ranks, with the second command waiting for the first")
    func movesQueue() {
        var state = Fixture.console()
        state.press(.down, .down)
        let effects = state.press(.character("K"))
        #expect(command(effects) == .move(CommandTarget(name: "openai-team", revision: 7), toRank: 2))
        #expect(state.press(.character("K")).isEmpty)
        _ = state.handle(
            .commandFinished(identifier(effects), .success(.done(CommandReceipt(message: "Moved")))), now: Fixture.start
        )
        var next = Fixture.snapshot()
        next.endpoints.swapAt(1, 2)
        next.endpoints[1].rank = 2
        next.endpoints[1].revision = 8
        next.endpoints[2].rank = 3
        let more = state.handle(.snapshot(next), now: Fixture.start)
        #expect(command(more) == .move(CommandTarget(name: "openai-team", revision: 8), toRank: 1))
    }

    @Test("At the ends, in other orders and without rows, moving says why not")
    func moveObstacles() {
        var state = Fixture.console()
        #expect(state.press(.character("K")) == [.bell])
        #expect(state.toast?.text == "already the first rank")
        state.press(.character("S"))
        #expect(state.press(.character("J")) == [.bell])
        #expect(state.toast?.text.contains("sorted by") == true)
        var empty = Fixture.console(80, 24, Fixture.snapshot(0))
        #expect(empty.press(.character(" ")) == [.bell])
        #expect(empty.toast?.text == "no endpoints: press a to add one")
    }

    @Test("While an endpoint is being saved a second change of it is refused")
    func busy() {
        var state = Fixture.console()
        state.press(.character("m"))
        #expect(state.press(.character(" ")) == [.bell])
        #expect(state.press(.down, .character("m")).count == 1)
    }

    @Test("Switching off the last endpoint that is up asks first, with Cancel in focus")
    func lastOne() {
        var snapshot = Fixture.snapshot(2)
        snapshot.endpoints[1].state = .down
        var state = Fixture.console(80, 24, snapshot)
        #expect(state.press(.character(" ")).isEmpty)
        #expect(state.press(.enter).isEmpty)
        #expect(state.overlay == nil)
        state.press(.character(" "))
        #expect(command(state.press(.right, .enter)) == .setEnabled(first, false))
    }

    @Test("Results become toasts; failures ring")
    func results() {
        var state = Fixture.console()
        var id = identifier(state.press(.character("w")))
        let later = Fixture.start + .milliseconds(3)
        #expect(
            state.handle(.commandFinished(id, .success(.done(CommandReceipt(message: "Wrote 4 changes")))), now: later)
                .isEmpty)
        #expect(state.toast?.text == "Wrote 4 changes")
        #expect(state.screen(at: later).contains("✓ Wrote 4 changes\n"))
        id = identifier(state.press(.character("w")))
        let failure = CommandRefusal(.unreachable, "No space left on device")
        #expect(state.handle(.commandFinished(id, .failure(failure)), now: later) == [.bell])
        #expect(state.screen(at: later).contains("✗ Writing failed: No space left on device"))
    }

    @Test("A result that nobody waits for changes nothing")
    func strayResult() {
        var state = Fixture.console()
        #expect(
            state.handle(
                .commandFinished(CommandID(99), .success(.done(CommandReceipt(message: "x")))), now: Fixture.start
            ).isEmpty)
        #expect(state.toast == nil)
    }

    @Test("Deleting needs the exact name")
    func delete() {
        var state = Fixture.console()
        state.press(.character("d"))
        state.type("anthropic-mai")
        #expect(state.press(.enter) == [.bell])
        state.type("n")
        #expect(command(state.press(.enter)) == .remove(first))
        #expect(state.overlay == nil)
    }

    @Test("A name that cannot be shown as it is may be typed as it is shown, or as it is")
    func deleteStrangeName() {
        for typed in ["a□b", "a👨‍👩‍👧b"] {
            var snapshot = Fixture.snapshot()
            snapshot.endpoints[0].name = "a👨‍👩‍👧b"
            var state = Fixture.console(80, 24, snapshot)
            state.press(.character("d"))
            for scalar in typed.unicodeScalars { state.press(.character(Character(scalar))) }
            #expect(command(state.press(.enter)) == .remove(snapshot.endpoints[0].target), "\(typed)")
        }
    }

    @Test("Quitting asks; Enter alone stays, s stops, k keeps serving")
    func quit() {
        var state = Fixture.console()
        state.press(.character("q"))
        #expect(state.press(.enter).isEmpty)
        #expect(state.overlay == nil)
        #expect(state.press(.character("q"), .character("s")) == [.quit(.stop)])
        state = Fixture.console()
        #expect(state.press(.character("q"), .character("k")) == [.quit(.keepServing)])
        state = Fixture.console()
        #expect(state.press(.control("C"), .left, .enter) == [.quit(.keepServing)])
    }

    @Test("Pausing holds the picture, not the commands")
    func pause() {
        var state = Fixture.console()
        state.press(.character("p"))
        let before = state.screen()
        var next = Fixture.snapshot()
        next.endpoints[0].revision = 9
        next.traffic.perSecond = 99
        _ = state.handle(.snapshot(next), now: Fixture.start + .seconds(5))
        #expect(state.screen(at: Fixture.start + .seconds(5)) == before)
        let effects = state.press(.character("m"), at: Fixture.start + .seconds(5))
        #expect(command(effects) == .setPinned(CommandTarget(name: "anthropic-main", revision: 9), true))
        state.press(.character("p"), at: Fixture.start + .seconds(5))
        #expect(state.shown.traffic.perSecond == 99)
    }

    @Test("The filter narrows the table and Escape widens it again")
    func filter() {
        var state = Fixture.console()
        state.press(.character("/"))
        state.type("gpt")
        #expect(state.rows.count == 1)
        #expect(state.selected?.name == "azure-gpt")
        state.press(.enter)
        #expect(state.screen().contains("/gpt"))
        state.press(.escape)
        #expect(state.rows.count == 7)
        #expect(state.selected?.name == "azure-gpt")
    }

    @Test("Sort columns go round in both directions; the order is stable")
    func sort() {
        var state = Fixture.console()
        state.press(.character("<"), .character(">"))
        #expect(state.sort == .rank)
        while state.sort != .p95 { state.press(.character("S")) }
        #expect(names(state).prefix(2) == ["azure-gpt", "gemini-a"])
        #expect(state.screen().contains("sort p95▼"))
        state.press(.character("r"))
        #expect(state.screen().contains("sort p95▲"))
        #expect(
            names(state) == [
                "anthropic-main", "anthropic-eu", "openai-team", "gemini-a", "azure-gpt", "backup-hk", "lab-proxy",
            ])
    }

    @Test("Rows without a figure come last in either direction", arguments: SortColumn.allCases)
    func nothingLast(column: SortColumn) {
        for descending in [false, true] {
            var state = Fixture.console()
            state.order(by: column, descending: descending)
            let known = state.rows.map { column.hasValue(state.shown.endpoints[$0]) }
            #expect(known == known.sorted { $0 && !$1 })
            let shown = state.rows.map { state.shown.endpoints[$0] }.filter(column.hasValue)
            switch column.keys(shown) {
            case .numbers(let numbers): #expect(numbers == numbers.sorted(by: descending ? (>) : (<)))
            case .words(let words): #expect(words == words.sorted(by: descending ? (>) : (<)))
            }
        }
    }

    @Test("The arrow shows the direction: smallest first ▲, largest first ▼, as each column begins")
    func arrows() {
        for column in SortColumn.allCases {
            var state = Fixture.console(140, 40)
            state.type(":sort \(column.word)")
            state.press(.enter)
            #expect(state.sort == column)
            #expect(state.screen().contains("sort \(column.title)\(column.startsDescending ? "▼" : "▲")"))
        }
    }

    @Test("sort takes a column and a direction, and says what there is")
    func sortCommand() {
        var state = Fixture.console()
        state.type(":sort name desc")
        state.press(.enter)
        #expect(names(state).first == "openai-team")
        state.type(":sort colour")
        #expect(state.press(.enter) == [.bell])
        #expect(state.toast?.text.contains("rank state name kind priority ok p50 p95 rate in-flight errors") == true)
        state.type(":sort p95 up")
        #expect(state.press(.enter) == [.bell])
        #expect(state.sort == .name)
    }

    @Test("What fingers type that know vi")
    func short() {
        var state = Fixture.console()
        state.type(":q")
        state.press(.enter)
        #expect(state.overlay == .quit(QuitDialog()))
        state = Fixture.console()
        state.type(":w")
        #expect(command(state.press(.enter)) == .flush)
    }

    @Test("A failure to save lapses once all is on disk; another failure stays")
    func toastLapses() {
        var clean = Fixture.snapshot()
        clean.persister = Snapshot.Persister()
        for isKept in [true, false] {
            var state = Fixture.console()
            let effects = state.press(.character("w"))
            let failure = CommandRefusal(isKept ? .notSaved : .unreachable, "no space")
            _ = state.handle(.commandFinished(identifier(effects), .failure(failure)), now: Fixture.start)
            _ = state.handle(.snapshot(Fixture.snapshot()), now: Fixture.start)
            #expect(state.toast != nil)
            _ = state.handle(.snapshot(clean), now: Fixture.start + .seconds(5))
            let expected = isKept ? "Everything is on disk now (after 5 s)" : "Writing failed: no space"
            #expect(state.toast?.text == expected)
        }
    }

    private func names(_ state: ConsoleState) -> [String] {
        state.rows.map { state.shown.endpoints[$0].name }
    }

    @Test("Read-only binds no key that changes anything")
    func readOnly() {
        for binding in Keymap.standard.bindings(in: .main) where binding.changes {
            for key in binding.keys {
                var state = Fixture.console(isReadOnly: true)
                #expect(state.press(key) == [.bell], "\(binding.action)")
            }
        }
        var state = Fixture.console(isReadOnly: true)
        state.press(.enter, .tab)
        state.type("/x")
        #expect(command(state.press(.control("S"))) == nil)
        state = Fixture.console(isReadOnly: true)
        state.press(.character(":"))
        state.type("rank 2")
        #expect(command(state.press(.enter)) == nil)
    }

    @Test("The command line completes, runs, remembers and refuses")
    func commandLine() {
        var state = Fixture.console()
        state.press(.character(":"))
        state.type("sort-n")
        state.press(.tab)
        #expect(state.command?.text == "sort-now")
        #expect(command(state.press(.enter)) == .sortNow)
        state = Fixture.console()
        state.press(.character(":"))
        state.type("go gem")
        state.press(.tab, .enter)
        #expect(state.selected?.name == "gemini-a")
        state.press(.character(":"))
        state.type("rank 1")
        #expect(
            command(state.press(.enter)) == .move(CommandTarget(name: "gemini-a", revision: 7), toRank: 1))
        state.press(.character(":"), .up)
        #expect(state.command?.text == "rank 1")
        state.press(.control("U"))
        state.type("nonsense")
        #expect(state.press(.enter) == [.bell])
        state.press(.character(":"))
        state.type("rank 99")
        #expect(state.press(.enter) == [.bell])
    }

    @Test("A paste is text where text is typed, and nothing elsewhere")
    func paste() {
        var state = Fixture.console()
        #expect(state.handle(.paste("dKJ wq\n"), now: Fixture.start).isEmpty)
        #expect(state.overlay == nil && state.pending.isEmpty)
        state.press(.enter, .tab, .control("U"))
        _ = state.handle(.paste("https://new.example.com\n"), now: Fixture.start)
        guard case .form(let form) = state.overlay else { return #expect(Bool(false)) }
        #expect(form.text(.url) == "https://new.example.com")
    }

    @Test("A log that is scrolled stands still while new lines arrive")
    func logStands() {
        var snapshot = Fixture.snapshot()
        for id in 7...40 {
            snapshot.events.append(
                Fixture.event(UInt64(id), Fixture.time(12, 5, Double(id)), .info, "x", "event \(id)"))
        }
        var state = Fixture.console(80, 24, snapshot)
        state.press(.character("4"), .down, .down)
        #expect(state.selectedEvent?.identity == 38)
        state.press(.pageDown)
        let first = state.selectedEvent
        let line = state.render(now: Fixture.start).text(line: state.layout.content(of: .events).line)
        #expect(!line.contains("event 40"))
        snapshot.events.append(
            Fixture.event(41, Fixture.time(12, 6, 0), .info, "x", "event 41"))
        _ = state.handle(.snapshot(snapshot), now: Fixture.start + .seconds(5))
        #expect(state.render(now: Fixture.start).text(line: state.layout.content(of: .events).line) == line)
        #expect(state.selectedEvent == first)
        // Older ones that repeat go to the top, past it.
        for index in 0..<3 {
            var repeated = snapshot.events.remove(at: 0)
            (repeated.firstID, repeated.id, repeated.count) = (repeated.id, UInt64(42 + index), 2)
            snapshot.events.append(repeated)
        }
        _ = state.handle(.snapshot(snapshot), now: Fixture.start + .seconds(6))
        #expect(state.render(now: Fixture.start).text(line: state.layout.content(of: .events).line) == line)
        #expect(state.selectedEvent == first)
        snapshot.events.removeLast(3)
        _ = state.handle(.snapshot(snapshot), now: Fixture.start + .seconds(7))
        state.press(.character("g"))
        #expect(
            state.render(now: Fixture.start).text(line: state.layout.content(of: .events).line).contains("event 41"))
    }

    @Test("Ten thousand endpoints: the last is a key away and the cursor in sight")
    func many() {
        var state = Fixture.console(80, 24, Fixture.snapshot(10_000))
        state.press(.character("G"))
        #expect(state.selected?.name == "endpoint-10000")
        #expect(state.screen().contains("endpoint-10000"))
        state.press(.pageUp)
        #expect(state.screen().contains("▸"))
    }

    @Test("An endpoint that goes away leaves the cursor on its neighbour")
    func removed() {
        var state = Fixture.console()
        state.press(.down)
        var next = Fixture.snapshot()
        next.endpoints.remove(at: 1)
        _ = state.handle(.snapshot(next), now: Fixture.start)
        #expect(state.selected?.name == "openai-team")
    }
}
