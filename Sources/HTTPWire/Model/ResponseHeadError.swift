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
