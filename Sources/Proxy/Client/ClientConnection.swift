internal import HTTPWire
internal import NIOCore
internal import Ranking

/// One client connection and the request that runs on it: the only handler of its channel.
///
/// Reading requests is in `+Requests`, walking the endpoints in `+Attempts`, passing the answer in `+Responses`,
/// what the proxy says itself in `+Answers`.
final class ClientConnection: SocketConnection, ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Between requests, nothing read.
        case resting
        /// Part of a head has been read.
        case head
        /// The head has been read, the body not to its end.
        case body
        /// The request has been read to its end.
        case responding
        /// Everything has been said; what still comes is thrown away until the client closes.
        case lingering
        case closed
    }

    enum ResponsePhase {
        case none
        case connecting
        case handshaking
        case awaitingHead
        /// The head is here; nothing of it has gone to the client.
        case held
        case streaming
        /// The answer is complete; the kernel has not taken all of it.
        case delivering
    }

    let clientAddress: SocketAddress?
    /// For `X-Forwarded-For`.
    let clientAddressText: [UInt8]
    private var slot: DeadlineTable.Slot = -1

    var phase = Phase.resting
    /// Read but not yet understood: part of a head, or requests sent ahead.
    var input = ByteBuffer()
    var headScanner = HeadEndScanner()
    var isProcessing = false
    var inputIsClosed = false
    /// While lingering, once the kernel has taken all of it: when our patience with what still comes ends.
    var lingersUntil: NIODeadline?
    private(set) var readsInput = true

    var request = CurrentRequest()
    var lifecycle = RequestLifecycle()
    var bodyReader = BodyReader(.none)
    var replay = ReplayBuffer()
    var needsDispatch = false

    var attempt: CurrentAttempt?
    var unproven = UnprovenConnection()
    var upstream: UpstreamConnection?
    var responsePhase = ResponsePhase.none
    /// When bytes of the response came last.
    var lastResponseRead = NIODeadline.uptimeNanoseconds(0)
    var response = CurrentResponse()
    var isWritable = true
    /// While the client is behind: what it had not acknowledged when it was looked at last, and when it last took something.
    private var backlog: (bytes: Int, since: NIODeadline)?
    private var blockedSince: NIODeadline?

    init(loop: LoopContext, clientAddress: SocketAddress?) {
        self.clientAddress = clientAddress
        clientAddressText = Array((clientAddress?.ipAddress ?? "unknown").utf8)
        super.init(loop: loop)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        openSocket()
        slot = loop.register(self)
        arm(loop.shared.waits.header, from: .now())
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        forgetSocket()
        end()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        received(buffer)
        loop.receive.giveBack(buffer)
        holdInputBack()
    }

    override func socketRead(_ bytes: ByteBuffer) {
        received(bytes)
        holdInputBack()
    }

    /// Nobody behind this handler waits for it.
    func channelReadComplete(context: ChannelHandlerContext) {}

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
            noteHoldUp()
            if responsePhase == .streaming { armStreamIdle(from: .now()) }
            upstream?.resumeReading()
            if phase == .resting { arm(loop.shared.waits.idle, from: .now()) }
            if phase == .resting || phase == .head { goOnWithInput() }
        } else if responsePhase == .streaming || phase == .resting {
            let now = NIODeadline.now()
            blockedSince = now
            watchClient(from: now)
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        inputIsClosed = true
        inputEnded()
    }

    /// The client has said FIN and nothing of what it said before is left.
    var clientHasFinished: Bool { inputIsClosed && !isProcessing && input.readableBytes == 0 }

    /// A client that has said FIN may still wait for answers, but what it left unfinished stays so.
    func inputEnded() {
        // Requests that wait until the client takes the answers before them.
        if phase == .resting || phase == .head, !isWritable, input.readableBytes > 0 { return }
        switch phase {
        case .closed: break
        case .responding where request.isRunning && responsePhase != .delivering: clientMayListen()
        case .body where responsePhase == .delivering: break
        case .responding: break
        case .resting: closeAfterWrites()
        case .lingering: if lingersUntil != nil { context?.close(promise: nil) }
        case .head, .body: abort(.clientClosed)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // While it is known what has not left.
        endRequest(.clientClosed)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        forgetSocket()
        end()
        context.fireChannelInactive()
    }

    /// Lets go of a channel that others take over between two requests.
    func leave() { end() }

    /// Lets go of everything; a channel that was never active is only removed.
    private func end() {
        guard phase != .closed else { return }
        endRequest(.clientClosed)
        phase = .closed
        input = ByteBuffer()
        loop.unregister(slot)
    }

    // MARK: Back-pressure

    private func holdInputBack() {
        guard readsInput, !takesMoreInput else { return }
        readsInput = false
        setReading(false)
    }

    /// Takes up reads that were held back.
    func resumeInput() {
        guard !readsInput, takesMoreInput else { return }
        readsInput = true
        setReading(true)
    }

    // MARK: Deadlines

    func arm(_ wait: TimeAmount, from now: NIODeadline) {
        guard phase != .closed else { return }
        loop.deadlines.arm(slot, at: now + wait)
    }

    /// Gives the client, which is behind, time until it has taken something.
    func watchClient(from now: NIODeadline) {
        backlog = isWritable && queuedByteCount == 0 ? nil : (unacknowledgedByteCount, now)
        arm(loop.shared.waits.progress, from: now)
    }

    /// Whether the client still takes what it has been sent, however slowly. The kernel asks for more in large steps only, so
    /// what the client's system has acknowledged counts.
    private func clientGetsOn(now: NIODeadline) -> Bool {
        let bytes = unacknowledgedByteCount
        guard bytes > 0 else { return false }
        let patience = loop.shared.waits.progress
        guard let last = backlog, bytes >= last.bytes else {
            backlog = (bytes, now)
            arm(.nanoseconds(patience.nanoseconds / 8), from: now)
            return true
        }
        guard now < last.since + patience else { return false }
        arm(.nanoseconds(patience.nanoseconds / 8), from: now)
        return true
    }

    /// An endpoint whose answer the client has kept waiting for long may give up before the client goes on.
    private func noteHoldUp() {
        guard let since = blockedSince.take(), responsePhase == .streaming, NIODeadline.now() - since >= .seconds(1)
        else { return }
        attempt?.wasHeldUp = true
    }

    func deadlineExpired(now: NIODeadline) {
        switch phase {
        case .resting, .lingering:
            if !clientGetsOn(now: now) { context?.close(promise: nil) }
        case .closed:
            context?.close(promise: nil)
        case .head:
            refuse(
                LocalAnswer(status: 408, message: "the request did not arrive in time"),
                api: input.withUnsafeReadableBytes { RequestAPI(ofBrokenHead: $0) })
        case .body, .responding:
            if !lookedAtUpstream(now: now) { requestStalled(now: now) }
        }
    }

    /// Nothing has moved for as long as the present step may take: find who is to blame.
    private func requestStalled(now: NIODeadline) {
        switch responsePhase {
        case .connecting, .handshaking: upstreamFailed(.timeout)
        case .delivering: if !clientGetsOn(now: now) { abort(.clientTimeout) }
        case .streaming where !isWritable: if !clientGetsOn(now: now) { abort(.clientTimeout) }
        case .streaming: upstreamFailed(.timeout)
        case .none, .awaitingHead, .held:
            if phase == .responding || upstream?.isWritable == false {
                upstreamFailed(.timeout)
            } else {
                clientStalled()
            }
        }
    }

    // MARK: Ending

    /// While Podium stops: closes a connection on which nothing is going on, and soon one on which nobody may expect an answer
    /// any more.
    func closeUnlessServed() {
        let now = NIODeadline.now()
        switch phase {
        case .resting:
            // The end of an answer may still wait for its client.
            if hasUnsentBytes(afterWriting: 0) { closeAfterWrites() } else { context?.close(promise: nil) }
        case .head: arm(Self.patienceWhileStopping, from: now)
        case .lingering where lingersUntil != nil:
            lingersUntil = now + Self.patienceWhileStopping
            arm(Self.patienceWhileStopping, from: now)
        case .body, .responding, .lingering, .closed: break
        }
    }

    /// How long half a request, and a client that has its answer and does not close, hold up a stop. A head comes in one piece,
    /// and an answer that the kernel has taken is on its way.
    static let patienceWhileStopping = TimeAmount.milliseconds(300)

    /// Ends what is going on without another word to the client.
    func abort(_ ending: RequestReport.Ending) {
        if responsePhase == .streaming || responsePhase == .delivering, response.framing == .untilClose {
            resetOnClose()
        }
        flushNow()
        endRequest(ending)
        context?.close(promise: nil)
    }
}
