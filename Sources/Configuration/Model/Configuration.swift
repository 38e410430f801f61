/// A whole validated configuration file, with defaults filled in.
public struct Configuration: Sendable, Equatable {
    public var server: ServerSettings
    public var ranking: RankingSettings
    public var timeouts: TimeoutSettings
    /// In file order.
    public var endpoints: [EndpointSettings]

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
    public var host = "127.0.0.1"
    public var port = 8081
    public var autoSortEndpoints = true
    public var persistStrategy = PersistStrategy.throttled
    public var configFlushInterval = Duration.seconds(30)
    public var configMaxDirtyTime = Duration.seconds(300)
    public var onHangup = HangupAction.keepServing
    /// As written, so possibly `${NAME}`; when not empty, clients must present one.
    public var clientTokens: [String] = []
    /// As written, so possibly `${NAME}`.
    public var adminToken: String?
    public var drainTimeout = Duration.seconds(10)
    public var allowInPlace = false
    /// Most bytes of a request body kept for replay on the next endpoint.
    public var replayLimit = 1 << 20

    public init() {}
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

/// `ranking:`
public struct RankingSettings: Sendable, Equatable {
    /// How much faster a challenger has to be, as a fraction of the holder's response time (0.15 = 15 %).
    public var hysteresis = 0.15
    /// How long a holder keeps its rank at least.
    public var minDwell = Duration.seconds(10)
    /// Time constant with which fast samples pull the response time down.
    public var decay = Duration.seconds(30)

    public init() {}
}

/// `timeouts:`
public struct TimeoutSettings: Sendable, Equatable {
    public var connect = Duration.seconds(5)
    public var tlsHandshake = Duration.seconds(10)
    public var responseHeader = Duration.seconds(60)
    public var streamIdle = Duration.seconds(120)
    public var idleConnection = Duration.seconds(90)
    public var healthCheckTimeout = Duration.seconds(30)
    public var checkInterval = Duration.seconds(30)
    /// Successes in a row that close a half-open breaker.
    public var recoveryThreshold = 1

    public init() {}
}
