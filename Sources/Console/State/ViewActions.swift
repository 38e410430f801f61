internal import PodiumModel
internal import PureSupport

extension ConsoleState {
    mutating func performView(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        switch action {
        case .nextColumn, .previousColumn:
            let count = SortColumn.allCases.count
            let step = action == .nextColumn ? 1 : count - 1
            order(by: SortColumn(rawValue: (sort.rawValue + step) % count) ?? .rank)
        case .reverse:
            isDescending.toggle()
            arrange()
        case .level:
            let levels: [EventLevel] = [.debug, .info, .warning, .error]
            let index = levels.firstIndex(of: lowestLevel) ?? 0
            lowestLevel = levels[(index + 1) % levels.count]
            followEvents()
        case .nextPanel, .previousPanel: stepFocus(action == .nextPanel ? 1 : -1)
        case .panel1: setFocus(.endpoints)
        case .panel2: setFocus(.persister)
        case .panel3: setFocus(.flushes)
        case .panel4: setFocus(.events)
        case .panel5: setFocus(.detail)
        case .panel6: setFocus(.chart)
        case .panel7: setFocus(.journal)
        case .zoom: isZoomed.toggle()
        case .pause: togglePause(now: now)
        case .faster, .slower:
            let steps = Self.refreshSteps
            refresh =
                action == .faster ? steps.last { $0 < refresh } ?? steps[0] : steps.first { $0 > refresh } ?? refresh
            say(.note, "The picture is renewed every \(Self.name(refresh))", now: now)
        case .theme:
            theme = theme.next
            say(.note, "Theme: \(theme.name)", now: now)
        case .mouse:
            isMouseOn.toggle()
            say(.note, isMouseOn ? "Mouse on: click, scroll, drag a row to a rank" : "Mouse off", now: now)
            return [.mouse(isMouseOn)]
        case .redraw: return [.redraw]
        case .suspend: return [.suspend]
        case .commandLine: command = CommandLine(history: commandHistory)
        case .help: overlay = .help(HelpView())
        // The proxy is not this process's to stop.
        case .quit where latest.isAttached: return [.quit(.keepServing)]
        case .quit: overlay = .quit(QuitDialog())
        default: break
        }
        keepInView()
        return []
    }

    static func name(_ refresh: Duration) -> String {
        refresh < .seconds(1) ? Quantity.fixed(refresh.inMilliseconds / 1_000, 1) + "s" : Quantity.age(refresh)
    }

    private mutating func setFocus(_ panel: Panel) {
        focus = panel
    }

    private mutating func stepFocus(_ step: Int) {
        let panels = Panel.allCases
        let index = panels.firstIndex(of: focus) ?? 0
        focus = panels[(index + step + panels.count) % panels.count]
    }

    /// Moves the cursor or the text of the panel in focus.
    mutating func move(_ action: ConsoleAction) {
        let page = max(1, layout.page(of: focus) - 1)
        switch focus {
        case .endpoints:
            select(row: destination(action, from: selectedRow, page: page, count: rows.count))
        case .flushes, .chart:
            let flushes = shown.flushes
            guard !flushes.isEmpty else { return }
            let place = flushes.count - 1 - (selectedFlushIndex ?? flushes.count - 1)
            let target = destination(action, from: place, page: page, count: flushes.count)
            selectedFlushID = target == 0 ? nil : flushes[flushes.count - 1 - target].number
        case .events: moveEvent(action, page: page)
        case .persister, .detail, .journal:
            let most = max(0, contentHeight(of: focus) - layout.page(of: focus))
            let top = min(scroll[focus] ?? 0, most)
            scroll[focus] = destination(action, from: top, page: page, count: most + 1)
        }
    }

    private func destination(_ action: ConsoleAction, from place: Int, page: Int, count: Int) -> Int {
        let target =
            switch action {
            case .cursorUp: place - 1
            case .cursorDown: place + 1
            case .pageUp: place - page
            case .pageDown: place + page
            case .first: 0
            case .last: count - 1
            default: place
            }
        return max(0, min(target, count - 1))
    }

    mutating func order(by column: SortColumn, descending: Bool? = nil) {
        sort = column
        isDescending = descending ?? column.startsDescending
        arrange()
    }

    /// Back to the newest event.
    mutating func followEvents() {
        selectedEventID = nil
        scroll[.events] = 0
        scroll[.journal] = 0
    }

    private mutating func moveEvent(_ action: ConsoleAction, page: Int) {
        let events = visibleEvents
        guard !events.isEmpty else { return }
        let target = destination(action, from: eventPlace(in: events), page: page, count: events.count)
        selectEvent(place: target, of: events)
    }

    /// `place` counts from the newest.
    mutating func selectEvent(place: Int, of events: [Snapshot.Event]) {
        guard events.indices.contains(events.count - 1 - place) else { return }
        selectedEventID = place == 0 ? nil : events[events.count - 1 - place].identity
        let height = max(1, layout.page(of: .events))
        var top = min(scroll[.events] ?? 0, max(0, events.count - height))
        if place < top { top = place }
        if place >= top + height { top = place - height + 1 }
        scroll[.events] = top
    }

    /// How far from the newest of the events shown the one under the cursor is.
    func eventPlace(in events: [Snapshot.Event]) -> Int {
        guard let selectedEventID else { return 0 }
        guard let index = place(of: selectedEventID, in: events) else { return max(0, events.count - 1) }
        return events.count - 1 - index
    }

    /// Where an event is, or the one before it, if it is not among these any more.
    func place(of id: UInt64, in events: [Snapshot.Event]) -> Int? {
        events.lastIndex { $0.identity == id } ?? events.lastIndex { $0.identity <= id }
    }

    var selectedEvent: Snapshot.Event? {
        let events = visibleEvents
        let index = events.count - 1 - eventPlace(in: events)
        return events.indices.contains(index) ? events[index] : nil
    }

    var selectedFlushIndex: Int? {
        guard let selectedFlushID else { return shown.flushes.isEmpty ? nil : shown.flushes.count - 1 }
        return shown.flushes.lastIndex { $0.number <= selectedFlushID } ?? (shown.flushes.isEmpty ? nil : 0)
    }

    /// The flush under the cursor: the newest, unless another was chosen.
    var selectedFlush: Snapshot.Flush? { selectedFlushIndex.map { shown.flushes[$0] } }
}
