public import PodiumModel

/// What the console wants done after an input.
public enum ConsoleEffect: Sendable, Equatable {
    case perform(CommandID, Command)
    case quit(QuitChoice)
    /// Draw everything again from nothing.
    case redraw
    case bell
    /// Report the mouse, or leave it to the terminal.
    case mouse(Bool)
    /// Put the text on the operator's clipboard.
    case copy(String)
    /// Stop this process until the shell continues it (attached consoles only).
    case suspend
}

/// What becomes of the proxy when the console is left.
public enum QuitChoice: Sendable, Equatable {
    /// Drain, save, exit.
    case stop
    /// Serve on in the foreground without a console; for an attached console, only detach.
    case keepServing
}

/// Ties a result to its command.
public struct CommandID: Sendable, Hashable {
    /// The number; unique within one console.
    public var rawValue: UInt64

    /// The command of that number.
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// What comes of a refusal in the console.
extension CommandRefusal {
    /// The change holds in memory and is tried again by itself: the message lapses once it is on disk.
    var isKeptUnsaved: Bool { code == .notSaved }

    /// Others changed the endpoint first: a form takes their values over where it was not edited.
    var isConflict: Bool { code == .revisionConflict }
}
