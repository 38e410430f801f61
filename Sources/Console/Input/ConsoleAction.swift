/// Everything a key can do. The raw value is the name of the action in `:` commands and the documentation.
public enum ConsoleAction: String, Sendable, CaseIterable {
    case cursorUp = "up"
    case cursorDown = "down"
    case pageUp = "page-up"
    case pageDown = "page-down"
    case first, last
    case filter
    case nextMatch = "next-match"
    case previousMatch = "previous-match"
    case back
    case edit, add, delete
    case rankUp = "rank-up"
    case rankDown = "rank-down"
    case pin, toggle, copy, clear, test, undo, redo
    case flush
    case flushDetail = "flush-detail"
    case sortNow = "sort-now"
    case autoSort = "auto-sort"
    case reload
    case nextColumn = "next-column"
    case previousColumn = "previous-column"
    case reverse
    case level
    case nextPanel = "next-panel"
    case previousPanel = "previous-panel"
    case panel1 = "panel-endpoints"
    case panel2 = "panel-persister"
    case panel3 = "panel-flushes"
    case panel4 = "panel-events"
    case panel5 = "panel-detail"
    case panel6 = "panel-traffic"
    case panel7 = "panel-requests"
    case panel8 = "panel-journal"
    case drain
    case cancelRequest = "cancel-request"
    case history
    case past = "past-events"
    case perDay = "per-day"
    case perWeek = "per-week"
    case perMonth = "per-month"
    case perYear = "per-year"
    case byEndpoint = "by-endpoint"
    case byModel = "by-model"
    case byClient = "by-client"
    case shorter = "shorter-span"
    case longer = "longer-span"
    case scope = "traffic-of"
    case mark
    case zoom, pause, faster, slower, theme, mouse, redraw, suspend
    case commandLine = "command"
    case help, quit
    case accept, agree, cancel, save
    case nextField = "next-field"
    case previousField = "previous-field"
    case nextChoice = "next-choice"
    case previousChoice = "previous-choice"
    case reveal, complete, difference
    case previousEntry = "previous-entry"
    case nextEntry = "next-entry"
    case stop
    case keepServing = "keep-serving"
}

/// Where a binding applies.
public enum KeyContext: String, Sendable, CaseIterable {
    case main, prompt, command, form, delete, confirm, quit, help, detail, difference, history, past
}
