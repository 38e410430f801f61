/// Lines in a box over the dashboard, with older and newer ones at the arrow keys.
enum TextOverlay {
    /// Unless the lines ask for more.
    private static let usualWidth = 76

    static func draw(
        _ state: ConsoleState, title: String, _ lines: [[Segment]], scroll: Int, hint: String? = nil,
        longest: Int = 0, _ grid: inout CellGrid
    ) {
        let frame = frame(state, lines.count, longest)
        let glyphs = state.setup.glyphs
        let visible = max(0, frame.height - 2)
        let top = min(scroll, max(0, lines.count - visible))
        let more = lines.count > visible ? "\(top + 1)-\(min(lines.count, top + visible)) of \(lines.count)" : ""
        let (older, newer) = (Key.left.name(isASCII: glyphs.isASCII), Key.right.name(isASCII: glyphs.isASCII))
        grid.clear(frame, ground: .overlay)
        grid.border(
            frame, isBoxed: true, isFocused: true, left: [Segment(title, .title)],
            right: more.isEmpty ? [] : [Segment(more, .faint)],
            bottom: [Segment(hint ?? "\(older) older \(newer) newer \(glyphs.separator) Esc", .faint)], ground: .overlay
        )
        for (offset, line) in lines.dropFirst(top).prefix(visible).enumerated() {
            grid.put(
                line, column: frame.column + 2, line: frame.line + 1 + offset, limit: frame.right - 1, ground: .overlay)
        }
        grid.cursor = nil
    }

    static func mostScroll(_ state: ConsoleState, _ count: Int) -> Int {
        max(0, count - (frame(state, count).height - 2))
    }

    /// Columns of text there are.
    ///
    /// - Parameter longest: columns of the longest line, where lines should rather not be wrapped.
    static func width(_ state: ConsoleState, longest: Int = 0) -> Int {
        max(24, min(max(usualWidth, longest + 4), state.columns) - 4)
    }

    private static func frame(_ state: ConsoleState, _ lineCount: Int, _ longest: Int = 0) -> Frame {
        let width = min(max(usualWidth, longest + 4), state.columns)
        let height = min(max(3, state.lines - 2), lineCount + 2)
        return Frame(
            column: (state.columns - width) / 2, line: max(0, (state.lines - 2 - height) / 2), width: width,
            height: height)
    }
}
