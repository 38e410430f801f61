internal import Dispatch
internal import History
internal import LLMWire
internal import PodiumModel
internal import Proxy
internal import Support
internal import Synchronization
internal import Trends

/// The log of requests: rows that wait in memory, and the file that they are written into.
///
/// Who adds up asks which requests there is room for and hands their rows over; the queue for files writes them. A file that cannot be written
/// leaves the rows where they are, and what comes once there is no room for more is counted and not kept. Sums never depend on it.
final class RequestLog: Sendable {
    private struct State {
        var waiting: [LoggedRequest] = []
        var ids: Set<Int64> = []
        var budget = LogBudget()
        /// `keep_requests` is not 0.
        var isOn = true
        var limit: Int64 = 1 << 30
        /// The file is not ours to write, or the room is wanted for something else.
        var isStopped = false
        var trouble = WriteTrouble()
        var unlogged = 0
    }

    /// What the queue for files alone touches.
    private final class File {
        var open: RequestFile?
        var isDistrusted = false
        var isRefused = false
        var restsUntil = ContinuousClock.now
        var lastCheckpoint = ContinuousClock.now
        /// Why nothing is written, as it was said last.
        var stopped: String?
        /// Counted when it was said last.
        var toldUnlogged = 0
    }

    /// How long deleting may take at a time.
    private static let slice = Duration.milliseconds(5)
    /// With so many waiting they are written before their time.
    private static let many = 2_000

    let path: String
    private let state = Mutex(State())
    /// Only ever touched on the queue for files.
    private nonisolated(unsafe) let file = File()
    private let note: @Sendable (EventLevel, String) -> Void

    /// - Parameter note: takes what the operator should know
    init(path: String, note: @escaping @Sendable (EventLevel, String) -> Void) {
        self.path = path
        self.note = note
    }

    /// From now on these settings hold.
    func follow(keeps: Bool, limit: Int64) {
        state.withLock { state in
            state.isOn = keeps
            state.limit = limit
        }
    }

    // MARK: Taking in

    /// Which of them get into the log; the others are counted.
    func admit(_ requests: [(kind: LoggedRequest.Kind, isFailed: Bool)], now: Duration) -> [Bool] {
        state.withLock { state in
            guard state.isOn else { return [Bool](repeating: false, count: requests.count) }
            let waiting = state.isStopped ? LogBudget.mostWaiting : state.waiting.count
            let admitted = state.budget.admit(requests, waiting: waiting, now: now)
            state.unlogged += admitted.reduce(0) { $0 + ($1 ? 0 : 1) }
            return admitted
        }
    }

    /// Whether requests that do not get in are to be counted: where there is no log they are not missing in it.
    var isOn: Bool { state.withLock { $0.isOn } }

    /// - Returns: whether so many wait that they should be written at once
    func append(_ rows: [LoggedRequest]) -> Bool {
        guard !rows.isEmpty else { return false }
        return state.withLock { state in
            let before = state.waiting.count
            for var row in rows {
                while !state.ids.insert(row.id).inserted { row.id += 1 }
                state.waiting.append(row)
            }
            return before < Self.many && state.waiting.count >= Self.many
        }
    }

    /// Requests that are in no log since the start.
    var unlogged: Int { state.withLock { $0.unlogged } }

    /// Whether the last write failed.
    var isFailing: Bool { state.withLock { $0.trouble.told != nil } }

    /// Whether there is something to be written.
    var isWaiting: Bool { state.withLock { !$0.waiting.isEmpty && !$0.isStopped } }

    // MARK: Writing, on the queue for files

    /// Writes what waits, and deletes what is old.
    ///
    /// - Parameters:
    ///   - before: rows that ended before may go, in microseconds since 1970; nil: none may for now
    ///   - others: bytes of the history's other files
    func commit(deletingBefore before: Int64?, others: Int64, isLast: Bool) {
        guard !file.isRefused, isLast || ContinuousClock.now >= file.restsUntil else { return }
        let (rows, isOn, limit) = state.withLock { ($0.waiting, $0.isOn, $0.limit) }
        // Without a log none is made.
        guard !rows.isEmpty || file.open != nil || (!isOn && access(path, F_OK) == 0) else { return }
        do throws(HistoryProblem) {
            let open = try fileInPlace()
            let verdict = try room(of: open, others: others, limit: limit).verdict
            tell(verdict)
            if verdict.writes, !rows.isEmpty {
                try open.write(rows)
                state.withLock { state in
                    // More may have come meanwhile. Removed from an array that is shared, they would leave a copy with room for all of them.
                    state.waiting = Array(state.waiting.dropFirst(rows.count))
                    for row in rows { state.ids.remove(row.id) }
                }
            }
            let now = ContinuousClock.now
            if isLast || now - file.lastCheckpoint >= .seconds(60) || !verdict.writes {
                file.lastCheckpoint = now
                try open.checkpoint()
            }
            if !isLast { try clean(open, before: before, thins: verdict != .write, others: others, limit: limit) }
            open.shrink()
            succeeded()
        } catch {
            failed(error)
        }
    }

    private func fileInPlace() throws(HistoryProblem) -> RequestFile {
        if let open = file.open {
            if open.isInPlace { return open }
            file.open = nil
            note(.warning, "history: \(path) was removed or replaced; the log of requests begins anew")
        }
        let open = try RequestFile.open(
            path: path, date: CivilTime(unixTime: WallClock.wholeSeconds).fileName, isDistrusted: file.isDistrusted
        ) { aside in
            note(.error, "history: \(path) was damaged and is now \(aside); a new log of requests is begun")
        }
        if open.restoredRows > 0 {
            note(.info, "history: \(open.restoredRows.counted("request")) of the damaged log are in the new one")
        }
        file.open = open
        file.isDistrusted = false
        return open
    }

    private func room(of open: RequestFile, others: Int64, limit: Int64) throws(HistoryProblem) -> LogRoom {
        let journal = FileSize.of(path + "-wal")
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw .failed(String(cString: strerror(errno))) }
        let unit = Int64(clamping: status.f_frsize)
        return LogRoom(
            used: try open.usedBytes() + journal + others, limit: limit,
            free: Int64(clamping: status.f_bavail) * unit, disk: Int64(clamping: status.f_blocks) * unit,
            journal: journal)
    }

    /// A reason to write nothing is said once, and once that it is gone.
    private func tell(_ verdict: LogRoom.Verdict) {
        var reason: String?
        if case .stop(let why) = verdict { reason = why }
        state.withLock { $0.isStopped = reason != nil }
        defer { file.stopped = reason }
        guard reason != file.stopped else { return }
        if let reason {
            note(.warning, "history: \(reason); requests are served and added up, and not logged")
        } else {
            note(.info, "history: requests are logged again; \(missing()) are not in the log")
        }
    }

    private func missing() -> String {
        let count = unlogged
        defer { file.toldUnlogged = count }
        return (count - file.toldUnlogged).counted("request")
    }

    private func clean(
        _ open: RequestFile, before: Int64?, thins: Bool, others: Int64, limit: Int64
    ) throws(HistoryProblem) {
        let end = ContinuousClock.now + Self.slice
        if let before { while try open.delete(before: before), ContinuousClock.now < end {} }
        if thins {
            repeat {
                guard try open.usedBytes() + others > limit / 20 * 17, try open.delete(before: .max) else { break }
            } while ContinuousClock.now < end
        }
        try open.vacuum()
    }

    private func succeeded() {
        if state.withLock({ $0.trouble.succeeded() }) {
            note(.info, "history: requests are logged again; \(missing()) are not in the log")
        }
    }

    private func failed(_ problem: HistoryProblem) {
        let reaction = state.withLock { $0.trouble.failed(problem) }
        if reaction.isTold {
            note(
                problem.isPassing ? .warning : .error,
                "history: \(path): \(problem.text); requests are served and added up, and the log of them waits")
        }
        if reaction.isClosed { file.open = nil }
        if reaction.isDistrusted { file.isDistrusted = true }
        if let rest = reaction.rest { file.restsUntil = .now + rest }
        guard reaction.isRefused else { return }
        file.isRefused = true
        state.withLock { state in
            state.isStopped = true
            (state.waiting, state.ids) = ([], [])
        }
    }

    // MARK: Asking, on the queue for questions

    /// Rows of the file and of what waits, the newest first.
    func rows(_ question: LogQuestion) -> (rows: [LoggedRequest], problem: String?) {
        // What waits is looked at first, so that what is written meanwhile is seen twice and not never.
        let waiting = state.withLock { $0.waiting }.filter { question.matches($0) }
        var rows: [LoggedRequest] = []
        var problem: String?
        if access(path, F_OK) == 0 {
            do throws(HistoryProblem) { rows = try RequestFile.reader(path: path).rows(question) } catch {
                problem = error.text
            }
        }
        let known = Set(rows.map(\.id))
        rows += waiting.filter { !known.contains($0.id) }
        return (Array(rows.sorted { $0.id > $1.id }.prefix(max(0, question.limit))), problem)
    }
}

extension CivilTime {
    /// For the name of a file, such as `20261130-104500`.
    var fileName: String {
        "\(year)\(month.twoDigits)\(day.twoDigits)-\(hour.twoDigits)\(minute.twoDigits)\(second.twoDigits)"
    }
}

/// How large files are.
enum FileSize {
    /// Bytes; 0 where there is none.
    static func of(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }
}

extension LoggedRequest.Kind {
    init(_ operation: LLMOperation) {
        self =
            switch operation {
            case .inference(.messages): .messages
            case .inference(.chatCompletions): .chat
            case .inference(.responses): .responses
            case .otherInference: .otherInference
            case .countTokens: .countTokens
            case .embeddings: .embeddings
            case .modelList: .models
            case .other: .other
            }
    }
}
