internal import HTTPWire

/// Writes the head an endpoint gets: the client's fields without what belongs to its own connection, with the
/// endpoint's credential and headers.
struct ForwardedRequestHead {
    let framing: BodyFraming
    let requestID: RequestID

    /// Upper bound of what `write` needs.
    static func maximumLength(
        headLength: Int, _ upstream: Upstream, _ url: UpstreamURL, clientAddress: [UInt8]
    ) -> Int {
        headLength * 2 + url.basePathBytes.count + url.baseQueryBytes.count + url.authorityBytes.count
            + upstream.fixedHeaderLines.count + clientAddress.count + 512
    }

    /// - Parameters:
    ///   - head: is left as it is; lent exclusively, so that its references need not be counted
    ///   - clientAddress: empty where the proxy does not announce itself
    func write(
        _ head: inout RequestHead, _ bytes: UnsafeRawBufferPointer, for upstream: Upstream, _ url: UpstreamURL,
        clientAddress: [UInt8], to writer: inout WireWriter
    ) {
        writer.write(bytes.slice(head.method))
        writer.write(" ")
        writeTarget(&head, bytes, url, to: &writer)
        writer.write(" HTTP/1.1\r\nHost: ")
        writer.write(url.authorityBytes)
        writer.write("\r\n")
        writer.write(upstream.fixedHeaderLines)
        let announced = writeClientFields(&head, bytes, for: upstream, isAnnounced: !clientAddress.isEmpty, to: &writer)
        let replaced = upstream.replacedFields
        if !replaced.contains(.requestID) { writeRequestID(bytes, to: &writer) }
        if !clientAddress.isEmpty {
            writeForwarding(announced, clientAddress, replaced, &head, bytes, to: &writer)
        }
        switch framing {
        case .length(let length):
            writer.write("Content-Length: ")
            writer.write(decimal: length)
            writer.write("\r\n")
        case .chunked: writer.write("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose: break
        }
        writer.write("\r\n")
    }

    private func writeTarget(
        _ head: inout RequestHead, _ bytes: UnsafeRawBufferPointer, _ url: UpstreamURL, to writer: inout WireWriter
    ) {
        let target = bytes.slice(head.pathAndQuery)
        let queryStart = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
        let path = target.slice(0..<queryStart)
        writer.write(url.basePathBytes)
        if path.isEmpty {
            if url.basePathBytes.isEmpty { writer.write("/") }
        } else if url.basePathBytes.isEmpty {
            writer.write(path)
        } else {
            let overlap = url.basePathBytes.withUnsafeBytes { PathJoining.overlap(base: $0, path: path) }
            writer.write(path.slice(overlap..<path.count))
        }
        if url.baseQueryBytes.isEmpty {
            writer.write(target.slice(queryStart..<target.count))
        } else {
            writer.write("?")
            writer.write(url.baseQueryBytes)
            if queryStart + 1 < target.count {
                writer.write("&")
                writer.write(target.slice(queryStart + 1..<target.count))
            }
        }
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

    /// Copies runs of neighbouring fields in one piece.
    private func writeClientFields(
        _ head: inout RequestHead, _ bytes: UnsafeRawBufferPointer, for upstream: Upstream, isAnnounced: Bool,
        to writer: inout WireWriter
    ) -> Announced {
        let fieldsEnd = head.end - 2
        var runStart = -1
        var announced = Announced()
        for index in 0..<head.fields.count {
            let line = head.fields[index]
            let lineStart = Int(line.nameStart)
            announced.note(line)
            if passes(line, &head, bytes, to: upstream, isAnnounced: isAnnounced) {
                if runStart < 0 { runStart = lineStart }
            } else if runStart >= 0 {
                writer.write(bytes.slice(runStart..<lineStart))
                runStart = -1
            }
        }
        if runStart >= 0 { writer.write(bytes.slice(runStart..<fieldsEnd)) }
        return announced
    }

    private func passes(
        _ line: FieldLine, _ head: inout RequestHead, _ bytes: UnsafeRawBufferPointer, to upstream: Upstream,
        isAnnounced: Bool
    ) -> Bool {
        switch line.known {
        case .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te, .trailer,
            .upgrade, .transferEncoding, .contentLength, .host, .expect, .xRequestID:
            return false
        case .authorization, .xAPIKey:
            if !upstream.forwardsClientCredential { return false }
        case .via, .xForwardedFor, .xForwardedProto, .xForwardedHost:
            if isAnnounced { return false }
        default: break
        }
        guard upstream.overridesFields || head.connection.namesFields else { return true }
        let name = bytes.slice(line.name)
        for overridden in upstream.overriddenNames where name.equalsIgnoringCase(overridden) { return false }
        return !(head.connection.namesFields && ConnectionNames.contain(name, head.fields, bytes))
    }

    private func writeRequestID(_ bytes: UnsafeRawBufferPointer, to writer: inout WireWriter) {
        writer.write("X-Request-ID: ")
        switch requestID {
        case .generated(let value): writer.write(hexadecimal: value, minimumDigits: 16)
        case .received(let range): writer.write(bytes.slice(range))
        }
        writer.write("\r\n")
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
