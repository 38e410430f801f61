internal import CSQLite
internal import Support
public import Trends

/// Why the history cannot be written, or not now.
public enum HistoryProblem: Error, Equatable, Sendable {
    /// The file is none of ours, or of a newer Podium: it is not touched.
    case refused(String)
    /// Another program holds it: the next time.
    case busy
    /// There is no room: what is in memory stays there until there is.
    case full
    /// The file is not sound.
    case damaged(String)
    case failed(String)

    init(_ error: SQLError) {
        switch error {
        case _ where error.isBusy: self = .busy
        case _ where error.isFull: self = .full
        case _ where error.isForeign: self = .refused(error.message)
        case _ where error.isDamage: self = .damaged(error.message)
        default: self = .failed(error.message)
        }
    }

    /// In words.
    public var text: String {
        switch self {
        case .refused(let reason), .failed(let reason): reason
        case .busy: "another program holds it"
        case .full: "the disk is full"
        case .damaged(let reason): "it is damaged: \(reason)"
        }
    }
}

/// The file of the sums by hour and day. For one thread at a time.
///
/// Nothing else in the process may open the file: closing any descriptor of it would drop SQLite's locks.
public final class RollUpFile {
    static let application: Int64 = 0x506F_6431
    static let version: Int64 = 1
    /// Damaged files that are kept beside the new one.
    private static let keptDamaged = 2
    /// Larger files are not checked at each start.
    private static let largestChecked = 512 << 20

    private static let columns = Figure.allCases.map(\.column) + Measure.allCases.map(\.column)

    /// Where it is.
    public let path: String
    private let database: Database
    private let identity: FileIdentity?
    /// The file's own numbers of a process's names.
    private var numbers: [Int32: Int64] = [NameTable.none: 0]
    /// What a broken row is said of once: how many were left out.
    public private(set) var brokenRows = 0

    /// Opens the file, makes it, or moves one aside that is not sound and makes another.
    ///
    /// - Parameters:
    ///   - date: for the name of a file that is moved aside, such as `20261130-104500`
    ///   - movedAside: is told where it is now
    public static func open(
        path: String, date: String, movedAside: (String) -> Void = { _ in }
    ) throws(HistoryProblem) -> RollUpFile {
        do { return try RollUpFile(path: path) } catch {
            guard case .damaged = error else { throw error }
        }
        let aside = "\(path).damaged-\(date)"
        for suffix in ["", "-wal", "-shm"] { rename(path + suffix, aside + suffix) }
        removeOldDamaged(of: path)
        movedAside(aside)
        let file = try RollUpFile(path: path)
        // What the daily copy has is put back.
        if let copy = try? RollUpFile(path: path + ".backup", .readOnly) { try? file.takeRows(of: copy) }
        return file
    }

    private static func removeOldDamaged(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let name = path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
        guard let directory = opendir(folder) else { return }
        defer { closedir(directory) }
        var found: [String] = []
        while let entry = readdir(directory) {
            let text = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if text.hasPrefix("\(name).damaged-"), !text.hasSuffix("-wal"), !text.hasSuffix("-shm") {
                found.append(text)
            }
        }
        for old in found.sorted().dropLast(keptDamaged) {
            for suffix in ["", "-wal", "-shm"] { unlink("\(folder)/\(old)\(suffix)") }
        }
    }

    /// For queries alone, also where another process writes.
    public static func reader(path: String) throws(HistoryProblem) -> RollUpFile {
        do { return try RollUpFile(path: path, .readOnly) } catch {
            guard case .failed = error else { throw error }
        }
        // A folder that cannot be written has no room for SQLite's shared memory.
        return try RollUpFile(path: path, .immutable)
    }

    private init(path: String, _ access: Database.Access = .readWrite) throws(HistoryProblem) {
        self.path = path
        if access == .readWrite { try Self.make(path) }
        var status = stat()
        guard lstat(path, &status) == 0 else { throw .failed("\(path): \(String(cString: strerror(errno)))") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .refused("\(path) is not a regular file") }
        do {
            let database = try Database(path: path, access)
            self.database = database
            if access == .readWrite {
                try database.execute("PRAGMA busy_timeout=0; PRAGMA cache_size=-1024; PRAGMA secure_delete=FAST")
            } else {
                try database.execute("PRAGMA busy_timeout=500; PRAGMA query_only=1")
            }
            let application = try database.number("PRAGMA application_id") ?? 0
            let version = try database.number("PRAGMA user_version") ?? 0
            let tables = try database.number("SELECT count(*) FROM sqlite_schema") ?? 0
            let isNew = application == 0 && version == 0 && tables == 0
            if isNew, access != .readWrite { throw HistoryProblem.failed("\(path) is empty") }
            guard isNew || application == Self.application else {
                throw HistoryProblem.refused("\(path) is not Podium's")
            }
            guard version <= Self.version else {
                throw HistoryProblem.refused(
                    "\(path) was made by a newer Podium (version \(version) of the file, here \(Self.version))")
            }
            identity = FileIdentity(path: path)
            guard access == .readWrite else { return }
            if !isNew, status.st_size <= Self.largestChecked {
                let finding = try database.text("PRAGMA quick_check(1)") ?? ""
                guard finding == "ok" else { throw HistoryProblem.damaged(finding) }
            }
            if isNew { try database.execute("PRAGMA auto_vacuum=INCREMENTAL") }
            // Network file systems have no shared memory: then nobody else can read meanwhile.
            if try database.text("PRAGMA journal_mode=WAL") != "wal" {
                try database.execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL")
            }
            try database.execute(
                "PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=4194304; PRAGMA wal_autocheckpoint=0")
            if isNew { try makeSchema() }
        } catch let error as HistoryProblem {
            throw error
        } catch let error as SQLError {
            throw HistoryProblem(error)
        } catch {
            throw .failed("\(error)")
        }
    }

    /// The file is made before SQLite opens it, which would let everybody read it.
    private static func make(_ path: String) throws(HistoryProblem) {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor < 0 else {
            close(descriptor)
            return
        }
        guard errno == EEXIST else { throw .failed("\(path): \(String(cString: strerror(errno)))") }
    }

    private func makeSchema() throws(SQLError) {
        let figures =
            Figure.allCases.map { "\($0.column) INTEGER NOT NULL" } + Measure.allCases.map { "\($0.column) BLOB" }
        let cell =
            "(start INTEGER NOT NULL, endpoint INTEGER NOT NULL, model INTEGER NOT NULL, client INTEGER NOT NULL, "
            + figures.joined(separator: ", ")
            + ", checksum INTEGER NOT NULL, UNIQUE(start, endpoint, model, client)) STRICT"
        try database.transaction { () throws(SQLError) in
            try database.execute(
                """
                CREATE TABLE name(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE(kind, text)) STRICT;
                CREATE TABLE hour\(cell); CREATE TABLE day\(cell);
                CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) STRICT;
                PRAGMA application_id=\(Self.application); PRAGMA user_version=\(Self.version)
                """)
        }
    }

    // MARK: Writing

    /// Whether the file that was opened is still the one of that name.
    public var isInPlace: Bool { FileIdentity(path: path) == identity }

    /// Writes cells, all of them or none.
    ///
    /// - Returns: the rows that were there before, of cells that memory has not all of
    public func write(_ batch: Ledger.Batch, _ names: NameTable) throws(HistoryProblem) -> [CellKey: Cell] {
        do {
            return try database.transaction { () throws(SQLError) in
                var bases: [CellKey: Cell] = [:]
                for item in batch.items {
                    var cell = item.cell
                    if !item.isBased, let row = try row(item.key, names) {
                        bases[item.key] = row
                        cell.add(row)
                    }
                    try put(cell, at: item.key, try stored(item.key, names))
                }
                return bases
            }
        } catch {
            // Names that the transaction made are gone with it.
            numbers = [NameTable.none: 0]
            throw HistoryProblem(error)
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
            table: key.period == .hour ? "hour" : "day", start: key.start,
            endpoint: try number(key.endpoint, .endpoint, names),
            model: try number(key.model, .model, names), client: try number(key.client, .client, names),
            names: [key.endpoint, key.model, key.client].map(names.text))
    }

    private func number(_ name: Int32, _ kind: NameTable.Kind, _ names: NameTable) throws(SQLError) -> Int64 {
        if name != NameTable.other, let number = numbers[name] { return number }
        let text = names.text(name)
        let number = try self.number(text, kind)
        if name != NameTable.other { numbers[name] = number }
        return number
    }

    private func number(_ text: String, _ kind: NameTable.Kind) throws(SQLError) -> Int64 {
        let insert = try database.statement("INSERT OR IGNORE INTO name(kind, text) VALUES(?, ?)")
        insert.bind(Int64(kind.rawValue))
        insert.bind(text)
        try insert.run()
        let select = try database.statement("SELECT id FROM name WHERE kind=? AND text=?")
        select.bind(Int64(kind.rawValue))
        select.bind(text)
        defer { select.reset() }
        return try select.step() ? select.integer(0) : 0
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

    private func put(_ cell: Cell, at key: CellKey, _ stored: StoredKey) throws(SQLError) {
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
    public func checkpoint() throws(HistoryProblem) {
        do { try database.execute("PRAGMA wal_checkpoint(PASSIVE)") } catch { throw HistoryProblem(error) }
    }

    /// Memory that can be done without between two writes.
    public func shrink() { database.shrink() }

    /// The file grows no more than this.
    func setPageLimit(_ pages: Int) throws(SQLError) { _ = try database.number("PRAGMA max_page_count=\(pages)") }

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
    public func copy(to target: String) throws(HistoryProblem) {
        let temporary = target + ".tmp"
        unlink(temporary)
        do {
            let statement = try database.statement("VACUUM INTO ?")
            statement.bind(temporary)
            try statement.run()
        } catch {
            unlink(temporary)
            throw HistoryProblem(error)
        }
        chmod(temporary, 0o600)
        let descriptor = Glibc.open(temporary, O_RDONLY | O_CLOEXEC)
        let isSafe = descriptor >= 0 && fsync(descriptor) == 0
        if descriptor >= 0 { close(descriptor) }
        guard isSafe, rename(temporary, target) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw .failed("\(target): \(reason)")
        }
    }

    /// Takes over what another file has and this one has not.
    private func takeRows(of other: RollUpFile) throws(HistoryProblem) {
        for period in CellKey.Period.allCases {
            let rows = try other.rows(period, from: .min, to: .max)
            do {
                try database.transaction { () throws(SQLError) in
                    for row in rows {
                        func number(_ text: String, _ kind: NameTable.Kind) throws(SQLError) -> Int64 {
                            text.isEmpty ? 0 : try self.number(text, kind)
                        }
                        let stored = StoredKey(
                            table: period == .hour ? "hour" : "day", start: row.start,
                            endpoint: try number(row.endpoint, .endpoint), model: try number(row.model, .model),
                            client: try number(row.client, .client), names: [row.endpoint, row.model, row.client])
                        try put(
                            row.cell, at: CellKey(period, start: row.start, endpoint: 0, model: 0, client: 0), stored)
                    }
                }
            } catch { throw HistoryProblem(error) }
        }
    }

    // MARK: Asking

    /// Rows of a time, their names in words. Those whose checksum does not hold are left out.
    public func rows(_ period: CellKey.Period, from: Int64, to: Int64) throws(HistoryProblem) -> [UsageRow] {
        do {
            var names: [Int64: String] = [0: ""]
            let all = try database.statement("SELECT id, text FROM name")
            while try all.step() { names[all.integer(0)] = all.text(1) }
            all.reset()
            let table = period == .hour ? "hour" : "day"
            let statement = try database.statement(
                "SELECT start, endpoint, model, client, \(Self.columns.joined(separator: ", ")), checksum "
                    + "FROM \(table) WHERE start>=? AND start<? ORDER BY start")
            statement.bind(from)
            statement.bind(to)
            defer { statement.reset() }
            var rows: [UsageRow] = []
            while try statement.step() {
                let key = StoredKey(
                    table: table, start: statement.integer(0), endpoint: statement.integer(1),
                    model: statement.integer(2), client: statement.integer(3),
                    names: (1...3).map { names[statement.integer($0)] ?? "" })
                guard let cell = cell(statement, from: 4, key) else { continue }
                rows.append(
                    UsageRow(
                        period: period, start: key.start, endpoint: names[key.endpoint] ?? "",
                        model: names[key.model] ?? "", client: names[key.client] ?? "", cell: cell))
            }
            return rows
        } catch { throw HistoryProblem(error) }
    }

    /// What is wrong with the file: nothing, or what SQLite's check or the rows' checksums find.
    public func check() throws(HistoryProblem) -> [String] {
        do {
            let finding = try database.text("PRAGMA integrity_check(10)") ?? ""
            var problems = finding == "ok" ? [] : [finding]
            let before = brokenRows
            for period in CellKey.Period.allCases { _ = try rows(period, from: .min, to: .max) }
            if brokenRows > before { problems.append("\(brokenRows - before) rows whose checksum does not hold") }
            return problems
        } catch let error as HistoryProblem {
            throw error
        } catch let error as SQLError {
            throw HistoryProblem(error)
        } catch {
            throw .failed("\(error)")
        }
    }
}
