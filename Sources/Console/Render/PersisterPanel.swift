internal import PodiumModel
internal import PureSupport

/// What is unsaved, when it is written, and the persister's counters: in a panel, in the one line of a compact screen, and in full
/// when the panel has the screen to itself.
enum PersisterPanel {
    static func summary(_ status: Snapshot.Persister, glyphs: Glyphs) -> (
        glyph: Character, word: String, role: CellStyle.Role
    ) {
        if status.memoryOnly != nil { return (glyphs.dash, "not saved", .warning) }
        if status.isOverdue { return (glyphs.cross, "OVERDUE", .bad) }
        if status.isWriting { return (glyphs.writing, "writing", .accent) }
        if status.isDirty, status.isRetrying { return (glyphs.cross, "FAILED", .bad) }
        if status.isDirty { return (glyphs.dirty, "DIRTY", .warning) }
        return (glyphs.clean, "saved", .good)
    }

    static func draw(
        _ state: ConsoleState, _ layout: DashboardLayout, _ now: ContinuousClock.Instant, _ grid: inout CellGrid
    ) {
        guard let frame = layout.frames[.persister] else { return }
        let content = layout.content(of: .persister)
        let status = state.shown.persister
        let lines = lines(state, content, now: now)
        let top = min(state.scroll[.persister] ?? 0, max(0, lines.count - content.height))
        let place = "\(top + 1)-\(min(lines.count, top + content.height)) of \(lines.count)"
        let isScrolling = state.focus == .persister && lines.count > content.height
        let right =
            layout.isBoxed
            ? [Segment("\(SafeText.clean(status.strategy)) \(Quantity.age(state.shown.flushInterval))", .faint)]
            : isScrolling ? [Segment(place, .faint)] : []
        grid.border(
            frame, isBoxed: layout.isBoxed, isFocused: state.focus == .persister, left: state.title(.persister),
            right: right, bottom: [Segment("\(state.key(.flush)) flush now", .faint)])
        for (offset, line) in lines.dropFirst(top).prefix(content.height).enumerated() {
            grid.put(line, column: content.column, line: content.line + offset, limit: content.right)
        }
        let used = lines.count + 1
        if state.isZoomed, content.height - used > ChartPanel.least {
            let chart = Frame(
                column: content.column, line: content.line + used, width: content.width, height: content.height - used)
            grid.put(
                " Flush ms", column: chart.column, line: chart.line, limit: chart.right, style: CellStyle(.title))
            ChartPanel.draw(
                state,
                in: Frame(column: chart.column, line: chart.line + 1, width: chart.width, height: chart.height - 1),
                &grid
            )
        }
    }

    /// The compact screen's one line.
    static func drawLine(
        _ state: ConsoleState, _ frame: Frame, _ now: ContinuousClock.Instant, _ grid: inout CellGrid
    ) {
        let status = state.shown.persister
        let glyphs = state.setup.glyphs
        let summary = summary(status, glyphs: glyphs)
        let style = CellStyle(state.focus == .persister ? .focusedBorder : .border)
        grid.fill(glyphs.horizontal, column: frame.column, line: frame.line, count: frame.width, style: style)
        var text = " \(summary.glyph) \(summary.word)"
        if status.isDirty { text += " \(status.unsavedChanges)" }
        var segments = [Segment(text, summary.role)]
        if status.isDirty, let due = state.shown.nextFlush {
            segments.append(Segment(" \(glyphs.separator) flush in \(Quantity.age(due - now))", weight: 10))
        }
        segments.append(Segment(" \(glyphs.separator) \(Quantity.grouped(status.writes)) writes", .faint, weight: 20))
        if status.failures > 0 {
            segments.append(Segment(" \(glyphs.separator) \(status.failures) failed", .bad, weight: 15))
        }
        segments.append(Segment(" "))
        let kept = Segment.fit(segments, into: frame.width - 2)
        grid.put(kept, column: frame.column + 1, line: frame.line, limit: frame.right)
    }

    static func lines(_ state: ConsoleState, _ content: Frame, now: ContinuousClock.Instant) -> [[Segment]] {
        let width = content.width
        let status = state.shown.persister
        let glyphs = state.setup.glyphs
        var lines = [
            headline(status, glyphs, width, now),
            bar(
                " next flush ", status.isDirty ? state.shown.nextFlush : nil, state.shown.flushInterval,
                .accent, glyphs, width, now),
            bar(
                " max dirty  ", status.isDirty ? state.shown.maxDirty : nil, state.shown.maxDirtyTime, .warning, glyphs,
                width,
                now),
            counters(status, glyphs, width),
        ]
        lines.append(failure(state, glyphs, width))
        let isUsed = status.refusedFile == nil
        var file = [
            Segment(" file ", .faint), Segment("\(isUsed ? glyphs.check : glyphs.cross) ", isUsed ? .good : .bad),
            Segment(pathEnd(state.shown.server.configPath, width - 25, glyphs)),
        ]
        file.append(Segment("  " + Quantity.bytes(status.file?.size, dash: String(glyphs.dash)), weight: 10))
        if let mode = status.file?.mode {
            file.append(Segment("  0" + String(mode & 0o7777, radix: 8), .faint, weight: 20))
        }
        lines.append(Segment.fit(file, into: width))
        let backup = status.file?.backupTime.map { Quantity.clock($0, utcOffset: state.shown.utcOffset) } ?? "none yet"
        lines.append(
            Segment.fit(
                [
                    Segment(" disk  ", .faint), Segment("\(Quantity.bytes(status.bytesWritten, dash: "0")) written"),
                    Segment(" \(glyphs.separator) backup \(backup)", weight: 10),
                    Segment(" \(glyphs.separator) unchanged \(status.unchanged)", .faint, weight: 30),
                    Segment(" \(glyphs.separator) merged edits \(status.externalEditsMerged)", .faint, weight: 40),
                ], into: width))
        if content.height > lines.count + 2 { lines += more(status, width, glyphs) }
        return lines
    }

    /// The further lines that there is room for when the panel has the screen to itself.
    private static func more(_ status: Snapshot.Persister, _ width: Int, _ glyphs: Glyphs) -> [[Segment]] {
        var lines: [[Segment]] = [[]]
        func add(_ label: String, _ text: String, _ role: CellStyle.Role = .text) {
            let label = TextField.fit(" " + label, 17, glyphs: glyphs)
            for (index, part) in DetailPanel.wrap(text, max(8, width - 18)).enumerated() {
                lines.append([
                    Segment(index == 0 ? label : String(repeating: " ", count: 17), .faint), Segment(part, role),
                ])
            }
        }
        func list(_ counts: [(name: String, count: UInt64)]) -> String {
            counts.isEmpty
                ? "none"
                : counts.map { "\(SafeText.clean($0.name)) \(Quantity.grouped($0.count))" }.joined(separator: ", ")
        }
        if let reason = status.memoryOnly {
            add("not saved", "ranks and changes live in memory only: \(SafeText.clean(reason))", .warning)
        }
        if let problem = status.refusedFile { add("file not used", SafeText.clean(problem), .bad) }
        add("writes by cause", list(status.causes))
        add("failures", list(status.failureCodes), status.failures == 0 ? .text : .bad)
        add("marks", Quantity.grouped(status.marks))
        let share = status.marks > 0 ? Double(status.coalesced) / Double(status.marks) : nil
        let saved =
            share.map { " (\(Quantity.percent($0, dash: ""))% of all marks needed no write of their own)" } ?? ""
        add("throttled", Quantity.grouped(status.coalesced) + saved)
        add("unchanged", "\(Quantity.grouped(status.unchanged)) flushes found nothing to write")
        add("merged edits", Quantity.grouped(status.externalEditsMerged))
        return lines
    }

    private static func headline(
        _ status: Snapshot.Persister, _ glyphs: Glyphs, _ width: Int, _ now: ContinuousClock.Instant
    ) -> [Segment] {
        let summary = summary(status, glyphs: glyphs)
        var segments = [Segment(" \(summary.glyph) \(summary.word)", summary.role)]
        if let reason = status.memoryOnly {
            segments.append(Segment("  " + SafeText.clean(reason), weight: 5))
        } else if status.isDirty {
            segments.append(Segment("  " + status.unsavedChanges.counted("change")))
            if let age = status.oldestUnsaved { segments.append(Segment(", oldest \(Quantity.age(age))", weight: 10)) }
        } else if !status.isWriting {
            segments.append(Segment("  nothing unsaved", .faint, weight: 10))
        }
        return Segment.fit(segments, into: width)
    }

    /// Fills as the deadline comes nearer.
    private static func bar(
        _ label: String, _ deadline: ContinuousClock.Instant?, _ span: Duration, _ role: CellStyle.Role,
        _ glyphs: Glyphs,
        _ width: Int, _ now: ContinuousClock.Instant
    ) -> [Segment] {
        let room = max(0, width - label.count - 5)
        guard let deadline else {
            return [
                Segment(label, .faint), Segment(String(repeating: String(glyphs.barEmpty), count: room), .faint),
                Segment(TextField.fit(String(glyphs.dash), 5, align: .right, glyphs: glyphs), .faint),
            ]
        }
        let left = max(0, (deadline - now).inMilliseconds)
        let whole = max(1, span.inMilliseconds)
        let share = min(1, max(0, 1 - left / whole))
        let filled = min(room, Int((share * Double(room)).rounded()))
        return [
            Segment(label, .faint), Segment(String(repeating: String(glyphs.barFull), count: filled), role),
            Segment(String(repeating: String(glyphs.barEmpty), count: room - filled), .faint),
            Segment(TextField.fit(Quantity.age(deadline - now), 5, align: .right, glyphs: glyphs)),
        ]
    }

    private static func counters(_ status: Snapshot.Persister, _ glyphs: Glyphs, _ width: Int) -> [Segment] {
        let dot = " \(glyphs.separator) "
        return Segment.fit(
            [
                Segment(" writes \(Quantity.count(status.writes, width: 6))"),
                Segment("\(dot)throttled \(Quantity.count(status.coalesced, width: 6))"),
                Segment(
                    "\(dot)failed \(Quantity.count(status.failures, width: 4))", status.failures > 0 ? .bad : .text,
                    weight: 5),
                Segment("\(dot)marks \(Quantity.count(status.marks, width: 6))", .faint, weight: 20),
            ], into: width)
    }

    private static func failure(
        _ state: ConsoleState, _ glyphs: Glyphs, _ width: Int
    ) -> [Segment] {
        guard let failure = state.shown.lastFailure else { return [Segment(" last failure  none", .faint)] }
        let time = Quantity.clock(failure.time, utcOffset: state.shown.utcOffset)
        let head = [
            Segment(" last failure  ", .faint), Segment("\(time) \(SafeText.clean(failure.errorCode ?? ""))", .bad),
        ]
        let room = width - head.reduce(1) { $0 + $1.columns }
        return head + [
            Segment(
                " " + TextField.cut(state.brief(SafeText.clean(failure.error ?? "")), max(1, room), glyphs: glyphs),
                .faint)
        ]
    }

    /// The end of a path says more than its beginning.
    static func pathEnd(_ path: String, _ width: Int, _ glyphs: Glyphs) -> String {
        let clean = SafeText.clean(path)
        let characters = Array(clean)
        guard TextWidth.columns(of: clean) > width, width > 1 else { return clean }
        var kept: [Character] = []
        var used = 1
        for character in characters.reversed() {
            let columns = TextWidth.columns(of: String(character))
            if used + columns > width { break }
            kept.append(character)
            used += columns
        }
        return String(glyphs.ellipsis) + String(kept.reversed())
    }
}
