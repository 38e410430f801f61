/// Where in an event stream its last byte left off, by the last four bytes.
///
/// An event is dispatched by the empty line behind it; what stands before the end without one is thrown away by whoever
/// reads the stream. Whatever is put behind a piece of an event becomes part of it.
struct EventStreamPosition: Equatable {
    private static let newline = UInt32(UInt8(ascii: "\n"))
    private static let carriageReturn = UInt32(UInt8(ascii: "\r"))

    private var last: UInt32 = 0x0A0A_0A0A

    enum Place: Equatable {
        case betweenEvents
        /// Behind a line of an event.
        case betweenLines
        case inLine
    }

    mutating func pass(_ bytes: UnsafeRawBufferPointer) {
        for index in max(0, bytes.count - 4)..<bytes.count { last = last << 8 | UInt32(bytes[index]) }
    }

    var place: Place {
        guard Self.endsLine(last) else { return .inLine }
        let isPair = last & 0xFFFF == Self.carriageReturn << 8 | Self.newline
        return Self.endsLine(last >> (isPair ? 16 : 8)) ? .betweenEvents : .betweenLines
    }

    private static func endsLine(_ bytes: UInt32) -> Bool {
        bytes & 0xFF == newline || bytes & 0xFF == carriageReturn
    }
}
