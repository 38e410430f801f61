internal import Configuration
public import Logging
public import Persistence
internal import PodiumModel
public import Proxy
internal import Support

/// What the program, rather than the file, decides about an engine.
public struct EngineOptions: Sendable {
    /// What `${NAME}` is looked up in.
    public var environment: [String: String]
    /// Where log lines go.
    public var logger: Logger
    /// Serve beyond this machine without client tokens.
    public var insecureListen = false
    /// Standard output is not a console's, so that `access_log: stdout` can go there.
    public var standardOutputIsFree = true
    /// Where outcomes are recorded for the simulator; nil: nowhere. The file must not be there yet.
    public var tracePath: String?
    /// Of the program, as other instances of a cluster show it.
    public var version = ""
    /// nil: one per processor that the process may use.
    public var eventLoops: Int?
    /// What reads the files of authorities.
    var authorities = CABundles()

    public init(environment: [String: String], logger: Logger) {
        self.environment = environment
        self.logger = logger
    }
}

extension ServerSettings {
    /// Whether only this machine can connect.
    var isLoopback: Bool {
        HostAndPort.isLoopback(host)
    }

    /// Whether clients are told which endpoint has answered: by default where they are the operator's own.
    var namesEndpoints: Bool { nameEndpoint ?? isLoopback }
}

extension ProxyOptions {
    init(_ server: ServerSettings, _ running: RunningSettings, tlsContexts: TLSContextCache) {
        self.init()
        self.tlsContexts = tlsContexts
        host = server.host
        port = server.port
        replayLimit = server.replayLimit
        replayMemory = server.replayMemory
        rules = running.clients
    }
}

/// Why the engine cannot start.
public enum EngineError: Error, Sendable {
    /// Another Podium holds this configuration, or its file cannot be used.
    case persistence(PersistenceError)
    /// The address cannot be bound.
    case proxy(ProxyError)
    /// Listening beyond this machine without `client_tokens` would lend the endpoints' credentials to every client in the network.
    case insecureListen(host: String)
    /// The file for the trace cannot be made.
    case trace(path: String, reason: String)
}
