internal import PodiumModel

/// A key as the operator pressed it.
public enum Key: Sendable, Hashable {
    case character(Character)
    /// With Ctrl; the letter in upper case.
    case control(Character)
    case enter, escape, tab, backTab, backspace, delete, insert
    case up, down, left, right, home, end, pageUp, pageDown
    case function(Int)

    /// As help and documentation name it; in ASCII where `isASCII`.
    public func name(isASCII: Bool) -> String {
        guard isASCII else { return name }
        switch self {
        case .enter: return "Enter"
        case .up: return "Up"
        case .down: return "Down"
        case .left: return "Left"
        case .right: return "Right"
        default: return name
        }
    }

    /// As help and documentation name it.
    public var name: String {
        switch self {
        case .character(" "): "space"
        case .character(let character): String(character)
        case .control(let letter): "^" + String(letter)
        case .enter: "↵"
        case .escape: "Esc"
        case .tab: "Tab"
        case .backTab: "S-Tab"
        case .backspace: "Bksp"
        case .delete: "Del"
        case .insert: "Ins"
        case .up: "↑"
        case .down: "↓"
        case .left: "←"
        case .right: "→"
        case .home: "Home"
        case .end: "End"
        case .pageUp: "PgUp"
        case .pageDown: "PgDn"
        case .function(let number): "F\(number)"
        }
    }
}

/// Everything that reaches the console.
public enum ConsoleInput: Sendable, Equatable {
    case key(Key)
    case mouse(MouseEvent)
    /// Text pasted as one piece; never taken for commands.
    case paste(String)
    case resize(columns: Int, lines: Int)
    case snapshot(ConsolePicture)
    case commandFinished(CommandID, CommandResult)
    /// Something for the operator to read, such as how the terminal was chosen.
    case notice(String)
    /// The process was asked to suspend from outside (SIGTSTP).
    case suspendRequested
    /// Time passed.
    case tick
}
