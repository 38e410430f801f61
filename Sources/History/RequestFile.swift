internal import LLMWire
public import Trends

/// Which rows of the log of requests are asked for.
public struct LogQuestion: Sendable, Equatable {
    /// Only those that ended before this key, for the page that follows another.
    public var before: Int64?
    /// Only those that ended then or later, in microseconds since 1970.
    public var since: Int64 = .min
    /// At most so many, the newest ones.
    public var limit = 50
    /// Only those that did not go well, or not at once.
    public var isFailed = false
    /// Only those that this endpoint answered or failed.
    public var endpoint: String?
    /// Only those of the client of this name.
    public var client: String?
    /// Only the one of this id.
    public var request: String?

    /// The last fifty.
    public init() {}

    /// Whether a row is asked for, its place apart.
    public func matches(_ row: LoggedRequest) -> Bool {
        row.id >= since && (before.map { row.id < $0 } ?? true) && (!isFailed || row.isFailed || !row.walk.isEmpty)
            && (request.map { $0 == row.request } ?? true) && (client.map { $0 == row.client } ?? true)
            && (endpoint.map { name in row.endpoint == name || row.walk.contains { $0.endpoint == name } } ?? true)
    }
}

/// The file of the log of requests: by far the largest part of the history, and the one that can be done without. For one thread at a time.
public final class RequestFile {
    static let schema = StoreSchema(
        application: 0x506F_6432,
        steps: [
            """
            CREATE TABLE name(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE(kind, text)) STRICT;
            CREATE TABLE request(
              id INTEGER PRIMARY KEY, request TEXT, endpoint INTEGER NOT NULL, model INTEGER NOT NULL, client INTEGER NOT NULL,
              kind INTEGER NOT NULL, stream INTEGER NOT NULL, status INTEGER, ending TEXT NOT NULL, failed INTEGER NOT NULL,
              attempts INTEGER NOT NULL, first_byte INTEGER, first_token INTEGER, total INTEGER NOT NULL,
              usage INTEGER NOT NULL, input INTEGER, output INTEGER, cache_read INTEGER, cache_write_5m INTEGER,
              cache_write_1h INTEGER, reasoning INTEGER, cost INTEGER, bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL,
              checksum INTEGER NOT NULL) STRICT;
            CREATE TABLE attempt(
              request INTEGER NOT NULL, n INTEGER NOT NULL, endpoint INTEGER NOT NULL, outcome TEXT NOT NULL,
              verdict TEXT NOT NULL, status INTEGER, first_byte INTEGER, total INTEGER NOT NULL,
              PRIMARY KEY(request, n)) STRICT, WITHOUT ROWID
            """,
            "ALTER TABLE request ADD COLUMN asked INTEGER NOT NULL DEFAULT 0",
        ], keepsCopy: false)

    private static let columns =
        "id, request, endpoint, model, client, kind, stream, status, ending, failed, attempts, first_byte, "
        + "first_token, total, usage, input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, cost, "
        + "bytes_up, bytes_down, checksum"
    /// Of this file, which may be of an earlier version where it is only read.
    private var columns: String { store.version > 1 ? "\(Self.columns), asked" : Self.columns }
    /// Seconds that a question may take.
    public static let patience = 5

    private let store: StoreFile
    private var inserting: Database.Statement?
    private var database: Database { store.database }
    /// Rows whose checksum did not hold, and which were left out.
    public private(set) var brokenRows = 0
    /// Rows that could be read of a damaged file when it was replaced.
    public private(set) var restoredRows = 0

    /// Where it is.
    public var path: String { store.path }
    /// Whether the file that was opened is still the one of that name.
    public var isInPlace: Bool { store.isInPlace }

    /// Opens the file, makes it, or moves one aside that is not sound and makes another.
    ///
    /// - Parameters:
    ///   - date: for the name of a file that is moved aside, such as `20261130-104500`
    ///   - isDistrusted: a write has found it damaged, whatever a check says now
    ///   - movedAside: is told where it is now
    public static func open(
        path: String, date: String, isDistrusted: Bool = false, movedAside: (String) -> Void = { _ in }
    ) throws(HistoryProblem) -> RequestFile {
        let (store, aside) = try StoreFile.open(
            path: path, schema, date: date, isDistrusted: isDistrusted, movedAside: movedAside)
        let file = RequestFile(store)
        if let aside, let other = try? reader(path: aside, patience: nil) { file.takeReadable(of: other) }
        return file
    }

    /// So many of the newest rows are taken out of a damaged file: they take a second or two, in which nothing else is written.
    private static let mostSalvaged = 200_000

    private func takeReadable(of other: RequestFile) {
        let names = other.store.salvagedNames()
        var rows: [LoggedRequest] = []
        var seen: Set<Int64> = []
        func writeSlice() {
            if (try? write(rows)) != nil { restoredRows += rows.count }
            rows = []
        }
        other.store.salvage(other.columns, of: "request", key: "id") { statement in
            if seen.insert(statement.integer(0)).inserted, let row = try? other.row(statement, names, isDamaged: true) {
                rows.append(row)
            }
            if rows.count >= 2_000 { writeSlice() }
            return seen.count < Self.mostSalvaged
        }
        writeSlice()
    }

    /// For queries alone, also where another process writes.
    ///
    /// - Parameter patience: seconds that may be spent with it; nil: as many as it takes
    public static func reader(path: String, patience: Int? = patience) throws(HistoryProblem) -> RequestFile {
        let file = RequestFile(try StoreFile.reader(path: path, schema))
        if let patience { file.database.limit(seconds: patience) }
        return file
    }

    private init(_ store: StoreFile) { self.store = store }

    // MARK: Writing

    /// Writes rows, all of them or none. A key that is taken already gives way to the next free one.
    public func write(_ rows: [LoggedRequest]) throws(HistoryProblem) {
        try store.transaction { () throws(SQLError) in
            for row in rows { try insert(row) }
        }
    }

    private func insert(_ row: LoggedRequest) throws(SQLError) {
        var row = row
        let endpoint = try store.number(row.endpoint, .endpoint)
        let model = try store.number(row.model, .model)
        let client = try store.number(row.client, .client)
        let asked = try store.number(row.asked, .model)
        while true {
            let statement = try insertion()
            statement.bind(row.id)
            statement.bind(row.request)
            for number in [endpoint, model, client, row.kind.rawValue, row.isStream ? 1 : 0, row.status] {
                statement.bind(number)
            }
            statement.bind(row.ending)
            let usage = row.usage
            for number in [
                row.isFailed ? 1 : 0, row.attempts, row.firstByte, row.firstToken, row.total,
                Int64(row.reading.rawValue), usage.input, usage.output, usage.cacheRead, usage.cacheWrite5m,
                usage.cacheWrite1h, usage.reasoning, row.cost, row.bytesUp, row.bytesDown, Int64(row.checksum), asked,
            ] { statement.bind(number) }
            try statement.run()
            if database.changes > 0 { break }
            row.id += 1
        }
        for (index, attempt) in row.walk.enumerated() {
            let endpoint = try store.number(attempt.endpoint, .endpoint)
            let statement = try database.statement(
                "INSERT OR REPLACE INTO attempt(request, n, endpoint, outcome, verdict, status, first_byte, total) "
                    + "VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
            for number in [row.id, Int64(index), endpoint] { statement.bind(number) }
            statement.bind(attempt.outcome)
            statement.bind(attempt.verdict)
            for number in [attempt.status, attempt.firstByte, attempt.total] { statement.bind(number) }
            try statement.run()
        }
    }

    /// Held on to, since it is looked for with every row.
    private func insertion() throws(SQLError) -> Database.Statement {
        if let statement = inserting {
            statement.reset()
            return statement
        }
        let places = [String](repeating: "?", count: 26).joined(separator: ", ")
        let statement = try database.statement(
            "INSERT OR IGNORE INTO request(\(Self.columns), asked) VALUES(\(places))")
        inserting = statement
        return statement
    }

    /// Moves what was written into the file itself, as far as no reader is in the way.
    public func checkpoint() throws(HistoryProblem) { try store.checkpoint() }

    /// Memory that can be done without between two writes.
    public func shrink() { database.shrink() }

    /// The file grows no more than this.
    func setPageLimit(_ pages: Int) throws(SQLError) { try store.setPageLimit(pages) }

    // MARK: Deleting

    /// Bytes of the file that are in use.
    public func usedBytes() throws(HistoryProblem) -> Int64 {
        try store.attempt { () throws(SQLError) in
            let size = try database.number("PRAGMA page_size") ?? 0
            let pages = try database.number("PRAGMA page_count") ?? 0
            return size * max(0, pages - (try database.number("PRAGMA freelist_count") ?? 0))
        }
    }

    /// Deletes a slice of the oldest rows that ended before then, in microseconds since 1970.
    ///
    /// - Returns: whether there is more
    public func delete(before: Int64, atMost limit: Int = 2_000) throws(HistoryProblem) -> Bool {
        try store.transaction { () throws(SQLError) in
            let last = try database.statement("SELECT id FROM request WHERE id<? ORDER BY id LIMIT 1 OFFSET ?")
            last.bind(before)
            last.bind(Int64(limit))
            let end = try last.step() ? last.integer(0) : before
            last.reset()
            for sql in ["DELETE FROM request WHERE id<?", "DELETE FROM attempt WHERE request<?"] {
                let statement = try database.statement(sql)
                statement.bind(end)
                try statement.run()
            }
            return end < before
        }
    }

    /// Gives pages back to the file system while more than a tenth of the file is free.
    public func vacuum() throws(HistoryProblem) {
        try store.attempt { () throws(SQLError) in
            let free = try database.number("PRAGMA freelist_count") ?? 0
            guard free > 256, free * 10 > (try database.number("PRAGMA page_count") ?? 0) else { return }
            try database.execute("PRAGMA incremental_vacuum(1000)")
        }
    }

    // MARK: Asking

    /// Rows, the newest first. Those whose checksum does not hold are left out and counted.
    public func rows(_ question: LogQuestion) throws(HistoryProblem) -> [LoggedRequest] { try page(question).rows }

    /// - Returns: also the key of the last row that was looked at, whether it is sound or not
    private func page(_ question: LogQuestion) throws(HistoryProblem) -> (rows: [LoggedRequest], last: Int64?) {
        try store.attempt { () throws(SQLError) in
            let names = try store.names()
            var conditions = ["id>=?"]
            if question.before != nil { conditions.append("id<?") }
            if question.isFailed {
                conditions.append("(failed=1 OR EXISTS(SELECT 1 FROM attempt WHERE attempt.request=request.id))")
            }
            if question.request != nil { conditions.append("request.request=?") }
            func numbers(of text: String) -> String {
                names.filter { $0.value == text && $0.key != 0 }.map { "\($0.key)" }.joined(separator: ",")
            }
            if let client = question.client {
                let list = numbers(of: client)
                guard !list.isEmpty else { return ([], nil) }
                conditions.append("client IN (\(list))")
            }
            if let endpoint = question.endpoint {
                let list = numbers(of: endpoint)
                guard !list.isEmpty else { return ([], nil) }
                conditions.append(
                    "(endpoint IN (\(list)) OR EXISTS(SELECT 1 FROM attempt WHERE attempt.request=request.id "
                        + "AND attempt.endpoint IN (\(list))))")
            }
            let statement = try database.statement(
                "SELECT \(columns) FROM request WHERE \(conditions.joined(separator: " AND ")) "
                    + "ORDER BY id DESC LIMIT ?")
            statement.bind(question.since)
            if let before = question.before { statement.bind(before) }
            if let request = question.request { statement.bind(request) }
            statement.bind(Int64(max(0, question.limit)))
            defer { statement.reset() }
            var rows: [LoggedRequest] = []
            var last: Int64?
            while try statement.step() {
                last = statement.integer(0)
                if let row = try row(statement, names) { rows.append(row) } else { brokenRows += 1 }
            }
            return (rows, last)
        }
    }

    /// - Parameter isDamaged: a way that cannot be read is taken for none, of which the checksum knows
    private func row(
        _ statement: Database.Statement, _ names: [Int64: String], isDamaged: Bool = false
    ) throws(SQLError) -> LoggedRequest? {
        var row = LoggedRequest(id: statement.integer(0))
        row.request = statement.text(1)
        row.endpoint = names[statement.integer(2)] ?? ""
        row.model = names[statement.integer(3)] ?? ""
        row.client = names[statement.integer(4)] ?? ""
        if store.version > 1 { row.asked = names[statement.integer(25)] ?? "" }
        guard let kind = LoggedRequest.Kind(rawValue: statement.integer(5)),
            let reading = Entry.Reading(rawValue: UInt8(truncatingIfNeeded: statement.integer(14)))
        else { return nil }
        row.kind = kind
        row.isStream = statement.integer(6) != 0
        row.status = statement.optional(7)
        row.ending = statement.text(8)
        row.isFailed = statement.integer(9) != 0
        row.attempts = statement.integer(10)
        row.firstByte = statement.optional(11)
        row.firstToken = statement.optional(12)
        row.total = statement.integer(13)
        row.reading = reading
        row.usage.input = statement.optional(15)
        row.usage.output = statement.optional(16)
        row.usage.cacheRead = statement.optional(17)
        row.usage.cacheWrite5m = statement.optional(18)
        row.usage.cacheWrite1h = statement.optional(19)
        row.usage.reasoning = statement.optional(20)
        row.cost = statement.optional(21)
        row.bytesUp = statement.integer(22)
        row.bytesDown = statement.integer(23)
        do { row.walk = try walk(of: row.id, names) } catch { if !isDamaged { throw error } }
        return statement.integer(24) == Int64(row.checksum) ? row : nil
    }

    private func walk(of id: Int64, _ names: [Int64: String]) throws(SQLError) -> [LoggedRequest.Attempt] {
        let statement = try database.statement(
            "SELECT endpoint, outcome, verdict, status, first_byte, total FROM attempt WHERE request=? ORDER BY n")
        statement.bind(id)
        defer { statement.reset() }
        var walk: [LoggedRequest.Attempt] = []
        while try statement.step() {
            walk.append(
                LoggedRequest.Attempt(
                    endpoint: names[statement.integer(0)] ?? "", outcome: statement.text(1), verdict: statement.text(2),
                    status: statement.optional(3), firstByte: statement.optional(4), total: statement.integer(5)))
        }
        return walk
    }

    /// What is wrong with the file: nothing, or what SQLite's check or the rows' checksums find.
    public func check() throws(HistoryProblem) -> [String] {
        var problems = try store.check()
        let before = brokenRows
        var question = LogQuestion()
        question.limit = 10_000
        while let last = try page(question).last { question.before = last }
        if brokenRows > before { problems.append("\(brokenRows - before) rows whose checksum does not hold") }
        return problems
    }

    /// Copies all of it into another file, whole or not at all.
    public func copy(to target: String) throws(HistoryProblem) { try store.copy(to: target) }
}
