internal import HTTPWire
internal import LLMWire
internal import NIOCore
internal import Ranking
internal import Support
internal import Verdicts

/// One client connection with the requests that run on it, one after the other; this is the answer's side of it: what an endpoint answers is
/// judged, held, passed on or left for the next endpoint, and the request is reported.
///
/// How a request gets to an endpoint is the business of the class below, `RequestConnection`.
final class ClientConnection: RequestConnection {
    /// From this size on, data is sent from where it lies instead of being copied next to its neighbours.
    private static let gatherThreshold = 16 * 1024

    // MARK: The answer's head

    override var takesMoreResponse: Bool { machine.client.isWritable }

    override func upstreamRead(_ connection: UpstreamConnection, _ buffer: ByteBuffer) {
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

    override func upstreamReadComplete() {
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
        let isPage =
            loop.responseHead.media == .page && status < 300 && loop.responseHead.framing != .none
            && request.operation.isInference
        let isStream =
            loop.responseHead.isEventStream && !loop.responseHead.isEncoded && loop.responseHead.framing != .none
        switch machine.answered(status, isPage: isPage, isStream: isStream, isUploadAwaited: isUploadAwaited) {
        case .forward:
            // Neither a success nor a failure.
            if status >= 300 {
                attempt.verdict = VerdictTable.verdict(on: Finding(operation: request.operationSent, status: status))
            }
            response.begin(bytes, to: request.operationSent, makesID: status < 300 && request.makes.0, on: loop)
            if let change = request.modelChange, change.isRestored, status < 300 {
                response.restoresModel(change, of: request.operation, on: loop)
            }
            if request.asksForUsage, status < 300 { response.hidesUsage(on: loop) }
            if let conversion = request.conversion, status < 300 {
                guard response.converts(by: conversion.plan, on: loop) else { return upstreamFailed(.badResponse) }
            }
            hold(bytes)
        case .readRefusal:
            guard let target = attempt.upstream, let url = attempt.url else { return }
            machine.refusalMayKeepUpstream(loop.responseHead.keepsAlive)
            response.begin(bytes, to: request.operationSent, on: loop)
            response.beginRefusal(
                of: target, url, head: bytes.slice(0..<loop.responseHead.end), isConverted: request.conversion != nil)
            arm(.refusalBody, from: response.lastRead)
        case .retryOnFreshConnection: retryOnFreshConnection(isCounted: true)
        case .fail: upstreamFailed(.badResponse)
        }
    }

    /// What the ranking learns of an endpoint that has answered.
    ///
    /// - Parameter isFinished: the answer is complete
    private func outcome(isFinished: Bool) -> AttemptOutcome {
        if machine.attempt.isClientsFault { return .neutral }
        let sample = sample(isFinished: isFinished)
        if let verdict = attempt.verdict {
            return verdict.outcome(sample, isWithin: (attempt.status ?? 0) < 300, model: request.model)
        }
        return .success(sample)
    }

    /// What the endpoint is measured by: the first content of a stream, or the end of an answer that is none. A stream that cannot be looked
    /// into measures nothing: when its first byte comes says how its server speaks, not how fast it is.
    private func sample(isFinished: Bool) -> ResponseSample? {
        guard request.operation.isInference, let begin = attempt.requestWritten else { return nil }
        if response.isEventStream || response.gate.isStream {
            return attempt.timeToFirstContent.map { ResponseSample($0, kind: .stream, model: response.gate.model) }
        }
        guard isFinished, !machine.attempt.wasHeldUp else { return nil }
        return ResponseSample(Duration(response.lastRead - begin), kind: .whole, model: response.gate.model)
    }

    /// Prepares the client's head; it goes out with the first body byte.
    private func hold(_ bytes: UnsafeRawBufferPointer) {
        let status = loop.responseHead.status
        let framing = loop.responseHead.framing
        // How long a body becomes that is changed on its way is not known before its end.
        let head = AnswerState.Head(
            status: status, framing: response.isRewritten ? .chunked : framing,
            announcedLength: framing == .none ? loop.responseHead.announcedLength : nil,
            keepsAlive: loop.responseHead.keepsAlive, isJudged: response.gate.isLooking && status < 300)
        let named = machine.answerHeld(head, inputIsEmpty: inputIsEmpty, isStopping: loop.shared.isDraining)
        if machine.clientHasHead {
            loop.output.clear()
        } else {
            writeResponseHead(bytes, framing: named.framing, closes: named.closes)
            if head.isJudged, response.isEventStream, machine.requestIsComplete {
                armKeepalive(since: attempt.requestWritten ?? response.lastRead)
            }
        }
        response.holdHead(on: loop)
        arm(.answerBody, from: response.lastRead)
    }

    /// - Parameter begin: when the client was sent something last, or began to wait
    private func armKeepalive(since begin: NIODeadline) {
        let interval = loop.routing.keepalive
        armKeepalive(at: begin + (interval > .zero ? min(interval, AnswerState.timeLimit) : AnswerState.timeLimit))
    }

    override func keepaliveIsDue(now: NIODeadline) {
        // A stream under a content coding takes no comment: what has come of it is the sign of life.
        let isOverdue =
            response.isEventStream && response.isEncoded && response.bytesDown > 0
            || attempt.requestWritten.map { now - $0 >= AnswerState.timeLimit } ?? false
        let isReadable = response.isReadableStream && loop.routing.keepalive > .zero
        switch machine.keepaliveIsDue(isReadableStream: isReadable, isOverdue: isOverdue) {
        case .nothing: guard machine.state.isRunning, !machine.isCommitted else { return }
        case .everything:
            response.exchangeHeld(on: loop)
            commit()
            writeOutput()
        case .headAndComment:
            response.takeHead(on: loop)
            writeOutput()
            writeIntoStream(":\n\n")
        case .comment: writeIntoStream(":\n\n")
        }
        armKeepalive(since: now)
        flush()
    }

    /// Fills `loop.output` with the client's head.
    private func writeResponseHead(_ bytes: UnsafeRawBufferPointer, framing: BodyFraming, closes: Bool) {
        guard let target = attempt.upstream, let url = attempt.url else { return }
        CurrentResponse.writeHead(
            bytes, of: request, from: target, url, framing: framing, closes: closes,
            contentType: response.converter?.contentType, on: loop)
    }

    // MARK: The answer's body

    private func readResponseBody(_ buffer: ByteBuffer, from start: Int) {
        let piece = response.read(buffer, from: start, on: loop)
        if let refusal = response.refusal { return read(refusal, piece, of: buffer) }
        if piece.count > 0 || piece.isLast {
            if piece.isSound || machine.isCommitted { take(piece, of: buffer) }
            guard attempt.isRunning, machine.state == .buffered || machine.state == .streaming else { return }
            if piece.isLast { return bodyEnded() }
        }
        if !piece.isSound {
            upstreamFailed(.badResponse)
        } else if piece.count > 0 {
            arm(machine.waitForMoreAnswer, from: response.lastRead)
        }
    }

    /// Looks into a piece of the body and passes it on, or holds it as long as it says nothing.
    @inline(__always)
    private func take(_ piece: CurrentResponse.Piece, of buffer: ByteBuffer) {
        response.look(into: buffer, isLast: piece.isLast, on: loop)
        if response.gate.takeContent() { attempt.contentCame(at: response.lastRead) }
        let awaitedContent = machine.answer.waitsForContent
        if awaitedContent, response.gate.hasOutput { machine.contentCame() }
        if piece.isLast, piece.end < buffer.readableBytes { machine.answerWasTooLong() }
        let isWhole = piece.isLast && !machine.answer.waitsForContent && !response.gate.isBrokenOff
        if let converter = response.converter {
            passConverted(by: converter, of: buffer, isComplete: isWhole, awaitedContent: awaitedContent)
        } else if response.isRewritten, let rewritten = response.rewrite(buffer, isLast: piece.isLast, on: loop) {
            passBody(
                rewritten, total: rewritten.readableBytes, isComplete: isWhole, awaitedContent: awaitedContent)
            loop.giveBack(rewritten)
        } else {
            passBody(buffer, total: piece.count, isComplete: isWhole, awaitedContent: awaitedContent)
        }
        if !piece.isLast, machine.state == .buffered, response.gate.hasFailed { judgeHeld(isFinished: false) }
    }

    /// A document in the client's API comes at the end, and nothing before it.
    private func passConverted(
        by converter: ConvertedAnswer, of buffer: ByteBuffer, isComplete: Bool, awaitedContent: Bool
    ) {
        let converted = converter.convert(buffer, &loop.dataRanges, isLast: isComplete)
        if converter.isNonsense {
            // An error that it names before anything else is judged by what it says.
            if machine.state == .buffered, machine.answer.waitsForContent, response.gate.hasFailed { return }
            return upstreamFailed(.badResponse)
        }
        let count = converted.readableBytes
        guard count > 0 || isComplete else { return }
        passBody(converted, total: count, isComplete: isComplete, awaitedContent: awaitedContent)
    }

    /// The body has come to its end.
    override func bodyEnded() {
        if let refusal = response.refusal {
            refusal.isWhole = true
            return judge(refusal)
        }
        if response.endsWithConnection { response.bodyEnded() }
        if machine.answer.waitsForContent {
            // Nothing was said at all, however properly it ended.
            return machine.state == .buffered ? judgeHeld(isFinished: true) : upstreamFailed(.badResponse)
        }
        // An answer without its end is never passed off as whole: a tool that trusts the end would write half a file.
        if response.gate.isBrokenOff, machine.isCommitted || response.converter != nil {
            if response.gate.wouldHaveMovedOn { loop.shared.shadowed() }
            return upstreamFailed(.brokenStream)
        }
        responseCompleted()
    }

    /// Passes the data at `loop.dataRanges` on: behind the held head where it is the first, at once or held itself.
    ///
    /// - Parameter awaitedContent: nothing had been said before this piece
    private func passBody(_ buffer: ByteBuffer, total: Int, isComplete: Bool, awaitedContent: Bool) {
        response.pass(buffer, count: total, on: loop)
        if machine.state == .buffered {
            response.exchangeHeld(on: loop)
        } else {
            loop.output.clear()
        }
        let isChunked = machine.answer.framing == .chunked
        if isChunked, total > 0 { loop.output.writeChunkSize(total) }
        let isHeldBack = machine.holds(
            length: loop.output.readableBytes + total, events: response.gate.eventCount)
        if total >= Self.gatherThreshold, loop.dataRanges.count <= Self.maximumPieces, !isHeldBack {
            commitIfHeld(isComplete: isComplete, awaitedContent: awaitedContent)
            let tail: StaticString = isChunked ? isComplete ? "\r\n0\r\n\r\n" : "\r\n" : ""
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
        if isComplete, isChunked { loop.output.writeStaticString("0\r\n\r\n") }
        commitIfHeld(isComplete: isComplete, awaitedContent: awaitedContent)
        if isComplete { outputEndsAnswer() } else { writeOutput(mayLeaveAtOnce: true) }
    }

    /// - Parameter awaitedContent: nothing had been said before this piece
    @inline(__always)
    private func commitIfHeld(isComplete: Bool, awaitedContent: Bool) {
        let passage = machine.answerPasses(isLast: isComplete, awaitedContent: awaitedContent)
        if passage.commits { answerBegan() }
        if passage.tellsRanking { reportFirstByte() }
    }

    private func commit() {
        machine.committed()
        answerBegan()
    }

    /// The answer may go on for minutes, and no other endpoint will be sent the request.
    private func answerBegan() {
        if let target = attempt.upstream, let status = response.status, status < 300 {
            failover.answerBegan(at: target, of: request, on: loop)
            noteMade(by: target.id)
        }
        request.forgetBody(on: loop)
        response.firstSent = attempt.firstByte
    }

    private func noteMade(by endpoint: EndpointID) {
        if let id = response.takeMadeID() { failover.noteMade(id, by: endpoint, of: request, on: loop) }
    }

    /// The end of this answer may be minutes away; what its beginning says about the endpoint is known now.
    private func reportFirstByte() {
        guard let target = attempt.upstream, request.operation.isInference, attempt.requestWritten != nil,
            case .success(let sample) = outcome(isFinished: false), !failover.first.looks(at: target.id)
        else { return }
        attempt.wasAnswered = true
        attempt.wasMeasured = sample != nil
        failover.tellUntold(of: request, failedEverywhere: false, on: loop)
        loop.events.attemptAnswered(target.id, AnswerBeginning(attempt.timeToFirstByte, sample), .now)
    }

    // MARK: Refusals

    private func read(_ refusal: Refusal, _ piece: CurrentResponse.Piece, of buffer: ByteBuffer) {
        refusal.take(buffer, loop.dataRanges)
        if piece.isLast {
            if piece.end < buffer.readableBytes { machine.answerWasTooLong() }
            return bodyEnded()
        }
        if !piece.isSound || refusal.isFull { judge(refusal) }
    }

    /// Enough of a refusal is here to say what it means.
    override func judge(_ refusal: Refusal) {
        let finding = refusal.finding(of: request.operationSent, unixTime: Double(WallClock.wholeSeconds))
        let verdict = VerdictTable.verdict(on: finding, rules: refusal.upstream.rules)
        let isWhole = refusal.isWhole
        refusal.judged(verdict, error: finding.error)
        attempt.verdict = verdict
        if loop.routing.repairs, isWhole, isRepaired(after: refusal, finding, verdict) { return }
        use(refusal, verdict, keepsConnection: isWhole)
    }

    /// The endpoint cannot read what another one has signed or encrypted in the request: it is asked again without that. No other endpoint
    /// could read it either, so that this is neither a failure nor a reason to move on.
    ///
    /// - Returns: whether it is asked again
    private func isRepaired(after refusal: Refusal, _ finding: Finding, _ verdict: Verdict) -> Bool {
        // The operator's own word on such a refusal goes before.
        guard verdict.reason != .rule, request.conversion == nil, refusal.isWhole, machine.requestIsComplete,
            machine.canReplay,
            let repair = RepairTable.repair(for: finding), request.repair(repair)
        else { return false }
        loop.shared.repaired()
        _ = machine.judged(isTheClients: false, isWhole: true, hasNext: true)
        let outcome = outcome(isFinished: true)
        releaseUpstream(now: response.lastRead)
        finishAttempt(outcome, reason: "\(verdict.words), \(repair.row)")
        response.reset()
        failover.asksOnceMore(refusal.upstream, refusal.url)
        tryNextEndpoint()
        return true
    }

    /// A success has come of which the client has nothing, and which is none: it names an error, or has ended without a word.
    private func judgeHeld(isFinished: Bool) {
        guard let target = attempt.upstream, let url = attempt.url else { return }
        let finding = response.finding(
            of: request.operationSent, isFinished: isFinished, place: .beforeContent,
            isCredentialClients: attempt.forwardsClientCredential)
        let verdict = VerdictTable.verdict(on: finding, rules: target.rules)
        if verdict.reason != .answered { attempt.verdict = verdict }
        // A model may have nothing to say. Where no endpoint has more, that is the client's answer.
        let isLastWord =
            verdict.reason == .empty && isFinished && response.gate.hasEnded && !failover.hasNext(for: request)
        // What is no answer in the client's API is told in its words.
        let isClients = verdict.client == .answer && response.converter?.isNonsense != true
        guard isClients || isLastWord else {
            let refusal = Refusal(of: target, url, status: response.status ?? 200)
            refusal.judged(verdict, error: response.gate.error)
            return use(refusal, verdict, keepsConnection: isFinished)
        }
        machine.contentCame()
        loop.dataRanges.removeAll(keepingCapacity: true)
        let isWhole = isFinished && !response.endsWithConnection
        if isWhole, let converter = response.converter {
            let serial = request.serial
            passConverted(by: converter, of: ByteBuffer(), isComplete: true, awaitedContent: true)
            // It may be none after all, so that another endpoint is asked.
            guard attempt.isRunning, request.serial == serial,
                machine.state == .buffered || machine.state == .streaming
            else { return }
        } else {
            passBody(ByteBuffer(), total: 0, isComplete: isWhole, awaitedContent: true)
        }
        if isFinished { responseCompleted() }
    }

    /// The client gets the refusal, or another endpoint is asked.
    private func use(_ refusal: Refusal, _ verdict: Verdict, keepsConnection: Bool) {
        let use = machine.judged(
            isTheClients: verdict.client == .answer, isWhole: refusal.isWhole, hasNext: failover.hasNext(for: request))
        switch use {
        case .forward: forward(refusal)
        case .tryNextEndpoint:
            let outcome = outcome(isFinished: true)
            failover.keep(refusal)
            let isAskedAgain = verdict.client == .retry && failover.asksAgain(refusal.upstream, refusal.url)
            if keepsConnection { releaseUpstream(now: response.lastRead) } else { dropUpstream() }
            finishAttempt(outcome, reason: verdict.words)
            response.reset()
            if isAskedAgain { park(until: .now() + loop.retryPause()) } else { tryNextEndpoint() }
        }
    }

    /// The refusal is the client's, as far as it has come; the rest follows.
    private func forward(_ refusal: Refusal) {
        response.forgetRefusal()
        switch machine.clientHasHead ? .worded(refusal.inWords) : refusal.content {
        case .worded(let words):
            let outcome = outcome(isFinished: true)
            dropUpstream()
            finishAttempt(outcome)
            answer(words)
        case .received(let head, let body):
            head.withUnsafeBytes { bytes in
                // Another head was read meanwhile. These bytes have been parsed before, so they parse again.
                let limits = loop.shared.options.limits
                guard (try? loop.responseHead.parse(bytes, toHEAD: request.isHEAD, limits: limits)) != nil else {
                    return
                }
                hold(bytes)
            }
            loop.dataRanges.removeAll(keepingCapacity: true)
            if body.readableBytes > 0 { loop.dataRanges.append(0..<body.readableBytes) }
            let isWhole = refusal.isWhole && !response.endsWithConnection
            if body.readableBytes > 0 || isWhole {
                passBody(body, total: body.readableBytes, isComplete: isWhole, awaitedContent: false)
            }
            if refusal.isWhole {
                responseCompleted()
            } else if upstream == nil {
                upstreamFailed(.closed)
            } else {
                arm(.answerBody)
            }
        }
    }

    /// The most telling of the refusals is the client's, where no endpoint had anything better.
    override func answer(_ refusal: Refusal) {
        if machine.clientHasHead { return answer(refusal.inWords) }
        let head: [UInt8]
        let body: ByteBuffer
        switch refusal.answer(retryAfter: failover.earliestWait(for: request)) {
        case .worded(let words): return answer(words)
        case .received(let receivedHead, let receivedBody): (head, body) = (receivedHead, receivedBody)
        }
        let closes = machine.closesAfterAnswer(inputIsEmpty: inputIsEmpty, isStopping: loop.shared.isDraining)
        head.withUnsafeBytes { bytes in
            let limits = loop.shared.options.limits
            guard (try? loop.responseHead.parse(bytes, toHEAD: request.isHEAD, limits: limits)) != nil else { return }
            let length = request.isHEAD ? loop.responseHead.announcedLength ?? 0 : body.readableBytes
            CurrentResponse.writeHead(
                bytes, of: request, from: refusal.upstream, refusal.url, framing: .length(length), closes: closes,
                on: loop)
        }
        body.withUnsafeReadableBytes { loop.output.append($0) }
        response.passed(refusal.status, count: body.readableBytes)
        writeOutput()
        let end = Moment.now
        endRequest(.completed, at: end)
        goOn(machine.answerEnded(closes: closes), at: end)
    }

    // MARK: The answer's end

    /// The endpoint's answer is complete.
    private func responseCompleted() {
        if response.endsWithConnection, !finishUntilClose() { return }
        if machine.state == .buffered { passEmptyBody() }
        if !response.gate.isGood {
            if response.gate.wouldHaveMovedOn { loop.shared.shadowed() }
            attempt.verdict = VerdictTable.verdict(
                on: response.finding(
                    of: request.operationSent, isFinished: true, place: .afterCommit,
                    isCredentialClients: attempt.forwardsClientCredential), rules: attempt.upstream?.rules ?? [])
        }
        if !machine.attempt.wasHeldUp {
            attempt.tokensPerSecond = attempt.secondsOfContent.flatMap(response.gate.tokensPerSecond)
        }
        let outcome = outcome(isFinished: true)
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
    ///
    /// - Returns: false where what has come is no whole answer
    private func finishUntilClose() -> Bool {
        let rest = response.rest()
        if response.converter?.isNonsense == true {
            upstreamFailed(.badResponse)
            return false
        }
        loop.output.clear()
        let wasHeld = machine.state == .buffered
        if wasHeld { response.exchangeHeld(on: loop) }
        if let rest, rest.readableBytes > 0 {
            let isChunked = machine.answer.framing == .chunked
            if isChunked { loop.output.writeChunkSize(rest.readableBytes) }
            loop.output.writeImmutableBuffer(rest)
            if isChunked { loop.output.writeStaticString("\r\n") }
        }
        if machine.answer.framing == .chunked { loop.output.writeStaticString("0\r\n\r\n") }
        if wasHeld { commit() }
        if loop.output.readableBytes > 0 { writeOutput() }
        return true
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
            hasUnsentBytes: connection.hasUnsentBytes(afterWriting: max(request.bytesUp, attempt.bytesSent)),
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
    override func breakResponse(_ message: String) {
        breakResponse(LocalAnswer(status: 502, message: message), at: response.place)
    }

    private func breakResponse(_ error: LocalAnswer, at place: EventStreamPosition.Place) {
        let event = error.event(
            api: request.api, path: request.path, requestID: request.requestIDText, at: place)
        // Not in what is encoded or counted, nor within an event where the API's error would become a part of it.
        let isSaid = response.converter?.hasSaidFailure == true || event.map(writeIntoStream) ?? false
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
    override func writeIntoStream(_ text: String) -> Bool {
        guard machine.clientHasHead || machine.answer.takesText(isReadableStream: response.isReadableStream) else {
            return false
        }
        CurrentResponse.writeText(text, framing: machine.answer.framing, on: loop)
        writeOutput()
        return true
    }

    // MARK: The end of a request

    /// Answers the running request instead of an endpoint.
    override func answer(_ answer: LocalAnswer) {
        if machine.clientHasHead {
            response.status = answer.status
            return breakResponse(answer, at: .betweenEvents)
        }
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
        loop.unpark(self)
        if attempt.isRunning {
            dropUpstream()
            finishAttempt(.neutral, concludes: true, at: end)
        }
        failover.tellUntold(of: request, failedEverywhere: false, on: loop)
        // The report says how long it waited, also of a client that went away in the line.
        failover.leaveLine(on: loop, now: end.deadline)
        let report = RequestReport(
            request, failover, attempt, response, isCommitted: machine.isCommitted,
            unsent: ending == .completed ? 0 : queuedByteCount, ending: ending, at: end, from: clientAddress)
        response.gate.stopDecoding()
        loop.requestEnded()
        loop.requestFinished(report)
        if let endpoint = report.endpoint { noteMade(by: endpoint) }
        failover.end(of: request, at: end.deadline, on: loop)
        request.forgetBody(on: loop)
    }
}
