internal import HTTPWire
internal import NIOCore

/// Reading requests.
extension ClientConnection {
    /// Requests sent ahead are kept up to here; then reading stops until the running one is answered.
    private static let pipelineLimit = 64 * 1024
    /// Bodies up to here are kept behind their head instead of in a buffer of their own.
    private static let inlineBodyLimit = 8 * 1024

    var takesMoreInput: Bool {
        switch phase {
        case .lingering, .closed: return true
        case .resting, .head: return isWritable
        case .responding: return input.readableBytes < Self.pipelineLimit
        case .body:
            guard attempt?.isFlowing == true else { return bufferedBody < loop.shared.options.replayLimit }
            return upstream?.isWritable ?? false
        }
    }

    var bufferedBody: Int { replay.count + request.inlineBodyLength }

    func received(_ buffer: ByteBuffer) {
        if phase == .lingering { return clientGoesOn() }
        if input.readableBytes > 0 || isProcessing {
            input.writeImmutableBuffer(buffer)
            if !isProcessing { processInput() }
            return
        }
        let consumed = process(buffer)
        if consumed < buffer.readableBytes, phase != .closed, phase != .lingering {
            var rest = buffer
            rest.moveReaderIndex(forwardBy: consumed)
            // A copy: the buffer goes back to the loop.
            input.clear()
            input.writeImmutableBuffer(rest)
        }
    }

    /// Goes on with what was read before.
    func processInput() {
        guard !isProcessing, input.readableBytes > 0 else { return }
        var taken = ByteBuffer()
        swap(&taken, &input)
        let consumed = process(taken)
        guard phase != .closed, phase != .lingering else { return }
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
                switch phase {
                case .resting, .head:
                    // Whoever does not take the answers gets no more of them: they would pile up here.
                    guard isWritable else { return offset }
                    guard offset < bytes.count else {
                        // Answered without waiting for anybody.
                        arm(loop.shared.waits.idle, from: .now())
                        return offset
                    }
                    guard let length = readHead(bytes.slice(offset..<bytes.count)) else { return offset }
                    offset += length
                case .body:
                    offset = readBody(bytes, from: offset, of: buffer)
                    dispatchIfNeeded()
                    if phase == .body { return offset }
                case .responding:
                    dispatchIfNeeded()
                    if phase == .responding { return offset }
                case .lingering, .closed: return bytes.count
                }
            }
        }
    }

    // MARK: Heads

    private func readHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let limits = loop.shared.options.limits
        if phase == .head {
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
        if phase == .resting {
            phase = .head
            headScanner = HeadEndScanner()
            arm(loop.shared.waits.header, from: .now())
        }
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
        lifecycle = RequestLifecycle()
        response.reset()
        responsePhase = .none
        var tokenMatches = false
        var presentedToken = false
        var foreign: ForeignRequest?
        var visits = 0
        var asksForEcho = false
        loop.learnRouting()
        request.table = loop.routing.table
        let admitsEveryone = loop.routing.tokens.admitsEveryone
        // A token is more than a page of somebody else's can know; beyond loopback the operator has asked for no questions.
        let guardsAgainstPages = admitsEveryone && loop.routing.isLoopback
        request.requestID = .generated(loop.nextRequestID())
        var namesAnthropic = false
        for index in 0..<loop.requestHead.fields.count {
            let line = loop.requestHead.fields[index]
            switch line.known {
            case .host where guardsAgainstPages:
                // Nearly all of them, without counting references to the lists.
                if BrowserRules.isUsual(bytes.slice(line.value)) { continue }
                if !loop.routing.pages.admits(host: bytes.slice(line.value)) { foreign = .host }
            case .origin:
                let origin = bytes.slice(line.value)
                if guardsAgainstPages, !loop.routing.pages.admits(origin: origin) { foreign = .origin }
                if loop.routing.pages.sharesAnswers(withOrigin: origin, onLoopback: loop.routing.isLoopback) {
                    request.origin = line.value
                }
            case .via: visits += ViaHops.ofOurs(bytes.slice(line.value))
            case .xHops: request.hops = max(request.hops, bytes.slice(line.value).decimalNumber ?? 0)
            case .methodOverride: asksForEcho = asksForEcho || Self.asksForEcho(bytes.slice(line.value))
            case .anthropicVersion: namesAnthropic = true
            case .xRequestID where Self.isUsableID(bytes.slice(line.value)): request.requestID = .received(line.value)
            case .authorization, .xAPIKey, .credential:
                guard !admitsEveryone else { continue }
                presentedToken = true
                if loop.routing.tokens.contain(ClientTokens.presented(in: bytes.slice(line.value))) {
                    tokenMatches = true
                }
            default: break
            }
        }
        if foreign != nil { request.origin = nil }
        rememberHead(bytes, namesAnthropic: namesAnthropic)
        if loop.requestHead.asksForWebSocket, isResponsesAPI(bytes.slice(request.pathRange)) {
            return sendToHTTP()
        }
        phase = .body
        loop.requestStarted()
        if request.origin != nil, foreign == nil, CrossOrigin.isPreflight(loop.requestHead, bytes) {
            return answer(CrossOrigin.preflightAnswer(loop.requestHead, bytes))
        }
        if !admitsEveryone, !tokenMatches {
            let message = presentedToken ? "the client token is not known here" : "a client token is required"
            return answer(LocalAnswer(status: 401, message: message))
        }
        if let foreign { return answer(foreign.answer) }
        visits = max(visits, request.hops)
        if visits > ViaHops.limit {
            return answer(LocalAnswer(status: 508, message: "this request has come by here \(visits) times before"))
        }
        if asksForEcho || Self.asksForEcho(bytes.slice(loop.requestHead.method)) { return answer(Self.echoRefusal) }
        if let refusal = refusal(bytes) { return answer(refusal) }
        needsDispatch = true
    }

    private func rememberHead(_ bytes: UnsafeRawBufferPointer, namesAnthropic: Bool) {
        let target = loop.requestHead.pathAndQuery
        request.pathRange =
            target.lowerBound..<(loop.requestPathEnd ?? target.lowerBound + RequestPath.scan(bytes.slice(target)).end)
        request.api = RequestAPI(path: bytes.slice(request.pathRange), namesAnthropicVersion: namesAnthropic)
        let asked = request.api == .openAI ? OpenAIAPI.asked(by: bytes.slice(request.pathRange)) : nil
        request.openAIAPI = asked?.api
        request.kind = RequestKind(
            method: bytes.slice(loop.requestHead.method), path: bytes.slice(request.pathRange))
        request.teaches = asked?.isRoot == true && request.kind == .inference
        request.methodLength = loop.requestHead.method.upperBound
        request.minorVersion = loop.requestHead.minorVersion
        request.isHEAD = loop.requestHead.isHEAD
        request.keepsAlive = loop.requestHead.keepsAlive
        request.framing = loop.requestHead.framing
        bodyReader = BodyReader(request.framing)
    }

    private func refusal(_ bytes: UnsafeRawBufferPointer) -> LocalAnswer? {
        if ReservedPath.contains(bytes.slice(request.pathRange)) {
            return LocalAnswer(status: 404, message: "this path is Podium's own, and not served here")
        }
        switch loop.requestHead.targetForm {
        case .authority: return LocalAnswer(status: 501, message: "CONNECT is not served here")
        case .asterisk: return LocalAnswer(status: 501, message: "OPTIONS * is not served here")
        case .origin, .absolute: break
        }
        if !loop.requestPathIsPlain, RequestPath.holdsDotSegment(bytes.slice(request.pathRange)) {
            return LocalAnswer(status: 400, message: "the path holds a dot segment (. or ..), plain or encoded")
        }
        if loop.requestHead.asksForWebSocket {
            return LocalAnswer(status: 501, message: "WebSocket is not served here; use HTTP streaming")
        }
        return nil
    }

    /// `TRACE` and `TRACK` are answered with the request as it came, and it came with the endpoint's key.
    private static func asksForEcho(_ method: UnsafeRawBufferPointer) -> Bool {
        method.equalsIgnoringCase("trace") || method.equalsIgnoringCase("track")
    }

    private static let echoRefusal = LocalAnswer(
        status: 405, message: "this method is not served here",
        fields: "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n")

    private func isResponsesAPI(_ path: UnsafeRawBufferPointer) -> Bool {
        path.equals("/v1/responses") || path.equals("/responses") || path.equals("/backend-api/codex/responses")
    }

    /// Codex asks for a WebSocket first, and takes 426 alone for the word to go on with HTTP at once. It is no request that anybody
    /// would count.
    private func sendToHTTP() {
        request.isRunning = false
        let answer = LocalAnswer(status: 426, message: "WebSocket is not served here; use HTTP streaming")
        write(answer.render(api: .openAI, requestID: "", closes: true, minorVersion: 1, omitsBody: false))
        closeAfterWrites()
    }

    private static func isUsableID(_ value: UnsafeRawBufferPointer) -> Bool {
        (1...128).contains(value.count) && value.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    // MARK: Bodies

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
                if phase != .body { return offset }
            }
        } catch {
            answerBrokenBody()
            return offset
        }
        bodyCompleted()
        return offset
    }

    private func acceptBody(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, of buffer: ByteBuffer) {
        request.bytesUp += range.count
        let isFlowing = attempt?.isFlowing ?? false
        // What no endpoint has been sent yet is all here, however much it is.
        if isFlowing, lifecycle.canReplay, bufferedBody + range.count > loop.shared.options.replayLimit {
            lifecycle.replayOverflowed()
            replay.removeAll()
        }
        if lifecycle.canReplay {
            if replay.count == 0, request.inlineBodyLength + range.count <= Self.inlineBodyLimit {
                request.bytes.append(bytes)
            } else if let slice = buffer.getSlice(at: buffer.readerIndex + range.lowerBound, length: range.count) {
                replay.append(slice)
            }
        }
        if isFlowing, let slice = buffer.getSlice(at: buffer.readerIndex + range.lowerBound, length: range.count) {
            sendBody(slice)
        }
    }

    /// Everything that was read has been dealt with, and the body goes on.
    private func bodyPaused(gotBytes: Bool) {
        if loop.requestHeadOwner == request.serial, loop.requestHead.expectsContinue, request.bytesUp == 0,
            needsDispatch
        {
            write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
            flush()
        }
        if gotBytes || needsDispatch, isClientsTurn { awaitClient(from: .now()) }
        // Last: the write may fail at once and another attempt begin.
        if attempt?.isFlowing ?? false { upstream?.flush() }
    }

    /// Whether the client is waited for. Otherwise the endpoint is, whose time is running: until it can be spoken to, or until
    /// it takes more.
    private var isClientsTurn: Bool {
        attempt?.isFlowing == true ? upstream?.isWritable != false : responsePhase == .none
    }

    private func bodyCompleted() {
        phase = .responding
        lifecycle.requestCompleted()
        guard let target = attempt?.upstream, attempt?.isFlowing == true else { return }
        if attempt?.sendsChunks == true { sendLastChunk() }
        // The time that the client took is not the endpoint's.
        if attempt?.firstByte == nil { attempt?.requestWritten = .now() }
        if responsePhase == .awaitingHead { awaitUpstream(target.waits.responseHeader, from: .now()) }
        // Last: the write may fail at once and another attempt begin.
        upstream?.flush()
    }

    private func dispatchIfNeeded() {
        guard needsDispatch else { return }
        needsDispatch = false
        // Dispatched in the call that read the head.
        tryNextEndpoint(now: request.started)
    }
}
