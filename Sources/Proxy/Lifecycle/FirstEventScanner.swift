/// Watches an event stream for the end of its first event: the commit point of an SSE response.
///
/// Comments are not events: a server that only says ": processing" may still die without the client noticing.
struct FirstEventScanner: Equatable {
    private var lineIsEmpty = true
    private var lineIsComment = false
    private var sawField = false
    private var afterReturn = false
    /// How much of a byte order mark has been seen at the stream's beginning; 3 when there can be none any more.
    private var markLength = 0

    private static let mark: (UInt8, UInt8, UInt8) = (0xEF, 0xBB, 0xBF)

    /// - Returns: whether the first event is complete within the bytes seen so far.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for byte in bytes {
            if markLength < 3 {
                let expected = markLength == 0 ? Self.mark.0 : markLength == 1 ? Self.mark.1 : Self.mark.2
                if byte == expected {
                    markLength += 1
                    continue
                }
                lineIsEmpty = markLength == 0
                markLength = 3
            }
            let follows = afterReturn
            afterReturn = false
            switch byte {
            case 0x0A where follows: continue
            case 0x0A, 0x0D:
                if lineIsEmpty, sawField { return true }
                if !lineIsEmpty, !lineIsComment { sawField = true }
                lineIsEmpty = true
                lineIsComment = false
                afterReturn = byte == 0x0D
            default:
                if lineIsEmpty { lineIsComment = byte == UInt8(ascii: ":") }
                lineIsEmpty = false
            }
        }
        return false
    }
}
