internal import Configuration
public import PodiumModel

/// What an operator can ask for.
public enum EngineCommand: Sendable, Equatable {
    /// Moves the endpoint to a rank (1 is tried first) and pins it there.
    case move(CommandTarget, toRank: Int)
    case setEnabled(CommandTarget, Bool)
    case setPinned(CommandTarget, Bool)
    /// Sorts once, whatever hysteresis and dwell say; pins hold.
    case sortNow
    case setAutoSort(Bool)
    case update(CommandTarget, EndpointEdit)
    case add(EndpointEdit)
    case remove(CommandTarget)
    /// Writes what is unsaved, now.
    case flush
    /// Takes in the file as it is on disk, and writes what is unsaved.
    case reload
    case undo
    case redo
}

/// All the fields of the endpoint form.
public struct EndpointEdit: Sendable, Equatable {
    /// What becomes of the credential; nobody outside the engine holds the present one.
    public enum Secret: Sendable, Equatable {
        case unchanged
        case set(String)
        case removed
    }

    /// As configured; unique.
    public var name: String
    /// Base URL for any API.
    public var url: String?
    /// Base URL for Anthropic-shaped requests.
    public var urlAnthropic: String?
    /// Base URL for OpenAI-shaped requests.
    public var urlOpenAI: String?
    /// How its credential is presented.
    public var authType: AuthType
    /// What becomes of the credential.
    public var secret: Secret
    /// The rank to place it at; nil leaves it where it is (a new one stands below those that can be used).
    public var rank: Int?
    /// Free words, in file order.
    public var tags: [String]
    /// False takes it out of service.
    public var enabled: Bool
    /// True keeps its rank from automatic sorting.
    public var pinned: Bool
    /// In file order; nil leaves them as they are.
    public var headers: [Header]?
    /// Which of OpenAI's APIs it speaks; `auto` forgets what was learned, nil leaves it as it is.
    public var openAIPreference: OpenAIPreference?
    /// The way there.
    public var proxy = ProxyEdit.unchanged
    /// Whether cookies pass; nil leaves it as it is.
    public var cookies: CookiePolicy?
    /// Whether the endpoint is told who asks; nil leaves it as it is.
    public var forwarded: Bool?

    /// A request header.
    public struct Header: Sendable, Equatable {
        /// As written.
        public var name: String
        /// nil keeps the present value of the header of that name.
        public var value: String?

        /// From its parts.
        public init(name: String, value: String?) {
            self.name = name
            self.value = value
        }
    }

    /// What becomes of the proxy on the way to the endpoint.
    public enum ProxyEdit: Sendable, Equatable {
        case unchanged
        /// A URL such as `socks5://user:pass@host:1080`; a password of ``EndpointEdit/keptSecret`` stays what it is.
        case set(String)
        case removed
    }

    /// Stands for a secret that its editor does not hold and that stays what it is.
    public static let keptSecret = Snapshot.keptSecret

    /// Whether a text that is to be a secret has been typed beside the stand-in of one: it would replace it.
    private static func isTypedBesideMask(_ value: String) -> Bool { value.contains("•") }

    /// From its parts.
    public init(
        name: String, url: String? = nil, urlAnthropic: String? = nil, urlOpenAI: String? = nil,
        authType: AuthType = .none, secret: Secret = .unchanged, rank: Int? = nil, tags: [String] = [],
        enabled: Bool = true, pinned: Bool = false, openAIPreference: OpenAIPreference? = nil
    ) {
        self.name = name
        self.url = url
        self.urlAnthropic = urlAnthropic
        self.urlOpenAI = urlOpenAI
        self.authType = authType
        self.secret = secret
        self.rank = rank
        self.tags = tags
        self.enabled = enabled
        self.pinned = pinned
        self.openAIPreference = openAIPreference
    }

    /// The endpoint's settings with this edit made; what the form does not show stays.
    ///
    /// - Throws: `CommandError.invalid` when the text of the proxy is none, or a value is to be kept that is not there.
    func applied(to settings: EndpointSettings) throws(CommandError) -> EndpointSettings {
        var edited = settings
        edited.name = name
        edited.url = url
        edited.urlAnthropic = urlAnthropic
        edited.urlOpenAI = urlOpenAI
        edited.authType = authType
        switch secret {
        case .unchanged: break
        case .set(Self.keptSecret): break
        case .set(let value):
            guard !Self.isTypedBesideMask(value) else {
                throw .invalid(field: .authValue, reason: "give the whole credential anew, or leave it out")
            }
            edited.authValue = value
        case .removed: edited.authValue = nil
        }
        edited.tags = tags
        edited.enabled = enabled
        edited.pinned = pinned
        if let headers { edited.headers = try Self.merged(headers, into: settings.headers) }
        if let openAIPreference { edited.openAIPreference = openAIPreference }
        if let cookies { edited.cookies = cookies }
        if let forwarded { edited.forwarded = forwarded }
        switch proxy {
        case .unchanged: break
        case .removed: edited.proxy = nil
        case .set(let text): edited.proxy = try Self.parsed(text, keeping: settings.proxy)
        }
        return edited
    }

    private static func merged(_ headers: [Header], into present: [HeaderField]) throws(CommandError) -> [HeaderField] {
        var merged: [HeaderField] = []
        for header in headers {
            let kept = present.first { $0.name.lowercased() == header.name.lowercased() }
            let given = header.value == keptSecret ? nil : header.value
            guard let value = given ?? kept?.value else {
                throw .invalid(field: .headers, reason: "the header '\(header.name)' has no value yet")
            }
            let isSecret = kept?.holdsSecret == true || HeaderField(name: header.name, value: value).holdsSecret
            guard !isSecret || given.map(isTypedBesideMask) != true else {
                throw .invalid(
                    field: .headers,
                    reason: "the header '\(header.name)': give the whole value anew, or \(keptSecret) to keep it")
            }
            merged.append(HeaderField(name: header.name, value: value))
        }
        return merged
    }

    private static func parsed(_ text: String, keeping present: OutboundProxy?) throws(CommandError) -> OutboundProxy {
        do throws(ValueProblem) {
            var proxy = try ProxyText.parse(text)
            guard let typed = proxy.password, isTypedBesideMask(typed) else { return proxy }
            guard typed == keptSecret else {
                throw ValueProblem("the proxy's password: give it whole and anew, or \(keptSecret) to keep it")
            }
            guard let password = present?.password else {
                throw ValueProblem("the proxy has no password yet", fix: "write it in place of \(keptSecret)")
            }
            proxy.password = password
            return proxy
        } catch {
            throw .invalid(field: .proxy, reason: error.fix.isEmpty ? error.message : "\(error.message); \(error.fix)")
        }
    }
}

/// What a command did.
public struct CommandReceipt: Sendable, Equatable {
    /// One line for the operator, such as `moved openai-team to rank 3, pinned and saved`.
    public var message: String

    /// What undo would take back of it; nil where it made nothing to undo.
    public var undo: String?

    /// From its parts.
    public init(message: String, undo: String? = nil) {
        self.message = message
        self.undo = undo
    }
}

/// Why a command was refused or failed.
public enum CommandError: Error, Sendable, Equatable, CustomStringConvertible {
    case noSuchEndpoint(String)
    /// Somebody else changed the endpoint since its author looked.
    case revisionConflict(name: String)
    /// Somebody else changed the configuration since its author looked.
    case staleRevision
    /// A field of an edit cannot be accepted.
    case invalid(field: EndpointField, reason: String)
    case nothingToUndo
    case nothingToRedo
    /// The change holds in memory and is kept unsaved; the reason says why it is not on disk.
    case notSaved(change: String, reason: String)
    /// The change is in force, and the file has no place that could be edited for it; the reason says where and why.
    case notWritable(change: String, reason: String)
    /// The file as it is now cannot be used, so that there is nothing to take in.
    case fileNotUsed(reason: String)
    /// A test of an endpoint ended badly; nothing was changed.
    case unreachable(name: String, reason: String)

    /// One line for the operator.
    public var description: String {
        switch self {
        case .noSuchEndpoint(let name): "there is no endpoint '\(name)' (any more)"
        case .revisionConflict(let name): "'\(name)' was changed in the meantime; look again and repeat"
        case .staleRevision: "the configuration was changed in the meantime; look again and repeat"
        case .invalid(_, let reason): reason
        case .nothingToUndo: "nothing to undo"
        case .nothingToRedo: "nothing to redo"
        case .notSaved(let change, let reason): "\(change), but NOT SAVED: \(reason); kept in memory, will be retried"
        case .notWritable(let change, let reason):
            "\(change), in force but NOT IN THE FILE: \(reason); edit the file by hand, or write this place in a simpler form"
        case .fileNotUsed(let reason): "the file is not used, the running configuration stays: \(reason)"
        case .unreachable(let name, let reason): "\(name): \(reason)"
        }
    }
}
