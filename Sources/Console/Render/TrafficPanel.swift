internal import PodiumModel
internal import PureSupport

/// Requests, errors, times, speed and cost over time: of all endpoints, of the selected one, of both, or of two that are marked.
///
/// Every graph has its unit at its left and the top of its scale at its right. Series that are compared share one scale. Where there was
/// no traffic there is a gap, and no zero.
enum TrafficPanel {
    private struct Metric: Sendable {
        /// With the unit.
        var title: @Sendable (TrafficView.Span) -> String
        var value: @Sendable (UsageReport.Row) -> Double?
        var most: @Sendable (Double) -> String
    }

    private static let metrics = [
        Metric(
            title: { $0.unit }, value: { $0.attempts > 0 ? Double(max($0.requests, $0.attempts)) : nil },
            most: { Quantity.count(UInt64(max(0, $0)), width: 6) }),
        Metric(
            title: { _ in "errors" }, value: { $0.attempts > 0 ? Double($0.failed) / Double($0.attempts) : nil },
            most: { Quantity.fixed($0 * 100, 1) + "%" }),
        Metric(
            title: { _ in "1st p95" }, value: { $0.firstContentP95Seconds ?? $0.firstByteP95Seconds },
            most: { seconds($0) }),
        Metric(
            title: { _ in "1st p50" }, value: { $0.firstContentP50Seconds ?? $0.firstByteP50Seconds },
            most: { seconds($0) }),
        Metric(title: { _ in "tok/s" }, value: { $0.tokensPerSecondP50 }, most: { Quantity.fixed($0, 0) }),
        Metric(
            title: { _ in "cost" }, value: { $0.requests > 0 && $0.costText != "?" ? Double($0.cost) : nil },
            most: { Quantity.fixed($0, $0 < 10 ? 2 : 0) }),
    ]

    private static let labelWidth = 11
    private static let scaleWidth = 7
    private static let names: [String] = ["a", "b"]

    static func draw(_ state: ConsoleState, _ layout: DashboardLayout, _ grid: inout CellGrid) {
        guard let frame = layout.frames[.traffic] else { return }
        let content = layout.content(of: .traffic)
        let view = state.traffic
        let glyphs = state.setup.glyphs
        grid.border(
            frame, isBoxed: layout.isBoxed, isFocused: state.focus == .traffic,
            left: state.title(.traffic, legend(state)), right: sums(state),
            bottom: [
                Segment(
                    "\(state.key(.shorter)) \(state.key(.longer)) span \(glyphs.separator) \(state.key(.scope)) "
                        + "all/one \(glyphs.separator) \(state.key(.mark)) compare", .faint)
            ])
        if state.focus == .traffic {
            grid.cursor = CellGrid.Cursor(column: content.column, line: content.line, isVisible: false)
        }
        guard content.height > 1, content.width > labelWidth + scaleWidth + 4 else { return }
        let shown = view.shown
        guard let shown, shown.span == view.span, view.series.contains(where: { $0 != nil }) else {
            let text = view.refusal.map { SafeText.clean($0) } ?? "Asking\(glyphs.ellipsis)"
            for (offset, line) in DetailPanel.wrap(text, content.width - 2).prefix(content.height).enumerated() {
                grid.put(
                    line, column: content.column + 1, line: content.line + offset, limit: content.right,
                    style: CellStyle(view.refusal == nil ? .faint : .bad))
            }
            return
        }
        drawGraphs(state, shown, content, &grid)
    }

    private static func drawGraphs(
        _ state: ConsoleState, _ shown: TrafficView.Wanted, _ content: Frame, _ grid: inout CellGrid
    ) {
        let glyphs = state.setup.glyphs
        let buckets = shown.span.buckets(local: Int(state.shown.takenAt) + state.shown.utcOffset)
        let count = max(1, state.traffic.series.count)
        let lines = content.height - 1
        let fitting = metrics.prefix(max(1, lines / count))
        let height = max(1, min(6, lines / (fitting.count * count)))
        let width = content.width - labelWidth - scaleWidth
        var line = content.line
        for metric in fitting {
            let series = state.traffic.series.map { $0?.values(metric.value, over: buckets) ?? [] }
            let top = series.flatMap { $0.compactMap(\.self) }.max()
            for (index, values) in series.enumerated() where line + height <= content.bottom - 1 {
                let title = TextField.fit(index == 0 ? metric.title(shown.span) : "", labelWidth - 3, glyphs: glyphs)
                grid.put(title, column: content.column + 1, line: line, style: CellStyle(.faint))
                if count > 1 {
                    grid.put(
                        names[min(index, 1)], column: content.column + labelWidth - 2, line: line,
                        style: CellStyle(.strong))
                }
                let column = content.column + labelWidth
                guard let top else {
                    grid.put("no figures", column: column, line: line, limit: content.right, style: CellStyle(.faint))
                    line += height
                    continue
                }
                let rows = GapGraph.rows(values, width: width, height: height, top: top, glyphs: glyphs)
                for (offset, row) in rows.enumerated() {
                    grid.put(
                        row, column: column, line: line + offset, limit: content.right,
                        style: CellStyle(index == 0 ? .graph : .accent))
                }
                let scale = TextField.fit(metric.most(top), scaleWidth - 1, align: .right, glyphs: glyphs)
                let place = column + GapGraph.columns(buckets.count, width: width)
                if index == 0 || height > 1 {
                    grid.put(" " + scale, column: place, line: line, limit: content.right, style: CellStyle(.faint))
                }
                if height > 1 {
                    grid.put(
                        " " + TextField.fit("0", scaleWidth - 1, align: .right, glyphs: glyphs), column: place,
                        line: line + height - 1, limit: content.right, style: CellStyle(.faint))
                }
                line += height
            }
        }
        drawAxis(shown.span, buckets, content, width, &grid)
    }

    /// Where the first and the last bucket stand, and that what is on the right is the top of the scales.
    private static func drawAxis(
        _ span: TrafficView.Span, _ buckets: [String], _ content: Frame, _ width: Int, _ grid: inout CellGrid
    ) {
        guard let first = buckets.first, let last = buckets.last else { return }
        let line = content.bottom - 1
        let drawn = GapGraph.columns(buckets.count, width: width)
        let (left, right) = (label(first, span), label(last, span))
        let column = content.column + labelWidth
        grid.put(left, column: column, line: line, limit: content.right, style: CellStyle(.faint))
        let place = column + drawn - right.count
        if place > column + left.count {
            grid.put(right, column: place, line: line, limit: content.right, style: CellStyle(.faint))
        }
        grid.put("    max", column: column + drawn, line: line, limit: content.right, style: CellStyle(.faint))
    }

    private static func label(_ bucket: String, _ span: TrafficView.Span) -> String {
        switch span {
        case .hour: String(bucket.suffix(5))
        case .day: "\(bucket.suffix(2)) h"
        case .week: String(bucket.dropFirst(5)) + " h"
        case .month: String(bucket.dropFirst(5))
        }
    }

    /// Of what the graphs are.
    private static func legend(_ state: ConsoleState) -> [Segment] {
        let glyphs = state.setup.glyphs
        let view = state.traffic
        let wanted = view.shown?.span == view.span ? view.shown ?? state.wantedTraffic : state.wantedTraffic
        let isPair = wanted.endpoints.count > 1
        let parts = wanted.endpoints.enumerated().map { index, name in
            (isPair ? names[min(index, 1)] + " " : "") + (name.map { SafeText.clean($0) } ?? "all")
        }
        return [
            Segment(" \(glyphs.separator) \(view.span.rawValue)", .accent),
            Segment(" \(glyphs.separator) " + parts.joined(separator: " \(glyphs.separator) "), weight: 10),
        ]
    }

    private static func sums(_ state: ConsoleState) -> [Segment] {
        guard let shown = state.traffic.shown, shown.span == state.traffic.span, shown.endpoints.count == 1,
            let report = state.traffic.series.first.flatMap(\.self)?.report
        else { return [] }
        if report.problem != nil { return [Segment("history: see \(state.key(.panel4))", .bad)] }
        let total = report.total
        let cost = total.costText == "0" ? "" : " \(total.costText == "?" ? "?" : cost(total)) \(report.currency)"
        return [
            Segment(Quantity.count(UInt64(max(0, total.requests)), width: 6) + " req", weight: 20),
            Segment(SafeText.clean(cost), weight: 15),
        ]
    }

    private static func cost(_ row: UsageReport.Row) -> String {
        let value = Double(row.cost) ?? 0
        return (value < 0.01 ? "<0.01" : Quantity.fixed(value, 2)) + (row.costComplete ? "" : "+?")
    }

    private static func seconds(_ value: Double) -> String {
        value < 1 ? Quantity.fixed(value * 1_000, 0) + "ms" : Quantity.fixed(value, value < 10 ? 2 : 1) + "s"
    }
}
