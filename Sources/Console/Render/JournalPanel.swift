internal import PodiumModel

/// Who changed rank, when and why, newest first.
enum JournalPanel {
    static func draw(_ state: ConsoleState, _ layout: DashboardLayout, _ grid: inout CellGrid) {
        guard let frame = layout.frames[.journal] else { return }
        let content = layout.content(of: .journal)
        let glyphs = state.setup.glyphs
        let entries = state.visibleJournal
        let top = min(state.scroll[.journal] ?? 0, max(0, entries.count - content.height))
        var labels: [Segment] = []
        if !state.eventFilter.text.isEmpty {
            labels.append(Segment(" \(glyphs.separator) /\(state.eventFilter.text)", .accent, weight: 5))
        }
        let place =
            top == 0
            ? Segment("following \(glyphs.sortUp)", .good)
            : Segment("\(top) newer \(glyphs.sortUp) \(state.key(.first))", .warning)
        grid.border(
            frame, isBoxed: layout.isBoxed, isFocused: state.focus == .journal, left: state.title(.journal, labels),
            right: [place],
            bottom: [Segment("\(state.key(.filter)) search \(glyphs.separator) \(state.key(.first)) follow", .faint)])
        for offset in 0..<max(0, content.height) {
            let index = entries.count - 1 - top - offset
            guard entries.indices.contains(index) else { break }
            grid.put(
                row(entries[index], state, content.width), column: content.column, line: content.line + offset,
                limit: content.right)
        }
        if entries.isEmpty, content.height > 0 {
            let text = state.shown.journal.isEmpty ? " No rank has changed yet." : " Nothing matches: Esc shows all."
            grid.put(
                text, column: content.column, line: content.line, limit: content.right, style: CellStyle(.faint))
        }
        if state.focus == .journal {
            grid.cursor = CellGrid.Cursor(column: content.column, line: content.line, isVisible: false)
        }
    }

    private static func row(_ entry: Snapshot.RankChange, _ state: ConsoleState, _ width: Int) -> [Segment] {
        let glyphs = state.setup.glyphs
        let time = " " + Quantity.clock(entry.time, utcOffset: state.shown.utcOffset) + " "
        let name = TextField.fit(SafeText.clean(entry.endpoint), width < 60 ? 14 : 20, glyphs: glyphs)
        let from = entry.from == 0 ? "new" : String(entry.from)
        let to = entry.to == 0 ? "gone" : String(entry.to)
        let places = TextField.fit("\(from)\(glyphs.arrow)\(to)", 7, align: .right, glyphs: glyphs)
        let rose = entry.from == 0 || (entry.to != 0 && entry.to < entry.from)
        let sign = " \(rose ? glyphs.risen : glyphs.fallen)"
        let used = time.count + TextWidth.columns(of: name) + 7 + 3
        return [
            Segment(time, .faint), Segment(name), Segment(sign, rose ? .good : .warning), Segment(places, .strong),
            Segment(" " + TextField.cut(SafeText.clean(entry.text), max(1, width - used - 1), glyphs: glyphs), .faint),
        ]
    }
}
