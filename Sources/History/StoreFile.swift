internal import CSQLite
internal import Support
internal import Trends

/// Why the history cannot be written, or not now.
public enum HistoryProblem: Error, Equatable, Sendable {
    /// The file is none of ours, or of a newer Podium: it is not touched.
    case refused(String)
    /// Another program holds it: the next time.
    case busy
    /// Another Podium has the history (`HistoryLock`): as soon as it has gone.
    case held(String)
    /// There is no room: what is in memory stays there until there is.
    case full
    /// The file is not sound.
    case damaged(String)
    case failed(String)
    /// Nothing has been written into it yet: the process that made it ended first.
    case empty(String)

    init(_ error: SQLError) {
        switch error {
        case _ where error.isBusy: self = .busy
        case _ where error.isFull: self = .full
        case _ where error.isForeign: self = .refused(error.message)
        case _ where error.isDamage: self = .damaged(error.message)
        default: self = .failed(error.message)
        }
    }

    /// Others bring it about, and end it.
    public var isPassing: Bool {
        switch self {
        case .busy, .held: true
        case .refused, .full, .damaged, .failed, .empty: false
        }
    }

    /// In words.
    public var text: String {
        switch self {
        case .refused(let reason), .failed(let reason): reason
        case .empty(let path): "\(path) is empty"
        case .busy: "another program holds it"
        case .held(let lock): "another Podium writes it (\(lock))"
        case .full: "the disk is full"
        case .damaged(let reason): "it is damaged: \(reason)"
        }
    }
}

/// What makes a database file one of Podium's, and of which kind.
struct StoreSchema: Sendable {
    /// SQLite's `application_id`.
    let application: Int64
    /// What brings a file from each version to the next, from none at all on. Their number is the file's version.
    let steps: [String]
    /// Whether what a file was before is kept beside it. Not of one that is large and can be done without.
    var keepsCopy = true

    var version: Int64 { Int64(steps.count) }
}

/// A database file of the history: how it is made, opened, moved aside and copied. What is in it is the business of those that own one. For
/// one thread at a time.
///
/// Nothing else in the process may open the file: closing any descriptor of it would drop SQLite's locks.
final class StoreFile {
    /// Damaged files that are kept beside the new one.
    private static let keptDamaged = 2
    /// Larger files are not checked at each start.
    private static let largestChecked = 512 << 20

    /// Where it is.
    let path: String
    let database: Database
    /// What it has, which is an older one's where it is only read.
    private(set) var version: Int64
    /// It was made by this call, or had been emptied.
    let isNew: Bool
    private let identity: FileIdentity?
    /// The file's own numbers of names.
    private var numbers: [Name: Int64] = [:]

    private struct Name: Hashable {
        var kind: NameTable.Kind
        var text: String
    }

    /// Opens the file, makes it, or moves one aside that is not sound and makes another.
    ///
    /// - Parameters:
    ///   - date: for the name of a file that is moved aside, such as `20261130-104500`
    ///   - isDistrusted: a write has found it damaged, whatever a check says now
    ///   - movedAside: is told where it is now
    static func open(
        path: String, _ schema: StoreSchema, date: String, isDistrusted: Bool, movedAside: (String) -> Void
    ) throws(HistoryProblem) -> (file: StoreFile, aside: String?) {
        do {
            let file = try StoreFile(path: path, schema)
            if !isDistrusted || file.isNew { return (file, nil) }
        } catch {
            guard case .damaged = error else { throw error }
        }
        let aside = "\(path).damaged-\(date)"
        for suffix in ["", "-wal", "-shm"] { rename(path + suffix, aside + suffix) }
        removeOldDamaged(of: path)
        movedAside(aside)
        return (try StoreFile(path: path, schema), aside)
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
    static func reader(path: String, _ schema: StoreSchema) throws(HistoryProblem) -> StoreFile {
        do { return try StoreFile(path: path, schema, .readOnly) } catch {
            guard case .failed = error else { throw error }
        }
        // A folder that cannot be written has no room for SQLite's shared memory.
        return try StoreFile(path: path, schema, .immutable)
    }

    init(path: String, _ schema: StoreSchema, _ access: Database.Access = .readWrite) throws(HistoryProblem) {
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
            version = try database.number("PRAGMA user_version") ?? 0
            let tables = try database.number("SELECT count(*) FROM sqlite_schema") ?? 0
            isNew = application == 0 && version == 0 && tables == 0
            if isNew, access != .readWrite { throw HistoryProblem.empty(path) }
            guard isNew || application == schema.application else {
                throw HistoryProblem.refused("\(path) is not Podium's")
            }
            guard version <= schema.version else {
                throw HistoryProblem.refused(
                    "\(path) was made by a newer Podium (version \(version) of the file, here \(schema.version))")
            }
            identity = FileIdentity(path: path)
            guard access == .readWrite else { return }
            if !isNew, status.st_size <= Self.largestChecked {
                let finding = try database.text("PRAGMA quick_check(1)") ?? ""
                guard finding == "ok" else { throw HistoryProblem.damaged(finding) }
            }
            if isNew { try database.execute("PRAGMA auto_vacuum=INCREMENTAL") }
            // Network file systems have no shared memory: then no other process can read meanwhile.
            if try database.text("PRAGMA journal_mode=WAL") != "wal" {
                try database.execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL")
            }
            try database.execute(
                "PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=4194304; PRAGMA wal_autocheckpoint=0")
            if version < schema.version { try migrate(schema, from: version) }
            version = schema.version
        } catch let error as HistoryProblem {
            throw error
        } catch let error as SQLError {
            throw HistoryProblem(error)
        } catch {
            throw .failed("\(error)")
        }
    }

    /// Brings the file to this version, step by step; what it was before is kept as the copy beside it, where the schema says so.
    private func migrate(_ schema: StoreSchema, from version: Int64) throws {
        if version > 0, schema.keepsCopy { try copy(to: path + ".backup") }
        for step in version..<schema.version {
            try database.transaction { () throws(SQLError) in
                try database.execute(schema.steps[Int(step)])
                try database.execute("PRAGMA application_id=\(schema.application); PRAGMA user_version=\(step + 1)")
            }
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

    /// Whether the file that was opened is still the one of that name.
    var isInPlace: Bool { FileIdentity(path: path) == identity }

    /// All of the body or nothing.
    func transaction<Value>(_ body: () throws(SQLError) -> Value) throws(HistoryProblem) -> Value {
        do { return try database.transaction(body) } catch {
            // Names that the transaction made are gone with it.
            numbers = [:]
            throw HistoryProblem(error)
        }
    }

    /// Does something whose failures are the file's.
    func attempt<Value>(_ body: () throws(SQLError) -> Value) throws(HistoryProblem) -> Value {
        do { return try body() } catch { throw HistoryProblem(error) }
    }

    // MARK: Names

    /// The number of a name, which is made where there is none; 0 for none at all. Within a transaction.
    func number(_ text: String, _ kind: NameTable.Kind) throws(SQLError) -> Int64 {
        guard !text.isEmpty else { return 0 }
        let name = Name(kind: kind, text: text)
        if let number = numbers[name] { return number }
        let insert = try database.statement("INSERT OR IGNORE INTO name(kind, text) VALUES(?, ?)")
        insert.bind(Int64(kind.rawValue))
        insert.bind(text)
        try insert.run()
        let select = try database.statement("SELECT id FROM name WHERE kind=? AND text=?")
        select.bind(Int64(kind.rawValue))
        select.bind(text)
        defer { select.reset() }
        let number = try select.step() ? select.integer(0) : 0
        numbers[name] = number
        return number
    }

    /// All names by their numbers.
    func names() throws(SQLError) -> [Int64: String] {
        var names: [Int64: String] = [0: ""]
        let all = try database.statement("SELECT id, text FROM name")
        defer { all.reset() }
        while try all.step() { names[all.integer(0)] = all.text(1) }
        return names
    }

    // MARK: Damage

    /// Goes through what can be read of a table that is damaged: from its newest row down, and over what cannot be read from its oldest row
    /// up, so that a row may come twice.
    ///
    /// - Parameters:
    ///   - columns: of which the first is the row's key
    ///   - row: returns whether more are wanted
    func salvage(_ columns: String, of table: String, key: String = "rowid", _ row: (Database.Statement) -> Bool) {
        for (order, comparison, begin) in [("DESC", "<=", Int64.max), ("ASC", ">=", Int64(0))] {
            var from = begin
            var step: Int64 = 1
            // Each failure goes twice as far as the one before, so that these are more than any table has room for.
            var failures = 0
            while failures < 200 {
                guard
                    let statement = try? database.statement(
                        "SELECT \(columns) FROM \(table) WHERE \(key)\(comparison)? ORDER BY \(key) \(order)")
                else { return }
                statement.bind(from)
                var last: Int64?
                do throws(SQLError) {
                    while try statement.step() {
                        last = statement.integer(0)
                        guard row(statement) else {
                            statement.reset()
                            return
                        }
                    }
                    statement.reset()
                    // It came to its end: from the other one nothing more is to be read.
                    if failures == 0 { return }
                    break
                } catch {
                    statement.reset()
                }
                failures += 1
                step = last == nil ? step &* 2 : 1
                let (next, isTooFar) =
                    order == "ASC"
                    ? (last ?? from).addingReportingOverflow(step)
                    : (last ?? min(from, Self.largestKey)).subtractingReportingOverflow(step)
                guard !isTooFar, step > 0, next >= 0 else { break }
                from = next
            }
        }
    }

    /// Keys are numbers of rows, or microseconds since 1970: this is in the year 2106.
    private static let largestKey: Int64 = 1 << 52

    /// Names as far as they can be read.
    func salvagedNames() -> [Int64: String] {
        var names: [Int64: String] = [0: ""]
        salvage("id, text", of: "name", key: "id") { statement in
            names[statement.integer(0)] = statement.text(1)
            return true
        }
        return names
    }

    // MARK: Care

    /// Moves what was written into the file itself, as far as no reader is in the way.
    func checkpoint() throws(HistoryProblem) {
        do { try database.execute("PRAGMA wal_checkpoint(PASSIVE)") } catch { throw HistoryProblem(error) }
    }

    /// Memory that can be done without between two writes.
    func shrink() { database.shrink() }

    /// The file grows no more than this.
    func setPageLimit(_ pages: Int) throws(SQLError) { _ = try database.number("PRAGMA max_page_count=\(pages)") }

    /// Copies all of it into another file, whole or not at all.
    func copy(to target: String) throws(HistoryProblem) {
        let temporary = target + ".tmp"
        unlink(temporary)
        try Self.make(temporary)
        do {
            // What is opened to be read alone may be copied; SQLite takes that for a change.
            try database.execute("PRAGMA query_only=0")
            let statement = try database.statement("VACUUM INTO ?")
            statement.bind(temporary)
            try statement.run()
        } catch {
            unlink(temporary)
            throw HistoryProblem(error)
        }
        let descriptor = Glibc.open(temporary, O_RDONLY | O_CLOEXEC)
        let isSafe = descriptor >= 0 && fsync(descriptor) == 0
        if descriptor >= 0 { close(descriptor) }
        guard isSafe, rename(temporary, target) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw .failed("\(target): \(reason)")
        }
    }

    /// What SQLite's own check finds; nothing where the file is sound.
    func check() throws(HistoryProblem) -> [String] {
        try attempt { () throws(SQLError) in
            let finding = try database.text("PRAGMA integrity_check(10)") ?? ""
            return finding == "ok" ? [] : [finding]
        }
    }
}

/// Says that a history is in use: two processes that add to the same rows would each count the other's figures twice. The
/// configuration's own lock keeps two Podiums of one machine apart; this one those that share a folder for state alone.
public final class HistoryLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock beside the file.
    ///
    /// - Returns: nil where no lock can be made there: then the file cannot be written either
    /// - Throws: `held` where another process has it
    public static func take(besides path: String) throws(HistoryProblem) -> HistoryLock? {
        let name = Self.path(besides: path)
        let descriptor = Glibc.open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isHeld = errno == EWOULDBLOCK
            close(descriptor)
            // File systems without locks have none to be heeded.
            guard isHeld else { return nil }
            throw .held(name)
        }
        return HistoryLock(descriptor)
    }

    /// Where it lies.
    public static func path(besides path: String) -> String {
        (path.hasSuffix(".db") ? String(path.dropLast(3)) : path) + ".lock"
    }

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}
