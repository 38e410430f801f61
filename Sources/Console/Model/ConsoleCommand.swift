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
    case update(EndpointReference, EndpointDraft)
    case add(EndpointDraft)
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
    case testDraft(EndpointReference?, EndpointDraft)
    /// What saving the form would do to the file; changes nothing, and is answered by `.preview`.
    case preview(EndpointReference?, EndpointDraft)
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
    public var field: EndpointDraft.Field?

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
    public init(message: String, field: EndpointDraft.Field? = nil, kind: Kind = .refused) {
        self.message = message
        self.field = field
        self.kind = kind
    }
}

/// An endpoint as the form holds it.
public struct EndpointDraft: Sendable, Equatable {
    /// As configured; unique.
    public var name = ""
    /// Base URL for any API; nil when only the specific ones are given.
    public var url: String?
    /// Base URL for Anthropic-shaped requests.
    public var urlAnthropic: String?
    /// Base URL for OpenAI-shaped requests.
    public var urlOpenAI: String?
    /// How its credential is presented.
    public var authType = AuthType.none
    /// What becomes of the credential.
    public var secret = SecretEdit.unchanged
    /// The rank to place it at; nil leaves it where it is (a new one stands below those that can be used).
    public var priority: Int?
    /// Free words, in file order.
    public var tags: [String] = []
    /// False when the operator took it out of service.
    public var isEnabled = true
    /// True when automatic sorting leaves its rank alone.
    public var isPinned = false
    /// In file order; nil leaves them as they are. A value of nil keeps the present one.
    public var headers: [Header]?
    /// Which OpenAI API it speaks.
    public var openAIPreference = OpenAIPreference.auto
    /// The way there.
    public var proxy = ProxyEdit.unchanged

    /// A request header.
    public struct Header: Sendable, Equatable {
        /// As typed.
        public var name: String
        /// nil keeps the value it has.
        public var value: String?

        /// A header with its value.
        public init(name: String, value: String?) {
            self.name = name
            self.value = value
        }
    }

    /// What becomes of the proxy on the way to the endpoint.
    public enum ProxyEdit: Sendable, Equatable {
        case unchanged
        /// Such as `socks5://user:••••@host:1080`, where `••••` keeps the present password.
        case set(String)
        case removed
    }

    /// An empty draft.
    public init() {}

    /// The draft that changes nothing.
    public init(_ endpoint: Snapshot.Endpoint) {
        name = endpoint.name
        url = endpoint.url
        urlAnthropic = endpoint.urlAnthropic
        urlOpenAI = endpoint.urlOpenAI
        authType = endpoint.auth
        tags = endpoint.tags
        isEnabled = endpoint.enabled
        isPinned = endpoint.pinned
        openAIPreference = endpoint.preference
    }

    /// The console never holds the present secret, so it can only keep, replace or remove it.
    public enum SecretEdit: Sendable, Equatable {
        case unchanged
        case set(String)
        case removed
    }

    /// One field of the form.
    public enum Field: String, Sendable, Hashable, CaseIterable {
        case name
        case url
        case urlAnthropic
        case urlOpenAI
        case authType
        case secret
        case priority
        case tags
        case headers
        case openAIPreference
        case proxy
        case enabled
        case pinned
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
