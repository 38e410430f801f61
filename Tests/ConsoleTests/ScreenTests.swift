import Foundation
import PodiumModel
import Testing

@testable import Console

/// Every panel and overlay, drawn, at four sizes and in both character sets. The screens stand in Tests/ConsoleScreens,
/// where each was read against the mock-ups before it was kept; PODIUM_UPDATE_SCREENS=1 writes them anew, to be read again.
@Suite("Screens, drawn")
struct ScreenTests {
    struct Scene: Sendable {
        var name: String
        var snapshot: ConsolePicture = Scene.rich
        var play: @Sendable (inout ConsoleState) -> Void = { _ in }

        /// The data of the mock-ups, with something to see in every panel.
        static let rich: ConsolePicture = {
            var snapshot = Fixture.snapshot()
            snapshot.journal = Fixture.journal
            snapshot.endpoints[0].traffic.total = 1_206
            snapshot.endpoints[0].traffic.failures = 2
            snapshot.endpoints[0].successStreak = 88
            snapshot.endpoints[0].pinned = true
            snapshot.endpoints[0].openAIPreference = .chatCompletions
            snapshot.endpoints[0].headers = [.init(name: "x-org", value: "blue")]
            snapshot.endpoints[0].explanation = Fixture.explanation(
                [
                    "Up; response time 410 ms, usually 430 ms.",
                    "10 % faster than anthropic-eu: within 15 %, so it holds its rank.",
                ], rankChanges: 4)
            snapshot.endpoints[0].traffic.failuresPerSecondSeries = Array(repeating: 0, count: 11) + [2, 0, 0, 0, 0]
            snapshot.endpoints[0].lastError = .init(time: Fixture.time(11, 48, 2), text: "529 overloaded")
            snapshot.traffic.perSecondSeries = Fixture.series("▂▃▃▅▄▃▂▃▅▆▅▄▃▃▅▄▅▆▇█")
            snapshot.load = 0.03
            snapshot.server.residentBytes = 61 << 20
            snapshot.persister.marks = 249
            snapshot.persister.writesByTrigger = ["interval": 200, "operator": 12]
            snapshot.persister.failuresByError = ["ENOSPC": 1]
            snapshot.persister.refusals = 0
            snapshot.flushes.insert(Fixture.failedFlush("ENOSPC", "config.yaml: no space left on the disk"), at: 0)
            return snapshot
        }()

        /// As an attached console that may only look shows it once the connection is lost.
        static let old: ConsolePicture = {
            var snapshot = rich
            snapshot.isAttached = true
            snapshot.isReadOnly = true
            snapshot.staleSince = Fixture.start
            return snapshot
        }()

        static let lastOne: ConsolePicture = {
            var snapshot = rich
            for index in snapshot.endpoints.indices.dropFirst() { snapshot.endpoints[index].state = .down }
            return snapshot
        }()

        /// What goes wrong, all at once.
        static let degraded: ConsolePicture = {
            var snapshot = rich
            let states: [Snapshot.Endpoint.State] = [.up, .slow, .cooling, .misconfigured, .down, .down, .untested]
            for (index, state) in states.enumerated() { snapshot.endpoints[index].state = state }
            snapshot.endpoints[6].enabled = true
            snapshot.persister.isOverdue = true
            snapshot.persister.nextTrigger = "retry"
            snapshot.persister.nextDeadline = Fixture.now + 4
            snapshot.persister.maxDirtyDeadline = Fixture.now
            snapshot.persister.oldestUnsavedSeconds = 312
            snapshot.server.warning = "UNSAVED for too long: see the persister"
            var failed = Snapshot.Flush(number: 213, time: Fixture.time(12, 4, 30), trigger: "retry")
            failed.totalSeconds = 0.000_4
            failed.result = .failed
            failed.errorCode = "ENOSPC"
            failed.error = "config.yaml: no space left on the disk: free some"
            (failed.encodeSeconds, failed.writeSeconds) = (0.000_3, 0.000_1)
            failed.changes = ["openai-team priority 4→3", "azure-gpt priority 3→4"]
            snapshot.flushes.append(failed)
            return snapshot
        }()
    }

    static let scenes: [Scene] = [
        Scene(name: "main") { Fixture.answerTraffic(&$0) },
        Scene(name: "degraded", snapshot: Scene.degraded),
        Scene(name: "empty", snapshot: ConsolePicture(receivedAt: Fixture.start)),
        Scene(name: "read-only, not connected", snapshot: Scene.old) { $0.press(.character(" ")) },
        Scene(name: "endpoints, zoomed") { $0.press(.character("z")) },
        Scene(name: "persister, zoomed") { $0.press(.character("2"), .character("z")) },
        Scene(name: "flushes, zoomed") { $0.press(.character("3"), .character("z"), .down) },
        Scene(name: "events, zoomed") { $0.press(.character("4"), .character("z"), .down) },
        Scene(name: "detail, zoomed") { $0.press(.character("5"), .character("z")) },
        Scene(name: "traffic, zoomed") {
            $0.press(.character("6"), .character("z"))
            Fixture.answerTraffic(&$0)
        },
        Scene(name: "traffic, compared") {
            $0.press(.character("v"), .character("v"), .character("6"), .character("z"), .character("]"))
            Fixture.answerTraffic(&$0)
        },
        Scene(name: "requests, zoomed") {
            $0.press(.character("7"), .character("z"))
            Fixture.answerRequests(&$0)
        },
        Scene(name: "cancel?") {
            $0.press(.character("7"))
            Fixture.answerRequests(&$0)
            $0.press(.character("x"))
        },
        Scene(name: "journal, zoomed") { $0.press(.character("8"), .character("z")) },
        Scene(name: "sorted by p95, filtered") {
            $0.type(":sort p95")
            $0.press(.enter, .character("/"))
            $0.type("an")
        },
        Scene(name: "command line") { $0.type(":sort p") },
        Scene(name: "paused, read aloud") { $0.press(.character("p")) },
        Scene(name: "a long failure") {
            $0.say(
                .bad,
                "Moving openai-team to rank 3 failed: config.yaml was edited by somebody else meanwhile and line 12, "
                    + "column 9 is no number: mend it, then press w; everything is kept until then", now: Fixture.start)
        },
        Scene(name: "help") { $0.press(.character("?")) },
        Scene(name: "help, searched") {
            $0.press(.character("?"))
            $0.type("rank")
        },
        Scene(name: "form") {
            $0.press(.enter, .tab, .tab, .tab, .tab, .tab, .tab)
            $0.press(.control("U"))
            $0.type("3")
            if let id = $0.previewCommand {
                _ = $0.handle(
                    .commandFinished(id, .success(.preview(FilePreview(lines: Self.difference)))), now: Fixture.start)
            }
        },
        Scene(name: "form, with mistakes") {
            $0.press(.character("a"))
            $0.type("azure-gpt")
            $0.press(.tab)
            $0.type("api.example.com")
            $0.press(.control("S"))
        },
        Scene(name: "form, a secret typed") {
            $0.press(.character("a"))
            $0.type("new-one")
            $0.press(.tab)
            $0.type("https://api.anthropic.com")
            $0.press(.tab, .tab, .tab, .tab)
            $0.type("sk-123")
        },
        Scene(name: "form, tested") {
            $0.press(.enter)
            guard case .perform(let id, _)? = $0.press(.control("T")).first else { return }
            let text =
                "anthropic-main: credential refused, status 401 (DNS 12 ms, connect 30 ms, TLS 45 ms, first byte 120 ms)"
            _ = $0.handle(.commandFinished(id, .failure(CommandRefusal(.unreachable, text))), now: Fixture.start)
        },
        Scene(name: "form, somebody was first") {
            $0.press(.enter)
            $0.type("-2")
            let saving = $0.press(.control("S"))
            guard
                case .perform(let id, _)? = saving.first(where: {
                    if case .perform(_, .update) = $0 { true } else { false }
                })
            else { return }
            let failure = CommandRefusal(
                .revisionConflict,
                "'anthropic-main' was changed in the meantime; look again and repeat what is still wanted")
            _ = $0.handle(.commandFinished(id, .failure(failure)), now: Fixture.start)
            var next = Scene.rich
            next.endpoints[0].revision += 1
            next.endpoints[0].name = "anthropic-prod"
            next.endpoints[0].tags = ["theirs"]
            _ = $0.handle(.snapshot(next), now: Fixture.start)
        },
        Scene(name: "form, a long line changes") {
            $0.press(.enter)
            $0.type("2")
            if let id = $0.previewCommand {
                _ = $0.handle(
                    .commandFinished(id, .success(.preview(FilePreview(lines: Self.longDifference)))),
                    now: Fixture.start)
            }
        },
        Scene(name: "the file's difference, a long line") {
            $0.press(.enter)
            $0.type("2")
            if let id = $0.previewCommand {
                _ = $0.handle(
                    .commandFinished(id, .success(.preview(FilePreview(lines: Self.longDifference)))),
                    now: Fixture.start)
            }
            $0.press(.control("D"))
        },
        Scene(name: "the file's difference") {
            $0.press(.enter)
            $0.type("2")
            if let id = $0.previewCommand {
                _ = $0.handle(
                    .commandFinished(id, .success(.preview(FilePreview(lines: Self.difference)))), now: Fixture.start)
            }
            $0.press(.control("D"))
        },
        Scene(name: "delete") {
            $0.press(.character("d"))
            $0.type("anthropic")
            $0.press(.enter)
        },
        Scene(name: "the last one off?", snapshot: Scene.lastOne) { $0.press(.character(" ")) },
        Scene(name: "throw away?") {
            $0.press(.enter)
            $0.type("2")
            $0.press(.escape)
        },
        Scene(name: "leave?") { $0.press(.character("q")) },
        Scene(name: "flush") { $0.press(.character("3"), .enter) },
        Scene(name: "failed flush", snapshot: Scene.degraded) { $0.press(.character("F")) },
        Scene(name: "event") { $0.press(.character("4"), .down, .enter) },
    ]

    static let difference = [
        DifferenceLine(kind: .kept, number: 5, text: "  - name: anthropic-main"),
        DifferenceLine(kind: .kept, number: 6, text: "    url: https://anthropic-main.example.com"),
        DifferenceLine(kind: .removed, number: 7, text: "    priority: 1   # the paid one"),
        DifferenceLine(kind: .added, number: 7, text: "    priority: 3   # the paid one"),
        DifferenceLine(kind: .kept, number: 8, text: "    auth_value: ••••"),
        DifferenceLine(kind: .kept, number: 9, text: "  - name: anthropic-eu"),
        DifferenceLine(kind: .removed, number: 10, text: "    priority: 2"),
        DifferenceLine(kind: .added, number: 10, text: "    priority: 1"),
    ]

    static let longDifference = [
        DifferenceLine(kind: .kept, number: 5, text: "  - name: anthropic-main"),
        DifferenceLine(kind: .removed, number: 6, text: long("red")),
        DifferenceLine(kind: .added, number: 6, text: long("green")),
    ]

    private static func long(_ team: String) -> String {
        "    headers: {anthropic-version: 2023-06-01, anthropic-beta: prompt-caching-2024-07-31, Cookie: ••••, "
            + "x-team: \(team), x-tenant: acme}   # asked for by the platform group"
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "ConsoleScreens")

    @Test(
        "As they were read", arguments: [(40, 10), (80, 24), (140, 40), (200, 20), (250, 70)],
        [("unicode", Glyphs.unicode), ("ascii", Glyphs.ascii)])
    func screens(size: (columns: Int, lines: Int), set: (name: String, glyphs: Glyphs)) throws {
        let file = Self.folder.appending(path: "\(size.columns)x\(size.lines)-\(set.name).txt")
        let drawn = Self.scenes.map { scene in
            var state = Fixture.console(size.columns, size.lines, scene.snapshot, glyphs: set.glyphs)
            scene.play(&state)
            return (scene.name, state.screen())
        }
        if ProcessInfo.processInfo.environment["PODIUM_UPDATE_SCREENS"] != nil {
            let text = drawn.map { "== \($0.0)\n\($0.1)\n" }.joined(separator: "\n")
            try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
            return
        }
        let text = try String(contentsOf: file, encoding: .utf8)
        var kept: [String: String] = [:]
        for part in ("\n" + text).split(separator: "\n== ").map(String.init) {
            guard let end = part.firstIndex(of: "\n") else { continue }
            kept[String(part[..<end])] = String(part[part.index(after: end)...])
        }
        #expect(Set(kept.keys) == Set(drawn.map(\.0)))
        for (name, screen) in drawn {
            let expected = kept[name] ?? ""
            #expect(
                Self.lines(screen) == Self.lines(expected),
                "\(name) at \(size.columns)x\(size.lines) in \(set.name); PODIUM_UPDATE_SCREENS=1 writes it anew")
        }
    }

    /// Every glyph of the ASCII set is ASCII, in every scene: nothing slips through to a terminal that cannot show it.
    @Test("ASCII is ASCII", arguments: [(40, 10), (80, 24), (140, 40), (200, 20), (250, 70)])
    func ascii(columns: Int, lines: Int) {
        for scene in Self.scenes {
            var state = Fixture.console(columns, lines, scene.snapshot, glyphs: .ascii)
            scene.play(&state)
            let strange = state.render(now: Fixture.start).text.unicodeScalars.filter { !$0.isASCII }
            #expect(strange.isEmpty, "\(scene.name): \(strange)")
        }
    }

    private static func lines(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }
}
