public import Trends

/// The file of the sums by hour and day. For one thread at a time.
///
/// Nothing else in the process may open the file: closing any descriptor of it would drop SQLite's locks.
public final class RollUpFile {
    private static let columns = Figure.allCases.map(\.column) + Measure.allCases.map(\.column)

    let store: StoreFile
    private var database: Database { store.database }
    /// What a broken row is said of once: how many were left out.
    public private(set) var brokenRows = 0
    /// Rows that came back when a damaged file was replaced: of the daily copy, and of what can be read of the damaged one.
    public private(set) var restoredRows = 0

    /// Where it is.
    public var path: String { store.path }
    /// There was none, or it was moved aside: what is in memory is not in it.
    public let isFresh: Bool

    /// Opens the file, makes it, or moves one aside that is not sound and makes another with the rows of the daily copy.
    ///
    /// - Parameters:
    ///   - date: for the name of a file that is moved aside, such as `20261130-104500`
    ///   - isDistrusted: a write has found it damaged, whatever a check says now
    ///   - movedAside: is told where it is now
    public static func open(
        path: String, date: String, isDistrusted: Bool = false, movedAside: (String) -> Void = { _ in }
    ) throws(HistoryProblem) -> RollUpFile {
        let (store, aside) = try StoreFile.open(
            path: path, schema, date: date, isDistrusted: isDistrusted, movedAside: movedAside)
        let file = RollUpFile(store, isFresh: store.isNew)
        // What is newer goes over what is older.
        for path in [path + ".backup", aside ?? ""] where aside != nil {
            if let other = try? reader(path: path) { file.takeReadable(of: other) }
        }
        return file
    }

    /// For queries alone, also where another process writes.
    public static func reader(path: String) throws(HistoryProblem) -> RollUpFile {
        RollUpFile(try StoreFile.reader(path: path, schema), isFresh: false)
    }

    init(_ store: StoreFile, isFresh: Bool) {
        self.store = store
        self.isFresh = isFresh
    }

    static var schema: StoreSchema {
        let figures =
            Figure.allCases.map { "\($0.column) INTEGER NOT NULL" } + Measure.allCases.map { "\($0.column) BLOB" }
        let cell =
            "(start INTEGER NOT NULL, endpoint INTEGER NOT NULL, model INTEGER NOT NULL, client INTEGER NOT NULL, "
            + figures.joined(separator: ", ")
            + ", checksum INTEGER NOT NULL, UNIQUE(start, endpoint, model, client)) STRICT"
        return StoreSchema(
            application: 0x506F_6431,
            steps: [
                """
                CREATE TABLE name(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE(kind, text)) STRICT;
                CREATE TABLE hour\(cell); CREATE TABLE day\(cell);
                CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) STRICT
                """, eventTables, standingTables,
            ])
    }

    func countBroken() { brokenRows += 1 }

    // MARK: Writing

    /// Whether the file that was opened is still the one of that name.
    public var isInPlace: Bool { store.isInPlace }

    /// Writes cells, all of them or none.
    ///
    /// - Returns: the rows that were there before, of cells that memory has not all of
    public func write(_ batch: Ledger.Batch, _ names: NameTable) throws(HistoryProblem) -> [CellKey: Cell] {
        try store.transaction { () throws(SQLError) in
            var bases: [CellKey: Cell] = [:]
            for item in batch.items {
                var cell = item.cell
                if !item.isBased, let row = try row(item.key, names) {
                    bases[item.key] = row
                    cell.add(row)
                }
                try put(cell, try stored(item.key, names))
            }
            return bases
        }
    }

    private struct StoredKey {
        var table: String
        var start, endpoint, model, client: Int64
        /// Of endpoint, model and client, as the file names them.
        var names: [String]
    }

    private func stored(_ key: CellKey, _ names: NameTable) throws(SQLError) -> StoredKey {
        StoredKey(
            table: Self.table(key.period), start: key.start,
            endpoint: try number(key.endpoint, .endpoint, names),
            model: try number(key.model, .model, names), client: try number(key.client, .client, names),
            names: [key.endpoint, key.model, key.client].map(names.text))
    }

    private func number(_ name: Int32, _ kind: NameTable.Kind, _ names: NameTable) throws(SQLError) -> Int64 {
        guard name != NameTable.none else { return 0 }
        return try store.number(names.text(name), kind)
    }

    private func row(_ key: CellKey, _ names: NameTable) throws(SQLError) -> Cell? {
        let stored = try stored(key, names)
        let statement = try database.statement(
            "SELECT \(Self.columns.joined(separator: ", ")), checksum FROM \(stored.table) "
                + "WHERE start=? AND endpoint=? AND model=? AND client=?")
        for number in [stored.start, stored.endpoint, stored.model, stored.client] { statement.bind(number) }
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return cell(statement, from: 0, stored)
    }

    private func put(_ cell: Cell, _ stored: StoredKey) throws(SQLError) {
        let places = [String](repeating: "?", count: Self.columns.count + 5).joined(separator: ", ")
        let statement = try database.statement(
            "INSERT OR REPLACE INTO \(stored.table)(start, endpoint, model, client, "
                + "\(Self.columns.joined(separator: ", ")), checksum) VALUES(\(places))")
        for number in [stored.start, stored.endpoint, stored.model, stored.client] { statement.bind(number) }
        for figure in Figure.allCases { statement.bind(cell[figure]) }
        for measure in Measure.allCases { statement.bind(cell[measure].encoded) }
        statement.bind(Self.checksum(cell, stored))
        try statement.run()
    }

    /// Over the names as well: a bit that flips in one would else show the figures of one endpoint as those of another.
    private static func checksum(_ cell: Cell, _ stored: StoredKey) -> Int64 {
        Int64(
            cell.checksum(
                CellKey(
                    stored.table == "hour" ? .hour : .day, start: stored.start,
                    endpoint: Int32(truncatingIfNeeded: stored.endpoint),
                    model: Int32(truncatingIfNeeded: stored.model),
                    client: Int32(truncatingIfNeeded: stored.client)), names: stored.names))
    }

    /// nil for a row whose checksum does not hold: it is left out, and counted.
    private func cell(_ statement: Database.Statement, from column: Int32, _ stored: StoredKey) -> Cell? {
        var cell = Cell()
        var place = column
        for figure in Figure.allCases {
            cell[figure] = statement.integer(place)
            place += 1
        }
        for measure in Measure.allCases {
            guard let sketch = Sketch(encoded: statement.blob(place)) else {
                brokenRows += 1
                return nil
            }
            cell[measure] = sketch
            place += 1
        }
        guard statement.integer(place) == Self.checksum(cell, stored) else {
            brokenRows += 1
            return nil
        }
        return cell
    }

    /// Moves what was written into the file itself, as far as no reader is in the way.
    public func checkpoint() throws(HistoryProblem) { try store.checkpoint() }

    /// Memory that can be done without between two writes.
    public func shrink() { store.shrink() }

    /// The file grows no more than this.
    func setPageLimit(_ pages: Int) throws(SQLError) { try store.setPageLimit(pages) }

    // MARK: Keeping and deleting

    /// The oldest day there is a row of.
    public func oldestDay() throws(HistoryProblem) -> Int64? {
        do {
            guard try database.number("SELECT count(*) FROM (SELECT 1 FROM day LIMIT 1)") ?? 0 > 0 else { return nil }
            return try database.number("SELECT min(start) FROM day")
        } catch { throw HistoryProblem(error) }
    }

    /// Deletes a slice of what is older.
    ///
    /// - Returns: whether there is more
    public func delete(before cut: Retention.Cut, atMost limit: Int = 2_000) throws(HistoryProblem) -> Bool {
        do {
            var hasMore = false
            for (table, before) in [("hour", cut.hoursBefore), ("day", cut.daysBefore)] {
                let statement = try database.statement(
                    "DELETE FROM \(table) WHERE rowid IN (SELECT rowid FROM \(table) WHERE start<? ORDER BY start LIMIT ?)"
                )
                statement.bind(before)
                statement.bind(Int64(limit))
                try statement.run()
                if database.changes == limit { hasMore = true }
            }
            try database.execute("PRAGMA incremental_vacuum(1000)")
            return hasMore
        } catch { throw HistoryProblem(error) }
    }

    /// Copies all of it into another file, whole or not at all.
    public func copy(to target: String) throws(HistoryProblem) { try store.copy(to: target) }

    /// Takes over what can be read of another file, which may be damaged.
    private func takeReadable(of other: RollUpFile) {
        let names = other.store.salvagedNames()
        for period in CellKey.Period.allCases {
            let table = Self.table(period)
            var rows: [Int64: UsageRow] = [:]
            other.store.salvage("rowid, start, endpoint, model, client, \(Self.list), checksum", of: table) {
                statement in
                rows[statement.integer(0)] = other.usageRow(statement, from: 1, period, names)
                return true
            }
            let found = rows.values
            let isDone: Void? = try? store.transaction { () throws(SQLError) in
                for row in found {
                    let stored = StoredKey(
                        table: table, start: row.start, endpoint: try store.number(row.endpoint, .endpoint),
                        model: try store.number(row.model, .model),
                        client: try store.number(row.client, .client), names: [row.endpoint, row.model, row.client])
                    try put(row.cell, stored)
                }
            }
            if isDone != nil { restoredRows += found.count }
        }
        restoredRows += takeReadableEvents(of: other) + takeReadableStandings(of: other, names)
    }

    private static let list = columns.joined(separator: ", ")

    private static func table(_ period: CellKey.Period) -> String { period == .hour ? "hour" : "day" }

    // MARK: Asking

    /// Rows of a time, their names in words. Those whose checksum does not hold are left out.
    public func rows(_ period: CellKey.Period, from: Int64, to: Int64) throws(HistoryProblem) -> [UsageRow] {
        do {
            let names = try store.names()
            let statement = try database.statement(
                "SELECT start, endpoint, model, client, \(Self.list), checksum "
                    + "FROM \(Self.table(period)) WHERE start>=? AND start<? ORDER BY start")
            statement.bind(from)
            statement.bind(to)
            defer { statement.reset() }
            var rows: [UsageRow] = []
            while try statement.step() {
                if let row = usageRow(statement, from: 0, period, names) { rows.append(row) }
            }
            return rows
        } catch { throw HistoryProblem(error) }
    }

    private func usageRow(
        _ statement: Database.Statement, from column: Int32, _ period: CellKey.Period, _ names: [Int64: String]
    ) -> UsageRow? {
        let key = StoredKey(
            table: Self.table(period), start: statement.integer(column), endpoint: statement.integer(column + 1),
            model: statement.integer(column + 2), client: statement.integer(column + 3),
            names: (1...3).map { names[statement.integer(column + $0)] ?? "" })
        guard let cell = cell(statement, from: column + 4, key) else { return nil }
        return UsageRow(
            period: period, start: key.start, endpoint: key.names[0], model: key.names[1], client: key.names[2],
            cell: cell)
    }

    /// What is wrong with the file: nothing, or what SQLite's check or the rows' checksums find.
    public func check() throws(HistoryProblem) -> [String] {
        var problems = try store.check()
        let before = brokenRows
        for period in CellKey.Period.allCases { _ = try rows(period, from: .min, to: .max) }
        var all = StoredQuestion()
        all.limit = .max
        _ = try events(all)
        _ = try flushes(all)
        _ = try changes(all)
        for period in CellKey.Period.allCases { _ = try standings(period, from: .min, to: .max) }
        if brokenRows > before { problems.append("\(brokenRows - before) rows whose checksum does not hold") }
        return problems
    }
}
