/// Why a chunked body is refused. The position in the stream is lost: close the connection.
public enum BodyError: Error, Sendable, Equatable, CaseIterable {
    case malformedChunkSize
    case chunkTooLarge
    case malformedChunkExtension
    case chunkLineTooLong
    case missingChunkEnd
    case malformedTrailer
    case trailersTooLarge
}
