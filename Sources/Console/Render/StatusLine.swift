internal import PodiumModel

/// The line above the bar: what is being typed, what happened, or what needs the operator.
enum StatusLine {
    static func draw(
        _ state: ConsoleState, _ layout: DashboardLayout, _ now: ContinuousClock.Instant, _ grid: inout CellGrid
    ) {
        let frame = layout.status
        grid.fill(" ", column: 0, line: frame.line, count: frame.width)
        if let command = state.command {
            prompt(":", command.editor, frame, &grid)
        } else if case .past(let view) = state.overlay, view.isSearching {
            prompt("/", view.search, frame, &grid)
        } else if state.isFilterOpen {
            prompt("/", state.focus.isLog ? state.eventFilter : state.filter, frame, &grid)
        } else {
            say(segments(state, now), state, frame, &grid)
        }
    }

    private static let mostLines = 3

    /// What does not fit in the line takes up to two of those above it, unless something is open there.
    private static func say(_ segments: [Segment], _ state: ConsoleState, _ frame: Frame, _ grid: inout CellGrid) {
        let whole = segments.reduce(0) { $0 + $1.columns }
        guard whole > frame.width, segments.count > 1 else {
            grid.put(segments, column: 0, line: frame.line, limit: frame.right)
            return
        }
        let (sign, text) = (segments[0], segments[1])
        let room = max(8, frame.width - sign.columns - 1)
        let hint = Array(segments.dropFirst(2))
        let hintColumns = hint.reduce(0) { $0 + $1.columns }
        var lines = DetailPanel.wrap(text.text, room)
        let most = state.overlay == nil ? mostLines : 1
        if lines.count > most {
            lines = Array(lines.prefix(most))
            lines[most - 1] += String(state.setup.glyphs.ellipsis)
        }
        // What the keys can do now is not what gives way.
        let last = lines.count - 1
        if last >= 0, hintColumns > 0, TextWidth.columns(of: lines[last]) + hintColumns > room {
            if lines.count < most {
                lines.append("")
            } else {
                lines[last] = TextField.cut(lines[last], max(1, room - hintColumns), glyphs: state.setup.glyphs)
            }
        }
        let top = frame.line - lines.count + 1
        for (offset, line) in lines.enumerated() {
            let head = offset == 0 ? sign.text : String(repeating: " ", count: sign.columns)
            let tail = offset == lines.count - 1 ? hint : []
            grid.fill(" ", column: 0, line: top + offset, count: frame.width)
            grid.put([Segment(head, sign.role), Segment(line, text.role)] + tail, column: 0, line: top + offset)
        }
    }

    /// How the command can be taken back; what it is called where there is room.
    private static func undoHint(_ toast: Toast, _ state: ConsoleState, room: Int) -> [Segment] {
        guard let label = toast.undo, !state.isReadOnly else { return [] }
        let short = " \(state.setup.glyphs.separator) \(state.key(.undo)) undo"
        let whole = "\(short) \(label)"
        return [Segment(TextWidth.columns(of: whole) <= room ? whole : short, .faint)]
    }

    private static func prompt(_ sign: String, _ editor: LineEditor, _ frame: Frame, _ grid: inout CellGrid) {
        let window = editor.window(width: frame.width - 3)
        let column = grid.put(" " + sign, column: 0, line: frame.line, style: CellStyle(.accent))
        grid.put(window.text, column: column, line: frame.line, limit: frame.right, style: CellStyle(.strong))
        grid.cursor = CellGrid.Cursor(
            column: min(frame.width - 1, column + window.cursor), line: frame.line, isVisible: true)
    }

    private static func segments(_ state: ConsoleState, _ now: ContinuousClock.Instant) -> [Segment] {
        let glyphs = state.setup.glyphs
        if let toast = state.toast, toast.expires > now {
            switch toast.kind {
            case .bad: return [Segment(" \(glyphs.cross) ", .bad), Segment(state.brief(toast.text), .bad)]
            case .note: return [Segment(" \(glyphs.bullet) ", .accent), Segment(toast.text)]
            case .good:
                let segments = [Segment(" \(glyphs.check) ", .good), Segment(toast.text)]
                return segments + undoHint(toast, state, room: state.columns - segments.reduce(0) { $0 + $1.columns })
            }
        }
        if let pending = state.pending.values.min(by: { $0.since < $1.since }) {
            let age = now - pending.since
            let waited = age >= .seconds(1) ? " \(Quantity.age(age))" : ""
            return [Segment(" \(glyphs.writing) \(SafeText.clean(pending.label))\(glyphs.ellipsis)\(waited)", .accent)]
        }
        let persister = state.latest.persister
        if persister.isOverdue || persister.isRetrying, let failure = state.latest.lastFailure {
            return [
                Segment(" \(glyphs.cross) ", .bad),
                Segment("Not saved: \(state.brief(SafeText.clean(failure.error ?? "")))", .bad),
            ]
        }
        if let warning = state.latest.server.warning {
            return [Segment(" ! ", .warning), Segment(state.brief(SafeText.clean(warning)), .warning)]
        }
        if state.pausedAt != nil {
            let text = "The picture is held; the proxy goes on. \(state.key(.pause)) continues."
            return [Segment(" \(glyphs.bullet) ", .warning), Segment(text, .warning)]
        }
        return []
    }
}

/// The keys that can be pressed now.
enum BottomBar {
    static func draw(_ state: ConsoleState, _ layout: DashboardLayout, _ grid: inout CellGrid) {
        let frame = layout.bar
        grid.fill(" ", column: 0, line: frame.line, count: frame.width, style: CellStyle(.text, on: .bar))
        let kept = fit(entries(state), into: frame.width - 1)
        var column = 1
        for entry in kept {
            column = grid.put(
                entry.keys, column: column, line: frame.line, style: CellStyle(entry.isOff ? .faint : .key, on: .bar))
            column = grid.put(
                " " + entry.label, column: column, line: frame.line,
                style: CellStyle(entry.isOff ? .faint : .text, on: .bar))
            column += 2
        }
        guard let command = state.command else { return }
        let names = state.latest.endpoints.lazy.map { SafeText.clean($0.name) }
        for candidate in CommandLine.candidates(for: command.text, endpoints: Array(names.prefix(1_000))).prefix(20) {
            guard column + TextWidth.columns(of: candidate) < frame.width else { break }
            column = grid.put(candidate, column: column, line: frame.line, style: CellStyle(.faint, on: .bar)) + 2
        }
    }

    struct Entry: Equatable {
        var keys: String
        var label: String
        var weight: Int
        var isOff: Bool
        var columns: Int { TextWidth.columns(of: keys) + 1 + TextWidth.columns(of: label) + 2 }
    }

    static func entries(_ state: ConsoleState) -> [Entry] {
        var entries: [Entry] = []
        let groups: [Binding.Group] = [.endpoint, .persister, .move, .view, .program, .dialog]
        let bindings = groups.flatMap { group in
            state.setup.keymap.bindings(in: state.context).filter { $0.group == group }
        }
        for binding in bindings {
            guard let weight = weight(binding, state),
                let key = binding.keys.first?.name(isASCII: state.setup.glyphs.isASCII)
            else { continue }
            if state.isReadOnly, binding.changes { continue }
            let isPaging = state.isPaging(binding.keys.first, binding)
            let isOff = state.context == .main && !isPaging && state.obstacle(to: binding.action) != nil
            if let last = entries.last, last.weight == weight {
                entries[entries.count - 1].keys += "/" + key
                entries[entries.count - 1].isOff = last.isOff && isOff
            } else {
                entries.append(Entry(keys: key, label: label(binding, state), weight: weight, isOff: isOff))
            }
        }
        return entries
    }

    private static func fit(_ entries: [Entry], into width: Int) -> [Entry] {
        var kept = entries
        while kept.reduce(-2, { $0 + $1.columns }) > width, let heaviest = kept.map(\.weight).max() {
            kept.removeAll { $0.weight == heaviest }
        }
        return kept
    }

    /// What the panel in focus is for comes first there, and what is for the table only where there is room.
    private static func weight(_ binding: Binding, _ state: ConsoleState) -> Int? {
        if case .help(let view) = state.overlay, binding.action == .accept, view.search.isEmpty { return nil }
        guard binding.context == .main else { return binding.bar }
        switch (binding.action, state.focus) {
        case (.back, _) where state.isAlone: return 3
        case (.filter, .events), (.filter, .journal), (.filter, .requests): return 4
        case (.cancelRequest, .requests): return 3
        case (.level, .events): return 5
        case (.flushDetail, .persister): return 6
        case (.toggle, .traffic): return nil
        case (.toggle, _) where state.isPaging(binding.keys.first, binding): return 75
        case (.zoom, .events), (.zoom, .flushes), (.zoom, .persister): return state.isAlone ? nil : 7
        case (.edit, .journal), (.edit, .persister): return binding.bar.map { $0 + 100 }
        case (.shorter, .traffic), (.longer, .traffic): return 5
        case (.scope, .traffic): return 6
        case (.zoom, .traffic): return state.isAlone ? nil : 7
        case (.edit, .traffic): return binding.bar.map { $0 + 100 }
        case (_, .events), (_, .journal), (_, .flushes), (_, .traffic), (_, .requests), (_, .persister):
            let isOfTable = binding.group == .endpoint && binding.action != .edit || binding.action == .sortNow
            return binding.bar.map { isOfTable ? $0 + 100 : $0 }
        default: return binding.bar
        }
    }

    private static func label(_ binding: Binding, _ state: ConsoleState) -> String {
        guard binding.context == .main else { return binding.barLabel }
        switch (binding.action, state.focus) {
        case (.back, _): return "back"
        case (.toggle, _) where state.isPaging(binding.keys.first, binding): return "page"
        case (.edit, .events), (.edit, .flushes), (.edit, .requests): return "open"
        case (.filter, .events), (.filter, .journal), (.filter, .requests): return "search"
        case (.level, _): return "level"
        default: return binding.barLabel
        }
    }
}

extension ConsoleState {
    /// Whether the panel in focus has the screen to itself, and Escape gives the others back.
    fileprivate var isAlone: Bool { isZoomed || layout.frames.count == 1 && focus != .endpoints }
}
