import PodiumModel
import Testing

@testable import Console

@Suite("Endpoints are changed where they are seen")
struct SightTests {
    private static let reading: [Character] = ["2", "3", "4", "6", "7", "8"]

    @Test("No key changes or copies an endpoint from a panel that shows none", arguments: reading, [false, true])
    func elsewhere(panel: Character, isZoomed: Bool) {
        for key: Character in [" ", "K", "J", "d", "m", "y", "T"] {
            var state = Fixture.console()
            state.press(.character(panel), .down)
            if isZoomed { state.press(.character("z")) }
            let effects = state.press(.character(key))
            #expect(command(effects) == nil && state.overlay == nil, "\(key)")
            if key == " " { continue }
            #expect(effects == [.bell])
            #expect(state.toast?.text == "no endpoint in this panel: press 1 first")
        }
        var state = Fixture.console()
        state.press(.character(panel))
        for line in [":toggle", ":rank 2", ":pin", ":delete"] {
            state.type(line)
            #expect(state.press(.enter) == [.bell], "\(line)")
        }
    }

    @Test("The form opens from the table and the detail only")
    func form() {
        for panel: Character in ["2", "7"] {
            var state = Fixture.console()
            state.press(.character(panel))
            #expect(state.press(.enter) == [.bell])
            #expect(state.overlay == nil)
        }
        for panel: Character in ["1", "5"] {
            var state = Fixture.console()
            state.press(.character(panel), .enter)
            guard case .form = state.overlay else { return #expect(Bool(false), "\(panel)") }
        }
    }

    @Test("They work in the table and in the detail")
    func inSight() {
        let first = CommandTarget(name: "anthropic-main", revision: 7)
        for panel: Character in ["1", "5"] {
            var state = Fixture.console()
            state.press(.character(panel))
            #expect(command(state.press(.character(" "))) == .setEnabled(first, false))
        }
    }

    @Test("Where nothing but a sentence fits, no endpoint is changed either")
    func tiny() {
        var state = Fixture.console(30, 8)
        #expect(state.press(.character(" ")) == [.bell])
        #expect(state.press(.character("K")) == [.bell])
        #expect(state.screen().contains("no endpoint in sight"))
    }

    @Test("Space pages down in logs and lists, as in less")
    func paging() {
        var snapshot = Fixture.snapshot()
        let time = Fixture.time(12, 5, 1)
        for id in 7...60 {
            snapshot.events.append(
                Fixture.event(UInt64(id), time, .info, "x", "event \(id)"))
            var flush = Snapshot.Flush(number: UInt64(id + 300), time: time, trigger: "interval")
            flush.changes = ["one"]
            flush.result = .written
            snapshot.flushes.append(flush)
            snapshot.journal.append(
                Fixture.rankChange(time: time, endpoint: "e\(id)", from: 2, to: 1, text: "faster"))
        }
        for panel: Character in ["3", "4", "8"] {
            var paged = Fixture.console(80, 24, snapshot)
            paged.press(.character(panel), .character("z"))
            var spaced = paged
            #expect(spaced.press(.character(" ")).isEmpty)
            paged.press(.pageDown)
            #expect(spaced.screen() == paged.screen())
            #expect(spaced.scroll[.journal] != nil || spaced.selectedEventID != nil || spaced.selectedFlushID != nil)
        }
    }

    @Test("A toggle that was put on another key does not page")
    func otherKey() {
        var setup = ConsoleSetup()
        setup.keymap = Keymap.standard.overridden(by: [KeyOverride(command: "toggle", keys: ["x"])]).keymap
        var state = ConsoleState(setup: setup, columns: 80, lines: 24, now: Fixture.start)
        _ = state.handle(.snapshot(Fixture.snapshot()), now: Fixture.start)
        #expect(state.press(.character("4"), .character("x")) == [.bell])
    }
}
