internal import PodiumModel

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
        case (.filter, .events), (.filter, .journal): return 4
        case (.level, .events): return 5
        case (.flushDetail, .persister): return 6
        case (.toggle, _) where state.isPaging(binding.keys.first, binding): return 75
        case (.zoom, .events), (.zoom, .flushes), (.zoom, .persister): return state.isAlone ? nil : 7
        case (.edit, .journal), (.edit, .persister): return binding.bar.map { $0 + 100 }
        case (_, .events), (_, .journal), (_, .flushes), (_, .chart), (_, .persister):
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
        case (.edit, .events), (.edit, .flushes), (.edit, .chart): return "open"
        case (.filter, .events), (.filter, .journal): return "search"
        case (.level, _): return "level"
        default: return binding.barLabel
        }
    }
}

extension ConsoleState {
    /// Whether the panel in focus has the screen to itself, and Escape gives the others back.
    fileprivate var isAlone: Bool { isZoomed || layout.frames.count == 1 && focus != .endpoints }
}
