public import PodiumModel

/// A whole validated configuration file, with defaults filled in.
///
/// `ConfigurationLoader` makes it of the file, the engine runs by it. Texts are kept as they are written, with `${NAME}` in them: a
/// value from the environment must not get into the file, an answer or a log by way of this. What belongs to an endpoint is
/// in `EndpointSettings`.
public struct Configuration: Sendable, Equatable {
    /// `server:`
    public var server: ServerSettings
    /// `ranking:`
    public var ranking: RankingSettings
    /// `timeouts:`
    public var timeouts: TimeoutSettings
    /// `console:`
    public var console = ConsoleSettings()
    /// `failover:` of the file and of its endpoints.
    public var failover = FailoverSettings()
    /// `history:`, `usage:`, and `cost_multiplier:` of the endpoints.
    public var usage = UsageSettings()
    /// `cluster:`
    public var cluster = ClusterSettings()
    /// `timeouts:` of the endpoints' entries, by the endpoint's name.
    public var endpointTimeouts: [String: EndpointTimeouts] = [:]
    /// `clients:`, in file order.
    public var clients: [ClientSettings] = []
    /// `tagging:` of the older system, as far as it has a counterpart.
    public var tagging = ModelTagging()
    /// In file order.
    public var endpoints: [EndpointSettings]

    /// Whether every client is admitted, with a token or without.
    public var admitsEveryone: Bool { server.clientTokens.isEmpty && clients.isEmpty }

    /// Creates a configuration; what is not given has its default.
    public init(
        server: ServerSettings = .init(), ranking: RankingSettings = .init(), timeouts: TimeoutSettings = .init(),
        endpoints: [EndpointSettings] = []
    ) {
        self.server = server
        self.ranking = ranking
        self.timeouts = timeouts
        self.endpoints = endpoints
    }
}

/// `server:`
public struct ServerSettings: Sendable, Equatable {
    /// Address to listen on.
    public var host = "127.0.0.1"
    /// Port to listen on; 0 asks the system for a free one.
    public var port = 8081
    /// Whether the ranking follows availability and response time by itself.
    public var autoSortEndpoints = true
    /// Whether changes are written into the file at all.
    public var persist = PersistMode.auto
    /// When automatic changes are written.
    public var persistStrategy = PersistStrategy.throttled
    /// The least time between two automatic writes.
    public var configFlushInterval = Duration.seconds(30)
    /// The longest an automatic change may stay unwritten; never below the flush interval.
    public var configMaxDirtyTime = Duration.seconds(300)
    /// What happens when the terminal goes away.
    public var onHangup = HangupAction.keepServing
    /// As written, so possibly `${NAME}`; when not empty, clients must present one.
    public var clientTokens: [String] = []
    /// `scheme://host[:port]` of web pages that may make requests where no client token is asked for; `*` for all.
    public var allowedOrigins: [String] = []
    /// As written, so possibly `${NAME}`.
    public var adminToken: String?
    /// How long a stop waits for requests in flight.
    public var drainTimeout = Duration.seconds(10)
    /// Whether the file may be overwritten in place where it cannot be replaced.
    public var allowInPlace = false
    /// Most bytes of a request body kept for replay on the next endpoint.
    public var replayLimit = 32 << 20
    /// How much is kept of all requests together.
    public var replayMemory = 512 << 20
    /// What a client's FIN means while its answer is still to come.
    public var halfClose = HalfCloseAction.probe
    /// Whether answers name the endpoint that gave them; nil: where only this machine can connect.
    public var nameEndpoint: Bool?
    /// Where one line per request goes.
    public var accessLog = AccessLogTarget.off

    /// Every setting with its default.
    public init() {}
}

/// Where the access log goes.
public enum AccessLogTarget: Sendable, Equatable {
    case off
    case standardOutput
    /// As written; a relative path begins at the configuration's folder.
    case file(String)
}

/// Whether changes are written into the file.
public enum PersistMode: String, Sendable, Equatable, CaseIterable {
    /// Unless the file lies where nothing can be written, and never could.
    case auto
    case on
    case off
}

/// When automatic changes are written.
public enum PersistStrategy: String, Sendable, Equatable, CaseIterable {
    case throttled
    case batched
    case immediate
}

/// What happens when the terminal goes away.
public enum HangupAction: String, Sendable, Equatable, CaseIterable {
    case keepServing = "keep_serving"
    case exit
}

/// What a client means that says FIN before it has its answer.
public enum HalfCloseAction: String, Sendable, Equatable, CaseIterable {
    /// It is asked; HTTP/1.0 clients cannot be, and have gone.
    case probe
    /// It listens, and gets its answer.
    case serve
    /// It has gone.
    case cancel
}

/// `ranking:`
public struct RankingSettings: Sendable, Equatable {
    /// How much faster a challenger has to be, as a fraction of the holder's response time (0.15 = 15 %).
    public var hysteresis = 0.15
    /// How long a holder keeps its rank at least.
    public var minDwell = Duration.seconds(10)
    /// Time constant with which fast samples pull the response time down.
    public var decay = Duration.seconds(30)
    /// How long a session stays at its endpoint after its last request while only speed speaks for another; nil: not at all.
    public var stickySessions: Duration? = .seconds(300)
    /// The share of new sessions' requests that look at an endpoint which was not measured lately; 0: none.
    public var explore = 0.02

    /// Every setting with its default.
    public init() {}
}

/// `timeouts:`
public struct TimeoutSettings: Sendable, Equatable {
    /// Until the connection to an endpoint stands.
    public var connect = Duration.seconds(5)
    /// Until its TLS handshake is done.
    public var tlsHandshake = Duration.seconds(10)
    /// Until the response's header is there, where a stream was asked for; zero: for ever.
    public var responseHeader = Duration.seconds(120)
    /// Until the response is there, where none was asked for: a model says nothing before it has finished; zero: for ever.
    public var response = Duration.seconds(600)
    /// Between two pieces of a response's body; zero: for ever.
    public var streamIdle = Duration.seconds(300)
    /// How long an unused connection is kept.
    public var idleConnection = Duration.seconds(90)
    /// How long one probe may take.
    public var healthCheckTimeout = Duration.seconds(30)
    /// Between two probes of an endpoint without traffic.
    public var checkInterval = Duration.seconds(30)
    /// Successes in a row that close a half-open breaker.
    public var recoveryThreshold = 1

    /// Every setting with its default.
    public init() {}
}

/// `console:`
public struct ConsoleSettings: Sendable, Equatable {
    /// `keys:` in file order; whether there are such commands and keys is the console's to say.
    public var keys: [KeySetting] = []

    /// Every setting with its default.
    public init() {}
}

/// The keys that the file gives a command of the console.
public struct KeySetting: Sendable, Equatable {
    /// A text with its place in the file.
    public struct Word: Sendable, Equatable {
        /// As written.
        public var text: String
        /// 1-based.
        public var line: Int
        /// 1-based, in code points.
        public var column: Int

        /// A text at a 1-based place.
        public init(text: String, line: Int, column: Int) {
            self.text = text
            self.line = line
            self.column = column
        }
    }

    /// The command's name.
    public var command: Word
    /// Its keys; none leaves it without.
    public var keys: [Word]

    /// Keys for a command.
    public init(command: Word, keys: [Word]) {
        self.command = command
        self.keys = keys
    }
}
