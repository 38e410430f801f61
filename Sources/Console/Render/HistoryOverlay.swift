internal import PodiumModel
internal import PureSupport

/// What went on over time: a table of sums by endpoint, model or client, and graphs of the row under the cursor.
///
/// It covers the dashboard. Where there was no traffic the graphs have gaps and no zeros, and each says what its highest value is.
enum HistoryOverlay {
    /// Names of graphs, with the blank behind them.
    private static let labelWidth = 10

    private struct Column: Sendable {
        var title: String
        var width: Int
        /// Columns of higher weight are left out first where there is no room.
        var weight: Int
        var value: @Sendable (UsageReport.Row) -> String
    }

    private struct Graph: Sendable {
        var title: String
        var value: @Sendable (UsageReport.Row) -> Double?
        var most: @Sendable (Double) -> String
        /// Percentiles of several rows cannot be had from theirs.
        var isForAll = true
    }

    private static let graphs = [
        Graph(title: "requests", value: { $0.requests > 0 ? Double($0.requests) : nil }, most: { count(Int64($0), 7) }),
        Graph(
            title: "failed", value: { $0.attempts > 0 ? Double($0.failed) / Double($0.attempts) : nil },
            most: { Quantity.fixed($0 * 100, 1) + " %" }),
        Graph(title: "p95", value: { $0.firstByteP95Seconds }, most: { seconds($0) }, isForAll: false),
        Graph(
            title: "cost", value: { $0.requests > 0 && $0.costText != "?" ? Double($0.cost) : nil },
            most: { Quantity.fixed($0, 2) }),
    ]

    private static let columns = [
        Column(title: "REQS", width: 8, weight: 0) { count($0.requests, 7) },
        Column(title: "OK%", width: 7, weight: 2) { share($0.attempts - $0.failed, of: $0.attempts) },
        Column(title: "RESC", width: 6, weight: 6) { count($0.rescued, 5) },
        Column(title: "p50", width: 7, weight: 5) { $0.firstByteP50Seconds.map(seconds) ?? "" },
        Column(title: "p95", width: 7, weight: 3) { $0.firstByteP95Seconds.map(seconds) ?? "" },
        Column(title: "IN", width: 7, weight: 4) { count($0.input, 4) },
        Column(title: "CACHE", width: 7, weight: 7) { count($0.cacheRead, 4) },
        Column(title: "OUT", width: 7, weight: 4) { count($0.output, 4) },
        Column(title: "COST", width: 11, weight: 1) { cost($0) },
    ]

    static func draw(_ state: ConsoleState, _ view: HistoryView, _ grid: inout CellGrid) {
        let glyphs = state.setup.glyphs
        let frame = frame(state)
        let days = view.span.split(separator: ".")
        let span = view.period == .day ? String(days.first ?? "") : view.span
        grid.clear(frame)
        grid.border(
            frame, isBoxed: true, isFocused: true,
            left: [Segment("History", .title), Segment(" \(glyphs.separator) by \(view.group.rawValue)", .faint)],
            right: [Segment(span, .accent)], bottom: [Segment(hint(view), .faint)])
        grid.cursor = nil
        let inner = frame.inner
        if let text = view.refusal ?? view.report?.problem {
            let lines = DetailPanel.wrap(SafeText.clean(text), max(1, inner.width - 2))
            for (offset, line) in lines.prefix(3).enumerated() {
                grid.put(
                    line, column: inner.column + 1, line: inner.bottom - min(3, lines.count) + offset,
                    limit: inner.right, style: CellStyle(.bad))
            }
            if view.report == nil { return }
        }
        guard let report = view.report else {
            grid.put(
                "Asking\(glyphs.ellipsis)", column: inner.column + 1, line: inner.line, limit: inner.right,
                style: CellStyle(.faint))
            return
        }
        drawTable(state, view, report, inner, &grid)
        drawGraphs(state, view, report, inner, &grid)
    }

    private static func hint(_ view: HistoryView) -> String {
        "first byte p50, p95" + (view.period == .day ? ", by hour" : view.period == .year ? ", by month" : "")
    }

    // MARK: The table

    private static func drawTable(
        _ state: ConsoleState, _ view: HistoryView, _ report: UsageReport, _ inner: Frame, _ grid: inout CellGrid
    ) {
        let glyphs = state.setup.glyphs
        let shown = fitting(inner.width)
        let nameWidth = max(1, inner.width - 2 - shown.reduce(0) { $0 + $1.width })
        var title = "  " + TextField.fit(view.group.rawValue.uppercased(), nameWidth, glyphs: glyphs)
        for column in shown { title += TextField.fit(column.title, column.width, align: .right, glyphs: glyphs) }
        grid.put(title, column: inner.column, line: inner.line, limit: inner.right, style: CellStyle(.title))
        if report.rows.isEmpty {
            grid.put(
                "  Nothing went on in this time.", column: inner.column, line: inner.line + 1, limit: inner.right,
                style: CellStyle(.faint))
            return
        }
        let rows = report.rows + [report.total]
        let height = rowCount(state, view)
        for (offset, index) in rows.indices.dropFirst(view.top).prefix(height).enumerated() {
            let line = inner.line + 1 + offset
            let isTotal = index == report.rows.count
            let name = isTotal ? "all" : self.name(rows[index], view.group)
            let mark = index == view.selected ? String(glyphs.cursor) : " "
            var column = grid.put(mark + " ", column: inner.column, line: line, style: CellStyle(.accent))
            column = grid.put(
                TextField.fit(name, nameWidth, glyphs: glyphs), column: column, line: line, limit: inner.right,
                style: CellStyle(isTotal ? .strong : .text))
            for part in shown {
                column = grid.put(
                    TextField.fit(part.value(rows[index]), part.width, align: .right, glyphs: glyphs), column: column,
                    line: line, limit: inner.right, style: CellStyle(isTotal ? .strong : .text))
            }
            if index == view.selected {
                grid.setGround(.selected, column: inner.column, line: line, count: inner.width)
                grid.cursor = CellGrid.Cursor(column: inner.column, line: line, isVisible: false)
            }
        }
        if rows.count > height {
            let text = " \(view.top + 1)-\(min(rows.count, view.top + height)) of \(rows.count) "
            grid.put(
                text, column: max(inner.column, inner.right - TextWidth.columns(of: text)),
                line: inner.line + 1 + height, limit: inner.right, style: CellStyle(.faint))
        }
    }

    private static func fitting(_ width: Int) -> [Column] {
        var kept = columns
        while kept.reduce(12, { $0 + $1.width }) > width, let heaviest = kept.map(\.weight).max(), heaviest > 0 {
            kept.removeAll { $0.weight == heaviest }
        }
        return kept
    }

    private static func name(_ row: UsageReport.Row, _ group: HistoryView.Group) -> String {
        let name = SafeText.clean(row.values.first ?? "")
        guard name.isEmpty else { return name }
        return switch group {
        case .endpoint: "(Podium itself)"
        case .model: "(not named)"
        case .client: "(no name)"
        }
    }

    // MARK: The graphs

    private static func drawGraphs(
        _ state: ConsoleState, _ view: HistoryView, _ report: UsageReport, _ inner: Frame, _ grid: inout CellGrid
    ) {
        let height = graphHeight(state)
        guard height > 1, let row = view.selectedRow else { return }
        let glyphs = state.setup.glyphs
        let isTotal = !report.rows.indices.contains(view.selected)
        let first = inner.bottom - height
        let title = isTotal ? "all" : name(row, view.group)
        grid.fill(glyphs.horizontal, column: inner.column, line: first, count: inner.width, style: CellStyle(.border))
        grid.put(
            " \(title) ", column: inner.column + 1, line: first, limit: inner.right, style: CellStyle(.title))
        let width = max(1, inner.width - labelWidth - 11)
        let buckets = view.buckets
        for (offset, graph) in graphs.prefix(height - 2).enumerated() {
            let line = first + 1 + offset
            grid.put(graph.title, column: inner.column + 1, line: line, style: CellStyle(.faint))
            let values = graph.isForAll || !isTotal ? view.graph(graph.value, over: buckets) : []
            guard let most = values.compactMap(\.self).max() else {
                let text = view.isAsking ? "" : graph.isForAll || !isTotal ? "no figures" : "only of single rows"
                grid.put(text, column: inner.column + labelWidth, line: line, style: CellStyle(.faint))
                continue
            }
            let text = GapGraph.text(values, width: width, glyphs: glyphs)
            grid.put(text, column: inner.column + labelWidth, line: line, limit: inner.right, style: CellStyle(.graph))
            grid.put(
                " max \(graph.most(most))", column: inner.column + labelWidth + TextWidth.columns(of: text), line: line,
                limit: inner.right, style: CellStyle(.faint))
        }
        drawAxis(view.period, buckets, inner, width: width, &grid)
    }

    /// Where the first and the last bucket stand.
    private static func drawAxis(
        _ period: HistoryView.Period, _ buckets: [String], _ inner: Frame, width: Int, _ grid: inout CellGrid
    ) {
        guard let first = buckets.first, let last = buckets.last else { return }
        let drawn = GapGraph.columns(buckets.count, width: width)
        let (left, right) = (label(first, period), label(last, period))
        let column = inner.column + labelWidth
        grid.put(left, column: column, line: inner.bottom - 1, limit: inner.right, style: CellStyle(.faint))
        let place = column + drawn - right.count
        if place > column + left.count {
            grid.put(right, column: place, line: inner.bottom - 1, limit: inner.right, style: CellStyle(.faint))
        }
    }

    private static func label(_ bucket: String, _ period: HistoryView.Period) -> String {
        switch period {
        case .day: "\(bucket.suffix(2)) h"
        case .week: String(bucket.dropFirst(5)) + " h"
        case .month: String(bucket.dropFirst(5))
        case .year: bucket
        }
    }

    // MARK: Where things stand

    private static func frame(_ state: ConsoleState) -> Frame {
        Frame(column: 0, line: 1, width: state.columns, height: max(3, state.lines - 3))
    }

    /// Lines of the graphs with their title and their axis; as many as leave the table half of the screen.
    private static func graphHeight(_ state: ConsoleState) -> Int {
        min(graphs.count + 2, max(0, frame(state).inner.height / 2))
    }

    /// Rows in sight, the sum included.
    static func rowCount(_ state: ConsoleState, _ view: HistoryView) -> Int {
        let room = frame(state).inner.height - 1 - graphHeight(state)
        let all = (view.report?.rows.count ?? 0) + 1
        return max(1, all > room ? room - 1 : all)
    }

    /// Where the table has to begin so that the row under the cursor is in sight.
    static func top(_ state: ConsoleState, _ view: HistoryView) -> Int {
        let height = rowCount(state, view)
        return max(0, min(max(view.top, view.selected - height + 1), view.selected))
    }

    // MARK: Values

    /// All rows and their sum, as a spreadsheet reads them.
    static func csv(_ report: UsageReport) -> String {
        let head =
            "\(report.by.first ?? ""),requests,attempts,failed,rescued,input,cache_read,output,cost,cost_complete"
        let rows = (report.rows + [report.total]).enumerated().map { index, row in
            let name = index == report.rows.count ? "all" : SafeText.clean(row.values.first ?? "")
            return "\"\(name.replacing("\"", with: "\"\""))\",\(row.requests),\(row.attempts),\(row.failed),"
                + "\(row.rescued),\(row.input),\(row.cacheRead),\(row.output),\(row.cost),\(row.costComplete)"
        }
        return ([head] + rows).joined(separator: "\n")
    }

    private static func count(_ value: Int64, _ width: Int) -> String {
        Quantity.count(UInt64(max(0, value)), width: width)
    }

    private static func share(_ part: Int64, of all: Int64) -> String {
        all > 0 ? Quantity.fixed(Double(part) / Double(all) * 100, 1) : ""
    }

    private static func seconds(_ value: Double) -> String {
        value < 1 ? Quantity.fixed(value * 1_000, 0) + "ms" : Quantity.fixed(value, value < 10 ? 2 : 1) + "s"
    }

    /// As people see it; exact in `podium usage`.
    private static func cost(_ row: UsageReport.Row) -> String {
        let text = row.costText
        guard text != "?", let value = Double(row.cost) else { return text }
        return (value == 0 ? "0" : value < 0.01 ? "<0.01" : Quantity.fixed(value, 2)) + (row.costComplete ? "" : "+?")
    }
}

/// A series in eighths of a line, with blanks where nothing is known.
enum GapGraph {
    /// As wide as `width` at most; a value is as wide as all others, and several share one where there is no room for each.
    static func text(_ values: [Double?], width: Int, glyphs: Glyphs) -> String {
        guard width > 0, !values.isEmpty else { return "" }
        let folded = fold(values, width)
        let top = folded.compactMap(\.self).max() ?? 0
        let repeated = max(1, width / folded.count)
        return folded.map { value -> String in
            guard let value else { return String(repeating: " ", count: repeated) }
            return String(repeating: Sparkline.character(value, of: top, glyphs: glyphs), count: repeated)
        }.joined()
    }

    /// The same over several lines, the top line first, on a scale that other graphs may share.
    static func rows(_ values: [Double?], width: Int, height: Int, top: Double, glyphs: Glyphs) -> [String] {
        guard width > 0, height > 0, !values.isEmpty else { return [] }
        let folded = fold(values, width)
        let repeated = max(1, width / folded.count)
        let steps = glyphs.levels.count
        return (0..<height).map { row in
            let floor = (height - 1 - row) * steps
            return folded.map { value -> String in
                guard let value else { return String(repeating: " ", count: repeated) }
                guard height > 1 else {
                    return String(repeating: Sparkline.character(value, of: top, glyphs: glyphs), count: repeated)
                }
                // What is there is never drawn as nothing.
                let eighths = top > 0 ? max(1, Int((value / top * Double(height * steps)).rounded(.up))) : 1
                let here = min(steps, eighths - floor)
                return String(repeating: here > 0 ? glyphs.levels[here - 1] : " ", count: repeated)
            }.joined()
        }
    }

    /// How wide a graph of so many values is.
    static func columns(_ count: Int, width: Int) -> Int {
        guard width > 0, count > 0 else { return 0 }
        let shared = (count + width - 1) / width
        let folded = (count + shared - 1) / shared
        return folded * max(1, width / folded)
    }

    /// The largest of each group, so that a peak never disappears; nil where none of them is known.
    private static func fold(_ values: [Double?], _ width: Int) -> [Double?] {
        let group = (values.count + width - 1) / width
        return stride(from: 0, to: values.count, by: group).map { start in
            values[start..<min(values.count, start + group)].compactMap(\.self).max()
        }
    }
}
