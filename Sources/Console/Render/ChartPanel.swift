internal import PodiumModel
internal import PureSupport

/// How long flushes took and how much they changed.
enum ChartPanel {
    static func draw(_ state: ConsoleState, _ layout: DashboardLayout, _ grid: inout CellGrid) {
        guard let frame = layout.frames[.chart] else { return }
        let content = layout.content(of: .chart)
        let glyphs = state.setup.glyphs
        grid.border(
            frame, isBoxed: layout.isBoxed, isFocused: state.focus == .chart,
            left: state.title(.chart, [Segment(" \(glyphs.separator) changes")]))
        let labels = 5
        let width = content.width - labels - 1
        guard content.height >= 4, width > 4 else { return }
        let flushes = Array(state.shown.flushes.suffix(width))
        guard !flushes.isEmpty else {
            grid.put(
                " Nothing has been flushed yet.", column: content.column, line: content.line, style: CellStyle(.faint))
            return
        }
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
