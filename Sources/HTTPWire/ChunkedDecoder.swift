internal import PureSupport

/// Finds the data within a chunked body (RFC 9112 §7.1). Extensions are checked and skipped, trailers dropped.
///
///     var offset = 0
///     while true {
///         switch try decoder.next(bytes, at: &offset, limits: limits) {
///         case .data(let range): …
///         case .needsMore: return          // everything was consumed
///         case .end: return                // offset stands behind the body
///         }
///     }
public struct ChunkedDecoder: Sendable, Equatable {
    /// What the next stretch of input is.
    public enum Event: Sendable, Equatable {
        /// Body bytes at these offsets.
        case data(Range<Int>)
        case needsMore
        case end
    }

    private enum State: Sendable, Equatable {
        case size, beforeExtension, extensionName, afterName, extensionValue, quoted, quotedEscape, afterValue,
            sizeLineFeed
        case data, dataReturn, dataLineFeed
        case trailerStart, trailerText, trailerLineFeed, endLineFeed, ended
    }

    private var state = State.size
    private var remaining = 0
    private var digits = 0
    private var lineLength = 0
    private var extensionLength = 0
    private var trailerLength = 0
    private var sawColon = false
    private var tokenLength = 0
    private var followsBlank = false

    /// Stands before the first byte.
    public init() {}

    /// Whether the last byte of the body has been read.
    public var hasEnded: Bool { state == .ended }

    /// Moves `offset` over the bytes consumed; call again until it returns `needsMore` or `end`.
    public mutating func next(
        _ bytes: UnsafeRawBufferPointer, at offset: inout Int, limits: HTTPLimits
    ) throws(BodyError) -> Event {
        while offset < bytes.count {
            if state == .data {
                let length = min(remaining, bytes.count - offset)
                let range = offset..<offset + length
                remaining -= length
                offset += length
                if remaining == 0 { state = .dataReturn }
                return .data(range)
            }
            if state == .ended { return .end }
            try consume(bytes[offset], limits: limits)
            offset += 1
        }
        return state == .ended ? .end : .needsMore
    }

    private mutating func consume(_ byte: UInt8, limits: HTTPLimits) throws(BodyError) {
        switch state {
        case .size: try consumeSize(byte, limits: limits)
        case .beforeExtension, .extensionName, .afterName, .extensionValue, .quoted, .quotedEscape, .afterValue:
            try consumeExtension(byte, limits: limits)
        case .sizeLineFeed:
            guard byte == 0x0A else { throw .malformedChunkSize }
            state = remaining > 0 ? .data : .trailerStart
            digits = 0
            lineLength = 0
        case .dataReturn:
            guard byte == 0x0D else { throw .missingChunkEnd }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0A else { throw .missingChunkEnd }
            state = .size
        case .trailerStart, .trailerText, .trailerLineFeed, .endLineFeed: try consumeTrailer(byte, limits: limits)
        case .data, .ended: break
        }
    }

    private mutating func consumeSize(_ byte: UInt8, limits: HTTPLimits) throws(BodyError) {
        if let value = ASCII.hexadecimalValue(byte).map(Int.init) {
            digits += 1
            // 15 digits are beyond any body and stay clear of overflow.
            guard digits <= 15 else { throw .chunkTooLarge }
            remaining = remaining << 4 | value
        } else {
            guard digits > 0 else { throw .malformedChunkSize }
            switch byte {
            case 0x0D: state = .sizeLineFeed
            case UInt8(ascii: ";"):
                state = .extensionName
                tokenLength = 0
                lineLength = digits
            case 0x20, 0x09:
                state = .beforeExtension
                lineLength = digits
            default: throw .malformedChunkSize
            }
        }
    }

    private mutating func consumeExtension(_ byte: UInt8, limits: HTTPLimits) throws(BodyError) {
        lineLength += 1
        extensionLength += 1
        guard lineLength <= limits.chunkLine, extensionLength <= limits.chunkExtensionTotal else {
            throw .chunkLineTooLong
        }
        switch state {
        case .quoted:
            switch byte {
            case UInt8(ascii: "\""): state = .afterValue
            case UInt8(ascii: "\\"): state = .quotedEscape
            default: try requireText(byte)
            }
        case .quotedEscape:
            try requireText(byte)
            state = .quoted
        case .beforeExtension where !Self.isBlank(byte):
            guard byte == UInt8(ascii: ";") else { throw .malformedChunkExtension }
            beginExtension()
        case .afterName where byte == UInt8(ascii: "="): beginValue()
        case .afterName where !Self.isBlank(byte), .afterValue where !Self.isBlank(byte):
            // The line ends at the last word: blanks behind it belong to no rule.
            switch byte {
            case 0x0D where !followsBlank: state = .sizeLineFeed
            case UInt8(ascii: ";"): beginExtension()
            default: throw .malformedChunkExtension
            }
        case .beforeExtension, .afterName, .afterValue: followsBlank = true
        default: try consumeWord(byte)
        }
    }

    /// Within a name or a value, or before it.
    private mutating func consumeWord(_ byte: UInt8) throws(BodyError) {
        if ASCII.isToken(byte) {
            tokenLength += 1
        } else if tokenLength == 0 {
            // Blanks may stand before the word (RFC 9112 §7.1.1), and a value may be quoted.
            if byte == UInt8(ascii: "\""), state == .extensionValue {
                state = .quoted
            } else if !Self.isBlank(byte) {
                throw .malformedChunkExtension
            }
        } else if byte == UInt8(ascii: "="), state == .extensionName {
            beginValue()
        } else {
            switch byte {
            case 0x0D: state = .sizeLineFeed
            case UInt8(ascii: ";"): beginExtension()
            case 0x20, 0x09:
                state = state == .extensionName ? .afterName : .afterValue
                followsBlank = true
            default: throw .malformedChunkExtension
            }
        }
    }

    private mutating func beginExtension() {
        state = .extensionName
        tokenLength = 0
        followsBlank = false
    }

    private mutating func beginValue() {
        state = .extensionValue
        tokenLength = 0
        followsBlank = false
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private func requireText(_ byte: UInt8) throws(BodyError) {
        guard (byte >= 0x20 && byte < 0x7F) || byte == 0x09 else { throw .malformedChunkExtension }
    }

    private mutating func consumeTrailer(_ byte: UInt8, limits: HTTPLimits) throws(BodyError) {
        trailerLength += 1
        guard trailerLength <= limits.trailers else { throw .trailersTooLarge }
        switch state {
        case .trailerStart:
            if byte == 0x0D {
                state = .endLineFeed
            } else {
                guard ASCII.isToken(byte) else { throw .malformedTrailer }
                state = .trailerText
                sawColon = false
            }
        case .trailerText:
            if byte == 0x0D {
                guard sawColon else { throw .malformedTrailer }
                state = .trailerLineFeed
            } else if sawColon {
                guard (byte >= 0x20 && byte != 0x7F) || byte == 0x09 else { throw .malformedTrailer }
            } else if byte == UInt8(ascii: ":") {
                sawColon = true
            } else {
                guard ASCII.isToken(byte) else { throw .malformedTrailer }
            }
        case .trailerLineFeed:
            guard byte == 0x0A else { throw .malformedTrailer }
            state = .trailerStart
        default:
            guard byte == 0x0A else { throw .malformedTrailer }
            state = .ended
        }
    }
}
