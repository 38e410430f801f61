public import PodiumModel

/// What the console asks of the proxy. Endpoints are named with the revision the operator saw.
public enum ConsoleCommand: Sendable, Equatable {
    /// Moves the endpoint to a rank (1 is the top) and pins it there.
    case move(EndpointReference, toRank: Int)
    case setEnabled(EndpointReference, Bool)
    case setPinned(EndpointReference, Bool)
    case sortNow
    case setAutoSort(Bool)
    /// Saves the fields that differ from the endpoint at that revision.
    case update(EndpointReference, EndpointPatch)
    case add(EndpointPatch)
    case remove(EndpointReference)
    /// Writes what is unsaved, now.
    case flush
    case undo
    case redo
    /// Reads the configuration file again.
    case reload
    /// Connects to the endpoint and reports the times of each step; sends no paid request.
    case test(EndpointReference)
    /// The same for a form that is not saved; nil for a new endpoint.
    case testDraft(EndpointReference?, EndpointPatch)
    /// What saving the form would do to the file; changes nothing, and is answered by `.preview`.
    case preview(EndpointReference?, EndpointPatch)
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

/// How a command ended.
public enum CommandResult: Sendable, Equatable {
    /// Done, and durable where it says saved. The message says what happened, such as
    /// `moved openai-team to rank 3 and pinned it; saved in 2.0 ms`. `undo` names what the operator can take back of it;
    /// nil where the command made nothing to undo.
    case success(message: String, undo: String? = nil)
    /// What saving a form would do to the file.
    case preview([DifferenceLine])
    /// Nothing was changed, and why.
    case failure(CommandFailure)
}

/// One line of the difference of two versions of the file.
public struct DifferenceLine: Sendable, Equatable {
    /// What becomes of it.
    public enum Kind: String, Sendable, Equatable {
        case kept = " "
        case removed = "-"
        case added = "+"
    }

    /// What becomes of it.
    public var kind: Kind
    /// 1-based; of the new file for added lines, else of the old one.
    public var number: Int
    /// Secrets masked.
    public var text: String

    /// A line of a difference.
    public init(kind: Kind, number: Int, text: String) {
        self.kind = kind
        self.number = number
        self.text = text
    }
}

/// Why a command was refused or failed.
public struct CommandFailure: Sendable, Equatable {
    /// What went wrong and what to do.
    public var message: String
    /// The form field it concerns, if it concerns one.
    public var field: EndpointField?

    /// What comes of it.
    public var kind: Kind

    /// What comes of a failure.
    public enum Kind: Sendable, Equatable {
        case refused
        /// The change holds in memory and is tried again by itself: the message lapses once it is on disk.
        case keptUnsaved
        /// Somebody else changed the endpoint first: a form takes their values over where it was not edited.
        case conflict
    }

    /// A failure in words the operator can act on.
    public init(message: String, field: EndpointField? = nil, kind: Kind = .refused) {
        self.message = message
        self.field = field
        self.kind = kind
    }
}

/// What the console wants done after an input.
public enum ConsoleEffect: Sendable, Equatable {
    case perform(CommandID, ConsoleCommand)
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
