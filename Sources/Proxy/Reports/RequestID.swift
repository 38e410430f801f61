internal import NIOCore
internal import Support

/// The name of one request in logs and headers: the client's own, or 16 hexadecimal digits of ours.
enum RequestID: Sendable, Equatable {
    case generated(UInt64)
    /// Offsets of the client's `X-Request-ID` value within the request head.
    case received(Range<Int>)

    func text(in head: ByteBuffer) -> String {
        switch self {
        case .generated(let value):
            return value.hexadecimal(digits: 16)
        case .received(let range):
            return head.getString(at: head.readerIndex + range.lowerBound, length: range.count) ?? ""
        }
    }
}
