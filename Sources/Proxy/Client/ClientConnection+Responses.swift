internal import HTTPWire
internal import NIOCore
internal import NIOPosix
internal import Ranking
internal import Support

/// Passing the endpoint's answer to the client.
extension ClientConnection {
    /// From this size on, data is sent from where it lies instead of being copied next to its neighbours.
    private static let gatherThreshold = 16 * 1024
    /// Most bytes of an event stream held while its first event is incomplete.
    private static let holdLimit = 64 * 1024
    private static let informationalLimit = 16

    var takesMoreResponse: Bool { isWritable }

    func upstreamRead(_ connection: UpstreamConnection, _ buffer: ByteBuffer) {
        guard connection === upstream, attempt != nil else { return connection.close() }
        lastResponseRead = .now()
        switch responsePhase {
        case .awaitingHead:
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
        case .held, .streaming: readResponseBody(buffer, from: 0)
        case .none, .connecting, .handshaking, .delivering: upstreamFailed(.badResponse)
        }
    }

    func upstreamReadComplete() {
        flush()
    }

    // MARK: Heads

    private func keepPartialHead(_ buffer: ByteBuffer, from consumed: Int?) {
        guard let consumed, responsePhase == .awaitingHead, consumed < buffer.readableBytes else { return }
        var rest = buffer
        rest.moveReaderIndex(forwardBy: consumed)
        response.input.clear()
        response.input.writeImmutableBuffer(rest)
    }

    /// - Returns: how much was consumed where a head is still awaited, nil where the bytes have been dealt with.
    private func readResponseHead(_ buffer: ByteBuffer) -> Int? {
        var offset = 0
        while responsePhase == .awaitingHead {
            let source = upstream
            let finding = buffer.withUnsafeReadableBytes { all -> Int? in
                guard offset < all.count else { return nil }
                return parseResponseHead(all.slice(offset..<all.count))
            }
            // A refused answer may have sent the request on already: its body must not be read as the next one's head.
            guard upstream === source, attempt != nil else { return nil }
            guard let length = finding else { return offset }
            offset += length
            response.scanner = HeadEndScanner()
        }
        if responsePhase == .held { readResponseBody(buffer, from: offset) }
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
                guard passInformational(bytes) else {
                    upstreamFailed(.badResponse)
                    return nil
                }
            } else if loop.responseHead.isRequestEcho {
                // The request as the endpoint got it, with its key.
                upstreamFailed(.badResponse)
                return nil
            } else {
                judge(bytes)
            }
            return length
        } catch {
            upstreamFailed(.badResponse)
            return nil
        }
    }

    /// 100 was answered here already, 101 was never asked for, others are the client's.
    private func passInformational(_ bytes: UnsafeRawBufferPointer) -> Bool {
        response.informational += 1
        guard loop.responseHead.status != 101, response.informational <= Self.informationalLimit else { return false }
        guard loop.responseHead.status != 100, request.minorVersion == 1 else { return true }
        writeResponseHead(bytes, framing: .none, closes: false)
        writeOutput()
        return true
    }

    private func judge(_ bytes: UnsafeRawBufferPointer) {
        let status = loop.responseHead.status
        if let upstream, upstream.isForwarded {
            if status == 407 { return upstreamFailed(.proxy(.credentialsRefused)) }
            if upstream.url.isRefusedAgain(status) { return upstreamFailed(.proxy(.refused(status: status))) }
        }
        attempt?.status = status
        if RequestLifecycle.callsForFailover(status) {
            attempt?.retryAfter = RateLimitHint.wait(loop.responseHead, bytes, unixTime: Double(WallClock.wholeSeconds))
        }
        let credentialIsClients = attempt?.upstream.forwardsClientCredential ?? false
        let isLast = RequestLifecycle.mayBeTheAnswer(status) && !hasNextCandidate
        // The endpoint has waited long enough for the rest of the request.
        let isClients = (status == 408 || status == 504) && isUploadAwaited
        if isClients { attempt?.isClientsFault = true }
        let verdict = lifecycle.responded(
            status: status, credentialIsClients: credentialIsClients, isLast: isLast,
            wasReused: upstream?.isReused ?? false, isClients: isClients)
        switch verdict {
        case .forward: hold(bytes)
        case .retryOnFreshConnection: retryOnFreshConnection()
        case .tryNextEndpoint:
            let outcome = currentOutcome(status: status)
            dropUpstream()
            finishAttempt(outcome, reason: "status \(status)")
            responsePhase = .none
            response.reset()
            tryNextEndpoint()
        }
    }

    private func currentOutcome(status: Int) -> AttemptOutcome {
        guard attempt?.isClientsFault != true else { return .neutral }
        return RequestLifecycle.outcome(
            status: status, timeToFirstByte: request.kind == .inference ? attempt?.timeToFirstByte : nil,
            retryAfter: attempt?.retryAfter, credentialIsClients: attempt?.upstream.forwardsClientCredential ?? false)
    }

    /// Prepares the client's head; it goes out with the first body byte.
    private func hold(_ bytes: UnsafeRawBufferPointer) {
        response.reader = BodyReader(loop.responseHead.framing)
        response.isEventStream = loop.responseHead.isEventStream
        response.isEncoded = loop.responseHead.isEncoded
        response.waitsForEvent =
            response.isEventStream && !response.isEncoded && loop.responseHead.status == 200
            && loop.responseHead.framing != .none
        response.firstEvent = FirstEventScanner()
        response.eventPosition = EventStreamPosition()
        response.status = loop.responseHead.status
        response.upstreamKeepsAlive = loop.responseHead.keepsAlive
        if request.teaches, loop.responseHead.status == 404 || loop.responseHead.status == 405 {
            attempt?.saysUnknownPath = UnknownPath.isMeant(status: loop.responseHead.status, body: nil)
            response.isJudged = !loop.responseHead.isEncoded
        }
        let framing: BodyFraming
        switch loop.responseHead.framing {
        case .none:
            let announces = request.isHEAD || loop.responseHead.status == 304
            framing = announces ? loop.responseHead.announcedLength.map(BodyFraming.length) ?? .none : .none
            response.framing = .none
        case .length(let length):
            framing = .length(length)
            response.framing = framing
        case .chunked, .untilClose:
            framing = request.minorVersion == 1 ? .chunked : .untilClose
            response.framing = framing
        }
        response.closesClient =
            !request.keepsAlive || framing == .untilClose || phase == .body || clientHasFinished
            || loop.shared.isDraining
        writeResponseHead(bytes, framing: framing, closes: response.closesClient)
        swap(&response.held, &loop.output)
        responsePhase = .held
        arm(attempt?.upstream.waits.streamIdle ?? .seconds(120), from: lastResponseRead)
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

    // MARK: Bodies

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
            if isSound || lifecycle.isCommitted { passBody(buffer, total: total, isComplete: isComplete) }
            if isComplete {
                if offset < buffer.readableBytes { response.upstreamKeepsAlive = false }
                // A stream of events without one is no answer, however properly it ends.
                if response.waitsForEvent { return upstreamFailed(.badResponse) }
                return responseCompleted()
            }
        }
        if !isSound {
            upstreamFailed(.badResponse)
        } else if total > 0, isWritable {
            armStreamIdle(from: lastResponseRead)
        }
    }

    func armStreamIdle(from now: NIODeadline) {
        if let target = attempt?.upstream { arm(target.waits.streamIdle, from: now) }
    }

    /// Passes the data at `loop.dataRanges` on: behind the held head where it is the first, at once or held itself.
    private func passBody(_ buffer: ByteBuffer, total: Int, isComplete: Bool) {
        let buffer = withoutSecrets(buffer)
        response.bytesDown += total
        if response.isEventStream { noteEventPosition(buffer) }
        if responsePhase == .held {
            swap(&loop.output, &response.held)
        } else {
            loop.output.clear()
        }
        let isChunked = response.framing == .chunked
        if isChunked, total > 0 { loop.output.writeChunkSize(total) }
        let awaitedEvent = response.waitsForEvent
        if awaitedEvent, firstEventIsComplete(buffer) { response.waitsForEvent = false }
        let ends = isComplete && !response.waitsForEvent
        let isHeldBack = responsePhase == .held && response.waitsForEvent && (isComplete || isWorthHolding(total))
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

    /// Whether what came before the first event is kept from the client: as long as another endpoint may be asked instead.
    private func isWorthHolding(_ total: Int) -> Bool {
        loop.output.readableBytes + total <= Self.holdLimit && lifecycle.canReplay && hasNextCandidate
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

    /// - Parameter awaitedEvent: no event of the stream had come before this piece
    private func commitIfHeld(_ buffer: ByteBuffer, isComplete: Bool, awaitedEvent: Bool) {
        let wasHeld = responsePhase == .held
        if wasHeld {
            if response.isJudged { judgePath(buffer) }
            commit()
        }
        // Comments before the first event are no answer yet.
        if !isComplete, !response.waitsForEvent, wasHeld || awaitedEvent { reportFirstByte() }
    }

    /// The end of this answer may be minutes away; what its beginning says about the endpoint is known now.
    private func reportFirstByte() {
        guard let target = attempt?.upstream, request.kind != .lookup,
            case .success(let time?) = currentOutcome(status: response.status ?? 0)
        else { return }
        attempt?.wasAnswered = true
        tellUntold(failedEverywhere: false)
        loop.events.attemptAnswered(target.id, time, .now)
    }

    private func judgePath(_ buffer: ByteBuffer) {
        let status = response.status ?? 0
        buffer.withUnsafeReadableBytes { bytes in
            let range = loop.dataRanges.first ?? 0..<0
            attempt?.saysUnknownPath = UnknownPath.isMeant(status: status, body: bytes.slice(range))
        }
    }

    private func commit() {
        responsePhase = .streaming
        lifecycle.committed()
        // The answer may go on for minutes, and nobody will be sent the request again.
        replay.removeAll()
        response.firstSent = attempt?.firstByte
    }

    private func firstEventIsComplete(_ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { bytes in
            loop.dataRanges.contains { response.firstEvent.scan(bytes.slice($0)) }
        }
    }

    // MARK: Ends

    /// The endpoint's answer is complete.
    func responseCompleted() {
        if response.reader.endsWithConnection { finishUntilClose() }
        if responsePhase == .held { passEmptyBody() }
        let outcome = currentOutcome(status: response.status ?? 0)
        // Not the clock anew: what was read last ended the response.
        let end = Moment(deadline: lastResponseRead, instant: .now)
        releaseUpstream(now: end.deadline)
        let closes = response.closesClient || phase == .body
        guard queuedByteCount == 0 else {
            finishAttempt(outcome, at: end)
            return deliver(closes: closes)
        }
        finishAttempt(outcome, concludes: true, at: end)
        finishRequest(.completed, closes: closes, at: end)
    }

    /// The end of the connection was the body's end.
    private func finishUntilClose() {
        loop.output.clear()
        if responsePhase == .held { swap(&loop.output, &response.held) }
        if response.framing == .chunked { loop.output.writeStaticString("0\r\n\r\n") }
        if responsePhase == .held { commit() }
        if loop.output.readableBytes > 0 { writeOutput() }
    }

    private func passEmptyBody() {
        swap(&loop.output, &response.held)
        commit()
        writeOutput()
    }

    private func releaseUpstream(now: NIODeadline) {
        guard let connection = upstream.take(), let target = attempt?.upstream else { return }
        guard response.upstreamKeepsAlive, phase == .responding, now - connection.opened < loop.connectionAge,
            // An early answer: what is left of this request would come before the next one.
            !connection.hasUnsentBytes(afterWriting: request.bytesUp),
            // Each long request would leave one more behind.
            !unproven.avoidsResting || !loop.hasResting(connection.url)
        else { return connection.close() }
        connection.detach()
        loop.rest(connection, until: now + target.waits.idleConnection)
    }
}
