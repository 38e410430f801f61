/// Finds the end of a head that arrives in pieces, looking at each byte once.
public struct HeadEndScanner: Sendable {
    /// What the bytes so far amount to.
    public enum Finding: Sendable, Equatable {
        case needsMore
        /// The head, its empty line included, is this long.
        case end(Int)
        case bareLineFeed
        case startLineTooLong
        case headTooLarge
    }

    private var scanned = 0
    private var lineStart = 0
    private var sawLine = false

    /// Stands before the first byte.
    public init() {}

    /// Looks at the bytes that were added since the last call; `bytes` always begins with the head's first byte.
    public mutating func scan(_ bytes: UnsafeRawBufferPointer, limits: HTTPLimits) -> Finding {
        while scanned < bytes.count {
            guard bytes[scanned] == 0x0A else {
                scanned += 1
                continue
            }
            guard scanned > lineStart, bytes[scanned - 1] == 0x0D else { return .bareLineFeed }
            let isEmpty = scanned - lineStart == 1
            if !sawLine, scanned - 1 - lineStart > limits.startLine { return .startLineTooLong }
            scanned += 1
            // One empty line before the start line is what some clients send behind the message before (RFC 9112 §2.2). It is not an end.
            if isEmpty, sawLine || lineStart > 0 {
                return scanned > limits.head ? .headTooLarge : .end(scanned)
            }
            if !isEmpty { sawLine = true }
            lineStart = scanned
        }
        if !sawLine, scanned - lineStart > limits.startLine + 1 { return .startLineTooLong }
        return scanned > limits.head ? .headTooLarge : .needsMore
    }
}
