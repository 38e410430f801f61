internal import Configuration
internal import Dispatch
internal import History
internal import LLMWire
internal import PodiumModel
internal import Pricing
internal import Proxy
internal import Ranking
internal import Support
internal import Synchronization
internal import Trends

/// What requests used and what that cost: takes finished requests in, adds them up, and keeps the sums for the next process.
///
/// Requests only hand over what they know; a queue of its own adds up and never touches a file, another one reads and writes
/// the file. A disk that stands still, is full or locked delays what is written and loses nothing that is in memory.
final class UsageAccount: Sendable {
    private struct State {
        var ledger = Ledger(other: NameTable.other)
        var minutes = MinuteTable(other: NameTable.other)
        var names = NameTable()
        /// What clients have asked for: apart, so that strangers' names take no room of those that have answered.
        var asked = NameTable()
        /// Since the start, for the metrics.
        var totals = UsageTotals()
        var lost = 0
        var commits = 0
        /// Odd while a write is under way: then rows may have what memory does not know to be there.
        var writes = 0
        var trouble = WriteTrouble()
        var isOff = false
        /// When what is in memory alone was last rid of what is old.
        var hour: Int64 = 0

        mutating func add(_ sums: EntrySums) {
            ledger.add(sums)
            totals.add(sums)
            minutes.add(sums)
        }
    }

    /// Takes what the operator should know.
    private final class Listener: Sendable {
        let closure = Mutex<@Sendable (EventLevel, String) -> Void>({ _, _ in })

        func note(_ level: EventLevel, _ text: String) { closure.withLock { $0 }(level, text) }
    }

    /// What the I/O queue alone touches.
    private final class Files {
        var writer: RollUpFile?
        var retention: Retention
        var lastCheckpoint = ContinuousClock.now
        var lastCopy: Int64?
        var restsUntil = ContinuousClock.now
        /// A write has found the file damaged.
        var isDistrusted = false
        /// It is none of ours.
        var isRefused = false
        /// What may be deleted, as it was found last.
        var cut: Retention.Cut?
        var lock: HistoryLock?
        /// A program that reads keeps the journal from being shortened, which was said.
        var isJournalLong = false

        init() { retention = Retention(wall: Int64(WallClock.wholeSeconds), steady: EndpointStandings.steadySeconds()) }
    }

    /// Requests that come within this time are added together.
    private static let delay = DispatchTimeInterval.milliseconds(250)
    /// What is in memory is written this long after the first of it.
    private static let commitDelay = DispatchTimeInterval.seconds(10)
    /// How often a question reads the file again, since it was written meanwhile.
    private static let readings = 20

    private let path: String?
    private let state = Mutex(State())
    private let folder: String
    private let rules: Mutex<UsageRules>
    private let pending = Mutex(PendingRequests())
    private let adding = DispatchQueue(label: "podium.usage")
    private let files: DispatchQueue
    private let queries = DispatchQueue(label: "podium.history.queries")
    /// Only ever touched on `files`.
    private nonisolated(unsafe) let open: Files
    private let names: Mutex<@Sendable ([EndpointID]) -> [EndpointID: String]>
    private let standings = EndpointStandings()
    private let longestJournal: Int64
    private let listener = Listener()
    /// nil where nothing outlives the process.
    let log: RequestLog?
    let events = EventHistory()
    /// Apart from the rest, so that an event never waits for what is added up.
    private let isCommitScheduled = Atomic<Bool>(false)

    /// - Parameters:
    ///   - path: of the file; nil: what is added up is forgotten at the end
    ///   - folder: what relative paths begin with
    ///   - longestJournal: beyond so many bytes of the journal, which a program that reads keeps from being shortened, sums are written each
    ///     minute only
    init(path: String?, folder: String = "", longestJournal: Int64 = 64 << 20) {
        self.path = path
        self.longestJournal = longestJournal
        self.folder = folder
        rules = Mutex(UsageRules())
        files = DispatchQueue(label: "podium.history", qos: .utility)
        open = Files()
        names = Mutex({ _ in [:] })
        log = path.map { [listener] path in
            RequestLog(path: HistoryPlace.requests(besides: path)) { listener.note($0, $1) }
        }
    }

    /// From now on these settings hold. A file of prices is read on the queue for files.
    func follow(_ settings: UsageSettings) {
        rules.withLock { $0.follow(settings) }
        log?.follow(keeps: settings.keepRequests > .zero, limit: settings.maxSize)
        guard case .file(let file) = settings.prices else { return }
        let path = file.hasPrefix("/") ? file : folder + file
        files.async { [self] in
            do throws(UsageRules.PriceFileProblem) {
                let table = try UsageRules.table(path)
                rules.withLock { $0.prices = PriceList([table, .builtIn]) }
                note(.info, "usage: \(table.entries.count.counted("price")) of \(table.date) from \(path)")
            } catch {
                note(.error, "usage: \(error.text); the prices before stay in force")
            }
        }
    }

    /// - Parameters:
    ///   - names: of endpoints; called on the account's own thread
    ///   - standings: how endpoints stand now; nil: they are not known any more. Called on the account's own thread
    ///   - note: takes what the operator should know
    func connect(
        names: @escaping @Sendable ([EndpointID]) -> [EndpointID: String],
        standings: @escaping @Sendable () -> [String: Standing]? = { nil },
        note: @escaping @Sendable (EventLevel, String) -> Void
    ) {
        self.names.withLock { $0 = names }
        self.standings.connect(standings)
        listener.closure.withLock { $0 = note }
    }

    /// By which costs are reckoned now.
    var prices: UsagePrices { rules.withLock { UsagePrices(list: $0.prices, multipliers: $0.multipliers) } }

    /// The currency and the date of the prices that go first.
    var priceLabel: (currency: String, date: String) {
        let table = rules.withLock { $0.prices.tables.first }
        return (table?.currency ?? "", table?.date ?? "")
    }

    private static let origin = ContinuousClock.now

    // MARK: How endpoints stand

    /// The order or an endpoint's state may have changed. Never waits: it is found out on the account's own thread.
    func standingChanged() { standings.changed(on: adding) }

    /// How endpoints stood, of the file and of what is in memory.
    func standings(
        _ query: AvailabilityQuery
    ) async -> (rows: [StandingRow], changes: [StandingChange], problem: String?) {
        // What has just changed is known.
        await withCheckedContinuation { continuation in adding.async { continuation.resume() } }
        return await withCheckedContinuation { continuation in
            queries.async { [self] in
                var (rows, changes, problem): ([StandingRow], [StandingChange], String?) = ([], [], nil)
                var waiting = standings.waiting()
                for _ in 0..<Self.readings {
                    let before = state.withLock { $0.writes }
                    (rows, changes) = ([], [])
                    if let path, access(path, F_OK) == 0 {
                        do throws(HistoryProblem) {
                            let file = try RollUpFile.reader(path: path)
                            rows = try file.standings(
                                query.period, from: query.range.lowerBound, to: query.range.upperBound)
                            changes = try file.changes(query.changes)
                            problem = nil
                        } catch { problem = error.text }
                    }
                    waiting = standings.waiting()
                    // Rows and memory have to be of the same moment.
                    if before % 2 == 0, state.withLock({ $0.writes }) == before { break }
                    usleep(10_000)
                }
                continuation.resume(returning: (rows + waiting.rows, changes + waiting.changes, problem))
            }
        }
    }

    // MARK: Adding

    /// Hands a request over; never waits.
    func append(_ report: RequestReport) {
        // Made where it is kept: it is large, and a copy for every request costs more than the lock.
        switch pending.withLock({ $0.append(.of(report)) }) {
        case .nothing: break
        case .later: adding.asyncAfter(deadline: .now() + Self.delay) { self.drain() }
        case .now: adding.async { self.drain() }
        }
    }

    /// What an answer cost, in picos; nil: not known.
    ///
    /// - Parameter endpoint: its name
    func cost(of usage: AnswerUsage, endpoint: String?) -> Int64? {
        rules.withLock { $0 }.cost(of: usage, endpoint: endpoint)
    }

    private func drain() {
        if let (batch, dropped) = pending.withLock({ $0.take() }) { add(batch, dropped) }
    }

    /// - Returns: whether all that had been handed over is added up
    @discardableResult
    private func drain(within seconds: Double) -> Bool {
        let isDone = DispatchSemaphore(value: 0)
        adding.async {
            self.drain()
            isDone.signal()
        }
        return isDone.wait(timeout: .now() + seconds) == .success
    }

    private func add(_ batch: [FinishedRequest], _ dropped: Int) {
        var ids: Set<EndpointID> = []
        var last: EndpointID?
        for index in batch.indices {
            // Requests of one endpoint often come one behind the other.
            if let id = batch[index].endpoint, id != last {
                ids.insert(id)
                last = id
            }
            for id in batch[index].failures { ids.insert(id) }
            for attempt in batch[index].walk { ids.insert(attempt.endpoint) }
        }
        // Requests are looked at where they are: one that is handed to a closure is copied for it, with all that it names.
        let admitted = log?.admit(
            batch.indices.map { (LoggedRequest.Kind(batch[$0].operation), batch[$0].isFailed) },
            now: ContinuousClock.now - Self.origin)
        let countsUnlogged = log?.isOn == true
        var logged: [LoggedRequest] = []
        let known = names.withLock { $0 }(Array(ids))
        let rules = rules.withLock { $0 }
        let (now, wall) = (ContinuousClock.now, WallClock.seconds)
        let offset = Int64(WallClock.utcOffset(at: wall))
        let costs = batch.indices.map { index in
            batch[index].usage.flatMap { rules.cost(of: $0, endpoint: batch[index].endpoint.flatMap { known[$0] }) }
        }
        let end = ReportTime(now)
        let isWritten = state.withLock { state in
            state.lost += dropped
            var numbers: [EndpointID: Int32] = [:]
            for id in ids { numbers[id] = state.names.number(.endpoint, known[id] ?? FinishedRequest.removed) }
            // Requests of one endpoint and of one model often come one behind the other.
            var endpoint: (id: EndpointID?, number: Int32) = (nil, NameTable.none)
            var model = (text: "", number: NameTable.none)
            var client = (text: "", number: NameTable.none)
            var sums = EntrySums()
            for index in batch.indices {
                if batch[index].endpoint != endpoint.id {
                    let id = batch[index].endpoint
                    endpoint = (id, id.flatMap { numbers[$0] } ?? NameTable.none)
                }
                if let text = batch[index].usage?.countedModel, text != model.text {
                    model = (text, state.names.number(.model, text))
                }
                if batch[index].clientName != client.text {
                    let text = batch[index].clientName
                    client = (text, state.names.number(.client, text))
                }
                let time = LocalMoment(
                    microseconds: Int64(wall * 1e6) - end.microseconds(since: batch[index].ended), offset: offset)
                var entry = batch[index].entry(
                    at: time, endpoint: endpoint.number, failures: { numbers[$0] }, model: model.number,
                    cost: costs[index])
                entry.client = client.number
                if let admitted, admitted[index] {
                    var row = Self.row(batch[index], entry, state.names, known)
                    row.asked = state.asked.text(state.asked.number(.model, batch[index].modelAsked))
                    logged.append(row)
                } else {
                    entry.isUnlogged = countsUnlogged
                }
                sums.add(entry)
            }
            state.add(sums)
            guard path != nil, !state.isOff else {
                let moment = LocalMoment(microseconds: Int64(wall * 1e6), offset: offset)
                if moment.hour != state.hour {
                    state.hour = moment.hour
                    state.ledger.forget(hoursBefore: moment.hour - 48 * 3_600, daysBefore: moment.day - 40)
                    standings.forget(hoursBefore: moment.hour - 48 * 3_600, daysBefore: moment.day - 40)
                }
                return false
            }
            return true
        }
        let isUrgent = log?.append(logged) ?? false
        if isUrgent { files.async { self.commit(isLast: false) } }
        if isWritten { commitLater() }
    }

    /// - Parameter names: as the sums have them, of which there is a limited number
    private static func row(
        _ one: FinishedRequest, _ entry: Entry, _ names: NameTable, _ known: [EndpointID: String]
    ) -> LoggedRequest {
        var row = one.logged(entry.at.microseconds, known)
        (row.model, row.client) = (names.text(entry.model), names.text(entry.client))
        (row.isStream, row.reading, row.usage, row.cost) = (entry.isStream, entry.reading, entry.usage, entry.cost)
        (row.firstByte, row.firstToken, row.total) = (entry.firstByte, entry.firstToken, entry.total ?? 0)
        (row.bytesUp, row.bytesDown) = (entry.bytesUp, entry.bytesDown)
        return row
    }

    /// Something has happened that is to be written. Called by whoever made it happen; never waits.
    func eventsChanged() {
        if path != nil { commitLater() }
    }

    // MARK: Writing

    /// Writes what is left, but waits no longer than this for a disk that stands still.
    ///
    /// - Parameter isFinal: nothing comes any more: another Podium may write the history from now on
    func finish(within patience: Duration, isFinal: Bool = true) {
        drain(within: patience.inSeconds)
        let isDone = DispatchSemaphore(value: 0)
        files.async {
            self.commit(isLast: true)
            if isFinal { self.open.lock = nil }
            isDone.signal()
        }
        _ = isDone.wait(timeout: .now() + patience.inSeconds)
    }

    private func commit(isLast: Bool) {
        isCommitScheduled.store(false, ordering: .relaxed)
        guard isLocked() else { return commitLater() }
        if isLast || ContinuousClock.now >= open.restsUntil { commitSums(isLast: isLast) } else { commitLater() }
        guard let log, let path else { return }
        log.commit(
            deletingBefore: open.cut?.requestsBefore, others: FileSize.of(path) + FileSize.of(path + "-wal"),
            isLast: isLast)
        if log.isWaiting { commitLater() }
    }

    /// Whether the history is ours to write. Where another Podium has it, all stays in memory until that one has gone.
    private func isLocked() -> Bool {
        guard let path, open.lock == nil, !open.isRefused else { return true }
        do throws(HistoryProblem) {
            open.lock = try HistoryLock.take(besides: path)
            return true
        } catch {
            failed(error)
            return false
        }
    }

    private func commitSums(isLast: Bool) {
        guard !open.isRefused, let path else { return }
        let changed = state.withLock { state in state.ledger.batch().map { ($0, state.names) } }
        do throws(HistoryProblem) {
            guard let (batch, names) = changed else {
                var file: RollUpFile?
                try events.write { () throws(HistoryProblem) in
                    let open = try fileInPlace(path)
                    file = open
                    return open
                }
                guard let file else { return }
                try countingWrites { () throws(HistoryProblem) in try standings.write(to: file) }
                succeeded(file, isLast: isLast)
                return
            }
            let file = try fileInPlace(path)
            state.withLock { $0.writes += 1 }
            var bases: [CellKey: Cell] = [:]
            do throws(HistoryProblem) { bases = try file.write(batch, names) } catch {
                state.withLock { $0.writes += 1 }
                throw error
            }
            state.withLock { state in
                state.ledger.committed(batch, bases: bases)
                state.writes += 1
                state.commits += 1
            }
            try events.write { () throws(HistoryProblem) in file }
            try countingWrites { () throws(HistoryProblem) in try standings.write(to: file) }
            succeeded(file, isLast: isLast)
        } catch {
            failed(error)
        }
    }

    /// While it writes, rows may have what memory does not know to be there.
    private func countingWrites(_ body: () throws(HistoryProblem) -> Void) throws(HistoryProblem) {
        state.withLock { $0.writes += 1 }
        defer { state.withLock { $0.writes += 1 } }
        try body()
    }

    /// The open file; a new one where it was removed or replaced.
    private func fileInPlace(_ path: String) throws(HistoryProblem) -> RollUpFile {
        if let file = open.writer {
            if file.isInPlace { return file }
            open.writer = nil
            note(.warning, "history: \(path) was removed or replaced; what is in memory is written anew")
        }
        let file = try RollUpFile.open(
            path: path, date: CivilTime(unixTime: WallClock.wholeSeconds).fileName, isDistrusted: open.isDistrusted
        ) { aside in
            note(.error, "history: \(path) was damaged and is now \(aside); a new one is begun")
        }
        if file.restoredRows > 0 {
            note(
                .info,
                "history: \(file.restoredRows.counted("row")) of the daily copy and the damaged file are in the new one"
            )
        }
        open.isDistrusted = false
        // What is in memory is written into a new one as well.
        if file.isFresh {
            state.withLock { $0.ledger.replaced() }
            events.replaced()
        }
        open.writer = file
        return file
    }

    private func succeeded(_ file: RollUpFile, isLast: Bool) {
        if state.withLock({ $0.trouble.succeeded() }) { note(.info, "history: written again") }
        file.shrink()
        let now = ContinuousClock.now
        if isLast || now - open.lastCheckpoint >= .seconds(60) {
            open.lastCheckpoint = now
            try? file.checkpoint()
        }
        watchJournal(of: file.path)
        guard !isLast else { return }
        clean(file)
        copyDaily(file)
    }

    /// A program that reads without an end keeps the journal from being shortened: then less is written.
    private func watchJournal(of path: String) {
        let isLong = FileSize.of(path + "-wal") > longestJournal
        if isLong { open.restsUntil = .now + .seconds(60) }
        guard isLong != open.isJournalLong else { return }
        open.isJournalLong = isLong
        if isLong {
            note(
                .warning,
                "history: a program that reads \(path) keeps its journal from being shortened; sums are written each minute"
            )
        } else {
            note(.info, "history: the journal of \(path) is short again")
        }
    }

    private func clean(_ file: RollUpFile) {
        let oldest = (try? file.oldestDay()) ?? nil
        open.cut = open.retention.cut(
            wall: Int64(WallClock.wholeSeconds), steady: EndpointStandings.steadySeconds(), oldestDay: oldest,
            limits: rules.withLock { $0.limits })
        guard let cut = open.cut else { return }
        try? file.deleteEvents(before: max(0, cut.daysBefore) * 86_400_000_000)
        _ = try? file.delete(before: cut)
        try? file.deleteStandings(before: cut)
    }

    /// When the date has changed, a copy is made of what there is.
    private func copyDaily(_ file: RollUpFile) {
        let wall = WallClock.wholeSeconds
        let moment = LocalMoment(
            microseconds: Int64(wall) * 1_000_000, offset: Int64(WallClock.utcOffset(at: Double(wall))))
        defer { open.lastCopy = moment.day }
        guard let last = open.lastCopy, last != moment.day else { return }
        do throws(HistoryProblem) {
            try file.copy(to: file.path + ".backup")
        } catch {
            note(.warning, "history: no daily copy: \(error.text)")
        }
    }

    private func failed(_ problem: HistoryProblem) {
        let reaction = state.withLock { $0.trouble.failed(problem) }
        if reaction.isTold {
            note(
                problem.isPassing ? .warning : .error,
                "history: \(problem.text); requests are served, and what is in memory is kept until it can be written")
        }
        if reaction.isClosed { open.writer = nil }
        if reaction.isDistrusted { open.isDistrusted = true }
        if let rest = reaction.rest { open.restsUntil = .now + rest }
        guard !reaction.isRefused else {
            open.isRefused = true
            return state.withLock { $0.isOff = true }
        }
        commitLater()
    }

    private func commitLater() {
        guard !isCommitScheduled.exchange(true, ordering: .relaxed) else { return }
        files.asyncAfter(deadline: .now() + Self.commitDelay) { self.commit(isLast: false) }
    }

    private func note(_ level: EventLevel, _ text: String) { listener.note(level, text) }

    // MARK: Asking

    /// Requests of the log, the newest first; nil where none is kept.
    func requests(_ question: LogQuestion) async -> (rows: [LoggedRequest], problem: String?)? {
        guard let log else { return nil }
        drain(within: 1)
        return await withCheckedContinuation { continuation in
            queries.async { continuation.resume(returning: log.rows(question)) }
        }
    }

    /// Sums of a time, of the file and of what is in memory.
    func rows(_ period: CellKey.Period, from: Int64, to: Int64) async -> (rows: [UsageRow], problem: String?) {
        drain(within: 1)
        return await withCheckedContinuation { continuation in
            queries.async { [self] in
                var (rows, problem): ([UsageRow], String?) = ([], nil)
                var (ledger, names, writes) = state.withLock { ($0.ledger, $0.names, $0.writes) }
                for _ in 0..<Self.readings {
                    if let path, access(path, F_OK) == 0 {
                        do throws(HistoryProblem) {
                            rows = try RollUpFile.reader(path: path).rows(period, from: from, to: to)
                            problem = nil
                        } catch { problem = error.text }
                    }
                    // Rows and memory have to be of the same moment. A disk that stands still is not waited for.
                    let before = writes
                    (ledger, names, writes) = state.withLock { ($0.ledger, $0.names, $0.writes) }
                    if writes == before, writes % 2 == 0 { break }
                    usleep(10_000)
                }
                continuation.resume(
                    returning: (ledger.overlay(rows, names, period, from: from, to: to), problem))
            }
        }
    }

    /// The minutes of the last hour, which no file has.
    func minutes(from: Int64, to: Int64) async -> [UsageRow] {
        drain(within: 1)
        let (minutes, names) = state.withLock { ($0.minutes, $0.names) }
        return minutes.rows(names, from: from, to: to)
    }

    /// Events or flushes of the file, with what is in memory laid over them.
    func stored<Row: Sendable>(
        _ read: @escaping @Sendable (RollUpFile) throws(HistoryProblem) -> [Row],
        overlay: @escaping @Sendable ([Row]) -> [Row]
    ) async -> (rows: [Row], problem: String?) {
        await withCheckedContinuation { continuation in
            queries.async { [path] in
                var (rows, problem): ([Row], String?) = ([], nil)
                if let path, access(path, F_OK) == 0 {
                    do throws(HistoryProblem) { rows = try read(try RollUpFile.reader(path: path)) } catch {
                        problem = error.text
                    }
                }
                continuation.resume(returning: (overlay(rows), problem))
            }
        }
    }

    /// What the metrics say.
    func counters() -> UsageCounters {
        state.withLock { state in
            let (samples, clients) = state.totals.samples(state.names)
            return UsageCounters(
                samples: samples, clients: clients, lost: state.lost, commits: state.commits,
                isFailing: state.trouble.told != nil || log?.isFailing == true,
                unlogged: log?.unlogged ?? 0)
        }
    }
}
