internal import PodiumModel

/// The lines between the fields and the buttons of a form: what stands in the way, what a test said, what saving does.
enum FormFooter {
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
            // Beside what somebody else did stands what saving would do now.
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
