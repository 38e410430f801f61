internal import Conversion
internal import HTTPWire
internal import Support

/// Writes the head an endpoint gets: the client's fields without what belongs to its own connection, with the
/// endpoint's credential and headers.
struct ForwardedRequestHead {
    let framing: BodyFraming
    let requestID: RequestID
    /// How many proxies of this kind the request has come by before.
    let hops: Int
    /// The tokens that admit clients here, where the endpoint would get the client's credentials: nil for all others.
    let tokens: ClientTokens?
    /// The answer has to be read: it is asked for without a content coding, whatever the client takes.
    var asksForPlainAnswer = false
    /// The body goes without the content coding that the client's has.
    var isDecoded = false
    /// The body is of another API than the client's.
    var isConverted = false
    /// Where it goes to a proxy that forwards it, the lines that are meant for that proxy; its target is the whole URL then.
    var linesForProxy: [UInt8]?

    /// Upper bound of what `write` needs.
    static func maximumLength(
        headLength: Int, _ upstream: Upstream, _ url: UpstreamURL, clientAddress: [UInt8]
    ) -> Int {
        headLength * 2 + url.base.bytes.count + url.authorityBytes.count
            + upstream.fixedHeaderLines.count + clientAddress.count + 512
    }

    private static let chatPath = Array(RequestConversion.path.utf8)
    private static let acceptEncoding = Array("accept-encoding".utf8)

    /// - Parameters:
    ///   - head: is left as it is; lent exclusively, so that its references need not be counted
    ///   - path: of its target, without the query
    @inline(__always)
    func write(
        _ head: inout RequestHead, _ bytes: UnsafeRawBufferPointer, path: Range<Int>, for upstream: Upstream,
        _ url: UpstreamURL, clientAddress: [UInt8], to writer: inout WireWriter
    ) {
        writer.write(bytes.slice(head.method))
        writer.write(" ")
        if linesForProxy != nil {
            writer.write("http://")
            writer.write(url.authorityBytes)
        }
        writeTarget(bytes.slice(head.pathAndQuery), path.count, upstream, url, to: &writer)
        writer.write(" HTTP/1.1\r\nHost: ")
        writer.write(url.authorityBytes)
        writer.write("\r\n")
        writer.write(upstream.fixedHeaderLines)
        if let linesForProxy { writer.write(linesForProxy) }
        let announced = writeClientFields(&head, bytes, for: upstream, to: &writer)
        let replaced = upstream.replacedFields
        // The operator's own word on it stands in the lines above.
        if asksForPlainAnswer, !upstream.overriddenNames.contains(Self.acceptEncoding) {
            writer.write("Accept-Encoding: identity\r\n")
        }
        if !replaced.contains(.requestID) { requestID.write(from: bytes, to: &writer) }
        writer.write("X-Hops: ")
        writer.write(decimal: hops + 1)
        writer.write("\r\n")
        if upstream.namesClients {
            writeForwarding(announced, clientAddress, replaced, &head, bytes, to: &writer)
        }
        writer.write(framing)
        writer.write("\r\n")
    }

    /// - Parameter queryStart: where the target's path ends
    @inline(__always)
    private func writeTarget(
        _ target: UnsafeRawBufferPointer, _ queryStart: Int, _ upstream: Upstream, _ url: UpstreamURL,
        to writer: inout WireWriter
    ) {
        if isConverted {
            return Self.chatPath.withUnsafeBytes { path in
                writer.write(url.base.bytes)
                writer.write(path.slice(url.base.overlap(with: path)..<path.count))
            }
        }
        let path = target.slice(0..<queryStart)
        writer.write(url.base.bytes)
        let rest = path.slice(url.base.overlap(with: path)..<path.count)
        writer.write(rest)
        if rest.isEmpty, url.base.bytes.isEmpty { writer.write("/") }
        guard queryStart + 1 < target.count else {
            // There is no query; a question mark alone is passed on as it is.
            writer.write(target.slice(queryStart..<target.count))
            return
        }
        let query = target.slice(queryStart + 1..<target.count)
        let first: StaticString = "?"
        if !upstream.forwardsClientCredential || tokens != nil, QueryFilter.applies(to: query, tokens: tokens) {
            return QueryFilter.write(query, tokens: tokens, first: first, to: &writer)
        }
        writer.write(first)
        writer.write(query)
    }

    /// What the client's fields say about where the request came from.
    private struct Announced {
        var host: Range<Int>?
        var forwardedHost: Range<Int>?
        var forwardedProto: Range<Int>?
        var hasVia = false
        var hasForwardedFor = false

        mutating func note(_ line: FieldLine) {
            switch line.known {
            case .host: host = host ?? line.value
            case .xForwardedHost: forwardedHost = forwardedHost ?? line.value
            case .xForwardedProto: forwardedProto = forwardedProto ?? line.value
            case .via: hasVia = true
            case .xForwardedFor: hasForwardedFor = true
            default: break
            }
        }
    }

    /// Fields that pass as they are and say nothing that is asked for later, unless a configured header or the Connection field
    /// has their name. One bit for each known field: most fields of most requests are decided by a look at it.
    private static let passing = KnownFields(allExcept: [
        .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te, .trailer, .upgrade,
        .webSocket, .transferEncoding, .contentLength, .host, .expect, .xRequestID, .xHops, .via, .xForwardedFor,
        .xForwardedProto, .xForwardedHost, .accessControl, .authorization, .xAPIKey, .credential, .cookie, .forwarding,
        .origin, .referer, .podiumTag,
    ])

    /// Copies runs of neighbouring fields in one piece.
    @inline(__always)
    private func writeClientFields(
        _ head: inout RequestHead, _ bytes: UnsafeRawBufferPointer, for upstream: Upstream,
        to writer: inout WireWriter
    ) -> Announced {
        let fieldsEnd = head.end - 2
        let isUsual = !upstream.overridesFields && !head.connection.namesFields && !asksForPlainAnswer && !isDecoded
        let passing = Self.passing
        var runStart = -1
        var announced = Announced()
        for index in 0..<head.fields.count {
            let line = head.fields[index]
            let lineStart = Int(line.nameStart)
            if isUsual, passing.contains(line.known) {
                if runStart < 0 { runStart = lineStart }
                continue
            }
            announced.note(line)
            if passes(line, &head, bytes, to: upstream) {
                if runStart < 0 { runStart = lineStart }
            } else if runStart >= 0 {
                writer.write(bytes.slice(runStart..<lineStart))
                runStart = -1
            }
        }
        if runStart >= 0 { writer.write(bytes.slice(runStart..<fieldsEnd)) }
        return announced
    }

    @inline(__always)
    private func passes(
        _ line: FieldLine, _ head: inout RequestHead, _ bytes: UnsafeRawBufferPointer, to upstream: Upstream
    ) -> Bool {
        switch line.known {
        case .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te, .trailer,
            .upgrade, .webSocket, .transferEncoding, .contentLength, .host, .expect, .xRequestID, .xHops,
            // Written anew, or left out.
            .via, .xForwardedFor, .xForwardedProto, .xForwardedHost,
            // Browsers ask this proxy, not the endpoint.
            .accessControl,
            // It is for this proxy.
            .podiumTag:
            return false
        case .authorization, .xAPIKey, .credential:
            if !upstream.forwardsClientCredential || isClientToken(bytes.slice(line.value)) { return false }
        case .cookie: if !upstream.passesCookies { return false }
        case .forwarding, .origin, .referer: if !upstream.namesClients { return false }
        case .contentEncoding: if isDecoded { return false }
        default: break
        }
        guard upstream.overridesFields || head.connection.namesFields || asksForPlainAnswer else { return true }
        let name = bytes.slice(line.name)
        if asksForPlainAnswer, name.equalsIgnoringCase("accept-encoding") { return false }
        if isConverted, name.hasPrefixIgnoringCase("anthropic-") || name.hasPrefixIgnoringCase("openai-") {
            return false
        }
        for overridden in upstream.overriddenNames where name.equalsIgnoringCase(overridden) { return false }
        return !(head.connection.namesFields && ConnectionNames.contain(name, head.fields, bytes))
    }

    /// The token that admits a client here goes to no endpoint, also where the client's credentials pass.
    private func isClientToken(_ value: UnsafeRawBufferPointer) -> Bool {
        guard let tokens else { return false }
        return tokens.contain(ClientTokens.presented(in: value))
    }

    private func writeForwarding(
        _ announced: Announced, _ clientAddress: [UInt8], _ replaced: ReplacedFields, _ head: inout RequestHead,
        _ bytes: UnsafeRawBufferPointer, to writer: inout WireWriter
    ) {
        if !replaced.contains(.via) {
            writer.write("Via: ")
            if announced.hasVia { writeList(.via, &head, bytes, to: &writer) }
            writer.write(head.minorVersion == 1 ? "1.1 podium\r\n" : "1.0 podium\r\n")
        }
        if !replaced.contains(.forwardedFor) {
            writer.write("X-Forwarded-For: ")
            if announced.hasForwardedFor { writeList(.xForwardedFor, &head, bytes, to: &writer) }
            writer.write(clientAddress)
            writer.write("\r\n")
        }
        if !replaced.contains(.forwardedProto) {
            writer.write("X-Forwarded-Proto: ")
            if let proto = announced.forwardedProto { writer.write(bytes.slice(proto)) } else { writer.write("http") }
            writer.write("\r\n")
        }
        let target = head.targetForm == .absolute ? head.authority : announced.host
        if !replaced.contains(.forwardedHost), let host = announced.forwardedHost ?? target {
            writer.write("X-Forwarded-Host: ")
            writer.write(bytes.slice(host))
            writer.write("\r\n")
        }
    }

    /// The values of all fields of one name, each followed by a comma.
    private func writeList(
        _ field: KnownField, _ head: inout RequestHead, _ bytes: UnsafeRawBufferPointer, to writer: inout WireWriter
    ) {
        for line in head.fields.lines where line.known == field && !line.value.isEmpty {
            writer.write(bytes.slice(line.value))
            writer.write(", ")
        }
    }
}

/// Fields that a Connection header declares to belong to one connection (RFC 9110 §7.6.1).
enum ConnectionNames {
    static func contain(_ name: UnsafeRawBufferPointer, _ fields: FieldSection, _ bytes: UnsafeRawBufferPointer) -> Bool
    {
        for line in fields.lines where line.known == .connection {
            var found = false
            bytes.slice(line.value).forEachListElement { element in
                found = element.equalsIgnoringCase(name)
                return !found
            }
            if found { return true }
        }
        return false
    }
}

extension UnsafeRawBufferPointer {
    /// Compares two field names; both have to be tokens.
    func equalsIgnoringCase(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where ASCII.lowercased(self[index]) != ASCII.lowercased(other[index]) {
            return false
        }
        return true
    }

    func equalsIgnoringCase(_ lowercased: [UInt8]) -> Bool {
        guard count == lowercased.count else { return false }
        return lowercased.withUnsafeBytes { equalsIgnoringCase($0) }
    }
}

/// The header lines an endpoint gets besides the client's own, checked once so that no request can be split by them.
struct FixedHeaderBlock {
    private(set) var lines: [UInt8] = []
    private(set) var names: [[UInt8]] = []

    mutating func append(headers: [(name: String, value: String)]) throws(UpstreamError) {
        for (name, value) in headers {
            let lowered = name.lowercased()
            guard ASCII.isToken(name) else {
                throw .invalidHeaderName(name)
            }
            guard !ReservedHeaders.contain(name) else { throw .reservedHeader(name) }
            guard Self.isValue(value) else { throw .invalidHeaderValue(name: name) }
            append(name: name, lowered: lowered, value: value)
        }
    }

    /// Configured headers win over the credential of the same name.
    mutating func append(credential: UpstreamCredential) throws(UpstreamError) {
        let name: String
        let value: String
        switch credential {
        case .apiKey(let secret):
            (name, value) = ("x-api-key", secret)
        case .bearer(let secret):
            (name, value) = ("Authorization", "Bearer " + secret)
        case .passthrough, .none:
            return
        }
        guard value != "", value != "Bearer ", Self.isValue(value) else { throw .invalidCredential }
        let lowered = name.lowercased()
        guard !names.contains(Array(lowered.utf8)) else { return }
        // The client's own credential fields never pass beside one.
        lines += Array("\(name): \(value)\r\n".utf8)
    }

    private mutating func append(name: String, lowered: String, value: String) {
        lines += Array("\(name): \(value)\r\n".utf8)
        names.append(Array(lowered.utf8))
    }

    private static func isValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
    }
}

/// Those of the fields the proxy adds by itself that an endpoint's configured headers stand for.
struct ReplacedFields: OptionSet, Sendable {
    let rawValue: UInt8

    static let requestID = ReplacedFields(rawValue: 1)
    static let via = ReplacedFields(rawValue: 2)
    static let forwardedFor = ReplacedFields(rawValue: 4)
    static let forwardedProto = ReplacedFields(rawValue: 8)
    static let forwardedHost = ReplacedFields(rawValue: 16)

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// - Parameter names: in lower case
    init(names: [[UInt8]]) {
        self = []
        for name in names {
            switch String(decoding: name, as: UTF8.self) {
            case "x-request-id": insert(.requestID)
            case "via": insert(.via)
            case "x-forwarded-for": insert(.forwardedFor)
            case "x-forwarded-proto": insert(.forwardedProto)
            case "x-forwarded-host": insert(.forwardedHost)
            default: break
            }
        }
    }
}

/// Leaves the credentials out of a client's query: `?key=`, `?api_key=`, `?access_token=` are ways to present one.
enum QueryFilter {
    /// Whether anything has to be left out. Nearly every query is short, and holds none.
    ///
    /// - Parameters:
    ///   - query: without the `?`
    ///   - tokens: those that admit clients here, which no endpoint gets; nil: every credential is left out
    static func applies(to query: UnsafeRawBufferPointer, tokens: ClientTokens?) -> Bool {
        var found = false
        forEachParameter(of: query) { parameter in
            found = isWithheld(parameter, tokens)
            return !found
        }
        return found
    }

    /// Writes what may pass, in its order, beginning with `first` where there is anything.
    static func write(
        _ query: UnsafeRawBufferPointer, tokens: ClientTokens?, first: StaticString, to writer: inout WireWriter
    ) {
        var isFirst = true
        forEachParameter(of: query) { parameter in
            guard !isWithheld(parameter, tokens) else { return true }
            writer.write(isFirst ? first : "&")
            writer.write(parameter)
            isFirst = false
            return true
        }
    }

    /// Calls `body` with each `name=value` until it returns false. Some servers part them at `;` as well.
    private static func forEachParameter(of query: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Bool) {
        var start = 0
        while start < query.count {
            var end = start
            while end < query.count, query[end] != UInt8(ascii: "&"), query[end] != UInt8(ascii: ";") { end += 1 }
            if end > start, !body(query.slice(start..<end)) { return }
            start = end + 1
        }
    }

    private static func isWithheld(_ parameter: UnsafeRawBufferPointer, _ tokens: ClientTokens?) -> Bool {
        let nameEnd = parameter.firstIndex(of: UInt8(ascii: "=")) ?? parameter.count
        guard let tokens else {
            return decoded(parameter.slice(0..<nameEnd)) { FieldNameKind.isCredential(parameter: $0) }
        }
        guard nameEnd < parameter.count else { return false }
        return decoded(parameter.slice(nameEnd + 1..<parameter.count)) { tokens.contain($0) }
    }

    private static func decoded<Result>(
        _ text: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        guard text.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return body(text) }
        return withUnsafeTemporaryAllocation(byteCount: text.count, alignment: 1) { buffer in
            var count = 0
            var index = 0
            while index < text.count {
                if text[index] == UInt8(ascii: "%"), index + 2 < text.count,
                    let high = ASCII.hexadecimalValue(text[index + 1]),
                    let low = ASCII.hexadecimalValue(text[index + 2])
                {
                    buffer[count] = high << 4 | low
                    index += 3
                } else {
                    buffer[count] = text[index] == UInt8(ascii: "+") ? 0x20 : text[index]
                    index += 1
                }
                count += 1
            }
            return body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
