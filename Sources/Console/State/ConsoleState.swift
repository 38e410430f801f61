public import PodiumModel
internal import PureSupport

/// Everything the console knows. A pure reducer: `handle` takes an input and the time and returns what is to be done;
/// `render(now:)` draws the state.
///
/// `ConsoleLoop` owns the only one of a console and performs the effects, so that everything a key does can be tested with keys in
/// and cells out. The reducer is in three further files by what it is about: keys, the view, and the open form.
public struct ConsoleState: Sendable {
    /// What the picture is made from; older than the newest snapshot while paused.
    var shown: ConsolePicture
    /// The newest snapshot: commands are made from this one.
    var latest: ConsolePicture
    /// Columns and lines of the terminal.
    public private(set) var columns: Int
    /// Lines of the terminal.
    public private(set) var lines: Int
    /// What the console was started with.
    public let setup: ConsoleSetup
    /// Which colours are in use.
    public internal(set) var theme: Theme
    /// How often the picture is renewed.
    public internal(set) var refresh: Duration
    var focus = Panel.endpoints
    var isZoomed = false
    var overlay: Overlay?
    /// The form under a confirmation.
    var coveredForm: EndpointForm?
    var sort = SortColumn.rank
    var isDescending = false
    var filter = LineEditor()
    /// The search of the event log and the journal.
    var eventFilter = LineEditor()
    var isFilterOpen = false
    var command: CommandLine?
    var commandHistory: [String] = []
    var lowestLevel = EventLevel.debug
    /// Time the picture stands still at; nil while live.
    var pausedAt: ContinuousClock.Instant?
    var selectedID: UInt32?
    /// Indices into `shown.endpoints` in the order of the table.
    var rows: [Int] = []
    var selectedRow = 0
    /// True while the mouse is reported; the terminal's own selection needs it off.
    var isMouseOn = false
    /// The endpoint the left button went down on.
    var dragged: UInt32?
    /// How many endpoints are in each state, counted once per snapshot.
    var stateCounts: [Snapshot.Endpoint.State: Int] = [:]
    /// Topmost visible row per panel; for logs, lines scrolled up from the newest.
    var scroll: [Panel: Int] = [:]
    /// The flush under the cursor; nil follows the newest.
    var selectedFlushID: UInt64?
    /// The event under the cursor; nil follows the newest.
    var selectedEventID: UInt64?
    /// The name of an endpoint that was added and gets the cursor when it appears.
    var pendingSelection: String?
    var toast: Toast?
    var pending: [CommandID: PendingCommand] = [:]
    private var nextCommand: UInt64 = 1
    /// Until then automatic changes of the order wait.
    var orderHeldUntil: ContinuousClock.Instant?
    /// Until then a paused picture lets through what the operator has just done.
    var shownThroughUntil: ContinuousClock.Instant?
    /// Where K and J want the endpoint once the move under way is answered.
    var queuedMove: QueuedMove?
    /// The save that the open form waits for.
    var formCommand: CommandID?
    /// Forms that were left while they saved.
    var leftForms: [LeftForm] = []
    /// When the oldest change was made that could not be written at first; nil once all is on disk.
    var unsavedSince: ContinuousClock.Instant?
    /// The comparison with the file that is under way.
    var previewCommand: CommandID?
    /// The way of the request that the opened event speaks of.
    var walk: ShownWalk?
    /// What the traffic panel shows.
    var traffic = TrafficView()
    /// Endpoints that were taken out of service, where requests still run.
    var draining: Set<UInt32> = []
    /// What the requests panel shows.
    var requests = RequestsView()
    /// Endpoints that are marked, to be compared or changed together.
    var marked: Set<UInt32> = []
    /// The test of a form that is under way.
    var testCommand: CommandID?

    struct QueuedMove: Sendable, Equatable {
        var id: UInt32
        var rank: Int
    }

    static let orderHold = Duration.seconds(3)
    static let refreshSteps: [Duration] = [
        .milliseconds(200), .milliseconds(500), .seconds(1), .seconds(2), .seconds(5), .seconds(10),
    ]

    /// A console of that size that has seen nothing yet.
    public init(setup: ConsoleSetup, columns: Int, lines: Int, now: ContinuousClock.Instant) {
        self.setup = setup
        self.columns = columns
        self.lines = lines
        theme = setup.theme
        refresh = min(.seconds(10), max(.milliseconds(200), setup.refresh))
        shown = ConsolePicture(receivedAt: now)
        latest = shown
    }

    /// Takes an input and says what is to be done, in order.
    public mutating func handle(_ input: ConsoleInput, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        if let toast, toast.expires <= now { self.toast = nil }
        var effects = take(input, now: now)
        // Figures over time are asked for when the picture is renewed, so that a cursor that runs down the table asks once.
        if case .snapshot = input { effects += refreshTraffic(now: now) + refreshRequests(now: now) }
        return effects + refreshPreview() + refreshWalk()
    }

    private mutating func take(_ input: ConsoleInput, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        switch input {
        case .key(let key): return handleKey(key, now: now)
        case .mouse(let event): return handleMouse(event, now: now)
        case .paste(let text):
            paste(text)
            return []
        case .resize(let columns, let lines):
            self.columns = max(0, columns)
            self.lines = max(0, lines)
            keepInView()
            return []
        case .snapshot(let snapshot): return take(snapshot, now: now)
        case .commandFinished(let id, let result): return finish(id, result, now: now)
        case .notice(let text):
            say(.note, text, now: now)
            return []
        case .background(let isLight):
            // A theme that was chosen meanwhile stays, and so does one that comes too late to be a surprise.
            if setup.followsBackground, theme == setup.theme { theme = isLight ? .light : .dark }
            return []
        case .suspendRequested: return perform(.suspend, now: now)
        case .tick:
            if case .form(var form) = overlay {
                form.tick(now: now)
                overlay = .form(form)
            }
            bringBackLeftForm(now: now)
            return []
        }
    }

    /// The time the picture shows: it stands still while paused.
    func pictureTime(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        pausedAt ?? latest.staleSince ?? now
    }

    var isReadOnly: Bool { setup.isReadOnly || latest.isReadOnly }

    /// The endpoint under the cursor as the newest snapshot has it.
    var selected: Snapshot.Endpoint? {
        guard rows.indices.contains(selectedRow) else { return nil }
        let endpoint = shown.endpoints[rows[selectedRow]]
        guard pausedAt != nil else { return endpoint }
        return latest.endpoints.first { $0.id == endpoint.id }
    }

    mutating func say(_ kind: Toast.Kind, _ text: String, now: ContinuousClock.Instant) {
        let seconds = kind == .bad ? 30 : 8
        toast = Toast(kind: kind, text: SafeText.clean(text), expires: now + .seconds(seconds))
    }

    mutating func nextIdentifier() -> CommandID {
        defer { nextCommand += 1 }
        return CommandID(nextCommand)
    }

    mutating func run(_ command: Command, now: ContinuousClock.Instant) -> ConsoleEffect {
        let id = nextIdentifier()
        let endpoint = command.target.flatMap { target in latest.endpoints.first { $0.name == target.name }?.id }
        pending[id] = PendingCommand(command: command, endpoint: endpoint, label: command.label, since: now)
        // What the operator asked for is shown at once; what happens by itself waits for the keys to rest.
        if command.movesRows { orderHeldUntil = nil }
        toast = nil
        return .perform(id, command)
    }
}

/// What a console is started with.
public struct ConsoleSetup: Sendable {
    /// The characters that can be shown.
    public var glyphs = Glyphs.unicode
    /// The keys.
    public var keymap = Keymap.standard
    /// The colours to begin with.
    public var theme = Theme.dark
    /// Whether the theme is light or dark as the terminal's background is.
    public var followsBackground = false
    /// How often the picture is renewed at first.
    public var refresh = Duration.seconds(1)
    /// Operator actions are unbound.
    public var isReadOnly = false
    /// Whether ^Z suspends.
    public var canSuspend = false

    /// The defaults.
    public init() {}
}

/// A part of the screen that can have the focus.
enum Panel: Int, Sendable, CaseIterable {
    case endpoints = 1
    case persister, flushes, events, detail, traffic, requests, journal

    /// Whether the search of the logs goes through it.
    var isLog: Bool { self == .events || self == .journal || self == .requests }

    /// Whether it is there to be read, and has no endpoint to act on.
    var isRead: Bool { self != .endpoints && self != .detail }

    var title: String {
        switch self {
        case .endpoints: "Endpoints"
        case .persister: "Persister"
        case .flushes: "Flushes"
        case .events: "Events"
        case .detail: "Detail"
        case .traffic: "Traffic"
        case .requests: "Requests"
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
    case history(HistoryView)
    case request(RequestView)
    case past(PastView)
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
    /// What the command that it tells of left to undo; nil where there is nothing, or another command came since.
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

extension ConsoleState {
    /// How long after a command its effect is waited for: an attached console's picture may come later than the answer.
    static let showThrough = Duration.seconds(3)

    mutating func togglePause(now: ContinuousClock.Instant) {
        shownThroughUntil = nil
        if pausedAt == nil {
            pausedAt = now
        } else {
            pausedAt = nil
            show(latest, now: now)
        }
    }

    /// Renews a paused picture where the operator's own action has changed what it shows, and holds it again: a key that
    /// seems to do nothing is pressed twice.
    mutating func showThrough(now: ContinuousClock.Instant) {
        guard let shownThroughUntil, now < shownThroughUntil, Self.isChanged(shown, latest) else { return }
        pausedAt = now
        show(latest, now: now)
    }

    /// Whether what operators change is different; figures that only moved on are not.
    private static func isChanged(_ one: ConsolePicture, _ other: ConsolePicture) -> Bool {
        one.autoSort != other.autoSort || one.flushes.last?.number != other.flushes.last?.number
            || !one.endpoints.elementsEqual(other.endpoints) {
                ($0.id, $0.revision, $0.rank) == ($1.id, $1.revision, $1.rank)
            }
    }
}

/// What the console wants done after an input.
public enum ConsoleEffect: Sendable, Equatable {
    case perform(CommandID, Command)
    case quit(QuitChoice)
    /// Draw everything again from nothing.
    case redraw
    case bell
    /// Report the mouse, or leave it to the terminal.
    case mouse(Bool)
    /// Put the text on the operator's clipboard.
    case copy(String)
    /// Stop this process until the shell continues it (attached consoles only).
    case suspend
}

/// What becomes of the proxy when the console is left.
public enum QuitChoice: Sendable, Equatable {
    /// Drain, save, exit.
    case stop
    /// Serve on in the foreground without a console; for an attached console, only detach.
    case keepServing
}

/// Ties a result to its command.
public struct CommandID: Sendable, Hashable {
    /// The number; unique within one console.
    public var rawValue: UInt64

    /// The command of that number.
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// What comes of a refusal in the console.
extension CommandRefusal {
    /// The change holds in memory and is tried again by itself: the message lapses once it is on disk.
    var isKeptUnsaved: Bool { code == .notSaved }

    /// Others changed the endpoint first: a form takes their values over where it was not edited.
    var isConflict: Bool { code == .revisionConflict }
}
