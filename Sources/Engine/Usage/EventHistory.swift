internal import History
internal import Persistence
internal import PodiumModel
internal import Support
internal import Synchronization
internal import Trends

/// Events and flushes on their way into the file of the history.
///
/// They lie in memory anyway, the last ones of them: the event log and the persister's history. So nothing is handed over when one happens:
/// who writes the file asks what has come since the last time.
final class EventHistory: Sendable {
    private struct State {
        /// The id of the newest event that is in the file.
        var lastEvent: UInt64 = 0
        /// The number of the newest flush that is in the file.
        var lastFlush: UInt64 = 0
        /// The keys of rows, by the first ids of their events.
        var rows: [UInt64: Int64] = [:]
        /// Some of them may have come back into a new file.
        var mends = false
    }

    /// What has happened.
    struct Sources: Sendable {
        /// Events that happened, or happened again, after an id, oldest first.
        var events: @Sendable (UInt64) -> [LoggedEvent] = { _ in [] }
        /// All flushes that are known, oldest first.
        var flushes: @Sendable () -> [FlushRecord] = { [] }
    }

    private let state = Mutex(State())
    private let sources = Mutex(Sources())

    /// From now on it is asked there.
    func connect(_ sources: Sources) { self.sources.withLock { $0 = sources } }

    /// Writes what has come since the last time. On the queue for files.
    ///
    /// - Parameter open: gives the file, which is opened only if there is something to be written
    func write(_ open: () throws(HistoryProblem) -> RollUpFile) throws(HistoryProblem) {
        let sources = sources.withLock { $0 }
        // Opening may find a new file, in which all of it is missing.
        var file: RollUpFile?
        while true {
            let (last, flush, rows, mends) = state.withLock { ($0.lastEvent, $0.lastFlush, $0.rows, $0.mends) }
            let events = sources.events(last)
            let flushes = sources.flushes().filter { $0.number > flush }
            guard !events.isEmpty || !flushes.isEmpty else { return }
            guard let file else {
                file = try open()
                continue
            }
            var known: [Int: Int64] = [:]
            for (index, event) in events.enumerated() { known[index] = rows[event.firstID] }
            let keys = try file.write(
                events.map { StoredEvent($0) }, rows: known, flushes: flushes.map { StoredFlush($0) },
                mends: mends)
            state.withLock { state in
                state.mends = false
                for (event, key) in zip(events, keys) { state.rows[event.firstID] = key }
                if let newest = events.last { state.lastEvent = newest.id }
                if let newest = flushes.last { state.lastFlush = newest.number }
            }
            forget(sources)
            return
        }
    }

    /// Rows whose events are no longer in memory are not written again.
    private func forget(_ sources: Sources) {
        guard state.withLock({ $0.rows.count > 2 * EventRetention.total }) else { return }
        let kept = Set(sources.events(0).map(\.firstID))
        state.withLock { state in state.rows = state.rows.filter { kept.contains($0.key) } }
    }

    /// The file is a new one: all that is in memory is missing in it.
    func replaced() {
        state.withLock { state in
            state = State()
            state.mends = true
        }
    }

    /// Lays what is in memory over rows of the file.
    func overlay(_ stored: [StoredEvent], _ question: StoredQuestion) -> [StoredEvent] {
        let events = sources.withLock { $0 }.events(0)
        let rows = state.withLock { $0.rows }
        var found = Dictionary(stored.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for event in events {
            var row = StoredEvent(event)
            if let key = rows[event.firstID] {
                row.id = key
            } else {
                while found[row.id] != nil { row.id += 1 }
            }
            if question.matches(row) { found[row.id] = row }
        }
        return Array(found.values.sorted { $0.id > $1.id }.prefix(max(0, question.limit)))
    }

    /// The same for flushes, of which a row does not change.
    func overlay(_ stored: [StoredFlush], _ question: StoredQuestion) -> [StoredFlush] {
        var found = Dictionary(stored.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for flush in sources.withLock({ $0 }).flushes().map({ StoredFlush($0) })
        where flush.id >= question.since && flush.id < question.before { found[flush.id] = flush }
        return Array(found.values.sorted { $0.id > $1.id }.prefix(max(0, question.limit)))
    }
}

extension StoredEvent {
    init(_ event: LoggedEvent) {
        self.init(
            id: Int64(event.firstTime * 1e6), last: Int64(event.time * 1e6), count: Int64(clamping: event.count),
            level: Int64(EventLevel.allCases.firstIndex(of: event.level) ?? 0), isChange: event.kind == .change,
            source: event.source, endpoint: event.endpoint ?? "", text: event.text)
    }
}

extension StoredFlush {
    init(_ record: FlushRecord) {
        let shown = Snapshot.Flush(record)
        func micros(_ duration: Duration) -> Int64 { Int64(clamping: duration.wholeMicroseconds) }
        let times = record.durations
        self.init(
            id: micros(record.startedAt), trigger: record.trigger.rawValue,
            generation: Int64(clamping: record.generation), changes: Int64(record.changes.count),
            bytesChanged: Int64(record.bytesChanged), fileSize: Int64(record.fileSize), encode: micros(times.encode),
            write: micros(times.write), fsync: micros(times.fsync), rename: micros(times.rename),
            total: micros(times.total), result: shown.result.rawValue, error: shown.errorCode ?? "")
    }
}
