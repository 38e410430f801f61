internal import PodiumModel

/// The one table of keys: `ConsoleState` looks keys up in it, and the bottom bar, the help, the documentation and the names of `:`
/// commands are made from it, so that none of them can say something else than the keys do.
public struct Keymap: Sendable {
    /// In the order help and documentation show them.
    public let bindings: [Binding]
    private let table: [Place: Binding]

    /// As it is where the configuration says nothing.
    public static let standard = Keymap(main + dialogs + history + past)

    init(_ bindings: [Binding]) {
        self.bindings = bindings
        var table: [Place: Binding] = [:]
        for binding in bindings {
            for key in binding.keys { table[Place(key: key, context: binding.context)] = binding }
        }
        self.table = table
    }

    private static let main: [Binding] = [
        Binding(.cursorUp, [.up, .character("k")], "row up", "Moves to the row above.", group: .move, barLabel: "row"),
        Binding(
            .cursorDown, [.down, .character("j")], "row down", "Moves to the row below.", group: .move, barLabel: "row"),
        Binding(.pageUp, [.pageUp, .control("B")], "page up", "Moves up by a page.", group: .move, barLabel: "page"),
        Binding(
            .pageDown, [.pageDown, .control("F")], "page down", "Moves down by a page.", group: .move, barLabel: "page"),
        Binding(
            .first, [.character("g"), .home], "first row", "Goes to the first row; logs follow the newest.",
            group: .move, barLabel: "first, last"),
        Binding(
            .last, [.character("G"), .end], "last row", "Goes to the last row.", group: .move, barLabel: "first, last"),
        Binding(
            .filter, [.character("/")], "filter", "Shows only what contains the text typed.", group: .move, bar: 60),
        Binding(
            .nextMatch, [.character("n")], "next match", "Goes to the next match of the last filter or search.",
            group: .move,
            barLabel: "match"),
        Binding(
            .previousMatch, [.character("N")], "prev match", "Goes to the previous match.", group: .move,
            barLabel: "match"),
        Binding(
            .history, [.character("H")], "history", "Shows requests, errors, times, tokens and cost over time.",
            group: .move, bar: 87),
        Binding(
            .past, [.character("L")], "past events",
            "Shows the log of a day, also of before a restart; `:at 03:12` goes there.",
            group: .move),
        Binding(.back, [.escape], "back, clear", "Leaves the zoom, then clears the filter.", group: .move),

        Binding(
            .edit, [.enter, .character("e")], "edit", "Opens the endpoint in a form; a flush or an event in full.",
            group: .endpoint, bar: 0),
        Binding(
            .add, [.character("a")], "add", "Adds an endpoint.", group: .endpoint, bar: 90, changes: true),
        Binding(
            .delete, [.character("d")], "delete", "Deletes the endpoint, once its name is typed.", group: .endpoint,
            bar: 91, changes: true),
        Binding(
            .rankUp, [.character("K")], "rank up", "Moves the endpoint one rank up and pins it there.",
            group: .endpoint, bar: 10, barLabel: "move", changes: true),
        Binding(
            .rankDown, [.character("J")], "rank down", "Moves the endpoint one rank down and pins it there.",
            group: .endpoint, bar: 10, barLabel: "move", changes: true),
        Binding(
            .pin, [.character("m")], "pin", "Pins the endpoint at its rank, or releases it.", group: .endpoint, bar: 80,
            changes: true),
        Binding(
            .toggle, [.character(" ")], "on/off",
            "Takes the endpoint, or all that are marked, out of service or back; in a log, space pages down.",
            group: .endpoint,
            bar: 20, changes: true),
        Binding(
            .mark, [.character("v")], "mark",
            "Marks the endpoint, or not; marked ones are changed together, two are compared in the traffic.",
            group: .endpoint
        ),
        Binding(.copy, [.character("y")], "copy URL", "Copies the URL (OSC 52).", group: .endpoint),
        Binding(
            .clear, [.character("c")], "clear", "Ends the endpoint's time out now: one request tries it.",
            group: .endpoint,
            changes: true),
        Binding(.test, [.character("T")], "test", "Connects and reports how long each step took.", group: .endpoint),
        Binding(
            .drain, [.character("D")], "drain",
            "Takes the endpoint out of service, and says when nothing runs there any more.", group: .endpoint,
            changes: true),
        Binding(
            .cancelRequest, [.character("x")], "cancel", "Ends the request under the cursor, after asking.",
            group: .endpoint, changes: true),
        Binding(
            .undo, [.character("u")], "undo", "Takes the last operator action back.", group: .endpoint, bar: 85,
            changes: true),
        Binding(.redo, [.control("R")], "redo", "Does it again.", group: .endpoint, changes: true),

        Binding(
            .flush, [.character("w")], "flush", "Writes what is unsaved, now.", group: .persister, bar: 30,
            changes: true),
        Binding(
            .flushDetail, [.character("F")], "last flush", "Shows what the last flush that wrote something did.",
            group: .persister),
        Binding(
            .sortNow, [.character("s")], "sort", "Sorts the ranking once, now.", group: .persister, bar: 50,
            changes: true),
        Binding(
            .autoSort, [.character("A")], "auto-sort", "Lets the ranking sort itself, or stops that.",
            group: .persister,
            bar: 86, changes: true),

        Binding(
            .nextColumn, [.character("S"), .character(">")], "sort column", "Orders the table by the next column.",
            group: .view, barLabel: "sort column"),
        Binding(
            .previousColumn, [.character("<")], "column back", "Orders the table by the column before.", group: .view,
            barLabel: "sort column"),
        Binding(.reverse, [.character("r")], "reverse", "Turns the order of the table round.", group: .view),
        Binding(.level, [.character("f")], "event level", "Hides the less important events.", group: .view),
        Binding(.nextPanel, [.tab], "next panel", "Goes to the next panel.", group: .view, bar: 92, barLabel: "panel"),
        Binding(.previousPanel, [.backTab], "prev panel", "Goes to the panel before.", group: .view, barLabel: "panel"),
        Binding(.panel1, [.character("1")], "endpoints", "Goes to the ranking table.", group: .view),
        Binding(.panel2, [.character("2")], "persister", "Goes to the persister.", group: .view),
        Binding(.panel3, [.character("3")], "flushes", "Goes to the flush history.", group: .view),
        Binding(.panel4, [.character("4")], "events", "Goes to the event log.", group: .view),
        Binding(.panel5, [.character("5")], "detail", "Goes to the endpoint's detail.", group: .view),
        Binding(.panel6, [.character("6")], "traffic", "Goes to the traffic over time.", group: .view),
        Binding(
            .panel7, [.character("7")], "requests", "Goes to the requests, those that run and the last ones.",
            group: .view),
        Binding(.panel8, [.character("8")], "rank changes", "Goes to the journal of rank changes.", group: .view),
        Binding(
            .shorter, [.character("[")], "shorter", "Shows the traffic of a shorter time: 1h, 1d, 7d, 30d.",
            group: .view,
            barLabel: "span"),
        Binding(
            .longer, [.character("]")], "longer", "Shows the traffic of a longer time: 1h, 1d, 7d, 30d.", group: .view,
            barLabel: "span"),
        Binding(
            .scope, [.character("E")], "traffic of",
            "Shows the traffic of all endpoints, of the selected one, or both.",
            group: .view, barLabel: "all/one"),
        Binding(.zoom, [.character("z")], "zoom", "Gives the panel the whole screen, or takes it back.", group: .view),
        Binding(
            .pause, [.character("p")], "pause", "Holds the picture still; the proxy goes on.", group: .view, bar: 70),
        Binding(
            .faster, [.character("+"), .character("=")], "faster", "Renews the picture more often.", group: .view,
            barLabel: "rate"),
        Binding(.slower, [.character("-")], "slower", "Renews the picture less often.", group: .view, barLabel: "rate"),
        Binding(.theme, [.character("t")], "theme", "Changes the colours.", group: .view),
        Binding(
            .mouse, [.character("M")], "mouse",
            "Selects, sorts, scrolls and drags rows with the mouse, or leaves it to the terminal.",
            group: .view),
        Binding(.redraw, [.control("L")], "redraw", "Draws the screen again.", group: .view),

        Binding(
            .commandLine, [.character(":")], "command", "Runs an action by name; Tab completes.", group: .program,
            bar: 93),
        Binding(.suspend, [.control("Z")], "suspend", "Suspends an attached console.", group: .program),
        Binding(
            .help, [.character("?"), .function(1)], "help", "Shows the keys; what is searched for there can be run.",
            group: .program, bar: 1),
        Binding(
            .quit, [.character("q"), .control("C")], "quit", "Leaves, and asks what becomes of the proxy.",
            group: .program, bar: 2),
    ]

    private static let dialogs: [Binding] = [
        Binding(.accept, [.enter], "keep", "Keeps the filter.", in: .prompt, group: .dialog, bar: 0),
        Binding(.cancel, [.escape, .control("C")], "clear", "Clears the filter.", in: .prompt, group: .dialog, bar: 1),

        Binding(.accept, [.enter], "run", "Runs the command.", in: .command, group: .dialog, bar: 0),
        Binding(.complete, [.tab], "complete", "Completes the name.", in: .command, group: .dialog, bar: 1),
        Binding(.previousEntry, [.up], "earlier", "Brings an earlier command back.", in: .command, group: .dialog),
        Binding(.nextEntry, [.down], "later", "Brings a later command back.", in: .command, group: .dialog),
        Binding(.cancel, [.escape, .control("C")], "cancel", "Runs nothing.", in: .command, group: .dialog, bar: 2),

        Binding(
            .save, [.control("S")], "save", "Saves; saved means on disk.", in: .form, group: .dialog, bar: 0,
            changes: true),
        Binding(.nextField, [.tab, .down], "next field", "Goes to the next field.", in: .form, group: .dialog, bar: 1),
        Binding(.previousField, [.backTab, .up], "prev field", "Goes to the field before.", in: .form, group: .dialog),
        Binding(
            .accept, [.enter], "next, press", "Goes to the next field, or presses the button.", in: .form,
            group: .dialog),
        Binding(
            .reveal, [.control("R")], "reveal", "Shows the typed secret for ten seconds.", in: .form, group: .dialog,
            bar: 3),
        Binding(
            .test, [.control("T")], "test", "Tries the endpoint as it is typed, saved or not.", in: .form,
            group: .dialog, bar: 4),
        Binding(
            .difference, [.control("D")], "file", "Shows what saving would change in the file.", in: .form,
            group: .dialog, bar: 5),
        Binding(
            .cancel, [.escape, .control("C")], "cancel", "Closes the form; asks again if something was typed.",
            in: .form, group: .dialog, bar: 2),

        Binding(.cursorUp, [.up, .character("k")], "up", "Scrolls up.", in: .difference, group: .dialog),
        Binding(.cursorDown, [.down, .character("j")], "down", "Scrolls down.", in: .difference, group: .dialog),
        Binding(.pageUp, [.pageUp], "page up", "Scrolls up by a page.", in: .difference, group: .dialog),
        Binding(.pageDown, [.pageDown], "page down", "Scrolls down by a page.", in: .difference, group: .dialog),
        Binding(
            .save, [.control("S")], "save", "Saves; saved means on disk.", in: .difference, group: .dialog, bar: 1,
            changes: true),
        Binding(
            .cancel, [.escape, .enter, .character("q"), .control("D"), .control("C")], "back", "Goes back to the form.",
            in: .difference, group: .dialog, bar: 0),

        Binding(
            .accept, [.enter], "delete", "Deletes, if the name is typed exactly.", in: .delete, group: .dialog, bar: 0,
            changes: true),
        Binding(.cancel, [.escape, .control("C")], "cancel", "Deletes nothing.", in: .delete, group: .dialog, bar: 1),

        Binding(
            .nextChoice, [.right, .tab, .down], "choose", "Goes to the other button.", in: .confirm, group: .dialog,
            bar: 1),
        Binding(
            .previousChoice, [.left, .backTab, .up], "choose back", "Goes to the other button.", in: .confirm,
            group: .dialog),
        Binding(.accept, [.enter], "press", "Presses the button in focus.", in: .confirm, group: .dialog, bar: 0),
        Binding(.agree, [.character("y")], "yes", "Does it.", in: .confirm, group: .dialog, bar: 3),
        Binding(
            .cancel, [.escape, .character("n"), .character("q"), .control("C")], "cancel", "Does nothing.",
            in: .confirm, group: .dialog, bar: 2),

        Binding(.stop, [.character("s")], "stop", "Drains, saves and exits.", in: .quit, group: .dialog, bar: 1),
        Binding(
            .keepServing, [.character("k")], "keep serving", "Leaves the console; the proxy serves on.", in: .quit,
            group: .dialog, bar: 2),
        Binding(.nextChoice, [.right, .tab, .down], "choose", "Goes to the next button.", in: .quit, group: .dialog),
        Binding(
            .previousChoice, [.left, .backTab, .up], "choose back", "Goes to the button before.", in: .quit,
            group: .dialog),
        Binding(.accept, [.enter], "press", "Presses the button in focus.", in: .quit, group: .dialog, bar: 0),
        Binding(
            .cancel, [.escape, .character("q"), .control("C")], "cancel", "Stays.", in: .quit, group: .dialog, bar: 3),

        Binding(.cursorUp, [.up], "up", "Goes to the action found above; scrolls.", in: .help, group: .dialog),
        Binding(.cursorDown, [.down], "down", "Goes to the action found below; scrolls.", in: .help, group: .dialog),
        Binding(.pageUp, [.pageUp], "page up", "Scrolls up by a page.", in: .help, group: .dialog),
        Binding(.pageDown, [.pageDown], "page down", "Scrolls down by a page.", in: .help, group: .dialog),
        Binding(
            .accept, [.enter], "run", "Runs the action found, or says why not; closes the help if nothing is searched.",
            in: .help, group: .dialog, bar: 1),
        Binding(
            .cancel, [.escape, .character("?"), .function(1), .control("C")], "close", "Closes the help.", in: .help,
            group: .dialog, bar: 0),

        Binding(.cursorUp, [.up, .character("k")], "up", "Scrolls up.", in: .detail, group: .dialog),
        Binding(.cursorDown, [.down, .character("j")], "down", "Scrolls down.", in: .detail, group: .dialog),
        Binding(.pageUp, [.pageUp], "page up", "Scrolls up by a page.", in: .detail, group: .dialog),
        Binding(
            .pageDown, [.pageDown, .character(" ")], "page down", "Scrolls down by a page.", in: .detail,
            group: .dialog),
        Binding(.previousEntry, [.left], "older", "Shows the one before.", in: .detail, group: .dialog, bar: 1),
        Binding(.nextEntry, [.right], "newer", "Shows the next one.", in: .detail, group: .dialog, bar: 2),
        Binding(
            .copy, [.character("y")], "copy", "Copies it in one line (OSC 52).", in: .detail, group: .dialog, bar: 3),
        Binding(
            .cancel, [.escape, .enter, .character("q"), .character("F"), .control("C")], "close", "Closes it.",
            in: .detail, group: .dialog, bar: 0),
    ]

    private static let past: [Binding] = [
        Binding(.cursorUp, [.up, .character("k")], "row up", "Goes to the event before.", in: .past, group: .dialog),
        Binding(
            .cursorDown, [.down, .character("j")], "row down", "Goes to the event after.", in: .past, group: .dialog),
        Binding(.pageUp, [.pageUp, .control("B")], "page up", "Goes up by a page.", in: .past, group: .dialog),
        Binding(
            .pageDown, [.pageDown, .control("F"), .character(" ")], "page down", "Goes down by a page.", in: .past,
            group: .dialog),
        Binding(
            .first, [.character("g"), .home], "first", "Goes to the first event of the day.", in: .past, group: .dialog),
        Binding(.last, [.character("G"), .end], "last", "Goes to the last one.", in: .past, group: .dialog),
        Binding(
            .previousEntry, [.character("["), .left], "day before", "Goes to the day before.", in: .past,
            group: .dialog, bar: 1, barLabel: "day"),
        Binding(
            .nextEntry, [.character("]"), .right], "day after", "Goes to the day after.", in: .past, group: .dialog,
            bar: 1, barLabel: "day"),
        Binding(
            .filter, [.character("/")], "search",
            "Searches texts, endpoints and times, and goes to what is found; the rest stays in sight.", in: .past,
            group: .dialog, bar: 2),
        Binding(
            .nextMatch, [.character("n")], "next match", "Goes to the next match.", in: .past, group: .dialog, bar: 3,
            barLabel: "match"),
        Binding(
            .previousMatch, [.character("N")], "match back", "Goes to the match before.", in: .past,
            group: .dialog, bar: 3, barLabel: "match"),
        Binding(
            .level, [.character("f")], "level", "Hides the less important events, or shows them.", in: .past,
            group: .dialog, bar: 4),
        Binding(
            .copy, [.character("y")], "copy", "Copies the event in one line (OSC 52).", in: .past, group: .dialog,
            bar: 5),
        Binding(.redraw, [.control("L")], "redraw", "Draws the screen again.", in: .past, group: .dialog),
        Binding(
            .cancel, [.escape, .character("q"), .character("L"), .control("C")], "back", "Goes back to the dashboard.",
            in: .past, group: .dialog, bar: 0),
    ]

    private static let history: [Binding] = [
        Binding(.cursorUp, [.up, .character("k")], "row up", "Goes to the row above.", in: .history, group: .dialog),
        Binding(
            .cursorDown, [.down, .character("j")], "row down", "Goes to the row below.", in: .history, group: .dialog),
        Binding(.pageUp, [.pageUp, .control("B")], "page up", "Goes up by a page.", in: .history, group: .dialog),
        Binding(
            .pageDown, [.pageDown, .control("F"), .character(" ")], "page down", "Goes down by a page.", in: .history,
            group: .dialog),
        Binding(
            .first, [.character("g"), .home], "first row", "Goes to the first row.", in: .history, group: .dialog),
        Binding(
            .last, [.character("G"), .end], "all", "Goes to the last row, the sum of all.", in: .history,
            group: .dialog),
        Binding(
            .perDay, [.character("d")], "day", "Shows a day by its hours.", in: .history, group: .dialog, bar: 2,
            barLabel: "day, week, month, year"),
        Binding(
            .perWeek, [.character("w")], "week", "Shows seven days by their hours.", in: .history, group: .dialog,
            bar: 2, barLabel: "day, week, month, year"),
        Binding(
            .perMonth, [.character("m")], "month", "Shows thirty days.", in: .history, group: .dialog, bar: 2,
            barLabel: "day, week, month, year"),
        Binding(
            .perYear, [.character("Y")], "year", "Shows a year by its months.", in: .history, group: .dialog, bar: 2,
            barLabel: "day, week, month, year"),
        Binding(
            .previousEntry, [.character("["), .left], "earlier", "Goes back by as much as is shown.", in: .history,
            group: .dialog, bar: 1, barLabel: "earlier, later"),
        Binding(
            .nextEntry, [.character("]"), .right], "later", "Goes on by as much as is shown.", in: .history,
            group: .dialog, bar: 1, barLabel: "earlier, later"),
        Binding(
            .byEndpoint, [.character("e")], "endpoints", "One row for each endpoint.", in: .history, group: .dialog,
            bar: 3, barLabel: "endpoint, model, client"),
        Binding(
            .byModel, [.character("o")], "models", "One row for each model.", in: .history, group: .dialog, bar: 3,
            barLabel: "endpoint, model, client"),
        Binding(
            .byClient, [.character("c")], "clients", "One row for each client that has a name.", in: .history,
            group: .dialog, bar: 3, barLabel: "endpoint, model, client"),
        Binding(
            .copy, [.character("y"), .character("x")], "copy", "Copies the rows as CSV (OSC 52).", in: .history,
            group: .dialog, bar: 4),
        Binding(
            .redraw, [.control("L")], "redraw", "Draws the screen again.", in: .history, group: .dialog),
        Binding(
            .cancel, [.escape, .character("q"), .character("H"), .control("C")], "back", "Goes back to the dashboard.",
            in: .history, group: .dialog, bar: 0),
    ]

    /// What a key does in a context; nil leaves it to the text being typed.
    public func binding(for key: Key, in context: KeyContext) -> Binding? {
        table[Place(key: key, context: context)]
    }

    func bindings(in context: KeyContext) -> [Binding] {
        bindings.filter { $0.context == context }
    }

    /// The key of an action as hints name it; empty where it has none.
    func key(_ action: ConsoleAction, isASCII: Bool) -> String {
        bindings.first { $0.context == .main && $0.action == action }?.keys.first?.name(isASCII: isASCII) ?? ""
    }

    private struct Place: Hashable {
        let key: Key
        let context: KeyContext
    }
}

extension Keymap {
    /// The tables of `docs/console.md`.
    public var documentation: String {
        let titles: [(KeyContext, String)] = [
            (.main, "Main screen"), (.prompt, "Filter"), (.command, "Command line"), (.form, "Form"),
            (.difference, "Difference of the file"),
            (.delete, "Delete"), (.confirm, "Question"), (.quit, "Leaving"), (.help, "Help"),
            (.detail, "Flush or event in full"), (.history, "History"), (.past, "Log of a day"),
        ]
        return titles.map { context, title in
            let rows = bindings(in: context).map { binding in
                let keys = binding.keys.map { "`\($0.name)`" }.joined(separator: " ")
                return "| \(keys) | \(binding.action.rawValue) | \(binding.help) |"
            }
            return "### \(title)\n\n| keys | action | what it does |\n|---|---|---|\n" + rows.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }
}

/// One line of the keymap: it feeds dispatch, the bottom bar, the help overlay and the documentation.
public struct Binding: Sendable {
    /// What it does.
    public let action: ConsoleAction
    /// Any of these.
    public let keys: [Key]
    /// Where it applies.
    public let context: KeyContext
    /// The help column it stands in.
    public let group: Group
    /// A word or two, for the bar and the help.
    public let label: String
    /// A whole sentence for the documentation.
    public let help: String
    /// Lower numbers are shown in the bottom bar first; nil keeps it out.
    let bar: Int?
    /// Bindings that share it stand together in the bar.
    let barLabel: String
    /// True when it changes the proxy or its file, so that a read-only console leaves it out.
    let changes: Bool

    init(
        _ action: ConsoleAction, _ keys: [Key], _ label: String, _ help: String, in context: KeyContext = .main,
        group: Group, bar: Int? = nil, barLabel: String? = nil, changes: Bool = false
    ) {
        self.action = action
        self.keys = keys
        self.label = label
        self.help = help
        self.context = context
        self.group = group
        self.bar = bar
        self.barLabel = barLabel ?? label
        self.changes = changes
    }

    /// A column of the help.
    public enum Group: String, Sendable, CaseIterable {
        case move = "MOVE"
        case endpoint = "ENDPOINT"
        case persister = "PERSISTER"
        case view = "VIEW"
        case program = "PROGRAM"
        case dialog = "DIALOGS"
    }

    func with(keys: [Key]) -> Binding {
        Binding(
            action, keys, label, help, in: context, group: group, bar: bar, barLabel: barLabel, changes: changes)
    }

    /// Its keys as shown, such as `↑ k`.
    public var keyNames: String { keyNames(isASCII: false) }

    func keyNames(isASCII: Bool) -> String { keys.map { $0.name(isASCII: isASCII) }.joined(separator: " ") }
}
