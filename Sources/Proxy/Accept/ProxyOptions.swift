public import HTTPWire
internal import Support

/// What a client means that says FIN before it has its answer.
public enum HalfClosePolicy: String, Sendable, CaseIterable {
    /// It is asked, by bytes that clients pass over; HTTP/1.0 has none of these before the answer, and there it has gone.
    case probe
    /// It listens, and gets its answer.
    case serve
    /// It has gone.
    case cancel
}

/// The settings of the listening side that a running server follows: `ProxyServer.update(_:)` replaces them.
public struct ClientRules: Sendable, Equatable {
    /// When not empty, a client has to present one of them as `Authorization: Bearer` or `x-api-key`.
    public var clientTokens: [String] = []
    /// `scheme://host[:port]` of web pages that may make requests, besides those of this machine; `*` for all. Heeded
    /// where the server listens on loopback without client tokens.
    public var allowedOrigins: [String] = []
    /// What a client's FIN means while its answer is still to come.
    public var halfClose = HalfClosePolicy.probe

    /// No tokens, no other origins, clients are asked.
    public init() {}
}

/// Settings of the listening side. All but `rules` are fixed for the server's life.
public struct ProxyOptions: Sendable {
    /// Name or address to listen on.
    public var host = "127.0.0.1"
    /// 0 lets the system choose; `ProxyServer.start` returns the chosen one.
    public var port = 8081
    /// The rules for clients at the start.
    public var rules = ClientRules()
    /// Most bytes of a request body kept for the next endpoint; a longer body is streamed and cannot fail over.
    public var replayLimit = 1 << 20
    /// Most client connections at once; further ones are answered 503. nil: derived from the descriptor limit.
    public var maxConnections: Int?
    /// From a connection's (or next request's) first byte to the end of its head.
    public var clientHeaderTimeout = Duration.seconds(30)
    /// Longest standstill of a client that still owes body bytes, or that takes none of the response.
    public var clientProgressTimeout = Duration.seconds(120)
    /// How long a client connection may rest between requests.
    public var clientIdleTimeout = Duration.seconds(300)
    /// Granularity of every timeout.
    public var deadlineSweepInterval = Duration.milliseconds(100)
    /// What a client may send.
    public var limits = HTTPLimits()
    /// The TLS contexts of endpoints. One that is new in a routing table has to be prepared before the table is published.
    public var tlsContexts = TLSContextCache()
    /// Resolves names of endpoints.
    var names = NameLookup()
    /// Connections to endpoints are not used again when they are older, so that a name's new addresses are noticed
    /// however busy they are.
    var connectionAge = Duration.seconds(600)

    /// Loopback, port 8081, no tokens.
    public init() {}

    /// Whether only this machine can connect.
    public var isLoopback: Bool { HostAndPort.isLoopback(host) }
}
