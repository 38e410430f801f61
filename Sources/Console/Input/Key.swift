public import PodiumModel
internal import PureSupport

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
    /// The terminal has said what its background is.
    case background(isLight: Bool)
    /// Time passed.
    case tick
}

/// What the mouse did on a cell.
public struct MouseEvent: Sendable, Equatable {
    /// What was done.
    public var kind: Kind
    /// Counted from 0 at the left.
    public var column: Int
    /// Counted from 0 at the top.
    public var line: Int

    /// An event at a place.
    public init(_ kind: Kind, column: Int, line: Int) {
        self.kind = kind
        self.column = column
        self.line = line
    }

    /// The left button or the wheel.
    public enum Kind: Sendable, Equatable {
        case press, release, wheelUp, wheelDown
    }
}

/// Which complete escape sequences are keys: those of the terminal's description, and those that terminals send whatever
/// their description says. Everything else that is well formed is something a terminal says for itself.
public struct KeySequences: Sendable {
    private let described: [[UInt8]: Key]
    private let longest: Int

    /// - Parameter described: What the terminal's description names, by its bytes; single control characters as well.
    public init(described: [[UInt8]: Key] = [:]) {
        self.described = described
        longest = described.keys.reduce(0) { max($0, $1.count) }
    }

    func described(as bytes: [UInt8]) -> Key? {
        bytes.count <= longest ? described[bytes] : nil
    }

    /// - Parameter parameters: What stands between the introducer and the final byte.
    static func control(_ parameters: ArraySlice<UInt8>, final: UInt8) -> Key? {
        switch final {
        case UInt8(ascii: "~"):
            guard let (number, rest) = number(parameters), isModifier(rest) else { return nil }
            return numbered(number)
        case UInt8(ascii: "Z"):
            return isPlainOrModified(parameters) ? .backTab : nil
        default:
            return isPlainOrModified(parameters) ? moving(final) : nil
        }
    }

    /// After `ESC O`. Some terminals put modifiers in between here too.
    static func singleShift(_ parameters: ArraySlice<UInt8>, final: UInt8) -> Key? {
        if let key = moving(final) { return key }
        guard parameters.isEmpty else { return nil }
        switch final {
        case UInt8(ascii: "P")...UInt8(ascii: "S"): return .function(Int(final - UInt8(ascii: "P")) + 1)
        case UInt8(ascii: "M"): return .enter
        default: return nil
        }
    }

    /// The kernel's console, after `ESC [ [`.
    static func console(_ final: UInt8) -> Key? {
        guard (UInt8(ascii: "A")...UInt8(ascii: "E")).contains(final) else { return nil }
        return .function(Int(final - UInt8(ascii: "A")) + 1)
    }

    private static func moving(_ final: UInt8) -> Key? {
        switch final {
        case UInt8(ascii: "A"): .up
        case UInt8(ascii: "B"): .down
        case UInt8(ascii: "C"): .right
        case UInt8(ascii: "D"): .left
        case UInt8(ascii: "H"): .home
        case UInt8(ascii: "F"): .end
        default: nil
        }
    }

    private static func numbered(_ number: Int) -> Key? {
        switch number {
        case 1, 7: .home
        case 2: .insert
        case 3: .delete
        case 4, 8: .end
        case 5: .pageUp
        case 6: .pageDown
        case 11...15: .function(number - 10)
        case 17...21: .function(number - 11)
        case 23, 24: .function(number - 12)
        default: nil
        }
    }

    /// Nothing, `1`, or `1;` and a modifier.
    private static func isPlainOrModified(_ parameters: ArraySlice<UInt8>) -> Bool {
        guard let first = parameters.first else { return true }
        return first == UInt8(ascii: "1") && isModifier(parameters.dropFirst())
    }

    /// Nothing, or `;` and a number, behind which may stand `:1` for a key that is pressed or `:2` for one that repeats. With
    /// `:3` it is let go, which is no key.
    private static func isModifier(_ parameters: ArraySlice<UInt8>) -> Bool {
        guard let first = parameters.first else { return true }
        guard first == UInt8(ascii: ";"), let (_, rest) = number(parameters.dropFirst()) else { return false }
        let allowed: [[UInt8]] = [[], Array(":1".utf8), Array(":2".utf8)]
        return allowed.contains(Array(rest))
    }

    /// The decimal number that parameters begin with, of three digits at most.
    private static func number(_ parameters: ArraySlice<UInt8>) -> (Int, ArraySlice<UInt8>)? {
        let digits = parameters.prefix { ASCII.isDigit($0) }
        guard (1...3).contains(digits.count) else { return nil }
        return (digits.reduce(0) { $0 * 10 + Int($1) - 0x30 }, parameters.dropFirst(digits.count))
    }
}
