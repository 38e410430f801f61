internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Ranking
internal import Sockets

/// Opens connections to endpoints, directly or through their proxy: names are resolved anew each time, and several
/// addresses are tried in parallel (happy eyeballs).
enum UpstreamConnector {
    static func open(_ connection: UpstreamConnection, of upstream: Upstream, on loop: LoopContext) {
        let url = connection.url
        let bound = NIOLoopBound(connection, eventLoop: loop.eventLoop)
        let boundLoop = NIOLoopBound(loop, eventLoop: loop.eventLoop)
        let context = url.usesTLS ? loop.shared.tlsContexts.context(for: upstream.tls) : nil
        guard !url.usesTLS || context != nil else {
            return failLater(bound, .tls(.noAuthorities))
        }
        connect(to: url, of: upstream, loop.shared.names, on: loop.eventLoop) { channel in
            if context == nil {
                try channel.syncOptions?.setOption(
                    .recvAllocator,
                    value: SharedReceiveAllocator(shared: boundLoop.value.receive, firstCapacity: 256))
            }
            (channel as? StreamSocket)?.watchOver(patience: upstream.waits.unconfirmed)
            try addHandlers(to: channel, url, upstream, context, isForwarded: bound.value.isForwarded)
            try channel.pipeline.syncOperations.addHandler(bound.value)
        }.whenFailure { error in
            if UpstreamFailure.isLackOfDescriptors(error) {
                if boundLoop.value.closeLongestIdle() { return open(bound.value, of: upstream, on: boundLoop.value) }
                bound.value.failsForLackOfDescriptors = true
            }
            failLater(bound, UpstreamFailure.kind(ofConnect: error, throughProxy: upstream.proxy(for: url) != nil))
        }
    }

    /// Without a network every connect fails within the call: a walk down a long ranking must not be as deep a recursion.
    private static func failLater(_ connection: NIOLoopBound<UpstreamConnection>, _ kind: FailureKind) {
        connection.eventLoop.execute { connection.value.connectFailed(kind) }
    }

    /// TCP to the endpoint, or to the proxy before it.
    ///
    /// - Parameter initializer: is called with each channel that is tried, on its loop
    static func connect(
        to url: UpstreamURL, of upstream: Upstream, _ names: NameLookup, on loop: any EventLoop,
        initializer: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        let (host, port) = upstream.proxy(for: url).map { ($0.host, $0.port) } ?? (url.host, url.port)
        let address = try? SocketAddress(ipAddress: host, port: port)
        let timeout = TimeAmount(upstream.timeouts.connect)
        if let loop = loop as? SocketLoop {
            let begin: @Sendable () -> EventLoopFuture<any Channel> = {
                let addresses =
                    address.map { loop.makeSucceededFuture([$0]) }
                    ?? names.addresses(of: host, port: port, on: loop)
                return SocketConnector.connect(to: addresses, on: loop, timeout: timeout, initializer: initializer)
            }
            return loop.inEventLoop ? begin() : loop.flatSubmit(begin)
        }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 32 * 1024, high: 64 * 1024))
            .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try initializer(channel) } }
        if let address { return bootstrap.connect(to: address) }
        return bootstrap.resolver(ConnectionResolver(names, host: host, port: port, on: loop))
            .connect(host: host, port: port)
    }

    /// What comes between the socket and the handler that speaks with the endpoint.
    ///
    /// - Parameter isForwarded: the proxy gets the requests themselves
    static func addHandlers(
        to channel: any Channel, _ url: UpstreamURL, _ upstream: Upstream, _ context: NIOSSLContext?, isForwarded: Bool
    ) throws {
        if let proxy = upstream.proxy(for: url), !isForwarded {
            try channel.pipeline.syncOperations.addHandler(
                TunnelHandler(
                    proxy.negotiation(host: url.host, port: url.port), patience: upstream.timeouts.connect))
        }
        if let context {
            try channel.pipeline.syncOperations.addHandler(tlsHandler(url, upstream, context))
        }
    }

    private static func tlsHandler(
        _ url: UpstreamURL, _ upstream: Upstream, _ context: NIOSSLContext
    ) throws -> NIOSSLClientHandler {
        let name = upstream.tls.serverName ?? url.host
        // An address cannot be sent as SNI; without a name the certificate is checked against the peer's address.
        let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
        return try ._makeSSLClientHandler(
            context: context, serverHostname: isAddress ? nil : name,
            additionalPeerCertificateVerificationCallback: requireNames)
    }

    /// A certificate that names its hosts in its common name alone is refused (RFC 9525 §2), which the library would accept.
    private static func requireNames(_ certificate: NIOSSLCertificate, _ channel: any Channel) -> EventLoopFuture<Void>
    {
        guard certificate._subjectAlternativeNames().isEmpty else { return channel.eventLoop.makeSucceededVoidFuture() }
        return channel.eventLoop.makeFailedFuture(NIOSSLError.unableToValidateCertificate)
    }
}

/// Sorts transport errors into what the ranking distinguishes.
enum UpstreamFailure {
    /// - Parameter throughProxy: it was the proxy's address that could not be connected to
    static func kind(ofConnect error: any Error, throughProxy: Bool) -> FailureKind {
        if let error = error as? TunnelError { return error.kind }
        if let error = error as? NIOConnectionError {
            if error.connectionErrors.isEmpty { return throughProxy ? .proxy(.nameResolution) : .nameResolution }
            if error.connectionErrors.allSatisfy({ isTimeout($0.error) }) { return .timeout }
        }
        if let error = error as? SocketConnectError {
            if error.failures.isEmpty { return throughProxy ? .proxy(.nameResolution) : .nameResolution }
            if error.failures.allSatisfy(isTimeout) { return .timeout }
        }
        return isTimeout(error) ? .timeout : throughProxy ? .proxy(.connect) : .connect
    }

    /// - Parameters:
    ///   - diagnosis: for connections with TLS
    ///   - context: of a handler behind that of TLS
    static func kind(
        of error: any Error, established: Bool, _ diagnosis: TLSDiagnosis?, in context: ChannelHandlerContext
    ) -> FailureKind {
        if let error = error as? TunnelError { return error.kind }
        if let diagnosis, !established { return .tls(diagnosis.fault(of: error, in: context)) }
        if let error = error as? NIOSSLError, case .uncleanShutdown = error { return .closed }
        guard error is NIOSSLError || error is BoringSSLError else { return .closed }
        // With TLS 1.3 the other side may refuse when this one believes that all is done.
        return .tls(diagnosis?.fault(of: error, in: context) ?? .unspecified)
    }

    /// Whether this process, and not the endpoint, is to blame.
    static func isLackOfDescriptors(_ error: any Error) -> Bool {
        if let error = error as? SocketConnectError { return error.failures.contains(where: isLackOfDescriptors) }
        if let error = error as? NIOConnectionError {
            return error.connectionErrors.contains { isLackOfDescriptors($0.error) }
        }
        let code = (error as? IOError)?.errnoCode
        return code == EMFILE || code == ENFILE
    }

    private static func isTimeout(_ error: any Error) -> Bool {
        if case .connectTimeout = error as? ChannelError { return true }
        return (error as? IOError)?.errnoCode == ETIMEDOUT
    }
}

extension FailureKind {
    /// An HTTP proxy has answered `CONNECT` with no.
    var isRefusalOfTunnel: Bool {
        if case .proxy(.refused) = self { true } else { false }
    }
}
