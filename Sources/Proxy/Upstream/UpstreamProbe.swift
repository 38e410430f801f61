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
        guard !url.usesTLS || tls != nil else { return ProbeResult(failure: .tls(.noAuthorities)) }
        let loop = group.any()
        let steps = Steps(reachable: loop.makePromise(), secured: loop.makePromise(), awaitsTLS: url.usesTLS)
        let began = ContinuousClock.now
        let connecting = UpstreamConnector.connect(to: url, of: upstream, names, on: loop) { channel in
            try UpstreamConnector.addHandlers(to: channel, url, upstream, tls, isForwarded: url.isForwarded)
            try channel.pipeline.syncOperations.addHandler(
                ProbeHandler(steps, url.usesTLS ? TLSDiagnosis(url, upstream.tls) : nil))
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
                ? .timeout : UpstreamFailure.kind(ofConnect: error, throughProxy: upstream.proxy(for: url) != nil)
            return result
        }
        let connected = ContinuousClock.now
        result.connect = connected - began
        guard url.usesTLS else { return result }
        let handshakeTimeout = loop.scheduleTask(in: TimeAmount(upstream.timeouts.tlsHandshake)) {
            steps.fail(ProbeTimeout())
        }
        defer { handshakeTimeout.cancel() }
        do {
            try await steps.secured.futureResult.get()
            result.tlsHandshake = ContinuousClock.now - connected
        } catch {
            result.failure = error is ProbeTimeout ? .timeout : .tls((error as? TLSError)?.fault ?? .closed)
        }
        return result
    }

    private struct ProbeTimeout: Error {}
}

/// What a probe waits for.
private struct Steps: ConnectionSteps {
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
    private let diagnosis: TLSDiagnosis?

    init(_ steps: Steps, _ diagnosis: TLSDiagnosis?) {
        self.steps = steps
        self.diagnosis = diagnosis
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
        steps.fail(by: error, diagnosis, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        steps.failAtEnd(context)
    }
}

/// The steps of a connection that is made to see how far it gets, and the way they end where it gets no further.
protocol ConnectionSteps: Sendable {
    /// Fails the steps that have not been taken.
    func fail(_ error: any Error)
}

extension ConnectionSteps {
    func fail(by error: any Error, _ diagnosis: TLSDiagnosis?, _ context: ChannelHandlerContext) {
        if let diagnosis, !(error is TunnelError) {
            let fault = TLSError(fault: diagnosis.fault(of: error, in: context))
            // That the connection is closed may come first, and why TLS closed it right behind.
            if fault.fault == .closed { context.eventLoop.execute { fail(fault) } } else { fail(fault) }
        } else {
            fail(error)
        }
        context.close(promise: nil)
    }

    func failAtEnd(_ context: ChannelHandlerContext) {
        // In a task of its own, since TLS may be about to say why.
        context.eventLoop.execute { fail(ChannelError.eof) }
    }
}
