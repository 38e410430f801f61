/// Cuts an event stream into its events (the format of `text/event-stream`, WHATWG HTML 9.2), byte by byte, without keeping
/// anything of them. Lines end with LF, CR or CRLF, wherever the pieces are cut.
package struct EventStreamFraming {
    /// What a stretch of bytes is.
    package enum Part: Equatable {
        /// Bytes of the value of `data`. Where an event has several such lines, their values are joined by a line feed, which
        /// comes as a part of its own (`dataBreak`).
        case data(Range<Int>)
        case dataBreak
        /// Bytes of the value of `event`, and the beginning of a new one.
        case name(Range<Int>)
        case nameBegins
        /// The empty line that ends an event; the index is that behind its first byte.
        case end(Int)
    }

    private enum State: UInt8 {
        case mark, lineStart, field, blank, value, ignored
    }

    private enum Field: UInt8 { case data, event, other }

    private var state = State.mark
    private var field = Field.other
    private var fieldName = ShortText<8>()
    private var markBytes: UInt8 = 0
    private var skipsLineFeed = false
    private var hasData = false
    /// A line of the present event, with its name or with data, has begun.
    private var isWithinEvent = false

    /// At the beginning of a stream.
    package init() {}

    /// Begins a new stream.
    package mutating func begin() {
        state = .mark
        field = .other
        fieldName.removeAll()
        markBytes = 0
        skipsLineFeed = false
        hasData = false
        isWithinEvent = false
    }

    /// Whether the next byte is the first of an event, or of a line between events.
    ///
    /// - Parameter place: moved behind a line feed that still belongs to the line before.
    @inline(__always)
    mutating func isBetweenEvents(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) -> Bool {
        guard state == .lineStart, !isWithinEvent, place < bytes.count else { return false }
        if skipsLineFeed {
            skipsLineFeed = false
            if bytes[place] == 0x0A { place += 1 }
        }
        return true
    }

    /// An event was read without this, from its first line to the first byte of its empty line.
    @inline(__always)
    mutating func passed(endsWithReturn: Bool) { skipsLineFeed = endsWithReturn }

    /// Goes on to the next part.
    ///
    /// - Parameter place: where to go on, from 0; moved behind what was read.
    package mutating func next(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) -> Part? {
        while place < bytes.count {
            let byte = bytes[place]
            if skipsLineFeed {
                skipsLineFeed = false
                if byte == 0x0A {
                    place += 1
                    continue
                }
            }
            switch state {
            case .mark:
                if readMark(byte) { place += 1 }
            case .lineStart where Self.isLineEnd(byte):
                endLine(byte)
                place += 1
                hasData = false
                isWithinEvent = false
                return .end(place)
            case .lineStart:
                fieldName.removeAll()
                state = byte == UInt8(ascii: ":") ? .ignored : .field
            case .field:
                place += 1
                if let part = readField(byte) { return part }
            case .blank:
                state = .value
                if byte == 0x20 { place += 1 }
            case .value:
                let begin = place
                place = bytes.lineEnd(from: place)
                let range = begin..<place
                if place < bytes.count {
                    endLine(bytes[place])
                    place += 1
                }
                guard !range.isEmpty else { continue }
                switch field {
                case .data: return .data(range)
                case .event: return .name(range)
                case .other: continue
                }
            case .ignored:
                place = bytes.lineEnd(from: place)
                if place < bytes.count {
                    endLine(bytes[place])
                    place += 1
                }
            }
        }
        return nil
    }

    private static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

    private mutating func endLine(_ byte: UInt8) {
        state = .lineStart
        skipsLineFeed = byte == 0x0D
    }

    /// A byte order mark at the very beginning is no part of the first line.
    ///
    /// - Returns: whether the byte is one of its.
    private mutating func readMark(_ byte: UInt8) -> Bool {
        let mark: StaticString = "\u{FEFF}"
        guard byte == mark.utf8Start[Int(markBytes)] else {
            state = .lineStart
            return false
        }
        markBytes += 1
        if markBytes == 3 { state = .lineStart }
        return true
    }

    private mutating func readField(_ byte: UInt8) -> Part? {
        guard byte == UInt8(ascii: ":") || Self.isLineEnd(byte) else {
            fieldName.append(byte)
            return nil
        }
        field = fieldName.equals("data") ? .data : fieldName.equals("event") ? .event : .other
        if Self.isLineEnd(byte) {
            // A line without a colon is a field with an empty value.
            endLine(byte)
        } else {
            state = .blank
        }
        if field != .other { isWithinEvent = true }
        switch field {
        case .data:
            defer { hasData = true }
            return hasData ? .dataBreak : nil
        case .event: return .nameBegins
        case .other: return nil
        }
    }
}
