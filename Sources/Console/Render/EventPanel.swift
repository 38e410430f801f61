internal import PodiumModel

/// The event log, newest first; the one event that is opened, and the journal of ranks, follow below.
enum EventPanel {
    static func draw(_ state: ConsoleState, _ layout: DashboardLayout, _ grid: inout CellGrid) {
        guard let frame = layout.frames[.events] else { return }
        let content = layout.content(of: .events)
        let glyphs = state.setup.glyphs
        let events = state.visibleEvents
        let top = min(state.scroll[.events] ?? 0, max(0, events.count - content.height))
        let place = state.eventPlace(in: events)
        let level = state.lowestLevel == .debug ? "all levels" : "from \(name(state.lowestLevel))"
        let labels = [Segment(" \(glyphs.separator) \(level)", weight: 10)] + LogTitle.search(state)
        var right: [Segment] = []
        if layout.isBoxed {
            let count =
                "\(min(content.height, events.count)) of \(Quantity.grouped(UInt64(events.count))) \(glyphs.separator) "
            right.append(Segment(count, weight: 10))
        }
        right.append(LogTitle.place(state, newer: state.selectedEventID == nil ? nil : place))
        grid.border(
            frame, isBoxed: layout.isBoxed, isFocused: state.focus == .events,
            left: state.title(.events, labels), right: right,
            bottom: [
                Segment(
                    "\(state.key(.edit)) open \(glyphs.separator) \(state.key(.level)) level \(glyphs.separator) "
                        + "\(state.key(.filter)) search \(glyphs.separator) \(state.key(.first)) follow",
                    .faint)
            ])
        for offset in 0..<max(0, content.height) {
            let index = events.count - 1 - top - offset
            guard events.indices.contains(index) else { break }
            let line = content.line + offset
            var segments = row(events[index], state, isWide: layout.isBoxed, isNarrow: layout.size == .compact)
            let used = segments.dropLast().reduce(0) { $0 + $1.columns }
            let last = segments.count - 1
            segments[last].text = TextField.cut(segments[last].text, max(1, content.width - 1 - used), glyphs: glyphs)
            grid.put(segments, column: content.column, line: line, limit: content.right - 1)
            if state.focus == .events, top + offset == place {
                grid.put(
                    String(glyphs.cursor), column: content.column, line: line, style: CellStyle(.accent))
                grid.setGround(.selected, column: content.column, line: line, count: content.width)
                grid.cursor = CellGrid.Cursor(column: content.column, line: line, isVisible: false)
            }
        }
        if events.isEmpty {
            let keys = state.lowestLevel == .debug ? "Esc shows" : "f and Esc show"
            let text = state.shown.events.isEmpty ? " Nothing has happened yet." : " Nothing matches: \(keys) more."
            grid.put(
                text, column: content.column, line: content.line, limit: content.height > 0 ? content.right : 0,
                style: CellStyle(.faint))
        }
    }

    private static func row(_ event: Snapshot.Event, _ state: ConsoleState, isWide: Bool, isNarrow: Bool) -> [Segment] {
        let offset = state.shown.utcOffset
        let time =
            isWide
            ? Quantity.preciseClock(event.time, utcOffset: offset) : Quantity.clock(event.time, utcOffset: offset)
        let gap = isWide ? "  " : " "
        let source = TextField.fit(SafeText.clean(event.source), 9, glyphs: state.setup.glyphs) + gap
        let count = count(event, isASCII: state.setup.glyphs.isASCII)
        return [
            Segment(" " + time + gap, .faint), Segment(letter(event.severity) + gap, role(event.severity)),
            // Where there is no room for both, the text says more than the source.
            Segment(isNarrow ? "" : source, .faint), Segment(count.isEmpty ? "" : count + " ", .warning),
            Segment(
                state.brief(SafeText.clean(event.line)),
                event.severity == .error ? .bad : event.severity == .debug ? .faint : .text),
        ]
    }

    /// Such as `×2,100`; empty where it happened once.
    static func count(_ event: Snapshot.Event, isASCII: Bool) -> String {
        event.times > 1 ? (isASCII ? "x" : "×") + Quantity.grouped(event.times) : ""
    }

    private static func name(_ level: EventLevel) -> String {
        switch level {
        case .debug: "debug"
        case .info: "info"
        case .warning: "warnings"
        case .error: "errors"
        }
    }

    static func letter(_ level: EventLevel) -> String {
        switch level {
        case .debug: "D"
        case .info: "I"
        case .warning: "W"
        case .error: "E"
        }
    }

    static func role(_ level: EventLevel) -> CellStyle.Role {
        switch level {
        case .debug: .faint
        case .info: .accent
        case .warning: .warning
        case .error: .bad
        }
    }
}

/// What the titles of the log and of the journal have in common: both are read newest first, and one search goes through both.
private enum LogTitle {
    static func search(_ state: ConsoleState) -> [Segment] {
        guard !state.eventFilter.text.isEmpty else { return [] }
        return [Segment(" \(state.setup.glyphs.separator) /\(state.eventFilter.text)", .accent, weight: 5)]
    }

    /// - Parameter newer: how many lines stand above what is shown; nil while the newest is followed.
    static func place(_ state: ConsoleState, newer: Int?) -> Segment {
        let up = state.setup.glyphs.sortUp
        guard let newer else { return Segment("following \(up)", .good) }
        return Segment("\(newer) newer \(up) \(state.key(.first))", .warning)
    }
}

/// One event in full, however long it is.
enum EventOverlay {
    static func draw(_ state: ConsoleState, _ view: EventView, _ grid: inout CellGrid) {
        let lines = lines(state, view)
        TextOverlay.draw(state, title: "Event", lines, scroll: view.scroll, &grid)
    }

    static func mostScroll(_ state: ConsoleState, _ view: EventView) -> Int {
        TextOverlay.mostScroll(state, lines(state, view).count)
    }

    private static func walk(_ state: ConsoleState, _ event: Snapshot.Event) -> [[Segment]] {
        guard let request = event.request, let walk = state.walk, walk.request == request else { return [] }
        let width = TextOverlay.width(state)
        switch walk.answer {
        case nil: return []
        case .refused(let text):
            return [[]] + DetailPanel.wrap(SafeText.clean(text), width).map { [Segment($0, .faint)] }
        case .known(let walk):
            return [[]]
                + PlainReport.lines(walk, utcOffset: state.shown.utcOffset).flatMap { DetailPanel.wrap($0, width) }
                .map { [Segment($0)] }
        }
    }

    private static func lines(_ state: ConsoleState, _ view: EventView) -> [[Segment]] {
        guard let event = state.shown.events.last(where: { $0.identity == view.id }) else {
            return [[Segment("This event is no longer in the log.", .faint)]]
        }
        let time = Quantity.preciseClock(event.time, utcOffset: state.shown.utcOffset)
        let text = DetailPanel.wrap(SafeText.clean(event.line), TextOverlay.width(state))
        let count = EventPanel.count(event, isASCII: state.setup.glyphs.isASCII)
        let since = Quantity.preciseClock(event.since, utcOffset: state.shown.utcOffset)
        let repeats = count.isEmpty ? [] : [[Segment(count, .warning), Segment(" since \(since)", .faint)]]
        return [
            [
                Segment(time, .strong), Segment("  \(event.severity.rawValue)  ", EventPanel.role(event.severity)),
                Segment(SafeText.clean(event.source), .faint),
            ]
        ] + repeats + [[]] + text.map { [Segment($0, event.severity == .error ? .bad : .text)] } + walk(state, event)
    }
}

/// The way of a request, as far as it is known by now.
struct ShownWalk: Sendable, Equatable {
    var request: String
    /// The question that is under way, or was answered.
    var command: CommandID
    var answer: Answer?

    enum Answer: Sendable, Equatable {
        case known(RequestWalk)
        case refused(String)
    }

    mutating func take(_ result: CommandResult) {
        switch result {
        case .success(.walk(let walk)): answer = .known(walk)
        case .success: answer = nil
        case .failure(let failure): answer = .refused(failure.line)
        }
    }
}

extension ConsoleState {
    /// Asks for the way of the request that the opened event speaks of.
    mutating func refreshWalk() -> [ConsoleEffect] {
        let request: String? =
            switch overlay {
            case .event(let view): shown.events.last { $0.identity == view.id }?.request
            case .request(let view): if case .ended(let row) = view.row { row.id } else { nil }
            default: nil
            }
        guard let request, walk?.request != request else { return [] }
        let id = nextIdentifier()
        walk = ShownWalk(request: request, command: id)
        return [.perform(id, .explain(request))]
    }
}

/// Which endpoint changed rank, when and why, newest first.
enum JournalPanel {
    static func draw(_ state: ConsoleState, _ layout: DashboardLayout, _ grid: inout CellGrid) {
        guard let frame = layout.frames[.journal] else { return }
        let content = layout.content(of: .journal)
        let glyphs = state.setup.glyphs
        let entries = state.visibleJournal
        let top = min(state.scroll[.journal] ?? 0, max(0, entries.count - content.height))
        grid.border(
            frame, isBoxed: layout.isBoxed, isFocused: state.focus == .journal,
            left: state.title(.journal, LogTitle.search(state)),
            right: [LogTitle.place(state, newer: top == 0 ? nil : top)],
            bottom: [Segment("\(state.key(.filter)) search \(glyphs.separator) \(state.key(.first)) follow", .faint)])
        for offset in 0..<max(0, content.height) {
            let index = entries.count - 1 - top - offset
            guard entries.indices.contains(index) else { break }
            grid.put(
                row(entries[index], state, content.width), column: content.column, line: content.line + offset,
                limit: content.right)
        }
        if entries.isEmpty, content.height > 0 {
            let text = state.shown.journal.isEmpty ? " No rank has changed yet." : " Nothing matches: Esc shows all."
            grid.put(
                text, column: content.column, line: content.line, limit: content.right, style: CellStyle(.faint))
        }
        if state.focus == .journal {
            grid.cursor = CellGrid.Cursor(column: content.column, line: content.line, isVisible: false)
        }
    }

    private static func row(_ entry: Snapshot.RankChange, _ state: ConsoleState, _ width: Int) -> [Segment] {
        let glyphs = state.setup.glyphs
        let time = " " + Quantity.clock(entry.time, utcOffset: state.shown.utcOffset) + " "
        let name = TextField.fit(SafeText.clean(entry.endpoint), width < 60 ? 14 : 20, glyphs: glyphs)
        let from = entry.from == 0 ? "new" : String(entry.from)
        let to = entry.to == 0 ? "gone" : String(entry.to)
        let places = TextField.fit("\(from)\(glyphs.arrow)\(to)", 7, align: .right, glyphs: glyphs)
        let rose = entry.from == 0 || (entry.to != 0 && entry.to < entry.from)
        let sign = " \(rose ? glyphs.risen : glyphs.fallen)"
        let used = time.count + TextWidth.columns(of: name) + 7 + 3
        return [
            Segment(time, .faint), Segment(name), Segment(sign, rose ? .good : .warning), Segment(places, .strong),
            Segment(" " + TextField.cut(SafeText.clean(entry.text), max(1, width - used - 1), glyphs: glyphs), .faint),
        ]
    }
}
