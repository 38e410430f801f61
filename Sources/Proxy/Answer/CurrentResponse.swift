internal import HTTPWire
internal import NIOCore
internal import Support

/// The endpoint's answer that a client connection passes on: what its head says, how far its body has come, and how both are written to
/// the client.
///
/// `ClientConnection` has one, which each attempt begins anew. When something goes to the client is decided by `ExchangeStateMachine`. What
/// is to go stands in `loop.output`; until the commit point it is held here.
struct CurrentResponse: ~Copyable {
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

    mutating func reset() {
        unread.removeAll()
        if held.capacity > 0 { held = ByteBuffer() }
        isEventStream = false
        status = nil
        bytesDown = 0
        firstSent = nil
        isInspected = false
    }

    // MARK: Its head

    /// `loop.responseHead` is the head of an answer that the client gets.
    ///
    /// - Parameter teaches: whether a status of 404 or 405 may be about the path
    mutating func begin(teaches: Bool, on loop: LoopContext) {
        body = BodyReader(loop.responseHead.framing)
        isEventStream = loop.responseHead.isEventStream
        isEncoded = loop.responseHead.isEncoded
        firstEvent = FirstEventScanner()
        position = EventStreamPosition()
        status = loop.responseHead.status
        isInspected = teaches && !isEncoded
    }

    /// Fills `loop.output` with the client's head.
    static func writeHead(
        _ bytes: UnsafeRawBufferPointer, of request: borrowing CurrentRequest, from upstream: Upstream,
        _ url: UpstreamURL,
        framing: BodyFraming, closes: Bool, on loop: LoopContext
    ) {
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

    /// Exchanges what is held for what stands in `loop.output`.
    mutating func exchangeHeld(on loop: LoopContext) { swap(&loop.output, &held) }

    // MARK: Its body

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
    mutating func read(_ buffer: ByteBuffer, from start: Int, on loop: LoopContext) -> Piece {
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
    mutating func pass(_ buffer: ByteBuffer, count: Int, on loop: LoopContext) {
        bytesDown += count
        guard isEventStream else { return }
        buffer.withUnsafeReadableBytes { bytes in
            for range in loop.dataRanges.suffix(4) { position.pass(bytes.slice(range)) }
        }
    }

    /// A refusal may repeat the key that it refuses; bodies of other answers are the endpoint's own affair.
    func withoutSecrets(_ buffer: ByteBuffer, of upstream: Upstream?, on loop: LoopContext) -> ByteBuffer {
        guard status ?? 0 >= 400, let secrets = upstream?.secrets, !secrets.isEmpty else { return buffer }
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
    mutating func firstEventEnds(in buffer: ByteBuffer, on loop: LoopContext) -> Bool {
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
