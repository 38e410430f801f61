internal import HTTPWire
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

    /// Writes the header line that both heads have, the endpoint's and the client's.
    ///
    /// - Parameter head: the request head's bytes, which a received one lies in
    @inline(__always)
    func write(from head: UnsafeRawBufferPointer, to writer: inout WireWriter) {
        writer.write("X-Request-ID: ")
        switch self {
        case .generated(let value): writer.write(hexadecimal: value, minimumDigits: 16)
        case .received(let range): writer.write(head.slice(range))
        }
        writer.write("\r\n")
    }
}
