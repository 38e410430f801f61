/// The configuration file that the demo runs on.
enum DemoConfiguration {
    static func text(endpoints: [DemoEndpoint], tags: [[String]], port: Int) -> String {
        var text = """
            # Scratch configuration of `podium demo`. Everything in it is simulated: the endpoints listen on this
            # machine only, and the keys open nothing.
            server:
              host: 127.0.0.1
              port: \(port)
              auto_sort_endpoints: true      # A in the console switches it
              persist_strategy: throttled
              config_flush_interval: 15s     # short, so that there is something to see
              config_max_dirty_time: 1m

            # Livelier than the defaults: with those, ranks move far more seldom.
            ranking: { hysteresis: 15%, min_dwell: 4s, decay: 6s }
            timeouts: { connect: 1s, response_header: 10s, check_interval: 5s }
            # Beside this file, and gone with it.
            history: { path: . }

            endpoints:

            """
        for (index, endpoint) in endpoints.enumerated() {
            text += """
                  # \(comment(endpoint, tags[index]))
                  - name: \(endpoint.name)
                    \(endpoint.kind.urlKey): \(endpoint.url)
                    auth_type: \(endpoint.kind == .openAI ? "auth_token" : "api_key")
                    auth_value: demo-\(endpoint.name)-0000
                    enabled: \(endpoint.isEnabled)
                    priority: \(index + 1)
                    tags: [\(tags[index].joined(separator: ", "))]

                """
        }
        return text
    }

    private static func comment(_ endpoint: DemoEndpoint, _ tags: [String]) -> String {
        if !endpoint.isEnabled { return "switched off: space in the console switches it on" }
        if tags.contains("backup") { return "far away, and often down" }
        return switch endpoint.kind {
        case .anthropic: "speaks the Anthropic API"
        case .openAI: "speaks the OpenAI APIs"
        case .both: "speaks both APIs"
        }
    }
}

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
