internal import PodiumModel

extension ConsoleState {
    mutating func take(_ snapshot: ConsolePicture, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        latest = snapshot
        let isSaved = !snapshot.persister.isDirty && snapshot.server.warning == nil
        let isConnected = snapshot.staleSince == nil
        updateToast(isSaved: isSaved, isConnected: isConnected, undo: snapshot.undo)
        if pausedAt == nil { show(snapshot, now: now) } else { showThrough(now: now) }
        followSaving(snapshot, now: now)
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
        stateCounts = [:]
        for index in snapshot.endpoints.indices { stateCounts[snapshot.endpoints[index].state, default: 0] += 1 }
        arrange(heldOrder: heldOrder)
    }

    /// Works out the rows again; `heldOrder` keeps the old order for what it names.
    mutating func arrange(heldOrder: [UInt32]? = nil) {
        let endpoints = shown.endpoints
        let needle = filter.text.lowercased()
        rows = Array(endpoints.indices)
        if !needle.isEmpty { rows = rows.filter { endpoints[$0].matches(needle) } }
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
        case .test, .testDraft, .preview: false
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
        }
    }
}
