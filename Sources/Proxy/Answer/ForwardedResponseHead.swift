internal import HTTPWire

/// Writes the head a client gets: the endpoint's fields without what belongs to its connection, framed for this client.
struct ForwardedResponseHead {
    let framing: BodyFraming
    /// nil where the endpoint gave one.
    let requestID: RequestID?
    let closes: Bool
    let clientMinorVersion: UInt8
    /// Of the request, in its head.
    let path: Range<Int>
    /// The page that may read the answer, in the request's head; nil for programs, and for pages of other origins.
    let origin: Range<Int>?
    /// In place of the endpoint's; nil: the endpoint's.
    var contentType: StaticString?

    /// Upper bound of what `write` needs.
    static func maximumLength(headLength: Int, requestHeadLength: Int, of upstream: Upstream) -> Int {
        headLength + requestHeadLength + upstream.nameLine.count + 768
    }

    /// - Parameters:
    ///   - date: value of a Date field to add; empty where the endpoint gave one
    ///   - request: the request head's bytes, which a received request id lies in
    @inline(__always)
    func write(
        _ head: inout ResponseHead, _ bytes: UnsafeRawBufferPointer, from upstream: Upstream, _ url: UpstreamURL,
        date: [UInt8], request: UnsafeRawBufferPointer, to writer: inout WireWriter
    ) {
        writer.write("HTTP/1.1 ")
        writer.write(decimal: head.status)
        writer.write(" ")
        let holdsSecret = upstream.secrets.contains { $0.first(in: bytes) != nil }
        if !holdsSecret { writer.write(bytes.slice(head.reason)) }
        writer.write("\r\n")
        writeFields(&head, bytes, from: upstream, url, request: request, holdsSecret: holdsSecret, to: &writer)
        guard !head.isInformational else {
            writer.write("\r\n")
            return
        }
        if let contentType {
            writer.write("Content-Type: ")
            writer.write(contentType)
            writer.write("\r\n")
        }
        writer.write(framing)
        if !date.isEmpty {
            writer.write("Date: ")
            writer.write(date)
            writer.write("\r\n")
        }
        requestID?.write(from: request, to: &writer)
        writer.write(upstream.nameLine)
        if let origin { CrossOrigin.writeFields(for: request.slice(origin), to: &writer) }
        // RFC 9110 §7.8: the field below is meant for this hop.
        if head.status == 426, head.fields.lines.contains(where: { $0.known == .upgrade }) {
            writer.write("Connection: upgrade\r\n")
        }
        if closes {
            writer.write("Connection: close\r\n")
        } else if clientMinorVersion == 0 {
            writer.write("Connection: keep-alive\r\n")
        }
        writer.write("\r\n")
    }

    /// Fields that pass as they are, unless the Connection field names them. One bit for each known field: most fields of most
    /// answers are decided by a look at it.
    private static let passing = KnownFields(allExcept: [
        .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te, .trailer,
        .upgrade, .transferEncoding, .contentLength, .accessControl, .setCookie, .location, .contentLocation,
        .podiumEndpoint,
    ])

    @inline(__always)
    private func writeFields(
        _ head: inout ResponseHead, _ bytes: UnsafeRawBufferPointer, from upstream: Upstream, _ url: UpstreamURL,
        request: UnsafeRawBufferPointer, holdsSecret: Bool, to writer: inout WireWriter
    ) {
        let isUsual = !holdsSecret && !head.connection.namesFields && contentType == nil
        let passing = Self.passing
        var runStart = -1
        for index in 0..<head.fields.count {
            let line = head.fields[index]
            let lineStart = Int(line.nameStart)
            if isUsual, passing.contains(line.known) {
                if runStart < 0 { runStart = lineStart }
                continue
            }
            let passes =
                passes(line, &head, bytes, from: upstream)
                && !(holdsSecret && upstream.secrets.contains { $0.first(in: bytes.slice(line.value)) != nil })
            let isMapped = passes && (line.known == .location || line.known == .contentLocation)
            if passes, !isMapped {
                if runStart < 0 { runStart = lineStart }
            } else if runStart >= 0 {
                writer.write(bytes.slice(runStart..<lineStart))
                runStart = -1
            }
            if isMapped {
                writer.write(bytes.slice(line.name))
                writer.write(": ")
                writeLocation(bytes.slice(line.value), url, request: request, to: &writer)
                writer.write("\r\n")
            }
        }
        if runStart >= 0 { writer.write(bytes.slice(runStart..<head.end - 2)) }
    }

    /// An address on the endpoint becomes one here, as a path, which a client resolves against the address that it asked: this
    /// proxy's. Addresses elsewhere, and outside the base path, stay as they are.
    private func writeLocation(
        _ value: UnsafeRawBufferPointer, _ url: UpstreamURL, request: UnsafeRawBufferPointer,
        to writer: inout WireWriter
    ) {
        guard let start = url.pathStart(in: value) else { return writer.write(value) }
        let target = value.slice(start..<value.count)
        let end = target.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") } ?? target.count
        guard let (prefix, rest) = url.base.path(of: target.slice(0..<end), after: request.slice(path)) else {
            return writer.write(value)
        }
        writer.write(prefix)
        writer.write(target.slice(rest))
        if prefix.utf8CodeUnitCount == 0, rest.isEmpty { writer.write("/") }
        writer.write(target.slice(end..<target.count))
    }

    private func passes(
        _ line: FieldLine, _ head: inout ResponseHead, _ bytes: UnsafeRawBufferPointer, from upstream: Upstream
    ) -> Bool {
        switch line.known {
        case .upgrade where head.status == 426: return true
        case .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te, .trailer,
            .upgrade, .transferEncoding, .contentLength,
            // Which page may read an answer is decided here, as is which endpoint has given it.
            .accessControl, .podiumEndpoint:
            return false
        case .contentType where contentType != nil: return false
        case .setCookie where !upstream.passesCookies: return false
        case .other where !head.connection.namesFields: return true
        default:
            return !(head.connection.namesFields && ConnectionNames.contain(bytes.slice(line.name), head.fields, bytes))
        }
    }
}
