internal import HTTPWire
internal import LLMWire
internal import NIOCore
internal import Ranking
internal import Support
internal import Verdicts

/// The request's side of a client connection: a request's body is read, an endpoint chosen, connected to and sent the request, and where
/// that fails the next one.
///
/// What becomes of an endpoint's answer is the business of `ClientConnection`, the only class that is built on this one: it overrides what
/// stands under "For the answers". The client's channel is that of the class below, `ClientChannel`. What is done when is decided by
/// `ExchangeStateMachine`; what has to be remembered is in `CurrentRequest`, `Failover`, `CurrentAttempt` and `CurrentResponse`. The
/// sections follow the way of a request.
class RequestConnection: ClientChannel {
    /// So much of a body is kept however little room there is.
    private static let freeReplay = 64 * 1024

    /// For `X-Forwarded-For`.
    private let clientAddressText: [UInt8]
    final let request: CurrentRequest
    final let failover = Failover()
    final let attempt = CurrentAttempt()
    final let response = CurrentResponse()
    final var upstream: UpstreamConnection?

    override init(loop: LoopContext, clientAddress: SocketAddress?) {
        clientAddressText = Array((clientAddress?.ipAddress ?? "unknown").utf8)
        request = CurrentRequest(decodedLimit: loop.shared.options.replayLimit)
        super.init(loop: loop, clientAddress: clientAddress)
    }

    final override var keptBody: Int { request.keptBody }
    final override var upstreamIsWritable: Bool { upstream?.isWritable ?? false }
    /// The endpoint has taken all that the client has sent so far, and the client is not done.
    @inline(__always)
    final var isUploadAwaited: Bool { machine.isUploading && upstreamIsWritable }

    // MARK: For the answers

    /// Bytes of an answer have come.
    func upstreamRead(_ connection: UpstreamConnection, _ buffer: ByteBuffer) {}

    func upstreamReadComplete() {}

    /// The client takes more of an answer.
    var takesMoreResponse: Bool { true }

    /// The end of the endpoint's connection was the end of the answer's body.
    func bodyEnded() {}

    /// Enough of a refusal is here to say what it means.
    func judge(_ refusal: Refusal) {}

    /// Answers the running request instead of an endpoint.
    func answer(_ answer: LocalAnswer) {}

    /// The most telling of the refusals is the client's, where no endpoint had anything better.
    func answer(_ refusal: Refusal) {}

    /// The endpoint died after the client had begun to read.
    func breakResponse(_ message: String) {}

    /// - Returns: whether readable bytes can be put into the answer
    @discardableResult
    func writeIntoStream(_ text: String) -> Bool { false }

    // MARK: The request

    final override func requestBegan(_ bytes: UnsafeRawBufferPointer) {
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
            path: path, hops: request.hops, hasOrigin: request.origin != nil, client: request.client, bytes, on: loop)
        {
            if refusal.status >= 400 { request.refusal = refusal.message }
            answer(refusal)
        }
    }

    final override func readBody(_ bytes: UnsafeRawBufferPointer, from start: Int, of buffer: ByteBuffer) -> Int {
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
        if kept > Self.freeReplay, !loop.shared.hasReplayRoom, machine.limitsReplay(to: kept) {
            loop.shared.replayRefused()
        }
        switch machine.bodyRead(range.count, kept: kept) {
        case .keep: request.keepBody(bytes, range, of: buffer, on: loop)
        case .keepAndSend:
            request.keepBody(bytes, range, of: buffer, on: loop)
            sendBody(range, of: buffer)
        case .dropKeptAndSend:
            request.forgetBody(on: loop)
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

    final override func probeClient() { clientIsThere() }

    final override func clientTakesMore() { upstream?.resumeReading() }

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

    final override func requestPaused() {
        guard machine.choosingBegan() else { return }
        if request.operation == .modelList, let answer = modelList() { return self.answer(answer) }
        // In the call that read the head.
        tryNextEndpoint(now: request.started)
    }

    /// What is known of the models here; nil where an endpoint is asked.
    private func modelList() -> LocalAnswer? {
        request.bytes.withUnsafeReadableBytes {
            ModelListAnswer.answer(to: request, $0, loop.routing.table, on: loop)
        }
    }

    /// Goes to the next endpoint that serves this API, or gives up.
    ///
    /// - Parameter now: where the caller has just read the clock
    final func tryNextEndpoint(now: NIODeadline? = nil) {
        guard machine.state == .choosing else { return }
        let halfOpen = machine.halfOpenEndpoint(kept: request.keptBody)
        switch failover.nextStep(of: request, attempt, halfOpen: halfOpen, on: loop) {
        case .ask: startAttempt(now: now ?? .now())
        case .waitForBody:
            // A slow client must not keep a place that others wait for.
            failover.leaveLine(on: loop, now: now ?? .now())
            arm(machine.waitsForBody())
            resumeInput()
        case .exhausted: noEndpointIsLeft(halfOpen, now: now ?? .now())
        }
    }

    /// Waits for an endpoint, or tells the client that there is none.
    private func noEndpointIsLeft(_ halfOpen: ExchangeStateMachine.HalfOpen, now: NIODeadline) {
        if machine.canReplay {
            // What has come back meanwhile may be full already, and is waited for like any other.
            loop.learnRouting()
            if failover.gains(from: loop.routing.table, for: request) {
                failover.renew(loop.routing.table, now: now)
                return tryNextEndpoint(now: now)
            }
            switch failover.lineUp(for: request, attempt, now: now, on: loop, wake: lineWake()) {
            case .ask: return startAttempt(now: now)
            case .wait(let until): return park(until: until)
            case .none: break
            }
            let patience = failover.patience(
                for: request, attempt, isWhole: halfOpen != .waitForBody, maximum: loop.routing.maxWait, now: now,
                on: loop)
            switch patience {
            case .ask: return startAttempt(now: now)
            case .wait(let until): return park(until: until)
            case .waitForBody:
                arm(machine.waitsForBody())
                return resumeInput()
            case .none: break
            }
        }
        failover.tellUntold(of: request, failedEverywhere: true, on: loop)
        switch failover.lastWord(to: request) {
        case .local(let words): answer(words)
        case .kept(let refusal): answer(refusal)
        }
    }

    /// What the line of waiting requests calls on any thread when this one has been given a place.
    private func lineWake() -> @Sendable () -> Void {
        let eventLoop = loop.eventLoop
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let serial = request.serial
        return { eventLoop.execute { bound.value.placeIsFree(for: serial) } }
    }

    private func placeIsFree(for serial: UInt64) {
        if request.serial == serial { chooseAgain(now: .now()) }
    }

    final func park(until: NIODeadline) {
        machine.parks()
        loop.park(self)
        arm(at: until)
        resumeInput()
    }

    /// There may be a new routing table.
    final func routingMayHaveChanged(now: NIODeadline) {
        if failover.differs(from: loop.routing.table) { chooseAgain(now: now) }
    }

    private func chooseAgain(now: NIODeadline) {
        guard machine.choosesAgain() else { return }
        loop.unpark(self)
        loop.learnRouting()
        failover.renew(loop.routing.table, now: now)
        tryNextEndpoint(now: now)
    }

    /// Asks the endpoint that `attempt` names.
    private func startAttempt(now: NIODeadline) {
        guard let target = attempt.upstream, let url = attempt.url else { return }
        failover.leaveLine(on: loop, now: now)
        guard !machine.inputIsClosed || clientIsThere() else {
            return failover.giveBack(target, on: loop)
        }
        attempt.begin(now: now)
        if let refusal = request.fit(to: target, asksForUsage: loop.routing.asksForUsage, on: loop) {
            finishAttempt(.neutral, reason: "the request cannot be made for it")
            return answer(refusal)
        }
        if let sent = request.modelSent { failover.noteSent(sent) }
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

    final func upstreamIsHandshaking(_ connection: UpstreamConnection) {
        guard connection === upstream, attempt.isRunning else { return }
        arm(machine.handshakeBegan())
    }

    final func upstreamIsReady(_ connection: UpstreamConnection) {
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
        let framing = request.framing(machine.requestFraming(request.framing, kept: kept))
        request.writeHead(
            for: target, url, framing: framing, isForwarded: connection.isForwarded, clientAddress: clientAddressText,
            on: loop)
        attempt.bytesSent = loop.output.readableBytes + request.sentLength
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
        if !machine.canReplay { request.forgetBody(on: loop) }
        connection.flush()
        resumeInput()
    }

    final func upstreamWritabilityChanged(isWritable: Bool) {
        let wait = machine.upstreamWritabilityChanged(isWritable: isWritable)
        guard wait != .unchanged else { return }
        arm(wait)
        if isWritable { resumeInput() }
    }

    final override func endpointTimeout(for wait: ExchangeWait) -> TimeAmount? {
        attempt.upstream?.waits.timeout(for: wait)
    }

    final override func requestStalled(_ expiry: ExchangeState.Expiry, now: NIODeadline) {
        switch expiry {
        case .lookAtConnection: lookAtConnection(now: now)
        case .failUpstream: if !hasMoreTime(now: now) { upstreamFailed(.timeout) }
        case .chooseAgain: chooseAgain(now: now)
        case .answerSlowBody:
            dropUpstream()
            finishAttempt(.neutral)
            answer(LocalAnswer(status: 408, message: "the request body did not arrive in time"))
        case .nothing, .close, .closeUnlessClientGetsOn, .abortUnlessClientGetsOn, .refuseSlowHead: break
        }
    }

    /// An answer that is no stream may take longer, and says nothing before it has finished: what was asked for is looked up only now,
    /// since nearly all answers come sooner.
    ///
    /// - Returns: whether the endpoint is waited for further
    private func hasMoreTime(now: NIODeadline) -> Bool {
        guard machine.state == .awaitingHead || machine.state == .buffered, response.refusal == nil,
            machine.requestIsComplete, let begin = attempt.requestWritten, let waits = attempt.upstream?.waits
        else { return false }
        let isStream = !request.operation.isInference || request.wantsStream == true || response.isEventStream
        // Between two pieces the limit is another one, and it is over.
        if machine.state == .buffered, isStream || response.bytesDown > 0 { return false }
        let end = begin + (isStream ? waits.streamHeader : waits.response)
        guard now < end else { return false }
        arm(at: end)
        return true
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
    final func upstreamClosed(_ connection: UpstreamConnection, _ kind: FailureKind, endsByReset: Bool) {
        guard connection === upstream else { return }
        if machine.upstreamClosed(
            endsBody: response.endsWithConnection, isProper: kind == .closed && !endsByReset)
        {
            upstream = nil
            response.lastRead = .now()
            return bodyEnded()
        }
        upstreamFailed(kind)
    }

    /// The attempt cannot go on.
    final func upstreamFailed(_ kind: FailureKind) {
        guard let name = attempt.upstream?.name else { return }
        let isOurs = upstream?.failsForLackOfDescriptors ?? false
        // What has come of it says enough.
        if let refusal = response.refusal, !isOurs { return judge(refusal) }
        let failure = machine.upstreamFailed(kind, isOurs: isOurs, isUploadAwaited: isUploadAwaited)
        judge(failure)
        dropUpstream()
        switch failure.recovery {
        case .nothing: break
        case .retryOnFreshConnection: retryOnFreshConnection(isCounted: true)
        case .tryNextEndpoint:
            response.reset()
            failover.hasFailed()
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

    /// What it means that an attempt brought no answer, or not all of one.
    private func judge(_ failure: ExchangeStateMachine.Failure) {
        guard case .failure(let kind) = failure.outcome else { return }
        let place: Finding.Place = machine.isCommitted ? .afterCommit : response.status == nil ? .head : .beforeContent
        attempt.verdict = VerdictTable.verdict(
            on: Finding(
                operation: request.operationSent, status: response.status ?? 0, place: place,
                sign: kind.sign(hasHead: response.status != nil)))
    }

    /// The proxy makes no tunnel to a plain endpoint, and is asked to forward the request instead.
    final func upstreamRefusedTunnel(_ connection: UpstreamConnection) {
        guard connection === upstream else { return }
        retryOnFreshConnection()
    }

    /// The idle connection had died of age, or said so.
    ///
    /// - Parameter isCounted: the endpoint may have got the request, and have counted it
    final func retryOnFreshConnection(isCounted: Bool = false) {
        dropUpstream()
        guard let target = attempt.upstream, let url = attempt.url else { return }
        guard !isCounted || target.conditions == nil || failover.countsAgain(at: target) else {
            return moveOn(from: target)
        }
        attempt.restart()
        response.reset()
        connect(target, url, now: .now())
    }

    /// The request would go to the endpoint once more, which its limit does not let happen.
    private func moveOn(from target: Upstream) {
        guard machine.upstreamFailed(.closed, isOurs: true, isUploadAwaited: false).recovery == .tryNextEndpoint else {
            return
        }
        response.reset()
        failover.hasFailed()
        finishAttempt(.neutral, reason: "closed, and its limit is used up")
        tryNextEndpoint()
    }

    /// Closes the upstream connection: it is in the middle of something.
    final func dropUpstream() {
        let connection = upstream
        upstream = nil
        connection?.close()
    }

    /// - Parameter concludes: the request ends with it, and its report with the request's
    final func finishAttempt(
        _ outcome: AttemptOutcome, reason: String? = nil, concludes: Bool = false, at end: Moment = .now
    ) {
        guard let target = attempt.end() else { return }
        loop.shared.slots.ended(target.load, at: target.id)
        failover.finish(
            attempt, at: target, of: request, outcome, reason: reason, concludes: concludes,
            isCommitted: machine.isCommitted, end: end, on: loop)
    }
}
