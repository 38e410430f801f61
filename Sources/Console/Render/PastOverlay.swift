internal import PodiumModel
internal import PureSupport

/// The log of one day, the newest at the bottom, with the event under the cursor in full below it.
enum PastOverlay {
    private static let detail = 3

    static func draw(_ state: ConsoleState, _ view: PastView, _ grid: inout CellGrid) {
        let glyphs = state.setup.glyphs
        let frame = frame(state)
        grid.clear(frame)
        let level = view.lowest == .debug ? "all levels" : "from \(view.lowest.rawValue)"
        var left = [Segment("Log of \(view.date)", .title), Segment(" \(glyphs.separator) \(level)", .faint)]
        if !view.search.text.isEmpty {
            left.append(Segment(" \(glyphs.separator) /\(view.search.text)", .accent, weight: 5))
        }
        let count = view.events.count >= PastView.mostEvents ? "the last \(view.events.count)" : "\(view.events.count)"
        grid.border(
            frame, isBoxed: true, isFocused: true, left: left,
            right: [Segment(view.isKnown ? count : "", .faint)],
            bottom: [Segment("[ ] day \(glyphs.separator) / n N search \(glyphs.separator) f level", .faint)])
        grid.cursor = nil
        let inner = frame.inner
        guard !view.events.isEmpty else {
            let text =
                view.problem.map { SafeText.clean($0) }
                ?? (view.isKnown ? "Nothing is known of this day." : "Asking\(glyphs.ellipsis)")
            for (offset, line) in DetailPanel.wrap(text, max(1, inner.width - 2)).prefix(inner.height).enumerated() {
                grid.put(
                    line, column: inner.column + 1, line: inner.line + offset, limit: inner.right,
                    style: CellStyle(view.problem == nil ? .faint : .bad))
            }
            return
        }
        let height = height(state)
        let offset = state.shown.utcOffset
        for row in 0..<height {
            let index = view.top + row
            guard view.events.indices.contains(index) else { break }
            let event = view.events[index]
            let line = inner.line + row
            let count = EventPanel.count(event, isASCII: glyphs.isASCII)
            let isMatch = view.isMatch(event, utcOffset: offset)
            let segments = [
                Segment(" " + Quantity.clock(event.time, utcOffset: offset) + " ", isMatch ? .accent : .faint),
                Segment(EventPanel.letter(event.severity) + " ", EventPanel.role(event.severity)),
                Segment(TextField.fit(SafeText.clean(event.source), 9, glyphs: glyphs) + " ", .faint),
                Segment(count.isEmpty ? "" : count + " ", .warning),
            ]
            let used = segments.reduce(0) { $0 + $1.columns }
            let text = TextField.cut(
                state.brief(SafeText.clean(event.line)), max(1, inner.width - 1 - used), glyphs: glyphs)
            let role: CellStyle.Role = isMatch ? .strong : event.severity == .error ? .bad : .text
            grid.put(segments + [Segment(text, role)], column: inner.column, line: line, limit: inner.right)
            if index == view.selected {
                grid.put(String(glyphs.cursor), column: inner.column, line: line, style: CellStyle(.accent))
                grid.setGround(.selected, column: inner.column, line: line, count: inner.width)
                grid.cursor = CellGrid.Cursor(column: inner.column, line: line, isVisible: false)
            }
        }
        drawSelected(state, view, inner, &grid)
    }

    /// What does not fit in a line stands below.
    private static func drawSelected(
        _ state: ConsoleState, _ view: PastView, _ inner: Frame, _ grid: inout CellGrid
    ) {
        guard inner.height > detail + 2, view.events.indices.contains(view.selected) else { return }
        let event = view.events[view.selected]
        let first = inner.bottom - detail
        grid.fill(
            state.setup.glyphs.horizontal, column: inner.column, line: first - 1, count: inner.width,
            style: CellStyle(.border))
        let since =
            event.times > 1
            ? " since \(Quantity.clock(event.since, utcOffset: state.shown.utcOffset)) \(CivilTime(unixTime: Int(event.since) + state.shown.utcOffset).date)"
            : ""
        let lines = DetailPanel.wrap(SafeText.clean(event.line) + since, max(8, inner.width - 2))
        for (offset, line) in lines.prefix(detail).enumerated() {
            grid.put(line, column: inner.column + 1, line: first + offset, limit: inner.right)
        }
    }

    private static func frame(_ state: ConsoleState) -> Frame {
        Frame(column: 0, line: 1, width: state.columns, height: max(3, state.lines - 3))
    }

    /// Events in sight.
    static func height(_ state: ConsoleState) -> Int {
        let inner = frame(state).inner
        return max(1, inner.height > detail + 2 ? inner.height - detail - 1 : inner.height)
    }

    /// What has come to be under the cursor has some lines around it.
    static func top(_ state: ConsoleState, _ view: PastView) -> Int {
        let height = height(state)
        let most = max(0, view.events.count - height)
        let margin = min(3, (height - 1) / 2)
        guard view.top <= most else { return max(0, min(most, view.selected - height / 2)) }
        if view.selected < view.top + margin { return max(0, min(most, view.selected - margin)) }
        if view.selected >= view.top + height - margin {
            return max(0, min(most, view.selected - height + 1 + margin))
        }
        return view.top
    }
}
