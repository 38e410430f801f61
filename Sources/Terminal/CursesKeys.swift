import CNcurses
import Console

/// Turns what ncurses reads into keys.
struct CursesKeys {
    enum Event: Equatable {
        case character(UInt32)
        case code(Int32)
    }

    static let pasteBegins: Int32 = 0o3000
    static let pasteEnds: Int32 = 0o3001
    /// The answer to the question at the end of each frame.
    static let frameDrawn: Int32 = 0o3002

    /// Sequences that terminals send whatever their description says.
    static let defined: [(String, Int32)] = [
        ("\u{1B}[A", KEY_UP), ("\u{1B}OA", KEY_UP), ("\u{1B}[B", KEY_DOWN), ("\u{1B}OB", KEY_DOWN),
        ("\u{1B}[C", KEY_RIGHT), ("\u{1B}OC", KEY_RIGHT), ("\u{1B}[D", KEY_LEFT), ("\u{1B}OD", KEY_LEFT),
        ("\u{1B}[H", KEY_HOME), ("\u{1B}OH", KEY_HOME), ("\u{1B}[1~", KEY_HOME), ("\u{1B}[F", KEY_END),
        ("\u{1B}OF", KEY_END), ("\u{1B}[4~", KEY_END), ("\u{1B}[5~", KEY_PPAGE), ("\u{1B}[6~", KEY_NPAGE),
        ("\u{1B}[3~", KEY_DC), ("\u{1B}[Z", KEY_BTAB), ("\u{1B}[200~", pasteBegins), ("\u{1B}[201~", pasteEnds),
        ("\u{1B}[0n", frameDrawn),
    ]

    private static let mostPasted = 65_536
    /// Escape sequences that nobody knows, or whose bytes come apart on a slow link, must not act as keys.
    private static let sequenceGap = Duration.milliseconds(300)
    /// Where the end of a paste or of a sequence never comes, what follows such a pause is typed again.
    private static let patience = Duration.seconds(5)

    private var pasted: String?
    private var lastAt: ContinuousClock.Instant?
    private var escapeAt: ContinuousClock.Instant?
    private var isInSequence = false
    private var isSingleShift = false
    private var isAtStart = false
    /// How many characters of an old mouse report are still to come.
    private var reported = 0

    /// - Parameter next: what was read together with the event, if anything was.
    mutating func decode(_ event: Event, next: Event? = nil, now: ContinuousClock.Instant) -> ConsoleInput? {
        if let lastAt, now - lastAt >= Self.patience {
            pasted = nil
            isInSequence = false
            reported = 0
        }
        lastAt = now
        switch event {
        case .code(Self.pasteBegins):
            pasted = ""
            return nil
        case .code(Self.pasteEnds):
            defer { pasted = nil }
            return pasted.map { .paste($0) }
        case .code(let code):
            isInSequence = false
            reported = 0
            guard pasted == nil else { return nil }
            return Self.keys[code].map { .key($0) }
        case .character(let value):
            guard let scalar = Unicode.Scalar(value) else { return nil }
            if pasted != nil {
                if (pasted?.utf8.count ?? 0) < Self.mostPasted {
                    pasted?.unicodeScalars.append(scalar == "\r" ? "\n" : scalar)
                }
                return nil
            }
            return character(scalar, next: next, now: now)
        }
    }

    private mutating func character(
        _ scalar: Unicode.Scalar, next: Event?, now: ContinuousClock.Instant
    ) -> ConsoleInput? {
        if reported > 0 {
            reported -= 1
            return nil
        }
        if isInSequence { return inSequence(scalar) }
        if let escapeAt, now - escapeAt <= Self.sequenceGap, scalar == "[" || scalar == "O" {
            self.escapeAt = nil
            isInSequence = true
            isAtStart = true
            isSingleShift = scalar == "O"
            return nil
        }
        escapeAt = nil
        switch scalar.value {
        case 0x1B:
            escapeAt = now
            // No hand types a bracket so soon: a key or an answer that this terminal's description does not know.
            let isSequence = next == .character(0x5B) || next == .character(0x4F)
            return isSequence ? nil : .key(.escape)
        case 0x0D, 0x0A: return .key(.enter)
        case 0x09: return .key(.tab)
        case 0x7F, 0x08: return .key(.backspace)
        case 0x01...0x1A:
            return Unicode.Scalar(scalar.value + 0x40).map { .key(.control(Character($0))) }
        case 0..<0x20, 0x80..<0xA0: return nil
        default: return .key(.character(Character(scalar)))
        }
    }

    private mutating func inSequence(_ scalar: Unicode.Scalar) -> ConsoleInput? {
        defer { isAtStart = false }
        guard isSingleShift || (0x40...0x7E).contains(scalar.value) || scalar.value < 0x20 else { return nil }
        isInSequence = false
        switch scalar {
        case "M" where isAtStart && !isSingleShift:
            reported = 3
            return nil
        case "A": return .key(.up)
        case "B": return .key(.down)
        case "C": return .key(.right)
        case "D": return .key(.left)
        default: return nil
        }
    }

    private static let keys: [Int32: Key] = {
        var keys: [Int32: Key] = [
            KEY_UP: .up, KEY_DOWN: .down, KEY_LEFT: .left, KEY_RIGHT: .right, KEY_HOME: .home, KEY_END: .end,
            KEY_PPAGE: .pageUp, KEY_NPAGE: .pageDown, KEY_BACKSPACE: .backspace, KEY_DC: .delete, KEY_IC: .insert,
            KEY_BTAB: .backTab, KEY_ENTER: .enter,
        ]
        for number in 1...12 { keys[podium_key_f(Int32(number))] = .function(number) }
        return keys
    }()
}
