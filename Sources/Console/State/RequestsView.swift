internal import PodiumModel
internal import PureSupport

/// The requests panel: what runs now, the oldest first, and below it the last ones that have ended, the newest first.
///
/// It asks while it is in sight, and the cursor follows the request, not the row.
struct RequestsView: Sendable, Equatable {
    /// A request that runs, or one that has ended.
    enum Row: Sendable, Equatable {
        case open(OpenRequestReport.Row)
        case ended(RequestLogReport.Row)

        var identity: String {
            switch self {
            case .open(let row): "open \(row.key)"
            case .ended(let row): "ended \(row.key)"
            }
        }

        /// Its `X-Request-ID`.
        var id: String? {
            switch self {
            case .open(let row): row.id
            case .ended(let row): row.id
            }
        }

        func contains(_ needle: String) -> Bool {
            let texts: [String?] =
                switch self {
                case .open(let row): [row.id, row.client, row.endpoint, row.model, row.path, row.phase.rawValue]
                case .ended(let row):
                    [
                        row.id, row.client, row.endpoint, row.model, row.modelAsked, row.ending,
                        row.status.map { "\($0)" },
                    ]
                }
            return texts.contains { $0?.lowercased().contains(needle) == true }
        }
    }

    /// Requests that run are asked for that often, those that have ended less so.
    private static let pause = Duration.milliseconds(900)
    private static let longPause = Duration.seconds(4)
    private static let mostEnded = 100

    private(set) var open: [OpenRequestReport.Row] = []
    private(set) var unlisted = 0
    private(set) var ended: [RequestLogReport.Row] = []
    /// Something has been answered.
    private(set) var isKnown = false
    /// Why there is nothing, or not all.
    private(set) var refusal: String?
    /// The request under the cursor; nil: the first one.
    var selected: String?
    private var openQuestion: CommandID?
    private var endedQuestion: CommandID?
    private var openAskedAt: ContinuousClock.Instant?
    private var endedAskedAt: ContinuousClock.Instant?

    mutating func ask(
        now: ContinuousClock.Instant, _ identifier: () -> CommandID
    ) -> [ConsoleEffect] {
        var effects: [ConsoleEffect] = []
        if openQuestion == nil, openAskedAt.map({ now - $0 >= Self.pause }) ?? true {
            let id = identifier()
            (openQuestion, openAskedAt) = (id, now)
            effects.append(.perform(id, .openRequests))
        }
        if endedQuestion == nil, endedAskedAt.map({ now - $0 >= Self.longPause }) ?? true {
            let id = identifier()
            (endedQuestion, endedAskedAt) = (id, now)
            var question = HistoryQuestion()
            question.limit = Self.mostEnded
            effects.append(.perform(id, .loggedRequests(question)))
        }
        return effects
    }

    /// - Returns: whether it was an answer to a question of this view
    mutating func take(_ id: CommandID, _ result: CommandResult) -> Bool {
        guard id == openQuestion || id == endedQuestion else { return false }
        if id == openQuestion { openQuestion = nil } else { endedQuestion = nil }
        switch result {
        case .success(.openRequests(let report)):
            (open, unlisted, isKnown, refusal) = (report.requests, report.unlisted, true, nil)
        case .success(.loggedRequests(let report)):
            (ended, isKnown) = (report.requests, true)
            if let problem = report.problem { refusal = problem }
        case .success: break
        case .failure(let failure): refusal = failure.line
        }
        return true
    }

    /// Those that contain the search.
    func rows(_ needle: String) -> [Row] {
        let all = open.map(Row.open) + ended.map(Row.ended)
        return needle.isEmpty ? all : all.filter { $0.contains(needle) }
    }
}

/// One request in full.
struct RequestView: Sendable, Equatable {
    var row: RequestsView.Row
    var scroll = 0
}

extension ConsoleState {
    var requestRows: [RequestsView.Row] { requests.rows(eventFilter.text.lowercased()) }

    var selectedRequestIndex: Int {
        let rows = requestRows
        return requests.selected.flatMap { id in rows.firstIndex { $0.identity == id } } ?? 0
    }

    var selectedRequest: RequestsView.Row? {
        let rows = requestRows
        let index = selectedRequestIndex
        return rows.indices.contains(index) ? rows[index] : nil
    }

    mutating func moveRequest(_ action: ConsoleAction, page: Int) {
        let rows = requestRows
        guard !rows.isEmpty else { return }
        let target = destination(action, from: selectedRequestIndex, page: page, count: rows.count)
        requests.selected = rows[target].identity
        keepRequestInView()
    }

    mutating func keepRequestInView() {
        let height = max(1, layout.page(of: .requests))
        let place = selectedRequestIndex
        var top = min(scroll[.requests] ?? 0, max(0, requestRows.count - height))
        if place < top { top = place }
        if place >= top + height { top = place - height + 1 }
        scroll[.requests] = max(0, top)
    }

    /// Asks for the requests where the panel is in sight.
    mutating func refreshRequests(now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard latest.staleSince == nil, pausedAt == nil, layout.frames[.requests] != nil else { return [] }
        switch overlay {
        case nil, .confirm: break
        default: return []
        }
        var view = requests
        let effects = view.ask(now: now) { nextIdentifier() }
        requests = view
        return effects
    }

    /// Asks whether the request under the cursor shall end.
    mutating func confirmCancel() {
        guard case .open(let row)? = selectedRequest else { return }
        let place = row.endpoint.map { " at \(SafeText.clean($0))" } ?? ""
        overlay = .confirm(
            ConfirmDialog(
                title: "Cancel a request of \(SafeText.clean(row.client))",
                lines: [
                    "\(SafeText.clean(row.path))\(place), for \(Quantity.age(.seconds(row.age))).",
                    "Its client's connection is closed; nothing is held against the endpoint.",
                ], button: "End it", cancel: "Leave it", answer: .perform(.cancel(row.key))))
    }
}
