import PodiumModel
import Testing

@testable import Console

@Suite("The keymap")
struct KeymapTests {
    @Test("No key means two things in one place")
    func unique() {
        for context in KeyContext.allCases {
            var seen: [Key: ConsoleAction] = [:]
            for binding in Keymap.standard.bindings(in: context) {
                for key in binding.keys {
                    #expect(seen[key] == nil, "\(key.name) in \(context)")
                    seen[key] = binding.action
                }
            }
        }
    }

    @Test("Every context can be left")
    func leaving() {
        for context in KeyContext.allCases where context != .main {
            #expect(Keymap.standard.binding(for: .escape, in: context)?.action == .cancel, "\(context)")
        }
        #expect(Keymap.standard.binding(for: .character("q"), in: .main)?.action == .quit)
    }

    @Test("Labels are short, sentences are sentences")
    func words() {
        for binding in Keymap.standard.bindings {
            #expect(!binding.label.isEmpty && binding.label.count <= 12, "\(binding.label)")
            #expect(binding.help.hasSuffix("."), "\(binding.help)")
            #expect(!binding.keys.isEmpty)
        }
    }

    @Test("Where text is typed no printable key is bound")
    func typing() {
        for context in [KeyContext.prompt, .command, .form, .delete] {
            for binding in Keymap.standard.bindings(in: context) {
                for case .character(let character) in binding.keys { Issue.record("\(character) in \(context)") }
            }
        }
    }

    @Test(
        "Each binding of the main screen does something", arguments: Keymap.standard.bindings(in: .main).map(\.action))
    func live(action: ConsoleAction) {
        var snapshot = Fixture.snapshot()
        snapshot.undo = "move"
        snapshot.redo = "move"
        var state = Fixture.console(80, 24, snapshot)
        state.press(.down, .down)
        if action == .nextMatch || action == .previousMatch {
            state.press(.character("/"))
            state.type("an")
            state.press(.enter)
        }
        if action == .back { state.press(.character("z")) }
        if action == .panel1 { state.press(.character("2")) }
        let before = state
        let effects = state.perform(action, now: Fixture.start)
        let isSame = before.render(now: Fixture.start) == state.render(now: Fixture.start)
        #expect(!effects.isEmpty || !isSame, "\(action)")
    }
}
