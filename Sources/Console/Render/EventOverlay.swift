internal import PodiumModel

/// One event in full, however long it is.
enum EventOverlay {
    static func draw(_ state: ConsoleState, _ view: EventView, _ grid: inout CellGrid) {
        let lines = lines(state, view)
        TextOverlay.draw(state, title: "Event", lines, scroll: view.scroll, &grid)
    }

    static func mostScroll(_ state: ConsoleState, _ view: EventView) -> Int {
        TextOverlay.mostScroll(state, lines(state, view).count)
    }

    private static func lines(_ state: ConsoleState, _ view: EventView) -> [[Segment]] {
        guard let event = state.shown.events.last(where: { $0.identity == view.id }) else {
            return [[Segment("This event is no longer in the log.", .faint)]]
        }
        let time = Quantity.preciseClock(event.time, utcOffset: state.shown.utcOffset)
        let text = DetailPanel.wrap(SafeText.clean(event.line), TextOverlay.width(state))
        let count = EventPanel.count(event, isASCII: state.setup.glyphs.isASCII)
        let since = Quantity.preciseClock(event.since, utcOffset: state.shown.utcOffset)
        let repeats = count.isEmpty ? [] : [[Segment(count, .warning), Segment(" since \(since)", .faint)]]
        return [
            [
                Segment(time, .strong), Segment("  \(event.severity.rawValue)  ", EventPanel.role(event.severity)),
                Segment(SafeText.clean(event.source), .faint),
            ]
        ] + repeats + [[]] + text.map { [Segment($0, event.severity == .error ? .bad : .text)] }
    }
}
