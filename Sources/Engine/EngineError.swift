public import Persistence
public import Proxy

/// Why the engine cannot start.
public enum EngineError: Error, Sendable {
    /// Another Podium holds this configuration, or its file cannot be used.
    case persistence(PersistenceError)
    /// The address cannot be bound.
    case proxy(ProxyError)
    /// Listening beyond this machine without `client_tokens` would lend the endpoints' credentials to anybody.
    case insecureListen(host: String)
    /// The file for the trace cannot be made.
    case trace(path: String, reason: String)
}
