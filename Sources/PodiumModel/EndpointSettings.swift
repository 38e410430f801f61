/// One entry of `endpoints:` as the operator wrote it, before `${NAME}` is expanded.
///
/// A new field is a property here and a row in `EndpointField`; code that lists fields goes by the table, code that needs one of them
/// reads the property.
public struct EndpointSettings: Sendable, Equatable {
    /// Unique within the file; how every command and log line refers to the endpoint.
    public var name: String
    /// Base URL for requests of any API; nil when only the specific ones are given.
    public var url: String?
    /// Base URL for Anthropic-shaped requests (`/v1/messages` and the like).
    public var urlAnthropic: String?
    /// Base URL for OpenAI-shaped requests (`/v1/chat/completions`, `/v1/responses` and the like).
    public var urlOpenAI: String?
    /// How the credential is presented.
    public var authType: AuthType
    /// As written, so possibly `${NAME}`; never expanded here, never logged.
    public var authValue: String?
    /// Whether it gets requests at all.
    public var enabled: Bool
    /// `priority` as written; nil where the key is absent. 1 is tried first.
    public var priority: Int?
    /// Keeps its rank under automatic sorting.
    public var pinned: Bool
    /// Free words to find and group endpoints by.
    public var tags: [String]
    /// Extra request headers in file order; values may hold `${NAME}`.
    public var headers: [HeaderField]
    /// Which OpenAI API it speaks, where that is known.
    public var openAIPreference: OpenAIPreference
    /// The proxy it is reached through; nil for a direct connection.
    public var proxy: OutboundProxy?
    /// PEM file of the authorities that its certificate may come from, instead of the system's.
    public var caFile: String?
    /// Whether cookies pass between clients and the endpoint.
    public var cookies: CookiePolicy
    /// Whether the endpoint is told which client asks: `Via`, `X-Forwarded-For` and the like.
    public var forwarded: Bool
    /// As many requests may run there at once; 0: any number.
    public var maxInFlight: Int
    /// How much of it may be used (`LimitRules`); nil: there is no limit.
    public var limits: String?
    /// The hours in which it is asked (`ActiveHours`); nil: at all hours.
    public var active: String?
    /// The models that it is asked for, by the names that clients use, as patterns; those that begin with `!` take models away. Empty for all.
    public var models: [String]
    /// The names by which it knows models, in the order in which they are asked.
    public var modelMap: [Renaming]
    /// Whether an answer names the model as it was asked for where `modelMap` has given it another name.
    public var restoresModel: Bool
    /// Which APIs it speaks.
    public var speaks: SpokenAPIs
    /// Whether requests of other APIs are converted for it.
    public var convert: Bool
    /// The field for the limit of tokens in what is converted; nil: by the model's name.
    public var maxTokensField: String?
    /// What becomes of fields that the conversion does not know.
    public var unknownFields: UnknownFields
    /// Parameters of what is converted, with values as JSON or plain text; an empty value takes the parameter away.
    public var parameterOverrides: [Renaming]
    /// Of files of the older system: which API `url` is for; nil for any.
    public var endpointType: EndpointType?

    /// The rank that it keeps under automatic sorting; nil where it keeps none, as when it is switched off.
    public var pinnedRank: Int? { pinned && enabled ? priority : nil }

    /// An endpoint with every optional key absent.
    public init(name: String) {
        self.name = name
        self.authType = .none
        self.enabled = true
        self.pinned = false
        self.tags = []
        self.headers = []
        self.openAIPreference = .auto
        self.cookies = .off
        self.forwarded = false
        self.maxInFlight = 0
        self.models = []
        self.modelMap = []
        self.restoresModel = true
        self.speaks = .any
        self.convert = false
        self.unknownFields = .drop
        self.parameterOverrides = []
    }
}

extension EndpointSettings {
    /// The base URLs that it has, the one for any API first.
    public var baseURLs: [String] {
        EndpointField.urls.compactMap { if case .text(let text) = value(of: $0) { text } else { nil } }
    }

    /// The base URL for any path; none where the file says which API `url` is for.
    public var anyBase: String? { endpointType == nil && speaks == .any ? url : nil }
    /// The base URL for the Anthropic API alone.
    public var anthropicBase: String? {
        speaks == .chatCompletions ? nil : urlAnthropic ?? (endpointType == .anthropic ? url : nil)
    }
    /// The base URL for the OpenAI APIs alone.
    public var openAIBase: String? {
        urlOpenAI ?? (endpointType == .openAI || speaks == .chatCompletions ? url : nil)
    }
    /// Whether requests of other APIs are converted for it: there has to be one that it speaks.
    public var converts: Bool { convert && speaks == .chatCompletions }
}

/// Whether cookies pass between clients and an endpoint.
public enum CookiePolicy: String, Sendable, Equatable, CaseIterable {
    /// In neither direction: what one endpoint sets is nothing that others should get.
    case off
    /// In both.
    case pass
}

/// Which API the older system's `url` is for.
public enum EndpointType: String, Sendable, Equatable, CaseIterable {
    case anthropic
    case openAI = "openai"
}

/// How the endpoint's own credential is presented to it.
public enum AuthType: String, Sendable, Equatable, CaseIterable {
    /// `x-api-key: VALUE`
    case apiKey = "api_key"
    /// `Authorization: Bearer VALUE`
    case authToken = "auth_token"
    /// The client's own credential headers go through unchanged.
    case passthrough
    /// No credential at all; the client's is removed.
    case none

    /// Whether the endpoint's own credential is sent.
    public var sendsCredential: Bool { self == .apiKey || self == .authToken }
}

/// Which OpenAI API the endpoint is known to speak.
public enum OpenAIPreference: String, Sendable, Equatable, CaseIterable {
    case auto
    case responses
    case chatCompletions = "chat_completions"
}

/// Which APIs an endpoint speaks.
public enum SpokenAPIs: String, Sendable, Equatable, CaseIterable {
    /// Those that it has a URL for.
    case any
    /// OpenAI's Chat Completions alone.
    case chatCompletions = "chat_completions"
}

/// What becomes of fields of a request that its conversion does not know.
public enum UnknownFields: String, Sendable, Equatable, CaseIterable {
    case drop, refuse
}

/// One configured request header.
public struct HeaderField: Sendable, Equatable {
    /// As written; compared without regard to case.
    public var name: String
    /// As written, so possibly `${NAME}`.
    public var value: String

    /// Creates a header.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// A pattern of names, and the name that those are given which match it.
public struct Renaming: Sendable, Equatable, Codable {
    /// With `*` for any text and `?` for any character.
    public var from: String
    /// A `*` in it stands for what the pattern's one `*` has matched.
    public var to: String

    /// Creates a renaming.
    public init(from: String, to: String) {
        self.from = from
        self.to = to
    }

    /// Reads `FROM=TO`. Without the sign there is no name to give, which is a problem of the value.
    public init(_ text: some StringProtocol) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(from: Self.trimmed(parts[0]), to: parts.count > 1 ? Self.trimmed(parts[1]) : "")
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let rest = text.drop { $0 == " " }
        return String(rest.reversed().drop { $0 == " " }.reversed())
    }
}

extension Renaming: CustomStringConvertible {
    public var description: String { "\(from)=\(to)" }
}

/// The proxy through which an endpoint is reached.
public struct OutboundProxy: Sendable, Equatable {
    /// The protocol spoken with the proxy.
    public enum Kind: String, Sendable, Equatable {
        case http
        case socks5
        /// What the environment's variables say (``ProxyVariables``); it has no address of its own.
        case environment = "env"
    }

    /// `proxy: env`
    public static let environment = OutboundProxy(kind: .environment, host: "", port: 0)

    /// The protocol spoken with the proxy.
    public var kind: Kind
    /// Name or address; an IPv6 address without brackets.
    public var host: String
    /// 1 to 65535.
    public var port: Int
    /// As written, so possibly `${NAME}`.
    public var username: String?
    /// As written, so possibly `${NAME}`.
    public var password: String?

    /// Creates a proxy's address and credentials.
    public init(kind: Kind, host: String, port: Int, username: String? = nil, password: String? = nil) {
        self.kind = kind
        self.host = host
        self.port = port
        self.username = username
        self.password = password
    }
}
