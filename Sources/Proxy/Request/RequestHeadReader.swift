internal import HTTPWire

/// Reads the heads of a client's requests into `loop.requestHead`.
///
/// `ClientConnection` has one for its connection. A head that comes in pieces is looked through for its end once, and parsed when all of
/// it is here.
struct RequestHeadReader {
    private var scanner = HeadEndScanner()

    enum Finding {
        case incomplete
        case broken(RequestHeadError)
        /// `loop.requestHead` holds it.
        case head(length: Int)
    }

    /// - Parameter isContinued: these bytes were incomplete before
    mutating func read(_ bytes: UnsafeRawBufferPointer, isContinued: Bool, on loop: LoopContext) -> Finding {
        let limits = loop.shared.options.limits
        if isContinued {
            switch scanner.scan(bytes, limits: limits) {
            case .needsMore: return .incomplete
            case .end: break
            case .bareLineFeed: return .broken(.bareLineFeed)
            case .startLineTooLong: return .broken(.requestLineTooLong)
            case .headTooLarge: return .broken(.headTooLarge)
            }
        }
        loop.requestHeadOwner = 0
        do {
            if let length = try loop.requestHead.parse(bytes, limits: limits) { return .head(length: length) }
        } catch {
            return .broken(error)
        }
        if !isContinued { scanner = HeadEndScanner() }
        return .incomplete
    }

    /// The same head with its path in order; nil where it is already.
    static func folded(_ bytes: UnsafeRawBufferPointer, on loop: LoopContext) -> [UInt8]? {
        let target = loop.requestHead.pathAndQuery
        loop.requestPathIsPlain = false
        loop.requestPathEnd = nil
        guard loop.requestHead.targetForm == .origin || loop.requestHead.targetForm == .absolute else { return nil }
        let (length, isPlain) = RequestPath.scan(bytes.slice(target))
        let end = target.lowerBound + length
        loop.requestPathEnd = end
        loop.requestPathIsPlain = isPlain
        let path = bytes.slice(target.lowerBound..<end)
        guard let folded = RequestPath.folded(path, isPlain: loop.requestPathIsPlain) else { return nil }
        loop.requestPathIsPlain = false
        loop.requestPathEnd = nil
        return bytes.prefix(target.lowerBound) + folded + bytes.dropFirst(target.lowerBound + path.count)
    }
}
