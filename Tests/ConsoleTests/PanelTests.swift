import PodiumModel
import Testing

@testable import Console

@Suite("Panels, drawn")
struct PanelTests {
    /// The lines of one panel's frame.
    private func panel(_ panel: Panel, _ state: ConsoleState, at now: ContinuousClock.Instant = Fixture.start) -> String
    {
        let grid = state.render(now: now)
        guard let frame = state.layout.frames[panel] else { return "" }
        let lines = frame.lines.map { line in
            (frame.column..<frame.right).compactMap { grid[$0, line].text.map(String.init) }.joined()
        }
        return ConsoleState.trimmed(lines.joined(separator: "\n"))
    }

    @Test("The persister while a write has failed and is retried")
    func failing() {
        var snapshot = Fixture.snapshot()
        snapshot.persister.nextTrigger = "retry"
        snapshot.persister.nextDeadline = Fixture.now + 3
        snapshot.flushes.insert(Fixture.failedFlush("ENOSPC", "config.yaml: No space left on device"), at: 0)
        let state = Fixture.console(140, 40, snapshot)
        #expect(
            panel(.persister, state) == """
                ╭─ 2 Persister ────────────── throttled 30s ─╮
                │ ✗ FAILED  4 changes, oldest 18s            │
                │ next flush ████████████████████████░░░   3s│
                │ max dirty  ██░░░░░░░░░░░░░░░░░░░░░░░░░ 4m42│
                │ writes 212 · throttled 37 · failed 1       │
                │ last failure  11:41:07 ENOSPC config.yaml:…│
                │ file ✓ …podium/config.yaml  4.1 K  0600    │
                │ disk  0 B written · backup none yet        │
                ╰────────────────────────────── w flush now ─╯
                """)
        #expect(state.screen().contains("✗ Not saved: config.yaml: No space left on device"))
    }

    @Test("A panel without a box says how much of it is in sight", arguments: [(40, 10), (80, 12)])
    func range(columns: Int, lines: Int) {
        var snapshot = Fixture.snapshot()
        snapshot.endpoints[0].explanation = Fixture.explanation((1...9).map { "Sentence \($0)." })
        var state = Fixture.console(columns, lines, snapshot)
        state.press(.character("5"))
        // The graph's lines stay in sight where there is room for it.
        let count = state.contentHeight(of: .detail) - (columns == 40 ? 0 : 2)
        #expect(panel(.detail, state).contains(" 1-6 of \(count) · rank 1 "))
        state.press(.character("G"))
        #expect(panel(.detail, state).contains(" \(count - 5)-\(count) of \(count) "))
        state.press(.character("2"), .down)
        #expect(panel(.persister, state).contains(" 2-7 of 7 ") == (columns == 40))
    }

    @Test("An endpoint without requests says so")
    func noRequests() {
        let screen = panel(.detail, Fixture.console(140, 40))
        #expect(screen.contains("Health  no requests yet"))
    }

    @Test("Messages name the file without its folders, which stand in the persister's panel")
    func briefPaths() {
        var snapshot = Fixture.snapshot()
        let text = "/etc/podium/config.yaml:3:5: priority has to be a whole number"
        snapshot.persister.nextTrigger = "retry"
        snapshot.persister.nextDeadline = Fixture.now + 3
        snapshot.flushes.insert(Fixture.failedFlush("REFUSED", text), at: 0)
        snapshot.events = [
            Fixture.event(1, Fixture.time(12, 0, 0), .error, "persist", text)
        ]
        var state = Fixture.console(140, 40, snapshot)
        #expect(!state.screen().contains(text))
        #expect(panel(.events, state).contains("persist    config.yaml:3:5: priority has to be"))
        #expect(state.screen().contains("Not saved: config.yaml:3:5: priority"))
        state.press(.character("4"), .enter)
        #expect(state.screen().contains(text))
    }

    @Test("What repeats stands once, with how often it happened; open, since when")
    func repeats() {
        var snapshot = Fixture.snapshot()
        var event = Fixture.event(
            2_106, Fixture.time(12, 0, 9), .warning, "proxy", "refused 10.0.0.9: 400 no request")
        (event.firstID, event.count, event.firstTime) = (7, 2_100, Fixture.time(12, 0, 3))
        snapshot.events.append(event)
        var state = Fixture.console(140, 40, snapshot)
        #expect(panel(.events, state).contains("proxy      ×2,100 refused 10.0.0.9: 400 no request"))
        state.press(.character("4"), .enter)
        #expect(state.screen().contains("×2,100 since 12:00:03"))
        #expect(
            PlainReport.line(event, utcOffset: 0)
                == "12:00:09 warning proxy: refused 10.0.0.9: 400 no request (2,100 times since 12:00:03)")
    }

    private static func walk(_ id: String) -> RequestWalk {
        var asked = RequestWalk.Step("slow", .asked, "status 502")
        (asked.status, asked.verdict, asked.firstByteSeconds, asked.seconds) = (502, "mine", 0.02, 0.05)
        var good = RequestWalk.Step("good", .asked, "ok")
        (good.status, good.firstByteSeconds, good.seconds) = (200, 0.3, 1.5)
        (good.firstContentSeconds, good.tokensPerSecond) = (0.7, 41.2)
        return RequestWalk(
            id: id, time: Fixture.time(12, 0, 9), method: "POST", path: "/v1/messages", api: "anthropic", status: 200,
            ending: "completed", endpoint: "good", bytesUp: 1_200, bytesDown: 30, firstByteSeconds: 0.36, seconds: 1.6,
            sameID: 1,
            steps: [
                asked, RequestWalk.Step("open\u{1B}ai", .skipped, "no URL for Anthropic's API"), good,
                RequestWalk.Step("spare", .notNeeded, ""),
                RequestWalk.Step("out", .out, "rate limited (429)", until: Fixture.time(12, 5, 0)),
            ], unlisted: 2, knowsAll: true)
    }

    @Test("An event that is opened shows the way of its request, once that is known")
    func walks() throws {
        var snapshot = Fixture.snapshot()
        snapshot.events.append(
            Fixture.event(
                90, Fixture.time(12, 0, 9), .info, "proxy",
                "POST /v1/messages: slow status 502 → good ok, answered 200" + Snapshot.Event.ending(naming: "req-7")))
        snapshot.events.append(Fixture.event(91, Fixture.time(12, 0, 10), .info, "proxy", "no request (of any)"))
        var state = Fixture.console(140, 40, snapshot)
        #expect(state.press(.character("4"), .enter) == [])
        let effects = state.press(.escape, .down, .enter)
        guard case .perform(let id, .explain("req-7"))? = effects.last else {
            Issue.record("\(effects)")
            return
        }
        #expect(state.pending.isEmpty, "it is no action of the operator's")
        #expect(state.press(.down) == [], "it is asked for once")
        _ = state.handle(.commandFinished(id, .success(.walk(Self.walk("req-7")))), now: Fixture.start)
        let screen = state.screen()
        for line in [
            "request req-7, ended 12:00:09.000: POST /v1/messages",
            "answered 200 by good, completed, first byte after 360 ms, 1.6 s in all, ", "1,200 bytes up, 30 bytes down",
            "asked slow: status 502, verdict: mine, first byte after 20 ms,",
            "passed over openai: no URL for Anthropic's API",
            "asked good: ok, status 200, first byte after 300 ms, first content after",
            "41.2 tokens/s, 1.5 s in all",
            "not needed: spare",
            "out: out: rate limited (429), until 12:05:00", "and 2 more", "1 earlier with the same id",
        ] {
            #expect(screen.contains(line), "\(line)")
        }
        // Opened again it is there at once; one that is not known any more says so.
        #expect(state.press(.escape, .enter) == [])
        #expect(state.screen().contains("asked slow: status 502"))
        snapshot.events.append(
            Fixture.event(92, Fixture.time(12, 0, 11), .info, "proxy", "x" + Snapshot.Event.ending(naming: "req-8")))
        _ = state.handle(.snapshot(snapshot), now: Fixture.start)
        let others = state.press(.escape, .character("g"), .enter)
        guard case .perform(let other, .explain("req-8"))? = others.last else {
            Issue.record("\(others)")
            return
        }
        _ = state.handle(
            .commandFinished(other, .failure(.noSuchRequest("req-8", known: 10_000))), now: Fixture.start)
        #expect(state.screen().contains("request 'req-8' is not known: it is none of the last 10000 that ended"))
        #expect(state.toast == nil)
    }

    @Test("The request that an event speaks of stands at the end of its text")
    func requestOfEvents() {
        func request(_ text: String) -> String? { Fixture.event(1, 0, .info, "proxy", text).request }
        #expect(request("a (req x)" + Snapshot.Event.ending(naming: "id)(")) == "id)(")
        for text in ["", "(req", "(req )", "x (req a) b", "x (req a", "x (reg a)"] {
            #expect(request(text) == nil, "\(text)")
        }
    }

    @Test("The persister when it is overdue, and when all is saved")
    func overdue() {
        var snapshot = Fixture.snapshot()
        snapshot.persister.isOverdue = true
        #expect(panel(.persister, Fixture.console(80, 24, snapshot)).contains("✗ OVERDUE  4 changes, oldest 18s"))
        snapshot.persister = Snapshot.Persister()
        snapshot.persister.strategy = "throttled"
        #expect(
            panel(.persister, Fixture.console(80, 24, snapshot)) == """
                ─ 2 Persister ─────────────────────────
                 ◇ saved  nothing unsaved
                 next flush ░░░░░░░░░░░░░░░░░░░░░░    —
                 max dirty  ░░░░░░░░░░░░░░░░░░░░░░    —
                 writes 0 · throttled 0 · failed 0
                """)
    }

    @Test("The bars move with the clock between snapshots")
    func countdown() {
        let state = Fixture.console()
        #expect(panel(.persister, state, at: Fixture.start + .seconds(6)).contains("██████████████████░░░░   6s"))
        #expect(panel(.persister, state, at: Fixture.start + .seconds(60)).contains("██████████████████████   0s"))
    }

    @Test("Why an endpoint cools, and which models another is not asked for")
    func timeOuts() {
        var snapshot = Fixture.snapshot()
        snapshot.endpoints[0].state = .cooling
        let until = Fixture.now + 250
        (snapshot.endpoints[0].availability.kind, snapshot.endpoints[0].availability.until) = (.rateLimited, until)
        snapshot.endpoints[0].availability.cause = "quota used up (402)"
        snapshot.endpoints[0].availability.reason = "quota"
        snapshot.endpoints[0].limitedModels = [
            .init(model: "opus", until: Fixture.now + 20, cause: "model not available (404)", reason: "model")
        ]
        snapshot.endpoints[1].limitedModels = snapshot.endpoints[0].limitedModels
        var state = Fixture.console(250, 70, snapshot)
        #expect(panel(.endpoints, state).contains("anthropic-main (quota)"))
        #expect(panel(.endpoints, state).contains("anthropic-eu (1 model out)"))
        state = Fixture.console(60, 30, snapshot)
        state.press(.character("5"))
        #expect(panel(.detail, state).contains("State   cooling: quota used up (402), tried again in 4m10"))
        #expect(panel(.detail, state).contains("Without opus for 20s: model not available (404)"))
    }

    @Test("The detail with why this rank")
    func detail() {
        var snapshot = Fixture.snapshot()
        snapshot.endpoints[0].traffic.total = 1_206
        snapshot.endpoints[0].traffic.failures = 2
        snapshot.endpoints[0].successStreak = 88
        snapshot.endpoints[0].traffic.failuresPerSecondSeries = Array(repeating: 0, count: 11) + [2, 0, 0, 0, 0]
        snapshot.endpoints[0].openAIPreference = .chatCompletions
        snapshot.endpoints[0].traffic.firstContentP50Seconds = 0.82
        snapshot.endpoints[0].traffic.firstContentP95Seconds = 2.1
        snapshot.endpoints[0].traffic.wholeAnswerP50Seconds = 9
        snapshot.endpoints[0].traffic.wholeAnswerP95Seconds = 31
        snapshot.endpoints[0].traffic.tokensPerSecondP50 = 71.4
        snapshot.endpoints[0].explanation = Fixture.explanation([
            "up, 410 ms to the first byte", "10 % faster than anthropic-eu: within 15 %, so it holds its rank",
        ])
        snapshot.endpoints[0].lastError = .init(time: Fixture.time(11, 48, 2), text: "529 overloaded")
        var state = Fixture.console(60, 30, snapshot)
        state.press(.character("5"))
        #expect(
            panel(.detail, state).hasPrefix(
                """
                ─▸5 anthropic-main ──────────────────────────────── rank 1 ─
                 URL     https://anthropic-main.example.com
                 Auth    api_key  sk-ant-…3f9c
                 Tags    prod, claude
                 Pinned  no, rank changed 0 times
                 Speaks  chat_completions

                 State   up
                 Health  OK 99.8%  1,204 of 1,206  streak 88
                 Speed   first byte 410ms, p95 780ms
                         first content 820ms, p95 2.1s
                         whole answer 9.0s, p95 31s
                         71 tokens/s
                 Error   11:48:02 529 overloaded

                 Why rank 1
                 • up, 410 ms to the first byte
                 • 10 % faster than anthropic-eu: within 15 %, so it holds
                   its rank

                 first byte ms, last 60 s                          max 1000
                                                           ▂▃▃▅▄▃▂▃▅█▅▄▃▃▅▄
                 err                                       ▁▁▁▁▁▁▁▁▁▁▁█▁▁▁▁
                """))
    }

    @Test("The journal says who moved, from where to where and why")
    func journal() {
        var snapshot = Fixture.snapshot()
        snapshot.journal = Fixture.journal
        var state = Fixture.console(80, 24, snapshot)
        state.press(.character("8"))
        #expect(
            panel(.journal, state).hasPrefix(
                """
                ─▸8 Rank changes ───────────────────────────────────────────────── following ▲ ─
                 12:04:29 openai-team          ↑    4→3 moved by hand
                 12:04:29 azure-gpt            ↓    3→4 openai-team moved
                 12:03:02 backup-hk            ↓    2→6 could not be used
                 12:00:00 lab-proxy            ↑  new→7 added
                 11:59:00 old-one              ↓ 5→gone removed
                """))
        state.press(.character("/"))
        state.type("GPT")
        state.press(.enter)
        #expect(panel(.journal, state).split(separator: "\n").count == 2)
        state.press(.escape)
        #expect(state.visibleJournal.count == 5)
    }

    @Test("The zoomed persister counts writes by their cause and failures by their code")
    func zoomedPersister() {
        var snapshot = Fixture.snapshot()
        snapshot.persister.marks = 148
        snapshot.persister.writesByTrigger = ["interval": 200, "operator": 12]
        snapshot.persister.failuresByError = ["ENOSPC": 1]
        snapshot.persister.refusals = 0
        snapshot.persister.refusedFile = "config.yaml 4:9: port has to be a number"
        var state = Fixture.console(80, 24, snapshot)
        state.press(.character("2"), .character("z"))
        let text = panel(.persister, state)
        #expect(text.contains(" file ✗ /etc/podium/config.yaml  4.1 K  0600\n"))
        #expect(text.contains(" file not used   config.yaml 4:9: port has to be a number\n"))
        #expect(text.contains(" writes by cause interval 200, operator 12\n"))
        #expect(text.contains(" failures        ENOSPC 1\n"))
        // 37 of 148 is a quarter.
        #expect(text.contains(" throttled       37 (25.0% of all marks needed no write of their own)\n"))
    }

    @Test("Flushes: unchanged, unsure, failed, slow")
    func flushes() {
        var snapshot = Fixture.snapshot()
        var kinds = snapshot.flushes
        kinds[0].result = .unchanged
        kinds[0].fileSize = 0
        kinds[1].result = .durabilityUnknown
        kinds[2].result = .failed
        (kinds[2].errorCode, kinds[2].error) = ("ENOSPC", "No space left on device")
        snapshot.flushes = kinds
        let text = panel(.flushes, Fixture.console(140, 40, snapshot))
        #expect(text.contains("│ 12:03:49 interval  4  4.1 K   3.2 ENOSPC   │"))
        #expect(text.contains("│ 12:02:51 operator  1  4.1 K   2.9 sync?    │"))
        #expect(text.contains("│ 12:02:19 maxdirty 11      —  41.0 same     │"))
    }

    @Test("Events: level and search narrow the log, and say so")
    func events() {
        var state = Fixture.console()
        state.press(.character("4"), .character("f"), .character("f"))
        #expect(
            panel(.events, state) == """
                ─▸4 Events · from warnings ────────────┴────────────────────────── following ▲ ─
                ▸12:04:13 W endpoint  azure-gpt   slow: p95 3.1s > 2.0s for 30s
                 12:03:02 E endpoint  backup-hk   disabled: 5 of 5 failed (502 Bad Gateway)




                """)
        state.press(.character("/"))
        state.type("502")
        state.press(.enter)
        #expect(state.visibleEvents.map(\.id) == [2])
        #expect(state.screen().contains("· /502"))
        #expect(state.rows.count == 7)
        state.press(.escape)
        #expect(state.visibleEvents.map(\.id) == [2, 5])
    }

    @Test("40x10: leaving and helping")
    func small() {
        var state = Fixture.console(40, 10)
        state.press(.character("q"))
        #expect(
            state.screen() == """
                ╭─ Leave Podium? ──────────────────────╮
                │  4 unsaved changes: Stop writes      │
                │  them first.                         │
                │                                      │
                │  [ Stop  s ]                         │
                │  [ Keep serving, headless  k ]       │
                │  [ Cancel  Esc ]                     │
                ╰──────────────────────────────────────╯

                 s stop  k keep serving  ↵ press
                """)
        state.press(.escape, .character("?"))
        #expect(state.screen().contains("│ ↑ k ↓ j    row                       │"))
        #expect(state.screen().contains("╰───────── type to search · Esc close ─╯"))
    }

    @Test("The persister in full draws its flushes: one column per flush, scaled to the slowest")
    func chart() {
        var state = Fixture.console(140, 40)
        #expect(!state.screen().contains("Flush ms"))
        state.press(.character("2"), .character("z"))
        let lines = panel(.persister, state).split(separator: "\n").map { String($0) }
        let first = lines.firstIndex { $0.contains(" Flush ms") } ?? 0
        #expect(lines[first + 1].contains("│  41│█ "))
        #expect(lines.contains { $0.contains(" chg █▂▄") })
        #expect(lines.contains { $0.contains(" median 3.2 ms · p95 41.0 ms · 3 shown") })
    }
}

@Suite("A picture that lost its source")
struct StalePictureTests {
    private func state(staleSince: ContinuousClock.Instant?) -> ConsoleState {
        var setup = ConsoleSetup()
        setup.canSuspend = true
        var state = ConsoleState(setup: setup, columns: 100, lines: 30, now: Fixture.start)
        var snapshot = Fixture.snapshot(2)
        snapshot.isAttached = true
        snapshot.staleSince = staleSince
        _ = state.handle(.snapshot(snapshot), now: Fixture.start)
        return state
    }

    @Test("Fades, says since when, and stands still")
    func fades() {
        let lost = state(staleSince: Fixture.start)
        let grid = lost.render(now: Fixture.start + .seconds(12))
        #expect(grid.text(line: 0).contains("RECONNECTING 12s"))
        #expect(!grid.text(line: 0).contains("LIVE"))
        let panels = (3..<20).flatMap { line in (0..<grid.width).map { grid[$0, line].style.role } }
        #expect(panels.allSatisfy { $0 == .faint })
        // No countdown runs on in it.
        let later = lost.render(now: Fixture.start + .seconds(30))
        #expect((3..<20).allSatisfy { grid.text(line: $0) == later.text(line: $0) })
        let live = state(staleSince: nil).render(now: Fixture.start)
        #expect(live.text(line: 0).contains("LIVE"))
    }

    @Test("Refuses what would change something")
    func refuses() {
        var lost = state(staleSince: Fixture.start)
        let effects = lost.handle(.key(.character("K")), now: Fixture.start)
        #expect(!effects.contains { if case .perform = $0 { true } else { false } })
        var live = state(staleSince: nil)
        let done = live.handle(.key(.character(" ")), now: Fixture.start)
        #expect(done.contains { if case .perform = $0 { true } else { false } })
    }

    @Test("q leaves an attached console without a question")
    func leaves() {
        var attached = state(staleSince: nil)
        let effects = attached.handle(.key(.character("q")), now: Fixture.start)
        #expect(effects == [.quit(.keepServing)])
    }
}
