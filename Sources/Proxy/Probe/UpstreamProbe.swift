internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOTLS
public import Ranking

/// How far a probe of an endpoint came, and how long each step took.
public struct ProbeResult: Sendable, Equatable {
    /// TCP, name resolution included; nil when it did not come about.
    public var connect: Duration?
    /// nil for plain HTTP, or when it failed.
    public var tlsHandshake: Duration?
    /// nil when the endpoint can be reached.
    public var failure: FailureKind?
}

/// Connects to an endpoint and, for `https`, shakes hands; sends no request, so it costs nothing there.
enum UpstreamProbe {
    static func run(
        _ url: UpstreamURL, of upstream: Upstream, tls: NIOSSLContext?, group: any EventLoopGroup
    ) async -> ProbeResult {
        var result = ProbeResult()
        guard !url.usesTLS || tls != nil else {
            result.failure = .tls
            return result
        }
        let began = ContinuousClock.now
        let ready = group.any().makePromise(of: Void.self)
        let bootstrap = ClientBootstrap(group: ready.futureResult.eventLoop)
            .connectTimeout(TimeAmount(upstream.timeouts.connect))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            UpstreamConnector.tlsHandler(url, upstream, tls))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ProbeHandler(ready: ready, awaitsTLS: url.usesTLS))
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: url.host, port: url.port).get()
        } catch {
            ready.fail(error)
            result.failure = UpstreamFailure.kind(ofConnect: error)
            return result
        }
        result.connect = ContinuousClock.now - began
        defer { channel.close(promise: nil) }
        guard url.usesTLS else {
            return result
        }
        let connected = ContinuousClock.now
        let patience = channel.eventLoop.scheduleTask(in: TimeAmount(upstream.timeouts.tlsHandshake)) {
            ready.fail(ChannelError.connectTimeout(TimeAmount(upstream.timeouts.tlsHandshake)))
        }
        defer { patience.cancel() }
        do {
            try await ready.futureResult.get()
            result.tlsHandshake = ContinuousClock.now - connected
        } catch ChannelError.connectTimeout {
            result.failure = .timeout
        } catch {
            result.failure = .tls
        }
        return result
    }
}

/// Completes the promise once the connection could carry a request.
private final class ProbeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let ready: EventLoopPromise<Void>
    private let awaitsTLS: Bool

    init(ready: EventLoopPromise<Void>, awaitsTLS: Bool) {
        self.ready = ready
        self.awaitsTLS = awaitsTLS
    }

    func channelActive(context: ChannelHandlerContext) {
        if !awaitsTLS {
            ready.succeed()
        }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event {
            ready.succeed()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        ready.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ready.fail(ChannelError.eof)
    }
}
