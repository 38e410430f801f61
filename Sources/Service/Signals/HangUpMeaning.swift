/// What a SIGHUP means: with a terminal, that it went away; without one, what it means to every service.
public struct HangUpMeaning: Sendable {
    /// What to do about one.
    public enum Action: Sendable, Equatable {
        case reload
        /// The terminal of a program without a console went away.
        case terminalGone
    }

    private var hasTerminal: Bool

    /// - Parameter hasTerminal: whether any of the standard streams was a terminal at the start.
    public init(hasTerminal: Bool) {
        self.hasTerminal = hasTerminal
    }

    /// A SIGHUP came. A terminal goes away only once.
    public mutating func received() -> Action {
        defer { hasTerminal = false }
        return hasTerminal ? .terminalGone : .reload
    }

    /// The console has seen the terminal go: later ones are for the service.
    public mutating func terminalIsGone() {
        hasTerminal = false
    }
}
