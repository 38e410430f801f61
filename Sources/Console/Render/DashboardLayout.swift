internal import PodiumModel

// The picture as a whole: what is drawn when, and where it stands. `ConsoleLoop` calls `render` for each frame, tests call it with a state
// of their own.

extension ConsoleState {
    /// Draws the state: the same state and time give the same screen.
    public func render(now: ContinuousClock.Instant) -> CellGrid {
        var grid = CellGrid(width: columns, height: lines, glyphs: setup.glyphs)
        guard columns > 0, lines > 0 else { return grid }
        let layout = layout
        let time = pictureTime(now)
        guard layout.size != .tiny else {
            drawTiny(now, &grid)
            return grid
        }
        Header.draw(self, layout, latest.staleSince == nil ? time : now, &grid)
        for panel in Panel.allCases { draw(panel, layout, time, &grid) }
        if let line = layout.persisterLine { PersisterPanel.drawLine(self, line, time, &grid) }
        if layout.size == .normal { joinRules(layout, &grid) }
        // An old picture must not look like a live one.
        if latest.staleSince != nil { grid.fade(from: layout.header.bottom) }
        drawOverlay(layout, now, &grid)
        StatusLine.draw(self, layout, now, &grid)
        BottomBar.draw(self, layout, &grid)
        return grid
    }

    private func draw(_ panel: Panel, _ layout: DashboardLayout, _ now: ContinuousClock.Instant, _ grid: inout CellGrid)
    {
        guard layout.frames[panel] != nil else { return }
        switch panel {
        case .endpoints: RankingTable.draw(self, layout, &grid)
        case .persister: PersisterPanel.draw(self, layout, now, &grid)
        case .flushes: FlushPanel.draw(self, layout, &grid)
        case .events: EventPanel.draw(self, layout, &grid)
        case .detail: DetailPanel.draw(self, layout, now, &grid)
        case .traffic: TrafficPanel.draw(self, layout, &grid)
        case .requests: RequestsPanel.draw(self, layout, &grid)
        case .journal: JournalPanel.draw(self, layout, &grid)
        }
    }

    /// The line between the persister and the flushes, with its ends in the rules above and below.
    private func joinRules(_ layout: DashboardLayout, _ grid: inout CellGrid) {
        guard let left = layout.frames[.persister], let right = layout.frames[.flushes], right.line == left.line else {
            return
        }
        let style = CellStyle(.border)
        grid.fill(setup.glyphs.teeDown, column: left.right, line: left.line, count: 1, style: style)
        for line in left.line + 1..<left.bottom {
            grid.fill(setup.glyphs.vertical, column: left.right, line: line, count: 1, style: style)
        }
        if layout.frames[.events] != nil, grid[left.right, left.bottom].style.role != .text {
            grid.fill(setup.glyphs.teeUp, column: left.right, line: left.bottom, count: 1, style: style)
        }
    }

    /// Too small for anything but a sentence; what is open stays open, and its keys still work.
    private func drawTiny(_ now: ContinuousClock.Instant, _ grid: inout CellGrid) {
        let glyphs = setup.glyphs
        var text: String
        switch context {
        case .main:
            if let toast, toast.expires > now {
                grid.put(" " + toast.text, column: 0, line: lines / 2)
                return
            }
            let up = (stateCounts[.up] ?? 0) + (stateCounts[.slow] ?? 0)
            let dirty = shown.persister.isDirty ? "\(glyphs.dirty)\(shown.persister.unsavedChanges) " : ""
            let rate = Quantity.rate(shown.traffic.perSecond)
            text = " \(up)/\(shown.endpoints.count) up  \(dirty)\(rate) r/s  q quits; 40x10 shows more"
        case .quit: text = " s stop  k keep serving  Esc cancel"
        default: text = " Esc leaves this; 40x10 shows it"
        }
        grid.put(text, column: 0, line: lines / 2)
    }

    private func drawOverlay(_ layout: DashboardLayout, _ now: ContinuousClock.Instant, _ grid: inout CellGrid) {
        switch overlay {
        case .help(let view): HelpOverlay.draw(self, view, &grid)
        case .form(let form):
            if let scroll = form.differenceScroll {
                DifferenceOverlay.draw(self, form, scroll: scroll, &grid)
            } else {
                FormOverlay.draw(self, form, now, &grid)
            }
        case .delete(let prompt): DialogOverlay.draw(self, prompt, &grid)
        case .confirm(let dialog): DialogOverlay.draw(self, dialog, &grid)
        case .quit(let dialog): DialogOverlay.draw(self, dialog, &grid)
        case .flush(let view): FlushOverlay.draw(self, view, &grid)
        case .event(let view): EventOverlay.draw(self, view, &grid)
        case .history(let view): HistoryOverlay.draw(self, view, &grid)
        case .past(let view): PastOverlay.draw(self, view, &grid)
        case .request(let view): RequestOverlay.draw(self, view, &grid)
        case nil: break
        }
    }

    /// The key of an action as hints name it.
    func key(_ action: ConsoleAction) -> String { setup.keymap.key(action, isASCII: setup.glyphs.isASCII) }

    /// The configuration by its name alone: where it lies stands in the persister's panel, and in the event in full.
    func brief(_ text: String) -> String {
        let path = SafeText.clean(latest.server.configPath)
        guard let slash = path.lastIndex(of: "/"), text.contains(path) else { return text }
        return text.replacing(path, with: path[path.index(after: slash)...])
    }

    /// The number, name and state of a panel for its title.
    func title(_ panel: Panel, _ rest: [Segment] = []) -> [Segment] {
        let isFocused = focus == panel
        return [Segment("\(panel.rawValue) \(panel.title)", isFocused ? .focusedBorder : .title)] + rest
    }

    /// How many lines a scrolling panel has in all.
    func contentHeight(of panel: Panel) -> Int {
        switch panel {
        case .endpoints: rows.count
        case .flushes: shown.flushes.count
        case .traffic: 0
        case .requests: requestRows.count
        case .events: visibleEvents.count
        case .journal: visibleJournal.count
        case .persister:
            PersisterPanel.lines(self, layout.content(of: .persister), now: shown.receivedAt).count
        case .detail: DetailPanel.lines(self, layout.content(of: .detail), now: shown.receivedAt).count
        }
    }
}

/// Where everything stands: a pure function of the size.
struct DashboardLayout: Sendable, Equatable {
    enum Size: Sendable, Equatable {
        /// Below 40x10: one status line.
        case tiny
        /// From 40x10: the table, the persister in one line.
        case compact
        /// From 60x18: four panels between rules.
        case normal
        /// From 120x30: six boxes.
        case wide
    }

    let size: Size
    let columns: Int
    let lines: Int
    private(set) var header: Frame
    /// Each with its title line; boxes with their border.
    private(set) var frames: [Panel: Frame] = [:]
    /// The persister's line in compact screens.
    private(set) var persisterLine: Frame?
    let status: Frame
    let bar: Frame
    let isBoxed: Bool

    init(columns: Int, lines: Int, endpointCount: Int, focus: Panel, isZoomed: Bool) {
        self.columns = columns
        self.lines = lines
        size =
            if columns < 40 || lines < 10 {
                .tiny
            } else if columns < 60 || lines < 18 {
                .compact
            } else if columns < 120 || lines < 30 {
                .normal
            } else {
                .wide
            }
        isBoxed = size == .wide
        header = Frame(column: 0, line: 0, width: columns, height: size == .wide ? 2 : 1)
        status = Frame(column: 0, line: max(0, lines - 2), width: columns, height: 1)
        bar = Frame(column: 0, line: max(0, lines - 1), width: columns, height: 1)
        guard size != .tiny else { return }
        let area = Frame(column: 0, line: header.height, width: columns, height: lines - header.height - 2)
        switch size {
        case .wide: arrangeWide(area, endpointCount)
        case .normal: arrangeNormal(area, endpointCount)
        default: arrangeCompact(area, endpointCount)
        }
        if isZoomed || frames[focus] == nil {
            frames = [focus: area]
            persisterLine = nil
        }
    }

    private mutating func arrangeWide(_ area: Frame, _ endpointCount: Int) {
        let right = max(48, min(80, columns / 3))
        let left = columns - right
        let persisterHeight = 9
        let rest = area.height - persisterHeight
        let tableHeight = min(max(16, endpointCount + 4), rest * 6 / 10)
        let middle = area.line + tableHeight
        let leftHalf = left / 2
        frames[.endpoints] = Frame(column: 0, line: area.line, width: left, height: tableHeight)
        frames[.detail] = Frame(column: left, line: area.line, width: right, height: tableHeight)
        frames[.persister] = Frame(column: 0, line: middle, width: leftHalf, height: persisterHeight)
        frames[.flushes] = Frame(column: leftHalf, line: middle, width: left - leftHalf, height: persisterHeight)
        frames[.traffic] = Frame(column: left, line: middle, width: right, height: persisterHeight)
        // The journal needs a line of its own beside the log; a narrower screen shows it when it has the focus.
        let journal = columns >= 170 ? right : 0
        let below = middle + persisterHeight
        // Where there is room for a log of its own, requests stand below it.
        let requests = rest - tableHeight >= 22 ? min(20, (rest - tableHeight) / 2) : 0
        let log = rest - tableHeight - requests
        frames[.events] = Frame(column: 0, line: below, width: columns - journal, height: log)
        if journal > 0 { frames[.journal] = Frame(column: left, line: below, width: journal, height: log) }
        if requests > 0 {
            frames[.requests] = Frame(column: 0, line: below + log, width: columns, height: requests)
        }
    }

    private mutating func arrangeNormal(_ area: Frame, _ endpointCount: Int) {
        // Three rules, the column titles and four lines of the persister are fixed.
        let free = area.height - 8
        let tableRows = max(3, min(endpointCount, free - max(3, free / 3)))
        let middle = area.line + 2 + tableRows
        let half = columns / 2 - 1
        // A short and wide screen has room for the detail beside the table.
        let detail = columns >= 150 ? min(70, columns / 3) : 0
        frames[.endpoints] = Frame(
            column: 0, line: area.line, width: columns - detail - (detail > 0 ? 1 : 0), height: tableRows + 2)
        if detail > 0 {
            frames[.detail] = Frame(
                column: columns - detail, line: area.line, width: detail, height: tableRows + 2)
        }
        frames[.persister] = Frame(column: 0, line: middle, width: half, height: 5)
        frames[.flushes] = Frame(column: half + 1, line: middle, width: columns - half - 1, height: 5)
        frames[.events] = Frame(
            column: 0, line: middle + 5, width: columns, height: area.bottom - middle - 5)
    }

    private mutating func arrangeCompact(_ area: Frame, _ endpointCount: Int) {
        persisterLine = Frame(column: 0, line: area.bottom - 1, width: columns, height: 1)
        let free = area.height - 1
        // A tall narrow screen has room for the log below the table.
        let events = free >= 12 ? max(4, free - max(5, endpointCount + 2)) : 0
        frames[.endpoints] = Frame(column: 0, line: area.line, width: columns, height: free - events)
        if events > 0 {
            frames[.events] = Frame(column: 0, line: area.bottom - 1 - events, width: columns, height: events)
        }
    }

    /// Where a panel's text stands.
    func content(of panel: Panel) -> Frame {
        guard let frame = frames[panel] else { return Frame(column: 0, line: 0, width: 0, height: 0) }
        if isBoxed { return frame.inner }
        return Frame(column: frame.column, line: frame.line + 1, width: frame.width, height: max(0, frame.height - 1))
    }

    /// Rows of the table between its titles and, in a box, its legend.
    var tableRows: Int { max(0, content(of: .endpoints).height - (isBoxed ? 2 : 1)) }

    /// Lines of a panel that scroll.
    func page(of panel: Panel) -> Int {
        switch panel {
        case .endpoints: tableRows
        case .flushes, .requests: max(0, content(of: panel).height - 1)
        case .persister, .events, .detail, .traffic, .journal: content(of: panel).height
        }
    }
}
