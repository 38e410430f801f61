import TestSupport
import Testing

@testable import Console

@Suite("A monkey at the keys")
struct MonkeyTests {
    private static let keys: [Key] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /:?<>+-=.,é名".map { .character($0) } + [
            .enter, .escape, .tab, .backTab, .backspace, .delete, .up, .down, .left, .right, .home, .end, .pageUp,
            .pageDown,
            .control("A"), .control("C"), .control("D"), .control("R"), .control("S"), .control("T"), .control("U"),
            .control("W"), .control("Z"),
            .function(1),
        ]

    @Test(
        "Random keys, sizes, snapshots and answers: whole screens, and only commands that the world allows",
        arguments: [1, 2, 3, 4])
    func monkey(seed: UInt64) async {
        var random = SeededRandom(seed: seed)
        var now = Fixture.start
        var snapshot = Fixture.snapshot(9)
        var state = Fixture.console(80, 24, snapshot)
        var open: [(CommandID, ConsoleCommand)] = []
        for step in 0..<25_000 {
            now += .milliseconds(Int.random(in: 0..<400, using: &random))
            var effects: [ConsoleEffect] = []
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                let columns = Int.random(in: 0..<160, using: &random)
                effects = state.handle(
                    .resize(columns: columns, lines: Int.random(in: 0..<50, using: &random)), now: now)
            case 1:
                snapshot.endpoints.shuffle(using: &random)
                if snapshot.endpoints.count > 3, Bool.random(using: &random) { snapshot.endpoints.removeLast() }
                if snapshot.endpoints.isEmpty || Int.random(in: 0..<4, using: &random) == 0 {
                    snapshot.endpoints = Fixture.snapshot(9).endpoints
                }
                for index in snapshot.endpoints.indices {
                    snapshot.endpoints[index].rank = index + 1
                    snapshot.endpoints[index].revision += 1
                }
                snapshot.sampledAt = now
                effects = state.handle(.snapshot(snapshot), now: now)
            case 2 where !open.isEmpty:
                let (id, _) = open.removeFirst()
                let result: CommandResult =
                    [
                        .success(message: "done"), .failure(CommandFailure(message: "no", field: .url)),
                        .failure(CommandFailure(message: "first", kind: .conflict)),
                        .preview([DifferenceLine(kind: .added, number: 3, text: "x")]),
                    ].randomElement(using: &random) ?? .success(message: "")
                effects = state.handle(.commandFinished(id, result), now: now)
            case 3: effects = state.handle(.paste("d\nq\u{1B}[A名"), now: now)
            default: effects = state.handle(.key(Self.keys.randomElement(using: &random) ?? .enter), now: now)
            }
            for case .perform(let id, let command) in effects {
                open.append((id, command))
                check(command, snapshot)
            }
            let waiting = state.pending.count + (state.previewCommand == nil ? 0 : 1)
            #expect(waiting == open.count)
            // Other tests wait for this thread.
            if step % 100 == 0 { await Task.yield() }
            if step % 29 == 0 {
                let grid = state.render(now: now)
                #expect(grid.cells.count == grid.width * grid.height)
                if let cursor = grid.cursor { #expect(cursor.column < grid.width && cursor.line < grid.height) }
            }
        }
    }

    /// An endpoint as it is now, at a rank that exists: never a stale revision or a row number.
    private func check(_ command: ConsoleCommand, _ snapshot: DashboardSnapshot) {
        if case .move(_, let rank) = command { #expect((1...snapshot.endpoints.count).contains(rank)) }
        switch command {
        case .update, .testDraft, .preview: return
        default: break
        }
        if case .remove(let reference) = command {
            #expect(!reference.name.isEmpty)
            return
        }
        guard let reference = command.endpoint else { return }
        let now = snapshot.endpoints.first { $0.id == reference.id }
        #expect(now?.name == reference.name)
        #expect(now?.revision == reference.revision)
    }
}
