/// The figures that are added up for an hour or a day of an endpoint, a model and a client. The raw values are their places in a row.
public enum Figure: Int, CaseIterable, Sendable {
    /// Whose answer went to the client.
    case requests
    /// At this endpoint, also where another one answered.
    case attempts
    case failed
    /// Requests that an endpoint asked before had failed.
    case rescued
    /// Answers that broke off after their beginning.
    case broken
    /// Requests whose client went away.
    case aborted
    /// Answers that named an error within.
    case errors
    case streams
    /// Requests whose usage is known, known in part, and not known though due.
    case read, partial, unread
    // Tokens.
    case input, output, cacheRead, cacheWrite5m, cacheWrite1h, reasoning
    /// 10⁻¹² of the currency's unit, of the requests that have a price.
    case cost
    /// Requests with usage and without a price.
    case unpriced
    case bytesUp, bytesDown
    /// Requests that are not in the log.
    case unlogged

    /// The column's name.
    public var column: String {
        switch self {
        case .cacheRead: "cache_read"
        case .cacheWrite5m: "cache_write_5m"
        case .cacheWrite1h: "cache_write_1h"
        case .bytesUp: "bytes_up"
        case .bytesDown: "bytes_down"
        default: "\(self)"
        }
    }
}

/// What is measured of requests and kept as a sketch.
public enum Measure: Int, CaseIterable, Sendable {
    /// Microseconds.
    case firstByte, firstToken, total
    /// Thousandths of a token a second.
    case speed

    /// The column's name.
    public var column: String {
        switch self {
        case .firstByte: "first_byte"
        case .firstToken: "first_token"
        default: "\(self)"
        }
    }
}

/// The figures of an hour, a day or any other time.
public struct Cell: Sendable, Equatable {
    private var sums = [Int64](repeating: 0, count: Figure.allCases.count)
    private var sketches = [Sketch](repeating: Sketch(), count: Measure.allCases.count)

    /// All figures are zero.
    public init() {}

    /// A figure.
    public subscript(figure: Figure) -> Int64 {
        get { sums[figure.rawValue] }
        _modify { yield &sums[figure.rawValue] }
    }

    /// A sketch.
    public subscript(measure: Measure) -> Sketch {
        get { sketches[measure.rawValue] }
        set { sketches[measure.rawValue] = newValue }
        _modify { yield &sketches[measure.rawValue] }
    }

    /// Adds the figures of another.
    public mutating func add(_ other: Cell) {
        for index in sums.indices { sums[index] &+= other.sums[index] }
        for index in sketches.indices { sketches[index].merge(other.sketches[index]) }
    }

    /// FNV-1a of all of it and of where it belongs: SQLite has no checksums, and a bit that flips in a sum is noticed by nothing else.
    ///
    /// - Parameter names: of endpoint, model and client: what the numbers of the key stand for
    public func checksum(_ key: CellKey, names: [String] = []) -> UInt32 {
        var hash = RowChecksum()
        for number in [key.start, Int64(key.endpoint), Int64(key.model), Int64(key.client)] + sums { hash.add(number) }
        for sketch in sketches { hash.add(sketch.encoded) }
        for name in names { hash.add(name) }
        return hash.value
    }
}

/// FNV-1a of a row's values, so that none can pass into another.
public struct RowChecksum: Sendable {
    /// Of what was added so far.
    public private(set) var value: UInt32 = 2_166_136_261

    /// Of nothing.
    public init() {}

    private mutating func add(_ byte: UInt8) { value = (value ^ UInt32(byte)) &* 16_777_619 }

    /// Adds a number.
    public mutating func add(_ number: Int64) {
        withUnsafeBytes(of: number.littleEndian) { for byte in $0 { add(byte) } }
    }

    mutating func add(_ bytes: [UInt8]) {
        add(Int64(bytes.count))
        for byte in bytes { add(byte) }
    }

    /// Adds a text.
    public mutating func add(_ text: String) {
        for byte in text.utf8 { add(byte) }
        // No byte of a text: so that no letter can pass from one to the next.
        add(0xFF as UInt8)
    }
}

/// Which time, endpoint, model and client a cell is of. Names are numbers; 0 is none: Podium itself, or unknown.
public struct CellKey: Sendable, Hashable {
    /// Whether it is of an hour or of a day.
    public enum Period: UInt8, Sendable, CaseIterable {
        case hour, day
    }

    /// An hour or a day.
    public var period: Period
    /// Of an hour: the unix time at which the local hour began. Of a day: days since 1970 of the local date.
    public var start: Int64
    public var endpoint: Int32
    public var model: Int32
    public var client: Int32

    /// All parts given.
    public init(_ period: Period, start: Int64, endpoint: Int32, model: Int32, client: Int32) {
        self.period = period
        self.start = start
        self.endpoint = endpoint
        self.model = model
        self.client = client
    }
}

/// A moment by the wall clock, and how far the local time is ahead of UTC then.
public struct LocalMoment: Sendable, Equatable {
    /// Microseconds since 1970.
    public var microseconds: Int64
    /// Seconds.
    public var offset: Int64

    /// A moment and its offset from UTC in seconds.
    public init(microseconds: Int64, offset: Int64) {
        self.microseconds = microseconds
        self.offset = offset
    }

    private var seconds: Int64 { Self.floor(microseconds, 1_000_000) }

    private static func floor(_ value: Int64, _ unit: Int64) -> Int64 {
        let rest = value % unit
        return (value - rest) / unit - (rest < 0 ? 1 : 0)
    }

    /// The unix time at which its minute began.
    public var minute: Int64 { Self.floor(seconds, 60) * 60 }

    /// The unix time at which its local hour began, also where the zone is half an hour off.
    public var hour: Int64 { Self.floor(seconds + offset, 3_600) * 3_600 - offset }

    /// Days since 1970 of its local date. A day of 23 or 25 hours is one.
    public var day: Int64 { Self.floor(seconds + offset, 86_400) }
}
