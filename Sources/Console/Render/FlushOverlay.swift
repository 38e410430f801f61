internal import PodiumModel
internal import PureSupport

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
                    "\(Quantity.counted(flush.changes.count, "change")), \(flush.bytesChanged) bytes changed, file "),
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
