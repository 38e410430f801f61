/// Watches an event stream for the end of its first event: the commit point of an SSE response.
///
/// An event is what a reader of the stream dispatches: lines of which at least one is `data`, and an empty line behind them.
/// Comments are no events, and neither are `id`, `retry` and `event` alone: a server that says no more may still die without
/// the client noticing.
struct FirstEventScanner: Equatable {
    /// How much of the line has been read as `data:`, up to 5; `other` where it is another line.
    private var matched = 0
    private var lineIsEmpty = true
    private var sawData = false
    private var afterReturn = false
    /// How much of a byte order mark has been seen at the stream's beginning; 3 when there can be none any more.
    private var markLength = 0

    private static let other = -1
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
                if markLength > 0 {
                    lineIsEmpty = false
                    matched = Self.other
                }
                markLength = 3
            }
            let follows = afterReturn
            afterReturn = false
            switch byte {
            case 0x0A where follows: continue
            case 0x0A, 0x0D:
                if lineIsEmpty, sawData { return true }
                // A field without a colon has an empty value.
                if matched >= 4 { sawData = true }
                lineIsEmpty = true
                matched = 0
                afterReturn = byte == 0x0D
            default:
                lineIsEmpty = false
                match(byte)
            }
        }
        return false
    }

    private mutating func match(_ byte: UInt8) {
        let expected: UInt8
        switch matched {
        case 0: expected = UInt8(ascii: "d")
        case 1, 3: expected = UInt8(ascii: "a")
        case 2: expected = UInt8(ascii: "t")
        case 4: expected = UInt8(ascii: ":")
        default: return
        }
        matched = byte == expected ? matched + 1 : Self.other
    }
}

/// Where in an event stream its last byte left off, by the last four bytes.
///
/// An event is dispatched by the empty line behind it; what stands before the end without one is thrown away by the
/// reader of the stream. Whatever is put behind a piece of an event becomes part of it.
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
