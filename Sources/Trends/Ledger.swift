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
    /// There was no room for it in the log of requests.
    public var isUnlogged = false

    /// A request that ended then.
    public init(at moment: LocalMoment) { at = moment }
}

/// Finished requests that are added up together, before they are put to their hours and days: of one endpoint and model there are
/// often many among them, and then nearly all of the work is done once and not once for the hour and once for the day.
public struct EntrySums: Sendable {
    /// Sums of one minute, endpoint, model and client.
    public struct Part: Sendable {
        /// The unix time at which it began.
        public let minute: Int64
        public let hour: Int64
        public let day: Int64
        public let endpoint: Int32
        public let model: Int32
        public let client: Int32
        public fileprivate(set) var cell = Cell()
    }

    /// What has not been seen for so many parts gets another part: so the search for it stays short.
    private static let reach = 16

    /// Two may be of the same minute, endpoint, model and client.
    public private(set) var parts: [Part] = []

    /// Nothing is added up.
    public init() {}

    /// Takes a finished request in.
    public mutating func add(_ entry: Entry) {
        let (minute, hour, day) = (entry.at.minute, entry.at.hour, entry.at.day)
        parts[place(minute, hour, day, entry.endpoint, entry)].cell.add(entry)
        // The attempts that failed count where they failed.
        for endpoint in entry.failures {
            let place = place(minute, hour, day, endpoint, entry)
            parts[place].cell[.attempts] += 1
            parts[place].cell[.failed] += 1
        }
    }

    private mutating func place(
        _ minute: Int64, _ hour: Int64, _ day: Int64, _ endpoint: Int32, _ entry: Entry
    ) -> Int {
        var index = parts.count - 1
        let last = max(0, parts.count - Self.reach)
        while index >= last {
            let isSame =
                parts[index].endpoint == endpoint && parts[index].model == entry.model && parts[index].minute == minute
                && parts[index].hour == hour
                && parts[index].day == day && parts[index].client == entry.client
            if isSame { return index }
            index -= 1
        }
        parts.append(
            Part(
                minute: minute, hour: hour, day: day, endpoint: endpoint, model: entry.model, client: entry.client))
        return parts.count - 1
    }
}

extension Cell {
    /// A finished request, but for its attempts that failed elsewhere.
    fileprivate mutating func add(_ entry: Entry) {
        self[.requests] += 1
        self[.attempts] += max(0, Int64(entry.attempts) - Int64(entry.failures.count))
        if !entry.failures.isEmpty, entry.endpoint != 0 { self[.rescued] += 1 }
        if entry.isBroken { self[.broken] += 1 }
        if entry.isAborted { self[.aborted] += 1 }
        if entry.isError { self[.errors] += 1 }
        if entry.isStream { self[.streams] += 1 }
        if entry.isUnlogged { self[.unlogged] += 1 }
        switch entry.reading {
        case .none: break
        case .whole: self[.read] += 1
        case .partial: self[.partial] += 1
        case .unread: self[.unread] += 1
        }
        // An answer that says nothing of its usage adds none.
        if entry.reading == .whole || entry.reading == .partial {
            self[.input] &+= entry.usage.input ?? 0
            self[.output] &+= entry.usage.output ?? 0
            self[.cacheRead] &+= entry.usage.cacheRead ?? 0
            self[.cacheWrite5m] &+= entry.usage.cacheWrite5m ?? 0
            self[.cacheWrite1h] &+= entry.usage.cacheWrite1h ?? 0
            self[.reasoning] &+= entry.usage.reasoning ?? 0
            if let cost = entry.cost { self[.cost] &+= cost } else { self[.unpriced] += 1 }
        }
        self[.bytesUp] &+= entry.bytesUp
        self[.bytesDown] &+= entry.bytesDown
        if let value = entry.firstByte { self[.firstByte].record(value) }
        if let value = entry.firstToken { self[.firstToken].record(value) }
        if let value = entry.total { self[.total].record(value) }
        if let value = entry.speed { self[.speed].record(value) }
    }
}

/// Adds finished requests up by hour and day. Pure: time comes with the entries, and what has to be written is handed out in batches.
///
/// What is written are whole cells, so that a write that fails costs nothing and one that is done twice does no harm. A cell
/// that an earlier process may have begun is added to its row when it is written for the first time (`isBased`). So a cell whose
/// row is up to date need not stay in memory: those that rest are let go of when there are many.
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
        /// How many batches had been written when it changed last.
        var changedAfter = 0

        var isDirty: Bool { version != written }

        mutating func add(_ other: Cell, after commits: Int) {
            cell.add(other)
            version += 1
            changedAfter = commits
        }
    }

    /// As many cells as there may be; what comes beyond is counted under `other`.
    public static let limit = 5_000
    /// As many cells as stay in memory although their rows are up to date. A cell has some KB, most of it for the four sketches.
    public static let kept = 256

    private var live: [CellKey: Live] = [:]
    private let other: Int32
    private var newest = (hour: Int64.min, day: Int64.min)
    private var commits = 0

    /// How many cells are in memory.
    public var count: Int { live.count }

    /// - Parameter other: the number of the name that stands for all that there is no room for
    public init(other: Int32) { self.other = other }

    /// Whether something has to be written.
    public var isDirty: Bool { live.values.contains { $0.isDirty } }

    // MARK: Adding

    /// Takes a finished request in.
    public mutating func add(_ entry: Entry) {
        var sums = EntrySums()
        sums.add(entry)
        add(sums)
    }

    /// Takes requests in that were added up together.
    public mutating func add(_ sums: EntrySums) {
        for part in sums.parts {
            newest = (max(newest.hour, part.hour), max(newest.day, part.day))
            for (period, start) in [(CellKey.Period.hour, part.hour), (.day, part.day)] {
                var key = CellKey(
                    period, start: start, endpoint: part.endpoint, model: part.model, client: part.client)
                if live.count >= Self.limit, live[key] == nil {
                    key.model = other
                    key.client = other
                }
                live[key, default: Live()].add(part.cell, after: commits)
            }
        }
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
        for item in batch.items {
            guard var cell = live[item.key] else { continue }
            if !item.isBased, let base = bases[item.key] { cell.cell.add(base) }
            cell.isBased = true
            cell.written = item.version
            let isPast = item.key.start < (item.key.period == .hour ? newest.hour : newest.day)
            live[item.key] = isPast && !cell.isDirty ? nil : cell
        }
        // First go those that have rested for this batch, then all that rest.
        for oldest in [commits, commits + 1] where live.count > Self.kept {
            live = live.filter { $0.value.isDirty || $0.value.changedAfter >= oldest }
        }
        commits += 1
    }

    /// Nothing is written anywhere: what was long ago has to make room.
    public mutating func forget(hoursBefore: Int64, daysBefore: Int64) {
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

    /// The text of a number, also of 0, which has none, and of `other`.
    public func text(_ number: Int32) -> String {
        number == Self.none ? "" : name(number)?.text ?? Self.otherText
    }

    /// Kind and text of a number; nil for 0 and for `other`.
    public func name(_ number: Int32) -> (kind: Kind, text: String)? {
        guard number >= 0, number < names.count, let name = names[Int(number)] else { return nil }
        return (name.kind, name.text)
    }
}
