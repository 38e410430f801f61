internal import HTTPWire
internal import NIOCore
internal import Ranking
internal import Support

/// One client connection with the requests that run on it, one after the other.
///
/// Everything that concerns a running request is done here: an endpoint is chosen and asked, its answer passed on, the request reported.
/// The client's channel is the business of the class below. What is done when is decided by `ExchangeStateMachine`; what has to be
/// remembered is in `CurrentRequest`, `Failover`, `CurrentAttempt` and `CurrentResponse`. The sections follow the way of a request.
final class ClientConnection: ClientChannel {
    /// From this size on, data is sent from where it lies instead of being copied next to its neighbours.
    private static let gatherThreshold = 16 * 1024

    /// For `X-Forwarded-For`.
    private let clientAddressText: [UInt8]
    private let request = CurrentRequest()
    private let failover = Failover()
    private let attempt = CurrentAttempt()
    private let response = CurrentResponse()
    private var upstream: UpstreamConnection?

    override init(loop: LoopContext, clientAddress: SocketAddress?) {
        clientAddressText = Array((clientAddress?.ipAddress ?? "unknown").utf8)
        super.init(loop: loop, clientAddress: clientAddress)
    }

    override var keptBody: Int { request.keptBody }
    override var upstreamIsWritable: Bool { upstream?.isWritable ?? false }
    /// The endpoint has taken all that the client has sent so far, and the client is not done.
    @inline(__always)
    private var isUploadAwaited: Bool { machine.isUploading && upstreamIsWritable }

    // MARK: The request

    override func requestBegan(_ bytes: UnsafeRawBufferPointer) {
        let now = NIODeadline.now()
        let serial = loop.nextSerial()
        request.begin(bytes, serial: serial, now: now)
        loop.requestHeadOwner = serial
        response.reset()
        loop.learnRouting()
        failover.begin(loop.routing.table)
        let admission = RequestAdmission(bytes, on: loop, of: request)
        let path = request.pathRange
        if RequestAdmission.isToldToUseHTTP(path: path, bytes, on: loop) {
            let answer = LocalAnswer(status: 426, message: "WebSocket is not served here; use HTTP streaming")
            write(answer.render(api: .openAI, requestID: "", closes: true, minorVersion: 1, omitsBody: false))
            return closeAfterWrites()
        }
        machine.requestBegan(
            keepsAlive: loop.requestHead.keepsAlive, isHTTP11: request.minorVersion == 1, isHEAD: request.isHEAD)
        loop.requestStarted()
        if let refusal = admission.refusal(
            path: path, hops: request.hops, hasOrigin: request.origin != nil, bytes, on: loop)
        {
            answer(refusal)
        }
    }

    override func readBody(_ bytes: UnsafeRawBufferPointer, from start: Int, of buffer: ByteBuffer) -> Int {
        var offset = start
        do {
            while !request.body.isComplete {
                switch try request.body.next(bytes, at: &offset, limits: loop.shared.options.limits) {
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
        let kept = request.bodyRead(range.count)
        switch machine.bodyRead(range.count, kept: kept) {
        case .keep: request.keepBody(bytes, range, of: buffer)
        case .keepAndSend:
            request.keepBody(bytes, range, of: buffer)
            sendBody(range, of: buffer)
        case .dropKeptAndSend:
            request.forgetBody()
            sendBody(range, of: buffer)
        case .send: sendBody(range, of: buffer)
        case .discard: break
        }
    }

    /// Body bytes that come while the request is on its way.
    private func sendBody(_ range: Range<Int>, of buffer: ByteBuffer) {
        guard let upstream,
            let bytes = buffer.getSlice(at: buffer.readerIndex + range.lowerBound, length: range.count)
        else { return }
        attempt.bytesSent += range.count
        upstream.writeBody(bytes, inChunks: machine.attempt.sendsChunks)
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
        if machine.attempt.sendsChunks { upstream?.writeLastChunk() }
        // The time that the client took is not the endpoint's.
        if !machine.attempt.sawAnswer { attempt.requestWritten = .now() }
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

    override func probeClient() { clientIsThere() }

    override func clientTakesMore() { upstream?.resumeReading() }

    /// Finds out whether the client, which has said FIN, waits for the answer: it may have gone, or only have nothing more to ask.
    ///
    /// - Returns: whether the request goes on
    @discardableResult
    private func clientIsThere() -> Bool {
        let takesComment = response.isReadableStream && response.place == .betweenEvents
        switch machine.probe(loop.routing.halfClose, takesComment: takesComment) {
        case .nothing: return true
        case .abort:
            abort(.clientClosed)
            return false
        case .sendComment: writeIntoStream(":\n\n")
        case .sendContinue: write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
        }
        flush()
        return machine.state.isRunning
    }

    // MARK: Choosing an endpoint

    override func requestPaused() {
        // In the call that read the head.
        if machine.choosingBegan() { tryNextEndpoint(now: request.started) }
    }

    /// Goes to the next endpoint that serves this API, or gives up.
    ///
    /// - Parameter now: where the caller has just read the clock
    private func tryNextEndpoint(now: NIODeadline? = nil) {
        guard machine.state == .choosing else { return }
        let halfOpen = machine.halfOpenEndpoint(kept: request.keptBody)
        switch failover.nextStep(of: request, attempt, halfOpen: halfOpen, on: loop) {
        case .ask: startAttempt(now: now ?? .now())
        case .waitForBody:
            arm(machine.waitsForBody())
            resumeInput()
        case .exhausted:
            failover.tellUntold(of: request, failedEverywhere: true, on: loop)
            answer(failover.exhaustedAnswer(to: request, wasOnlyRefused: machine.wasOnlyRefused))
        }
    }

    /// Asks the endpoint that `attempt` names.
    private func startAttempt(now: NIODeadline) {
        guard !machine.inputIsClosed || clientIsThere(), let target = attempt.upstream, let url = attempt.url else {
            return
        }
        attempt.begin(now: now)
        target.load.attemptStarted()
        machine.attemptBegan(request.framing, kept: request.keptBody)
        if !machine.attempt.avoidsIdle, let idle = loop.takeIdle(url, now: now) {
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
        guard connection === upstream, attempt.isRunning else { return }
        arm(machine.handshakeBegan())
    }

    func upstreamIsReady(_ connection: UpstreamConnection) {
        guard connection === upstream, let target = attempt.upstream, let url = attempt.url else {
            return connection.close()
        }
        sendRequest(connection, to: target, url, now: .now())
    }

    // MARK: Sending the request

    private func sendRequest(
        _ connection: UpstreamConnection, to target: Upstream, _ url: UpstreamURL, now: NIODeadline
    ) {
        let kept = request.keptBody
        let framing = machine.requestFraming(request.framing, kept: kept)
        request.writeHead(
            for: target, url, framing: framing, isForwarded: connection.isForwarded, clientAddress: clientAddressText,
            on: loop)
        attempt.bytesSent = loop.output.readableBytes + kept
        attempt.headWritten = now
        request.writeKept(to: connection, inChunks: machine.attempt.sendsChunks, on: loop)
        if machine.requestIsComplete {
            attempt.requestWritten = now
            if machine.attempt.sendsChunks { connection.writeLastChunk() }
        }
        let wait = machine.requestSent(kept: kept)
        if wait == .answerHead {
            arm(at: machine.deadline(wait, target.waits.responseHeader, from: now))
        } else {
            arm(wait, from: now)
        }
        if !machine.canReplay { request.forgetBody() }
        connection.flush()
        resumeInput()
    }

    func upstreamWritabilityChanged(isWritable: Bool) {
        let wait = machine.upstreamWritabilityChanged(isWritable: isWritable)
        guard wait != .unchanged else { return }
        arm(wait)
        if isWritable { resumeInput() }
    }

    override func endpointTimeout(for wait: ExchangeWait) -> TimeAmount? {
        attempt.upstream?.waits.timeout(for: wait)
    }

    override func requestStalled(_ expiry: ExchangeState.Expiry, now: NIODeadline) {
        switch expiry {
        case .lookAtConnection: lookAtConnection(now: now)
        case .failUpstream: upstreamFailed(.timeout)
        case .answerSlowBody:
            dropUpstream()
            finishAttempt(.neutral)
            answer(LocalAnswer(status: 408, message: "the request body did not arrive in time"))
        case .nothing, .close, .closeUnlessClientGetsOn, .abortUnlessClientGetsOn, .refuseSlowHead: break
        }
    }

    private func lookAtConnection(now: NIODeadline) {
        guard let upstream, let url = attempt.url else { return }
        let confirmsNothing = upstream.confirmsNothing(
            of: attempt.bytesSent, isExact: !url.usesTLS && !machine.attempt.sendsChunks,
            writtenBefore: now - attempt.headWritten)
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

    // MARK: Failures of the endpoint

    /// - Parameter endsByReset: the end was an error, not a FIN
    func upstreamClosed(_ connection: UpstreamConnection, _ kind: FailureKind, endsByReset: Bool) {
        guard connection === upstream else { return }
        if machine.upstreamClosed(
            endsBody: response.endsWithConnection, isProper: kind == .closed && !endsByReset)
        {
            upstream = nil
            response.lastRead = .now()
            return responseCompleted()
        }
        upstreamFailed(kind)
    }

    /// The attempt cannot go on.
    private func upstreamFailed(_ kind: FailureKind) {
        guard let name = attempt.upstream?.name else { return }
        let isOurs = upstream?.failsForLackOfDescriptors ?? false
        let failure = machine.upstreamFailed(kind, isOurs: isOurs, isUploadAwaited: isUploadAwaited)
        dropUpstream()
        switch failure.recovery {
        case .nothing: break
        case .retryOnFreshConnection: retryOnFreshConnection()
        case .tryNextEndpoint:
            response.reset()
            finishAttempt(failure.outcome, reason: isOurs ? "no file descriptor left here" : kind.text)
            tryNextEndpoint()
        case .answerBadGateway:
            finishAttempt(failure.outcome, reason: kind.text)
            failover.tellUntold(of: request, failedEverywhere: !failover.hasNext(for: request), on: loop)
            let status = kind == .timeout ? 504 : 502
            answer(LocalAnswer(status: status, message: "endpoint \(name): \(kind.text)"))
        case .breakAnswer:
            finishAttempt(failure.outcome, reason: kind.text)
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
        guard let target = attempt.upstream, let url = attempt.url else { return }
        attempt.restart()
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
        guard let target = attempt.end() else { return }
        target.load.attemptEnded()
        failover.finish(
            attempt, at: target, of: request, outcome, reason: reason, concludes: concludes,
            isCommitted: machine.isCommitted, end: end, on: loop)
    }

    // MARK: The answer's head

    var takesMoreResponse: Bool { machine.client.isWritable }

    func upstreamRead(_ connection: UpstreamConnection, _ buffer: ByteBuffer) {
        guard connection === upstream, attempt.isRunning else { return connection.close() }
        response.lastRead = .now()
        switch machine.answerRead() {
        case .readHead:
            if attempt.firstByte == nil { attempt.firstByte = response.lastRead }
            if response.unread.count == 0 {
                readResponseHead(buffer)
            } else {
                response.unread.append(buffer)
                readResponseHead(response.unread.take())
            }
        case .readBody: readResponseBody(buffer, from: 0)
        case .fail: upstreamFailed(.badResponse)
        }
    }

    func upstreamReadComplete() {
        flush()
    }

    private func readResponseHead(_ buffer: ByteBuffer) {
        var offset = 0
        while machine.state == .awaitingHead {
            let source = upstream
            let finding = buffer.withUnsafeReadableBytes { all -> Int? in
                guard offset < all.count else { return nil }
                return readOneHead(all.slice(offset..<all.count))
            }
            // A refused answer may have sent the request on already: its body must not be read as the next one's head.
            guard upstream === source, attempt.isRunning else { return }
            guard let length = finding else {
                if machine.state == .awaitingHead, offset < buffer.readableBytes {
                    response.unread.keep(buffer, behind: offset)
                }
                return
            }
            offset += length
        }
        if machine.state == .buffered { readResponseBody(buffer, from: offset) }
    }

    /// - Returns: the head's length; nil where it is incomplete, or the attempt has ended with it
    private func readOneHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
        switch CurrentResponse.readHead(bytes, toHEAD: request.isHEAD, on: loop) {
        case .incomplete: return nil
        case .final(let length):
            evaluate(bytes)
            return length
        case .informational(let length):
            switch machine.informational(loop.responseHead.status) {
            case .drop: return length
            case .pass:
                writeResponseHead(bytes, framing: .none, closes: false)
                writeOutput()
                return length
            case .fail: break
            }
        case .broken: break
        }
        upstreamFailed(.badResponse)
        return nil
    }

    /// A final head has come: forward it, or go on with another endpoint.
    private func evaluate(_ bytes: UnsafeRawBufferPointer) {
        let status = loop.responseHead.status
        if upstream?.isForwarded == true, let refusal = upstream?.refusalByProxy(status) {
            return upstreamFailed(refusal)
        }
        attempt.status = status
        if StatusMeaning.callsForFailover(status) {
            attempt.retryAfter = RateLimitHint.wait(loop.responseHead, bytes, unixTime: Double(WallClock.wholeSeconds))
        }
        let verdict = machine.answered(
            status, credentialIsClients: attempt.forwardsClientCredential,
            isLast: StatusMeaning.mayBeTheAnswer(status) && !failover.hasNext(for: request),
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
        machine.outcome(
            status: status, timeToFirstByte: request.kind == .inference ? attempt.timeToFirstByte : nil,
            retryAfter: attempt.retryAfter, credentialIsClients: attempt.forwardsClientCredential)
    }

    /// Prepares the client's head; it goes out with the first body byte.
    private func hold(_ bytes: UnsafeRawBufferPointer) {
        let status = loop.responseHead.status
        let framing = loop.responseHead.framing
        let mayLackPath = request.teaches && (status == 404 || status == 405)
        response.begin(teaches: mayLackPath, on: loop)
        if mayLackPath { attempt.saysUnknownPath = UnknownPath.isMeant(status: status, body: nil) }
        let head = AnswerState.Head(
            status: status, framing: framing,
            announcedLength: framing == .none ? loop.responseHead.announcedLength : nil,
            keepsAlive: loop.responseHead.keepsAlive, isReadableStream: response.isReadableStream)
        let named = machine.answerHeld(head, inputIsEmpty: inputIsEmpty, isStopping: loop.shared.isDraining)
        writeResponseHead(bytes, framing: named.framing, closes: named.closes)
        response.exchangeHeld(on: loop)
        arm(.answerBody, from: response.lastRead)
    }

    /// Fills `loop.output` with the client's head.
    private func writeResponseHead(_ bytes: UnsafeRawBufferPointer, framing: BodyFraming, closes: Bool) {
        guard let target = attempt.upstream, let url = attempt.url else { return }
        CurrentResponse.writeHead(bytes, of: request, from: target, url, framing: framing, closes: closes, on: loop)
    }

    // MARK: The answer's body

    private func readResponseBody(_ buffer: ByteBuffer, from start: Int) {
        let piece = response.read(buffer, from: start, on: loop)
        if piece.count > 0 || piece.isLast {
            if piece.isSound || machine.isCommitted { passBody(buffer, total: piece.count, isComplete: piece.isLast) }
            if piece.isLast {
                if piece.end < buffer.readableBytes { machine.answerWasTooLong() }
                // A stream of events without one is no answer, however properly it ends.
                if machine.answer.waitsForEvent { return upstreamFailed(.badResponse) }
                return responseCompleted()
            }
        }
        if !piece.isSound {
            upstreamFailed(.badResponse)
        } else if piece.count > 0 {
            arm(machine.waitForMoreAnswer, from: response.lastRead)
        }
    }

    /// Passes the data at `loop.dataRanges` on: behind the held head where it is the first, at once or held itself.
    private func passBody(_ buffer: ByteBuffer, total: Int, isComplete: Bool) {
        let buffer =
            response.mayRepeatSecrets ? response.withoutSecrets(buffer, of: attempt.upstream, on: loop) : buffer
        response.pass(buffer, count: total, on: loop)
        if machine.state == .buffered {
            response.exchangeHeld(on: loop)
        } else {
            loop.output.clear()
        }
        let isChunked = machine.answer.framing == .chunked
        if isChunked, total > 0 { loop.output.writeChunkSize(total) }
        let awaitedEvent = machine.answer.waitsForEvent
        if awaitedEvent, response.firstEventEnds(in: buffer, on: loop) { machine.firstEventCame() }
        let ends = isComplete && !machine.answer.waitsForEvent
        let isHeldBack =
            switch machine.holding(isLast: isComplete, length: loop.output.readableBytes + total) {
            case .pass: false
            case .hold: true
            case .holdIfOthersAreLeft: failover.hasNext(for: request)
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
            response.exchangeHeld(on: loop)
            return
        }
        if ends, isChunked { loop.output.writeStaticString("0\r\n\r\n") }
        commitIfHeld(buffer, isComplete: isComplete, awaitedEvent: awaitedEvent)
        if ends { outputEndsAnswer() } else { writeOutput(mayLeaveAtOnce: true) }
    }

    /// - Parameter awaitedEvent: no event of the stream had come before this piece
    @inline(__always)
    private func commitIfHeld(_ buffer: ByteBuffer, isComplete: Bool, awaitedEvent: Bool) {
        let passage = machine.answerPasses(isLast: isComplete, awaitedEvent: awaitedEvent)
        if passage.commits {
            if response.isInspected { attempt.saysUnknownPath = response.saysUnknownPath(buffer, on: loop) }
            answerBegan()
        }
        if passage.tellsRanking { reportFirstByte() }
    }

    private func commit() {
        machine.committed()
        answerBegan()
    }

    /// The answer may go on for minutes, and no other endpoint will be sent the request.
    private func answerBegan() {
        request.forgetBody()
        response.firstSent = attempt.firstByte
    }

    /// The end of this answer may be minutes away; what its beginning says about the endpoint is known now.
    private func reportFirstByte() {
        guard let target = attempt.upstream, request.kind != .lookup,
            case .success(let time?) = currentOutcome(status: response.status ?? 0)
        else { return }
        attempt.wasAnswered = true
        failover.tellUntold(of: request, failedEverywhere: false, on: loop)
        loop.events.attemptAnswered(target.id, time, .now)
    }

    // MARK: The answer's end

    /// The endpoint's answer is complete.
    private func responseCompleted() {
        if response.endsWithConnection { finishUntilClose() }
        if machine.state == .buffered { passEmptyBody() }
        let outcome = currentOutcome(status: response.status ?? 0)
        // Not the clock anew: what was read last ended the response.
        let end = Moment(deadline: response.lastRead, instant: .now)
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
        if wasHeld { response.exchangeHeld(on: loop) }
        if machine.answer.framing == .chunked { loop.output.writeStaticString("0\r\n\r\n") }
        if wasHeld { commit() }
        if loop.output.readableBytes > 0 { writeOutput() }
    }

    private func passEmptyBody() {
        response.exchangeHeld(on: loop)
        commit()
        writeOutput()
    }

    private func releaseUpstream(now: NIODeadline) {
        guard let connection = upstream.take(), let target = attempt.upstream else { return }
        let isKept = machine.keepsUpstream(
            isYoung: now - connection.opened < loop.connectionAge,
            hasUnsentBytes: connection.hasUnsentBytes(afterWriting: request.bytesUp),
            hasIdle: loop.hasIdle(connection.url))
        guard isKept else { return connection.close() }
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
            guard let connection = connection as? ClientConnection, wasTaken, connection.machine.state == .delivering,
                connection.request.serial == serial
            else { return }
            let end = Moment.now
            connection.endRequest(.completed, at: end)
            connection.goOn(connection.machine.answerEnded(), at: end)
        }
    }

    /// The endpoint died after the client had begun to read: an event stream says so, then it ends without an end.
    private func breakResponse(_ message: String) {
        let event = LocalAnswer(status: 502, message: message).event(
            api: request.api, path: request.path, requestID: request.requestIDText, at: response.place)
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
    @discardableResult
    private func writeIntoStream(_ text: String) -> Bool {
        guard machine.answer.takesText(isReadableStream: response.isReadableStream) else { return false }
        CurrentResponse.writeText(text, framing: machine.answer.framing, on: loop)
        writeOutput()
        return true
    }

    // MARK: The end of a request

    /// Answers the running request instead of an endpoint.
    private func answer(_ answer: LocalAnswer) {
        let closes = machine.closesAfterAnswer(inputIsEmpty: inputIsEmpty, isStopping: loop.shared.isDraining)
        response.status = answer.status
        write(request.render(answer, closes: closes))
        let end = Moment.now
        endRequest(.answeredLocally, at: end)
        goOn(machine.answerEnded(closes: closes), at: end)
    }

    override func endRequest(_ ending: RequestReport.Ending) { endRequest(ending, at: .now) }

    private func endRequest(_ ending: RequestReport.Ending, at end: Moment) {
        guard machine.requestEnded() else { return }
        if attempt.isRunning {
            dropUpstream()
            finishAttempt(.neutral, concludes: true, at: end)
        }
        failover.tellUntold(of: request, failedEverywhere: false, on: loop)
        let report = RequestReport(
            request, failover, response, isCommitted: machine.isCommitted,
            unsent: ending == .completed ? 0 : queuedByteCount, ending: ending, at: end, from: clientAddress)
        loop.requestEnded()
        loop.requestFinished(report)
        request.forgetBody()
        failover.end()
    }
}
