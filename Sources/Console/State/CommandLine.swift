internal import PodiumModel

/// The `:` line: what is typed, its history and its completions. Every action of the main screen can be typed by its name, so that
/// what has no key, or a key that a terminal does not send, can be reached.
struct CommandLine: Sendable, Equatable {
    private(set) var editor = LineEditor()
    private let history: [String]
    private var place: Int
    private var completions: [String] = []
    private var completion = 0

    init(history: [String]) {
        self.history = history
        place = history.count
    }

    var text: String { editor.text }

    mutating func edit(_ key: Key) {
        completions = []
        _ = editor.handle(key)
    }

    mutating func insert(_ text: String) {
        completions = []
        editor.insert(text)
    }

    mutating func recall(_ step: Int) {
        guard !history.isEmpty else { return }
        place = max(0, min(history.count, place + step))
        editor = LineEditor(place < history.count ? history[place] : "")
        completions = []
    }

    /// Completes the word under way; again: the next candidate.
    mutating func complete(endpoints: [String]) {
        if completions.isEmpty {
            completions = Self.candidates(for: editor.text, endpoints: endpoints)
            completion = 0
        } else {
            completion = (completion + 1) % completions.count
        }
        if completions.indices.contains(completion) { editor = LineEditor(completions[completion]) }
    }

    /// Whole lines that the text can become.
    static func candidates(for text: String, endpoints: [String]) -> [String] {
        let words = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard words.count == 2 else { return names.filter { $0.hasPrefix(text) } }
        let verb = String(words[0])
        let arguments: [String] =
            switch verb {
            case "go": endpoints
            case "sort": SortColumn.allCases.flatMap { [$0.word, $0.word + " asc", $0.word + " desc"] }
            case "theme": Theme.all.map(\.name)
            case "level": EventLevel.allCases.map(\.rawValue)
            default: []
            }
        return arguments.filter { $0.hasPrefix(words[1]) }.map { verb + " " + $0 }
    }

    /// What can be typed: those that take an argument, and every action of the main screen.
    static let names: [String] =
        (["go ", "rank ", "sort ", "theme ", "level ", "at ", "on", "off", "clear-all", "tag ", "untag ", "clone "]
        + Keymap.standard.bindings(in: .main).map(\.action.rawValue) + [
            ConsoleAction.reload.rawValue
        ])
        .sorted()

    /// What fingers type that know vi.
    static let short: [String: ConsoleAction] = [
        "q": .quit, "q!": .quit, "w": .flush, "wq": .quit, "h": .help, "e": .edit,
    ]
}

extension ConsoleState {
    /// Runs a `:` line.
    mutating func execute(_ line: String, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        let words = line.split(separator: " ").map(String.init)
        guard let verb = words.first else { return [] }
        if commandHistory.last != line { commandHistory = Array((commandHistory + [line]).suffix(100)) }
        let argument = words.dropFirst().joined(separator: " ")
        switch verb {
        case "go":
            return go(to: argument, now: now)
        case "rank":
            guard let rank = Int(argument), (1...max(1, latest.endpoints.count)).contains(rank) else {
                return refuse("rank takes a number from 1 to \(max(1, latest.endpoints.count))", now: now)
            }
            if let reason = changeObstacle ?? sightObstacle ?? endpointObstacle { return refuse(reason, now: now) }
            guard let selected else { return [] }
            return [run(.move(selected.target, toRank: rank), now: now)]
        case "theme":
            guard let chosen = Theme(name: argument) else {
                return refuse("themes: " + Theme.all.map(\.name).joined(separator: ", "), now: now)
            }
            theme = chosen
            return []
        case "at" where !argument.isEmpty: return openPast(argument, now: now)
        case "sort": return sort(words.dropFirst(), now: now)
        case "level" where words.count == 2:
            guard let level = EventLevel.allCases.first(where: { $0.rawValue == argument }) else {
                return refuse("levels: " + EventLevel.allCases.map(\.rawValue).joined(separator: ", "), now: now)
            }
            lowestLevel = level
            followEvents()
            return []
        default:
            if let effects = executeForAll(verb, argument, now: now) { return effects }
            if words.count == 1, let action = CommandLine.short[verb] { return performMain(action, now: now) }
            guard let action = ConsoleAction(rawValue: verb), words.count == 1, CommandLine.names.contains(verb) else {
                return refuse("no command \(line); Tab completes", now: now)
            }
            return performMain(action, now: now)
        }
    }

    /// `go NAME`: also to one that the filter hides.
    private mutating func go(to name: String, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        let endpoints = shown.endpoints
        guard let index = endpoints.firstIndex(where: { SafeText.clean($0.name) == name || $0.name == name }) else {
            return refuse("no endpoint called \(name)", now: now)
        }
        if focus != .detail { focus = .endpoints }
        if !rows.contains(index) {
            say(.note, "The filter /\(filter.text) hid \(name): all are shown", now: now)
            filter = LineEditor()
            arrange()
        }
        if let row = rows.firstIndex(of: index) { select(row: row) }
        keepInView()
        return []
    }

    /// `sort COLUMN [asc|desc]`.
    private mutating func sort(_ words: ArraySlice<String>, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard let word = words.first, let column = SortColumn(word: word) else {
            let names = SortColumn.allCases.map(\.word).joined(separator: " ")
            return refuse("sort COLUMN [asc|desc]: \(names); sort-now sorts the ranking itself", now: now)
        }
        switch words.dropFirst().joined(separator: " ") {
        case "": order(by: column)
        case "asc": order(by: column, descending: false)
        case "desc": order(by: column, descending: true)
        default: return refuse("sort \(word) takes asc or desc", now: now)
        }
        return []
    }

    private mutating func refuse(_ text: String, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        say(.bad, text, now: now)
        return [.bell]
    }
}
