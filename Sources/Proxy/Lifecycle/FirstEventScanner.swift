/// Watches an event stream for the end of its first event: the commit point of an SSE response.
///
/// Comments are not events: a server that only says ": processing" may still die without the client noticing.
struct FirstEventScanner: Equatable {
    private var lineIsEmpty = true
    private var lineIsComment = false
    private var sawField = false
    private var afterReturn = false

    /// - Returns: whether the first event is complete within the bytes seen so far.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for byte in bytes {
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
