/// Takes the event out of a stream of Chat Completions that is only there because Podium has asked for the usage
/// (`stream_options.include_usage`): the one whose `choices` are empty and which has a `usage`.
///
/// Of each event so much is held back as comes before its `choices`, which stand at its beginning; the rest passes as it comes. Pure,
/// incremental, and the same however the bytes are cut.
public struct UsageEventFilter {
    /// What becomes of the bytes, in their order.
    public enum Step: Equatable, Sendable {
        /// They go on, behind what was kept so far.
        case pass(Range<Int>)
        /// They wait.
        case keep(Range<Int>)
        /// What was kept goes on.
        case release
        /// What was kept goes nowhere.
        case drop
    }

    private enum Finding: UInt8 {
        /// Nothing is known of the present event.
        case none
        /// Its choices have begun.
        case choices
        /// They are empty.
        case noChoices
        /// It is the client's.
        case others
    }

    private enum LineFeed: UInt8 { case none, passes, drops }

    /// An event that says nothing of its choices within so many bytes is the client's.
    private static let limit = 16 << 10

    private var framing = EventStreamFraming()
    private var scanner = JSONScanner()
    private var finding = Finding.none
    private var hasUsage = false
    /// Bytes of the present event that wait.
    private var kept = 0
    /// The bytes that were read ended with the carriage return of an empty line, to whose event a line feed may belong.
    private var lineFeed = LineFeed.none
    private var isStream: Bool?

    /// - Parameter isStream: nil: the first byte tells
    public init(isStream: Bool?) { self.isStream = isStream }

    /// Reads the next bytes of the body, without a content coding.
    public mutating func read(_ bytes: UnsafeRawBufferPointer, _ step: (Step) -> Void) {
        var begin = 0
        if isStream == nil, let first = bytes.first(where: { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }) {
            isStream = first != UInt8(ascii: "{") && first != UInt8(ascii: "[")
        }
        guard isStream == true else { return step(.pass(0..<bytes.count)) }
        if lineFeed != .none, let first = bytes.first {
            if first == 0x0A {
                begin = 1
                if lineFeed == .passes { step(.pass(0..<1)) }
            }
            lineFeed = .none
        }
        var place = 0
        while let part = framing.next(bytes, &place) {
            switch part {
            case .data(let range):
                guard finding != .others else { continue }
                look(UnsafeRawBufferPointer(rebasing: bytes[range]))
                if finding == .others { release(bytes, begin..<range.upperBound, &begin, step) }
            // Between two lines of data stands white space, as far as JSON goes.
            case .dataBreak, .name, .nameBegins: break
            case .end(let end):
                conclude(bytes, end, &begin, step)
            }
        }
        guard begin < bytes.count else { return }
        let rest = begin..<bytes.count
        if finding != .others, kept + rest.count > Self.limit {
            finding = .others
            release(bytes, rest, &begin, step)
        } else if finding == .others {
            step(.pass(rest))
        } else {
            kept += rest.count
            step(.keep(rest))
        }
    }

    /// Nothing more comes.
    public mutating func finish(_ step: (Step) -> Void) {
        if kept > 0 { step(.release) }
        kept = 0
    }

    private mutating func release(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ begin: inout Int, _ step: (Step) -> Void
    ) {
        if kept > 0 { step(.release) }
        kept = 0
        if !range.isEmpty { step(.pass(range)) }
        begin = range.upperBound
    }

    /// An event has ended at the first byte of its empty line.
    private mutating func conclude(
        _ bytes: UnsafeRawBufferPointer, _ end: Int, _ begin: inout Int, _ step: (Step) -> Void
    ) {
        let isHidden = finding == .noChoices && hasUsage && scanner.isDone
        var last = end
        if bytes[end - 1] == 0x0D {
            if end == bytes.count { lineFeed = isHidden ? .drops : .passes }
            if end < bytes.count, bytes[end] == 0x0A { last += 1 }
        }
        if isHidden {
            if kept > 0 { step(.drop) }
            kept = 0
            begin = last
        } else {
            release(bytes, begin..<max(begin, last), &begin, step)
        }
        finding = .none
        hasUsage = false
        scanner.begin()
    }

    private mutating func look(_ bytes: UnsafeRawBufferPointer) {
        var place = 0
        while finding != .others, let token = scanner.next(bytes, &place) {
            let path = scanner.path
            switch (path.count, path[0]) {
            case (2, .choices) where token == .begin: finding = .choices
            case (1, .choices):
                // A closing bracket behind the opening one, or no list at all.
                let isEmpty = token == .null || token == .end(isObject: false) && finding == .choices
                finding = isEmpty ? .noChoices : .others
            case (_, .choices): finding = .others
            case (2, .usage) where token == .begin:
                hasUsage = true
                scanner.skip()
            case (2, _) where token == .begin: scanner.skip()
            case (0, _) where finding != .noChoices: finding = .others
            default: break
            }
        }
        if scanner.isBroken { finding = .others }
    }
}
