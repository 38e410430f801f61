internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Ranking

/// Opens connections to endpoints: addresses are resolved anew each time and tried in parallel (happy eyeballs).
enum UpstreamConnector {
    static func open(_ connection: UpstreamConnection, of upstream: Upstream, on loop: LoopContext) {
        let url = connection.url
        let bound = NIOLoopBound(connection, eventLoop: loop.eventLoop)
        let boundLoop = NIOLoopBound(loop, eventLoop: loop.eventLoop)
        let context = url.usesTLS ? loop.shared.tlsContexts.context(for: upstream.tls) : nil
        guard !url.usesTLS || context != nil else {
            return failLater(bound, .tls)
        }
        let bootstrap = ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(TimeAmount(upstream.timeouts.connect))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 32 * 1024, high: 64 * 1024))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(tlsHandler(url, upstream, context))
                    } else {
                        try channel.syncOptions?.setOption(
                            .recvAllocator,
                            value: SharedReceiveAllocator(shared: boundLoop.value.receive, firstCapacity: 1024))
                    }
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
        let channel: EventLoopFuture<any Channel>
        if let address = try? SocketAddress(ipAddress: url.host, port: url.port) {
            channel = bootstrap.connect(to: address)
        } else {
            channel = bootstrap.connect(host: url.host, port: url.port)
        }
        channel.whenFailure { error in
            failLater(bound, UpstreamFailure.kind(ofConnect: error))
        }
    }

    /// Without a network every connect fails within the call: a walk down a long ranking must not be as deep a recursion.
    private static func failLater(_ connection: NIOLoopBound<UpstreamConnection>, _ kind: FailureKind) {
        connection.eventLoop.execute { connection.value.connectFailed(kind) }
    }

    static func tlsHandler(
        _ url: UpstreamURL, _ upstream: Upstream, _ context: NIOSSLContext
    ) throws -> NIOSSLClientHandler {
        let name = upstream.tls.serverName ?? url.host
        // An address cannot be sent as SNI; without a name the certificate is checked against the peer's address.
        let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name)
    }
}
