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
