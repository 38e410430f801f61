@testable import Console
import PodiumModel
import Testing

@Suite("Text")
struct TextTests {
    @Test(
        "Columns",
        arguments: [("abc", 3), ("名前", 4), ("e\u{301}", 1), ("ｱ", 1), ("Ａ", 2), ("가", 2), ("●", 1), ("🚀", 2)])
    func columns(text: String, expected: Int) {
        #expect(TextWidth.columns(of: text) == expected)
    }

    @Test("What a terminal would act on or draw in doubtful width is gone")
    func clean() {
        #expect(SafeText.clean("a\u{1B}[2Jb\u{07}\u{9B}31m") == "a[2Jb31m")
        #expect(SafeText.clean("a\u{202E}b\u{200B}c\u{FEFF}") == "abc")
        #expect(SafeText.clean("line\nbreak\ttab\r\n") == "line break tab ")
        #expect(SafeText.clean("👩‍👩‍👧x") == "□x")
        #expect(SafeText.clean("❤️") == "□")
        #expect(SafeText.clean("🇫🇷") == "□")
        #expect(SafeText.clean("1️⃣") == "□")
        #expect(SafeText.clean("🚀") == "🚀")
        #expect(SafeText.clean("e\u{301}\u{302}\u{303}\u{304}") == "e\u{301}\u{302}")
        #expect(SafeText.clean("\u{301}x") == "x")
    }

    @Test("Cut text ends in an ellipsis and keeps its columns")
    func fit() {
        #expect(TextField.fit("anthropic", 6, glyphs: .unicode) == "anthr…")
        #expect(TextField.fit("名前名前", 6, glyphs: .unicode) == "名前… ")
        #expect(TextField.fit("ab", 4, align: .right, glyphs: .unicode) == "  ab")
        #expect(TextField.fit("ab", 0, glyphs: .unicode) == "")
    }

    @Test(
        "Latencies",
        arguments: [
            (0, "0"), (410, "410"), (999, "999"), (1_000, "1.0s"), (3_100, "3.1s"), (9_949, "9.9s"), (9_950, "10s"),
            (42_000, "42s"), (120_000, "2m"),
        ])
    func latency(milliseconds: Int, expected: String) {
        #expect(Quantity.latency(.milliseconds(milliseconds), dash: "—") == expected)
    }

    @Test(
        "Ages",
        arguments: [
            (0, "0s"), (18, "18s"), (99, "99s"), (100, "1m40"), (282, "4m42"), (5_999, "99m59"), (6_000, "1h40"),
            (360_000, "4d04"),
        ])
    func age(seconds: Int, expected: String) {
        #expect(Quantity.age(.seconds(seconds)) == expected)
    }

    @Test("A failure is never rounded away")
    func percent() {
        #expect(Quantity.percent(1, dash: "—") == "100")
        #expect(Quantity.percent(0.99999, dash: "—") == "99.9")
        #expect(Quantity.percent(0, dash: "—") == "0.0")
        #expect(Quantity.percent(nil, dash: "—") == "—")
        #expect(Quantity.percent(.nan, dash: "—") == "—")
    }

    @Test("Sizes and counts")
    func sizes() {
        #expect(Quantity.bytes(812, dash: "—") == "812 B")
        #expect(Quantity.bytes(4_200, dash: "—") == "4.1 K")
        #expect(Quantity.bytes(64_000_000, dash: "—") == "61 M")
        #expect(Quantity.byteRate(1_200_000) == "1.2 MB/s")
        #expect(Quantity.byteRate(88_000) == "88 kB/s")
        #expect(Quantity.grouped(1_842) == "1,842")
        #expect(Quantity.grouped(999) == "999")
        #expect(Quantity.grouped(1_234_567) == "1,234,567")
        #expect(Quantity.count(12_345, width: 4) == "12k")
        #expect(Quantity.rate(12.44) == "12.4")
        #expect(Quantity.rate(123_456) == "123k")
    }

    @Test("Clock times follow the offset, also before the epoch's midnight")
    func clock() {
        let time = Fixture.time(12, 4, 29.114)
        #expect(Quantity.clock(time, utcOffset: 0) == "12:04:29")
        #expect(Quantity.clock(time, utcOffset: 43_200) == "00:04:29")
        #expect(Quantity.clock(time, utcOffset: -46_800) == "23:04:29")
        #expect(Quantity.preciseClock(Fixture.time(12, 4, 29.125), utcOffset: 0) == "12:04:29.125")
        #expect(Quantity.clock(.nan, utcOffset: 0) == "00:00:00")
    }

    @Test("A folded sparkline keeps its peak")
    func sparkline() {
        #expect(Sparkline.text([0, 0, 9, 0, 0, 0], width: 3, glyphs: .unicode) == "▁█▁")
        #expect(Sparkline.text([], width: 3, glyphs: .unicode) == "   ")
        #expect(Sparkline.text([0, 7], width: 4, glyphs: .unicode) == "  ▁█")
    }

    @Test("A wide character that is half overwritten leaves no half behind")
    func halves() {
        var grid = CellGrid(width: 4, height: 1, glyphs: .unicode)
        grid.put("名前", column: 0, line: 0)
        grid.put("x", column: 1, line: 0)
        #expect(grid.text(line: 0) == " x前")
        grid.put("yz", column: 1, line: 0)
        #expect(grid.text(line: 0) == " yz ")
        grid.put("名", column: 3, line: 0)
        #expect(grid.text(line: 0) == " yz ")
    }
}

@Suite("A line being typed")
struct LineEditorTests {
    /// Keys as a shell's line editing knows them, at the | of the text.
    @Test(
        "Editing keys",
        arguments: [
            (.control("A"), "one two|", "|one two"), (.home, "one| two", "|one two"),
            (.control("E"), "o|ne two", "one two|"), (.end, "|one", "one|"),
            (.control("U"), "one| two", "| two"), (.control("K"), "one| two", "one|"), (.control("K"), "one|", "one|"),
            (.control("W"), "one two |three", "one |three"), (.control("W"), "|one", "|one"),
            (.delete, "o|ne", "o|e"), (.backspace, "o|ne", "|ne"), (.left, "|a", "|a"), (.right, "a|", "a|"),
        ] as [(Key, String, String)])
    func keys(key: Key, before: String, after: String) {
        let parts = before.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        var editor = LineEditor(parts.joined())
        for _ in parts[1] { _ = editor.handle(.left) }
        let isEditing = editor.handle(key)
        #expect(isEditing)
        var shown = editor.text
        shown.insert("|", at: shown.index(shown.startIndex, offsetBy: editor.cursor))
        #expect(shown == after)
    }
}
