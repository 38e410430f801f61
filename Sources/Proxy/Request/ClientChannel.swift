internal import HTTPWire
internal import NIOCore
internal import NIOPosix
internal import Support

/// The client's side of a connection, and the only handler of its channel: what the client sends is read here, and here it is watched that
/// the client goes on, and the connection is closed.
///
/// What happens to a request is the business of `RequestConnection`, the only class that is built on this one: it overrides what stands
/// under "For the requests". What is done when is decided by `ExchangeStateMachine`: each method tells the machine what has come and
/// performs what it returns.
///
/// Much may happen within one call: a write fails at once, and the next endpoint is asked before the method returns. So each method
/// tells the machine first, and whatever may fail comes last.
class ClientChannel: SocketConnection, ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Requests sent ahead are kept up to here; then reading stops until the running one is answered.
    private static let pipelineLimit = 64 * 1024

    final var machine: ExchangeStateMachine
    final let clientAddress: SocketAddress?
    private final var slot: DeadlineTable.Slot = -1
    /// Part of a head, or requests sent ahead.
    private final var unread = UnreadBytes()
    private final var headReader = RequestHeadReader()
    private final var isProcessing = false
    private final var readsInput = true

    init(loop: LoopContext, clientAddress: SocketAddress?) {
        self.clientAddress = clientAddress
        machine = ExchangeStateMachine(replayLimit: loop.shared.options.replayLimit)
        super.init(loop: loop)
    }

    /// Everything that was read has been understood.
    final var inputIsEmpty: Bool { unread.count == 0 && !isProcessing }

    // MARK: For the requests

    /// Bytes of the request's body that are kept for another endpoint.
    var keptBody: Int { 0 }
    /// The endpoint takes more of the request.
    var upstreamIsWritable: Bool { false }

    /// A head has been read; `loop.requestHead` holds it.
    func requestBegan(_ bytes: UnsafeRawBufferPointer) {}

    /// - Returns: where the bytes of the body end, or begin to belong to none
    func readBody(_ bytes: UnsafeRawBufferPointer, from start: Int, of buffer: ByteBuffer) -> Int { start }

    /// All that is here of the request has been read.
    func requestPaused() {}

    /// The client takes more of the answer.
    func clientTakesMore() {}

    /// Finds out whether the client, which has said FIN, waits for the answer.
    func probeClient() {}

    /// How long the endpoint may take for what is waited for, if that is the endpoint's.
    func endpointTimeout(for wait: ExchangeWait) -> TimeAmount? { nil }

    /// The deadline has passed, and that concerns the running request.
    func requestStalled(_ expiry: ExchangeState.Expiry, now: NIODeadline) {}

    /// The client of a held stream is to hear that something goes on.
    func keepaliveIsDue(now: NIODeadline) {}

    /// Reports the running request, if there is one, and lets go of all that belongs to it.
    func endRequest(_ ending: RequestReport.Ending) {}

    // MARK: Events of the channel

    final func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        openSocket()
        slot = loop.register(self)
        arm(.requestHead)
    }

    final func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        forgetSocket()
        end()
    }

    final func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        received(buffer)
        loop.receive.reclaim(buffer)
        holdInputBack()
    }

    final override func socketRead(_ bytes: ByteBuffer) {
        received(bytes)
        holdInputBack()
    }

    /// No handler behind this one waits for it.
    final func channelReadComplete(context: ChannelHandlerContext) {}

    final func channelWritabilityChanged(context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        if context.channel.isWritable {
            arm(machine.clientCaughtUp(now: now), from: now)
            clientTakesMore()
            if machine.inputStep == .readHead { goOnWithInput() }
        } else {
            arm(machine.clientFellBehind(now: now), from: now)
        }
        context.fireChannelWritabilityChanged()
    }

    final func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        machine.inputClosed()
        inputEnded()
    }

    final func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Before the channel closes, as long as it is known what has not left.
        endRequest(.clientClosed)
        context.close(promise: nil)
    }

    final func channelInactive(context: ChannelHandlerContext) {
        forgetSocket()
        end()
        context.fireChannelInactive()
    }

    /// Lets go of everything; a channel that was never active is only removed.
    private func end() {
        endRequest(.clientClosed)
        guard machine.closed() else { return }
        unread.removeAll()
        loop.unregister(slot)
    }

    // MARK: Deadlines

    final func arm(_ wait: ExchangeWait) {
        if wait != .unchanged { arm(wait, from: .now()) }
    }

    final func arm(_ wait: ExchangeWait, from now: NIODeadline) {
        if wait == .clientTakes { return watchClient(from: now) }
        guard let timeout = loop.shared.waits.timeout(for: wait) ?? endpointTimeout(for: wait) else { return }
        arm(at: machine.deadline(wait, timeout, from: now))
    }

    @inline(__always)
    final func arm(at deadline: NIODeadline) {
        guard machine.state != .closed else { return }
        loop.deadlines.arm(slot, at: deadline)
    }

    /// The client of a held stream hears at this time that something goes on, unless it has got something by then.
    final func armKeepalive(at due: NIODeadline) {
        guard machine.state != .closed else { return }
        loop.keepalives.arm(slot, at: due)
    }

    /// Gives the client, which is behind, time until it has taken something.
    final func watchClient(from now: NIODeadline) {
        let isBehind = !machine.client.isWritable || queuedByteCount > 0
        machine.client.watch(unacknowledged: isBehind ? unacknowledgedByteCount : nil, now: now)
        arm(at: now + loop.shared.waits.progress)
    }

    private func clientGetsOn(now: NIODeadline) -> Bool {
        let next = machine.client.getsOn(
            unacknowledged: unacknowledgedByteCount, patience: loop.shared.waits.progress, now: now)
        guard let next else { return false }
        arm(at: next)
        return true
    }

    final func deadlineExpired(now: NIODeadline) {
        perform(machine.deadlineExpired(upstreamIsWritable: upstreamIsWritable), now: now)
    }

    final func perform(_ expiry: ExchangeState.Expiry, now: NIODeadline) {
        switch expiry {
        case .nothing: break
        case .close: context?.close(promise: nil)
        case .closeUnlessClientGetsOn: if !clientGetsOn(now: now) { context?.close(promise: nil) }
        case .abortUnlessClientGetsOn: if !clientGetsOn(now: now) { abort(.clientTimeout) }
        case .refuseSlowHead:
            refuse(
                LocalAnswer(status: 408, message: "the request did not arrive in time"),
                api: unread.withUnsafeReadableBytes { RequestAPI(ofBrokenHead: $0) })
        case .lookAtConnection, .failUpstream, .answerSlowBody, .chooseAgain: requestStalled(expiry, now: now)
        }
    }

    // MARK: Input

    final var takesMoreInput: Bool {
        switch machine.inputLimit {
        case .none: true
        case .nothing: false
        case .pipeline: unread.count < Self.pipelineLimit
        case .replay: keptBody < machine.replayLimit
        case .upstream: upstreamIsWritable
        }
    }

    private func holdInputBack() {
        guard readsInput, !takesMoreInput else { return }
        readsInput = false
        setReading(false)
    }

    /// Takes up reads that were held back.
    final func resumeInput() {
        guard !readsInput, takesMoreInput else { return }
        readsInput = true
        setReading(true)
    }

    private func received(_ buffer: ByteBuffer) {
        if machine.discardsInput {
            if let deadline = machine.sentWhileLingering(now: .now()) { arm(at: deadline) }
            return
        }
        if !inputIsEmpty {
            unread.append(buffer)
            if !isProcessing { processInput() }
            return
        }
        let used = process(buffer)
        if used < buffer.readableBytes, !machine.discardsInput { unread.keep(buffer, behind: used) }
    }

    /// Goes on with what was read before.
    private func processInput() {
        guard !isProcessing, unread.count > 0 else { return }
        let taken = unread.take()
        let used = process(taken)
        if !machine.discardsInput { unread.putBack(taken, behind: used) }
    }

    /// - Returns: how many bytes were understood.
    private func process(_ buffer: ByteBuffer) -> Int {
        isProcessing = true
        defer { isProcessing = false }
        return buffer.withUnsafeReadableBytes { bytes in
            var offset = 0
            while true {
                switch machine.inputStep {
                case .readHead:
                    guard offset < bytes.count else {
                        // Answered without waiting for an endpoint.
                        arm(.nextRequest)
                        return offset
                    }
                    guard let length = readHead(bytes.slice(offset..<bytes.count)) else { return offset }
                    offset += length
                case .readBody:
                    offset = readBody(bytes, from: offset, of: buffer)
                    requestPaused()
                    if machine.inputStep == .readBody { return offset }
                case .waitForAnswer:
                    requestPaused()
                    if machine.inputStep == .waitForAnswer { return offset }
                case .waitForClient: return offset
                case .discard: return bytes.count
                }
            }
        }
    }

    /// Takes up what was read, or may be read, behind an answer.
    private func goOnWithInput() {
        processInput()
        if machine.inputIsClosed, !isProcessing { inputEnded() }
        resumeInput()
    }

    /// The client has said FIN, and what it sent before has been read.
    private func inputEnded() {
        switch machine.inputEnded(inputIsEmpty: unread.count == 0) {
        case .nothing: break
        case .finish: closeAfterWrites()
        case .close: context?.close(promise: nil)
        case .abort: abort(.clientClosed)
        case .probe: probeClient()
        }
    }

    // MARK: Heads of requests

    /// - Returns: its length; nil where nothing more is to be read for now
    private func readHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
        switch headReader.read(bytes, isContinued: machine.state == .readingHead, on: loop) {
        case .head(let length):
            if ReservedPath.contains(bytes.slice(loop.requestHead.pathAndQuery)) {
                if answerHealthCheck(bytes) { return length }
                if handOver(bytes) { return nil }
            }
            guard let folded = RequestHeadReader.folded(bytes.slice(0..<length), on: loop) else {
                requestBegan(bytes.slice(0..<length))
                return length
            }
            folded.withUnsafeBytes { begin(folded: $0) }
            return length
        case .incomplete: arm(machine.headIsIncomplete())
        case .broken(let error):
            // Load balancers that say HTTP/1.1 without a Host are many, and there is nothing here that it could change.
            if error != .missingHost || !answerHealthCheck(bytes) { refuseHead(error, bytes) }
        }
        return nil
    }

    private func begin(folded bytes: UnsafeRawBufferPointer) {
        guard (try? loop.requestHead.parse(bytes, limits: loop.shared.options.limits)) == bytes.count else {
            return refuseHead(.malformedRequestLine, bytes)
        }
        requestBegan(bytes)
    }

    private func refuseHead(_ error: RequestHeadError, _ bytes: UnsafeRawBufferPointer) {
        refuse(LocalAnswer(status: error.status, message: error.reason), api: RequestAPI(ofBrokenHead: bytes))
    }

    /// Answers what could not be understood as a request. The place in the stream is lost with it.
    ///
    /// - Parameter api: the one that was asked, as far as that was understood
    private func refuse(_ refusal: LocalAnswer, api: RequestAPI) {
        loop.events.clientRejected(
            ClientRejection(
                clientAddress: clientAddress?.ipAddress ?? "", status: refusal.status, reason: refusal.message))
        write(refusal.render(api: api, requestID: "", closes: true, minorVersion: 1, omitsBody: false))
        closeAfterWrites()
    }

    // MARK: Requests for Podium itself

    /// Answers a question about Podium's health here and now: it takes none of the few places of those who administer Podium.
    ///
    /// - Parameter bytes: everything read from the request's first byte on; `loop.requestHead` holds its head
    /// - Returns: whether it was one. Then the connection ends with the answer.
    private func answerHealthCheck(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let responder = loop.shared.health, let check = HealthCheck(loop.requestHead, bytes) else { return false }
        write(check.response(responder, date: loop.dateText()))
        closeAfterWrites()
        return true
    }

    /// Requests for Podium itself leave the data path: the channel gets other handlers, which begin with the request's head.
    ///
    /// - Parameter bytes: everything read from the request's first byte on.
    /// - Returns: whether a handler took it. Then this connection is over, though the channel lives on.
    private func handOver(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let context, let responder = loop.shared.administration else { return false }
        let channel = context.channel
        // A copy: the buffer goes back to the loop.
        let request = channel.allocator.buffer(bytes: bytes)
        flushNow()
        end()
        forgetSocket()
        do {
            try channel.syncOptions?.setOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator())
            try responder(channel)
        } catch {
            channel.close(promise: nil)
            return true
        }
        channel.pipeline.syncOperations.removeHandler(self, promise: nil)
        channel.pipeline.fireChannelRead(request)
        channel.pipeline.fireChannelReadComplete()
        if machine.inputIsClosed { channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        if !readsInput { try? channel.syncOptions?.setOption(.autoRead, value: true) }
        return true
    }

    // MARK: Ends

    /// Goes on with the next request, or closes.
    final func goOn(_ next: ExchangeStateMachine.Next, at end: Moment) {
        switch next {
        case .nothing: break
        case .finish: closeAfterWrites()
        case .goOn:
            flush()
            arm(machine.waitWhenIdle(inputIsEmpty: inputIsEmpty), from: end.deadline)
            guard machine.state == .idle else { return }
            goOnWithInput()
        }
    }

    /// Ends what is going on without another word to the client.
    final func abort(_ ending: RequestReport.Ending) {
        if machine.breaksByReset { resetOnClose() }
        flushNow()
        endRequest(ending)
        context?.close(promise: nil)
    }

    /// Sends what is written, says FIN, and waits for the client to close.
    final func closeAfterWrites() {
        guard machine.finishes() else { return }
        unread.removeAll()
        watchClient(from: .now())
        flushNow()
        whenWritten { channel, _ in channel.everythingIsWritten() }
        resumeInput()
    }

    private func everythingIsWritten() {
        switch machine.flushed(isStopping: loop.shared.isDraining, now: .now()) {
        case .nothing: break
        case .close: context?.close(promise: nil)
        case .linger(let deadline):
            arm(at: deadline)
            context?.close(mode: .output, promise: nil)
        }
    }

    /// Calls `body` when the kernel has taken everything that was written, or never will.
    final func whenWritten(_ body: @escaping (_ channel: ClientChannel, _ wasTaken: Bool) -> Void) {
        guard let context else { return }
        let written = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound((self, body), eventLoop: context.eventLoop)
        written.futureResult.whenComplete { result in
            let (channel, body) = bound.value
            if case .success = result { body(channel, true) } else { body(channel, false) }
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    /// While Podium stops: closes a connection on which nothing is going on, and soon one on which no answer can be expected any more.
    final func closeUnlessServed() {
        switch machine.stops(hasUnsentBytes: hasUnsentBytes(afterWriting: 0), now: .now()) {
        case .nothing: break
        case .wait(let deadline): arm(at: deadline)
        case .close: context?.close(promise: nil)
        case .finish: closeAfterWrites()
        }
    }
}

/// Reads the heads of a client's requests into `loop.requestHead`.
///
/// `ClientConnection` has one for its connection. A head that comes in pieces is looked through for its end once, and parsed when all of
/// it is here.
struct RequestHeadReader {
    private var scanner = HeadEndScanner()

    enum Finding {
        case incomplete
        case broken(RequestHeadError)
        /// `loop.requestHead` holds it.
        case head(length: Int)
    }

    /// - Parameter isContinued: these bytes were incomplete before
    mutating func read(_ bytes: UnsafeRawBufferPointer, isContinued: Bool, on loop: LoopContext) -> Finding {
        let limits = loop.shared.options.limits
        if isContinued {
            switch scanner.scan(bytes, limits: limits) {
            case .needsMore: return .incomplete
            case .end: break
            case .bareLineFeed: return .broken(.bareLineFeed)
            case .startLineTooLong: return .broken(.requestLineTooLong)
            case .headTooLarge: return .broken(.headTooLarge)
            }
        }
        loop.requestHeadOwner = 0
        do {
            if let length = try loop.requestHead.parse(bytes, limits: limits) { return .head(length: length) }
        } catch {
            return .broken(error)
        }
        if !isContinued { scanner = HeadEndScanner() }
        return .incomplete
    }

    /// The same head with its path in order; nil where it is already.
    static func folded(_ bytes: UnsafeRawBufferPointer, on loop: LoopContext) -> [UInt8]? {
        let target = loop.requestHead.pathAndQuery
        loop.requestPathIsPlain = false
        loop.requestPathEnd = nil
        guard loop.requestHead.targetForm == .origin || loop.requestHead.targetForm == .absolute else { return nil }
        let (length, isPlain) = RequestPath.scan(bytes.slice(target))
        let end = target.lowerBound + length
        loop.requestPathEnd = end
        loop.requestPathIsPlain = isPlain
        let path = bytes.slice(target.lowerBound..<end)
        guard let folded = RequestPath.folded(path, isPlain: loop.requestPathIsPlain) else { return nil }
        loop.requestPathIsPlain = false
        loop.requestPathEnd = nil
        return bytes.prefix(target.lowerBound) + folded + bytes.dropFirst(target.lowerBound + path.count)
    }
}
