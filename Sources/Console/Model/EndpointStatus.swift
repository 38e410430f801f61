/// One endpoint as the console shows it.
public struct EndpointStatus: Sendable, Equatable, Identifiable {
    /// Outlives renames and rank changes.
    public var id: UInt32
    /// As configured; unique.
    public var name: String
    /// Raised with each operator-visible change; commands carry it back so that a stale one can be refused.
    public var revision: UInt64 = 0
    /// Which API it serves.
    public var kind = Kind.any
    /// What the ranking thinks of it now.
    public var state = State.up
    /// 1 is tried first.
    public var rank = 0
    /// Ranks gained (positive: now nearer the top) in the last 60 s; 0 if it stayed.
    public var rankMovement = 0
    /// How often it has changed rank since the start.
    public var rankChanges = 0
    /// As configured; nil where the file has none.
    public var priority: Int?
    /// False when the operator took it out of service.
    public var isEnabled = true
    /// True when automatic sorting leaves its rank alone.
    public var isPinned = false
    /// Fraction of attempts that succeeded, 0…1; nil without traffic.
    public var successRate: Double?
    /// Attempts since the start.
    public var attempts: UInt64 = 0
    /// Failed attempts since the start.
    public var errors: UInt64 = 0
    /// Successes in a row up to now.
    public var successStreak = 0
    /// Median time to the first byte; nil without traffic.
    public var p50: Duration?
    /// 95th percentile of the time to the first byte; nil without traffic.
    public var p95: Duration?
    /// Requests per second, over the last few seconds.
    public var requestsPerSecond = 0.0
    /// Requests being served now.
    public var inFlight = 0
    /// Median response time in milliseconds over the last minute, oldest first, evenly spaced; 0 means no traffic.
    public var latencySeries: [UInt32] = []
    /// Failures over the same time as `latencySeries`; empty when there were none.
    public var errorSeries: [UInt32] = []
    /// Base URL for any API; nil when only the specific ones are given.
    public var url: String?
    /// Base URL for Anthropic-shaped requests.
    public var urlAnthropic: String?
    /// Base URL for OpenAI-shaped requests.
    public var urlOpenAI: String?
    /// How its credential is presented.
    public var authType = AuthType.none
    /// Already masked, such as `sk-ant-…3f9c`, or `${NAME}` as written; nil when there is none.
    public var maskedSecret: String?
    /// Free words, in file order.
    public var tags: [String] = []
    /// In file order; values that could be secrets are ``keptSecret``.
    public var headers: [Header] = []
    /// Which OpenAI API it speaks.
    public var openAIPreference = OpenAIPreference.auto
    /// The way there, such as `socks5://user:••••@host:1080`; nil for a direct connection.
    public var proxy: String?
    /// What was learned about it, such as `chat_completions`.
    public var learned: String?
    /// Its most recent failure; nil when it never failed.
    public var lastError: LastError?
    /// When it is tried again, while cooling, down or misconfigured.
    public var retryAt: ContinuousClock.Instant?
    /// Why it has its rank: one finished sentence per line.
    public var explanation: [String] = []

    /// An endpoint that is up and has seen no traffic.
    public init(id: UInt32, name: String) {
        self.id = id
        self.name = name
    }

    /// Which API it serves, by the URLs it has.
    public enum Kind: String, Sendable, Equatable, CaseIterable {
        case anthropic = "anth"
        case openAI = "oai"
        case any = "any"
    }

    /// What the ranking thinks of it now.
    public enum State: String, Sendable, Equatable, CaseIterable {
        case up, slow, down, off, misconfigured, cooling
        /// In service, but nothing is known of it yet: no request and no probe has ended.
        case untested
    }

    /// How its credential is presented.
    public enum AuthType: String, Sendable, Equatable, CaseIterable {
        case apiKey = "api_key"
        case authToken = "auth_token"
        case passthrough
        case none
    }

    /// A request header it gets.
    public struct Header: Sendable, Equatable {
        /// As configured.
        public var name: String
        /// As configured, or ``EndpointStatus/keptSecret``.
        public var shown: String

        /// A header as it may be shown.
        public init(name: String, shown: String) {
            self.name = name
            self.shown = shown
        }
    }

    /// Stands for a secret that the console does not hold.
    public static let keptSecret = "••••"

    /// Which OpenAI API it speaks.
    public enum OpenAIPreference: String, Sendable, Equatable, CaseIterable {
        case auto
        case responses
        case chatCompletions = "chat_completions"
    }

    /// The most recent failure.
    public struct LastError: Sendable, Equatable {
        /// When it happened.
        public var time: WallTime
        /// One line in plain words.
        public var text: String

        /// A failure at a time.
        public init(time: WallTime, text: String) {
            self.time = time
            self.text = text
        }
    }

    /// What a command needs to name this endpoint.
    public var reference: EndpointReference {
        EndpointReference(id: id, name: name, revision: revision)
    }
}

/// Names an endpoint at a revision: never a row of the screen.
public struct EndpointReference: Sendable, Hashable {
    /// Outlives renames and rank changes.
    public var id: UInt32
    /// As configured; unique.
    public var name: String
    /// The revision the operator saw.
    public var revision: UInt64

    /// The endpoint as the operator saw it.
    public init(id: UInt32, name: String, revision: UInt64) {
        self.id = id
        self.name = name
        self.revision = revision
    }
}
