/// What a search in the help finds, with a cursor that runs it.
extension HelpOverlay {
    /// The actions that a search finds, those of the main screen first.
    static func found(_ state: ConsoleState, _ search: String) -> [Binding] {
        guard !search.isEmpty else { return [] }
        let needle = search.lowercased()
        return state.setup.keymap.bindings.filter { binding in
            guard binding.context != .help else { return false }
            let words = "\(binding.label) \(binding.help) \(binding.action.rawValue)".lowercased()
            return words.contains(needle) || binding.keys.contains { $0.name == search }
        }
    }

    /// Where the list of what was found has to begin so that the action under the cursor is in sight.
    static func scroll(_ state: ConsoleState, _ view: HelpView) -> Int {
        let results = results(state, view)
        let count = results.reduce(0) { $0 + $1.count }
        let visible = frame(state, lineCount: count).height - 2
        let start = results.prefix(view.selected).reduce(0) { $0 + $1.count }
        let end = start + (results.indices.contains(view.selected) ? results[view.selected].count : 0)
        return max(0, min(max(view.scroll, end - visible), start))
    }

    /// Whole sentences, with why an action cannot be taken now; one block for each action found.
    static func results(_ state: ConsoleState, _ view: HelpView) -> [[[Segment]]] {
        let glyphs = state.setup.glyphs
        let indent = 13
        let width = max(8, textWidth(state) - indent)
        return found(state, view.search).enumerated().map { index, binding in
            let place = binding.context == .main ? "" : " (\(binding.context.rawValue))"
            let mark = index == view.selected ? String(glyphs.cursor) : " "
            let keys = TextField.fit(binding.keyNames(isASCII: glyphs.isASCII), indent - 2, glyphs: glyphs)
            let blank = Segment(String(repeating: " ", count: indent))
            var lines = DetailPanel.wrap(binding.help + place, width).enumerated().map { line, part in
                line == 0
                    ? [Segment(mark, .accent), Segment(keys + " ", .key), Segment(part)] : [blank, Segment(part)]
            }
            if binding.context == .main, let reason = state.obstacle(to: binding.action) {
                lines += DetailPanel.wrap("not now: " + reason, width).map { [blank, Segment($0, .faint)] }
            }
            return lines
        }
    }

    /// The cursor is on the first line of an action.
    static func markSelected(
        _ state: ConsoleState, _ view: HelpView, _ frame: Frame, top: Int, _ grid: inout CellGrid
    ) {
        let results = results(state, view)
        guard results.indices.contains(view.selected) else { return }
        let line = frame.line + 1 + results.prefix(view.selected).reduce(0) { $0 + $1.count } - top
        guard frame.inner.lines.contains(line) else { return }
        grid.setGround(.selected, column: frame.column + 1, line: line, count: frame.width - 2)
        grid.cursor = CellGrid.Cursor(column: frame.column + 2, line: line, isVisible: false)
    }
}
