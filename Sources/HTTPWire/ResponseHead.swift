/// A response head as offsets into its bytes. Reuse one value: parsing the next head allocates nothing.
public struct ResponseHead: Sendable {
    /// Three digits.
    public private(set) var status = 0
    /// Offsets of the reason phrase, possibly empty.
    public private(set) var reason: Range<Int> = 0..<0
    /// The 1 of HTTP/1.1, and of versions beyond it.
    public private(set) var minorVersion: UInt8 = 1
    /// As announced; `none` for statuses without a body and for answers to HEAD.
    public private(set) var framing = BodyFraming.none
    /// Content-Length as announced, also where there is no body (HEAD, 304).
    public private(set) var announcedLength: Int?
    /// From the Connection fields.
    public private(set) var connection = ConnectionOptions()
    /// What the content type says of the body.
    public enum Media: UInt8, Sendable {
        /// None is given, or one that says nothing (`text/plain`, `application/octet-stream`).
        case unknown
        case eventStream
        /// `application/json` and types that end in `+json`.
        case json
        /// HTML.
        case page
        case other
    }

    /// By the content type.
    public private(set) var media = Media.unknown
    /// The content type is text/event-stream.
    public var isEventStream: Bool { media == .eventStream }
    /// There is a content coding.
    public private(set) var isEncoded = false
    /// The content type is message/http: the request, sent back with all it held.
    public private(set) var isRequestEcho = false
    /// There is an X-Request-ID field.
    public private(set) var hasRequestID = false
    /// There is a Date field.
    public private(set) var hasDate = false
    /// Length of the head with its empty line.
    public private(set) var end = 0
    /// All field lines in order.
    public private(set) var fields = FieldSection()

    /// Stands before the first byte.
    public init() {}

    /// Whether the upstream connection may serve another request.
    public var keepsAlive: Bool {
        framing != .untilClose && !connection.close && (minorVersion == 1 || connection.keepAlive)
    }

    /// 1xx: another head follows.
    public var isInformational: Bool { status < 200 }

    /// Parses a head that begins at the first byte; `toHEAD` says that it answers a HEAD request, `toCONNECT` one for a
    /// tunnel, where a success has no body whatever its fields say (RFC 9110 §9.3.6).
    ///
    /// - Returns: the head's length, nil while it is incomplete.
    public mutating func parse(
        _ bytes: UnsafeRawBufferPointer, toHEAD: Bool, toCONNECT: Bool = false, limits: HTTPLimits
    ) throws(ResponseHeadError) -> Int? {
        guard let lineEnd = try parseStatusLine(bytes, limits: limits) else { return nil }
        var framingFields = FramingFields()
        var options = ConnectionOptions()
        var media = Media.unknown
        var encoded = false
        var echo = false
        var requestID = false
        var date = false
        let headLength: Int
        do {
            headLength = try fields.parse(
                bytes, from: lineEnd, limits: limits, atMost: limits.responseFieldCount
            ) { line in
                switch line.known {
                case .contentLength: framingFields.addContentLength(bytes.slice(line.value))
                case .transferEncoding: framingFields.addTransferEncoding(bytes.slice(line.value))
                case .connection: options.add(bytes.slice(line.value))
                case .contentType:
                    media = Self.media(bytes.slice(line.value))
                    echo = echo || bytes.slice(line.value).hasPrefixIgnoringCase("message/http")
                case .contentEncoding:
                    let value = bytes.slice(line.value)
                    if !value.isEmpty, !value.equalsIgnoringCase("identity") { encoded = true }
                case .xRequestID: requestID = true
                case .date: date = true
                default: break
                }
            }
        } catch {
            if error == .incomplete, bytes.count <= limits.head { return nil }
            throw Self.responseError(error)
        }
        guard headLength <= limits.head else { throw .headTooLarge }
        let announced: BodyFraming
        do {
            announced = try framingFields.framing(allowsChunked: minorVersion == 1) ?? .untilClose
        } catch {
            switch error {
            case _ where toCONNECT && (200..<300).contains(status): announced = .none
            case .malformedLength: throw .malformedContentLength
            case .unknownEncoding: throw .unknownTransferCoding
            case .repeatedLength, .lengthAndEncoding, .malformedEncoding: throw .ambiguousLength
            }
        }
        framing = toHEAD || status < 200 || status == 204 || status == 304 ? .none : announced
        announcedLength = framingFields.length
        connection = options
        self.media = media
        isEncoded = encoded
        isRequestEcho = echo
        hasRequestID = requestID
        hasDate = date
        end = headLength
        return headLength
    }

    private mutating func parseStatusLine(
        _ bytes: UnsafeRawBufferPointer, limits: HTTPLimits
    ) throws(ResponseHeadError) -> Int? {
        guard bytes.count >= 14 else {
            for (index, expected) in "HTTP/1.".utf8.enumerated() where index < bytes.count {
                guard bytes[index] == expected else { throw .malformedStatusLine }
            }
            guard !bytes.contains(0x0A) else { throw .malformedStatusLine }
            return nil
        }
        guard bytes.begins(with: "HTTP/1."), bytes[7] >= 0x30, bytes[7] <= 0x39, bytes[8] == 0x20,
            let code = bytes.slice(9..<12).decimalNumber, code >= 100
        else { throw .malformedStatusLine }
        minorVersion = min(bytes[7] - 0x30, 1)
        status = code
        let reasonStart = bytes[12] == 0x20 ? 13 : 12
        let reasonEnd = CharacterClass.endOfText(bytes, from: reasonStart)
        guard reasonEnd <= limits.startLine else { throw .headTooLarge }
        guard reasonEnd < bytes.count else { return nil }
        guard bytes[reasonEnd] == 0x0D, reasonStart == 13 || reasonEnd == 12 else {
            throw bytes[reasonEnd] == 0x0A ? .bareLineFeed : .malformedStatusLine
        }
        guard reasonEnd + 1 < bytes.count else { return nil }
        guard bytes[reasonEnd + 1] == 0x0A else { throw .malformedStatusLine }
        reason = reasonStart..<reasonEnd
        return reasonEnd + 2
    }

    private static func media(_ value: UnsafeRawBufferPointer) -> Media {
        let end = value.firstIndex { $0 == UInt8(ascii: ";") || $0 == 0x20 || $0 == 0x09 } ?? value.count
        let type = value.slice(0..<end)
        // Nearly all answers are one of the first two.
        if type.equalsIgnoringCase("application/json") { return .json }
        if type.equalsIgnoringCase("text/event-stream") { return .eventStream }
        if type.isEmpty || type.equalsIgnoringCase("text/plain") || type.equalsIgnoringCase("application/octet-stream")
        {
            return .unknown
        }
        if type.equalsIgnoringCase("text/html") || type.hasPrefixIgnoringCase("application/xhtml") { return .page }
        return type.count > 5 && type.slice(type.count - 5..<type.count).equalsIgnoringCase("+json") ? .json : .other
    }

    private static func responseError(_ failure: FieldSection.Failure) -> ResponseHeadError {
        switch failure {
        case .incomplete, .tooLarge: .headTooLarge
        case .bareLineFeed: .bareLineFeed
        case .malformedName, .malformedValue: .malformedField
        case .folded: .foldedField
        case .tooMany: .tooManyFields
        }
    }
}

/// Why a response head is refused. The connection it came on must not be used again.
public enum ResponseHeadError: Error, Sendable, Equatable, CaseIterable {
    case malformedStatusLine
    case headTooLarge
    case tooManyFields
    case bareLineFeed
    case malformedField
    case foldedField
    case malformedContentLength
    case ambiguousLength
    case unknownTransferCoding
}
