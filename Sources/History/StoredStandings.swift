public import Trends

extension RollUpFile {
    /// The third version of the file.
    static var standingTables: String {
        let sums =
            "(start INTEGER NOT NULL, endpoint INTEGER NOT NULL, "
            + StandingSums.columns.map { "\($0) INTEGER NOT NULL" }.joined(separator: ", ")
            + ", checksum INTEGER NOT NULL, UNIQUE(start, endpoint)) STRICT"
        return """
            CREATE TABLE standing_hour\(sums); CREATE TABLE standing_day\(sums);
            CREATE TABLE change(
              id INTEGER PRIMARY KEY, endpoint INTEGER NOT NULL, before INTEGER NOT NULL, after INTEGER NOT NULL,
              checksum INTEGER NOT NULL) STRICT
            """
    }

    /// Steps from one state to another that are kept at most.
    public static let mostChanges = 200_000

    private static func standingTable(_ period: CellKey.Period) -> String {
        period == .hour ? "standing_hour" : "standing_day"
    }

    /// Adds to what is there, all of it or nothing.
    public func write(_ batch: StandingRecorder.Batch) throws(HistoryProblem) {
        try store.transaction { () throws(SQLError) in
            for row in batch.rows {
                let endpoint = try store.number(row.endpoint, .endpoint)
                var sums = row.sums
                if let before = try standing(Self.standingTable(row.period), row.start, endpoint, row.endpoint) {
                    sums.add(before)
                }
                try put(sums, row, endpoint)
            }
            for change in batch.changes { try put(change) }
        }
    }

    private func standing(
        _ table: String, _ start: Int64, _ endpoint: Int64, _ name: String
    ) throws(SQLError) -> StandingSums? {
        let statement = try store.database.statement(
            "SELECT \(StandingSums.columns.joined(separator: ", ")), checksum FROM \(table) WHERE start=? AND endpoint=?"
        )
        statement.bind(start)
        statement.bind(endpoint)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return sums(statement, from: 0, start, endpoint, name)
    }

    /// nil for a row whose checksum does not hold: it is left out, and counted.
    private func sums(
        _ statement: Database.Statement, from column: Int32, _ start: Int64, _ endpoint: Int64, _ name: String
    ) -> StandingSums? {
        let count = Int32(StandingSums.columns.count)
        let numbers = (column..<column + count).map { statement.integer($0) }
        guard let sums = StandingSums(numbers: numbers),
            sums.checksum(start: start, endpoint: endpoint, name: name) == statement.integer(column + count)
        else {
            countBroken()
            return nil
        }
        return sums
    }

    private func put(_ sums: StandingSums, _ row: StandingRow, _ endpoint: Int64) throws(SQLError) {
        let places = [String](repeating: "?", count: StandingSums.columns.count + 3).joined(separator: ", ")
        let statement = try store.database.statement(
            "INSERT OR REPLACE INTO \(Self.standingTable(row.period))(start, endpoint, "
                + "\(StandingSums.columns.joined(separator: ", ")), checksum) VALUES(\(places))")
        for number in [row.start, endpoint] + sums.numbers { statement.bind(number) }
        statement.bind(sums.checksum(start: row.start, endpoint: endpoint, name: row.endpoint))
        try statement.run()
    }

    private func put(_ change: StandingChange, replacing: Bool = false) throws(SQLError) {
        var change = change
        let endpoint = try store.number(change.endpoint, .endpoint)
        while true {
            let statement = try store.database.statement(
                "INSERT OR \(replacing ? "REPLACE" : "IGNORE") INTO change(id, endpoint, before, after, checksum) VALUES(?, ?, ?, ?, ?)"
            )
            for number in [change.id, endpoint, change.before.rawValue, change.after.rawValue, change.checksum] {
                statement.bind(number)
            }
            try statement.run()
            if store.database.changes > 0 { return }
            change.id += 1
        }
    }

    /// Takes over what can be read of another file, which may be damaged.
    ///
    /// - Returns: how many rows
    func takeReadableStandings(of other: RollUpFile, _ names: [Int64: String]) -> Int {
        guard other.store.version > 2 else { return 0 }
        var rows: [String: StandingRow] = [:]
        for period in CellKey.Period.allCases {
            other.store.salvage("rowid, \(Self.standingColumns)", of: Self.standingTable(period)) { statement in
                if let row = other.standingRow(statement, from: 1, period, names) {
                    rows["\(Self.standingTable(period)) \(statement.integer(0))"] = row
                }
                return true
            }
        }
        var changes: [Int64: StandingChange] = [:]
        other.store.salvage(Self.changeColumns, of: "change", key: "id") { statement in
            changes[statement.integer(0)] = other.change(statement, names)
            return true
        }
        let isDone: Void? = try? store.transaction { () throws(SQLError) in
            for row in rows.values { try put(row.sums, row, try store.number(row.endpoint, .endpoint)) }
            for change in changes.values { try put(change, replacing: true) }
        }
        return isDone == nil ? 0 : rows.count + changes.count
    }

    // MARK: Asking

    private static let standingColumns = "start, endpoint, \(StandingSums.columns.joined(separator: ", ")), checksum"

    private func standingRow(
        _ statement: Database.Statement, from column: Int32, _ period: CellKey.Period, _ names: [Int64: String]
    ) -> StandingRow? {
        let (start, endpoint) = (statement.integer(column), statement.integer(column + 1))
        let name = names[endpoint] ?? ""
        return sums(statement, from: column + 2, start, endpoint, name).map {
            StandingRow(period: period, start: start, endpoint: name, sums: $0)
        }
    }

    private static let changeColumns = "id, endpoint, before, after, checksum"

    private func change(_ statement: Database.Statement, _ names: [Int64: String]) -> StandingChange? {
        if let before = Standing.State(rawValue: statement.integer(2)),
            let after = Standing.State(rawValue: statement.integer(3))
        {
            let change = StandingChange(
                id: statement.integer(0), endpoint: names[statement.integer(1)] ?? "", before: before, after: after)
            if change.checksum == statement.integer(4) { return change }
        }
        countBroken()
        return nil
    }

    /// Rows of a time, their names in words. Those whose checksum does not hold are left out and counted.
    public func standings(_ period: CellKey.Period, from: Int64, to: Int64) throws(HistoryProblem) -> [StandingRow] {
        guard store.version > 2 else { return [] }
        return try store.attempt { () throws(SQLError) in
            let names = try store.names()
            let statement = try store.database.statement(
                "SELECT \(Self.standingColumns) "
                    + "FROM \(Self.standingTable(period)) WHERE start>=? AND start<? ORDER BY start")
            statement.bind(from)
            statement.bind(to)
            defer { statement.reset() }
            var rows: [StandingRow] = []
            while try statement.step() {
                if let row = standingRow(statement, from: 0, period, names) { rows.append(row) }
            }
            return rows
        }
    }

    /// Steps from one state to another, the newest first. Those whose checksum does not hold are left out and counted.
    public func changes(_ question: StoredQuestion) throws(HistoryProblem) -> [StandingChange] {
        guard store.version > 2 else { return [] }
        return try store.attempt { () throws(SQLError) in
            let names = try store.names()
            var condition = ""
            if let endpoint = question.endpoint {
                let numbers = names.filter { $0.value == endpoint && $0.key != 0 }.map { "\($0.key)" }
                guard !numbers.isEmpty else { return [] }
                condition = " AND endpoint IN (\(numbers.joined(separator: ",")))"
            }
            let statement = try store.database.statement(
                "SELECT \(Self.changeColumns) FROM change WHERE id<? AND id>=?\(condition) "
                    + "ORDER BY id DESC LIMIT ?")
            statement.bind(question.before)
            statement.bind(question.since)
            statement.bind(Int64(max(0, question.limit)))
            defer { statement.reset() }
            var changes: [StandingChange] = []
            while try statement.step() {
                if let change = change(statement, names) { changes.append(change) }
            }
            return changes
        }
    }

    // MARK: Keeping and deleting

    /// Deletes a slice of what is too old, or too much.
    public func deleteStandings(before cut: Retention.Cut, atMost limit: Int = 2_000) throws(HistoryProblem) {
        try store.transaction { () throws(SQLError) in
            for (table, before) in [("standing_hour", cut.hoursBefore), ("standing_day", cut.daysBefore)] {
                let statement = try store.database.statement(
                    "DELETE FROM \(table) WHERE rowid IN (SELECT rowid FROM \(table) WHERE start<? ORDER BY start LIMIT ?)"
                )
                statement.bind(before)
                statement.bind(Int64(limit))
                try statement.run()
            }
            let old = try store.database.statement(
                "DELETE FROM change WHERE id IN (SELECT id FROM change WHERE id<? ORDER BY id LIMIT ?)")
            old.bind(max(0, cut.daysBefore) * 86_400_000_000)
            old.bind(Int64(limit))
            try old.run()
            let count = try store.database.number("SELECT count(*) FROM change") ?? 0
            guard count > Self.mostChanges else { return }
            let many = try store.database.statement(
                "DELETE FROM change WHERE id IN (SELECT id FROM change ORDER BY id LIMIT ?)")
            many.bind(min(Int64(limit), count - Int64(Self.mostChanges)))
            try many.run()
        }
    }
}
