internal import Trends

/// An event as the file of the history has it. What repeats is one row with a count, which is written again.
public struct StoredEvent: Sendable, Equatable {
    /// Its first time in microseconds since 1970, and its key: where two began at once the later one has the next free number.
    public var id: Int64
    /// Its last time in microseconds since 1970.
    public var last: Int64
    public var count: Int64
    /// 0 (debug) to 3 (error).
    public var level: Int64
    public var isChange: Bool
    public var source: String
    /// Empty: it concerns none.
    public var endpoint: String
    public var text: String

    /// All parts given.
    public init(
        id: Int64, last: Int64, count: Int64, level: Int64, isChange: Bool, source: String, endpoint: String,
        text: String
    ) {
        (self.id, self.last, self.count, self.level) = (id, last, count, level)
        (self.isChange, self.source, self.endpoint, self.text) = (isChange, source, endpoint, text)
    }

    var checksum: Int64 {
        var sum = RowChecksum()
        for number in [id, last, count, level, isChange ? 1 : 0] { sum.add(number) }
        for text in [source, endpoint, text] { sum.add(text) }
        return Int64(sum.value)
    }
}

/// A flush of the configuration as the file of the history has it, without what it changed: that may name secrets.
public struct StoredFlush: Sendable, Equatable {
    /// When it began, in microseconds since 1970, and its key.
    public var id: Int64
    public var trigger: String
    public var generation: Int64
    /// How many fields or entries changed.
    public var changes: Int64
    public var bytesChanged: Int64
    public var fileSize: Int64
    /// Microseconds.
    public var encode, write, fsync, rename, total: Int64
    public var result: String
    /// Empty: none.
    public var error: String

    /// All parts given.
    public init(
        id: Int64, trigger: String, generation: Int64, changes: Int64, bytesChanged: Int64, fileSize: Int64,
        encode: Int64, write: Int64, fsync: Int64, rename: Int64, total: Int64, result: String, error: String
    ) {
        (self.id, self.trigger, self.generation, self.changes) = (id, trigger, generation, changes)
        (self.bytesChanged, self.fileSize, self.encode, self.write) = (bytesChanged, fileSize, encode, write)
        (self.fsync, self.rename, self.total, self.result, self.error) = (fsync, rename, total, result, error)
    }

    private var numbers: [Int64] { [generation, changes, bytesChanged, fileSize, encode, write, fsync, rename, total] }

    var checksum: Int64 {
        var sum = RowChecksum()
        for number in [id] + numbers { sum.add(number) }
        for text in [trigger, result, error] { sum.add(text) }
        return Int64(sum.value)
    }
}

/// Which events or flushes are asked for.
public struct StoredQuestion: Sendable, Equatable {
    /// Only those that happened then or later, in microseconds since 1970: by their last time.
    public var since: Int64 = .min
    /// Only those with a smaller key.
    public var before: Int64 = .max
    /// At most so many, the newest ones.
    public var limit = 50
    /// Only events of this level or a higher one.
    public var level: Int64 = 0
    /// Only events that concern this endpoint.
    public var endpoint: String?

    /// The last fifty.
    public init() {}

    /// Whether an event is asked for.
    public func matches(_ event: StoredEvent) -> Bool {
        event.last >= since && event.id < before && event.level >= level
            && (endpoint.map { $0 == event.endpoint } ?? true)
    }
}

extension RollUpFile {
    /// The second version of the file.
    static let eventTables = """
        CREATE TABLE event(
          id INTEGER PRIMARY KEY, last INTEGER NOT NULL, count INTEGER NOT NULL, level INTEGER NOT NULL,
          change INTEGER NOT NULL, source TEXT NOT NULL, endpoint TEXT NOT NULL, text TEXT NOT NULL,
          checksum INTEGER NOT NULL) STRICT;
        CREATE INDEX event_level ON event(level, id);
        CREATE TABLE flush(
          id INTEGER PRIMARY KEY, trigger TEXT NOT NULL, generation INTEGER NOT NULL, changes INTEGER NOT NULL,
          bytes INTEGER NOT NULL, size INTEGER NOT NULL, encode INTEGER NOT NULL, write INTEGER NOT NULL,
          fsync INTEGER NOT NULL, rename INTEGER NOT NULL, total INTEGER NOT NULL, result TEXT NOT NULL,
          error TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT
        """
    /// So many are kept at most.
    public static let mostEvents = 200_000
    public static let mostFlushes = 100_000

    /// Writes events, those that have a row anew.
    ///
    /// - Parameters:
    ///   - rows: the keys of those that have a row, by their places in `events`
    ///   - mends: the others may have come back from a daily copy or a damaged file: then they go on there
    /// - Returns: the keys of all of them
    public func write(
        _ events: [StoredEvent], rows: [Int: Int64], flushes: [StoredFlush], mends: Bool = false
    ) throws(HistoryProblem) -> [Int64] {
        try store.transaction { () throws(SQLError) in
            var keys: [Int64] = []
            for (index, event) in events.enumerated() {
                var event = event
                if let row = rows[index] { event.id = row }
                var isKnown = rows[index] != nil
                if !isKnown, mends { isKnown = try hasBegun(event) }
                while try !put(event, replacing: isKnown) { event.id += 1 }
                keys.append(event.id)
            }
            for flush in flushes { try put(flush) }
            return keys
        }
    }

    /// Whether its row is there, with an earlier count.
    private func hasBegun(_ event: StoredEvent) throws(SQLError) -> Bool {
        let statement = try store.database.statement("SELECT \(Self.eventColumns) FROM event WHERE id=?")
        statement.bind(event.id)
        defer { statement.reset() }
        guard try statement.step(), let row = self.event(statement) else { return false }
        return row.count <= event.count && row.level == event.level && row.source == event.source
            && row.endpoint == event.endpoint && row.isChange == event.isChange
    }

    private static let eventColumns = "id, last, count, level, change, source, endpoint, text, checksum"

    private func event(_ statement: Database.Statement) -> StoredEvent? {
        let event = StoredEvent(
            id: statement.integer(0), last: statement.integer(1), count: statement.integer(2),
            level: statement.integer(3), isChange: statement.integer(4) != 0, source: statement.text(5),
            endpoint: statement.text(6), text: statement.text(7))
        if event.checksum == statement.integer(8) { return event }
        countBroken()
        return nil
    }

    private static let flushColumns =
        "id, trigger, generation, changes, bytes, size, encode, write, fsync, rename, total, result, error, checksum"

    private func flush(_ statement: Database.Statement) -> StoredFlush? {
        let flush = StoredFlush(
            id: statement.integer(0), trigger: statement.text(1), generation: statement.integer(2),
            changes: statement.integer(3), bytesChanged: statement.integer(4), fileSize: statement.integer(5),
            encode: statement.integer(6), write: statement.integer(7), fsync: statement.integer(8),
            rename: statement.integer(9), total: statement.integer(10), result: statement.text(11),
            error: statement.text(12))
        if flush.checksum == statement.integer(13) { return flush }
        countBroken()
        return nil
    }

    /// Takes over the events and flushes that can be read of another file, which may be damaged.
    ///
    /// - Returns: how many
    func takeReadableEvents(of other: RollUpFile) -> Int {
        guard other.store.version > 1 else { return 0 }
        var events: [Int64: StoredEvent] = [:]
        other.store.salvage(Self.eventColumns, of: "event", key: "id") { statement in
            events[statement.integer(0)] = other.event(statement)
            return true
        }
        var flushes: [Int64: StoredFlush] = [:]
        other.store.salvage(Self.flushColumns, of: "flush", key: "id") { statement in
            flushes[statement.integer(0)] = other.flush(statement)
            return true
        }
        let list = Array(events.values)
        let keys = Dictionary(uniqueKeysWithValues: list.indices.map { ($0, list[$0].id) })
        let isDone = try? write(list, rows: keys, flushes: Array(flushes.values))
        return isDone == nil ? 0 : list.count + flushes.count
    }

    /// - Returns: false where another event has its key
    private func put(_ event: StoredEvent, replacing: Bool) throws(SQLError) -> Bool {
        let statement = try store.database.statement(
            "INSERT OR \(replacing ? "REPLACE" : "IGNORE") INTO event(id, last, count, level, change, source, endpoint, "
                + "text, checksum) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
        for number in [event.id, event.last, event.count, event.level, event.isChange ? 1 : 0] {
            statement.bind(number)
        }
        for text in [event.source, event.endpoint, event.text] { statement.bind(text) }
        statement.bind(event.checksum)
        try statement.run()
        return store.database.changes > 0
    }

    private func put(_ flush: StoredFlush) throws(SQLError) {
        let statement = try store.database.statement(
            "INSERT OR REPLACE INTO flush(id, trigger, generation, changes, bytes, size, encode, write, fsync, rename, "
                + "total, result, error, checksum) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        statement.bind(flush.id)
        statement.bind(flush.trigger)
        for number in [
            flush.generation, flush.changes, flush.bytesChanged, flush.fileSize, flush.encode, flush.write,
            flush.fsync, flush.rename, flush.total,
        ] { statement.bind(number) }
        statement.bind(flush.result)
        statement.bind(flush.error)
        statement.bind(flush.checksum)
        try statement.run()
    }

    /// Events, the newest first. Those whose checksum does not hold are left out and counted.
    public func events(_ question: StoredQuestion) throws(HistoryProblem) -> [StoredEvent] {
        guard store.version > 1 else { return [] }
        return try store.attempt { () throws(SQLError) in
            // Few events matter much: they are found by their level, all of them by their key alone.
            let levels =
                question.level > 0 ? "level IN (\((question.level...3).map { "\($0)" }.joined(separator: ",")))" : "1"
            let statement = try store.database.statement(
                "SELECT \(Self.eventColumns) FROM event WHERE \(levels) "
                    + "AND id<? AND last>=?\(question.endpoint == nil ? "" : " AND endpoint=?") ORDER BY id DESC LIMIT ?"
            )
            statement.bind(question.before)
            statement.bind(question.since)
            if let endpoint = question.endpoint { statement.bind(endpoint) }
            statement.bind(Int64(max(0, question.limit)))
            defer { statement.reset() }
            var events: [StoredEvent] = []
            while try statement.step() {
                if let event = event(statement) { events.append(event) }
            }
            return events
        }
    }

    /// Flushes, the newest first. Those whose checksum does not hold are left out and counted.
    public func flushes(_ question: StoredQuestion) throws(HistoryProblem) -> [StoredFlush] {
        guard store.version > 1 else { return [] }
        return try store.attempt { () throws(SQLError) in
            let statement = try store.database.statement(
                "SELECT \(Self.flushColumns) FROM flush WHERE id<? AND id>=? ORDER BY id DESC LIMIT ?")
            statement.bind(question.before)
            statement.bind(question.since)
            statement.bind(Int64(max(0, question.limit)))
            defer { statement.reset() }
            var flushes: [StoredFlush] = []
            while try statement.step() {
                if let flush = flush(statement) { flushes.append(flush) }
            }
            return flushes
        }
    }

    /// Deletes a slice of what is too old, or too much.
    ///
    /// - Parameter before: microseconds since 1970
    public func deleteEvents(
        before: Int64, most: Int = mostEvents, atMost limit: Int = 2_000
    ) throws(HistoryProblem) {
        try store.transaction { () throws(SQLError) in
            for (table, time, most) in [("event", "last", most), ("flush", "id", Self.mostFlushes)] {
                let old = try store.database.statement(
                    "DELETE FROM \(table) WHERE id IN (SELECT id FROM \(table) WHERE id<? AND \(time)<? ORDER BY id LIMIT ?)"
                )
                for number in [before, before, Int64(limit)] { old.bind(number) }
                try old.run()
                let count = try store.database.number("SELECT count(*) FROM \(table)") ?? 0
                guard count > most else { continue }
                let many = try store.database.statement(
                    "DELETE FROM \(table) WHERE id IN (SELECT id FROM \(table) ORDER BY id LIMIT ?)")
                many.bind(min(Int64(limit), count - Int64(most)))
                try many.run()
            }
        }
    }
}
