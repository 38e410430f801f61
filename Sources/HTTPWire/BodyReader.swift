/// Follows one message body to its end, whatever its framing.
public struct BodyReader: Sendable, Equatable {
    private enum State: Sendable, Equatable {
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose
    }

    private var state: State

    /// Stands before the body.
    public init(_ framing: BodyFraming) {
        switch framing {
        case .none: state = .length(0)
        case .length(let count): state = .length(count)
        case .chunked: state = .chunked(ChunkedDecoder())
        case .untilClose: state = .untilClose
        }
    }

    /// Whether the last byte of the body has been read.
    public var isComplete: Bool {
        switch state {
        case .length(let remaining): remaining == 0
        case .chunked(let decoder): decoder.hasEnded
        case .untilClose: false
        }
    }

    /// Whether the end of the connection is this body's proper end.
    public var endsWithConnection: Bool { state == .untilClose }

    /// Moves `offset` over the bytes consumed; call again until it returns `needsMore` or `end`.
    public mutating func next(
        _ bytes: UnsafeRawBufferPointer, at offset: inout Int, limits: HTTPLimits
    ) throws(BodyError) -> ChunkedDecoder.Event {
        switch state {
        case .length(let remaining):
            guard remaining > 0 else { return .end }
            let length = min(remaining, bytes.count - offset)
            guard length > 0 else { return .needsMore }
            state = .length(remaining - length)
            offset += length
            return .data(offset - length..<offset)
        case .chunked(var decoder):
            defer { state = .chunked(decoder) }
            return try decoder.next(bytes, at: &offset, limits: limits)
        case .untilClose:
            guard offset < bytes.count else { return .needsMore }
            defer { offset = bytes.count }
            return .data(offset..<bytes.count)
        }
    }
}

/// How the end of a message body is found.
public enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
    /// Responses only: the body ends with the connection.
    case untilClose
}

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
