internal import HTTPWire
internal import NIOCore
internal import NIOPosix
internal import Ranking
internal import Support

/// One client connection and the request that runs on it: the only handler of its channel.
///
/// It reads, parses, writes and arms deadlines. What is done when is decided by `ExchangeStateMachine`: each method tells the machine
/// what has come and performs what it returns. The sections follow the way of a request: input, an endpoint, the answer, the end.
///
/// Much may happen within one call: a write fails at once, and the next endpoint is asked before the method returns. So each method
/// tells the machine first, and whatever may fail comes last.
final class ClientConnection: SocketConnection, ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Requests sent ahead are kept up to here; then reading stops until the running one is answered.
    private static let pipelineLimit = 64 * 1024
    /// Bodies up to here are kept behind their head instead of in a buffer of their own.
    private static let inlineBodyLimit = 8 * 1024
    /// From this size on, data is sent from where it lies instead of being copied next to its neighbours.
    private static let gatherThreshold = 16 * 1024

    private let clientAddress: SocketAddress?
    /// For `X-Forwarded-For`.
    private let clientAddressText: [UInt8]
    private var slot: DeadlineTable.Slot = -1
    private var machine: ExchangeStateMachine

    /// Read but not yet understood: part of a head, or requests sent ahead.
    private var input = ByteBuffer()
    private var headScanner = HeadEndScanner()
    private var isProcessing = false
    private var readsInput = true

    private var request = CurrentRequest()
    private var bodyReader = BodyReader(.none)
    private var replay = ReplayBuffer()

    private var attempt: CurrentAttempt?
    private var unproven = UnprovenConnection()
    private var upstream: UpstreamConnection?
    private var response = CurrentResponse()
    /// When bytes of the response came last.
    private var lastResponseRead = NIODeadline.uptimeNanoseconds(0)

    init(loop: LoopContext, clientAddress: SocketAddress?) {
        self.clientAddress = clientAddress
        clientAddressText = Array((clientAddress?.ipAddress ?? "unknown").utf8)
        machine = ExchangeStateMachine(replayLimit: loop.shared.options.replayLimit)
        super.init(loop: loop)
    }

    var isCommitted: Bool { machine.isCommitted }
    /// Bytes of the request's body that are kept for another endpoint.
    var keptBody: Int { replay.count + request.inlineBodyLength }
    private var inputIsEmpty: Bool { input.readableBytes == 0 && !isProcessing }
    private var upstreamIsWritable: Bool { upstream?.isWritable ?? false }
    /// The endpoint has taken all that the client has sent so far, and the client is not done.
    @inline(__always)
    private var isUploadAwaited: Bool { machine.isUploading && upstreamIsWritable }

    // MARK: Events of the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        openSocket()
        slot = loop.register(self)
        arm(.requestHead)
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

    /// No handler behind this one waits for it.
    func channelReadComplete(context: ChannelHandlerContext) {}

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        if context.channel.isWritable {
            arm(machine.clientCaughtUp(now: now), from: now)
            upstream?.resumeReading()
            if machine.inputStep == .readHead { goOnWithInput() }
        } else {
            arm(machine.clientFellBehind(now: now), from: now)
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        machine.inputClosed()
        inputEnded()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Before the channel closes, as long as it is known what has not left.
        endRequest(.clientClosed)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        forgetSocket()
        end()
        context.fireChannelInactive()
    }

    /// Lets go of everything; a channel that was never active is only removed.
    private func end() {
        endRequest(.clientClosed)
        guard machine.closed() else { return }
        input = ByteBuffer()
        loop.unregister(slot)
    }

    // MARK: Deadlines

    private func arm(_ wait: ExchangeStateMachine.Wait) {
        if wait != .unchanged { arm(wait, from: .now()) }
    }

    private func arm(_ wait: ExchangeStateMachine.Wait, from now: NIODeadline) {
        switch wait {
        case .unchanged: return
        case .requestHead: arm(at: now + loop.shared.waits.header)
        case .nextRequest: arm(at: now + loop.shared.waits.idle)
        case .requestBody: arm(at: now + loop.shared.waits.progress)
        case .clientTakes: watchClient(from: now)
        case .connect: if let wait = attempt?.upstream.waits.connect { arm(at: now + wait) }
        case .tlsHandshake: if let wait = attempt?.upstream.waits.tlsHandshake { arm(at: now + wait) }
        case .answerHead: if let wait = attempt?.upstream.waits.responseHeader { armForEndpoint(wait, from: now) }
        case .upload: if let wait = attempt?.upstream.waits.streamIdle { armForEndpoint(wait, from: now) }
        case .answerBody: if let wait = attempt?.upstream.waits.streamIdle { arm(at: now + wait) }
        }
    }

    /// Where an idle connection took the request, a look at it comes before the endpoint's time is over.
    private func armForEndpoint(_ patience: TimeAmount, from now: NIODeadline) {
        arm(at: machine.endpointDeadline(patience, from: now))
    }

    @inline(__always)
    private func arm(at deadline: NIODeadline) {
        guard machine.state != .closed else { return }
        loop.deadlines.arm(slot, at: deadline)
    }

    /// Gives the client, which is behind, time until it has taken something.
    private func watchClient(from now: NIODeadline) {
        let isBehind = !machine.isWritable || queuedByteCount > 0
        machine.watchesClient(unacknowledged: isBehind ? unacknowledgedByteCount : nil, now: now)
        arm(at: now + loop.shared.waits.progress)
    }

    private func clientGetsOn(now: NIODeadline) -> Bool {
        let next = machine.clientGetsOn(
            unacknowledged: unacknowledgedByteCount, patience: loop.shared.waits.progress, now: now)
        guard let next else { return false }
        arm(at: next)
        return true
    }

    func deadlineExpired(now: NIODeadline) {
        perform(machine.deadlineExpired(upstreamIsWritable: upstreamIsWritable), now: now)
    }

    private func perform(_ expiry: ExchangeStateMachine.Expiry, now: NIODeadline) {
        switch expiry {
        case .nothing: break
        case .close: context?.close(promise: nil)
        case .closeUnlessClientGetsOn: if !clientGetsOn(now: now) { context?.close(promise: nil) }
        case .abortUnlessClientGetsOn: if !clientGetsOn(now: now) { abort(.clientTimeout) }
        case .refuseSlowHead:
            refuse(
                LocalAnswer(status: 408, message: "the request did not arrive in time"),
                api: input.withUnsafeReadableBytes { RequestAPI(ofBrokenHead: $0) })
        case .lookAtConnection: lookAtConnection(now: now)
        case .failUpstream: upstreamFailed(.timeout)
        case .answerSlowBody:
            dropUpstream()
            finishAttempt(.neutral)
            answer(LocalAnswer(status: 408, message: "the request body did not arrive in time"))
        }
    }

    private func lookAtConnection(now: NIODeadline) {
        guard let attempt, let upstream else { return }
        let confirmsNothing = upstream.confirmsNothing(
            of: unproven.bytesSent, isExact: !attempt.url.usesTLS && !machine.sendsChunks,
            writtenBefore: now - unproven.headWritten)
        switch machine.looked(confirmsNothing: confirmsNothing, now: now) {
        case .wait(let deadline): arm(at: deadline)
        case .stalled: perform(machine.stalled(upstreamIsWritable: upstreamIsWritable), now: now)
        case .retryOnFreshConnection:
            self.upstream = nil
            upstream.abandon()
            // Those that are idle go the same way, and would cost the next requests as much.
            loop.closeIdle(to: upstream.url)
            retryOnFreshConnection()
        }
    }

    // MARK: Input

    var takesMoreInput: Bool {
        switch machine.inputLimit {
        case .none: true
        case .nothing: false
        case .pipeline: input.readableBytes < Self.pipelineLimit
        case .replay: keptBody < loop.shared.options.replayLimit
        case .upstream: upstreamIsWritable
        }
    }

    private func holdInputBack() {
        guard readsInput, !takesMoreInput else { return }
        readsInput = false
        setReading(false)
    }

    /// Takes up reads that were held back.
    private func resumeInput() {
        guard !readsInput, takesMoreInput else { return }
        readsInput = true
        setReading(true)
    }

    private func received(_ buffer: ByteBuffer) {
        if machine.discardsInput {
            if let deadline = machine.sentWhileLingering(now: .now()) { arm(at: deadline) }
            return
        }
        if input.readableBytes > 0 || isProcessing {
            input.writeImmutableBuffer(buffer)
            if !isProcessing { processInput() }
            return
        }
        let consumed = process(buffer)
        if consumed < buffer.readableBytes, !machine.discardsInput {
            var rest = buffer
            rest.moveReaderIndex(forwardBy: consumed)
            // A copy: the buffer goes back to the loop.
            input.clear()
            input.writeImmutableBuffer(rest)
        }
    }

    /// Goes on with what was read before.
    private func processInput() {
        guard !isProcessing, input.readableBytes > 0 else { return }
        var taken = ByteBuffer()
        swap(&taken, &input)
        let consumed = process(taken)
        guard !machine.discardsInput else { return }
        taken.moveReaderIndex(forwardBy: consumed)
        guard taken.readableBytes > 0 else { return }
        taken.discardReadBytes()
        if input.readableBytes > 0 { taken.writeImmutableBuffer(input) }
        input = taken
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
                    dispatchIfNeeded()
                    if machine.inputStep == .readBody { return offset }
                case .waitForAnswer:
                    dispatchIfNeeded()
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
        switch machine.inputEnded(inputIsEmpty: input.readableBytes == 0) {
        case .nothing: break
        case .finish: closeAfterWrites()
        case .close: context?.close(promise: nil)
        case .abort: abort(.clientClosed)
        case .probe: probeClient()
        }
    }

    /// Finds out whether the client, which has said FIN, waits for the answer: it may have gone, or only have nothing more to ask.
    ///
    /// - Returns: whether the request goes on
    @discardableResult
    private func probeClient() -> Bool {
        switch machine.probe(loop.routing.halfClose) {
        case .nothing: return true
        case .abort:
            abort(.clientClosed)
            return false
        case .sendComment: if response.eventPosition.place == .betweenEvents { _ = writeIntoStream(":\n\n") }
        case .sendContinue: write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
        }
        flush()
        return machine.state.isRunning
    }

    // MARK: The request's head

    private func readHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let limits = loop.shared.options.limits
        if machine.state == .readingHead {
            switch headScanner.scan(bytes, limits: limits) {
            case .needsMore: return nil
            case .end: break
            case .bareLineFeed: return refuseHead(.bareLineFeed, bytes)
            case .startLineTooLong: return refuseHead(.requestLineTooLong, bytes)
            case .headTooLarge: return refuseHead(.headTooLarge, bytes)
            }
        }
        loop.requestHeadOwner = 0
        do {
            if let length = try loop.requestHead.parse(bytes, limits: limits) {
                if ReservedPath.contains(bytes.slice(loop.requestHead.pathAndQuery)) {
                    if answerHealthCheck(bytes) { return length }
                    if handOver(bytes) { return nil }
                }
                if let folded = foldedHead(bytes.slice(0..<length)) {
                    folded.withUnsafeBytes { begin(folded: $0) }
                } else {
                    begin(bytes.slice(0..<length))
                }
                return length
            }
        } catch {
            // Load balancers that say HTTP/1.1 without a Host are many, and there is nothing here that it could change.
            if error == .missingHost, answerHealthCheck(bytes) { return nil }
            return refuseHead(error, bytes)
        }
        if machine.state == .idle { headScanner = HeadEndScanner() }
        arm(machine.headIsIncomplete())
        return nil
    }

    /// The same head with its path in order; nil where it is already.
    private func foldedHead(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
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

    private func begin(folded bytes: UnsafeRawBufferPointer) {
        guard (try? loop.requestHead.parse(bytes, limits: loop.shared.options.limits)) == bytes.count else {
            _ = refuseHead(.malformedRequestLine, bytes)
            return
        }
        begin(bytes)
    }

    private func refuseHead(_ error: RequestHeadError, _ bytes: UnsafeRawBufferPointer) -> Int? {
        refuse(LocalAnswer(status: error.status, message: error.reason), api: RequestAPI(ofBrokenHead: bytes))
        return nil
    }

    /// A head has been read; `loop.requestHead` holds it.
    private func begin(_ bytes: UnsafeRawBufferPointer) {
        let now = NIODeadline.now()
        let serial = loop.nextSerial()
        request.begin(bytes, serial: serial, now: now)
        loop.requestHeadOwner = serial
        response.reset()
        loop.learnRouting()
        request.table = loop.routing.table
        let admission = RequestAdmission(bytes, on: loop, of: &request)
        let path = request.pathRange
        if RequestAdmission.isToldToUseHTTP(path: path, bytes, on: loop) {
            let answer = LocalAnswer(status: 426, message: "WebSocket is not served here; use HTTP streaming")
            write(answer.render(api: .openAI, requestID: "", closes: true, minorVersion: 1, omitsBody: false))
            return closeAfterWrites()
        }
        machine.requestBegan(keepsAlive: loop.requestHead.keepsAlive, isHTTP11: request.minorVersion == 1)
        bodyReader = BodyReader(request.framing)
        loop.requestStarted()
        if let refusal = admission.refusal(
            path: path, hops: request.hops, hasOrigin: request.origin != nil, bytes, on: loop)
        {
            answer(refusal)
        }
    }

    // MARK: The request's body

    @inline(__always)
    private func readBody(_ bytes: UnsafeRawBufferPointer, from start: Int, of buffer: ByteBuffer) -> Int {
        var offset = start
        do {
            while !bodyReader.isComplete {
                switch try bodyReader.next(bytes, at: &offset, limits: loop.shared.options.limits) {
                case .data(let range): acceptBody(bytes.slice(range), range, of: buffer)
                case .needsMore:
                    bodyPaused(gotBytes: offset > start)
                    return offset
                case .end: break
                }
                if machine.inputStep != .readBody { return offset }
            }
        } catch {
            bodyBroke()
            return offset
        }
        bodyCompleted()
        return offset
    }

    private func acceptBody(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, of buffer: ByteBuffer) {
        request.bytesUp += range.count
        switch machine.bodyRead(range.count, kept: keptBody) {
        case .keep: keepBody(bytes, range, of: buffer)
        case .keepAndSend:
            keepBody(bytes, range, of: buffer)
            sendBody(range, of: buffer)
        case .dropKeptAndSend:
            replay.removeAll()
            sendBody(range, of: buffer)
        case .send: sendBody(range, of: buffer)
        case .discard: break
        }
    }

    private func keepBody(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, of buffer: ByteBuffer) {
        if replay.count == 0, request.inlineBodyLength + range.count <= Self.inlineBodyLimit {
            request.bytes.append(bytes)
        } else if let slice = buffer.getSlice(at: buffer.readerIndex + range.lowerBound, length: range.count) {
            replay.append(slice)
        }
    }

    /// Everything that was read has been dealt with, and the body goes on.
    private func bodyPaused(gotBytes: Bool) {
        if machine.owesContinue, loop.requestHeadOwner == request.serial, loop.requestHead.expectsContinue,
            request.bytesUp == 0
        {
            write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
            flush()
        }
        arm(machine.bodyPaused(gotBytes: gotBytes, upstreamIsWritable: upstreamIsWritable))
        // Last: the write may fail at once and another attempt begin.
        if machine.state.isFlowing { upstream?.flush() }
    }

    private func bodyCompleted() {
        guard machine.bodyCompleted() else { return }
        if machine.sendsChunks { sendLastChunk() }
        // The time that the client took is not the endpoint's.
        if !machine.sawAnswer { attempt?.requestWritten = .now() }
        arm(machine.waitAfterRequest)
        // Last: the write may fail at once and another attempt begin.
        upstream?.flush()
    }

    private func bodyBroke() {
        dropUpstream()
        finishAttempt(.neutral)
        switch machine.bodyBroke() {
        case .abort: abort(.clientClosed)
        case .answerBadRequest: answer(LocalAnswer(status: 400, message: "malformed chunked body"))
        }
    }

    // MARK: Choosing an endpoint

    private func dispatchIfNeeded() {
        guard machine.state == .received else { return }
        machine.choosingBegan()
        // Dispatched in the call that read the head.
        tryNextEndpoint(now: request.started)
    }

    /// Goes to the next endpoint of the routing table that serves this API, or gives up.
    ///
    /// - Parameter now: where the caller has just read the clock
    private func tryNextEndpoint(now: NIODeadline? = nil) {
        guard let table = request.table else { return }
        while request.nextCandidate < table.candidates.count {
            let target = table.candidates[request.nextCandidate].upstream
            let gate = table.candidates[request.nextCandidate].gate
            request.nextCandidate += 1
            guard let url = target.url(for: request.api) else { continue }
            if let api = request.openAIAPI, target.lacks == api {
                request.wasSkipped = true
                continue
            }
            request.foundURL = true
            if gate == .probation {
                switch machine.halfOpenEndpoint(kept: keptBody) {
                case .waitForBody:
                    request.nextCandidate -= 1
                    arm(machine.waitsForBody())
                    return resumeInput()
                case .skipIfOthersAreLeft: if request.hasNextCandidate { continue }
                case .ask: guard loop.events.admitProbation(target.id) else { continue }
                }
            }
            return startAttempt(target, url, now: now ?? .now())
        }
        request.tellUntold(failedEverywhere: true, loop)
        answer(request.exhaustedAnswer(table, wasOnlyRefused: machine.wasOnlyRefused))
    }

    private func startAttempt(_ target: Upstream, _ url: UpstreamURL, now: NIODeadline) {
        guard !machine.inputIsClosed || probeClient() else { return }
        attempt = CurrentAttempt(upstream: target, url: url, started: now)
        target.load.attemptStarted()
        machine.attemptBegan(request.framing, kept: keptBody)
        if !machine.avoidsIdle, let idle = loop.takeIdle(url, now: now) {
            machine.idleConnectionTaken()
            upstream = idle
            idle.attach(self)
            sendRequest(idle, to: target, url, now: now)
        } else {
            connect(target, url, now: now)
        }
    }

    private func connect(_ target: Upstream, _ url: UpstreamURL, now: NIODeadline) {
        arm(machine.connectionBegan(), from: now)
        // Known before it can fail: a connect may be refused at once, and the next attempt runs within this call.
        let connection = UpstreamConnection(url: url, tls: target.tls, loop: loop, client: self, now: now)
        upstream = connection
        UpstreamConnector.open(connection, of: target, on: loop)
    }

    func upstreamIsHandshaking(_ connection: UpstreamConnection) {
        guard connection === upstream, attempt != nil else { return }
        arm(machine.handshakeBegan())
    }

    func upstreamIsReady(_ connection: UpstreamConnection) {
        guard connection === upstream, let target = attempt?.upstream, let url = attempt?.url else {
            return connection.close()
        }
        sendRequest(connection, to: target, url, now: .now())
    }

    // MARK: Sending the request

    private func sendRequest(
        _ connection: UpstreamConnection, to target: Upstream, _ url: UpstreamURL, now: NIODeadline
    ) {
        let kept = keptBody
        let framing = machine.requestFraming(request.framing, kept: kept)
        writeRequestHead(for: target, url, framing: framing, isForwarded: connection.isForwarded)
        unproven.bytesSent = loop.output.readableBytes + kept
        unproven.headWritten = now
        writeBufferedBody(connection, inChunks: machine.sendsChunks)
        if machine.requestIsComplete { attempt?.requestWritten = now }
        if machine.sendsChunks, machine.requestIsComplete { sendLastChunk() }
        let wait = machine.requestSent(kept: kept)
        if wait == .answerHead {
            armForEndpoint(target.waits.responseHeader, from: now)
        } else {
            arm(wait, from: now)
        }
        if !machine.canReplay { replay.removeAll() }
        connection.flush()
        resumeInput()
    }

    /// Fills `loop.output` with the head this endpoint gets.
    private func writeRequestHead(
        for target: Upstream, _ url: UpstreamURL, framing: BodyFraming, isForwarded: Bool
    ) {
        let linesForProxy = isForwarded ? target.proxyAuthorization(for: url) : nil
        let asksForToken = target.forwardsClientCredential && !loop.routing.tokens.admitsEveryone
        let forwarded = ForwardedRequestHead(
            framing: framing, requestID: request.requestID, hops: request.hops,
            tokens: asksForToken ? loop.routing.tokens : nil, linesForProxy: linesForProxy)
        let bound =
            ForwardedRequestHead.maximumLength(
                headLength: request.headLength, target, url, clientAddress: clientAddressText)
            + request.inlineBodyLength
            + (linesForProxy.map { $0.count + url.authorityBytes.count + 16 } ?? 0)
        let limits = loop.shared.options.limits
        loop.output.clear()
        request.bytes.withUnsafeReadableBytes { all in
            let bytes = all.slice(0..<request.headLength)
            if loop.requestHeadOwner != request.serial {
                // Another request was parsed meanwhile. These bytes have been parsed before, so they parse again.
                guard (try? loop.requestHead.parse(bytes, limits: limits)) == request.headLength else { return }
                loop.requestHeadOwner = request.serial
            }
            loop.output.writeInPlace(atMost: bound) { output in
                var writer = WireWriter(output)
                forwarded.write(
                    &loop.requestHead, bytes, path: request.pathRange, for: target, url,
                    clientAddress: clientAddressText, to: &writer)
                return writer.count
            }
        }
    }

    /// Writes the head from `loop.output` and what there is of the body.
    private func writeBufferedBody(_ connection: UpstreamConnection, inChunks: Bool) {
        let inline = request.inlineBodyLength
        if inline > 0 {
            if inChunks { loop.output.writeChunkSize(inline) }
            request.bytes.withUnsafeReadableBytes { all in
                loop.output.append(all.slice(request.headLength..<all.count))
            }
            if inChunks { loop.output.writeStaticString("\r\n") }
        }
        connection.writeOutput(mayLeaveAtOnce: true)
        replay.forEachSegment { segment in
            if inChunks { writeChunk(segment, to: connection) } else { connection.write(segment) }
        }
    }

    private func writeChunk(_ bytes: ByteBuffer, to connection: UpstreamConnection) {
        loop.output.clear()
        loop.output.writeChunkSize(bytes.readableBytes)
        connection.write(loop.output, [0..<bytes.readableBytes], of: bytes, "\r\n")
    }

    /// Body bytes that come while the request is on its way.
    private func sendBody(_ range: Range<Int>, of buffer: ByteBuffer) {
        guard let upstream,
            let bytes = buffer.getSlice(at: buffer.readerIndex + range.lowerBound, length: range.count)
        else { return }
        unproven.bytesSent += range.count
        if machine.sendsChunks { writeChunk(bytes, to: upstream) } else { upstream.write(bytes) }
    }

    private func sendLastChunk() {
        upstream?.write(ByteBuffer(staticString: "0\r\n\r\n"))
    }

    func upstreamWritabilityChanged(isWritable: Bool) {
        let wait = machine.upstreamWritabilityChanged(isWritable: isWritable)
        guard wait != .unchanged else { return }
        arm(wait)
        if isWritable { resumeInput() }
    }

    // MARK: Failures of the endpoint

    /// - Parameter endsByReset: the end was an error, not a FIN
    func upstreamClosed(_ connection: UpstreamConnection, _ kind: FailureKind, endsByReset: Bool) {
        guard connection === upstream else { return }
        if machine.upstreamClosed(
            endsBody: response.reader.endsWithConnection, isProper: kind == .closed && !endsByReset)
        {
            upstream = nil
            lastResponseRead = .now()
            return responseCompleted()
        }
        upstreamFailed(kind)
    }

    /// The attempt cannot go on.
    private func upstreamFailed(_ kind: FailureKind) {
        guard let name = attempt?.upstream.name else { return }
        let isOurFault = upstream?.failsForLackOfDescriptors ?? false
        let failure = machine.upstreamFailed(kind, isUploadAwaited: isUploadAwaited)
        dropUpstream()
        switch failure.recovery {
        case .nothing: break
        case .retryOnFreshConnection: retryOnFreshConnection()
        case .tryNextEndpoint:
            response.reset()
            if isOurFault {
                finishAttempt(.neutral, reason: "no file descriptor left here")
            } else {
                finishAttempt(failure.isClients ? .neutral : .failure(kind), reason: kind.text)
            }
            tryNextEndpoint()
        case .answerBadGateway:
            finishAttempt(failure.isClients ? .neutral : .failure(kind), reason: kind.text)
            request.tellUntold(failedEverywhere: !request.hasNextCandidate, loop)
            let status = kind == .timeout ? 504 : 502
            answer(LocalAnswer(status: status, message: "endpoint \(name): \(kind.text)"))
        case .breakAnswer:
            // Where no event had come, it is no answer that broke off.
            let told = machine.waitsForEvent ? kind : .brokenStream
            finishAttempt(failure.isClients ? .neutral : .failure(told), reason: kind.text)
            breakResponse("endpoint \(name): \(kind.text) in mid-stream")
        }
    }

    /// The proxy makes no tunnel to a plain endpoint, and is asked to forward the request instead.
    func upstreamRefusedTunnel(_ connection: UpstreamConnection) {
        guard connection === upstream else { return }
        retryOnFreshConnection()
    }

    /// The idle connection had died of age, or said so.
    private func retryOnFreshConnection() {
        dropUpstream()
        guard let target = attempt?.upstream, let url = attempt?.url else { return }
        attempt?.requestWritten = nil
        attempt?.firstByte = nil
        attempt?.status = nil
        attempt?.retryAfter = nil
        response.reset()
        connect(target, url, now: .now())
    }

    /// Closes the upstream connection: it is in the middle of something.
    private func dropUpstream() {
        let connection = upstream
        upstream = nil
        connection?.close()
    }

    /// - Parameter concludes: the request ends with it, and its report with the request's
    private func finishAttempt(
        _ outcome: AttemptOutcome, reason: String? = nil, concludes: Bool = false, at end: Moment = .now
    ) {
        guard let attempt = attempt.take() else { return }
        attempt.upstream.load.attemptEnded()
        request.finish(
            attempt, outcome, reason: reason, concludes: concludes, isCommitted: machine.isCommitted, at: end,
            on: loop)
    }

    // MARK: The answer's head

    var takesMoreResponse: Bool { machine.isWritable }

    func upstreamRead(_ connection: UpstreamConnection, _ buffer: ByteBuffer) {
        guard connection === upstream, attempt != nil else { return connection.close() }
        lastResponseRead = .now()
        switch machine.answerRead() {
        case .readHead:
            if attempt?.firstByte == nil { attempt?.firstByte = lastResponseRead }
            if response.input.readableBytes == 0 {
                let consumed = readResponseHead(buffer)
                keepPartialHead(buffer, from: consumed)
            } else {
                response.input.writeImmutableBuffer(buffer)
                var taken = ByteBuffer()
                swap(&taken, &response.input)
                let consumed = readResponseHead(taken)
                keepPartialHead(taken, from: consumed)
            }
        case .readBody: readResponseBody(buffer, from: 0)
        case .fail: upstreamFailed(.badResponse)
        }
    }

    func upstreamReadComplete() {
        flush()
    }

    private func keepPartialHead(_ buffer: ByteBuffer, from consumed: Int?) {
        guard let consumed, machine.state == .awaitingHead, consumed < buffer.readableBytes else { return }
        var rest = buffer
        rest.moveReaderIndex(forwardBy: consumed)
        response.input.clear()
        response.input.writeImmutableBuffer(rest)
    }

    /// - Returns: how much was consumed where a head is still awaited, nil where the bytes have been dealt with.
    private func readResponseHead(_ buffer: ByteBuffer) -> Int? {
        var offset = 0
        while machine.state == .awaitingHead {
            let source = upstream
            let finding = buffer.withUnsafeReadableBytes { all -> Int? in
                guard offset < all.count else { return nil }
                return parseResponseHead(all.slice(offset..<all.count))
            }
            // A refused answer may have sent the request on already: its body must not be read as the next one's head.
            guard upstream === source, attempt != nil else { return nil }
            guard let length = finding else { return offset }
            offset += length
        }
        if machine.state == .buffered { readResponseBody(buffer, from: offset) }
        return nil
    }

    private func parseResponseHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let limits = loop.shared.options.limits
        do {
            // Parsing again from the start costs nothing while heads are small; the limit bounds it.
            guard let length = try loop.responseHead.parse(bytes, toHEAD: request.isHEAD, limits: limits) else {
                return nil
            }
            if loop.responseHead.isInformational {
                switch machine.informational(loop.responseHead.status) {
                case .drop: break
                case .pass:
                    writeResponseHead(bytes, framing: .none, closes: false)
                    writeOutput()
                case .fail:
                    upstreamFailed(.badResponse)
                    return nil
                }
            } else if loop.responseHead.isRequestEcho {
                // The request as the endpoint got it, with its key.
                upstreamFailed(.badResponse)
                return nil
            } else {
                evaluate(bytes)
            }
            return length
        } catch {
            upstreamFailed(.badResponse)
            return nil
        }
    }

    /// A final head has come: forward it, or go on with another endpoint.
    private func evaluate(_ bytes: UnsafeRawBufferPointer) {
        let status = loop.responseHead.status
        if let upstream, upstream.isForwarded {
            if status == 407 { return upstreamFailed(.proxy(.credentialsRefused)) }
            if upstream.url.isRefusedAgain(status) { return upstreamFailed(.proxy(.refused(status: status))) }
        }
        attempt?.status = status
        if StatusMeaning.callsForFailover(status) {
            attempt?.retryAfter = RateLimitHint.wait(loop.responseHead, bytes, unixTime: Double(WallClock.wholeSeconds))
        }
        let verdict = machine.answered(
            status, credentialIsClients: attempt?.upstream.forwardsClientCredential ?? false,
            isLast: StatusMeaning.mayBeTheAnswer(status) && !request.hasNextCandidate,
            isUploadAwaited: isUploadAwaited)
        switch verdict {
        case .forward: hold(bytes)
        case .retryOnFreshConnection: retryOnFreshConnection()
        case .tryNextEndpoint:
            let outcome = currentOutcome(status: status)
            dropUpstream()
            finishAttempt(outcome, reason: "status \(status)")
            response.reset()
            tryNextEndpoint()
        }
    }

    private func currentOutcome(status: Int) -> AttemptOutcome {
        guard !machine.isClientsFault else { return .neutral }
        return StatusMeaning.outcome(
            status: status, timeToFirstByte: request.kind == .inference ? attempt?.timeToFirstByte : nil,
            retryAfter: attempt?.retryAfter, credentialIsClients: attempt?.upstream.forwardsClientCredential ?? false)
    }

    /// Prepares the client's head; it goes out with the first body byte.
    private func hold(_ bytes: UnsafeRawBufferPointer) {
        let status = loop.responseHead.status
        let framing = loop.responseHead.framing
        response.reader = BodyReader(framing)
        response.isEventStream = loop.responseHead.isEventStream
        response.isEncoded = loop.responseHead.isEncoded
        response.firstEvent = FirstEventScanner()
        response.eventPosition = EventStreamPosition()
        response.status = status
        if request.teaches, status == 404 || status == 405 {
            attempt?.saysUnknownPath = UnknownPath.isMeant(status: status, body: nil)
            response.isJudged = !loop.responseHead.isEncoded
        }
        let head = ExchangeStateMachine.AnswerHead(
            framing: framing,
            announcedLength: request.isHEAD || status == 304 ? loop.responseHead.announcedLength : nil,
            keepsAlive: loop.responseHead.keepsAlive,
            waitsForEvent: response.isEventStream && !response.isEncoded && status == 200 && framing != .none)
        let named = machine.answerHeld(head, inputIsEmpty: inputIsEmpty, isStopping: loop.shared.isDraining)
        writeResponseHead(bytes, framing: named.framing, closes: named.closes)
        swap(&response.held, &loop.output)
        arm(.answerBody, from: lastResponseRead)
    }

    /// Fills `loop.output` with the client's head.
    private func writeResponseHead(_ bytes: UnsafeRawBufferPointer, framing: BodyFraming, closes: Bool) {
        guard let upstream = attempt?.upstream, let url = attempt?.url else { return }
        let date = loop.responseHead.hasDate ? [] : loop.dateText()
        let forwarded = ForwardedResponseHead(
            framing: framing, requestID: loop.responseHead.hasRequestID ? nil : request.requestID,
            closes: closes, clientMinorVersion: request.minorVersion, path: request.pathRange, origin: request.origin)
        let bound = ForwardedResponseHead.maximumLength(
            headLength: bytes.count, requestHeadLength: request.headLength)
        loop.output.clear()
        request.bytes.withUnsafeReadableBytes { requestBytes in
            loop.output.writeInPlace(atMost: bound) { target in
                var writer = WireWriter(target)
                forwarded.write(
                    &loop.responseHead, bytes, from: upstream, url, date: date, request: requestBytes, to: &writer)
                return writer.count
            }
        }
    }

    // MARK: The answer's body

    private func readResponseBody(_ buffer: ByteBuffer, from start: Int) {
        var offset = start
        var total = 0
        loop.dataRanges.removeAll(keepingCapacity: true)
        let isSound = buffer.withUnsafeReadableBytes { bytes in
            do {
                while !response.reader.isComplete {
                    guard
                        case .data(let range) = try response.reader.next(
                            bytes, at: &offset, limits: loop.shared.options.limits)
                    else { break }
                    loop.dataRanges.append(range)
                    total += range.count
                }
                return true
            } catch {
                return false
            }
        }
        let isComplete = response.reader.isComplete
        if total > 0 || isComplete {
            if isSound || machine.isCommitted { passBody(buffer, total: total, isComplete: isComplete) }
            if isComplete {
                if offset < buffer.readableBytes { machine.answerWasTooLong() }
                // A stream of events without one is no answer, however properly it ends.
                if machine.waitsForEvent { return upstreamFailed(.badResponse) }
                return responseCompleted()
            }
        }
        if !isSound {
            upstreamFailed(.badResponse)
        } else if total > 0 {
            arm(machine.waitForMoreAnswer, from: lastResponseRead)
        }
    }

    /// Passes the data at `loop.dataRanges` on: behind the held head where it is the first, at once or held itself.
    private func passBody(_ buffer: ByteBuffer, total: Int, isComplete: Bool) {
        let buffer = withoutSecrets(buffer)
        response.bytesDown += total
        if response.isEventStream { noteEventPosition(buffer) }
        if machine.state == .buffered {
            swap(&loop.output, &response.held)
        } else {
            loop.output.clear()
        }
        let isChunked = machine.clientFraming == .chunked
        if isChunked, total > 0 { loop.output.writeChunkSize(total) }
        let awaitedEvent = machine.waitsForEvent
        if awaitedEvent, firstEventIsComplete(buffer) { machine.firstEventCame() }
        let ends = isComplete && !machine.waitsForEvent
        let isHeldBack =
            switch machine.holding(isComplete: isComplete, length: loop.output.readableBytes + total) {
            case .pass: false
            case .hold: true
            case .holdIfOthersAreLeft: request.hasNextCandidate
            }
        if total >= Self.gatherThreshold, loop.dataRanges.count <= Self.maximumPieces, !isHeldBack {
            commitIfHeld(buffer, isComplete: isComplete, awaitedEvent: awaitedEvent)
            let tail: StaticString = isChunked ? ends ? "\r\n0\r\n\r\n" : "\r\n" : ""
            return write(loop.output, loop.dataRanges, of: buffer, tail)
        }
        buffer.withUnsafeReadableBytes { bytes in
            for index in loop.dataRanges.indices { loop.output.append(bytes.slice(loop.dataRanges[index])) }
        }
        if isChunked, total > 0 { loop.output.writeStaticString("\r\n") }
        if isHeldBack {
            swap(&loop.output, &response.held)
            return
        }
        if ends, isChunked { loop.output.writeStaticString("0\r\n\r\n") }
        commitIfHeld(buffer, isComplete: isComplete, awaitedEvent: awaitedEvent)
        if ends { outputEndsAnswer() } else { writeOutput(mayLeaveAtOnce: true) }
    }

    /// A refusal may repeat the key that it refuses; bodies of other answers are the endpoint's own affair.
    private func withoutSecrets(_ buffer: ByteBuffer) -> ByteBuffer {
        guard response.status ?? 0 >= 400, let secrets = attempt?.upstream.secrets, !secrets.isEmpty else {
            return buffer
        }
        var masked = buffer
        for range in loop.dataRanges {
            for secret in secrets {
                var start = 0
                while let found = buffer.withUnsafeReadableBytes({ secret.first(in: $0.slice(range), from: start) }) {
                    masked.setRepeatingByte(
                        UInt8(ascii: "*"), count: secret.count, at: buffer.readerIndex + range.lowerBound + found)
                    start = found + secret.count
                }
            }
        }
        return masked
    }

    private func noteEventPosition(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { bytes in
            for range in loop.dataRanges.suffix(4) { response.eventPosition.pass(bytes.slice(range)) }
        }
    }

    private func firstEventIsComplete(_ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { bytes in
            loop.dataRanges.contains { response.firstEvent.scan(bytes.slice($0)) }
        }
    }

    /// - Parameter awaitedEvent: no event of the stream had come before this piece
    @inline(__always)
    private func commitIfHeld(_ buffer: ByteBuffer, isComplete: Bool, awaitedEvent: Bool) {
        let wasHeld = machine.state == .buffered
        if wasHeld {
            if response.isJudged { judgePath(buffer) }
            commit()
        }
        // Comments before the first event are no answer yet.
        if !isComplete, !machine.waitsForEvent, wasHeld || awaitedEvent { reportFirstByte() }
    }

    private func judgePath(_ buffer: ByteBuffer) {
        let status = response.status ?? 0
        buffer.withUnsafeReadableBytes { bytes in
            let range = loop.dataRanges.first ?? 0..<0
            attempt?.saysUnknownPath = UnknownPath.isMeant(status: status, body: bytes.slice(range))
        }
    }

    private func commit() {
        machine.committed()
        // The answer may go on for minutes, and no other endpoint will be sent the request.
        replay.removeAll()
        response.firstSent = attempt?.firstByte
    }

    /// The end of this answer may be minutes away; what its beginning says about the endpoint is known now.
    private func reportFirstByte() {
        guard let target = attempt?.upstream, request.kind != .lookup,
            case .success(let time?) = currentOutcome(status: response.status ?? 0)
        else { return }
        attempt?.wasAnswered = true
        request.tellUntold(failedEverywhere: false, loop)
        loop.events.attemptAnswered(target.id, time, .now)
    }

    // MARK: The answer's end

    /// The endpoint's answer is complete.
    private func responseCompleted() {
        if response.reader.endsWithConnection { finishUntilClose() }
        if machine.state == .buffered { passEmptyBody() }
        let outcome = currentOutcome(status: response.status ?? 0)
        // Not the clock anew: what was read last ended the response.
        let end = Moment(deadline: lastResponseRead, instant: .now)
        releaseUpstream(now: end.deadline)
        switch machine.answerCompleted(hasQueue: queuedByteCount > 0) {
        case .deliver:
            finishAttempt(outcome, at: end)
            deliver()
        case .end:
            finishAttempt(outcome, concludes: true, at: end)
            endRequest(.completed, at: end)
            sendEnd()
            goOn(machine.answerEnded(), at: end)
        }
    }

    /// The end of the connection was the body's end.
    private func finishUntilClose() {
        loop.output.clear()
        let wasHeld = machine.state == .buffered
        if wasHeld { swap(&loop.output, &response.held) }
        if machine.clientFraming == .chunked { loop.output.writeStaticString("0\r\n\r\n") }
        if wasHeld { commit() }
        if loop.output.readableBytes > 0 { writeOutput() }
    }

    private func passEmptyBody() {
        swap(&loop.output, &response.held)
        commit()
        writeOutput()
    }

    private func releaseUpstream(now: NIODeadline) {
        guard let connection = upstream.take(), let target = attempt?.upstream else { return }
        guard machine.keepsUpstream, now - connection.opened < loop.connectionAge,
            // An early answer: what is left of this request would come before the next one.
            !connection.hasUnsentBytes(afterWriting: request.bytesUp),
            // Each long request would leave one more behind.
            !machine.avoidsIdle || !loop.hasIdle(connection.url)
        else { return connection.close() }
        connection.detach()
        loop.keepIdle(connection, until: now + target.waits.idleConnection)
    }

    /// The answer is complete and the client is behind: the request has not ended before the kernel has taken all of it.
    private func deliver() {
        watchClient(from: .now())
        sendEnd()
        flushNow()
        let serial = request.serial
        whenWritten { connection, wasTaken in
            guard wasTaken, connection.machine.state == .delivering, connection.request.serial == serial else { return }
            let end = Moment.now
            connection.endRequest(.completed, at: end)
            connection.goOn(connection.machine.answerEnded(), at: end)
        }
    }

    /// Calls `body` when the kernel has taken everything that was written, or never will.
    private func whenWritten(_ body: @escaping (_ connection: ClientConnection, _ wasTaken: Bool) -> Void) {
        guard let context else { return }
        let written = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound((self, body), eventLoop: context.eventLoop)
        written.futureResult.whenComplete { result in
            let (connection, body) = bound.value
            if case .success = result { body(connection, true) } else { body(connection, false) }
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    /// Goes on with the next request, or closes.
    private func goOn(_ next: ExchangeStateMachine.Next, at end: Moment) {
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

    /// The endpoint died after the client had begun to read: an event stream says so, then it ends without an end.
    private func breakResponse(_ message: String) {
        let event = LocalAnswer(status: 502, message: message).event(
            api: request.api, path: request.path, requestID: request.requestIDText, at: response.eventPosition.place)
        // Not in what is encoded or counted, nor within an event where the API's error would become a part of it.
        let isSaid = event.map(writeIntoStream) ?? false
        // Where the connection's end is the body's end (HTTP/1.0) and nothing was said in words, only a reset says that something is
        // missing; what the kernel has not sent yet is lost with it.
        let resets = machine.breaksByReset && !isSaid
        endRequest(.brokenStream)
        guard resets else { return closeAfterWrites() }
        flushNow()
        resetOnClose()
        context?.close(promise: nil)
    }

    /// - Returns: whether readable bytes can be put into the answer
    private func writeIntoStream(_ text: String) -> Bool {
        let framing = machine.clientFraming
        guard response.isEventStream, !response.isEncoded, framing == .chunked || framing == .untilClose else {
            return false
        }
        loop.output.clear()
        if framing == .chunked { loop.output.writeChunkSize(text.utf8.count) }
        loop.output.writeString(text)
        if framing == .chunked { loop.output.writeStaticString("\r\n") }
        writeOutput()
        return true
    }

    // MARK: Podium's own answers

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

    /// Answers the running request instead of an endpoint.
    private func answer(_ answer: LocalAnswer) {
        let closes = machine.closesAfterAnswer(inputIsEmpty: inputIsEmpty, isStopping: loop.shared.isDraining)
        response.status = answer.status
        var answer = answer
        if let origin = request.origin {
            answer.fields += request.bytes.withUnsafeReadableBytes { CrossOrigin.fields(for: $0.slice(origin)) }
        }
        write(
            answer.render(
                api: request.api, requestID: request.requestIDText, closes: closes,
                minorVersion: request.minorVersion, omitsBody: request.isHEAD))
        let end = Moment.now
        endRequest(.answeredLocally, at: end)
        goOn(machine.answerEnded(closes: closes), at: end)
    }

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

    /// Reports the running request, if there is one, and lets go of all that belongs to it.
    private func endRequest(_ ending: RequestReport.Ending, at end: Moment = .now) {
        guard machine.requestEnded() else { return }
        if attempt != nil {
            dropUpstream()
            finishAttempt(.neutral, concludes: true, at: end)
        }
        if !request.untold.isEmpty { request.tellUntold(failedEverywhere: false, loop) }
        let report = RequestReport(
            status: response.status, api: request.api,
            endpoint: machine.isCommitted ? (request.furtherAttempts.last ?? request.firstAttempt)?.endpoint : nil,
            bytesUp: request.bytesUp,
            bytesDown: max(0, response.bytesDown - (ending == .completed ? 0 : queuedByteCount)),
            timeToFirstByte: response.firstSent.map { Duration($0 - request.started) },
            duration: Duration(end.deadline - request.started), ending: ending, ended: end.report,
            isConcludedByAttempt: request.isConcludedByAttempt,
            firstAttempt: request.firstAttempt, furtherAttempts: request.furtherAttempts, head: request.bytes,
            methodLength: request.methodLength, pathRange: request.pathRange, requestIDBytes: request.requestID,
            clientSocketAddress: clientAddress)
        loop.requestEnded()
        loop.requestFinished(report)
        replay.removeAll()
        request.table = nil
    }

    /// Ends what is going on without another word to the client.
    func abort(_ ending: RequestReport.Ending) {
        if machine.breaksByReset { resetOnClose() }
        flushNow()
        endRequest(ending)
        context?.close(promise: nil)
    }

    /// Sends what is written, says FIN, and waits for the client to close.
    private func closeAfterWrites() {
        guard machine.finishes() else { return }
        input = ByteBuffer()
        watchClient(from: .now())
        flushNow()
        whenWritten { connection, _ in connection.everythingIsWritten() }
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

    /// While Podium stops: closes a connection on which nothing is going on, and soon one on which no answer can be expected any more.
    func closeUnlessServed() {
        switch machine.stops(now: .now()) {
        case .nothing: break
        case .wait(let deadline): arm(at: deadline)
        case .close:
            // The end of an answer may still wait for its client.
            if hasUnsentBytes(afterWriting: 0) { closeAfterWrites() } else { context?.close(promise: nil) }
        }
    }
}
