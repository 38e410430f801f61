internal import NIOCore
internal import NIOPosix
internal import Sockets
internal import Support

/// Accepts clients until it is told to stop.
protocol Listening: Sendable {
    /// The real one where 0 was asked for.
    var port: Int? { get }
    /// Connections that were accepted live on.
    func stopListening() async
}

/// Listens in the way of the event loops it is given.
enum Listener {
    private static let backlog = 1024

    /// `localhost` is both loopback addresses (RFC 6761 §6.3), as far as this machine has them: which of them a client tries
    /// first is not for a server to know.
    ///
    /// - Parameter initializer: is called with each client's channel on its loop
    /// - Throws: `IOError`, or what the resolver says of `host`.
    static func bind(
        host: String, port: Int, group: any EventLoopGroup,
        initializer: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> any Listening {
        guard isLocalhost(host) else {
            return try await bindOne(host: host, port: port, group: group, initializer: initializer)
        }
        var attempts = port == 0 ? freePortAttempts : 1
        while true {
            attempts -= 1
            do {
                return try await bindLoopback(port: port, group: group, initializer: initializer)
            } catch let error as IOError where error.errnoCode == EADDRINUSE && attempts > 0 {
                // The port that was free for one family is taken for the other.
            }
        }
    }

    private static let freePortAttempts = 16

    private static func isLocalhost(_ host: String) -> Bool {
        ["localhost", "localhost."].contains(host.lowercased())
    }

    private static func bindLoopback(
        port: Int, group: any EventLoopGroup, initializer: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> any Listening {
        var listeners: [any Listening] = []
        var missing: (any Error)?
        for address in ["127.0.0.1", "::1"] {
            do {
                let port = listeners.first?.port ?? port
                listeners.append(
                    try await bindOne(host: address, port: port, group: group, initializer: initializer))
            } catch let error as IOError where [EADDRNOTAVAIL, EAFNOSUPPORT].contains(error.errnoCode) {
                missing = missing ?? error
            } catch {
                for listener in listeners { await listener.stopListening() }
                throw error
            }
        }
        if listeners.isEmpty, let missing { throw missing }
        return SeveralListeners(listeners: listeners)
    }

    private static func bindOne(
        host: String, port: Int, group: any EventLoopGroup,
        initializer: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> any Listening {
        if let group = group as? SocketLoopGroup {
            let address = try SocketAddress.makeAddressResolvingHost(host, port: port)
            return try await SocketListener.start(
                on: group, address: address, backlog: backlog, initializer: initializer)
        }
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Int32(backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 32 * 1024, high: 64 * 1024))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try initializer(channel) }
            }
            .bind(host: host, port: port)
            .map(BootstrapListener.init)
            .get()
    }
}

/// All at the same port.
private struct SeveralListeners: Listening {
    let listeners: [any Listening]

    var port: Int? { listeners.first?.port }

    func stopListening() async {
        for listener in listeners { await listener.stopListening() }
    }
}

private struct BootstrapListener: Listening {
    let channel: any Channel

    init(_ channel: any Channel) {
        self.channel = channel
    }

    var port: Int? { channel.localAddress?.port }

    func stopListening() async {
        try? await channel.close()
    }
}

extension SocketListener: Listening {
    var port: Int? { localAddress.port }

    func stopListening() async { await close() }
}

extension ProxyError {
    init(bindingFailed error: any Error, host: String, port: Int) {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE: self = .addressInUse(host: host, port: port)
        case EACCES, EPERM: self = .addressNotPermitted(host: host, port: port)
        case EADDRNOTAVAIL:
            self = .addressNotAvailable(host: host, port: port, reason: "not an address of this machine")
        default: self = .addressNotAvailable(host: host, port: port, reason: "\(error)")
        }
    }
}

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

/// How many clients the process can hold: at the descriptor limit, accepting would spin at a whole core.
enum DescriptorLimit {
    /// For files, listeners, event loops, name resolution.
    private static let reserve = 64

    /// Raises the soft limit to the hard one and counts two descriptors per stream.
    static func connectionLimit() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
        guard getrlimit(resource, &limit) == 0 else { return 480 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        let available = Int(clamping: min(limit.rlim_cur, 1 << 20))
        return max((available - reserve) / 2, 8)
    }
}
