import PodiumModel
import Testing

@testable import Console

@Suite("Main screens, drawn")
struct MainScreenTests {
    @Test("80x24 is the mock-up")
    func normal() {
        let expected = """
             podium prod-1:8080  ● 4 up ◐ 1 slow ✗ 1 down  12.4 r/s p95 812ms       LIVE 1s
            ─▸1 Endpoints · sort rank▲ · auto ──────────────────────────────────────── 7/7 ─
               # S NAME              KIND  PRI   OK%   p50   p95  r/s  IN  1st byte ≤1.0s
            ▸  1 ● anthropic-main    any     1  99.8   410   780  6.1   3  ▂▃▃▅▄▃▂▃▅█▅▄▃▃▅▄
               2 ● anthropic-eu      anth    2  99.6   455   840  3.0   1  ▂▂▃▃▂▂▃█▃▂▂▃▂▂▂▃
             ↑ 3 ● openai-team       oai     3  99.1   520   910  1.9   1    ▂█▂▂  ▂▂ ▂▃▂ ▂
             ↓ 4 ◐ azure-gpt         oai     4  96.2   990  3.1s  0.9   2  ▂▃▅▇█▇▅▆▇▆▅▆▇█▇▆
               5 ● gemini-a          any     5  99.0   610  1.2s  0.5   0     ▂  ▂  █▂   ▂
               6 ✗ backup-hk         anth    6  31.0     —     —  0.0   0  █▂
               7 ○ lab-proxy (off)   oai     7     —     —     —    —   —                 █
            ─ 2 Persister ─────────────────────────┬─ 3 Flushes ms █▁▂ ─────────────────────
             ◆ DIRTY  4 changes, oldest 18s        │ TIME     WHY     CHG   SIZE    MS
             next flush █████████████░░░░░░░░░  12s│ 12:03:49 interval  4  4.1 K   3.2 ok
             max dirty  █░░░░░░░░░░░░░░░░░░░░░ 4m42│ 12:02:51 operator  1  4.1 K   2.9 ok
             writes 212 · throttled 37 · failed 1  │ 12:02:19 maxdirty 11  4.0 K  41.0 SLOW
            ─ 4 Events · all levels ───────────────┴────────────────────────── following ▲ ─
             12:04:29 I console   ops01@10.0.0.7 moved openai-team 4→3
             12:04:13 W endpoint  azure-gpt   slow: p95 3.1s > 2.0s for 30s
             12:04:13 I persist   marked dirty; flush in 30s
             12:03:49 I persist   flushed 4 changes, 4.1 K, 3.2 ms
             12:03:02 E endpoint  backup-hk   disabled: 5 of 5 failed (502 Bad Gateway)
             12:02:51 I console   ops01@10.0.0.7 flushed by hand

             ↵ edit  K/J move  space on/off  w flush  s sort  / filter  ? help  q quit
            """
        #expect(Fixture.console().screen() == expected)
    }

    @Test("40x10: the table, the persister in a line")
    func compact() {
        let expected = """
             podium  ●4 ◐1 ✗1  12.4 r/s     LIVE 1s
            ─▸1 Endpoints · rank▲ · auto ───── 7/7 ─
               # S NAME              OK%   p95  r/s
            ▸  1 ● anthropic-main   99.8   780  6.1
               2 ● anthropic-eu     99.6   840  3.0
             ↑ 3 ● openai-team      99.1   910  1.9
             ↓ 4 ◐ azure-gpt        96.2  3.1s  0.9
            ─ ◆ DIRTY 4 · flush in 12s · 1 failed ──

             ↵ edit  K/J move  ? help  q quit
            """
        #expect(Fixture.console(40, 10).screen() == expected)
    }

    @Test("40x10 in ASCII says the same in other characters")
    func compactASCII() {
        let expected = """
             podium  +4 ~1 x1  12.4 r/s     LIVE 1s
            ->1 Endpoints - rank^ - auto ----- 7/7 -
               # S NAME              OK%   p95  r/s
            >  1 + anthropic-main   99.8   780  6.1
               2 + anthropic-eu     99.6   840  3.0
             ^ 3 + openai-team      99.1   910  1.9
             v 4 ~ azure-gpt        96.2  3.1s  0.9
            - # DIRTY 4 - flush in 12s - 1 failed --

             Enter edit  K/J move  ? help  q quit
            """
        #expect(Fixture.console(40, 10, glyphs: .ascii).screen() == expected)
    }

    @Test("140x40: six boxes")
    func wide() {
        let state = Fixture.console(140, 40)
        let lines = state.screen().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(
            lines[0]
                == " podium 1.4.0 prod-1:8080  up 3d 04:12  ● 4 up  ◐ 1 slow  ✗ 1 down  ○ 1 off    ◆ DIRTY 4 · next flush 12s"
                + String(repeating: " ", count: 14) + "LIVE 1s     12:04:31")
        #expect(
            lines[2]
                == "╭─▸1 Endpoints · sort rank▲ · auto ────────────────────────────────────────────────── 7/7 ─╮╭─ 5 anthropic-main ────────────────── rank 1 ─╮"
        )
        #expect(
            lines[3]
                == "│   # S NAME                KIND  PRI   OK%   p50   p95  r/s  IN   ERR  1st byte ≤1.0s     ││ URL     https://anthropic-main.example.com   │"
        )
        #expect(
            lines[18]
                == "╭─ 2 Persister ────────────── throttled 30s ─╮╭─ 3 Flushes ──────────────────────────── 3 ─╮╭─ 6 Traffic · 1h · all ───────────────────────╮"
        )
        #expect(
            lines[20]
                == "│ next flush ████████████████░░░░░░░░░░░  12s││ 12:03:49 interval  4  4.1 K   3.2 ok       ││                                              │"
        )
        #expect(
            lines[26]
                == "╰────────────────────────────── w flush now ─╯╰───────────────────────────────── ↵ detail ─╯╰─────────── [ ] span · E all/one · v compare ─╯"
        )
        #expect(
            lines[28] == "│ 12:04:29.114  I  console    ops01@10.0.0.7 moved openai-team 4→3"
                + String(repeating: " ", count: 73) + "│")
        #expect(lines.count == 40)
    }

    @Test("Below 40x10 there is one line", arguments: [(39, 24), (80, 9), (1, 1), (0, 0)])
    func tiny(columns: Int, lines: Int) {
        let state = Fixture.console(columns, lines)
        let shown = state.screen().split(separator: "\n").filter { !$0.isEmpty }
        #expect(shown.count <= 1)
        if columns >= 39 { #expect(shown.first?.hasPrefix(" 5/7 up") == true) }
    }

    @Test("Every line has the width of the screen, at every size", arguments: [.unicode, .ascii] as [Glyphs])
    func widths(glyphs: Glyphs) {
        var snapshot = Fixture.snapshot()
        snapshot.endpoints[1].name = "名前エンドポイント名前エンドポイント"
        snapshot.endpoints[2].name = "e\u{301}cole-👩‍👩‍👧-🇫🇷-\u{1B}[2Jx"
        for columns in [40, 41, 59, 60, 61, 79, 80, 99, 119, 120, 121, 140, 200, 250] {
            for lines in [10, 12, 17, 18, 24, 29, 30, 40, 70] {
                let grid = Fixture.console(columns, lines, snapshot, glyphs: glyphs).render(now: Fixture.start)
                for line in 0..<lines {
                    var width = 0
                    for scalar in grid.text(line: line).unicodeScalars { width += TextWidth.columns(of: scalar) }
                    #expect(width == columns, "\(columns)x\(lines) line \(line)")
                }
            }
        }
    }

    @Test("Zoom gives each panel the whole area", arguments: Panel.allCases)
    func zoom(panel: Panel) {
        for (columns, lines) in [(40, 10), (80, 24), (140, 40)] {
            var state = Fixture.console(columns, lines)
            state.press(.character(Character(String(panel.rawValue))))
            state.press(.character("z"))
            #expect(state.layout.frames.keys.sorted { $0.rawValue < $1.rawValue } == [panel])
            #expect(state.screen().contains("\(panel.rawValue) "))
        }
    }
}
