/// Small questions in the middle of the screen.
enum DialogOverlay {
    private struct Button {
        var text: String
        var isFocused: Bool
    }

    static func draw(_ state: ConsoleState, _ dialog: QuitDialog, _ grid: inout CellGrid) {
        let persister = state.latest.persister
        let isAttached = state.latest.server.isAttached
        var lines = [isAttached ? "The proxy runs in another process." : "The proxy runs in this process."]
        let inFlight = state.latest.traffic.inFlight
        if inFlight > 0 {
            lines.append("\(Quantity.counted(inFlight, "request")) in flight: Stop lets them finish first.")
        }
        if persister.isDirty {
            lines.append("\(Quantity.counted(persister.unsavedChanges, "unsaved change")): Stop writes them first.")
        }
        let keep = isAttached ? "Leave, it serves on" : "Keep serving, headless"
        let stop = isAttached ? "Stop the proxy" : "Stop"
        let buttons = [
            Button(text: "[ \(stop)  s ]", isFocused: dialog.focus == .stop),
            Button(text: "[ \(keep)  k ]", isFocused: dialog.focus == .keepServing),
            Button(text: "[ Cancel  Esc ]", isFocused: dialog.focus == .cancel),
        ]
        box(state, "Leave Podium?", lines, buttons, &grid)
    }

    static func draw(_ state: ConsoleState, _ dialog: ConfirmDialog, _ grid: inout CellGrid) {
        box(
            state, dialog.title, dialog.lines,
            [
                Button(text: "[ \(dialog.button) ]", isFocused: !dialog.isCancelFocused),
                Button(text: "[ Cancel  Esc ]", isFocused: dialog.isCancelFocused),
            ], &grid)
    }

    static func draw(_ state: ConsoleState, _ prompt: DeletePrompt, _ grid: inout CellGrid) {
        let name = SafeText.clean(prompt.endpoint.name)
        let frame = box(
            state, "Delete \(name)?", ["Its entry is taken out of the file.", "Type the name to delete it:", ""],
            [
                Button(
                    text: "[ Delete  \(Key.enter.name(isASCII: state.setup.glyphs.isASCII)) ]",
                    isFocused: prompt.isReady),
                Button(text: "[ Cancel  Esc ]", isFocused: !prompt.isReady),
            ], &grid)
        let room = max(1, frame.width - 6)
        let window = prompt.editor.window(width: room)
        let line = min(frame.bottom - 2, frame.line + 3)
        grid.put(
            TextField.fit(window.text, room, glyphs: state.setup.glyphs), column: frame.column + 3, line: line,
            limit: frame.right - 1, style: CellStyle(.input, on: .overlay))
        grid.cursor = CellGrid.Cursor(
            column: min(frame.right - 2, frame.column + 3 + window.cursor), line: line, isVisible: true)
    }

    @discardableResult
    private static func box(
        _ state: ConsoleState, _ title: String, _ lines: [String], _ buttons: [Button], _ grid: inout CellGrid
    ) -> Frame {
        let lines = lines.flatMap { DetailPanel.wrap($0, max(8, state.columns - 6)) }
        let widest = lines.map { TextWidth.columns(of: $0) }.max() ?? 0
        let across = buttons.reduce(0) { $0 + TextWidth.columns(of: $1.text) + 2 }
        let width = min(state.columns, max(widest + 6, min(across + 4, 76), TextWidth.columns(of: title) + 8, 34))
        // Buttons stand below each other where they do not fit side by side.
        let isStacked = across + 4 > width
        let wanted = lines.count + 3 + (isStacked ? buttons.count : 1)
        let height = min(max(3, state.lines - 2), wanted)
        let frame = Frame(
            column: (state.columns - width) / 2, line: max(0, (state.lines - 2 - height) / 2), width: width,
            height: height)
        grid.clear(frame, ground: .overlay)
        grid.border(frame, isBoxed: true, isFocused: true, left: [Segment(title, .title)], ground: .overlay)
        let buttonLines = isStacked ? buttons.count : 1
        let textRoom = max(0, frame.height - 2 - buttonLines)
        for (offset, line) in lines.prefix(textRoom).enumerated() {
            grid.put(
                line, column: frame.column + 3, line: frame.line + 1 + offset, limit: frame.right - 1,
                style: CellStyle(.text, on: .overlay))
        }
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
        return frame
    }
}
