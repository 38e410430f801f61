internal import HTTPWire
internal import NIOCore
internal import Ranking

/// Walking the ranking: choosing an endpoint, sending it the request, learning from the outcome.
extension ClientConnection {
    /// Goes to the next endpoint of the routing table that serves this API, or gives up.
    ///
    /// - Parameter now: where the caller has just read the clock
    func tryNextEndpoint(now: NIODeadline? = nil) {
        guard let table = request.table else { return }
        while request.nextCandidate < table.candidates.count {
            let target = table.candidates[request.nextCandidate].upstream
            let gate = table.candidates[request.nextCandidate].gate
            request.nextCandidate += 1
            guard let url = target.url(for: request.api) else { continue }
            if let api = request.openAIAPI, target.lacks == api {
                request.passedOver = true
                continue
            }
            request.foundURL = true
            if gate == .probation {
                if mayWaitForBody {
                    // A slow client would keep the only place for as long as it takes.
                    request.nextCandidate -= 1
                    return waitForBody()
                }
                if !lifecycle.requestIsComplete, hasNextCandidate { continue }
                if lifecycle.requestIsComplete, !loop.events.admitProbation(target.id) { continue }
            }
            startAttempt(target, url, now: now ?? .now())
            return
        }
        answerExhausted(table)
    }

    /// Whether the walk has an endpoint left, which then may still turn out to be on a trial of somebody else's.
    var hasNextCandidate: Bool {
        guard let table = request.table else { return false }
        return table.candidates[request.nextCandidate...].contains { candidate in
            guard candidate.upstream.url(for: request.api) != nil else { return false }
            return request.openAIAPI == nil || candidate.upstream.lacks != request.openAIAPI
        }
    }

    /// Whether the rest of the request may be read before anybody is asked.
    private var mayWaitForBody: Bool {
        !lifecycle.requestIsComplete && phase == .body && bufferedBody < loop.shared.options.replayLimit
    }

    private func waitForBody() {
        needsDispatch = true
        arm(loop.shared.waits.progress, from: .now())
        resumeInput()
    }

    private func startAttempt(_ target: Upstream, _ url: UpstreamURL, now: NIODeadline) {
        guard !inputIsClosed || clientMayListen() else { return }
        attempt = CurrentAttempt(upstream: target, url: url, started: now)
        lifecycle.attemptStarted()
        target.load.attemptStarted()
        unproven = UnprovenConnection()
        unproven.avoidsResting = mayOutgrowReplay
        if !unproven.avoidsResting, let resting = loop.takeResting(url, now: now) {
            upstream = resting
            resting.attach(self)
            sendRequest(resting, to: target, url, now: now)
        } else {
            connect(target, url, now: now)
        }
    }

    /// Whether the body is longer than what is kept of it, or may become so: then nothing could be sent again should a kept
    /// connection turn out to have died.
    private var mayOutgrowReplay: Bool {
        let limit = loop.shared.options.replayLimit
        switch request.framing {
        case .length(let length): return length > limit
        case .chunked: return !lifecycle.requestIsComplete || bufferedBody > limit
        case .none, .untilClose: return false
        }
    }

    private func connect(_ target: Upstream, _ url: UpstreamURL, now: NIODeadline) {
        responsePhase = .connecting
        arm(target.waits.connect, from: now)
        // Known before it can fail: a connect may be refused at once, and the next attempt runs within this call.
        let connection = UpstreamConnection(url: url, tls: target.tls, loop: loop, client: self, now: now)
        upstream = connection
        UpstreamConnector.open(connection, of: target, on: loop)
    }

    // MARK: Sending the request

    func upstreamIsHandshaking(_ connection: UpstreamConnection) {
        guard connection === upstream, responsePhase == .connecting, let attempt else { return }
        responsePhase = .handshaking
        arm(attempt.upstream.waits.tlsHandshake, from: .now())
    }

    func upstreamIsReady(_ connection: UpstreamConnection) {
        guard connection === upstream, let target = attempt?.upstream, let url = attempt?.url else {
            return connection.close()
        }
        sendRequest(connection, to: target, url, now: .now())
    }

    private func sendRequest(
        _ connection: UpstreamConnection, to target: Upstream, _ url: UpstreamURL, now: NIODeadline
    ) {
        let bodyLength = request.inlineBodyLength + replay.count
        let framing: BodyFraming =
            request.framing == .chunked && lifecycle.requestIsComplete && lifecycle.canReplay
            ? .length(bodyLength) : request.framing
        attempt?.sendsChunks = framing == .chunked
        writeRequestHead(for: target, url, framing: framing, isForwarded: connection.isForwarded)
        unproven.bytesSent = loop.output.readableBytes + bodyLength
        writeBufferedBody(connection, inChunks: framing == .chunked)
        attempt?.isFlowing = true
        if lifecycle.requestIsComplete { attempt?.requestWritten = now }
        unproven.headWritten = now
        if bufferedBody > loop.shared.options.replayLimit {
            lifecycle.replayOverflowed()
            replay.removeAll()
        }
        if framing == .chunked, lifecycle.requestIsComplete { sendLastChunk() }
        responsePhase = .awaitingHead
        response.scanner = HeadEndScanner()
        if lifecycle.requestIsComplete {
            awaitUpstream(target.waits.responseHeader, from: now)
        } else {
            arm(loop.shared.waits.progress, from: now)
        }
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
    func sendBody(_ bytes: ByteBuffer) {
        guard let upstream, let sendsChunks = attempt?.sendsChunks else { return }
        unproven.bytesSent += bytes.readableBytes
        if sendsChunks { writeChunk(bytes, to: upstream) } else { upstream.write(bytes) }
    }

    func sendLastChunk() {
        upstream?.write(ByteBuffer(staticString: "0\r\n\r\n"))
    }

    func upstreamWritabilityChanged(isWritable: Bool) {
        guard phase == .body, let attempt, attempt.isFlowing else { return }
        // Whoever holds the body up has to answer for it.
        if isWritable {
            awaitClient(from: .now())
            resumeInput()
        } else {
            awaitUpstream(attempt.upstream.waits.streamIdle, from: .now())
        }
    }

    // MARK: Kept connections that lead nowhere

    /// How long a kept connection may take to confirm that it leads anywhere.
    private static let confirmation = TimeAmount.seconds(1)

    /// Arms the endpoint's time. On a kept connection a look at its state comes first, by the same deadline: a firewall, a
    /// gateway or a machine that went away without a word would cost all of that time.
    func awaitUpstream(_ patience: TimeAmount, from now: NIODeadline) {
        guard upstream?.isReused == true, patience > Self.confirmation else { return arm(patience, from: now) }
        unproven.patienceEnds = now + patience
        arm(Self.confirmation, from: now)
    }

    /// Arms the time of a client that owes the rest of its request.
    func awaitClient(from now: NIODeadline) {
        unproven.patienceEnds = nil
        arm(loop.shared.waits.progress, from: now)
    }

    /// The deadline was for a look.
    ///
    /// - Returns: whether the request goes on.
    func lookedAtUpstream(now: NIODeadline) -> Bool {
        guard let attempt, let patienceEnds = unproven.patienceEnds, responsePhase == .awaitingHead else {
            return false
        }
        unproven.patienceEnds = nil
        if attempt.firstByte == nil, let upstream,
            upstream.confirmsNothing(
                of: unproven.bytesSent, isExact: !attempt.url.usesTLS && !attempt.sendsChunks,
                writtenBefore: now - unproven.headWritten),
            lifecycle.connectionWasStale()
        {
            self.upstream = nil
            upstream.abandon()
            // Those that rest go the same way, and would cost the next requests as much.
            loop.closeResting(to: upstream.url)
            retryOnFreshConnection()
            return true
        }
        guard patienceEnds > now else { return false }
        arm(patienceEnds - now, from: now)
        return true
    }

    // MARK: Outcomes

    /// - Parameter endsByReset: the end was an error, not a FIN
    func upstreamClosed(_ connection: UpstreamConnection, _ kind: FailureKind, endsByReset: Bool) {
        guard connection === upstream else { return }
        let isProperEnd =
            (responsePhase == .streaming || responsePhase == .held) && !response.waitsForEvent
        if isProperEnd, response.reader.endsWithConnection, kind == .closed, !endsByReset {
            upstream = nil
            lastResponseRead = .now()
            responseCompleted()
            return
        }
        upstreamFailed(kind)
    }

    /// The attempt cannot go on.
    func upstreamFailed(_ kind: FailureKind) {
        guard let attempt else { return }
        let wasReused = upstream?.isReused ?? false
        let isOurFault = upstream?.failsForLackOfDescriptors ?? false
        // An endpoint that has waited long enough for the client's next bytes hangs up.
        let isClients =
            kind == .closed && (isUploadAwaited || attempt.wasHeldUp || responsePhase == .streaming && !isWritable)
        let recovery = lifecycle.upstreamFailed(kind, wasReused: wasReused, sawResponse: attempt.firstByte != nil)
        dropUpstream()
        switch recovery {
        case .retryOnFreshConnection: retryOnFreshConnection()
        case .tryNextEndpoint:
            response.reset()
            if isOurFault {
                finishAttempt(.neutral, reason: "no file descriptor left here")
            } else {
                finishAttempt(isClients ? .neutral : .failure(kind), reason: kind.text)
            }
            responsePhase = .none
            tryNextEndpoint()
        case .answerBadGateway:
            finishAttempt(isClients ? .neutral : .failure(kind), reason: kind.text)
            tellUntold(failedEverywhere: !hasNextCandidate)
            let status = kind == .timeout ? 504 : 502
            answer(LocalAnswer(status: status, message: "endpoint \(attempt.upstream.name): \(kind.text)"))
        case .breakResponse:
            // Where no event had come, it is no answer that broke off.
            let failure = response.waitsForEvent ? kind : .brokenStream
            finishAttempt(isClients ? .neutral : .failure(failure), reason: kind.text)
            breakResponse("endpoint \(attempt.upstream.name): \(kind.text) in mid-stream")
        }
    }

    /// The proxy makes no tunnel to a plain endpoint, and is asked to forward the request instead.
    func upstreamRefusedTunnel(_ connection: UpstreamConnection) {
        guard connection === upstream else { return }
        retryOnFreshConnection()
    }

    /// The kept connection had died of age, or said so.
    func retryOnFreshConnection() {
        dropUpstream()
        guard let (target, url) = attempt.map({ ($0.upstream, $0.url) }) else { return }
        attempt?.isFlowing = false
        attempt?.requestWritten = nil
        unproven.patienceEnds = nil
        attempt?.firstByte = nil
        attempt?.status = nil
        attempt?.retryAfter = nil
        response.reset()
        connect(target, url, now: .now())
    }

    /// Closes the upstream connection: it is in the middle of something.
    func dropUpstream() {
        let connection = upstream
        upstream = nil
        connection?.close()
    }

    /// The endpoint has taken all that the client has sent so far, and the client is not done.
    var isUploadAwaited: Bool {
        phase == .body && attempt?.isFlowing == true && upstream?.isWritable == true
    }

    private func detection(of attempt: CurrentAttempt, _ outcome: AttemptOutcome) -> APIDetection? {
        guard request.teaches, let api = request.openAIAPI, let status = attempt.status else { return nil }
        switch outcome {
        case .success, .declined: break
        case .failure, .rateLimited, .misconfigured, .neutral: return nil
        }
        return APIDetection(api, status: status, saysUnknownPath: attempt.saysUnknownPath)
    }

    /// - Parameter concludes: the request ends with it, and its report with the request's
    func finishAttempt(
        _ outcome: AttemptOutcome, reason: String? = nil, concludes: Bool = false, at end: Moment = .now
    ) {
        guard let attempt = attempt.take() else { return }
        attempt.upstream.load.attemptEnded()
        if let reason { request.failures.append((attempt.upstream.name, reason)) }
        let isEvidence = RequestLifecycle.isEvidence(
            outcome, of: request.kind, credentialIsClients: attempt.upstream.forwardsClientCredential)
        var report = AttemptReport(
            endpoint: attempt.upstream.id, outcome: outcome, status: attempt.status,
            timeToFirstByte: attempt.timeToFirstByte, duration: Duration(end.deadline - attempt.started),
            ended: end.report, wasAnswered: attempt.wasAnswered, detection: detection(of: attempt, outcome),
            isEvidence: isEvidence)
        let isAlike = mayBeRequests(report)
        if concludes {
            tellUntold(failedEverywhere: isAlike && !hasNextCandidate)
            if isAlike, !hasNextCandidate { report.failedEverywhere = request.fingerprint }
        } else if isAlike {
            request.untold.append(report)
        } else {
            settleUntold(report)
            loop.events.attemptFinished(report)
        }
        if request.firstAttempt == nil {
            request.firstAttempt = report
        } else {
            request.furtherAttempts.append(report)
        }
        request.isConcludedByAttempt = concludes
    }

    /// Whether the request may have brought it about, and has met nothing else so far.
    private func mayBeRequests(_ report: AttemptReport) -> Bool {
        guard report.isEvidence, RequestLifecycle.mayBeRequests(report.outcome) else { return false }
        // After the commit point nobody else is asked.
        if case .failure = report.outcome, lifecycle.isCommitted { return false }
        guard let first = request.untold.first else { return true }
        return ErrorKind(first.outcome, status: first.status) == ErrorKind(report.outcome, status: report.status)
    }

    /// What an attempt says about the failures before it.
    private func settleUntold(_ report: AttemptReport) {
        switch report.outcome {
        // It says nothing about the request.
        case .neutral, .rateLimited: break
        case .failure(let kind) where kind.isUnreachable: break
        case .success, .declined, .misconfigured, .failure: tellUntold(failedEverywhere: false)
        }
    }

    /// Tells the ranking of the failures that were kept back.
    ///
    /// - Parameter failedEverywhere: no endpoint that the request was sent to did otherwise
    func tellUntold(failedEverywhere: Bool) {
        guard !request.untold.isEmpty else { return }
        let fingerprint = failedEverywhere ? request.fingerprint : nil
        for var report in request.untold {
            report.failedEverywhere = fingerprint
            loop.events.attemptFinished(report)
        }
        request.untold = []
    }
}

extension ByteBuffer {
    /// The same as `writeBytes`, which goes a long way round for a few bytes.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        writeInPlace(atMost: bytes.count) { target in
            target.copyMemory(from: bytes)
            return bytes.count
        }
    }

    mutating func writeChunkSize(_ size: Int) {
        writeInPlace(atMost: 20) { target in
            var writer = WireWriter(target)
            writer.write(hexadecimal: UInt64(size))
            writer.write("\r\n")
            return writer.count
        }
    }

    /// The same as `writeWithUnsafeMutableBytes`, without the slice of a slice that it makes of the storage first.
    ///
    /// - Parameters:
    ///   - bound: bytes that there is room for
    ///   - body: fills the beginning of what it gets, and returns how many bytes it has written
    @inline(__always)
    mutating func writeInPlace(atMost bound: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
        reserveCapacity(minimumWritableBytes: bound)
        let start = writerIndex
        let count = withVeryUnsafeMutableBytes { storage in
            guard let base = storage.baseAddress else { return 0 }
            return body(UnsafeMutableRawBufferPointer(start: base + start, count: storage.count - start))
        }
        moveWriterIndex(forwardBy: count)
    }
}
