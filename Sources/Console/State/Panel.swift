/// A part of the screen that can have the focus.
enum Panel: Int, Sendable, CaseIterable {
    case endpoints = 1
    case persister, flushes, events, detail, chart

    var title: String {
        switch self {
        case .endpoints: "Endpoints"
        case .persister: "Persister"
        case .flushes: "Flushes"
        case .events: "Events"
        case .detail: "Detail"
        case .chart: "Flush ms"
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

    func precedes(_ left: EndpointStatus, _ right: EndpointStatus) -> Bool {
        switch self {
        case .rank: left.rank < right.rank
        case .state: Self.severity(left.state) < Self.severity(right.state)
        case .name: left.name < right.name
        case .kind: left.kind.rawValue < right.kind.rawValue
        case .priority: (left.priority ?? .max) < (right.priority ?? .max)
        case .success: (left.successRate ?? 2) < (right.successRate ?? 2)
        case .p50: (left.p50 ?? .zero) > (right.p50 ?? .zero)
        case .p95: (left.p95 ?? .zero) > (right.p95 ?? .zero)
        case .rate: left.requestsPerSecond > right.requestsPerSecond
        case .inFlight: left.inFlight > right.inFlight
        case .errors: left.errors > right.errors
        }
    }

    private static func severity(_ state: EndpointStatus.State) -> Int {
        switch state {
        case .misconfigured: 0
        case .down: 1
        case .cooling: 2
        case .slow: 3
        case .up: 4
        case .off: 5
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
}

struct HelpView: Sendable, Equatable {
    var search = ""
    var scroll = 0
}

struct FlushView: Sendable, Equatable {
    var id: UInt64
    var scroll = 0
}

struct DeletePrompt: Sendable, Equatable {
    var endpoint: EndpointReference
    var editor = LineEditor()
    var isReady: Bool { editor.text == SafeText.clean(endpoint.name) }
}

struct ConfirmDialog: Sendable, Equatable {
    var title: String
    var lines: [String]
    var button: String
    var answer: Answer
    /// Cancel has the focus first.
    var isCancelFocused = true

    indirect enum Answer: Sendable, Equatable {
        case perform(ConsoleCommand)
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
}

/// A command that has not been answered yet.
struct PendingCommand: Sendable, Equatable {
    var command: ConsoleCommand
    var label: String
    var since: ContinuousClock.Instant
}
