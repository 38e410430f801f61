internal import PodiumModel
internal import PureSupport

/// Draws the form for one endpoint, with whatever room there is: labels, fields, what stands beside a field, the lines below, the
/// buttons. What is in the form is decided by `EndpointForm`.
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
        // Buttons and at least one line of changes stay; the fields scroll.
        let isTight = height < wanted
        let fieldRows = max(1, frame.inner.height - footer.count - (isTight ? 1 : 3))
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
            bottom: [Segment(keysText(hidden: fields.count - fieldRows, glyphs), .faint)], ground: .overlay)
        grid.cursor = nil
        let inner = frame.inner
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

    /// A form that is higher than the screen says so, or its last fields would be found by chance.
    private static func keysText(hidden: Int, _ glyphs: Glyphs) -> String {
        let keys = glyphs.isASCII ? "Tab Up Down field" : "Tab ↑↓ field"
        return hidden > 0 ? "\(hidden) more \(glyphs.separator) \(keys)" : keys
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
        // A value that others gave the field can be long, and must not take the room of the operator's own.
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

/// The lines between the fields and the buttons of a form: what stands in the way, what a test said, what saving does.
private enum FormFooter {
    static func lines(
        _ state: ConsoleState, _ form: EndpointForm, _ now: ContinuousClock.Instant, width: Int, limit: Int
    )
        -> [[Segment]]
    {
        var lines = report(state, form, now, width, limit: max(leastReport, min(3, limit - 1)))
        if lines.isEmpty || limit > lines.count + 1 {
            lines += outcome(state, form, width, limit: max(1, limit - lines.count))
        }
        return lines
    }

    /// How long each step of a test took must be seen, also where only fields can make room for it.
    private static let leastReport = 4
    /// The same for why it was not saved.
    private static let leastReason = 3

    /// Reserved, so that the form does not jump while it is filled in.
    static let leastLines = 4

    private static func report(
        _ state: ConsoleState, _ form: EndpointForm, _ now: ContinuousClock.Instant, _ width: Int, limit: Int
    ) -> [[Segment]] {
        let glyphs = state.setup.glyphs
        switch form.testReport {
        case nil: return []
        case .running(let since):
            return [[Segment("\(glyphs.writing) Testing\(glyphs.ellipsis) \(Quantity.age(now - since))", .accent)]]
        case .done(let isGood, let text):
            let sign = isGood ? glyphs.check : glyphs.cross
            return wrapped("\(sign) \(text)", width, limit, isGood ? .good : .bad, glyphs)
        }
    }

    private static func outcome(_ state: ConsoleState, _ form: EndpointForm, _ width: Int, limit: Int) -> [[Segment]] {
        let glyphs = state.setup.glyphs
        // Beside the field there is hardly room for it on a narrow screen.
        if width < 56, case .field(let field) = form.focus, let note = form.message(for: field), note.kind == .note {
            return wrapped(
                "\(field.shortLabel), \(note.text)", width, max(leastReason, limit), .warning, glyphs)
        }
        if let refusal = form.refusal {
            let words = refusal.isConflict || refusal.isKeptUnsaved ? refusal.line : "Not saved: \(refusal.line)"
            let lines = wrapped(state.brief(SafeText.clean(words)), width, max(leastReason, limit), .bad, glyphs)
            // Beside what others changed stands what saving would do now.
            guard refusal.isConflict, limit - lines.count >= 2 else { return lines }
            return lines + consequence(state, form, width, limit: limit - lines.count)
        }
        return consequence(state, form, width, limit: limit)
    }

    private static func consequence(
        _ state: ConsoleState, _ form: EndpointForm, _ width: Int, limit: Int
    ) -> [[Segment]] {
        let glyphs = state.setup.glyphs
        let problems = form.problems
        let shown = EndpointForm.fields.filter { problems[$0] != nil && form.touched.contains($0) }
        if form.original == nil, shown.isEmpty, !problems.isEmpty {
            return [[Segment("Needs a name, a URL and a secret (or auth none).", .faint)]]
        }
        if !shown.isEmpty {
            if case .field(let field) = form.focus, let problem = problems[field] {
                return wrapped("\(field.shortLabel): \(problem)", width, limit, .warning, glyphs)
            }
            let words = problems.count == 1 ? "Mend the marked field first." : "Mend \(problems.count) fields first."
            return [[Segment(words, .warning)]]
        }
        let changes = form.changes
        guard !changes.isEmpty else { return [[Segment("Nothing changed yet.", .faint)]] }
        switch form.preview {
        case .refused(let text): return wrapped("Cannot be saved: \(text)", width, limit, .bad, glyphs)
        case .lines(let lines) where limit >= 3:
            let room = limit - 1
            let (kept, left) = DifferenceOverlay.selection(lines, room: room)
            let words = "Saves, on disk at once: " + changes.joined(separator: "; ")
            var footer = [[Segment(TextField.cut(words, width, glyphs: glyphs), .strong)]]
            footer += kept.map { DifferenceOverlay.segments($0, width, glyphs) }
            if left > 0 { footer.append([Segment("     and \(left) more lines: ^D", .faint)]) }
            return footer
        case .lines, .unknown, nil:
            let text = "Saves: " + form.summary(limit: 12).joined(separator: "; ") + ". Takes effect now, on disk now."
            let lines = DetailPanel.wrap(text, max(8, width))
            guard lines.count > limit else { return lines.map { [Segment($0, .strong)] } }
            if limit == 1 { return [[Segment(TextField.cut(text, width, glyphs: glyphs), .strong)]] }
            return (lines.prefix(limit - 1) + ["and \(changes.count) changes in all."]).map { [Segment($0, .strong)] }
        }
    }

    private static func wrapped(
        _ text: String, _ width: Int, _ limit: Int, _ role: CellStyle.Role, _ glyphs: Glyphs
    ) -> [[Segment]] {
        var lines = DetailPanel.wrap(text, max(8, width))
        if lines.count > limit {
            lines = Array(lines.prefix(limit))
            lines[limit - 1] = TextField.cut(lines[limit - 1], width - 1, glyphs: glyphs) + String(glyphs.ellipsis)
        }
        return lines.map { [Segment($0, role)] }
    }
}
