/// What an operator can ask for, by a key, a verb or a request alike.
///
/// The console makes commands of keys, the verbs make them of arguments. The engine carries them out; on their way to another process
/// they are requests of the control API, whose routes and bodies one table there gives them.
public enum Command: Codable, Sendable, Equatable {
    /// Moves the endpoint to a rank (1 is tried first) and pins it there.
    case move(CommandTarget, toRank: Int)
    case setEnabled(CommandTarget, Bool)
    case setPinned(CommandTarget, Bool)
    /// Sorts once, whatever hysteresis and dwell say; pins hold.
    case sortNow
    case setAutoSort(Bool)
    /// Changes the fields that the patch names.
    case update(CommandTarget, EndpointPatch)
    /// Gives all fields anew: what the patch does not name has its default, but for what its author may not hold.
    case replace(CommandTarget, EndpointPatch)
    /// What the patch does not name has its default.
    case add(EndpointPatch)
    case remove(CommandTarget)
    /// Writes what is unsaved, now.
    case flush
    /// Takes in the file as it is on disk, and writes what is unsaved.
    case reload
    case undo
    case redo
    /// Ends every time out of the endpoint now: one request tries it, then it is as before. The file keeps nothing of it.
    case clear(CommandTarget)
    /// Goes all the way to an answer of the endpoint, and tells the times of each step. Changes nothing.
    case test(CommandTarget)
    /// The same for an endpoint as the patch would make it; nil for a new one. Nothing is saved.
    case testDraft(CommandTarget?, EndpointPatch)
    /// What saving the patch would do to the file; nil for a new endpoint. Changes nothing.
    case preview(CommandTarget?, EndpointPatch)
    /// The way of the newest request of that id from endpoint to endpoint. Changes nothing.
    case explain(String)
    /// What requests used, how they went and what they cost. Changes nothing.
    case usage(UsageQuestion)
    /// Requests that run now. Changes nothing.
    case openRequests
    /// Requests of the log. Changes nothing.
    case loggedRequests(HistoryQuestion)
    /// Events, also of earlier processes. Changes nothing.
    case pastEvents(HistoryQuestion)
    /// Ends the request of that key, which runs. Nothing is held against its endpoint.
    case cancel(String)
    /// Does the same to several endpoints: all of it or nothing, and one step to undo.
    case changeAll([CommandTarget], BatchChange)
    /// Adds an endpoint that is as another one, its credential included, under a new name. It begins out of service.
    case clone(CommandTarget, named: String)
    /// Of a client, `name` and `token` are needed.
    case addClient(ClientPatch)
    /// Changes the fields of the client of that name that the patch names.
    case changeClient(String, ClientPatch)
    case removeClient(String)

    /// The client that it is about; nil where it is about none.
    public var client: String? {
        switch self {
        case .addClient(let patch): patch.name
        case .changeClient(let name, _), .removeClient(let name): name
        default: nil
        }
    }

    /// The endpoint that has to be there; nil where it is about none, or about a new one.
    public var target: CommandTarget? {
        switch self {
        case .move(let target, _), .setEnabled(let target, _), .setPinned(let target, _), .update(let target, _),
            .replace(let target, _), .remove(let target), .clear(let target), .test(let target), .clone(let target, _):
            target
        case .testDraft(let target, _), .preview(let target, _): target
        case .sortNow, .setAutoSort, .add, .flush, .reload, .undo, .redo, .explain, .usage, .openRequests,
            .loggedRequests,
            .pastEvents, .cancel, .changeAll, .addClient, .changeClient, .removeClient:
            nil
        }
    }
}

/// What is done to several endpoints at once.
public enum BatchChange: Codable, Sendable, Equatable {
    case setEnabled(Bool)
    /// Ends their time outs. The file keeps nothing of it, and there is nothing to undo.
    case clear
    case addTag(String)
    case removeTag(String)

    /// Such as `off`, for messages.
    public var words: String {
        switch self {
        case .setEnabled(let isOn): isOn ? "on" : "off"
        case .clear: "cleared"
        case .addTag(let tag): "tagged \(tag)"
        case .removeTag(let tag): "without the tag \(tag)"
        }
    }
}

/// Names an endpoint at the revision its author saw. Never a row or a rank: those move by themselves.
public struct CommandTarget: Codable, Sendable, Hashable {
    /// As configured; unique.
    public var name: String
    /// nil accepts whatever is there now.
    public var revision: UInt64?

    /// - Parameter revision: nil accepts whatever is there now.
    public init(name: String, revision: UInt64? = nil) {
        self.name = name
        self.revision = revision
    }
}

extension Snapshot.Endpoint {
    /// What a command needs to name this endpoint as it was seen here.
    public var target: CommandTarget { CommandTarget(name: settings.name, revision: revision) }
}

/// The user or program that gave a command, and the way by which it came: for the event log, the history of changes, and the
/// answers to commands that are refused because another one came first.
///
/// A text alone is the name of a program that uses the engine: `engine.perform(.flush, by: "backup job")`.
public struct CommandAuthor: Sendable, Equatable, ExpressibleByStringLiteral {
    /// The way by which a command came. The raw value is the source of its event.
    public enum Source: String, Sendable, CaseIterable {
        /// A console, in this process or attached to it.
        case console
        /// `podium` with a verb, such as `podium endpoint move`.
        case cli
        /// Any other program, over the control API.
        case api
        /// The service manager or a signal.
        case service
        /// Another instance of the cluster.
        case cluster
    }

    /// Such as `alice@192.0.2.7`.
    public let name: String
    /// The way by which the command came.
    public let source: Source

    /// - Parameter name: the user, with the address of the terminal where that is known.
    public init(name: String, source: Source) {
        self.name = name
        self.source = source
    }

    /// A program.
    public init(stringLiteral name: String) {
        self.init(name: name, source: .api)
    }
}

/// How a command ended.
public typealias CommandResult = Result<CommandAnswer, CommandRefusal>

/// What a command came to.
public enum CommandAnswer: Sendable, Equatable {
    /// It is done, and durable where the receipt says saved.
    case done(CommandReceipt)
    /// The answer of `.preview`.
    case preview(FilePreview)
    /// The answer of `.explain`.
    case walk(RequestWalk)
    /// The answer of `.usage`.
    case usage(UsageReport)
    /// The answer of `.openRequests`.
    case openRequests(OpenRequestReport)
    /// The answer of `.loggedRequests`.
    case loggedRequests(RequestLogReport)
    /// The answer of `.pastEvents`.
    case pastEvents(EventHistoryReport)
}

/// What a command did. It has reached the disk by the time this is there.
public struct CommandReceipt: Codable, Sendable, Equatable {
    /// One line for the operator, such as `moved openai-team to rank 3 and pinned it; saved in 3.1 ms`.
    public var message: String
    /// Of the whole configuration, afterwards.
    public var revision: UInt64
    /// The endpoint the command was about, as it is now; absent when there is none (any more).
    public var endpoint: Snapshot.Endpoint?
    /// What undo would take back of this command; absent where it made nothing to undo.
    public var undo: String?

    /// A receipt of a command.
    public init(message: String, revision: UInt64 = 0, endpoint: Snapshot.Endpoint? = nil, undo: String? = nil) {
        self.message = message
        self.revision = revision
        self.endpoint = endpoint
        self.undo = undo
    }
}

/// What saving a patch would do to the file.
public struct FilePreview: Codable, Sendable, Equatable {
    /// Changed lines with up to three unchanged ones around them; a gap in the numbers is a part left out. None where nothing
    /// would change.
    public var lines: [DifferenceLine]

    /// From its lines.
    public init(lines: [DifferenceLine]) {
        self.lines = lines
    }
}

/// One line of the difference of two versions of the file.
public struct DifferenceLine: Codable, Sendable, Equatable {
    /// What becomes of a line.
    public enum Kind: String, Codable, Sendable, CaseIterable {
        case kept, removed, added

        /// As `diff` marks it: ` `, `-` or `+`.
        public var sign: String {
            switch self {
            case .kept: " "
            case .removed: "-"
            case .added: "+"
            }
        }
    }

    /// What becomes of it.
    public var kind: Kind
    /// 1-based; in the new file for added lines, else in the present one.
    public var number: Int
    /// Without its line end; secrets masked.
    public var text: String

    /// A line of a difference.
    public init(kind: Kind, number: Int, text: String) {
        self.kind = kind
        self.number = number
        self.text = text
    }
}
