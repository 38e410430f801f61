internal import Coding
internal import Conversion
internal import HTTPWire
internal import LLMWire
internal import NIOCore
internal import Support
internal import Verdicts

/// The endpoint's answer that a client connection passes on: what its head says, how far its body has come, and how both are written to
/// the client.
///
/// `RequestConnection` has one, which each attempt begins anew. When something goes to the client is decided by `ExchangeStateMachine`. What
/// is to go stands in `loop.output`; until the commit point it is held here.
final class CurrentResponse {
    /// Part of a response head.
    var unread = UnreadBytes()
    /// The client's head, and what came of the body before it said anything.
    private var held = ByteBuffer()
    private var heldHeadLength = 0
    private var body = BodyReader(.none)
    private(set) var isEventStream = false
    /// It has a content coding: nothing readable can be put into it.
    private(set) var isEncoded = false
    let gate = AnswerGate()
    /// The answer is no success, and is read to find out why.
    private(set) var refusal: Refusal?
    private var position = EventStreamPosition()
    /// Puts the client's name of the model in place of the endpoint's.
    private(set) var restorer: RestoredModel?
    /// That of an answer before, for the next one.
    private var spareRestorer: RestoredModel?
    /// Takes the usage out of a stream whose client has not asked for it.
    private(set) var hiddenUsage: HiddenUsage?
    /// Makes it an answer of the client's API.
    private(set) var converter: ConvertedAnswer?
    /// Looks for the id of what was made.
    private var madeIDSearch: MadeIDSearch?
    var status: Int?
    private(set) var bytesDown = 0
    /// When the first byte went to the client.
    var firstSent: NIODeadline?
    /// When bytes of it came last.
    var lastRead = NIODeadline.uptimeNanoseconds(0)

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
        if refusal != nil { refusal = nil }
        if madeIDSearch != nil { madeIDSearch = nil }
        if restorer != nil {
            spareRestorer = restorer
            restorer = nil
        }
        if hiddenUsage != nil { hiddenUsage = nil }
        if converter != nil { converter = nil }
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

    /// `loop.responseHead` is the head of an answer.
    ///
    /// - Parameters:
    ///   - head: its bytes
    ///   - operation: what was asked
    ///   - makesID: a success makes something that can be asked for later
    func begin(
        _ head: UnsafeRawBufferPointer, to operation: LLMOperation, makesID: Bool = false, on loop: LoopContext
    ) {
        body = BodyReader(loop.responseHead.framing)
        isEventStream = loop.responseHead.isEventStream
        isEncoded = loop.responseHead.isEncoded
        if isEventStream { position = EventStreamPosition() }
        if makesID { madeIDSearch = MadeIDSearch(isStream: isEventStream) }
        status = loop.responseHead.status
        gate.open(
            loop.responseHead.media, status: loop.responseHead.status,
            hasBody: loop.responseHead.framing != .none,
            coding: isEncoded
                ? AnswerGate.Coding(
                    codings: Self.codings(of: loop.responseHead, head), memory: loop.shared.decodingMemory) : nil,
            to: operation, commit: loop.routing.commit,
            counts: loop.routing.usage != .ignored)
    }

    /// nil: one of them is not known here.
    static func codings(of head: borrowing ResponseHead, _ bytes: UnsafeRawBufferPointer) -> ContentCodings? {
        var names: [UInt8] = []
        for line in head.fields.lines where line.known == .contentEncoding {
            names += bytes.slice(line.value)
            names.append(UInt8(ascii: ","))
        }
        return try? ContentCodings(names)
    }

    /// The answer names the model as the endpoint was asked for it, which is not what the client has asked for.
    func restoresModel(_ change: ModelChange, of operation: LLMOperation, on loop: LoopContext) {
        guard let api = operation.usageAPI, let shape = shape(on: loop) else { return }
        restorer = spareRestorer ?? RestoredModel()
        restorer?.begin(change.askedText, api: api, isStream: shape.isStream)
    }

    /// The endpoint was asked for the usage, the client has not asked for it.
    func hidesUsage(on loop: LoopContext) {
        guard let shape = shape(on: loop), shape.isStream != false else { return }
        hiddenUsage = HiddenUsage(isStream: shape.isStream)
    }

    /// The answer is of another API than the client's.
    ///
    /// - Returns: whether it can be read
    func converts(by plan: AnswerPlan, on loop: LoopContext) -> Bool {
        guard !isEncoded, loop.responseHead.framing != .none, loop.responseHead.media != .page else { return false }
        let converter = ConvertedAnswer(plan, isStream: (shape(on: loop) ?? .unknown).isStream)
        isEventStream = converter.isStream
        if isEventStream { position = EventStreamPosition() }
        self.converter = converter
        return true
    }

    /// What is to come behind all that has been read; nil where nothing was kept back.
    func rest() -> ByteBuffer? { converter?.rest() ?? hiddenUsage?.rest() }

    /// How the body can be changed on its way; nil where it cannot.
    private func shape(on loop: LoopContext) -> BodyShape? {
        guard !isEncoded, loop.responseHead.framing != .none else { return nil }
        return switch loop.responseHead.media {
        case .eventStream: .stream
        case .json: .whole
        case .unknown: .unknown
        case .page, .other: nil
        }
    }

    private enum BodyShape {
        case stream, whole
        /// The first byte tells.
        case unknown

        var isStream: Bool? { self == .unknown ? nil : self == .stream }
    }

    /// The client gets another body than the endpoint has sent.
    var isRewritten: Bool { restorer != nil || hiddenUsage != nil || converter != nil }

    /// The data at `loop.dataRanges` as the client gets it; nil where that is as it came. The ranges are then those of the result.
    ///
    /// - Parameter isLast: the body ends with it
    func rewrite(_ buffer: ByteBuffer, isLast: Bool, on loop: LoopContext) -> ByteBuffer? {
        var result = hiddenUsage?.rewrite(buffer, &loop.dataRanges, isLast: isLast)
        if let restored = restorer?.rewrite(result ?? buffer, &loop.dataRanges, on: loop) { result = restored }
        return result
    }

    /// The answer is no success.
    ///
    /// - Parameters:
    ///   - head: as received
    ///   - isConverted: it is of another API than the client's
    func beginRefusal(
        of upstream: Upstream, _ url: UpstreamURL, head: UnsafeRawBufferPointer, isConverted: Bool
    ) {
        gate.close()
        refusal = Refusal(of: upstream, url, status: status ?? 0, head: head, isConverted: isConverted)
    }

    /// The client gets it after all.
    func forgetRefusal() { refusal = nil }

    /// An answer that was kept has gone to the client as a whole.
    func passed(_ status: Int, count: Int) {
        self.status = status
        bytesDown = count
        firstSent = .now()
    }

    /// Fills `loop.output` with the client's head.
    static func writeHead(
        _ bytes: UnsafeRawBufferPointer, of request: CurrentRequest, from upstream: Upstream,
        _ url: UpstreamURL,
        framing: BodyFraming, closes: Bool, contentType: StaticString? = nil, on loop: LoopContext
    ) {
        let date = loop.responseHead.hasDate ? [] : loop.dateText()
        let forwarded = ForwardedResponseHead(
            framing: framing, requestID: loop.responseHead.hasRequestID ? nil : request.requestID,
            closes: closes, clientMinorVersion: request.minorVersion, path: request.pathRange, origin: request.origin,
            contentType: contentType)
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

    /// Holds the head that stands in `loop.output`.
    func holdHead(on loop: LoopContext) {
        heldHeadLength = loop.output.readableBytes
        exchangeHeld(on: loop)
    }

    /// Moves the head from what is held to `loop.output`.
    func takeHead(on loop: LoopContext) {
        loop.output.clear()
        if let head = held.readSlice(length: heldHeadLength) { loop.output.writeImmutableBuffer(head) }
        heldHeadLength = 0
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

    /// Looks into the data at `loop.dataRanges`.
    ///
    /// - Parameter isLast: the body ends with it
    @inline(__always)
    func look(into buffer: ByteBuffer, isLast: Bool, on loop: LoopContext) {
        if let madeIDSearch, !isEncoded { madeIDSearch.look(into: buffer, loop.dataRanges) }
        guard gate.isLooking else { return }
        if isEncoded, let madeIDSearch {
            buffer.withUnsafeReadableBytes { bytes in
                for range in loop.dataRanges { gate.lookDecoding(bytes.slice(range), onPlain: madeIDSearch.look) }
            }
            if isLast { gate.finish(isClean: true) }
            return
        }
        buffer.withUnsafeReadableBytes { bytes in
            for range in loop.dataRanges { gate.look(bytes.slice(range)) }
        }
        if isLast { gate.finish(isClean: true) }
    }

    /// The id of what was made, once: nil as long as it is not known.
    func takeMadeID() -> MadeID? {
        guard let search = madeIDSearch, search.reader.isFinished else { return nil }
        madeIDSearch = nil
        return search.reader.id
    }

    /// Its end is that of the connection, or there is no body.
    func bodyEnded() { gate.finish(isClean: true) }

    /// What a verdict on an answer goes by of which the client has nothing.
    ///
    /// - Parameters:
    ///   - isFinished: nothing more of it comes
    ///   - place: how much of it the client has
    func finding(
        of operation: LLMOperation, isFinished: Bool, place: Finding.Place, isCredentialClients: Bool
    ) -> Finding {
        var hints = ResetHints(unixTime: Double(WallClock.wholeSeconds))
        if let error = gate.error { hints.take(body: error.message.utf8) }
        return gate.finding(
            operation, status: status ?? 0, place: place, isFinished: isFinished,
            wait: hints.waitAhead, isCredentialClients: isCredentialClients)
    }
}

/// Rewrites the body of an answer whose model has another name for its client. A class, since few answers have one and it is too large to
/// be a part of every connection.
final class RestoredModel {
    private var reader = ModelRestorer(api: .messages, isStream: nil)
    private var text: [UInt8] = []
    private var cuts: [ModelRestorer.Cut] = []

    /// Another answer begins.
    ///
    /// - Parameter text: the name as it stands between quotation marks
    func begin(_ text: [UInt8], api: LLMAPI, isStream: Bool?) {
        reader = ModelRestorer(api: api, isStream: isStream)
        self.text = text
    }

    /// - Parameter ranges: of the data in the buffer; those of the result where there is one
    /// - Returns: the data with the client's name; nil where no name is in it
    func rewrite(
        _ buffer: ByteBuffer, _ ranges: inout ContiguousArray<Range<Int>>, on loop: LoopContext
    ) -> ByteBuffer? {
        guard !reader.isFinished else { return nil }
        var result: ByteBuffer?
        buffer.withUnsafeReadableBytes { bytes in
            for (index, range) in ranges.enumerated() {
                let data = bytes.slice(range)
                cuts.removeAll(keepingCapacity: true)
                reader.read(data) { cuts.append($0) }
                if result == nil, !cuts.isEmpty {
                    var copy = loop.takeSpare()
                    copy.reserveCapacity(buffer.readableBytes + text.count)
                    for range in ranges[..<index] { copy.append(bytes.slice(range)) }
                    result = copy
                }
                guard result != nil else { continue }
                var place = 0
                for cut in cuts {
                    result?.append(data.slice(place..<cut.range.lowerBound))
                    if cut.inserts { result?.writeBytes(text) }
                    place = cut.range.upperBound
                }
                result?.append(data.slice(place..<data.count))
            }
        }
        guard let result else { return nil }
        ranges.removeAll(keepingCapacity: true)
        if result.readableBytes > 0 { ranges.append(0..<result.readableBytes) }
        return result
    }
}

/// Takes the event out of a stream that says what was used. A class, since few answers have one.
final class HiddenUsage {
    private var filter: UsageEventFilter
    /// The beginning of an event of which it is not known whether the client gets it.
    private var kept = ByteBuffer()

    init(isStream: Bool?) { filter = UsageEventFilter(isStream: isStream) }

    /// - Parameter ranges: of the data in the buffer; those of the result where there is one
    /// - Returns: what the client gets; nil where that is all of the data as it is
    func rewrite(_ buffer: ByteBuffer, _ ranges: inout ContiguousArray<Range<Int>>, isLast: Bool) -> ByteBuffer? {
        var result = ByteBuffer()
        var isSame = kept.readableBytes == 0
        buffer.withUnsafeReadableBytes { bytes in
            for range in ranges {
                let data = bytes.slice(range)
                filter.read(data) { step in
                    switch step {
                    case .pass(let part): result.append(data.slice(part))
                    case .keep(let part): kept.append(data.slice(part))
                    case .release: takeKept(into: &result)
                    case .drop: kept.clear()
                    }
                }
            }
        }
        if isLast { filter.finish { _ in takeKept(into: &result) } }
        if kept.readableBytes > 0 { isSame = false }
        if isSame, result.readableBytes == ranges.reduce(0, { $0 + $1.count }) { return nil }
        ranges.removeAll(keepingCapacity: true)
        if result.readableBytes > 0 { ranges.append(0..<result.readableBytes) }
        return result
    }

    private func takeKept(into result: inout ByteBuffer) {
        kept.withUnsafeReadableBytes { result.append($0) }
        kept.clear()
    }

    /// Its end is that of the connection.
    func rest() -> ByteBuffer {
        var result = ByteBuffer()
        filter.finish { _ in takeKept(into: &result) }
        return result
    }
}

/// A reader of its own for the few answers that make something: it is too large to be a part of every connection.
private final class MadeIDSearch {
    private(set) var reader: MadeIDReader

    init(isStream: Bool) { reader = MadeIDReader(isStream: isStream) }

    func look(into buffer: ByteBuffer, _ ranges: ContiguousArray<Range<Int>>) {
        buffer.withUnsafeReadableBytes { bytes in
            for range in ranges { reader.read(bytes.slice(range)) }
        }
    }

    func look(_ bytes: UnsafeRawBufferPointer) { reader.read(bytes) }
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
