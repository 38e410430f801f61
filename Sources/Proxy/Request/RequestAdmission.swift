internal import HTTPWire
internal import LLMWire
internal import Support

/// Decides from a request's head alone whether it goes to an endpoint.
///
/// One walk through the fields finds what the proxy has to know; the questions come after it, so that the least trusted is refused first
/// and is told least: a page in a browser first, then clients without a token, then everything that is wrong with the request.
struct RequestAdmission {
    private let admitsEveryone: Bool
    private var tokenMatches = false
    private var presentedToken = false
    private var crossSite: CrossSiteRequest?
    private var ownHops = 0
    private var asksForEcho = false

    /// Reads the head in `loop.requestHead` and writes down what `request` has to remember of it.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, on loop: LoopContext, of request: CurrentRequest) {
        admitsEveryone = loop.routing.tokens.admitsEveryone
        // A client that knows a token is no page of another origin; beyond loopback the operator has chosen to serve everybody.
        let guardsAgainstPages = admitsEveryone && loop.routing.isLoopback
        request.requestID = .generated(loop.nextRequestID())
        var namesAnthropic = false
        for index in 0..<loop.requestHead.fields.count {
            let line = loop.requestHead.fields[index]
            switch line.known {
            case .host where guardsAgainstPages:
                // Nearly all of them, without counting references to the lists.
                if BrowserRules.isUsual(bytes.slice(line.value)) { continue }
                if !loop.routing.browserRules.admits(host: bytes.slice(line.value)) { crossSite = .host }
            case .origin:
                let origin = bytes.slice(line.value)
                if guardsAgainstPages, !loop.routing.browserRules.admits(origin: origin) { crossSite = .origin }
                if loop.routing.browserRules.sharesAnswers(withOrigin: origin, onLoopback: loop.routing.isLoopback) {
                    request.origin = line.value
                }
            case .via: ownHops += ViaHops.ofOurs(bytes.slice(line.value))
            case .xHops: request.hops = max(request.hops, bytes.slice(line.value).decimalNumber ?? 0)
            case .methodOverride: asksForEcho = asksForEcho || Self.asksForEcho(bytes.slice(line.value))
            case .anthropicVersion: namesAnthropic = true
            case .contentEncoding: request.noteCoding(bytes.slice(line.value))
            case .xRequestID where Self.isUsableID(bytes.slice(line.value)): request.requestID = .received(line.value)
            case .sessionID: request.noteSession(line.value, nameLength: line.name.count)
            case .authorization, .xAPIKey, .credential:
                guard !admitsEveryone else { continue }
                presentedToken = true
                switch loop.routing.tokens.match(ClientTokens.presented(in: bytes.slice(line.value))) {
                case .none: break
                case .unnamed: tokenMatches = true
                case .client(let client):
                    tokenMatches = true
                    request.client = client
                }
            case .podiumTag: request.noteTag(line.value)
            default: break
            }
        }
        if tokenMatches { request.admittedBy = loop.routing.tokens }
        if crossSite != nil { request.origin = nil }
        Self.remember(bytes, namesAnthropic: namesAnthropic, on: loop, in: request)
    }

    @inline(__always)
    private static func remember(
        _ bytes: UnsafeRawBufferPointer, namesAnthropic: Bool, on loop: LoopContext, in request: CurrentRequest
    ) {
        let target = loop.requestHead.pathAndQuery
        request.pathRange =
            target.lowerBound..<(loop.requestPathEnd ?? target.lowerBound + RequestPath.scan(bytes.slice(target)).end)
        request.api = RequestAPI(path: bytes.slice(request.pathRange), namesAnthropicVersion: namesAnthropic)
        let asked = request.api == .openAI ? OpenAIAPI.asked(by: bytes.slice(request.pathRange)) : nil
        request.openAIAPI = asked?.api
        // Nearly all requests, without a walk through the list.
        let isPOST = loop.requestHead.method.count == 4 && bytes.begins(with: "POST")
        request.operation =
            isPOST && bytes.slice(request.pathRange).equals("/v1/messages")
            ? .inference(.messages)
            : operation(method: bytes.slice(loop.requestHead.method), path: bytes.slice(request.pathRange))
        request.teaches = asked?.isRoot == true && request.operation.isInference
        request.methodLength = loop.requestHead.method.upperBound
        request.minorVersion = loop.requestHead.minorVersion
        request.isHEAD = loop.requestHead.isHEAD
        request.framing = loop.requestHead.framing
        request.body = BodyReader(request.framing)
    }

    /// What the path asks for, as the server that routes it may read it: many undo escapes first, and some take capitals for small letters.
    /// Otherwise what a client may not do would be open to it in another spelling.
    private static func operation(method: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer) -> LLMOperation {
        let written = LLMOperation(method: method, path: path)
        guard written == .other, path.contains(where: { $0 == UInt8(ascii: "%") || 0x41...0x5A ~= $0 }) else {
            return written
        }
        let text = PercentEncoding.decodeLeniently(String(decoding: path, as: UTF8.self)).lowercased()
        return Array(text.utf8).withUnsafeBytes { LLMOperation(method: method, path: $0) }
    }

    /// Codex asks for a WebSocket first, and takes 426 alone as the hint to go on with HTTP at once. Such a request is not counted.
    static func isToldToUseHTTP(path: Range<Int>, _ bytes: UnsafeRawBufferPointer, on loop: LoopContext) -> Bool {
        guard loop.requestHead.asksForWebSocket else { return false }
        let path = bytes.slice(path)
        return path.equals("/v1/responses") || path.equals("/responses") || path.equals("/backend-api/codex/responses")
    }

    /// The answer for a request that goes to no endpoint.
    ///
    /// - Parameter hasOrigin: it comes from a page that may read the answer
    @inline(__always)
    func refusal(
        path: Range<Int>, hops: Int, hasOrigin: Bool, client: NamedClient?, _ bytes: UnsafeRawBufferPointer,
        on loop: LoopContext
    ) -> LocalAnswer? {
        if hasOrigin, crossSite == nil, CrossOrigin.isPreflight(loop.requestHead, bytes) {
            return CrossOrigin.preflightAnswer(loop.requestHead, bytes)
        }
        if !admitsEveryone, !tokenMatches {
            let message = presentedToken ? "the client token is not known here" : "a client token is required"
            return LocalAnswer(status: 401, message: message)
        }
        if let crossSite { return crossSite.answer }
        if let client, let refusal = client.refusal { return refusal }
        let ownHops = max(ownHops, hops)
        if ownHops > ViaHops.limit {
            return LocalAnswer(status: 508, message: "this request has come by here \(ownHops) times before")
        }
        if asksForEcho || Self.asksForEcho(bytes.slice(loop.requestHead.method)) { return Self.echoRefusal }
        if ReservedPath.contains(bytes.slice(path)) {
            return LocalAnswer(status: 404, message: "this path is Podium's own, and not served here")
        }
        switch loop.requestHead.targetForm {
        case .authority: return LocalAnswer(status: 501, message: "CONNECT is not served here")
        case .asterisk: return LocalAnswer(status: 501, message: "OPTIONS * is not served here")
        case .origin, .absolute: break
        }
        if !loop.requestPathIsPlain, RequestPath.holdsDotSegment(bytes.slice(path)) {
            return LocalAnswer(status: 400, message: "the path holds a dot segment (. or ..), plain or encoded")
        }
        if loop.requestHead.asksForWebSocket {
            return LocalAnswer(status: 501, message: "WebSocket is not served here; use HTTP streaming")
        }
        // Last, since it counts the request.
        return client?.admit()
    }

    /// `TRACE` and `TRACK` are answered with the request as it came, and it came with the endpoint's key.
    private static func asksForEcho(_ method: UnsafeRawBufferPointer) -> Bool {
        method.equalsIgnoringCase("trace") || method.equalsIgnoringCase("track")
    }

    private static let echoRefusal = LocalAnswer(
        status: 405, message: "this method is not served here",
        fields: "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n")

    private static func isUsableID(_ value: UnsafeRawBufferPointer) -> Bool {
        (1...128).contains(value.count) && value.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}

/// Finds requests that go in a circle: an endpoint's URL may lead back here by ways that no configuration shows.
enum ViaHops {
    /// The name under which this proxy stands in `Via`.
    private static let pseudonym: StaticString = "podium"
    /// More visits than these are a circle; a chain of several Podiums is not.
    static let limit = 8

    /// How often the value of a `Via` field (`1.1 podium, HTTP/1.1 other (comment)`) names this proxy.
    static func ofOurs(_ value: UnsafeRawBufferPointer) -> Int {
        var count = 0
        value.forEachListElement { hop in
            let end = hop.firstIndex(of: UInt8(ascii: "(")) ?? hop.count
            let words = hop.slice(0..<end).trimmed
            let nameStart = words.lastIndex { $0 == 0x20 || $0 == 0x09 }.map { $0 + 1 } ?? words.count
            if words.slice(nameStart..<words.count).equalsIgnoringCase(pseudonym) { count += 1 }
            return true
        }
        return count
    }
}
