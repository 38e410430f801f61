internal import PodiumModel

/// The help: all keys by topic, or what a search finds. Made from the keymap alone, so that it cannot name a key that does something
/// else.
enum HelpOverlay {
    static func draw(_ state: ConsoleState, _ view: HelpView, _ grid: inout CellGrid) {
        let lines = lines(state, view)
        let frame = frame(state, lineCount: lines.count)
        let glyphs = state.setup.glyphs
        grid.clear(frame, ground: .overlay)
        let separator = " \(glyphs.separator) "
        let run = "\(Key.enter.name(isASCII: glyphs.isASCII)) run"
        let search = view.search.isEmpty ? "type to search" : "/\(view.search)\(separator)\(run)"
        let visible = frame.height - 2
        let top = min(view.scroll, max(0, lines.count - visible))
        let more = lines.count > visible ? "\(top + 1)-\(min(lines.count, top + visible)) of \(lines.count)" : ""
        grid.border(
            frame, isBoxed: true, isFocused: true, left: [Segment("Help", .title)],
            right: more.isEmpty ? [] : [Segment(more, .faint)],
            bottom: [Segment("\(search)\(separator)Esc close", .accent)], ground: .overlay)
        for (offset, line) in lines.dropFirst(top).prefix(max(0, visible)).enumerated() {
            grid.put(
                line, column: frame.column + 2, line: frame.line + 1 + offset, limit: frame.right - 1, ground: .overlay)
        }
        grid.cursor = nil
        markSelected(state, view, frame, top: top, &grid)
    }

    static func mostScroll(_ state: ConsoleState, _ view: HelpView) -> Int {
        let count = lines(state, view).count
        return max(0, count - (frame(state, lineCount: count).height - 2))
    }

    static func frame(_ state: ConsoleState, lineCount: Int) -> Frame {
        let width = min(78, state.columns)
        let height = min(max(3, state.lines - 2), lineCount + 2)
        return Frame(
            column: (state.columns - width) / 2, line: max(0, (state.lines - 2 - height) / 2), width: width,
            height: height)
    }

    static func lines(_ state: ConsoleState, _ view: HelpView) -> [[Segment]] {
        let width = textWidth(state)
        guard view.search.isEmpty else {
            let found = results(state, view).flatMap { $0 }
            return found.isEmpty ? [[Segment("Nothing is called \(view.search).", .faint)]] : found
        }
        let columnCount = max(1, min(3, width / 24))
        let columnWidth = width / columnCount
        var blocks: [[[Segment]]] = []
        for group in Binding.Group.allCases where group != .dialog {
            let bindings = state.setup.keymap.bindings(in: .main).filter { $0.group == group }
            var block = [[Segment(TextField.fit(group.rawValue, columnWidth, glyphs: state.setup.glyphs), .title)]]
            block += rows(bindings).map { entry($0, state, columnWidth) }
            block.append([Segment(String(repeating: " ", count: columnWidth))])
            blocks.append(block)
        }
        let columns = balance(blocks, into: columnCount)
        let height = columns.map(\.count).max() ?? 0
        let blank = [Segment(String(repeating: " ", count: columnWidth))]
        var lines = (0..<height).map { row in
            columns.flatMap { $0.indices.contains(row) ? $0[row] : blank }
        }
        while lines.last?.allSatisfy({ $0.text.allSatisfy { $0 == " " } }) == true { lines.removeLast() }
        let glyphs = state.setup.glyphs
        let legend =
            Snapshot.Endpoint.State.allCases.map { "\(glyphs.state($0)) \($0.rawValue)" }.joined(separator: "  ")
            + "  \(glyphs.bullet) pinned  \(glyphs.dirty) unsaved; faint: not now, search says why"
        lines += DetailPanel.wrap(legend, width).map { [Segment($0, .faint)] }
        return lines
    }

    /// Bindings that share a line: those that stand together in the bar, and the numbers of the panels.
    private static func rows(_ bindings: [Binding]) -> [[Binding]] {
        var rows: [[Binding]] = []
        for binding in bindings {
            if let last = rows.last?.last, isPair(last, binding) {
                rows[rows.count - 1].append(binding)
            } else {
                rows.append([binding])
            }
        }
        return rows
    }

    private static func isPair(_ left: Binding, _ right: Binding) -> Bool {
        if left.barLabel == right.barLabel, right.barLabel != right.label { return true }
        return isPanel(left) && isPanel(right)
    }

    private static func isPanel(_ binding: Binding) -> Bool {
        binding.action.rawValue.hasPrefix("panel-")
    }

    private static func entry(_ row: [Binding], _ state: ConsoleState, _ width: Int) -> [Segment] {
        let glyphs = state.setup.glyphs
        guard let first = row.first, let last = row.last else { return [] }
        let isOff = row.allSatisfy { state.obstacle(to: $0.action) != nil }
        var keys = first.keyNames(isASCII: glyphs.isASCII)
        var label = first.label
        if row.count > 2 {
            keys = "\(first.keyNames(isASCII: glyphs.isASCII))-\(last.keyNames(isASCII: glyphs.isASCII))"
            label = "panels"
        } else if row.count == 2 {
            keys = "\(first.keyNames(isASCII: glyphs.isASCII)) \(last.keyNames(isASCII: glyphs.isASCII))"
            label = first.barLabel
            if TextWidth.columns(of: keys) > 10 {
                keys = [first, last].compactMap { $0.keys.first?.name(isASCII: glyphs.isASCII) }.joined(separator: " ")
            }
        }
        return [
            Segment(TextField.fit(keys, 10, glyphs: glyphs) + " ", isOff ? .faint : .key),
            Segment(TextField.fit(label, width - 11, glyphs: glyphs), isOff ? .faint : .text),
        ]
    }

    private static func textWidth(_ state: ConsoleState) -> Int { max(24, min(78, state.columns) - 4) }

    /// Puts blocks into columns in order, so that the highest column is as low as it can be.
    private static func balance(_ blocks: [[[Segment]]], into count: Int) -> [[[Segment]]] {
        let total = blocks.reduce(0) { $0 + $1.count }
        var limit = max(1, total / count)
        while true {
            var columns: [[[Segment]]] = [[]]
            for block in blocks {
                if !columns[columns.count - 1].isEmpty, columns[columns.count - 1].count + block.count > limit {
                    columns.append([])
                }
                columns[columns.count - 1] += block
            }
            if columns.count <= count || limit > total { return columns }
            limit += 1
        }
    }
}

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
    private static func markSelected(
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

extension ConsoleState {
    /// The help scrolls until something is searched for; what is found can be run.
    mutating func performHelp(
        _ action: ConsoleAction, _ view: HelpView, now: ContinuousClock.Instant
    ) -> [ConsoleEffect] {
        var view = view
        let found = HelpOverlay.found(self, view.search)
        if action == .accept, !view.search.isEmpty {
            guard found.indices.contains(view.selected) else { return [.bell] }
            return runFromHelp(found[view.selected], now: now)
        }
        guard let step = step(action) else {
            overlay = nil
            return []
        }
        if view.search.isEmpty {
            view.scroll = max(0, min(view.scroll + step, HelpOverlay.mostScroll(self, view)))
        } else {
            view.selected = max(0, min(view.selected + step, found.count - 1))
            view.scroll = HelpOverlay.scroll(self, view)
        }
        overlay = .help(view)
        return []
    }

    private mutating func runFromHelp(_ binding: Binding, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        let reason =
            binding.context == .main
            ? obstacle(to: binding.action) : "\(binding.label) works in another place: \(binding.context.rawValue)"
        if let reason {
            say(.note, reason, now: now)
            return [.bell]
        }
        overlay = nil
        return performMain(binding.action, now: now)
    }
}
