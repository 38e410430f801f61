internal import PodiumModel
internal import PureSupport

/// The log of one day as the history keeps it, also of earlier processes: which day, where the cursor is, and what is searched for.
///
/// A search goes from match to match and leaves what stands around it in sight, as less and tig do.
struct PastView: Sendable, Equatable {
    /// Of a day, as many as are asked for.
    static let mostEvents = 5_000

    /// Days since 1970 on the operator's calendar.
    var day: Int
    /// The last day there is.
    let today: Int
    /// Seconds of the day to go to once the events are here.
    var wanted: Int?
    /// The event under the cursor, of all of the day, the oldest first.
    var selected = 0
    /// The first one in sight.
    var top = 0
    var lowest = EventLevel.info
    var search = LineEditor()
    var isSearching = false
    private(set) var events: [Snapshot.Event] = []
    private(set) var isKnown = false
    private(set) var problem: String?
    private var question: CommandID?
    /// Another day is wanted by now.
    private var isOwed = false

    init(day: Int, today: Int, wanted: Int?) {
        (self.day, self.today, self.wanted) = (day, today, wanted)
    }

    /// `2026-11-30`
    var date: String { CivilTime(unixTime: day * 86_400).date }

    mutating func ask(_ id: CommandID) -> [ConsoleEffect] {
        (events, isKnown, problem) = ([], false, nil)
        guard question == nil else {
            isOwed = true
            return []
        }
        (question, isOwed) = (id, false)
        var asked = HistoryQuestion()
        (asked.span, asked.limit, asked.level) = (date, Self.mostEvents, lowest)
        return [.perform(id, .pastEvents(asked))]
    }

    /// - Returns: whether it was an answer to its question, and whether the next one has to be asked
    mutating func take(_ id: CommandID, _ result: CommandResult, utcOffset: Int) -> (isOwn: Bool, isOwed: Bool) {
        guard id == question else { return (false, false) }
        question = nil
        guard !isOwed else { return (true, true) }
        isKnown = true
        switch result {
        case .success(.pastEvents(let report)):
            events = report.events.reversed()
            problem = report.problem
        case .success: break
        case .failure(let failure): problem = failure.line
        }
        selected = max(0, events.count - 1)
        if let wanted {
            let time = Double(day * 86_400 + wanted - utcOffset)
            selected = events.firstIndex { $0.time >= time } ?? max(0, events.count - 1)
        }
        top = .max
        return (true, false)
    }

    /// Whether the event is what is searched for: in its text, its source, its endpoint or its time.
    func isMatch(_ event: Snapshot.Event, utcOffset: Int) -> Bool {
        let needle = search.text.lowercased()
        guard !needle.isEmpty else { return false }
        return event.line.lowercased().contains(needle) || event.source.lowercased().contains(needle)
            || Quantity.clock(event.time, utcOffset: utcOffset).contains(needle)
    }

    /// - Returns: whether there is another match that way
    mutating func goToMatch(_ step: Int, utcOffset: Int) -> Bool {
        var index = selected + step
        while events.indices.contains(index) {
            if isMatch(events[index], utcOffset: utcOffset) {
                selected = index
                return true
            }
            index += step
        }
        return false
    }
}

extension ConsoleState {
    private var localNow: Int { Int(latest.takenAt) + latest.utcOffset }

    /// Opens the log of a day.
    ///
    /// - Parameter text: `03:12`, `yesterday`, `yesterday 03:12`, `2026-11-30`, `2026-11-30 03:12`; empty: today
    mutating func openPast(_ text: String, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        let today = max(0, localNow) / 86_400
        var (day, second): (Int?, Int?) = (nil, nil)
        for word in text.split(separator: " ") {
            switch word {
            case "today": day = today
            case "yesterday": day = today - 1
            default:
                let clock = word.split(separator: ":").map { Int($0) }
                if clock.count >= 2, clock.count <= 3, let hour = clock[0], let minute = clock[1],
                    (0..<24).contains(hour),
                    (0..<60).contains(minute)
                {
                    second = hour * 3_600 + minute * 60 + (clock.count == 3 ? clock[2] ?? 0 : 0)
                } else if let found = Self.day(String(word)), found <= today {
                    day = found
                } else {
                    say(.bad, "at takes 03:12, yesterday 03:12 or 2026-11-30 03:12", now: now)
                    return [.bell]
                }
            }
        }
        // A time of day that has not come yet is yesterday's.
        let isPast = second.map { $0 <= max(0, localNow) % 86_400 } ?? true
        return askPast(PastView(day: day ?? (isPast ? today : today - 1), today: today, wanted: second))
    }

    /// Days since 1970 of a date as it is written here; nil for what is none.
    private static func day(_ text: String) -> Int? {
        let parts = text.split(separator: "-").compactMap { Int($0) }
        guard parts.count == 3, text.count == 10, (1970...9_999).contains(parts[0]) else { return nil }
        // From the year's beginning it is a walk of a year at most.
        let first =
            (parts[0] - 1_970) * 365 + (parts[0] - 1_969) / 4 - (parts[0] - 1_901) / 100 + (parts[0] - 1_601) / 400
        return (first...first + 366).first { CivilTime(unixTime: $0 * 86_400).date == text }
    }

    mutating func askPast(_ view: PastView) -> [ConsoleEffect] {
        var view = view
        let effects = view.ask(nextIdentifier())
        overlay = .past(view)
        return effects
    }

    /// - Returns: what is asked next; nil where it was no answer to a question of this view
    mutating func takePast(_ id: CommandID, _ result: CommandResult) -> [ConsoleEffect]? {
        guard case .past(var view) = overlay else { return nil }
        let (isOwn, isOwed) = view.take(id, result, utcOffset: latest.utcOffset)
        guard isOwn else { return nil }
        if isOwed { return askPast(view) }
        view.top = PastOverlay.top(self, view)
        overlay = .past(view)
        return []
    }

    mutating func performPast(
        _ action: ConsoleAction, _ view: PastView, now: ContinuousClock.Instant
    ) -> [ConsoleEffect] {
        var view = view
        switch action {
        case .cursorUp, .cursorDown, .pageUp, .pageDown, .first, .last:
            let page = max(1, PastOverlay.height(self) - 1)
            view.selected = destination(action, from: view.selected, page: page, count: max(1, view.events.count))
        case .filter:
            view.isSearching = true
            view.search = LineEditor()
        case .nextMatch, .previousMatch:
            guard !view.search.text.isEmpty else {
                say(.note, "no search: press / first", now: now)
                return [.bell]
            }
            guard view.goToMatch(action == .nextMatch ? 1 : -1, utcOffset: latest.utcOffset) else {
                say(.note, "no further match on this day: [ and ] go to other days", now: now)
                return [.bell]
            }
        case .level:
            view.lowest =
                view.lowest == .debug
                ? .info : view.lowest == .info ? .warning : view.lowest == .warning ? .error : .debug
            view.wanted = nil
            return askPast(view)
        case .previousEntry, .nextEntry:
            let day = view.day + (action == .nextEntry ? 1 : -1)
            guard day >= 0, day <= view.today else {
                say(.note, "nothing is known of the future", now: now)
                return [.bell]
            }
            view.day = day
            view.wanted = nil
            return askPast(view)
        case .copy:
            guard view.events.indices.contains(view.selected) else { return [.bell] }
            return copy(PlainReport.line(view.events[view.selected], utcOffset: latest.utcOffset), now: now)
        case .redraw: return [.redraw]
        default:
            overlay = nil
            return []
        }
        view.top = PastOverlay.top(self, view)
        overlay = .past(view)
        return []
    }

    /// The search of the day's log is typed, or done.
    mutating func finishPastSearch(_ isAccepted: Bool, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard case .past(var view) = overlay else { return [] }
        view.isSearching = false
        if !isAccepted { view.search = LineEditor() }
        var effects: [ConsoleEffect] = []
        if isAccepted, !view.search.text.isEmpty {
            // The newest match at or before the cursor, else the first one behind it.
            let isHere =
                view.events.indices.contains(view.selected)
                && view.isMatch(view.events[view.selected], utcOffset: latest.utcOffset)
            if !isHere, !view.goToMatch(-1, utcOffset: latest.utcOffset),
                !view.goToMatch(1, utcOffset: latest.utcOffset)
            {
                say(.note, "nothing on this day contains \(view.search.text)", now: now)
                effects = [.bell]
            }
        }
        view.top = PastOverlay.top(self, view)
        overlay = .past(view)
        return effects
    }
}
