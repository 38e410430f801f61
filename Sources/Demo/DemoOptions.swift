/// What `podium demo` may be told.
public struct DemoOptions: Sendable, Equatable {
    /// Number of simulated endpoints; at least 1.
    public var endpoints: Int
    /// Mean number of requests a second.
    public var requestsPerSecond: Double
    /// Same seed, same script.
    public var seed: UInt64

    /// The defaults give a lively picture on an 80x24 screen.
    public init(endpoints: Int = 7, requestsPerSecond: Double = 12, seed: UInt64 = 1) {
        self.endpoints = max(1, endpoints)
        self.requestsPerSecond = max(0, requestsPerSecond)
        self.seed = seed
    }
}

/// One simulated endpoint that listens on loopback.
public struct DemoEndpoint: Sendable, Equatable {
    /// Which API it speaks.
    public enum Kind: String, Sendable, Equatable {
        case anthropic
        case openAI = "openai"
        case both

        /// The configuration key under which its URL belongs.
        public var urlKey: String {
            switch self {
            case .anthropic: "url_anthropic"
            case .openAI: "url_openai"
            case .both: "url"
            }
        }
    }

    /// Unique among the endpoints of one world.
    public var name: String
    /// Which API it speaks.
    public var kind: Kind
    /// `http://127.0.0.1:PORT`
    public var url: String
    /// Whether the demo's configuration has it switched on.
    public var isEnabled: Bool
}
