/// Why the proxy cannot serve at all.
public enum ProxyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another process listens there. The executable exits 69.
    case addressInUse(host: String, port: Int)
    /// Ports below 1024 need a privilege.
    case addressNotPermitted(host: String, port: Int)
    /// The host is not one of this machine's addresses, or cannot be resolved.
    case addressNotAvailable(host: String, port: Int, reason: String)
    /// `start` was called twice, or after `stop`.
    case alreadyStarted

    /// For the operator.
    public var description: String {
        switch self {
        case .addressInUse(let host, let port):
            "port \(port) on \(host) is taken by another process; `ss -ltnp 'sport = :\(port)'` shows which one"
        case .addressNotPermitted(let host, let port):
            "not allowed to listen on \(host):\(port); ports below 1024 need CAP_NET_BIND_SERVICE"
        case .addressNotAvailable(let host, let port, let reason):
            "cannot listen on \(host):\(port): \(reason)"
        case .alreadyStarted:
            "the proxy was started before"
        }
    }
}
