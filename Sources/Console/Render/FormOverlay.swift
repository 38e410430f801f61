internal import PodiumModel
internal import PureSupport

/// The form for one endpoint.
enum FormOverlay {
    private static let labelWidth = 11

    static func draw(
        _ state: ConsoleState, _ form: EndpointForm, _ now: ContinuousClock.Instant, _ grid: inout CellGrid
    ) {
        let glyphs = state.setup.glyphs
        let width = min(100, max(min(76, state.columns), state.columns - 20))
        let fields = EndpointForm.fields
        let room = max(3, state.lines - 2)
        // Where there is room, so much stays free that the form does not jump while it is filled in.
        let free = room - fields.count - 5
        let leastFooter = FormFooter.leastLines
        let footer = FormFooter.lines(
            state, form, now, width: width - 6, limit: max(1, free >= leastFooter ? free : min(leastFooter, room - 8)))
        let wanted = fields.count + max(footer.count, min(free, leastFooter)) + 5
        let height = min(room, wanted)
        let frame = Frame(
            column: (state.columns - width) / 2, line: max(0, (state.lines - 2 - height) / 2), width: width,
            height: height)
        grid.clear(frame, ground: .overlay)
        let title =
            form.original.map { original in
                let word = width < 60 ? "Edit" : "Edit endpoint"
                let name = SafeText.clean(original.name)
                return TextField.cut("\(word) \(glyphs.separator) \(name)", width - 20, glyphs: glyphs)
            } ?? "Add an endpoint"
        let right = form.isSaving ? savingText(form, glyphs) : countText(form)
        grid.border(
            frame, isBoxed: true, isFocused: true, left: [Segment(title, .title)], right: [Segment(right, .accent)],
            bottom: [
                Segment(
                    glyphs.isASCII ? "Tab Up Down field" : "Tab ↑↓ field",
                    .faint)
            ], ground: .overlay)
        grid.cursor = nil
        let inner = frame.inner
        // Buttons and at least one line of changes stay; the fields scroll.
        let isTight = height < wanted
        let fieldRows = max(1, inner.height - footer.count - (isTight ? 1 : 3))
        let focusIndex =
            if case .field(let field) = form.focus { fields.firstIndex(of: field) ?? 0 } else { fields.count - 1 }
        let top = max(0, min(focusIndex - fieldRows / 2, fields.count - fieldRows))
        for (offset, field) in fields.dropFirst(top).prefix(fieldRows).enumerated() {
            drawField(state, form, field, now, inner, inner.line + offset, &grid)
        }
        let above = isTight ? inner.bottom - footer.count - 1 : inner.line + fields.count + 1
        for (offset, line) in footer.enumerated() {
            grid.put(line, column: inner.column + 2, line: above + offset, limit: inner.right - 1, ground: .overlay)
        }
        drawButtons(state, form, inner, &grid)
    }

    private static func savingText(_ form: EndpointForm, _ glyphs: Glyphs) -> String {
        "saving\(glyphs.ellipsis)" + (form.held.isEmpty ? "" : " \(form.held.count.counted("key")) wait")
    }

    private static func countText(_ form: EndpointForm) -> String {
        guard form.original != nil else { return "new" }
        return form.changes.count.counted("change")
    }

    private static func drawField(
        _ state: ConsoleState, _ form: EndpointForm, _ field: EndpointField, _ now: ContinuousClock.Instant,
        _ inner: Frame, _ line: Int, _ grid: inout CellGrid
    ) {
        let isFocused = form.focus == .field(field)
        let glyphs = state.setup.glyphs
        let label = TextField.fit(field.shortLabel, labelWidth - 1, glyphs: glyphs) + " "
        let marker = isFocused ? String(glyphs.cursor) : " "
        var column = grid.put(marker + " ", column: inner.column, line: line, style: CellStyle(.accent, on: .overlay))
        column = grid.put(
            label, column: column, line: line, limit: inner.right,
            style: CellStyle(isFocused ? .strong : .faint, on: .overlay))
        switch field.kind {
        case .choice(let words):
            column = drawChoice(form.choices[field] ?? "", of: words, isFocused, glyphs, inner, column, line, &grid)
        case .flag:
            let isOn = form.flags[field] ?? false
            if isFocused {
                grid.cursor = CellGrid.Cursor(column: min(inner.right - 1, column + 1), line: line, isVisible: true)
            }
            column =
                grid.put(
                    isOn ? "[x]" : "[ ]", column: column, line: line, limit: inner.right,
                    style: CellStyle(.key, on: isFocused ? .focusedButton : .overlay)) + 1
        default:
            drawText(state, form, field, now, inner, column, line, &grid)
            return
        }
        guard let message = form.message(for: field) else { return }
        grid.put(
            sign(message.kind, glyphs) + message.text, column: column + 1, line: line, limit: inner.right,
            style: CellStyle(role(message.kind), on: .overlay))
    }

    private static func drawChoice(
        _ chosen: String, of all: [String], _ isFocused: Bool, _ glyphs: Glyphs, _ inner: Frame, _ start: Int,
        _ line: Int, _ grid: inout CellGrid
    ) -> Int {
        var column = start
        let needed = all.reduce(0) { $0 + $1.count + 3 }
        // Where not all fit, the chosen one stands alone; the arrow keys still go round.
        for choice in column + needed <= inner.right ? all : [chosen] {
            let isChosen = choice == chosen
            let text = isChosen ? "\(glyphs.choiceLeft)\(choice)\(glyphs.choiceRight)" : " \(choice) "
            if isChosen, isFocused { grid.cursor = CellGrid.Cursor(column: column, line: line, isVisible: true) }
            let style = CellStyle(isChosen ? .key : .faint, on: isChosen && isFocused ? .focusedButton : .overlay)
            column = grid.put(text, column: column, line: line, limit: inner.right, style: style) + 1
        }
        return column
    }

    private static func drawText(
        _ state: ConsoleState, _ form: EndpointForm, _ field: EndpointField, _ now: ContinuousClock.Instant,
        _ inner: Frame, _ start: Int, _ line: Int, _ grid: inout CellGrid
    ) {
        let glyphs = state.setup.glyphs
        let isFocused = form.focus == .field(field)
        let message = form.message(for: field)
        // A value of somebody else's can be long, and must not take the room of the operator's own.
        let most = message?.kind == .note ? (inner.right - start - 2) / 2 : inner.width
        let messageText = message.map { TextField.cut(sign($0.kind, glyphs) + $0.text, most, glyphs: glyphs) } ?? ""
        // A hint must not take the room to type in.
        let hint = isFocused || field.kind == .rank ? hint(form, field, isNarrow: inner.width < 60) : ""
        let side = TextWidth.columns(of: messageText.isEmpty ? hint : messageText)
        let least = field.kind == .rank ? 4 : messageText.isEmpty ? 10 : 6
        let typing = max(42, inner.width - 36)
        let usual = field.kind == .rank ? 4 : isFocused || !messageText.isEmpty ? typing : inner.width
        let room = max(least, min(usual, inner.right - start - 2 - (side > 0 ? side + 2 : 0)))
        var column = start
        if let editor = form.editors[field] {
            var window = editor.window(width: room)
            let isRevealed = form.revealedUntil.map { $0 > now } ?? false
            if field.kind == .secret, !isRevealed {
                window.text = String(repeating: String(glyphs.bullet), count: window.text.count)
                window.cursor = min(window.cursor, window.text.count)
            }
            if field.kind == .secret, editor.characters.isEmpty, let masked = form.original?.maskedSecret, !isFocused {
                grid.put(
                    TextField.fit(SafeText.clean(masked), room, glyphs: glyphs), column: column, line: line,
                    limit: inner.right, style: CellStyle(.faint, on: .overlay))
            } else if editor.characters.isEmpty, !isFocused {
                grid.put(
                    String(glyphs.dash), column: column, line: line, limit: inner.right,
                    style: CellStyle(.faint, on: .overlay))
            } else {
                let whole = field.kind == .secret ? window.text : editor.text
                let padded = TextField.fit(whole, room, glyphs: glyphs)
                let filled =
                    window.text
                    + String(repeating: String(glyphs.blank), count: max(0, room - TextWidth.columns(of: window.text)))
                grid.put(
                    isFocused ? filled : padded, column: column, line: line, limit: inner.right,
                    style: CellStyle(isFocused ? .strong : .text, on: .overlay))
            }
            if isFocused {
                grid.cursor = CellGrid.Cursor(
                    column: min(inner.right - 1, column + window.cursor), line: line, isVisible: true)
            }
        }
        column += room + 2
        if let message {
            grid.put(
                messageText, column: column, line: line, limit: inner.right,
                style: CellStyle(role(message.kind), on: .overlay))
        } else {
            grid.put(hint, column: column, line: line, limit: inner.right, style: CellStyle(.faint, on: .overlay))
        }
    }

    private static func sign(_ kind: EndpointForm.Message.Kind, _ glyphs: Glyphs) -> String {
        switch kind {
        case .good: "\(glyphs.check) "
        case .bad: "\(glyphs.cross) "
        case .note: ""
        }
    }

    private static func role(_ kind: EndpointForm.Message.Kind) -> CellStyle.Role {
        switch kind {
        case .good: .good
        case .bad: .bad
        case .note: .warning
        }
    }

    private static func hint(_ form: EndpointForm, _ field: EndpointField, isNarrow: Bool) -> String {
        if isNarrow { return field.kind == .rank ? "1–\(form.ranks)" : "" }
        let isKept = form.original?.maskedSecret != nil
        switch field.kind {
        case .rank: return "rank 1–\(form.ranks)" + (form.original == nil ? ", empty: below those up" : "")
        case .secret where !form.text(field).isEmpty: return form.secretHeader.map { "sent as \($0)" } ?? ""
        case .secret where isKept: return "empty: keeps the present one"
        default: return field.hint
        }
    }

    private static func drawButtons(_ state: ConsoleState, _ form: EndpointForm, _ inner: Frame, _ grid: inout CellGrid)
    {
        let line = inner.bottom - 1
        let canSave = form.command != nil && !state.isReadOnly
        var column = inner.column + 2
        let isWide = inner.width >= 56
        let labels: [(EndpointForm.Focus, String)] = [
            (.save, "[ Save  ^S ]"), (.test, isWide ? "[ Test request  ^T ]" : "[ Test ^T ]"),
            (.cancel, isWide ? "[ Cancel  Esc ]" : "[ Esc ]"),
        ]
        for (focus, text) in labels {
            let isFocused = form.focus == focus
            if isFocused {
                grid.cursor = CellGrid.Cursor(column: min(inner.right - 1, column + 2), line: line, isVisible: true)
            }
            let role: CellStyle.Role = focus == .save && !canSave ? .faint : .key
            column =
                grid.put(
                    text, column: column, line: line, limit: inner.right,
                    style: CellStyle(role, on: isFocused ? .focusedButton : .overlay)) + (isWide ? 3 : 1)
        }
    }
}
