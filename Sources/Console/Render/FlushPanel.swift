internal import PodiumModel
internal import PureSupport

/// The history of flushes, newest first.
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
