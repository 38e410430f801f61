internal import PodiumModel

/// Everything the console knows. A pure reducer: `handle` takes an input and the time and returns what is to be done;
/// `render(now:)` draws the state.
public struct ConsoleState: Sendable {
    /// What the picture is made from; older than the newest snapshot while paused.
    var shown: ConsolePicture
    /// The newest snapshot: commands are made from this one.
    var latest: ConsolePicture
    /// Columns and lines of the terminal.
    public private(set) var columns: Int
    /// Lines of the terminal.
    public private(set) var lines: Int
    let setup: ConsoleSetup
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
        let effects = take(input, now: now)
        return effects + refreshPreview()
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
    /// How often the picture is renewed at first.
    public var refresh = Duration.seconds(1)
    /// Operator actions are unbound.
    public var isReadOnly = false
    /// Whether ^Z suspends.
    public var canSuspend = false

    /// The defaults.
    public init() {}
}
