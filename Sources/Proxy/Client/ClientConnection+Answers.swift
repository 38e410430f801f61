internal import HTTPWire
internal import NIOCore
internal import Ranking

/// What the proxy says itself, and how requests and connections end.
extension ClientConnection {
    /// How long a client may be silent before it has closed, and how long it may go on sending what nobody reads.
    private static let lingering = (silence: TimeAmount.seconds(5), total: TimeAmount.seconds(30))
    /// Endpoints that a 503 accounts for by name.
    private static let namedFailures = 8

    /// Answers what could not be understood as a request. The place in the stream is lost with it.
    ///
    /// - Parameter api: the one that was asked, as far as that was understood
    func refuse(_ refusal: LocalAnswer, api: RequestAPI) {
        loop.events.clientRejected(
            ClientRejection(
                clientAddress: clientAddress?.ipAddress ?? "", status: refusal.status, reason: refusal.message))
        write(refusal.render(api: api, requestID: "", closes: true, minorVersion: 1, omitsBody: false))
        closeAfterWrites()
    }

    /// Answers the running request instead of an endpoint.
    func answer(_ answer: LocalAnswer) {
        let closes = phase == .body || !request.keepsAlive || clientHasFinished || loop.shared.isDraining
        response.status = answer.status
        needsDispatch = false
        var answer = answer
        if let origin = request.origin {
            answer.fields += request.bytes.withUnsafeReadableBytes { CrossOrigin.fields(for: $0.slice(origin)) }
        }
        write(
            answer.render(
                api: request.api, requestID: request.requestIDText, closes: closes,
                minorVersion: request.minorVersion, omitsBody: request.isHEAD))
        finishRequest(.answeredLocally, closes: closes)
    }

    /// No endpoint is left.
    func answerExhausted(_ table: RoutingTable) {
        tellUntold(failedEverywhere: true)
        if request.failures.isEmpty, request.passedOver, !request.foundURL, table.earliestRecovery == nil,
            let api = request.openAIAPI
        {
            // The truth about the path; a 503 would be tried again and again.
            let message =
                "no endpoint serves \(api.path); they speak \(api.other.path), "
                + "as their openai_preference says (auto forgets what was learned)"
            return answer(LocalAnswer(status: 404, message: message))
        }
        if !request.foundURL, !table.served.isEmpty, !table.served.contains(ServedAPIs(request.api)) {
            return answer(LocalAnswer(status: 404, message: "no endpoint has a URL for this path"))
        }
        // Their own words were let go while there still seemed to be another endpoint.
        if lifecycle.wasOnlyRefused {
            return answer(LocalAnswer(status: 502, message: "every endpoint refused this request (\(failureList))"))
        }
        let message: String
        if !request.failures.isEmpty {
            message = "no endpoint could answer (\(failureList))"
        } else if !request.foundURL, !table.candidates.isEmpty {
            // Those that are out or switched off are not in the table, whatever they serve.
            message = "no endpoint that has a URL for this API is available"
        } else {
            message = "no endpoint is available"
        }
        answer(LocalAnswer(status: 503, message: message, retryAfter: retryAfter(table)))
    }

    private var failureList: String {
        var list = request.failures.prefix(Self.namedFailures).map { "\($0.name): \($0.reason)" }
        let unnamed = request.failures.count - list.count
        if unnamed > 0 { list.append("and \(unnamed) more") }
        return list.joined(separator: "; ")
    }

    /// Whole seconds until the first endpoint may be tried again: of those left out, or of those just tried.
    private func retryAfter(_ table: RoutingTable) -> Int? {
        let now = ContinuousClock.now
        var waits: [Duration] = []
        if let recovery = table.earliestRecovery { waits.append(recovery - now) }
        for attempt in [request.firstAttempt].compactMap({ $0 }) + request.furtherAttempts {
            if case .rateLimited(let wait) = attempt.outcome { waits.append(wait - (now - attempt.at)) }
        }
        guard let shortest = waits.min() else { return 1 }
        let components = shortest.components
        return max(1, Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0))
    }

    /// The client stopped sending its body.
    func clientStalled() {
        guard !lifecycle.isCommitted else { return abort(.clientTimeout) }
        dropUpstream()
        finishAttempt(.neutral)
        answer(LocalAnswer(status: 408, message: "the request body did not arrive in time"))
    }

    /// The client's body broke the rules of its framing.
    func answerBrokenBody() {
        dropUpstream()
        finishAttempt(.neutral)
        guard !lifecycle.isCommitted else { return abort(.clientClosed) }
        request.keepsAlive = false
        answer(LocalAnswer(status: 400, message: "malformed chunked body"))
    }

    /// The endpoint died after the client had begun to read: an event stream says so, then it ends without an end.
    func breakResponse(_ message: String) {
        let isSaid = writeErrorEvent(message)
        endRequest(.brokenStream)
        // Where the connection's end is the body's end (HTTP/1.0) and nothing was said in words, only a reset says that something is
        // missing; what the kernel has not sent yet is lost with it.
        guard response.framing == .untilClose, !isSaid else { return closeAfterWrites() }
        flushNow()
        resetOnClose()
        context?.close(promise: nil)
    }

    /// - Returns: whether there was a place for it: not in what is encoded or counted, nor within an event where the API's error
    ///   would become a part of it.
    private func writeErrorEvent(_ message: String) -> Bool {
        guard
            let event = LocalAnswer(status: 502, message: message).event(
                api: request.api, path: request.path, requestID: request.requestIDText, at: response.eventPosition.place
            )
        else { return false }
        return writeIntoStream(event)
    }

    // MARK: Ends

    /// The response is complete: goes on with the next request, or closes.
    func finishRequest(_ ending: RequestReport.Ending, closes: Bool, at end: Moment = .now) {
        endRequest(ending, at: end)
        sendEnd()
        if closes { return closeAfterWrites() }
        phase = .resting
        flush()
        guard phase == .resting else { return }
        if !isWritable {
            watchClient(from: end.deadline)
        } else if input.readableBytes == 0, !isProcessing {
            arm(loop.shared.waits.idle, from: end.deadline)
        }
        goOnWithInput()
    }

    /// The answer is complete and the client is behind: the request has not ended before the kernel has taken all of it.
    func deliver(closes: Bool) {
        guard let context else { return }
        responsePhase = .delivering
        watchClient(from: .now())
        sendEnd()
        flushNow()
        let serial = request.serial
        let written = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        written.futureResult.whenSuccess { bound.value.delivered(serial, closes: closes) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    private func delivered(_ serial: UInt64, closes: Bool) {
        guard responsePhase == .delivering, request.isRunning, request.serial == serial else { return }
        finishRequest(.completed, closes: closes)
    }

    // MARK: Clients that have said FIN

    /// Finds out whether somebody waits for the answer, which a FIN does not say: the client may have gone, or may only have
    /// nothing more to ask.
    ///
    /// - Returns: whether the request goes on
    @discardableResult
    func clientMayListen() -> Bool {
        switch loop.routing.halfClose {
        case .serve: return true
        case .probe where responsePhase == .streaming || request.minorVersion == 1: break
        case .probe, .cancel:
            abort(.clientClosed)
            return false
        }
        // Bytes that every client passes over. The system of one that has gone answers them with a reset.
        if responsePhase == .streaming {
            if response.eventPosition.place == .betweenEvents { _ = writeIntoStream(":\n\n") }
        } else {
            write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
        }
        flush()
        return phase != .closed
    }

    /// - Returns: whether readable bytes can be put into the answer
    private func writeIntoStream(_ text: String) -> Bool {
        guard response.isEventStream, !response.isEncoded,
            response.framing == .chunked || response.framing == .untilClose
        else { return false }
        loop.output.clear()
        if response.framing == .chunked { loop.output.writeChunkSize(text.utf8.count) }
        loop.output.writeString(text)
        if response.framing == .chunked { loop.output.writeStaticString("\r\n") }
        writeOutput()
        return true
    }

    /// Takes up what was read, or may be read, behind an answer.
    func goOnWithInput() {
        processInput()
        if inputIsClosed, !isProcessing { inputEnded() }
        resumeInput()
    }

    /// Reports the running request, if there is one, and lets go of all that belongs to it.
    func endRequest(_ ending: RequestReport.Ending, at end: Moment = .now) {
        guard request.isRunning else { return }
        request.isRunning = false
        needsDispatch = false
        if attempt != nil {
            dropUpstream()
            finishAttempt(.neutral, concludes: true, at: end)
        }
        tellUntold(failedEverywhere: false)
        let report = RequestReport(
            status: response.status, api: request.api,
            endpoint: lifecycle.isCommitted ? (request.furtherAttempts.last ?? request.firstAttempt)?.endpoint : nil,
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
        responsePhase = .none
        request.table = nil
    }

    /// Sends what is written, says FIN, and waits for the client to close: closing at once could destroy the answer
    /// on its way (RFC 9112 §9.6).
    func closeAfterWrites() {
        guard phase != .closed, let context else { return }
        phase = .lingering
        input = ByteBuffer()
        watchClient(from: .now())
        flushNow()
        let written = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in bound.value.everythingIsWritten() }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
        resumeInput()
    }

    private func everythingIsWritten() {
        guard phase == .lingering, let context else { return }
        let now = NIODeadline.now()
        let isStopping = loop.shared.isDraining
        lingersUntil = now + (isStopping ? Self.patienceWhileStopping : Self.lingering.total)
        if inputIsClosed { return context.close(promise: nil) }
        arm(isStopping ? Self.patienceWhileStopping : Self.lingering.silence, from: now)
        context.close(mode: .output, promise: nil)
    }

    /// A client that sends on while the connection lingers has not read the answer yet: closed now, it could lose it.
    func clientGoesOn() {
        guard let lingersUntil else { return }
        let now = NIODeadline.now()
        arm(min(Self.lingering.silence, lingersUntil - now), from: now)
    }
}
