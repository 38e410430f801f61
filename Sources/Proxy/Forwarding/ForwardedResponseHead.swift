internal import HTTPWire

/// Writes the head a client gets: the endpoint's fields without what belongs to its connection, framed for this client.
struct ForwardedResponseHead {
    let framing: BodyFraming
    /// nil where the endpoint gave one.
    let requestID: RequestID?
    /// Value of a Date field to add; empty where the endpoint gave one.
    let date: [UInt8]
    let closes: Bool
    let clientMinorVersion: UInt8

    /// Upper bound of what `write` needs.
    static func maximumLength(headLength: Int, requestHeadLength: Int) -> Int {
        headLength + requestHeadLength + 256
    }

    /// - Parameter request: the request head's bytes, which a received request id lies in.
    func write(
        _ head: inout ResponseHead, _ bytes: UnsafeRawBufferPointer, request: UnsafeRawBufferPointer,
        to writer: inout WireWriter
    ) {
        writer.write("HTTP/1.1 ")
        writer.write(decimal: head.status)
        writer.write(" ")
        writer.write(bytes.slice(head.reason))
        writer.write("\r\n")
        writeFields(&head, bytes, to: &writer)
        guard !head.isInformational else {
            writer.write("\r\n")
            return
        }
        switch framing {
        case .length(let length):
            writer.write("Content-Length: ")
            writer.write(decimal: length)
            writer.write("\r\n")
        case .chunked: writer.write("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose: break
        }
        if !date.isEmpty {
            writer.write("Date: ")
            writer.write(date)
            writer.write("\r\n")
        }
        switch requestID {
        case .generated(let value):
            writer.write("X-Request-ID: ")
            writer.write(hexadecimal: value, minimumDigits: 16)
            writer.write("\r\n")
        case .received(let range):
            writer.write("X-Request-ID: ")
            writer.write(request.slice(range))
            writer.write("\r\n")
        case nil: break
        }
        if closes {
            writer.write("Connection: close\r\n")
        } else if clientMinorVersion == 0 {
            writer.write("Connection: keep-alive\r\n")
        }
        writer.write("\r\n")
    }

    private func writeFields(
        _ head: inout ResponseHead, _ bytes: UnsafeRawBufferPointer, to writer: inout WireWriter
    ) {
        var runStart = -1
        for index in 0..<head.fields.count {
            let line = head.fields[index]
            let lineStart = Int(line.nameStart)
            if passes(line, &head, bytes) {
                if runStart < 0 { runStart = lineStart }
            } else if runStart >= 0 {
                writer.write(bytes.slice(runStart..<lineStart))
                runStart = -1
            }
        }
        if runStart >= 0 { writer.write(bytes.slice(runStart..<head.end - 2)) }
    }

    private func passes(_ line: FieldLine, _ head: inout ResponseHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        switch line.known {
        case .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te, .trailer,
            .upgrade, .transferEncoding, .contentLength:
            return false
        case .other where !head.connection.namesFields: return true
        default:
            return !(head.connection.namesFields && ConnectionNames.contain(bytes.slice(line.name), head.fields, bytes))
        }
    }
}
