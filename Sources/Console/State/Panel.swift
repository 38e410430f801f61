internal import PodiumModel
internal import PureSupport

/// A part of the screen that can have the focus.
enum Panel: Int, Sendable, CaseIterable {
    case endpoints = 1
    case persister, flushes, events, detail, chart, journal

    /// Whether the search of the logs goes through it.
    var isLog: Bool { self == .events || self == .journal }

    /// Whether it is there to be read, and has no endpoint to act on.
    var isRead: Bool { self != .endpoints && self != .detail }

    var title: String {
        switch self {
        case .endpoints: "Endpoints"
        case .persister: "Persister"
        case .flushes: "Flushes"
        case .events: "Events"
        case .detail: "Detail"
        case .chart: "Flush ms"
        case .journal: "Rank changes"
        }
    }
}

/// A column the table can be ordered by.
enum SortColumn: Int, Sendable, CaseIterable {
    case rank, state, name, kind, priority, success, p50, p95, rate, inFlight, errors

    var title: String {
        switch self {
        case .rank: "rank"
        case .state: "state"
        case .name: "name"
        case .kind: "kind"
        case .priority: "pri"
        case .success: "ok%"
        case .p50: "p50"
        case .p95: "p95"
        case .rate: "r/s"
        case .inFlight: "in"
        case .errors: "err"
        }
    }

    /// As `:sort` names it.
    var word: String {
        switch self {
        case .priority: "priority"
        case .success: "ok"
        case .rate: "rate"
        case .inFlight: "in-flight"
        case .errors: "errors"
        default: title
        }
    }

    init?(word: String) {
        guard let column = Self.allCases.first(where: { $0.word == word || $0.title == word }) else { return nil }
        self = column
    }

    /// Where one looks for the largest first, the column begins with the largest.
    var startsDescending: Bool {
        switch self {
        case .p50, .p95, .rate, .inFlight, .errors: true
        case .rank, .state, .name, .kind, .priority, .success: false
        }
    }

    /// Whether there is something to compare; rows without it come last in either direction.
    func hasValue(_ endpoint: Snapshot.Endpoint) -> Bool {
        switch self {
        case .priority: endpoint.priority != nil
        case .success: endpoint.traffic.successRatio != nil
        case .p50: endpoint.traffic.p50Seconds != nil
        case .p95: endpoint.traffic.p95Seconds != nil
        case .rate, .inFlight: endpoint.state != .off
        case .rank, .state, .name, .kind, .errors: true
        }
    }

    /// What rows are compared by: taken once per row, since ten thousand endpoints are compared a hundred thousand times.
    enum Keys {
        case numbers([Double])
        case words([String])
    }

    func keys(_ endpoints: [Snapshot.Endpoint]) -> Keys {
        switch self {
        case .rank: .numbers(endpoints.map { Double($0.rank) })
        case .state: .numbers(endpoints.map { Self.severity($0.state) })
        case .name: .words(endpoints.map(\.name))
        case .kind: .words(endpoints.map(\.kind.rawValue))
        case .priority: .numbers(endpoints.map { Double($0.priority ?? .max) })
        case .success: .numbers(endpoints.map { $0.traffic.successRatio ?? 2 })
        case .p50: .numbers(endpoints.map { $0.traffic.p50Seconds ?? 0 })
        case .p95: .numbers(endpoints.map { $0.traffic.p95Seconds ?? 0 })
        case .rate: .numbers(endpoints.map(\.traffic.perSecond))
        case .inFlight: .numbers(endpoints.map { Double($0.traffic.inFlight) })
        case .errors: .numbers(endpoints.map { Double($0.traffic.failures) })
        }
    }

    /// The rows in order; equal ones keep theirs.
    func sorted(_ rows: [Int], of endpoints: [Snapshot.Endpoint], descending: Bool) -> [Int] {
        func sorted<Value: Comparable>(_ keys: [Value]) -> [Int] {
            rows.sorted { left, right in
                if keys[left] == keys[right] { return left < right }
                return descending ? keys[left] > keys[right] : keys[left] < keys[right]
            }
        }
        switch keys(endpoints) {
        case .numbers(let numbers): return sorted(numbers)
        case .words(let words): return sorted(words)
        }
    }

    private static func severity(_ state: Snapshot.Endpoint.State) -> Double {
        switch state {
        case .misconfigured: 0
        case .down: 1
        case .cooling: 2
        case .slow: 3
        case .untested: 4
        case .up: 5
        case .off: 6
        }
    }
}

/// What is drawn over the dashboard and takes the keys first.
enum Overlay: Sendable, Equatable {
    case help(HelpView)
    case form(EndpointForm)
    case delete(DeletePrompt)
    case confirm(ConfirmDialog)
    case quit(QuitDialog)
    case flush(FlushView)
    case event(EventView)
}

struct HelpView: Sendable, Equatable {
    var search = ""
    var scroll = 0
    /// Which of the actions found the cursor is on.
    var selected = 0
}

struct FlushView: Sendable, Equatable {
    var id: UInt64
    var scroll = 0
}

struct EventView: Sendable, Equatable {
    var id: UInt64
    var scroll = 0
}

struct DeletePrompt: Sendable, Equatable {
    var endpoint: CommandTarget
    var editor = LineEditor()
    /// Enter was pressed on another name.
    var isRefused = false
    /// A name that cannot be shown as it is may be typed as it is shown, or as it is: keys come scalar by scalar.
    var isReady: Bool {
        editor.text == SafeText.clean(endpoint.name)
            || editor.text == endpoint.name.unicodeScalars.map { SafeText.clean(String($0)) }.joined()
    }
}

struct ConfirmDialog: Sendable, Equatable {
    var title: String
    var lines: [String]
    var button: String
    var cancel = "Cancel"
    var answer: Answer
    /// Cancel has the focus first.
    var isCancelFocused = true

    indirect enum Answer: Sendable, Equatable {
        case perform(Command)
        case discardForm
    }
}

struct QuitDialog: Sendable, Equatable {
    enum Button: Int, Sendable, CaseIterable { case stop, keepServing, cancel }
    var focus = Button.cancel
}

/// A line that says what happened.
struct Toast: Sendable, Equatable {
    enum Kind: Sendable, Equatable { case good, bad, note }
    var kind: Kind
    var text: String
    var expires: ContinuousClock.Instant
    /// It speaks of something unsaved, and is taken back once everything is on disk.
    var endsWhenSaved = false
    /// What the command that it tells of left to undo; nil where there is nothing, or somebody has acted since.
    var undo: String?
    /// A picture has shown that as the next to undo.
    var isUndoSeen = false
}

/// A command that has not been answered yet.
struct PendingCommand: Sendable, Equatable {
    var command: Command
    /// The one that it is about; a name may change meanwhile.
    var endpoint: UInt32?
    var label: String
    var since: ContinuousClock.Instant

    /// What did not come of it and why: the label names the endpoint already.
    func failed(_ reason: String) -> String {
        let name = command.subject.map { $0 + ": " } ?? ""
        let rest = !name.isEmpty && reason.hasPrefix(name) ? String(reason.dropFirst(name.count)) : reason
        return "\(label) failed: \(rest)"
    }
}
