internal import PodiumModel

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
        // What is old must not look alive.
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
        case .chart: ChartPanel.draw(self, layout, &grid)
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
        case .flushes, .chart: shown.flushes.count
        case .events: visibleEvents.count
        case .journal: visibleJournal.count
        case .persister:
            PersisterPanel.lines(self, layout.content(of: .persister), now: shown.receivedAt).count
        case .detail: DetailPanel.lines(self, layout.content(of: .detail), now: shown.receivedAt).count
        }
    }
}
