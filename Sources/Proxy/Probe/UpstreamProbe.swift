internal import NIOCore
internal import NIOSSL
internal import NIOTLS
public import Ranking

/// How far a probe of an endpoint came, and how long each step took.
public struct ProbeResult: Sendable, Equatable {
    /// TCP, with name resolution and the way through a proxy; nil when it did not come about.
    public var connect: Duration?
    /// nil for plain HTTP, or when it failed.
    public var tlsHandshake: Duration?
    /// nil when the endpoint can be reached.
    public var failure: FailureKind?
}

/// Connects to an endpoint and, for `https`, shakes hands; sends no request, so it costs nothing there.
enum UpstreamProbe {
    static func run(
        _ url: UpstreamURL, of upstream: Upstream, tls: NIOSSLContext?, names: NameLookup, group: any EventLoopGroup
    ) async -> ProbeResult {
        guard !url.usesTLS || tls != nil else { return ProbeResult(failure: .tls) }
        let loop = group.any()
        let steps = Steps(reachable: loop.makePromise(), secured: loop.makePromise(), awaitsTLS: url.usesTLS)
        let began = ContinuousClock.now
        let connecting = UpstreamConnector.connect(to: url, of: upstream, names, on: loop) { channel in
            try UpstreamConnector.addHandlers(to: channel, url, upstream, tls)
            try channel.pipeline.syncOperations.addHandler(ProbeHandler(steps))
        }
        connecting.whenFailure { steps.fail($0) }
        let patience = loop.scheduleTask(in: TimeAmount(upstream.timeouts.probe)) { steps.fail(ProbeTimeout()) }
        defer {
            patience.cancel()
            connecting.whenSuccess { $0.close(promise: nil) }
        }
        var result = ProbeResult()
        do {
            try await steps.reachable.futureResult.get()
        } catch {
            result.failure =
                error is ProbeTimeout
                ? .timeout : UpstreamFailure.kind(ofConnect: error, throughProxy: upstream.proxy != nil)
            return result
        }
        let connected = ContinuousClock.now
        result.connect = connected - began
        guard url.usesTLS else { return result }
        let handshakePatience = loop.scheduleTask(in: TimeAmount(upstream.timeouts.tlsHandshake)) {
            steps.fail(ProbeTimeout())
        }
        defer { handshakePatience.cancel() }
        do {
            try await steps.secured.futureResult.get()
            result.tlsHandshake = ContinuousClock.now - connected
        } catch {
            result.failure = error is ProbeTimeout ? .timeout : .tls
        }
        return result
    }

    private struct ProbeTimeout: Error {}
}

/// What a probe waits for.
private struct Steps: Sendable {
    /// The endpoint's end of the connection is there.
    let reachable: EventLoopPromise<Void>
    /// The handshake is done.
    let secured: EventLoopPromise<Void>
    let awaitsTLS: Bool

    func fail(_ error: any Error) {
        reachable.fail(error)
        secured.fail(error)
    }
}

/// Completes the steps as they are reached.
private final class ProbeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let steps: Steps

    init(_ steps: Steps) {
        self.steps = steps
    }

    func channelActive(context: ChannelHandlerContext) {
        steps.reachable.succeed()
        if !steps.awaitsTLS { steps.secured.succeed() }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { steps.secured.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        steps.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        steps.fail(ChannelError.eof)
    }
}
