internal import PodiumModel

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
