internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Ranking

/// One connection to an endpoint: the only handler of its channel besides TLS.
///
/// It knows no HTTP. Bytes and events go to the client connection it serves; while it rests, any byte is one too many.
final class UpstreamConnection: SocketConnection, ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let url: UpstreamURL
    /// Leads to a proxy that forwards requests, not to the endpoint.
    let isForwarded: Bool
    private let diagnosis: TLSDiagnosis?
    private var client: RequestConnection?
    private var failure: FailureKind?
    /// Happy eyeballs may try several channels, each with this handler; the first to be active is the connection.
    private var isActive = false
    private var isAbandoned = false
    private var reads = true
    /// Ready for requests; false while TCP or TLS is being set up.
    private(set) var isEstablished = false
    let opened: NIODeadline
    /// It could not be opened, and that says nothing about the endpoint.
    var failsForLackOfDescriptors = false

    init(
        url: UpstreamURL, tls: UpstreamTLSOptions = .init(), loop: LoopContext, client: RequestConnection,
        now: NIODeadline
    ) {
        self.url = url
        isForwarded = url.isForwarded
        opened = now
        self.client = client
        diagnosis = url.usesTLS ? TLSDiagnosis(url, tls) : nil
        super.init(loop: loop)
    }

    private var usesTLS: Bool { url.usesTLS }
    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: For the client connection

    /// What the proxy says, to which this connection leads and which forwards requests (`isForwarded`), before the endpoint has been heard.
    ///
    /// - Parameter status: of an answer on this connection
    /// - Returns: nil where it is the endpoint's answer
    func refusalByProxy(_ status: Int) -> FailureKind? {
        if status == 407 { return .proxy(.credentialsRefused) }
        return url.isRefusedAgain(status) ? .proxy(.refused(status: status)) : nil
    }

    /// Writes a piece of the request's body; `flush` has to follow.
    func writeBody(_ piece: ByteBuffer, inChunks: Bool) {
        guard inChunks else { return write(piece) }
        loop.output.clear()
        loop.output.writeChunkSize(piece.readableBytes)
        write(loop.output, [0..<piece.readableBytes], of: piece, "\r\n")
    }

    func writeLastChunk() { write(ByteBuffer(staticString: "0\r\n\r\n")) }

    func attach(_ client: RequestConnection) {
        self.client = client
    }

    func detach() {
        client = nil
        resumeReading()
    }

    /// Takes up the reads that were held back while the client could not keep up.
    func resumeReading() {
        guard !reads else { return }
        reads = true
        setReading(true)
    }

    func close() {
        client = nil
        isAbandoned = true
        context?.close(promise: nil)
    }

    /// The other side is gone. What was written must not arrive, should it come back: the request goes another way.
    func abandon() {
        client = nil
        isAbandoned = true
        abortConnection()
    }

    /// TCP could not be set up; there is no channel.
    func connectFailed(_ kind: FailureKind) {
        let client = client
        self.client = nil
        client?.upstreamClosed(self, kind, endsByReset: true)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        if !isActive { self.context = context }
        if context.channel.isActive { becameActive(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        guard context === self.context else { return }
        self.context = nil
        forgetSocket()
    }

    func channelActive(context: ChannelHandlerContext) {
        becameActive(context)
        context.fireChannelActive()
    }

    private func becameActive(_ context: ChannelHandlerContext) {
        guard !isActive, !isAbandoned else {
            if context !== self.context || isAbandoned { context.close(promise: nil) }
            return
        }
        isActive = true
        self.context = context
        if usesTLS {
            client?.upstreamIsHandshaking(self)
        } else {
            established()
        }
    }

    private func established() {
        guard !isEstablished else { return }
        isEstablished = true
        if !usesTLS { openSocket() }
        client?.upstreamIsReady(self)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event {
            established()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        socketRead(buffer)
        if !usesTLS { loop.receive.reclaim(buffer) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        socketReadComplete()
    }

    override func socketRead(_ bytes: ByteBuffer) {
        guard let client else {
            // No request runs here: whatever this is, it must not become the answer of the next one.
            loop.forget(self)
            context?.close(promise: nil)
            return
        }
        client.upstreamRead(self, bytes)
    }

    override func socketReadComplete() {
        client?.upstreamReadComplete()
        guard reads, let client, !client.takesMoreResponse else { return }
        reads = false
        setReading(false)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        client?.upstreamWritabilityChanged(isWritable: context.channel.isWritable)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // That the connection is closed may come first, and why TLS closed it right behind.
        if context === self.context, failure == nil || failure == .tls(.closed) {
            failure = UpstreamFailure.kind(of: error, established: isEstablished, diagnosis, in: context)
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard context === self.context else { return }
        forgetSocket()
        if usesTLS, !isEstablished, failure == nil || failure == .tls(.closed), client != nil {
            // Perhaps TLS is about to say why: its last words to an endpoint that has gone close the channel before that.
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            return context.eventLoop.execute { bound.value.reportEnd() }
        }
        reportEnd()
    }

    private func reportEnd() {
        let client = client
        if !isForwarded, failure?.isRefusalOfTunnel == true, url.learns(from: failure) || url.isForwarded, let client {
            self.client = nil
            return client.upstreamRefusedTunnel(self)
        }
        self.client = nil
        if let client {
            client.upstreamClosed(
                self, failure ?? (usesTLS && !isEstablished ? .tls(.closed) : .closed), endsByReset: failure != nil)
        } else {
            loop.forget(self)
        }
    }
}
