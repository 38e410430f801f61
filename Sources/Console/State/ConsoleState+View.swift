internal import PodiumModel
internal import PureSupport

// What is seen and how the operator moves in it: snapshots coming in, rows and their order, filters, cursor, scrolling, panels, the mouse.
// Nothing here changes the proxy, but for a row that is dragged to another rank.

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
        case .panel6: setFocus(.traffic)
        case .panel7: setFocus(.requests)
        case .panel8: setFocus(.journal)
        case .zoom: isZoomed.toggle()
        case .shorter: return stepTrafficSpan(-1, now: now)
        case .longer: return stepTrafficSpan(1, now: now)
        case .scope: return stepTrafficScope(now: now)
        case .mark: mark()
        case .cancelRequest: confirmCancel()
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

    /// Marks the endpoint under the cursor, or takes the mark away, and goes on to the next one.
    private mutating func mark() {
        guard let selected else { return }
        if marked.remove(selected.id) == nil { marked.insert(selected.id) }
        if focus == .endpoints { select(row: selectedRow + 1) }
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
        case .flushes:
            let flushes = shown.flushes
            guard !flushes.isEmpty else { return }
            let place = flushes.count - 1 - (selectedFlushIndex ?? flushes.count - 1)
            let target = destination(action, from: place, page: page, count: flushes.count)
            selectedFlushID = target == 0 ? nil : flushes[flushes.count - 1 - target].number
        case .events: moveEvent(action, page: page)
        case .traffic: break
        case .requests: moveRequest(action, page: page)
        case .persister, .detail, .journal:
            let most = max(0, contentHeight(of: focus) - layout.page(of: focus))
            let top = min(scroll[focus] ?? 0, most)
            scroll[focus] = destination(action, from: top, page: page, count: most + 1)
        }
    }

    func destination(_ action: ConsoleAction, from place: Int, page: Int, count: Int) -> Int {
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
        requests.selected = nil
        scroll[.requests] = 0
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

extension ConsoleState {
    mutating func take(_ snapshot: ConsolePicture, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        latest = snapshot
        let isSaved = !snapshot.persister.isDirty && snapshot.server.warning == nil
        let isConnected = snapshot.staleSince == nil
        updateToast(isSaved: isSaved, isConnected: isConnected, undo: snapshot.undo)
        if pausedAt == nil { show(snapshot, now: now) } else { showThrough(now: now) }
        followSaving(snapshot, now: now)
        noteDrained(now: now)
        bringBackLeftForm(now: now)
        guard let move = queuedMove, !isBusy(move.id) else { return [] }
        queuedMove = nil
        guard let endpoint = snapshot.endpoints.first(where: { $0.id == move.id }), endpoint.rank != move.rank else {
            return []
        }
        return [run(.move(endpoint.target, toRank: move.rank), now: now)]
    }

    /// Takes back what is no longer so.
    private mutating func updateToast(isSaved: Bool, isConnected: Bool, undo: String?) {
        guard let toast else { return }
        if toast.endsWhenSaved && isSaved || toast.text == Self.notConnected && isConnected {
            self.toast = nil
        } else if undo == toast.undo {
            self.toast?.isUndoSeen = true
        } else if toast.isUndoSeen {
            self.toast?.undo = nil
        }
    }

    mutating func show(_ snapshot: ConsolePicture, now: ContinuousClock.Instant) {
        let heldOrder = orderHeldUntil.map { $0 > now } == true ? rows.map { shown.endpoints[$0].id } : nil
        let lastChange = shown.journal.last?.time
        // A log that is scrolled stands still while new lines arrive: the one under the cursor keeps its place on the screen.
        let line = selectedEventID == nil ? nil : eventPlace(in: visibleEvents) - (scroll[.events] ?? 0)
        shown = snapshot
        if let line { scroll[.events] = max(0, eventPlace(in: visibleEvents) - line) }
        if let offset = scroll[.journal], offset > 0, let lastChange {
            scroll[.journal] = offset + visibleJournal.reversed().prefix { $0.time > lastChange }.count
        }
        if let name = pendingSelection, let added = snapshot.endpoints.first(where: { $0.name == name }) {
            selectedID = added.id
            pendingSelection = nil
        }
        if !marked.isEmpty { marked.formIntersection(snapshot.endpoints.map(\.id)) }
        stateCounts = [:]
        for index in snapshot.endpoints.indices { stateCounts[snapshot.endpoints[index].state, default: 0] += 1 }
        arrange(heldOrder: heldOrder)
    }

    /// Works out the rows again; `heldOrder` keeps the old order for what it names.
    mutating func arrange(heldOrder: [UInt32]? = nil) {
        let endpoints = shown.endpoints
        rows = Array(endpoints.indices)
        if !filter.text.isEmpty {
            let filter = RowFilter(filter.text)
            rows = rows.filter { filter.matches(endpoints[$0]) }
        }
        if let heldOrder {
            let places = Dictionary(heldOrder.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
            rows = stable(rows) { (places[endpoints[$0].id] ?? .max) < (places[endpoints[$1].id] ?? .max) }
        } else if sort != .rank {
            let column = sort
            let known = rows.filter { column.hasValue(endpoints[$0]) }
            let unknown = known.count == rows.count ? [] : rows.filter { !column.hasValue(endpoints[$0]) }
            rows = column.sorted(known, of: endpoints, descending: isDescending) + unknown
        } else if isDescending {
            rows.reverse()
        }
        keepSelection()
        keepInView()
    }

    private func stable(_ rows: [Int], by precedes: (Int, Int) -> Bool) -> [Int] {
        rows.sorted { precedes($0, $1) || (!precedes($1, $0) && $0 < $1) }
    }

    private mutating func keepSelection() {
        if let selectedID, let row = rows.firstIndex(where: { shown.endpoints[$0].id == selectedID }) {
            selectedRow = row
        } else {
            select(row: selectedRow)
        }
    }

    mutating func select(row: Int) {
        selectedRow = max(0, min(row, rows.count - 1))
        // The cursor belongs to an endpoint, not to a row; with none shown it waits for the last one to come back.
        if rows.indices.contains(selectedRow) { selectedID = shown.endpoints[rows[selectedRow]].id }
    }

    /// Scrolls the table so that the cursor is on screen.
    mutating func keepInView() {
        let visible = max(1, layout.tableRows)
        var top = min(scroll[.endpoints] ?? 0, max(0, rows.count - visible))
        if selectedRow < top { top = selectedRow }
        if selectedRow >= top + visible { top = selectedRow - visible + 1 }
        scroll[.endpoints] = max(0, top)
    }

    var layout: DashboardLayout {
        DashboardLayout(
            columns: columns, lines: lines, endpointCount: shown.endpoints.count, focus: focus, isZoomed: isZoomed)
    }

    func isBusy(_ id: UInt32) -> Bool {
        pending.values.contains { $0.command.isExclusive && $0.endpoint == id }
    }

    /// Changes of rank that contain the search, oldest first.
    var visibleJournal: [Snapshot.RankChange] {
        let needle = eventFilter.text.lowercased()
        guard !needle.isEmpty else { return shown.journal }
        return shown.journal.filter {
            $0.endpoint.lowercased().contains(needle) || $0.text.lowercased().contains(needle)
        }
    }

    /// Events at or above the chosen level that contain the search, oldest first.
    var visibleEvents: [Snapshot.Event] {
        let needle = eventFilter.text.lowercased()
        guard lowestLevel != .debug || !needle.isEmpty else { return shown.events }
        return shown.events.filter { event in
            guard event.severity >= lowestLevel else { return false }
            return needle.isEmpty || event.line.lowercased().contains(needle)
                || event.source.lowercased().contains(needle)
        }
    }
}

extension Snapshot.Endpoint {
    /// Whether a lower-case word is found in its name or tags, or is its kind or state.
    func matches(_ needle: String) -> Bool {
        settings.name.lowercased().contains(needle) || kind.rawValue == needle || state.rawValue == needle
            || settings.tags.contains { $0.lowercased().contains(needle) }
    }
}

extension Command {
    /// Whether rows can come to stand elsewhere by it.
    var movesRows: Bool { isExclusive && self != .flush }

    /// The name that its label says.
    var subject: String? {
        switch self {
        case .add(let draft): draft.name
        case .testDraft(let target, let draft): draft.name ?? target?.name
        default: target?.name
        }
    }

    /// Whether others of its kind, and the keys of its endpoint, wait for it.
    var isExclusive: Bool {
        switch self {
        case .clear, .test, .testDraft, .preview, .explain, .usage, .openRequests, .loggedRequests, .pastEvents,
            .cancel:
            false
        default: true
        }
    }

    /// What is going on while it is not answered.
    var label: String {
        let name = subject ?? ""
        return switch self {
        case .move(_, let rank): "Moving \(name) to rank \(rank)"
        case .setEnabled(_, let enabled): "Switching \(name) \(enabled ? "on" : "off")"
        case .setPinned(_, let pinned): "\(pinned ? "Pinning" : "Releasing") \(name)"
        case .clear: "Clearing \(name)"
        case .sortNow: "Sorting"
        case .setAutoSort(let on): "Switching auto-sort \(on ? "on" : "off")"
        case .update, .replace: "Saving \(name)"
        case .add: "Adding \(name)"
        case .remove: "Deleting \(name)"
        case .flush: "Writing"
        case .undo: "Undoing"
        case .redo: "Redoing"
        case .reload: "Reading the file"
        case .test, .testDraft: "Testing \(name)"
        case .preview: "Comparing"
        case .explain, .usage, .openRequests, .loggedRequests, .pastEvents: "Asking"
        case .cancel: "Cancelling the request"
        case .changeAll(let targets, _): "Changing \(targets.count.counted("endpoint"))"
        case .clone(_, let name): "Cloning \(target?.name ?? "") as \(name)"
        case .addClient, .changeClient, .removeClient: "Saving client \(client ?? "")"
        }
    }
}

extension ConsoleState {
    static let wheelStep = 3

    mutating func handleMouse(_ event: MouseEvent, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard isMouseOn else { return [] }
        orderHeldUntil = now + Self.orderHold
        let isUp = event.kind == .wheelUp
        if event.kind == .wheelUp || event.kind == .wheelDown {
            let isViewer = context == .help || context == .detail
            guard isViewer || context == .main else { return [] }
            if !isViewer, let panel = panel(at: event) { focus = panel }
            let action: ConsoleAction = isUp ? .cursorUp : .cursorDown
            for _ in 0..<Self.wheelStep {
                _ = isViewer ? performViewer(action, now: now) : performMain(action, now: now)
            }
            return []
        }
        guard context == .main, layout.size != .tiny else {
            dragged = nil
            return []
        }
        return event.kind == .press ? press(event) : release(event, now: now)
    }

    private func panel(at event: MouseEvent) -> Panel? {
        layout.frames.first { $0.value.contains(column: event.column, line: event.line) }?.key
    }

    private func row(at event: MouseEvent) -> Int? {
        let content = layout.content(of: .endpoints)
        let offset = event.line - content.line - 1
        guard offset >= 0, offset < layout.tableRows, content.contains(column: event.column, line: event.line) else {
            return nil
        }
        let row = (scroll[.endpoints] ?? 0) + offset
        return rows.indices.contains(row) ? row : nil
    }

    /// The column whose title is there.
    private func heading(at event: MouseEvent) -> SortColumn? {
        let content = layout.content(of: .endpoints)
        guard event.line == content.line else { return nil }
        return RankingTable.Columns(width: content.width, endpointCount: shown.endpoints.count)
            .column(at: event.column - content.column)
    }

    private mutating func press(_ event: MouseEvent) -> [ConsoleEffect] {
        dragged = nil
        guard let panel = panel(at: event) else { return [] }
        focus = panel
        if panel == .endpoints, let column = heading(at: event) {
            if column == sort { isDescending.toggle() } else { order(by: column) }
            arrange()
        } else if panel == .endpoints, let row = row(at: event) {
            select(row: row)
            dragged = selectedID
        }
        keepInView()
        return []
    }

    /// Dropped on another row, the endpoint takes that row's rank.
    private mutating func release(_ event: MouseEvent, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        defer { dragged = nil }
        guard let dragged, let row = row(at: event), shown.endpoints[rows[row]].id != dragged,
            let endpoint = latest.endpoints.first(where: { $0.id == dragged }),
            let target = latest.endpoints.first(where: { $0.id == shown.endpoints[rows[row]].id })
        else { return [] }
        if let reason = changeObstacle ?? dragObstacle(endpoint) {
            say(.note, reason, now: now)
            return [.bell]
        }
        return [run(.move(endpoint.target, toRank: target.rank), now: now)]
    }

    private func dragObstacle(_ endpoint: Snapshot.Endpoint) -> String? {
        if sort != .rank { return "sorted by \(sort.title), not by rank: < and > change that" }
        return isBusy(endpoint.id) ? "\(SafeText.clean(endpoint.name)) is being saved" : nil
    }
}
