import PodiumModel
import TestSupport
import Testing

@testable import Console

@Suite("A monkey at the keys")
struct MonkeyTests {
    /// Keys, with sizes, mouse, pastes, pictures and answers between them.
    @Test(
        "A hundred thousand keys: whole screens, and only commands that were asked for and confirmed",
        arguments: [1, 2, 3, 4], [false, true])
    func monkey(seed: UInt64, isReadOnly: Bool) async {
        var monkey = Monkey(seed: seed, isReadOnly: isReadOnly)
        let most = isReadOnly ? 10_000 : 25_000
        var step = 0
        while monkey.keys < most {
            step += 1
            monkey.act()
            if step % 29 == 0 { monkey.look() }
            // Other tests wait for this thread.
            if step % 100 == 0 { await Task.yield() }
        }
        let wanted: Set<String> =
            isReadOnly
            ? ["test", "testDraft", "reload", "usage", "pastEvents"]
            : [
                "move", "setEnabled", "setPinned", "sortNow", "setAutoSort", "update", "add", "remove", "flush", "undo",
                "redo", "reload", "clear", "test", "testDraft", "preview", "usage",
                "pastEvents", "changeAll", "clone",
            ]
        // These need something to have run.
        let byChance: Set<String> = ["explain", "openRequests", "loggedRequests", "cancel"]
        #expect(monkey.given.subtracting(byChance) == wanted, "what it got to ask for")
        monkey.comeBack()
    }
}

/// Presses, resizes, points, pastes and answers at random, and holds each command against what was on screen before.
private struct Monkey {
    private var random: SeededRandom
    private var now = Fixture.start
    private var snapshot = Fixture.snapshot(9)
    private var state: ConsoleState
    private var open: [CommandID] = []
    private var questions: [CommandID] = []
    private(set) var keys = 0
    /// The kinds of commands given.
    private(set) var given: Set<String> = []

    private static let strokes: [Key] =
        Keymap.standard.bindings.flatMap(\.keys)
        + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /:?<>+-=.,é名".map { .character($0) }
        + [
            .backspace, .delete, .left, .right, .insert, .control("A"), .control("E"), .control("K"), .control("U"),
            .control("W"), .function(5),
        ]
    /// What no random typing would get to: names to delete, whole commands, forms worth saving.
    private static let phrases = [
        ":rank 2\r", ":sort p95 desc\r", ":go azure-gpt\r", ":level error\r", ":theme light\r",
        "\u{1B}\u{1B}:reload\r", "dx\r", "1dgemini-a\r", "\u{1B}\u{1B}\u{1B}:go azure-gpt\rdazure-gpt\r",
        "?auto-sort\r", "\u{1B}\u{1B}\u{1B}\u{1B}:off\ry", "\u{1B}\u{1B}\u{1B}:clone another\r",
        "\u{1B}\u{1B}\u{1B}1:rank 3\r", "\u{1B}\u{1B}\u{1B}:at 03:12\r", "\u{1B}\u{1B}7xy",
        "anew-one\thttps://h\t\t\t\tsecret-typed\u{13}", "e\t\t\t\t\tsecret-typed",
        "/an\r",
        "\u{1B}\u{1B}\u{1B}",
    ]

    init(seed: UInt64, isReadOnly: Bool) {
        random = SeededRandom(seed: seed)
        state = Fixture.console(80, 24, snapshot, isReadOnly: isReadOnly)
    }

    mutating func act() {
        now += .milliseconds(Int.random(in: 0..<400, using: &random))
        switch Int.random(in: 0..<40, using: &random) {
        case 0, 1:
            let columns = Int.random(in: 0..<160, using: &random)
            take(.resize(columns: columns, lines: Int.random(in: 0..<50, using: &random)))
        case 2, 3: changePicture()
        case 4, 5, 6: answer()
        case 7: take(.paste("d\nq\u{1B}[A名"))
        case 8: take([.tick, .suspendRequested, .notice("news\u{7}")].randomElement(using: &random) ?? .tick)
        case 9, 10:
            let kind = [MouseEvent.Kind.press, .release, .wheelUp, .wheelDown].randomElement(using: &random)
            let column = Int.random(in: 0..<160, using: &random)
            take(.mouse(MouseEvent(kind ?? .press, column: column, line: Int.random(in: 0..<30, using: &random))))
        case 11:
            for character in Self.phrases.randomElement(using: &random) ?? "" { press(Self.key(character)) }
        case 12, 13: press(.escape)
        default: press(Self.strokes.randomElement(using: &random) ?? .enter)
        }
    }

    private static func key(_ character: Character) -> Key {
        switch character {
        case "\r": .enter
        case "\t": .tab
        case "\u{1B}": .escape
        case "\u{13}": .control("S")
        default: .character(character)
        }
    }

    private mutating func press(_ key: Key) {
        keys += 1
        take(.key(key))
    }

    private mutating func changePicture() {
        snapshot.endpoints.shuffle(using: &random)
        if snapshot.endpoints.count > 3, Bool.random(using: &random) { snapshot.endpoints.removeLast() }
        if snapshot.endpoints.isEmpty || Int.random(in: 0..<4, using: &random) == 0 {
            snapshot.endpoints = Fixture.snapshot(9).endpoints
        }
        for index in snapshot.endpoints.indices {
            snapshot.endpoints[index].rank = index + 1
            snapshot.endpoints[index].revision += 1
        }
        let offer = "moved azure-gpt"
        snapshot.undo = Bool.random(using: &random) ? offer : nil
        snapshot.redo = Bool.random(using: &random) ? offer : nil
        snapshot.staleSince = Int.random(in: 0..<9, using: &random) == 0 ? now : nil
        snapshot.receivedAt = now
        take(.snapshot(snapshot))
    }

    private mutating func answer() {
        if !questions.isEmpty, Bool.random(using: &random) {
            let place = Int.random(in: 0..<questions.count, using: &random)
            var row = UsageReport.Row(values: ["名\u{1B}", "2026-01-15 03"])
            row.requests = Int64.random(in: 0..<Int64.max / 100_000, using: &random)
            let report = UsageReport(
                span: "", by: [], currency: "", pricesDate: "", problem: Bool.random(using: &random) ? "x\u{7}" : nil,
                rows: Array(repeating: row, count: Int.random(in: 0..<40, using: &random)), total: row)
            var running = OpenRequestReport.Row(
                key: "\(row.requests)", id: "名\u{1B}", age: .random(in: 0..<1e6, using: &random), phase: .waiting,
                client: "",
                path: "/\u{7}")
            running.bytesUp = .random(in: 0...Int.max, using: &random)
            var ended = RequestLogReport.Row(key: row.requests, time: 1e9, kind: "x", ending: "completed")
            (ended.id, ended.bytesUp) = ("a", .random(in: 0...Int64.max, using: &random))
            let results: [CommandResult] = [
                .success(.usage(report)), .failure(CommandRefusal(.unavailable, "later")),
                .success(.openRequests(OpenRequestReport(requests: [running]))),
                .success(.loggedRequests(RequestLogReport(problem: nil, requests: [ended]))),
                .success(
                    .pastEvents(
                        EventHistoryReport(
                            problem: nil,
                            events: (0..<40).map {
                                Fixture.event(UInt64($0), 1e9 + Double($0), .info, "x\u{1B}", "名 \($0)")
                            }))),
            ]
            take(
                .commandFinished(
                    questions.remove(at: place), results.randomElement(using: &random) ?? .success(.usage(report))))
            return
        }
        guard !open.isEmpty else { return }
        let results: [CommandResult] = [
            .success(.done(CommandReceipt(message: "done"))), .success(.done(CommandReceipt(message: "done"))),
            .failure(CommandRefusal.invalid(.url, "no")),
            .failure(CommandRefusal(.revisionConflict, "first")),
            .failure(CommandRefusal(.notSaved, "disk full")),
            .success(.preview(FilePreview(lines: [DifferenceLine(kind: .added, number: 3, text: "x")]))),
        ]
        take(
            .commandFinished(
                open.removeFirst(),
                results.randomElement(using: &random) ?? .success(.done(CommandReceipt(message: "")))))
    }

    private mutating func take(_ input: ConsoleInput) {
        let before = state
        for effect in state.handle(input, now: now) {
            if case .quit = effect { #expect(before.context == .quit || before.context == .command, "left unasked") }
            guard case .perform(let id, let command) = effect else { continue }
            switch command {
            case .usage, .openRequests, .loggedRequests, .pastEvents, .explain: questions.append(id)
            default: open.append(id)
            }
            given.insert(command.kind)
            if command.isChange {
                #expect(!before.isReadOnly && before.latest.staleSince == nil, "\(command)")
            }
            #expect(Self.isAskedFor(command, by: input, before), "\(command) after \(input) in \(before.context)")
            check(command)
        }
        let waiting = state.pending.count + (state.previewCommand == nil ? 0 : 1)
        #expect(waiting == open.count)
    }

    /// Whether the operator asked for it, and where it hurts confirmed it, by that input.
    private static func isAskedFor(_ command: Command, by input: ConsoleInput, _ before: ConsoleState) -> Bool {
        if case .preview = command { return true }
        // The requests panel asks when the picture is renewed.
        if command == .openRequests { return input.isSnapshot }
        if case .loggedRequests = command { return input.isSnapshot }
        if case .pastEvents = command { return true }
        if case .explain = command { return before.focus == .requests }
        if case .usage = command {
            switch input {
            // What was asked for meanwhile is asked once the answers before are there.
            case .commandFinished: return before.context == .history
            // The traffic panel asks when the picture is renewed.
            case .snapshot: return before.overlay == nil
            case .key(let key):
                return before.context == .command || before.context == .help
                    || Keymap.standard.binding(for: key, in: before.context).map {
                        [.history, .shorter, .longer, .scope].contains($0.action) || $0.context == .history
                    } == true
            default: return false
            }
        }
        switch input {
        case .snapshot:
            // Where K and J want the endpoint, once the move before is answered.
            guard case .move(let target, let rank) = command, let id = id(target, before) else { return false }
            return before.queuedMove == .init(id: id, rank: rank)
        case .mouse(let event):
            guard case .move(let target, _) = command, let id = id(target, before) else { return false }
            return event.kind == .release && before.isMouseOn && before.dragged == id
        case .key(let key):
            guard let binding = Keymap.standard.binding(for: key, in: before.context) else { return false }
            return isAskedFor(command, by: binding, before)
        default: return false
        }
    }

    private static func id(_ target: CommandTarget, _ state: ConsoleState) -> UInt32? {
        state.latest.endpoints.first { $0.name == target.name }?.id
    }

    private static func isAskedFor(_ command: Command, by binding: Binding, _ before: ConsoleState) -> Bool {
        switch (command, before.overlay) {
        case (_, .help(let view)):
            let found = HelpOverlay.found(before, view.search)
            return binding.action == .accept && found.indices.contains(view.selected)
                && (found[view.selected].changes || found[view.selected].action == .test)
        case (.remove(let reference), .delete(let prompt)):
            return binding.action == .accept && prompt.endpoint == reference && prompt.editor.text == reference.name
        case (.update, .form(let form)), (.add, .form(let form)):
            return binding.action == .save || binding.action == .accept && form.focus == .save
        case (.testDraft, .form(let form)):
            return binding.action == .test || binding.action == .accept && form.focus == .test
        case (.setEnabled(_, false), .confirm(let dialog)), (.cancel, .confirm(let dialog)),
            (.changeAll, .confirm(let dialog)):
            return dialog.answer == .perform(command)
                && (binding.action == .agree || binding.action == .accept && !dialog.isCancelFocused)
        case (.setEnabled, nil), (.move, nil), (.setPinned, nil), (.sortNow, nil), (.setAutoSort, nil), (.flush, nil),
            (.clear, nil), (.undo, nil), (.redo, nil):
            return binding.context == .main && binding.changes
                || binding.context == .command && binding.action == .accept
        case (.clone, nil): return binding.context == .command && binding.action == .accept
        case (.reload, nil): return binding.context == .command && binding.action == .accept
        case (.test, nil): return binding.action == .test || binding.context == .command
        default: return false
        }
    }

    /// An endpoint as it is now, at a rank that exists: never a stale revision or a row number.
    private func check(_ command: Command) {
        if case .move(_, let rank) = command { #expect((1...snapshot.endpoints.count).contains(rank)) }
        switch command {
        case .update, .testDraft, .preview, .remove: return
        default: break
        }
        guard let target = command.target else { return }
        #expect(snapshot.endpoints.contains { $0.target == target })
    }

    func look() {
        let grid = state.render(now: now)
        #expect(grid.cells.count == grid.width * grid.height)
        if let cursor = grid.cursor { #expect(cursor.column < grid.width && cursor.line < grid.height) }
        let secret = "secret-typed"
        guard case .form(let form) = state.overlay, form.text(.authValue).contains(secret) else { return }
        // A monkey types it into other fields as well.
        guard EndpointForm.textFields.allSatisfy({ $0 == .authValue || !form.text($0).contains(secret) }) else {
            return
        }
        if let report = form.testReport, case .done = report { return }
        if form.revealedUntil.map({ $0 <= now }) ?? true { #expect(!grid.text.contains(secret)) }
    }

    /// Wherever it got to: a few Escapes and answers lead back to the main screen, where the keys do what they say.
    mutating func comeBack() {
        snapshot.staleSince = nil
        take(.snapshot(snapshot))
        while !open.isEmpty { take(.commandFinished(open.removeFirst(), .failure(CommandRefusal(.unreachable, "no")))) }
        take(.resize(columns: 80, lines: 24))
        for _ in 0..<4 where state.context != .main {
            press(.escape)
            if state.context == .confirm { press(.character("y")) }
        }
        #expect(state.context == .main)
        press(.character("?"))
        #expect(state.screen(at: now).contains("type to search"))
        press(.escape)
        press(.character("q"))
        #expect(state.screen(at: now).contains("Leave Podium?"))
    }
}

extension Command {
    /// The name of its case.
    fileprivate var kind: String { String("\(self)".prefix { $0 != "(" }) }

    fileprivate var isChange: Bool {
        switch self {
        case .test, .testDraft, .preview, .reload, .usage, .openRequests, .loggedRequests, .pastEvents, .explain: false
        default: true
        }
    }
}

extension ConsoleInput {
    fileprivate var isSnapshot: Bool { if case .snapshot = self { true } else { false } }
}
