internal import CSQLite
internal import Support

/// What SQLite says went wrong.
struct SQLError: Error, Equatable {
    /// The primary result code, such as `SQLITE_FULL`.
    let code: Int32
    let message: String

    var isBusy: Bool { code == SQLITE_BUSY || code == SQLITE_LOCKED }
    var isFull: Bool { code == SQLITE_FULL }
    var isDamage: Bool { code == SQLITE_CORRUPT }
    /// It is no database: another program's file, for all that is known.
    var isForeign: Bool { code == SQLITE_NOTADB }
}

/// One connection to a database file. For one thread at a time, whichever that is.
///
/// C's pointers never leave this file.
final class Database {
    enum Access {
        case readOnly
        case readWrite
        /// A file system that cannot be written, or a copy: nothing is locked and no journal is looked at.
        case immutable
    }

    private let connection: OpaquePointer
    private var statements: [String: Statement] = [:]
    /// When questions are given up, by the clock that cannot be set; 0: never. C looks at it.
    private let deadline = UnsafeMutablePointer<Int>.allocate(capacity: 1)

    init(path: String, _ access: Access) throws(SQLError) {
        var handle: OpaquePointer?
        var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE
        flags |= access == .readWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY
        var name = path
        if access == .immutable {
            flags |= SQLITE_OPEN_URI
            name = "file:\(Self.escaped(path))?immutable=1"
        }
        let code = sqlite3_open_v2(name, &handle, flags, nil)
        guard code == SQLITE_OK, let handle else {
            let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(handle)
            deadline.deallocate()
            throw SQLError(code: code & 0xFF, message: message)
        }
        connection = handle
        sqlite3_extended_result_codes(handle, 0)
        deadline.initialize(to: 0)
    }

    /// What is asked from now on is given up after so many seconds, so that a question about a large file ends.
    func limit(seconds: Int) {
        deadline.pointee = Self.steadySeconds() + seconds
        sqlite3_progress_handler(
            connection, 10_000,
            { pointer in
                guard let pointer else { return 0 }
                return Database.steadySeconds() > pointer.assumingMemoryBound(to: Int.self).pointee ? 1 : 0
            }, deadline)
    }

    private static func steadySeconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }

    private static func escaped(_ path: String) -> String {
        path.utf8.reduce(into: "") { text, byte in
            let isPlain = byte > 0x20 && byte < 0x7F && byte != 0x3F && byte != 0x23 && byte != 0x25
            text += isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(connection)
        deadline.deallocate()
    }

    private var error: SQLError {
        SQLError(code: sqlite3_errcode(connection) & 0xFF, message: String(cString: sqlite3_errmsg(connection)))
    }

    /// Statements without a result.
    func execute(_ sql: String) throws(SQLError) {
        guard sqlite3_exec(connection, sql, nil, nil, nil) == SQLITE_OK else { throw error }
    }

    /// The statement, which is compiled once and kept.
    func statement(_ sql: String) throws(SQLError) -> Statement {
        if let statement = statements[sql] {
            statement.reset()
            return statement
        }
        var pointer: OpaquePointer?
        guard sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, nil) == SQLITE_OK,
            let pointer
        else { throw error }
        let statement = Statement(pointer, of: connection)
        statements[sql] = statement
        return statement
    }

    /// One number, such as that of a pragma.
    func number(_ sql: String) throws(SQLError) -> Int64? {
        let statement = try statement(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : nil
    }

    /// One text.
    func text(_ sql: String) throws(SQLError) -> String? {
        let statement = try statement(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.text(0) : nil
    }

    /// Does all of it or nothing.
    func transaction<Value>(_ body: () throws(SQLError) -> Value) throws(SQLError) -> Value {
        try execute("BEGIN IMMEDIATE")
        do {
            let value = try body()
            try execute("COMMIT")
            return value
        } catch {
            try? execute("ROLLBACK")
            throw error
        }
    }

    /// Memory that the connection can do without.
    func shrink() { sqlite3_db_release_memory(connection) }

    /// Rows that the last statement has changed.
    var changes: Int { Int(sqlite3_changes(connection)) }

    /// A compiled statement. Lives no longer than its connection, which keeps it.
    final class Statement {
        private let pointer: OpaquePointer
        private let connection: OpaquePointer
        private var bound: Int32 = 0

        fileprivate init(_ pointer: OpaquePointer, of connection: OpaquePointer) {
            self.pointer = pointer
            self.connection = connection
        }

        deinit { sqlite3_finalize(pointer) }

        func reset() {
            sqlite3_reset(pointer)
            sqlite3_clear_bindings(pointer)
            bound = 0
        }

        // Values are bound in their order.

        func bind(_ number: Int64?) {
            bound += 1
            if let number { sqlite3_bind_int64(pointer, bound, number) } else { sqlite3_bind_null(pointer, bound) }
        }

        func bind(_ text: String) {
            bound += 1
            _ = podium_sqlite_bind_text(pointer, bound, text, Int32(text.utf8.count))
        }

        /// No bytes are NULL.
        func bind(_ bytes: [UInt8]) {
            bound += 1
            guard !bytes.isEmpty else { return }
            _ = bytes.withUnsafeBytes { podium_sqlite_bind_blob(pointer, bound, $0.baseAddress, Int32($0.count)) }
        }

        func bind(_ text: String?) {
            guard let text else {
                bound += 1
                return
            }
            bind(text)
        }

        /// - Returns: whether there is a row
        func step() throws(SQLError) -> Bool {
            switch sqlite3_step(pointer) {
            case SQLITE_ROW: return true
            case SQLITE_DONE: return false
            default:
                let error = SQLError(
                    code: sqlite3_errcode(connection) & 0xFF, message: String(cString: sqlite3_errmsg(connection)))
                sqlite3_reset(pointer)
                throw error
            }
        }

        /// Steps once, where no row comes, and begins anew.
        func run() throws(SQLError) {
            _ = try step()
            reset()
        }

        func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(pointer, column) }

        /// nil for NULL.
        func optional(_ column: Int32) -> Int64? {
            sqlite3_column_type(pointer, column) == SQLITE_NULL ? nil : integer(column)
        }

        func text(_ column: Int32) -> String {
            guard let bytes = sqlite3_column_text(pointer, column) else { return "" }
            let count = Int(sqlite3_column_bytes(pointer, column))
            return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
        }

        func blob(_ column: Int32) -> [UInt8] {
            guard let bytes = sqlite3_column_blob(pointer, column) else { return [] }
            return Array(UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(pointer, column))))
        }
    }
}
