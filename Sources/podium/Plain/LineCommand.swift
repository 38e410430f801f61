import Console
import PodiumModel

/// What can be typed into the line console.
enum LineCommand: Equatable {
    case status
    case events
    case help
    case leave
    case stop
    case command(Command)
    case refused(String)

    static let overview = """
        status, events: look. move NAME RANK, enable NAME, disable NAME, pin NAME, unpin NAME, test NAME, sort, autosort \
        on|off, flush, reload, undo, redo: act. leave: this console alone. stop: stop the proxy, where it runs in this process.
        """

    /// Reads a line; endpoints are named as the picture has them, at the revision that it has.
    static func parse(_ line: String, in snapshot: ConsolePicture) -> LineCommand {
        let words = line.split(separator: " ").map(String.init)
        guard let verb = words.first?.lowercased() else { return .status }
        switch verb {
        case "status": return .status
        case "events": return .events
        case "help", "?": return .help
        case "leave", "quit", "q": return .leave
        case "stop": return .stop
        case "flush": return .command(.flush)
        case "sort": return .command(.sortNow)
        case "reload": return .command(.reload)
        case "undo": return .command(.undo)
        case "redo": return .command(.redo)
        case "autosort" where words.count == 2 && ["on", "off"].contains(words[1]):
            return .command(.setAutoSort(words[1] == "on"))
        case "move", "enable", "disable", "pin", "unpin", "test": return endpoint(verb, words.dropFirst(), snapshot)
        default: return .refused("not a command: \(verb); help lists them")
        }
    }

    private static func endpoint(
        _ verb: String, _ words: ArraySlice<String>, _ snapshot: ConsolePicture
    ) -> LineCommand {
        let rank = verb == "move" ? words.last.flatMap(Int.init) : nil
        if verb == "move", rank == nil { return .refused("move takes a name and a rank: move NAME 1") }
        let name = (verb == "move" ? words.dropLast() : words).joined(separator: " ")
        guard let target = snapshot.endpoints.first(where: { $0.name == name })?.target else {
            return .refused(name.isEmpty ? "\(verb) takes a name" : "there is no endpoint '\(name)'")
        }
        switch verb {
        case "move": return .command(.move(target, toRank: rank ?? 1))
        case "enable", "disable": return .command(.setEnabled(target, verb == "enable"))
        case "pin", "unpin": return .command(.setPinned(target, verb == "pin"))
        default: return .command(.test(target))
        }
    }
}
