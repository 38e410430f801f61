/// The difference that saving a form would make in the file, as a whole.
enum DifferenceOverlay {
    static func draw(_ state: ConsoleState, _ form: EndpointForm, scroll: Int, _ grid: inout CellGrid) {
        TextOverlay.draw(
            state, title: "What saving changes", lines(state, form), scroll: scroll,
            hint: "^S save \(state.setup.glyphs.separator) Esc back", &grid)
    }

    static func mostScroll(_ state: ConsoleState, _ form: EndpointForm) -> Int {
        TextOverlay.mostScroll(state, lines(state, form).count)
    }

    private static func lines(_ state: ConsoleState, _ form: EndpointForm) -> [[Segment]] {
        let width = TextOverlay.width(state)
        switch form.preview {
        case .lines(let lines) where lines.isEmpty: return [[Segment("Nothing: the file says so already.", .faint)]]
        case .lines(let lines): return lines.map { segments($0, width, state.setup.glyphs) }
        case .unknown: return form.changes.flatMap { DetailPanel.wrap($0, width) }.map { [Segment($0)] }
        case .refused(let text): return DetailPanel.wrap(text, width).map { [Segment($0, .bad)] }
        case nil:
            let text = form.problems.isEmpty ? "Nothing changed yet." : "Fields have to be mended first."
            return [[Segment(form.comparedDraft == nil ? text : "Comparing\(state.setup.glyphs.ellipsis)", .faint)]]
        }
    }

    /// `12 + priority: 1`
    static func segments(_ line: DifferenceLine, _ width: Int, _ glyphs: Glyphs) -> [Segment] {
        let role: CellStyle.Role =
            switch line.kind {
            case .kept: .faint
            case .removed: .bad
            case .added: .good
            }
        let number = TextField.fit(String(line.number), 4, align: .right, glyphs: glyphs)
        let text = SafeText.clean(line.text)
        return [
            Segment(number + " ", .faint),
            Segment(line.kind.rawValue + " " + TextField.cut(text, max(1, width - 7), glyphs: glyphs), role),
        ]
    }

    /// The lines that say most in the room there is: what changed, with what stands around it where that fits.
    static func selection(_ lines: [DifferenceLine], room: Int) -> (lines: [DifferenceLine], left: Int) {
        if lines.count <= room { return (lines, 0) }
        let changed = lines.filter { $0.kind != .kept }
        if changed.count <= room { return (changed, 0) }
        return (Array(changed.prefix(max(0, room - 1))), changed.count - max(0, room - 1))
    }
}
