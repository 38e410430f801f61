@testable import Console
import Foundation
import PodiumModel
import Testing

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

@Suite("Keys from the configuration")
struct KeyOverrideTests {
    private func overridden(_ pairs: (String, [String])...) -> (keymap: Keymap, problems: [KeyOverrideProblem]) {
        Keymap.standard.overridden(by: pairs.map { KeyOverride(command: $0.0, keys: $0.1) })
    }

    @Test("An action takes the keys it is given, and the others keep theirs")
    func taken() {
        let (keymap, problems) = overridden(("flush", ["W", "F5"]), ("sort-now", []))
        #expect(problems.isEmpty)
        #expect(keymap.binding(for: .character("W"), in: .main)?.action == .flush)
        #expect(keymap.binding(for: .function(5), in: .main)?.action == .flush)
        #expect(keymap.binding(for: .character("w"), in: .main) == nil)
        #expect(keymap.binding(for: .character("s"), in: .main) == nil)
        #expect(keymap.binding(for: .character("u"), in: .main)?.action == .undo)
        #expect(keymap.binding(for: .character("s"), in: .quit)?.action == .stop)
    }

    @Test("Two actions may swap their keys")
    func swapped() {
        let (keymap, problems) = overridden(("flush", ["u"]), ("undo", ["w"]))
        #expect(problems.isEmpty)
        #expect(keymap.binding(for: .character("u"), in: .main)?.action == .flush)
        #expect(keymap.binding(for: .character("w"), in: .main)?.action == .undo)
    }

    @Test("A key of another action is refused, and so is one key for two")
    func clashes() {
        let (keymap, problems) = overridden(("flush", ["W", "u"]))
        #expect(problems.count == 1)
        #expect(problems.first?.override == 0)
        #expect(problems.first?.key == 1)
        #expect(problems.first?.message == "the key u belongs to undo")
        #expect(keymap.binding(for: .character("w"), in: .main)?.action == .flush)
        #expect(overridden(("flush", ["X"]), ("undo", ["X"])).problems.map(\.message) == ["the key X belongs to undo"])
    }

    @Test("Unknown actions and keys are named, with what there is")
    func unknown() {
        let problems = overridden(("flsh", ["W"]), ("undo", ["Ctrl-Z"]), ("redo", ["^I"])).problems
        #expect(problems.map(\.override) == [0, 1, 2])
        #expect(problems.map(\.key) == [nil, 0, 0])
        #expect(problems[0].message == "'flsh' is no action of the console")
        #expect(problems[0].fix.contains("flush"))
        #expect(problems[1].message == "'Ctrl-Z' is no key")
        #expect(problems[1].fix.contains("^X for Ctrl-X"))
    }

    @Test("There is always a key to leave with and one for commands")
    func needed() {
        #expect(overridden(("quit", [])).problems.map(\.message) == ["quit needs a key"])
        #expect(overridden(("command", [])).problems.map(\.message) == ["command needs a key"])
        #expect(overridden(("quit", ["Q"])).problems.isEmpty)
    }

    @Test("Every key of the table is read back by the name that help gives it")
    func names() {
        for binding in Keymap.standard.bindings {
            for key in binding.keys { #expect(Key(name: key.name(isASCII: true)) == key, "\(key)") }
        }
        #expect(Key(name: "") == nil)
        #expect(Key(name: "F13") == nil)
        #expect(Key(name: "\u{1B}") == nil)
    }

    @Test("Bar, help and hints follow")
    func shown() {
        var setup = ConsoleSetup()
        setup.keymap = overridden(("flush", ["W"]), ("help", ["F1"]), ("rank-up", ["U"])).keymap
        var state = ConsoleState(setup: setup, columns: 140, lines: 40, now: Fixture.start)
        _ = state.handle(.snapshot(Fixture.snapshot()), now: Fixture.start)
        let screen = state.screen()
        #expect(screen.contains("W flush  "))
        #expect(screen.contains(" W flush now "))
        #expect(screen.contains("U/J move · s sort"))
        #expect(screen.contains("F1 help"))
        state.press(.function(1))
        #expect(state.screen().contains("W          flush"))
        state.press(.escape, .character("w"))
        #expect(state.toast?.text == "w does nothing here; F1 shows the keys")
        guard case .perform(_, .flush)? = state.press(.character("W")).first else { return #expect(Bool(false)) }
    }
}

@Suite("The documentation")
struct DocumentationTests {
    @Test("docs/console.md has the keys of the keymap")
    func keys() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appending(path: "docs/console.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let begin = try #require(text.range(of: "<!-- keys -->\n"))
        let end = try #require(text.range(of: "\n<!-- /keys -->"))
        let wanted = Keymap.standard.documentation
        if ProcessInfo.processInfo.environment["PODIUM_UPDATE_DOCS"] != nil {
            let updated = text.replacingCharacters(in: begin.upperBound..<end.lowerBound, with: "\n" + wanted + "\n")
            try updated.write(to: file, atomically: true, encoding: .utf8)
        } else {
            let shown = text[begin.upperBound..<end.lowerBound].trimmingCharacters(in: .newlines)
            #expect(shown == wanted, "run the tests with PODIUM_UPDATE_DOCS=1 to write the table anew")
        }
    }
}
