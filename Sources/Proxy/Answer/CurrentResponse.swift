internal import HTTPWire
internal import NIOCore
internal import Support

/// The endpoint's answer that a client connection passes on: what its head says, how far its body has come, and how both are written to
/// the client.
///
/// `ClientConnection` has one, which each attempt begins anew. When something goes to the client is decided by `ExchangeStateMachine`. What
/// is to go stands in `loop.output`; until the commit point it is held here.
final class CurrentResponse {
    /// Part of a response head.
    var unread = UnreadBytes()
    /// The client's head, and of an event stream what came before the first event's end.
    private var held = ByteBuffer()
    private var body = BodyReader(.none)
    private(set) var isEventStream = false
    /// Nothing readable can be put into it.
    private(set) var isEncoded = false
    private var firstEvent = FirstEventScanner()
    private var position = EventStreamPosition()
    var status: Int?
    private(set) var bytesDown = 0
    /// When the first byte went to the client.
    var firstSent: NIODeadline?
    /// When bytes of it came last.
    var lastRead = NIODeadline.uptimeNanoseconds(0)
    /// Its beginning is to be looked into: does it speak of an unknown path?
    private(set) var isInspected = false

    /// An event stream that others than its reader understand.
    var isReadableStream: Bool { isEventStream && !isEncoded }
    /// The connection's end is the body's end.
    var endsWithConnection: Bool { body.endsWithConnection }
    var place: EventStreamPosition.Place { position.place }

    func reset() {
        unread.removeAll()
        if held.capacity > 0 { held = ByteBuffer() }
        isEventStream = false
        status = nil
        bytesDown = 0
        firstSent = nil
        isInspected = false
    }

    // MARK: Its head

    enum HeadFinding {
        case incomplete
        case broken
        /// `loop.responseHead` holds it. More than one may come before the answer.
        case informational(length: Int)
        case final(length: Int)
    }

    /// Reads a head into `loop.responseHead`. Parsing again from the start costs nothing while heads are small; the limit bounds it.
    static func readHead(_ bytes: UnsafeRawBufferPointer, toHEAD: Bool, on loop: LoopContext) -> HeadFinding {
        do {
            let limits = loop.shared.options.limits
            guard let length = try loop.responseHead.parse(bytes, toHEAD: toHEAD, limits: limits) else {
                return .incomplete
            }
            if loop.responseHead.isInformational { return .informational(length: length) }
            // The request as the endpoint got it, with its key, is no answer.
            return loop.responseHead.isRequestEcho ? .broken : .final(length: length)
        } catch {
            return .broken
        }
    }

    /// `loop.responseHead` is the head of an answer that the client gets.
    ///
    /// - Parameter teaches: whether a status of 404 or 405 may be about the path
    func begin(teaches: Bool, on loop: LoopContext) {
        body = BodyReader(loop.responseHead.framing)
        isEventStream = loop.responseHead.isEventStream
        isEncoded = loop.responseHead.isEncoded
        if isEventStream {
            firstEvent = FirstEventScanner()
            position = EventStreamPosition()
        }
        status = loop.responseHead.status
        isInspected = teaches && !isEncoded
    }

    /// Fills `loop.output` with the client's head.
    static func writeHead(
        _ bytes: UnsafeRawBufferPointer, of request: CurrentRequest, from upstream: Upstream,
        _ url: UpstreamURL,
        framing: BodyFraming, closes: Bool, on loop: LoopContext
    ) {
        let date = loop.responseHead.hasDate ? [] : loop.dateText()
        let forwarded = ForwardedResponseHead(
            framing: framing, requestID: loop.responseHead.hasRequestID ? nil : request.requestID,
            closes: closes, clientMinorVersion: request.minorVersion, path: request.pathRange, origin: request.origin)
        let bound = ForwardedResponseHead.maximumLength(
            headLength: bytes.count, requestHeadLength: request.headLength, of: upstream)
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

    /// Exchanges what is held for what stands in `loop.output`.
    func exchangeHeld(on loop: LoopContext) { swap(&loop.output, &held) }

    // MARK: Its body

    /// Fills `loop.output` with readable bytes as a piece of the body.
    static func writeText(_ text: String, framing: BodyFraming, on loop: LoopContext) {
        loop.output.clear()
        if framing == .chunked { loop.output.writeChunkSize(text.utf8.count) }
        loop.output.writeString(text)
        if framing == .chunked { loop.output.writeStaticString("\r\n") }
    }

    /// What one read of the socket has brought.
    struct Piece {
        /// Bytes at `loop.dataRanges`.
        var count = 0
        /// Bytes of the buffer that belong to the body and its framing.
        var end = 0
        var isSound = true
        var isLast = false
    }

    /// Finds the data of the body, at `loop.dataRanges`.
    @inline(__always)
    func read(_ buffer: ByteBuffer, from start: Int, on loop: LoopContext) -> Piece {
        var piece = Piece()
        piece.end = start
        loop.dataRanges.removeAll(keepingCapacity: true)
        buffer.withUnsafeReadableBytes { bytes in
            do {
                while !body.isComplete {
                    guard
                        case .data(let range) = try body.next(
                            bytes, at: &piece.end, limits: loop.shared.options.limits)
                    else { break }
                    loop.dataRanges.append(range)
                    piece.count += range.count
                }
            } catch {
                piece.isSound = false
            }
        }
        piece.isLast = body.isComplete
        return piece
    }

    /// The data at `loop.dataRanges` goes to the client, or is held.
    @inline(__always)
    func pass(_ buffer: ByteBuffer, count: Int, on loop: LoopContext) {
        bytesDown += count
        guard isEventStream else { return }
        buffer.withUnsafeReadableBytes { bytes in
            for range in loop.dataRanges.suffix(4) { position.pass(bytes.slice(range)) }
        }
    }

    /// A refusal may repeat the key that it refuses; bodies of other answers are the endpoint's own affair.
    var mayRepeatSecrets: Bool { status ?? 0 >= 400 }

    /// The data at `loop.dataRanges` with asterisks in place of the endpoint's secrets.
    func withoutSecrets(_ buffer: ByteBuffer, of upstream: Upstream?, on loop: LoopContext) -> ByteBuffer {
        guard let secrets = upstream?.secrets, !secrets.isEmpty else { return buffer }
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

    /// Whether the stream's first event ends with the data at `loop.dataRanges`.
    func firstEventEnds(in buffer: ByteBuffer, on loop: LoopContext) -> Bool {
        buffer.withUnsafeReadableBytes { bytes in
            for range in loop.dataRanges where firstEvent.scan(bytes.slice(range)) { return true }
            return false
        }
    }

    /// Whether a 404 or 405 is about the path, by the body's beginning.
    func saysUnknownPath(_ buffer: ByteBuffer, on loop: LoopContext) -> Bool {
        buffer.withUnsafeReadableBytes { bytes in
            UnknownPath.isMeant(status: status ?? 0, body: bytes.slice(loop.dataRanges.first ?? 0..<0))
        }
    }
}

/// Watches an event stream for the end of its first event: the commit point of an SSE response.
///
/// An event is what a reader of the stream dispatches: lines of which at least one is `data`, and an empty line behind them.
/// Comments are no events, and neither are `id`, `retry` and `event` alone: a server that says no more may still die without
/// the client noticing.
struct FirstEventScanner: Equatable {
    /// How much of the line has been read as `data:`, up to 5; `other` where it is another line.
    private var matched = 0
    private var lineIsEmpty = true
    private var sawData = false
    private var afterReturn = false
    /// How much of a byte order mark has been seen at the stream's beginning; 3 when there can be none any more.
    private var markLength = 0

    private static let other = -1
    private static let mark: (UInt8, UInt8, UInt8) = (0xEF, 0xBB, 0xBF)

    /// - Returns: whether the first event is complete within the bytes seen so far.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for byte in bytes {
            if markLength < 3 {
                let expected = markLength == 0 ? Self.mark.0 : markLength == 1 ? Self.mark.1 : Self.mark.2
                if byte == expected {
                    markLength += 1
                    continue
                }
                if markLength > 0 {
                    lineIsEmpty = false
                    matched = Self.other
                }
                markLength = 3
            }
            let follows = afterReturn
            afterReturn = false
            switch byte {
            case 0x0A where follows: continue
            case 0x0A, 0x0D:
                if lineIsEmpty, sawData { return true }
                // A field without a colon has an empty value.
                if matched >= 4 { sawData = true }
                lineIsEmpty = true
                matched = 0
                afterReturn = byte == 0x0D
            default:
                lineIsEmpty = false
                match(byte)
            }
        }
        return false
    }

    private mutating func match(_ byte: UInt8) {
        let expected: UInt8
        switch matched {
        case 0: expected = UInt8(ascii: "d")
        case 1, 3: expected = UInt8(ascii: "a")
        case 2: expected = UInt8(ascii: "t")
        case 4: expected = UInt8(ascii: ":")
        default: return
        }
        matched = byte == expected ? matched + 1 : Self.other
    }
}

/// Where in an event stream its last byte left off, by the last four bytes.
///
/// An event is dispatched by the empty line behind it; what stands before the end without one is thrown away by the
/// reader of the stream. Whatever is put behind a piece of an event becomes part of it.
struct EventStreamPosition: Equatable {
    private static let newline = UInt32(UInt8(ascii: "\n"))
    private static let carriageReturn = UInt32(UInt8(ascii: "\r"))

    private var last: UInt32 = 0x0A0A_0A0A

    enum Place: Equatable {
        case betweenEvents
        /// Behind a line of an event.
        case betweenLines
        case inLine
    }

    mutating func pass(_ bytes: UnsafeRawBufferPointer) {
        for index in max(0, bytes.count - 4)..<bytes.count { last = last << 8 | UInt32(bytes[index]) }
    }

    var place: Place {
        guard Self.endsLine(last) else { return .inLine }
        let isPair = last & 0xFFFF == Self.carriageReturn << 8 | Self.newline
        return Self.endsLine(last >> (isPair ? 16 : 8)) ? .betweenEvents : .betweenLines
    }

    private static func endsLine(_ bytes: UInt32) -> Bool {
        bytes & 0xFF == newline || bytes & 0xFF == carriageReturn
    }
}
