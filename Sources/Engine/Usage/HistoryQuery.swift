internal import History
internal import LLMWire
public import PodiumModel
internal import Pricing
internal import Support
internal import Trends

/// A question about the history that has been understood. The same for a running engine, which lays over what the files say what is in
/// memory, and for files of which no process takes care now.
public struct HistoryQuery: Sendable {
    private let question: HistoryQuestion
    /// Microseconds since 1970; the end is not included.
    let range: Range<Int64>

    /// - Throws: `CommandRefusal` that says what cannot be understood
    public init(_ question: HistoryQuestion) throws(CommandRefusal) {
        try self.init(question, now: WallClock.seconds)
    }

    /// - Parameter now: seconds since 1970
    init(_ question: HistoryQuestion, now: Double) throws(CommandRefusal) {
        self.question = question
        guard let text = question.span else {
            range = .min..<(.max)
            return
        }
        switch try UsageQuery.span(text, now: now) {
        case .hours(let count): range = Int64((now - Double(count) * 3_600) * 1e6)..<(.max)
        case .days(let days):
            range =
                UsageQuery.begin(ofDay: days.lowerBound) * 1_000_000..<UsageQuery.begin(ofDay: days.upperBound)
                * 1_000_000
        }
    }

    var log: LogQuestion {
        var log = LogQuestion()
        log.since = range.lowerBound
        log.before = min(question.before ?? .max, range.upperBound)
        log.limit = min(question.limit, HistoryQuestion.mostRows)
        log.isFailed = question.isFailed
        (log.endpoint, log.client) = (question.endpoint, question.client)
        log.request = question.request
        return log
    }

    var stored: StoredQuestion {
        var stored = StoredQuestion()
        stored.since = range.lowerBound
        stored.before = min(question.before ?? .max, range.upperBound)
        stored.limit = min(question.limit, HistoryQuestion.mostRows)
        stored.level = question.level.flatMap { EventLevel.allCases.firstIndex(of: $0) }.map { Int64($0) } ?? 0
        stored.endpoint = question.endpoint
        return stored
    }

    /// Events out of a file, where no Podium runs; nil where there is none.
    public func events(fromFile path: String) -> EventHistoryReport? {
        guard access(path, F_OK) == 0 else { return nil }
        do throws(HistoryProblem) {
            return EventHistoryReport(try RollUpFile.reader(path: path).events(stored), problem: nil)
        } catch {
            return EventHistoryReport([], problem: error.text)
        }
    }

    /// Flushes out of a file, where no Podium runs; nil where there is none.
    public func flushes(fromFile path: String) -> FlushHistoryReport? {
        guard access(path, F_OK) == 0 else { return nil }
        do throws(HistoryProblem) {
            return FlushHistoryReport(try RollUpFile.reader(path: path).flushes(stored), problem: nil)
        } catch {
            return FlushHistoryReport([], problem: error.text)
        }
    }

    /// The answer out of a file, where no Podium runs.
    ///
    /// - Parameter path: of the file of the sums
    /// - Returns: nil where there is no log
    public func requests(fromFileBeside path: String) -> RequestLogReport? {
        let path = HistoryPlace.requests(besides: path)
        guard access(path, F_OK) == 0 else { return nil }
        do throws(HistoryProblem) {
            return RequestLogReport(try RequestFile.reader(path: path).rows(log), problem: nil)
        } catch {
            return RequestLogReport([], problem: error.text)
        }
    }
}

extension Engine {
    /// Requests of the log, the newest first.
    public func loggedRequests(_ question: HistoryQuestion) async throws(CommandRefusal) -> RequestLogReport {
        guard let (rows, problem) = await account.requests(try HistoryQuery(question).log) else {
            return RequestLogReport(
                [], problem: "no history is kept: there is no folder for it, or history.path is off")
        }
        return RequestLogReport(rows, problem: problem)
    }
}

extension Engine {
    /// Events, also of earlier processes, the newest first.
    public func pastEvents(_ question: HistoryQuestion) async throws(CommandRefusal) -> EventHistoryReport {
        let stored = try HistoryQuery(question).stored
        let (rows, problem) = await account.stored { file throws(HistoryProblem) in
            try file.events(stored)
        } overlay: { [account] in
            account.events.overlay($0, stored)
        }
        return EventHistoryReport(rows, problem: problem)
    }

    /// Flushes, also of earlier processes, the newest first.
    public func pastFlushes(_ question: HistoryQuestion) async throws(CommandRefusal) -> FlushHistoryReport {
        let stored = try HistoryQuery(question).stored
        let (rows, problem) = await account.stored { file throws(HistoryProblem) in
            try file.flushes(stored)
        } overlay: { [account] in
            account.events.overlay($0, stored)
        }
        return FlushHistoryReport(rows, problem: problem)
    }
}

extension EventHistoryReport {
    init(_ rows: [StoredEvent], problem: String?) {
        self.init(
            problem: problem,
            events: rows.map { row in
                let levels = EventLevel.allCases
                let level = levels.indices.contains(Int(row.level)) ? levels[Int(row.level)] : .info
                var event = Snapshot.Event(
                    id: UInt64(clamping: row.id), time: Double(row.last) / 1e6, level: level.rawValue,
                    kind: (row.isChange ? EventKind.change : .traffic).rawValue, source: row.source,
                    endpoint: row.endpoint.isEmpty ? nil : row.endpoint, text: row.text)
                if row.count > 1 {
                    event.count = UInt64(row.count)
                    event.firstID = event.id
                    event.firstTime = Double(row.id) / 1e6
                }
                return event
            })
    }
}

extension FlushHistoryReport {
    init(_ rows: [StoredFlush], problem: String?) {
        func seconds(_ microseconds: Int64) -> Double { Double(microseconds) / 1e6 }
        self.init(
            problem: problem,
            flushes: rows.map { row in
                Row(
                    key: row.id, time: seconds(row.id), trigger: row.trigger, generation: row.generation,
                    changes: row.changes, bytesChanged: row.bytesChanged, fileSize: row.fileSize,
                    encodeSeconds: seconds(row.encode), writeSeconds: seconds(row.write),
                    fsyncSeconds: seconds(row.fsync), renameSeconds: seconds(row.rename),
                    totalSeconds: seconds(row.total), result: row.result,
                    errorCode: row.error.isEmpty ? nil : row.error)
            })
    }
}

extension RequestLogReport {
    init(_ rows: [LoggedRequest], problem: String?) {
        self.init(problem: problem, requests: rows.map { Row($0) })
    }
}

extension RequestLogReport.Row {
    init(_ row: LoggedRequest) {
        func seconds(_ microseconds: Int64) -> Double { Double(microseconds) / 1e6 }
        func named(_ text: String) -> String? { text.isEmpty ? nil : text }
        self.init(key: row.id, time: seconds(row.id), kind: row.kind.word, ending: row.ending)
        id = named(row.request)
        (stream, status, failed, attempts) = (row.isStream, row.status, row.isFailed, row.attempts)
        (endpoint, model, client) = (named(row.endpoint), named(row.model), named(row.client))
        modelAsked = named(row.asked)
        firstByteSeconds = row.firstByte.map(seconds)
        firstContentSeconds = row.firstToken.map(seconds)
        self.seconds = seconds(row.total)
        usage = "\(row.reading)"
        (input, output, reasoning) = (row.usage.input, row.usage.output, row.usage.reasoning)
        (cacheRead, cacheWrite5m, cacheWrite1h) = (row.usage.cacheRead, row.usage.cacheWrite5m, row.usage.cacheWrite1h)
        cost = row.cost.map { Decimal.text(picos: $0) }
        (bytesUp, bytesDown) = (row.bytesUp, row.bytesDown)
        walk = row.walk.map { attempt in
            RequestLogReport.Step(
                endpoint: attempt.endpoint, outcome: attempt.outcome, verdict: named(attempt.verdict),
                status: attempt.status, firstByteSeconds: attempt.firstByte.map(seconds),
                seconds: seconds(attempt.total))
        }
    }
}

/// What operators do with the files themselves. Podium may run meanwhile: SQLite keeps the two apart.
public enum HistoryCare {
    /// What is wrong with one of the history's files; nothing where it is sound.
    public static func check(_ path: String) -> [String] {
        do throws(HistoryProblem) {
            return path.hasSuffix(".requests.db")
                ? try RequestFile.reader(path: path, patience: nil).check() : try RollUpFile.reader(path: path).check()
        } catch {
            if case .empty = error { return [] }
            return [error.text]
        }
    }

    /// Copies one of the history's files.
    ///
    /// - Returns: what went wrong
    public static func copy(_ path: String, to target: String) -> String? {
        // A copy in the place of the file itself would be read with what was written for the old one.
        if let file = FileIdentity(path: path), file == FileIdentity(path: target) {
            return "\(target) is the history itself; name another folder"
        }
        do throws(HistoryProblem) {
            if path.hasSuffix(".requests.db") {
                try RequestFile.reader(path: path, patience: nil).copy(to: target)
            } else {
                try RollUpFile.reader(path: path).copy(to: target)
            }
            return nil
        } catch {
            return error.text
        }
    }
}
