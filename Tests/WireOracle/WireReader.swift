internal import HTTPWire

/// Reads an input with HTTPWire, in pieces, as the proxy does: parse, scan for the head's end, parse again; then the body.
struct WireReader {
    private let input: WireInput
    private let limits: HTTPLimits
    private let isReadable: Bool
    private var requestHead = RequestHead()
    private var responseHead = ResponseHead()
    private var scanner: HeadEndScanner?
    private var body: BodyReader?
    private var keepsAlive = true
    private var position = 0
    private var reading = Reading()

    init(_ input: WireInput, limits: HTTPLimits? = nil, isReadable: Bool = false) {
        self.input = input
        self.limits = limits ?? input.limits
        self.isReadable = isReadable
    }

    /// Reads everything, given piece by piece.
    ///
    /// - Parameter ends: where the pieces end; the last one is the input's end.
    consuming func read(pieces ends: some Sequence<Int>) -> Reading {
        input.bytes.withUnsafeBytes { all in
            for end in ends where !isOver { read(UnsafeRawBufferPointer(rebasing: all[..<end])) }
        }
        return reading
    }

    private var isOver: Bool {
        switch reading.ending {
        case .inHead, .inBody: false
        case .finished, .refused: true
        }
    }

    /// - Parameter bytes: all that has come so far
    private mutating func read(_ bytes: UnsafeRawBufferPointer) {
        while !isOver {
            if body != nil {
                guard readBody(bytes) else { return }
                endMessage()
            } else {
                guard position < bytes.count, readHead(UnsafeRawBufferPointer(rebasing: bytes[position...])) else {
                    return
                }
            }
        }
    }

    private mutating func endMessage() {
        guard let transcript = reading.unfinished else { return }
        reading.messages.append(.init(transcript: transcript, end: position, keepsAlive: keepsAlive))
        reading.unfinished = nil
        body = nil
        reading.ending = keepsAlive ? .inHead : .finished
    }

    /// - Returns: whether the body is complete
    private mutating func readBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard var reader = body, var transcript = reading.unfinished else { return false }
        defer {
            body = reader
            reading.unfinished = transcript
        }
        do {
            while !reader.isComplete {
                guard case .data(let range) = try reader.next(bytes, at: &position, limits: limits) else { break }
                transcript.add(body: bytes.slice(range))
            }
        } catch {
            reading.ending = .refused(.body(error))
        }
        return reader.isComplete
    }

    // MARK: Heads

    private mutating func refuse(_ refusal: Refusal) -> Bool {
        reading.ending = .refused(refusal)
        return false
    }

    /// - Returns: whether a head was read
    private mutating func readHead(_ bytes: UnsafeRawBufferPointer) -> Bool {
        input.isRequests ? readRequestHead(bytes) : readResponseHead(bytes)
    }

    private mutating func readRequestHead(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var found: Int?
        switch scanner?.scan(bytes, limits: limits) {
        case .needsMore: return false
        case .bareLineFeed: return refuse(.requestHead(.bareLineFeed))
        case .startLineTooLong: return refuse(.requestHead(.requestLineTooLong))
        case .headTooLarge: return refuse(.requestHead(.headTooLarge))
        case .end(let length): found = length
        case nil: break
        }
        let length: Int?
        do { length = try requestHead.parse(bytes, limits: limits) } catch { return refuse(.requestHead(error)) }
        guard let length else {
            precondition(found == nil, "the scanner found an end that the parser does not see")
            scanner = HeadEndScanner()
            return false
        }
        precondition(found == nil || found == length, "the scanner and the parser see different ends")
        scanner = nil
        var transcript = Transcript(isReadable: isReadable)
        transcript.add(.method, bytes.slice(requestHead.method))
        let afterMethod = bytes.slice(requestHead.method.upperBound + 1..<length)
        transcript.add(.target, afterMethod.slice(0..<(afterMethod.firstIndex(of: 0x20) ?? 0)))
        transcript.add(.version, number: UInt64(requestHead.minorVersion))
        finishHead(transcript, requestHead.fields, bytes, length)
        keepsAlive = requestHead.keepsAlive && requestHead.targetForm != .authority
        // CONNECT has no content, whatever it says; the proxy refuses it and reads no further.
        body = BodyReader(requestHead.targetForm == .authority ? .none : requestHead.framing)
        return true
    }

    private mutating func readResponseHead(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let length: Int?
        do {
            length = try responseHead.parse(bytes, toHEAD: input.kind == .responsesToHEAD, limits: limits)
        } catch {
            return refuse(.responseHead(error))
        }
        guard let length else { return false }
        var transcript = Transcript(isReadable: isReadable)
        transcript.add(.version, number: UInt64(responseHead.minorVersion))
        transcript.add(.status, number: UInt64(responseHead.status))
        transcript.add(.reason, bytes.slice(responseHead.reason))
        finishHead(transcript, responseHead.fields, bytes, length)
        keepsAlive = responseHead.keepsAlive && responseHead.status != 101
        body = BodyReader(responseHead.framing)
        return true
    }

    private mutating func finishHead(
        _ head: Transcript, _ fields: FieldSection, _ bytes: UnsafeRawBufferPointer, _ length: Int
    ) {
        var transcript = head
        for line in fields.lines {
            transcript.add(.name, bytes.slice(line.name))
            transcript.add(.value, bytes.slice(line.value))
        }
        transcript.endHead()
        reading.unfinished = transcript
        reading.ending = .inBody
        position += length
    }
}
