internal import PodiumModel
internal import PureSupport

/// The table of endpoints. Which columns there are depends on the width; the mouse asks here which column or row a cell belongs to, so
/// that drawing and clicking cannot differ.
enum RankingTable {
    /// Which columns there is room for, and how wide the elastic ones are.
    struct Columns: Equatable {
        var rank: Int
        var name: Int
        var spark = 0
        var shown: Set<SortColumn> = [.success, .p95, .rate]

        static let widths: [SortColumn: Int] = [
            .kind: 5, .priority: 5, .success: 6, .p50: 6, .p95: 6, .rate: 5, .inFlight: 4, .errors: 6,
        ]
        static let order: [SortColumn] = [.kind, .priority, .success, .p50, .p95, .rate, .inFlight, .errors]
        private static let leastName = 14
        private static let goodName = 17

        init(width: Int, endpointCount: Int) {
            rank = max(2, String(endpointCount).count)
            name = width - rank - 6
            for column in shown { name -= Self.widths[column] ?? 0 }
            for column in [SortColumn.p50, .inFlight, .kind, .priority] { add(column) }
            if name - 18 >= Self.leastName {
                spark = 16
                name -= 18
            }
            add(.errors)
            if spark > 0, name > Self.goodName {
                let more = min(44, (name - Self.goodName + 1) / 2)
                spark += more
                name -= more
            }
        }

        /// The column that a cell of the row belongs to; nil in the graph.
        func column(at offset: Int) -> SortColumn? {
            let name = rank + 5
            if offset < name { return offset < 0 ? nil : offset < rank + 2 ? .rank : .state }
            var start = name + self.name
            if offset < start { return .name }
            for column in Self.order where shown.contains(column) {
                start += Self.widths[column] ?? 0
                if offset < start { return column }
            }
            return nil
        }

        private mutating func add(_ column: SortColumn) {
            let width = Self.widths[column] ?? 0
            guard name - width >= Self.leastName else { return }
            shown.insert(column)
            name -= width
        }
    }

    static func draw(_ state: ConsoleState, _ layout: DashboardLayout, _ grid: inout CellGrid) {
        guard let frame = layout.frames[.endpoints] else { return }
        let content = layout.content(of: .endpoints)
        let columns = Columns(width: content.width, endpointCount: state.shown.endpoints.count)
        drawTitle(state, layout, frame, &grid)
        let visible = layout.tableRows
        let top = state.scroll[.endpoints] ?? 0
        let inSight = state.rows.dropFirst(top).prefix(visible).lazy.map { state.shown.endpoints[$0] }
        // All rows share one scale, in steps so that it seldom changes.
        let slowest = columns.spark > 0 ? inSight.compactMap { $0.latencySeries.max() }.max() ?? 0 : 0
        let scale = Quantity.scale(slowest)
        drawHeadings(state, columns, scale, content, &grid)
        for offset in 0..<visible {
            let row = top + offset
            guard state.rows.indices.contains(row) else { break }
            let line = content.line + 1 + offset
            drawRow(
                state, columns, state.shown.endpoints[state.rows[row]], row == state.selectedRow, scale, content, line,
                &grid)
        }
        if state.rows.isEmpty { drawEmpty(state, content, &grid) }
        if layout.isBoxed { drawLegend(state, content, &grid) }
    }

    private static func drawTitle(
        _ state: ConsoleState, _ layout: DashboardLayout, _ frame: Frame, _ grid: inout CellGrid
    ) {
        let glyphs = state.setup.glyphs
        let direction = state.isDescending ? glyphs.sortDown : glyphs.sortUp
        let word = layout.size == .compact ? "" : "sort "
        var left = [
            Segment(" \(glyphs.separator) \(word)\(state.sort.title)\(direction)", .text, weight: 10),
            Segment(" \(glyphs.separator) \(state.shown.autoSort ? "auto" : "manual")", .text, weight: 20),
        ]
        if !state.filter.text.isEmpty {
            left.append(Segment(" \(glyphs.separator) /\(state.filter.text)", .accent, weight: 5))
        }
        let right = [Segment("\(state.rows.count)/\(state.shown.endpoints.count)", .text)]
        let hints = [
            Segment(
                "\(state.key(.rankUp))/\(state.key(.rankDown)) move \(glyphs.separator) \(state.key(.sortNow)) sort "
                    + "\(glyphs.separator) \(state.key(.filter)) filter", .faint)
        ]
        grid.border(
            frame, isBoxed: layout.isBoxed, isFocused: state.focus == .endpoints, left: state.title(.endpoints, left),
            right: right, bottom: hints)
    }

    private static func drawHeadings(
        _ state: ConsoleState, _ columns: Columns, _ scale: Double, _ content: Frame, _ grid: inout CellGrid
    ) {
        let glyphs = state.setup.glyphs
        let style = CellStyle(.faint)
        var text = "  " + TextField.fit("#", columns.rank, align: .right, glyphs: glyphs) + " S "
        text += TextField.fit("NAME", columns.name, glyphs: glyphs)
        for column in Columns.order where columns.shown.contains(column) {
            let width = Columns.widths[column] ?? 0
            let title = heading(column)
            text +=
                column == .kind
                ? " " + TextField.fit(title, width - 1, glyphs: glyphs)
                : TextField.fit(title, width, align: .right, glyphs: glyphs)
        }
        if columns.spark > 0 {
            text += "  1st byte"
            if scale > 0 { text += " \(glyphs.atMost)" + Quantity.latency(.milliseconds(scale), dash: "") }
        }
        grid.put(text, column: content.column, line: content.line, limit: content.right, style: style)
    }

    private static func heading(_ column: SortColumn) -> String {
        switch column {
        case .kind: "KIND"
        case .priority: "PRI"
        case .success: "OK%"
        case .inFlight: "IN"
        case .errors: "ERR"
        default: column.title
        }
    }

    private static func drawRow(
        _ state: ConsoleState, _ columns: Columns, _ endpoint: Snapshot.Endpoint, _ isSelected: Bool, _ scale: Double,
        _ content: Frame, _ line: Int, _ grid: inout CellGrid
    ) {
        let glyphs = state.setup.glyphs
        let isOff = endpoint.state == .off
        let body: CellStyle.Role = isOff ? .faint : .text
        var column = content.column
        func put(_ text: String, _ role: CellStyle.Role) {
            column = grid.put(text, column: column, line: line, limit: content.right, style: CellStyle(role))
        }
        put(isSelected ? String(glyphs.cursor) : " ", .accent)
        let movement = endpoint.movement
        put(
            movement > 0 ? String(glyphs.risen) : movement < 0 ? String(glyphs.fallen) : " ",
            movement > 0 ? .good : .warning)
        put(TextField.fit(String(endpoint.rank), columns.rank, align: .right, glyphs: glyphs), isOff ? .faint : .strong)
        put(endpoint.pinned ? String(glyphs.bullet) : " ", .accent)
        put(String(glyphs.state(endpoint.state)), Header.role(endpoint.state))
        put(state.marked.contains(endpoint.id) ? String(glyphs.check) : " ", .accent)
        let suffix = note(endpoint)
        let name = SafeText.clean(endpoint.name)
        let nameRole: CellStyle.Role = isOff ? .faint : isSelected ? .strong : .text
        let room = columns.name
        let isWhole = TextWidth.columns(of: name) + suffix.count <= room
        // How many are left says more than the end of a name.
        let mustSay = endpoint.state == .off && endpoint.traffic.inFlight > 0 && suffix.count < room
        let text =
            isWhole || !mustSay
            ? (isWhole ? name + suffix : name) : TextField.cut(name, room - suffix.count, glyphs: glyphs) + suffix
        put(TextField.fit(text, room, glyphs: glyphs), nameRole)
        for item in Columns.order where columns.shown.contains(item) {
            let width = Columns.widths[item] ?? 0
            let (value, role) = cell(item, endpoint, glyphs, body)
            put(
                item == .kind
                    ? " " + TextField.fit(value, width - 1, glyphs: glyphs)
                    : TextField.fit(value, width, align: .right, glyphs: glyphs), role)
        }
        if columns.spark > 0 {
            put("  ", body)
            for cell in graph(endpoint, columns.spark, scale, glyphs) {
                put(cell.text, isOff ? .faint : cell.role)
            }
        }
        if isSelected {
            if state.focus == .endpoints {
                grid.setGround(.selected, column: content.column, line: line, count: content.width)
            }
            grid.cursor = CellGrid.Cursor(column: content.column, line: line, isVisible: false)
        }
    }

    /// The last minute: how long the first byte took, blank where nothing was asked, and a cross where all that was asked failed.
    private static func graph(
        _ endpoint: Snapshot.Endpoint, _ width: Int, _ scale: Double, _ glyphs: Glyphs
    ) -> [Segment] {
        let latencies = Sparkline.fold(endpoint.latencySeries, to: width)
        let failures = Sparkline.fold(endpoint.traffic.failuresPerSecondSeries.map { Double($0) }, to: width)
        let failing = failures.count - latencies.count
        var segments = [Segment(String(repeating: " ", count: max(0, width - latencies.count)))]
        for (index, latency) in latencies.enumerated() {
            let hasFailed = failures.indices.contains(index + failing) && failures[index + failing] > 0
            if latency > 0 {
                segments.append(Segment(String(Sparkline.character(latency, of: scale, glyphs: glyphs)), .graph))
            } else {
                segments.append(Segment(hasFailed ? String(glyphs.cross) : " ", .bad))
            }
        }
        return segments
    }

    /// The state in a word, so that it is never said by the glyph alone.
    private static func note(_ endpoint: Snapshot.Endpoint) -> String {
        let limited = endpoint.limitedModels.count
        return switch endpoint.state {
        case .up where limited > 0, .slow where limited > 0, .untested where limited > 0:
            " (\(limited.counted("model")) out)"
        case .up, .slow, .down: ""
        case .off: endpoint.traffic.inFlight > 0 ? " (\(endpoint.traffic.inFlight) left)" : " (off)"
        case .misconfigured: " (config)"
        case .cooling: " (\(coolingReasons[endpoint.availability.reason ?? ""] ?? "cooling"))"
        case .untested: " (untested)"
        }
    }

    /// What else than a rate limit an endpoint may be cooling for.
    private static let coolingReasons = ["quota": "quota", "overloaded": "overloaded", "rule": "rule"]

    private static func cell(
        _ column: SortColumn, _ endpoint: Snapshot.Endpoint, _ glyphs: Glyphs, _ body: CellStyle.Role
    ) -> (String, CellStyle.Role) {
        let dash = String(glyphs.dash)
        let isOff = endpoint.state == .off
        switch column {
        case .kind: return (endpoint.kind.rawValue, body)
        case .priority: return (endpoint.priority.map(String.init) ?? dash, body)
        case .success:
            let rate = endpoint.traffic.successRatio
            let role = (rate ?? 1) < 0.9 ? CellStyle.Role.bad : (rate ?? 1) < 0.98 ? .warning : body
            return (Quantity.percent(rate, dash: dash), role)
        case .p50: return (Quantity.latency(endpoint.traffic.p50, dash: dash), body)
        case .p95:
            return (Quantity.latency(endpoint.traffic.p95, dash: dash), endpoint.state == .slow ? .warning : body)
        case .rate: return (isOff ? dash : Quantity.rate(endpoint.traffic.perSecond), body)
        case .inFlight: return (isOff ? dash : String(endpoint.traffic.inFlight), body)
        case .errors:
            return (Quantity.count(endpoint.traffic.failures, width: 5), endpoint.traffic.failures > 0 ? body : .faint)
        case .rank, .state, .name: return ("", body)
        }
    }

    private static func drawEmpty(_ state: ConsoleState, _ content: Frame, _ grid: inout CellGrid) {
        guard content.height > 1 else { return }
        let text =
            state.filter.text.isEmpty
            ? (state.isReadOnly ? "No endpoints." : "No endpoints yet: press \(state.key(.add)) to add one.")
            : "Nothing matches /\(state.filter.text): \(state.key(.back)) shows all."
        grid.put(
            text, column: content.column + 3, line: content.line + 1, limit: content.right, style: CellStyle(.faint))
    }

    private static func drawLegend(_ state: ConsoleState, _ content: Frame, _ grid: inout CellGrid) {
        let glyphs = state.setup.glyphs
        let text =
            "  \(glyphs.risen)\(glyphs.fallen) changed rank in the last 60 s   \(glyphs.bullet) pinned   "
            + "\(glyphs.up) up  \(glyphs.slow) slow  \(glyphs.down) down  \(glyphs.off) off"
        grid.put(text, column: content.column, line: content.bottom - 1, limit: content.right, style: CellStyle(.faint))
    }
}
