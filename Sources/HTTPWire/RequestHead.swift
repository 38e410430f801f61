/// A request head as offsets into its bytes. Reuse one value: parsing the next head allocates nothing.
///
///     var head = RequestHead()
///     if let length = try head.parse(bytes, limits: limits) { … head.fields.lines … }
public struct RequestHead: Sendable {
    /// What stands in the request target.
    public enum TargetForm: Sendable, Equatable {
        case origin
        /// `http://HOST/PATH`; `pathAndQuery` and `authority` point into it.
        case absolute
        /// CONNECT.
        case authority
        /// `OPTIONS *`
        case asterisk
    }

    /// Offsets of the method.
    public private(set) var method: Range<Int> = 0..<0
    /// From the first `/` of the path on; empty where an absolute target has no path.
    public private(set) var pathAndQuery: Range<Int> = 0..<0
    /// Which of the four forms the target has.
    public private(set) var targetForm = TargetForm.origin
    /// Of an absolute target, which then counts instead of the Host field.
    public private(set) var authority: Range<Int> = 0..<0
    /// The 1 of HTTP/1.1; of later versions 1 as well, since they may be answered as that one.
    public private(set) var minorVersion: UInt8 = 1
    /// How the body ends.
    public private(set) var framing = BodyFraming.none
    /// From the Connection fields.
    public private(set) var connection = ConnectionOptions()
    /// The method is HEAD.
    public private(set) var isHEAD = false
    /// An HTTP/1.1 client waits for 100 before it sends the body.
    public private(set) var expectsContinue = false
    /// `Upgrade: websocket`.
    public private(set) var asksForWebSocket = false
    /// Offset of the method; 2 after a leading empty line.
    public private(set) var start = 0
    /// Length of the head with its empty line.
    public private(set) var end = 0
    /// All field lines in order.
    public private(set) var fields = FieldSection()

    /// Stands before the first byte.
    public init() {}

    /// Whether the client lets the connection live on after the response.
    public var keepsAlive: Bool {
        !connection.close && (minorVersion == 1 || connection.keepAlive)
    }

    /// Parses a head that begins at the first byte.
    ///
    /// - Returns: the head's length, nil while it is incomplete.
    public mutating func parse(
        _ bytes: UnsafeRawBufferPointer, limits: HTTPLimits
    ) throws(RequestHeadError) -> Int? {
        start = bytes.count >= 2 && bytes[0] == 0x0D && bytes[1] == 0x0A ? 2 : 0
        guard let lineEnd = try parseRequestLine(bytes, limits: limits) else { return nil }
        var framingFields = FramingFields()
        var options = ConnectionOptions()
        var hostCount = 0
        var hostIsValid = true
        var expectation: Bool?
        var webSocket = false
        let length: Int
        do {
            length = try fields.parse(bytes, from: lineEnd, limits: limits, atMost: limits.fieldCount) { line in
                switch line.known {
                case .contentLength: framingFields.addContentLength(bytes.slice(line.value))
                case .transferEncoding: framingFields.addTransferEncoding(bytes.slice(line.value))
                case .connection: options.add(bytes.slice(line.value))
                case .host:
                    hostCount += 1
                    hostIsValid = hostIsValid && Self.isHost(bytes.slice(line.value))
                case .expect:
                    // An empty list expects nothing (RFC 9110 §10.1.1, §5.6.1).
                    bytes.slice(line.value).forEachListElement { element in
                        expectation = expectation != false && element.equalsIgnoringCase("100-continue")
                        return true
                    }
                case .upgrade:
                    bytes.slice(line.value).forEachListElement { element in
                        if element.equalsIgnoringCase("websocket") { webSocket = true }
                        return !webSocket
                    }
                default: break
                }
            }
        } catch .incomplete {
            guard bytes.count <= limits.head else { throw .headTooLarge }
            return nil
        } catch {
            throw Self.requestError(error)
        }
        guard length <= limits.head else { throw .headTooLarge }
        guard hostCount > 0 || minorVersion == 0 else { throw .missingHost }
        guard hostCount <= 1, hostIsValid else { throw .malformedHost }
        do {
            framing = try framingFields.framing(allowsChunked: minorVersion == 1) ?? .none
        } catch {
            throw Self.requestError(error)
        }
        guard expectation != false else { throw .unknownExpectation }
        expectsContinue = expectation == true && minorVersion == 1
        // Elsewhere the field is to be ignored (RFC 9110 §7.8).
        asksForWebSocket = webSocket && minorVersion == 1 && options.upgrade
        connection = options
        end = length
        return length
    }

    mutating func setTarget(_ form: TargetForm, pathAndQuery: Range<Int>, authority: Range<Int>) {
        targetForm = form
        self.pathAndQuery = pathAndQuery
        self.authority = authority
    }

    private mutating func parseRequestLine(
        _ bytes: UnsafeRawBufferPointer, limits: HTTPLimits
    ) throws(RequestHeadError) -> Int? {
        let methodEnd = CharacterClass.endOfToken(bytes, from: start)
        guard methodEnd - start <= 32 else { throw .malformedRequestLine }
        guard methodEnd < bytes.count else { return nil }
        // The CR alone of a leading empty line may be all that has come.
        if methodEnd == start, start == 0, bytes.count == 1, bytes[0] == 0x0D { return nil }
        guard bytes[methodEnd] == 0x20, methodEnd > start else { throw .malformedRequestLine }
        let targetEnd = CharacterClass.endOfVisible(bytes, from: methodEnd + 1)
        guard targetEnd - start + " HTTP/1.1".utf8.count <= limits.startLine else { throw .requestLineTooLong }
        guard targetEnd < bytes.count else { return nil }
        guard bytes[targetEnd] == 0x20, targetEnd > methodEnd + 1 else { throw .malformedRequestLine }
        let lineEnd = targetEnd + 11
        guard lineEnd <= bytes.count else {
            try Self.checkVersionPrefix(bytes, from: targetEnd + 1)
            return nil
        }
        method = start..<methodEnd
        let methodBytes = bytes.slice(method)
        isHEAD = methodBytes.equals("HEAD")
        minorVersion = try Self.version(bytes.slice(targetEnd + 1..<targetEnd + 9))
        guard bytes[targetEnd + 9] == 0x0D, bytes[targetEnd + 10] == 0x0A else {
            throw bytes[targetEnd + 9] == 0x0A ? .bareLineFeed : .malformedRequestLine
        }
        try splitTarget(bytes, methodEnd + 1..<targetEnd)
        return lineEnd
    }
}

extension RequestHead {
    /// Sorts the target by its form (RFC 9112 §3.2).
    mutating func splitTarget(_ bytes: UnsafeRawBufferPointer, _ target: Range<Int>) throws(RequestHeadError) {
        let text = bytes.slice(target)
        guard !text.contains(UInt8(ascii: "#")) else { throw .malformedRequestLine }
        let methodBytes = bytes.slice(method)
        if methodBytes.equals("CONNECT") {
            guard Self.isHost(text) else { throw .malformedRequestLine }
            setTarget(.authority, pathAndQuery: target, authority: target)
        } else if text[0] == UInt8(ascii: "/") {
            setTarget(.origin, pathAndQuery: target, authority: 0..<0)
        } else if text.count == 1, text[0] == UInt8(ascii: "*") {
            guard methodBytes.equals("OPTIONS") else { throw .malformedRequestLine }
            setTarget(.asterisk, pathAndQuery: target, authority: 0..<0)
        } else {
            try splitAbsolute(text, offset: target.lowerBound)
        }
    }

    private mutating func splitAbsolute(_ text: UnsafeRawBufferPointer, offset: Int) throws(RequestHeadError) {
        let schemeLength: Int
        if text.hasPrefixIgnoringCase("http"), text.count > 7, text.slice(4..<7).elementsEqual("://".utf8) {
            schemeLength = 7
        } else if text.hasPrefixIgnoringCase("https"), text.count > 8, text.slice(5..<8).elementsEqual("://".utf8) {
            schemeLength = 8
        } else {
            throw .malformedRequestLine
        }
        var end = schemeLength
        while end < text.count, text[end] != UInt8(ascii: "/"), text[end] != UInt8(ascii: "?") { end += 1 }
        guard end > schemeLength, Self.isHost(text.slice(schemeLength..<end)) else { throw .malformedRequestLine }
        setTarget(
            .absolute, pathAndQuery: offset + end..<offset + text.count, authority: offset + schemeLength..<offset + end
        )
    }

    /// `HTTP/1.0`, or `HTTP/1.1` and what is said to be compatible with it: a higher minor version is processed as the
    /// highest that is known here (RFC 9110 §2.5).
    static func version(_ text: UnsafeRawBufferPointer) throws(RequestHeadError) -> UInt8 {
        guard text.begins(with: "HTTP/"), text[6] == UInt8(ascii: ".") else {
            throw .malformedRequestLine
        }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard digits.contains(text[5]), digits.contains(text[7]) else { throw .malformedRequestLine }
        guard text[5] == UInt8(ascii: "1") else { throw .unsupportedVersion }
        return min(text[7] - UInt8(ascii: "0"), 1)
    }

    /// Refuses what can no longer become a version and a line's end: with a line that is too short there may be nothing
    /// left to wait for.
    static func checkVersionPrefix(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(RequestHeadError) {
        for (index, expected) in "HTTP/0.0\r\n".utf8.enumerated() where start + index < bytes.count {
            let byte = bytes[start + index]
            let isDigit = byte >= 0x30 && byte <= 0x39
            guard expected == 0x30 ? isDigit : byte == expected else {
                throw byte == 0x0A && bytes[start + index - 1] != 0x0D ? .bareLineFeed : .malformedRequestLine
            }
        }
    }

    /// `uri-host [":" port]`, roughly: nothing that could be read as another authority, a list or a path.
    static func isHost(_ value: UnsafeRawBufferPointer) -> Bool {
        value.allSatisfy { CharacterClass.isHostCharacter($0) }
    }

    static func requestError(_ failure: FieldSection.Failure) -> RequestHeadError {
        switch failure {
        case .incomplete, .tooLarge: .headTooLarge
        case .bareLineFeed: .bareLineFeed
        case .malformedName: .malformedFieldName
        case .malformedValue: .malformedFieldValue
        case .folded: .foldedField
        case .tooMany: .tooManyFields
        }
    }

    static func requestError(_ failure: FramingFields.Failure) -> RequestHeadError {
        switch failure {
        case .malformedLength: .malformedContentLength
        case .repeatedLength: .repeatedContentLength
        case .lengthAndEncoding: .lengthAndEncoding
        case .malformedEncoding: .malformedTransferEncoding
        case .unknownEncoding: .unknownTransferCoding
        }
    }
}

/// Why a request head is refused. After any of these the position in the stream is lost: answer and close.
public enum RequestHeadError: Error, Sendable, Equatable, CaseIterable {
    case malformedRequestLine
    case unsupportedVersion
    case requestLineTooLong
    case headTooLarge
    case tooManyFields
    case bareLineFeed
    case malformedFieldName
    case malformedFieldValue
    case foldedField
    case missingHost
    case malformedHost
    case malformedContentLength
    case repeatedContentLength
    case lengthAndEncoding
    case malformedTransferEncoding
    case unknownTransferCoding
    case unknownExpectation

    /// The status to answer.
    public var status: Int {
        switch self {
        case .unsupportedVersion: 505
        case .requestLineTooLong: 414
        case .headTooLarge, .tooManyFields: 431
        case .unknownTransferCoding: 501
        case .unknownExpectation: 417
        default: 400
        }
    }

    /// A fixed sentence that repeats nothing the client sent.
    public var reason: String {
        switch self {
        case .malformedRequestLine: "malformed request line"
        case .unsupportedVersion: "only HTTP/1.0 and HTTP/1.1 are served here"
        case .requestLineTooLong: "request line too long"
        case .headTooLarge: "request head too large"
        case .tooManyFields: "too many header fields"
        case .bareLineFeed: "line ended without CR LF"
        case .malformedFieldName: "malformed header field name"
        case .malformedFieldValue: "control character in a header field"
        case .foldedField: "folded header field"
        case .missingHost: "Host header missing"
        case .malformedHost: "more than one Host header, or a malformed one"
        case .malformedContentLength: "malformed Content-Length"
        case .repeatedContentLength: "more than one Content-Length"
        case .lengthAndEncoding: "both Content-Length and Transfer-Encoding"
        case .malformedTransferEncoding: "malformed Transfer-Encoding"
        case .unknownTransferCoding: "transfer coding not implemented"
        case .unknownExpectation: "unknown expectation"
        }
    }
}
