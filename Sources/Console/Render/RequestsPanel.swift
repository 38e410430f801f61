internal import PodiumModel
internal import PureSupport

/// Requests one by one: those that run with what they wait for, then the last ones that have ended. One that is opened follows below.
enum RequestsPanel {
    private static let wide = 110

    static func draw(_ state: ConsoleState, _ layout: DashboardLayout, _ grid: inout CellGrid) {
        guard let frame = layout.frames[.requests] else { return }
        let content = layout.content(of: .requests)
        let glyphs = state.setup.glyphs
        let rows = state.requestRows
        var left = [
            Segment(" \(glyphs.separator) \(state.requests.open.count + state.requests.unlisted) running", weight: 10)
        ]
        if !state.eventFilter.text.isEmpty {
            left.append(Segment(" \(glyphs.separator) /\(state.eventFilter.text)", .accent, weight: 5))
        }
        let top = min(state.scroll[.requests] ?? 0, max(0, rows.count - max(0, content.height - 1)))
        let place =
            "\(rows.isEmpty ? 0 : top + 1)-\(min(rows.count, top + max(0, content.height - 1))) of \(rows.count)"
        grid.border(
            frame, isBoxed: layout.isBoxed, isFocused: state.focus == .requests, left: state.title(.requests, left),
            right: [Segment(place, .faint)],
            bottom: [
                Segment(
                    "\(state.key(.edit)) way \(glyphs.separator) \(state.key(.cancelRequest)) cancel \(glyphs.separator) "
                        + "\(state.key(.filter)) search", .faint)
            ])
        guard content.height > 0 else { return }
        grid.put(
            heading(content.width, glyphs), column: content.column, line: content.line, limit: content.right,
            style: CellStyle(.faint))
        if rows.isEmpty {
            let text =
                state.requests.refusal.map { SafeText.clean($0) }
                ?? (state.requests.isKnown
                    ? state.eventFilter.text.isEmpty ? "Nothing runs." : "Nothing matches: Esc shows all."
                    : "Asking\(glyphs.ellipsis)")
            grid.put(
                " " + text, column: content.column, line: content.line + 1,
                limit: content.height > 1 ? content.right : 0, style: CellStyle(.faint))
            return
        }
        let selected = state.selectedRequestIndex
        for offset in 0..<max(0, content.height - 1) {
            let index = top + offset
            guard rows.indices.contains(index) else { break }
            let line = content.line + 1 + offset
            grid.put(row(rows[index], state, content.width), column: content.column, line: line, limit: content.right)
            if state.focus == .requests, index == selected {
                grid.put(String(glyphs.cursor), column: content.column, line: line, style: CellStyle(.accent))
                grid.setGround(.selected, column: content.column, line: line, count: content.width)
                grid.cursor = CellGrid.Cursor(column: content.column, line: line, isVisible: false)
            }
        }
    }

    private static func heading(_ width: Int, _ glyphs: Glyphs) -> String {
        var text = " " + TextField.fit("AGE/END", 9, glyphs: glyphs) + TextField.fit("PHASE", 11, glyphs: glyphs)
        if width >= wide { text += TextField.fit("CLIENT", 16, glyphs: glyphs) }
        text +=
            TextField.fit("ENDPOINT", name(width), glyphs: glyphs)
            + TextField.fit("MODEL", model(width), glyphs: glyphs)
        for title in ["TRY", "UP", "DOWN", "TOK"] {
            text += TextField.fit(title, title == "TRY" ? 4 : 8, align: .right, glyphs: glyphs)
        }
        return text
    }

    private static func name(_ width: Int) -> Int { max(8, min(20, (width - 22 - 28) / 2)) }

    private static func model(_ width: Int) -> Int {
        max(0, min(40, width - 22 - 28 - name(width) - (width >= wide ? 16 : 0)))
    }

    private static func row(_ row: RequestsView.Row, _ state: ConsoleState, _ width: Int) -> [Segment] {
        let glyphs = state.setup.glyphs
        let dash = String(glyphs.dash)
        func left(_ text: String?, _ width: Int) -> String {
            TextField.fit(SafeText.clean(text ?? dash), max(0, width - 1), glyphs: glyphs) + (width > 0 ? " " : "")
        }
        func right(_ text: String, _ width: Int) -> String { TextField.fit(text, width, align: .right, glyphs: glyphs) }
        func bytes(_ count: Int) -> String { Quantity.bytes(UInt64(clamping: count), dash: dash) }
        switch row {
        case .open(let row):
            let age = Quantity.age(.seconds(row.age))
            let isLong = row.age >= 60
            return [
                Segment(" " + left(age, 9), isLong ? .warning : .strong),
                Segment(left(row.phase.rawValue, 11), .accent),
                Segment(width >= wide ? left(row.client, 16) : ""), Segment(left(row.endpoint, name(width))),
                Segment(left(row.model, model(width))),
                Segment(right("\(row.attempts)", 4), row.attempts > 1 ? .warning : .text),
                Segment(right(bytes(row.bytesUp), 8)), Segment(right(bytes(row.bytesDown), 8)),
                Segment(right(row.events > 0 ? "~\(Quantity.count(UInt64(clamping: row.events), width: 6))" : dash, 8)),
            ]
        case .ended(let row):
            let status = row.status.map { "\($0)" } ?? ""
            let word = status.isEmpty ? ending(row.ending) : "\(status) \(ending(row.ending))"
            let tokens = (row.output ?? 0) > 0 ? Quantity.count(UInt64(clamping: row.output ?? 0), width: 7) : dash
            return [
                Segment(" " + left(Quantity.clock(row.time, utcOffset: state.shown.utcOffset), 9), .faint),
                Segment(left(word.replacing("_", with: " "), 11), row.failed ? .bad : .faint),
                Segment(width >= wide ? left(row.client, 16) : "", .faint),
                Segment(left(row.endpoint, name(width)), .faint),
                Segment(left(row.model ?? row.modelAsked, model(width)), .faint),
                Segment(right("\(row.attempts)", 4), row.attempts > 1 ? .warning : .faint),
                Segment(right(bytes(Int(clamping: row.bytesUp)), 8), .faint),
                Segment(right(bytes(Int(clamping: row.bytesDown)), 8), .faint), Segment(right(tokens, 8), .faint),
            ]
        }
    }

    /// In the few columns there are; the request in full has the whole word.
    private static func ending(_ word: String) -> String {
        switch word {
        case "completed": ""
        case "broken_stream": "broken"
        case "client_closed": "gone"
        case "client_timeout": "stuck"
        case "answered_locally": "own"
        default: SafeText.clean(word)
        }
    }
}

/// One request in full, with its way from endpoint to endpoint once it has ended.
enum RequestOverlay {
    static func draw(_ state: ConsoleState, _ view: RequestView, _ grid: inout CellGrid) {
        TextOverlay.draw(state, title: "Request", lines(state, view), scroll: view.scroll, &grid)
    }

    static func mostScroll(_ state: ConsoleState, _ view: RequestView) -> Int {
        TextOverlay.mostScroll(state, lines(state, view).count)
    }

    private static func lines(_ state: ConsoleState, _ view: RequestView) -> [[Segment]] {
        let width = TextOverlay.width(state)
        func fact(_ name: String, _ text: String?) -> [[Segment]] {
            guard let text, !text.isEmpty else { return [] }
            return DetailPanel.wrap(SafeText.clean(text), max(8, width - 10)).enumerated().map { index, part in
                [Segment(TextField.fit(index == 0 ? name : "", 10, glyphs: state.setup.glyphs), .faint), Segment(part)]
            }
        }
        switch view.row {
        case .open(let row):
            return fact("ID", row.id) + fact("Runs for", Quantity.age(.seconds(row.age)))
                + fact("Phase", phase(row.phase))
                + fact("Client", row.client) + fact("Path", row.path) + fact("Endpoint", row.endpoint)
                + fact("Model", row.model) + fact("Attempts", "\(row.attempts)")
                + fact("Bytes", "\(row.bytesUp) up, \(row.bytesDown) down")
                + fact("1st byte", row.firstByteSeconds.map { Quantity.latencyWithUnit(.seconds($0), dash: "") })
                + [[], [Segment("Its way from endpoint to endpoint is known once it has ended.", .faint)]]
        case .ended(let row):
            let facts =
                fact("ID", row.id)
                + fact(
                    "Ended",
                    Quantity.preciseClock(row.time, utcOffset: state.shown.utcOffset) + ", "
                        + row.ending.replacing("_", with: " "))
                + fact("Took", Quantity.latencyWithUnit(.seconds(row.seconds), dash: ""))
                + fact("Client", row.client) + fact("Model", row.model ?? row.modelAsked)
                + fact("Tokens", row.output.map { "\(row.input ?? 0) in, \(row.cacheRead ?? 0) from cache, \($0) out" })
                + fact("Cost", row.cost)
            guard let id = row.id, let walk = state.walk, walk.request == id else { return facts }
            switch walk.answer {
            case nil: return facts
            case .refused(let text):
                return facts + [[]] + DetailPanel.wrap(SafeText.clean(text), width).map { [Segment($0, .faint)] }
            case .known(let walk):
                return facts + [[]]
                    + PlainReport.lines(walk, utcOffset: state.shown.utcOffset).flatMap { DetailPanel.wrap($0, width) }
                    .map { [Segment($0)] }
            }
        }
    }

    private static func phase(_ phase: OpenRequestReport.Phase) -> String {
        switch phase {
        case .sending: "sending: its body is still coming from the client"
        case .queued: "queued: no endpoint can be asked at the moment"
        case .connecting: "connecting to the endpoint"
        case .waiting: "waiting for the endpoint's answer"
        case .streaming: "streaming: the answer goes to the client"
        case .delivering: "delivering: the client has not taken all of the answer"
        }
    }
}
