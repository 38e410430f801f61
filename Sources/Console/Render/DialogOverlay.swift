internal import PodiumModel
internal import PureSupport

/// Small questions in the middle of the screen: leaving, deleting, commands that need a confirmation.
enum DialogOverlay {
    private struct Button {
        var text: String
        var isFocused: Bool
    }

    static func draw(_ state: ConsoleState, _ dialog: QuitDialog, _ grid: inout CellGrid) {
        let persister = state.latest.persister
        let isAttached = state.latest.isAttached
        let place = isAttached ? "The proxy runs in another process." : "The proxy runs in this process."
        var lines = [Segment(place, weight: 2)]
        let inFlight = state.latest.traffic.inFlight
        if inFlight > 0 {
            let text = "\(inFlight.counted("request")) in flight: Stop lets them finish first."
            lines.append(Segment(text, weight: 1))
        }
        if persister.isDirty {
            let text = "\(persister.unsavedChanges.counted("unsaved change")): Stop writes them first."
            lines.append(Segment(text))
        }
        let keep = isAttached ? "Leave, it serves on" : "Keep serving, headless"
        let stop = isAttached ? "Stop the proxy" : "Stop"
        let buttons = [
            Button(text: "[ \(stop)  s ]", isFocused: dialog.focus == .stop),
            Button(text: "[ \(keep)  k ]", isFocused: dialog.focus == .keepServing),
            Button(text: "[ Cancel  Esc ]", isFocused: dialog.focus == .cancel),
        ]
        _ = box(state, "Leave Podium?", lines, buttons, &grid)
    }

    static func draw(_ state: ConsoleState, _ dialog: ConfirmDialog, _ grid: inout CellGrid) {
        box(
            state, dialog.title, dialog.lines,
            [
                Button(text: "[ \(dialog.button)  y ]", isFocused: !dialog.isCancelFocused),
                Button(text: "[ \(dialog.cancel)  Esc ]", isFocused: dialog.isCancelFocused),
            ], &grid)
    }

    static func draw(_ state: ConsoleState, _ prompt: DeletePrompt, _ grid: inout CellGrid) {
        let glyphs = state.setup.glyphs
        let name = SafeText.clean(prompt.endpoint.name)
        let request =
            prompt.isRefused
            ? Segment("\(glyphs.cross) That is not its name. Type it:", .bad)
            : Segment("Type the name to delete it:")
        let frame = box(
            state, "Delete \(name)?",
            [Segment("Its entry is taken out of the file.", weight: 1), request, Segment("")],
            [
                Button(text: "[ Delete  \(Key.enter.name(isASCII: glyphs.isASCII)) ]", isFocused: prompt.isReady),
                Button(text: "[ Cancel  Esc ]", isFocused: !prompt.isReady),
            ], &grid)
        let room = max(1, frame.text.width)
        let window = prompt.editor.window(width: room)
        let line = frame.text.bottom - 1
        let blanks = String(repeating: String(glyphs.blank), count: max(0, room - TextWidth.columns(of: window.text)))
        grid.put(
            window.text + blanks, column: frame.text.column, line: line, limit: frame.text.right,
            style: CellStyle(.input, on: .overlay))
        grid.cursor = CellGrid.Cursor(
            column: min(frame.text.right - 1, frame.text.column + window.cursor), line: line, isVisible: true)
    }

    /// The box and the part of it that the text stands in.
    private struct Box {
        var text: Frame
    }

    private static func box(
        _ state: ConsoleState, _ title: String, _ lines: [String], _ buttons: [Button], _ grid: inout CellGrid
    ) {
        _ = box(state, title, lines.map { Segment($0) }, buttons, &grid)
    }

    /// Lines of weight are left out where there is no room for all; buttons stand below each other where they do not fit
    /// side by side.
    private static func box(
        _ state: ConsoleState, _ title: String, _ paragraphs: [Segment], _ buttons: [Button], _ grid: inout CellGrid
    ) -> Box {
        let across = buttons.reduce(0) { $0 + TextWidth.columns(of: $1.text) + 2 }
        let widest = paragraphs.map { $0.columns }.max() ?? 0
        let width = min(state.columns, max(widest + 6, min(across + 4, 76), TextWidth.columns(of: title) + 8, 34))
        let isStacked = across + 4 > width
        let buttonLines = isStacked ? buttons.count : 1
        let room = max(3, state.lines - 2)
        var kept = paragraphs
        func wrapped() -> [Segment] {
            kept.flatMap { paragraph in
                DetailPanel.wrap(paragraph.text, max(8, width - 6)).map { Segment($0, paragraph.role) }
            }
        }
        while wrapped().count + buttonLines + 2 > room, let heaviest = kept.map(\.weight).max(), heaviest > 0 {
            kept.removeAll { $0.weight == heaviest }
        }
        let lines = wrapped()
        let height = min(room, lines.count + buttonLines + 2 + (room > lines.count + buttonLines + 2 ? 1 : 0))
        let frame = Frame(
            column: (state.columns - width) / 2, line: max(0, (state.lines - 2 - height) / 2), width: width,
            height: height)
        grid.clear(frame, ground: .overlay)
        grid.border(frame, isBoxed: true, isFocused: true, left: [Segment(title, .title)], ground: .overlay)
        let shown = lines.prefix(max(0, frame.height - 2 - buttonLines))
        let text = Frame(column: frame.column + 3, line: frame.line + 1, width: width - 6, height: shown.count)
        for (offset, line) in shown.enumerated() {
            grid.put(
                line.text, column: text.column, line: text.line + offset, limit: frame.right - 1,
                style: CellStyle(line.role, on: .overlay))
        }
        draw(buttons, in: frame, isStacked: isStacked, &grid)
        return Box(text: text)
    }

    private static func draw(_ buttons: [Button], in frame: Frame, isStacked: Bool, _ grid: inout CellGrid) {
        var column = frame.column + 3
        for (index, button) in buttons.enumerated() {
            let line = isStacked ? frame.bottom - 1 - buttons.count + index : frame.bottom - 2
            if isStacked { column = frame.column + 3 }
            if button.isFocused {
                grid.cursor = CellGrid.Cursor(column: min(frame.right - 2, column + 2), line: line, isVisible: true)
            }
            column =
                grid.put(
                    button.text, column: column, line: line, limit: frame.right - 1,
                    style: CellStyle(.key, on: button.isFocused ? .focusedButton : .overlay)) + 2
        }
    }
}

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
