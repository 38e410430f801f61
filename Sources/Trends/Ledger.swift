public import LLMWire

/// A finished request in numbers, as it is handed over for adding up. Names are numbers of a `NameTable`.
public struct Entry: Sendable, Equatable {
    /// How much the answer said of its usage.
    public enum Reading: UInt8, Sendable {
        /// It is none that says such a thing.
        case none
        case whole
        /// It broke off, or named an error: what it had said until then.
        case partial
        /// It should have said it and did not, or could not be read.
        case unread
    }

    /// When it ended.
    public var at: LocalMoment
    /// Whose answer went to the client; 0: Podium's own.
    public var endpoint: Int32 = 0
    public var model: Int32 = 0
    public var client: Int32 = 0
    public var attempts: Int32 = 0
    /// Endpoints that failed it, one for each attempt.
    public var failures: [Int32] = []
    public var isBroken = false
    public var isAborted = false
    public var isError = false
    public var isStream = false
    public var reading = Reading.none
    public var usage = Usage()
    /// Picos; nil: not known.
    public var cost: Int64?
    /// Microseconds.
    public var firstByte: Int64?
    public var firstToken: Int64?
    public var total: Int64?
    /// Tokens a second between the first content and the last, in thousandths; nil where the answer was too short for it to mean anything.
    public var speed: Int64?
    public var bytesUp: Int64 = 0
    public var bytesDown: Int64 = 0

    /// A request that ended then.
    public init(at moment: LocalMoment) { at = moment }
}

/// Adds finished requests up by hour and day. Pure: time comes with the entries, and what has to be written is handed out in batches.
///
/// What is written are whole cells, so that a write that fails costs nothing and one that is done twice does no harm. A cell
/// that an earlier process may have begun is added to its row when it is written for the first time (`isBased`).
public struct Ledger: Sendable {
    /// Cells to be written.
    public struct Batch: Sendable {
        /// One cell as it was when the batch was made.
        public struct Item: Sendable {
            public let key: CellKey
            public let cell: Cell
            /// Memory has all of it; otherwise the row that is there has to be added.
            public let isBased: Bool
            fileprivate let version: Int
        }

        /// In no order.
        public let items: [Item]
    }

    private struct Live {
        var cell = Cell()
        var isBased = false
        /// Raised with each change.
        var version = 0
        var written = 0

        var isDirty: Bool { version != written }
    }

    /// As many cells as there may be; what comes beyond is counted under `other`.
    public static let limit = 5_000

    private var live: [CellKey: Live] = [:]
    /// Where the cells of the last entry lie, by period: the next one is often of the same. Holds until one is put in or taken out.
    private var recent = InlineArray<2, (key: CellKey, place: Dictionary<CellKey, Live>.Index)?>(repeating: nil)
    private let other: Int32
    private var newest = (hour: Int64.min, day: Int64.min)

    /// - Parameter other: the number of the name that stands for all that there is no room for
    public init(other: Int32) { self.other = other }

    /// Whether something has to be written.
    public var isDirty: Bool { live.values.contains { $0.isDirty } }

    // MARK: Adding

    /// Takes a finished request in.
    public mutating func add(_ entry: Entry) {
        let (hour, day) = (entry.at.hour, entry.at.day)
        newest = (max(newest.hour, hour), max(newest.day, day))
        for (period, start) in [(CellKey.Period.hour, hour), (.day, day)] {
            let key = CellKey(
                period, start: start, endpoint: entry.endpoint, model: entry.model, client: entry.client)
            change(key) { Self.add(entry, to: &$0) }
            // The attempts that failed count where they failed.
            for endpoint in entry.failures {
                var key = key
                key.endpoint = endpoint
                change(key) { cell in
                    cell[.attempts] += 1
                    cell[.failed] += 1
                }
            }
        }
    }

    private mutating func change(_ key: CellKey, _ body: (inout Cell) -> Void) {
        // Nearly all requests find their cell: it is looked up once, or not at all, and changed where it lies.
        let slot = key.period == .hour ? 0 : 1
        if let found = recent[slot], found.key == key { return Self.change(&live.values[found.place], body) }
        if let place = live.index(forKey: key) {
            recent[slot] = (key, place)
            return Self.change(&live.values[place], body)
        }
        recent = InlineArray(repeating: nil)
        var key = key
        if live.count >= Self.limit {
            key.model = other
            key.client = other
        }
        Self.change(&live[key, default: Live()], body)
    }

    @inline(__always)
    private static func change(_ live: inout Live, _ body: (inout Cell) -> Void) {
        body(&live.cell)
        live.version += 1
    }

    private static func add(_ entry: Entry, to cell: inout Cell) {
        cell[.requests] += 1
        cell[.attempts] += max(0, Int64(entry.attempts) - Int64(entry.failures.count))
        if !entry.failures.isEmpty, entry.endpoint != 0 { cell[.rescued] += 1 }
        if entry.isBroken { cell[.broken] += 1 }
        if entry.isAborted { cell[.aborted] += 1 }
        if entry.isError { cell[.errors] += 1 }
        if entry.isStream { cell[.streams] += 1 }
        switch entry.reading {
        case .none: break
        case .whole: cell[.read] += 1
        case .partial: cell[.partial] += 1
        case .unread: cell[.unread] += 1
        }
        let usage = entry.usage
        cell[.input] &+= usage.input ?? 0
        cell[.output] &+= usage.output ?? 0
        cell[.cacheRead] &+= usage.cacheRead ?? 0
        cell[.cacheWrite5m] &+= usage.cacheWrite5m ?? 0
        cell[.cacheWrite1h] &+= usage.cacheWrite1h ?? 0
        cell[.reasoning] &+= usage.reasoning ?? 0
        if let cost = entry.cost {
            cell[.cost] &+= cost
        } else if entry.reading == .whole || entry.reading == .partial {
            cell[.unpriced] += 1
        }
        cell[.bytesUp] &+= entry.bytesUp
        cell[.bytesDown] &+= entry.bytesDown
        if let value = entry.firstByte { cell[.firstByte].record(value) }
        if let value = entry.firstToken { cell[.firstToken].record(value) }
        if let value = entry.total { cell[.total].record(value) }
        if let value = entry.speed { cell[.speed].record(value) }
    }

    // MARK: Writing

    /// What has changed since the last batch that was written; nil if nothing has.
    public func batch() -> Batch? {
        let items = live.filter { $0.value.isDirty }.map {
            Batch.Item(key: $0.key, cell: $0.value.cell, isBased: $0.value.isBased, version: $0.value.version)
        }
        return items.isEmpty ? nil : Batch(items: items)
    }

    /// A batch is on the disk.
    ///
    /// - Parameter bases: the rows that were there before, of cells that were not based
    public mutating func committed(_ batch: Batch, bases: [CellKey: Cell]) {
        recent = InlineArray(repeating: nil)
        for item in batch.items {
            guard var cell = live[item.key] else { continue }
            if !item.isBased, let base = bases[item.key] { cell.cell.add(base) }
            cell.isBased = true
            cell.written = item.version
            let isPast = item.key.start < (item.key.period == .hour ? newest.hour : newest.day)
            live[item.key] = isPast && !cell.isDirty ? nil : cell
        }
    }

    /// Nothing is written anywhere: what was long ago has to make room.
    public mutating func forget(hoursBefore: Int64, daysBefore: Int64) {
        recent = InlineArray(repeating: nil)
        live = live.filter { $0.key.start >= ($0.key.period == .hour ? hoursBefore : daysBefore) }
    }

    /// The store was replaced by an empty one: all that is in memory has to be written anew.
    public mutating func replaced() {
        for key in live.keys { live[key]?.written = -1 }
    }

    // MARK: Asking

    /// Lays what is in memory over rows of the store, so that a view shows the last second.
    public func overlay(_ rows: inout [CellKey: Cell], where isWanted: (CellKey) -> Bool) {
        for (key, cell) in live where isWanted(key) {
            if cell.isBased {
                rows[key] = cell.cell
            } else {
                rows[key, default: Cell()].add(cell.cell)
            }
        }
    }
}

/// Names as numbers, of which few are new. Models and clients are named by strangers, so there is a limit for each kind.
public struct NameTable: Sendable {
    /// What is named.
    public enum Kind: Int32, CaseIterable, Sendable {
        case endpoint = 1
        case model, client
    }

    /// 0 is none.
    public static let none: Int32 = 0
    /// All that there is no room for.
    public static let other: Int32 = 1
    public static let otherText = "(other)"

    private struct Name: Hashable {
        var kind: Kind
        var text: String
    }

    private var numbers: [Name: Int32] = [:]
    private var names: [Name?] = [nil, nil]
    private var counts = [Int](repeating: 0, count: 4)

    /// Empty.
    public init() {}

    private static func limit(_ kind: Kind) -> Int {
        switch kind {
        case .endpoint: 20_000
        case .model: 1_000
        case .client: 2_000
        }
    }

    /// The number of a name, which is given one if it has none.
    public mutating func number(_ kind: Kind, _ text: String) -> Int32 {
        guard !text.isEmpty else { return Self.none }
        let name = Name(kind: kind, text: text)
        if let number = numbers[name] { return number }
        guard counts[Int(kind.rawValue)] < Self.limit(kind) else { return Self.other }
        counts[Int(kind.rawValue)] += 1
        let number = Int32(names.count)
        numbers[name] = number
        names.append(name)
        return number
    }

    /// Kind and text of a number; nil for 0 and for `other`.
    public func name(_ number: Int32) -> (kind: Kind, text: String)? {
        guard number >= 0, number < names.count, let name = names[Int(number)] else { return nil }
        return (name.kind, name.text)
    }
}
