internal import PodiumModel
internal import PureSupport

/// The history of flushes, newest first; the one flush that is opened, and the chart, follow below.
enum FlushPanel {
    static let slow = Duration.milliseconds(40)
    /// From here on there is room for what was changed.
    private static let wide = 76

    static func draw(_ state: ConsoleState, _ layout: DashboardLayout, _ grid: inout CellGrid) {
        guard let frame = layout.frames[.flushes] else { return }
        let content = layout.content(of: .flushes)
        let glyphs = state.setup.glyphs
        let flushes = state.shown.flushes
        var left: [Segment] = []
        if !layout.isBoxed {
            let series = flushes.suffix(12).map(\.worked.inMilliseconds)
            if !series.isEmpty {
                left = [Segment(" ms ", .faint, weight: 10)]
                left.append(Segment(Sparkline.text(series, width: series.count, glyphs: glyphs), .graph, weight: 10))
            }
        }
        let isFocused = state.focus == .flushes
        let right = layout.isBoxed ? [Segment(String(flushes.count))] : []
        grid.border(
            frame, isBoxed: layout.isBoxed, isFocused: isFocused, left: state.title(.flushes, left), right: right,
            bottom: [Segment("\(state.key(.edit)) detail", .faint)])
        guard content.height > 0 else { return }
        let heading =
            " TIME     WHY     CHG   SIZE    MS" + (content.width >= 42 ? " RESULT" : "")
            + (content.width >= wide ? "    CHANGED" : "")
        grid.put(heading, column: content.column, line: content.line, limit: content.right, style: CellStyle(.faint))
        if flushes.isEmpty {
            grid.put(
                " Nothing has been flushed yet.", column: content.column, line: content.line + 1,
                limit: min(content.right, content.height > 1 ? content.right : 0), style: CellStyle(.faint))
            return
        }
        let visible = content.height - 1
        let place = flushes.count - 1 - (state.selectedFlushIndex ?? 0)
        let top = place >= visible ? place - visible + 1 : 0
        for offset in 0..<max(0, visible) {
            let index = flushes.count - 1 - top - offset
            guard flushes.indices.contains(index) else { break }
            let line = content.line + 1 + offset
            grid.put(
                row(flushes[index], state, width: content.width), column: content.column, line: line,
                limit: content.right)
            if isFocused, top + offset == place {
                grid.put(String(glyphs.cursor), column: content.column, line: line, style: CellStyle(.accent))
                grid.setGround(.selected, column: content.column, line: line, count: content.width)
                grid.cursor = CellGrid.Cursor(column: content.column, line: line, isVisible: false)
            }
        }
    }

    private static func row(_ flush: Snapshot.Flush, _ state: ConsoleState, width: Int) -> [Segment] {
        let glyphs = state.setup.glyphs
        func right(_ text: String, _ width: Int) -> String { TextField.fit(text, width, align: .right, glyphs: glyphs) }
        let result = result(flush, glyphs)
        let why = [
            Segment(" " + Quantity.clock(flush.time, utcOffset: state.shown.utcOffset), .faint),
            Segment(" " + TextField.fit(trigger(flush.trigger), 8, glyphs: glyphs)),
            Segment(right(Quantity.count(UInt64(flush.changes.count), width: 3), 3)),
        ]
        // A failure's word needs the room of the size and the time, which it has not got.
        if flush.result == .failed, width < 44 {
            return why + [Segment("  \(glyphs.cross) \(result.text)", result.role)]
        }
        return why + [
            Segment(right(Quantity.bytes(flush.shownSize, dash: String(glyphs.dash)), 7)),
            Segment(right(Quantity.milliseconds(flush.worked), 6)),
            Segment(" " + (width >= wide ? TextField.fit(result.text, 9, glyphs: glyphs) : result.text), result.role),
        ] + (width >= wide ? changed(flush, width - 46, glyphs) : [])
    }

    private static func changed(_ flush: Snapshot.Flush, _ room: Int, _ glyphs: Glyphs) -> [Segment] {
        guard let first = flush.changes.first else { return [] }
        let more = flush.changes.count > 1 ? " +\(flush.changes.count - 1)" : ""
        return [
            Segment(TextField.cut(SafeText.clean(first), room - more.count, glyphs: glyphs)), Segment(more, .faint),
        ]
    }

    /// In the eight columns there are.
    static func trigger(_ trigger: String) -> String {
        trigger == "max_dirty" ? "maxdirty" : SafeText.clean(trigger)
    }

    static func result(_ flush: Snapshot.Flush, _ glyphs: Glyphs) -> (text: String, role: CellStyle.Role) {
        switch flush.result {
        case .written where flush.worked >= slow: ("SLOW", .warning)
        case .written: flush.waited > .zero ? ("wait", .faint) : ("ok", .good)
        case .unchanged: ("same", .faint)
        case .inMemory: ("memory", .faint)
        case .durabilityUnknown: ("sync?", .bad)
        case .failed: (SafeText.clean(flush.errorCode ?? ""), .bad)
        }
    }
}

/// One flush: how long each step took and what it changed.
enum FlushOverlay {
    static func draw(_ state: ConsoleState, _ view: FlushView, _ grid: inout CellGrid) {
        TextOverlay.draw(state, title: "Flush", lines(state, view), scroll: view.scroll, &grid)
    }

    static func mostScroll(_ state: ConsoleState, _ view: FlushView) -> Int {
        TextOverlay.mostScroll(state, lines(state, view).count)
    }

    static func lines(_ state: ConsoleState, _ view: FlushView) -> [[Segment]] {
        guard let flush = state.shown.flushes.last(where: { $0.number == view.id }) else {
            return [[Segment("This flush is no longer in the history.", .faint)]]
        }
        let glyphs = state.setup.glyphs
        let width = TextOverlay.width(state)
        let result = FlushPanel.result(flush, glyphs)
        var lines: [[Segment]] = [
            [
                Segment(Quantity.preciseClock(flush.time, utcOffset: state.shown.utcOffset), .strong),
                Segment("  \(SafeText.clean(flush.trigger))  "), Segment(result.text, result.role),
            ],
            [
                Segment(
                    "\(flush.changes.count.counted("change")), \(flush.bytesChanged) bytes changed, file "),
                Segment(Quantity.bytes(flush.shownSize, dash: String(glyphs.dash))),
            ],
        ]
        if let failure = flush.failure {
            for part in DetailPanel.wrap(SafeText.clean(failure.text), max(8, width)) {
                lines.append([Segment(part, .bad)])
            }
        }
        lines.append([])
        let whole = max(flush.duration.inMilliseconds, 0.001)
        let room = max(4, width - 22)
        for step in flush.steps {
            let share = min(1, max(0, step.duration.inMilliseconds / whole))
            let filled = Int((share * Double(room)).rounded())
            lines.append([
                Segment(TextField.fit(SafeText.clean(step.name), 9, glyphs: glyphs), .faint),
                Segment(
                    TextField.fit(Quantity.fixed(step.duration.inMilliseconds, 2), 8, align: .right, glyphs: glyphs)
                        + " ms "),
                Segment(String(repeating: String(glyphs.barFull), count: filled), .graph),
            ])
        }
        lines.append([
            Segment(TextField.fit("all", 9, glyphs: glyphs), .faint),
            Segment(
                TextField.fit(Quantity.fixed(flush.duration.inMilliseconds, 2), 8, align: .right, glyphs: glyphs)
                    + " ms",
                .strong),
        ])
        lines.append([])
        if flush.result == .unchanged {
            lines.append([Segment("The file already said so: nothing was written.", .faint)])
        }
        for change in flush.changes {
            for (index, part) in DetailPanel.wrap(SafeText.clean(change), max(8, width - 2)).enumerated() {
                lines.append([Segment(index == 0 ? "\(glyphs.bullet) " : "  ", .accent), Segment(part)])
            }
        }
        return lines
    }
}

/// How long flushes took and how much they changed: in the persister's panel, where that has the room.
enum ChartPanel {
    /// As many lines as it needs to say something.
    static let least = 6

    /// - Parameter content: where it stands: below the persister's counters
    static func draw(_ state: ConsoleState, in content: Frame, _ grid: inout CellGrid) {
        let glyphs = state.setup.glyphs
        let labels = 5
        let width = content.width - labels - 1
        guard content.height >= least, width > 4 else { return }
        let flushes = Array(state.shown.flushes.suffix(width))
        guard !flushes.isEmpty else { return }
        let values = flushes.map(\.worked.inMilliseconds)
        let top = max(values.max() ?? 0, 0.1)
        let height = content.height - 2
        let steps = glyphs.levels.count
        for row in 0..<height {
            let line = content.line + row
            let floor = height - 1 - row
            let share = top * Double(floor + 1) / Double(height)
            let label = share < 10 ? Quantity.fixed(share, 1) : Quantity.fixed(share, 0)
            grid.put(
                TextField.fit(label, labels - 1, align: .right, glyphs: glyphs) + String(glyphs.vertical),
                column: content.column, line: line, style: CellStyle(.faint))
            for (index, value) in values.enumerated() {
                let eighths = Int((value / top * Double(height * steps)).rounded(.up))
                let here = eighths - floor * steps
                guard here > 0 else { continue }
                let failed = flushes[index].result == .failed
                grid.put(
                    String(glyphs.levels[min(steps, here) - 1]), column: content.column + labels + index, line: line,
                    limit: content.right, style: CellStyle(failed ? .bad : .graph))
            }
        }
        let changes = Sparkline.text(flushes.map { Double($0.changes.count) }, width: flushes.count, glyphs: glyphs)
        grid.put(" chg ", column: content.column, line: content.bottom - 2, style: CellStyle(.faint))
        grid.put(
            changes, column: content.column + labels, line: content.bottom - 2, limit: content.right,
            style: CellStyle(.graph))
        let sorted = values.sorted()
        let median = Quantity.fixed(sorted[(sorted.count - 1) / 2], 1)
        let high = Quantity.fixed(sorted[min(sorted.count - 1, (sorted.count * 95 + 99) / 100 - 1)], 1)
        grid.put(
            " median \(median) ms \(glyphs.separator) p95 \(high) ms \(glyphs.separator) \(flushes.count) shown",
            column: content.column, line: content.bottom - 1, limit: content.right, style: CellStyle(.faint))
    }
}
