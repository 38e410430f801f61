public import PodiumModel

/// Everything the persister's lock guards: the flush schedule, the callers that wait, the counters, and what was last said about a
/// trouble that goes on. `Persister` holds the lock for one method at a time, never over I/O.
struct PersisterState: Sendable {
    typealias Waiter = CheckedContinuation<Result<FlushReceipt, PersistenceError>, Never>

    var schedule: FlushSchedule
    /// Callers by the number of the write that serves them.
    var waiters: [UInt64: [Waiter]] = [:]
    var isClosed = false
    /// An inspection is queued that has not started to read yet.
    var inspectionIsPending = false
    /// The counters that the schedule does not keep.
    private var counters = PersisterStatistics()
    /// What was last said about a file that cannot be used, and still is so.
    private var reportedTrouble: PersisterEvent?
    private var reportedMemoryOnly: MemoryOnly?
    private var reportedFlags: FileFlags = []

    init(schedule: FlushSchedule, memoryOnly: MemoryOnly?) {
        self.schedule = schedule
        counters.memoryOnly = memoryOnly
    }

    mutating func finished(
        _ write: FlushSchedule.Write, _ run: FlushRun, now: ContinuousClock.Instant, random: Double
    ) -> (actions: [FlushSchedule.Action], waiters: [Waiter], news: PersisterEvent?) {
        let news = noteFile(run, isInspection: false)
        count(write, run)
        let outcome: FlushSchedule.Outcome =
            if case .failed = run.result { .failed(unsaved: run.unsaved) } else { .saved }
        let actions = schedule.finished(outcome, now: now, random: random)
        return (actions, waiters.removeValue(forKey: write.number) ?? [], news)
    }

    /// Notes what a run could not write.
    ///
    /// - Returns: the event about what is new of it, nil where nothing is.
    mutating func noteUnwritten(_ run: FlushRun) -> PersisterEvent? {
        guard let unwritten = run.unwritten, unwritten != counters.unwritten else { return nil }
        let before = counters.unwritten
        counters.unwritten = unwritten
        func isSame(_ left: UnwrittenChange, _ right: UnwrittenChange) -> Bool {
            (left.endpoint, left.fields, left.reason) == (right.endpoint, right.fields, right.reason)
        }
        let began = unwritten.filter { change in !before.contains { isSame($0, change) } }
        let ended = before.filter { change in
            !unwritten.contains { ($0.endpoint, $0.fields) == (change.endpoint, change.fields) }
        }
        return began.isEmpty && ended.isEmpty ? nil : .unwritten(began: began, ended: ended)
    }

    /// An inspection ended. What an edit brings about besides what it says has to be saved as any automatic change is, so that
    /// at rest file and memory are the same; unless something is waiting to be saved anyway.
    mutating func inspected(
        _ run: FlushRun, now: ContinuousClock.Instant
    ) -> (news: PersisterEvent?, storage: PersisterEvent?, actions: [FlushSchedule.Action]) {
        let news = noteFile(run, isInspection: true)
        let storage = noteStorage(run)
        guard !isClosed else { return (news, storage, []) }
        if case .failed = run.result { return (news, storage, []) }
        // What had no place in the file may have one now.
        let isOwed = !run.edits.isEmpty && (run.unsaved || holdsUnwritten)
        let isAwaited = schedule.dirtySince != nil || schedule.inFlight != nil
        let marked = isOwed && !isAwaited ? schedule.mark(now: now) : []
        return (news, storage, marked + schedule.obstacleMayBeGone(now: now))
    }

    /// Counts the edits that a run took in, and says what is new about the file being refused.
    ///
    /// - Parameter isInspection: the run was no flush, so no caller reports what it failed with.
    private mutating func noteFile(_ run: FlushRun, isInspection: Bool) -> PersisterEvent? {
        counters.externalEditsMerged += UInt64(run.edits.count)
        counters.conflicts += UInt64(run.conflicts)
        switch run.result {
        case .failed(.refused(let refusal)) where refusal.isInvalidFile:
            counters.refusedFile = refusal
            return report(.externalEditRefused(refusal))
        case .failed(.refused(let refusal)) where refusal.isUnfinished:
            let isKnown = counters.refusedFile?.isUnfinished == true
            counters.refusedFile = refusal
            // What a file lacks changes while it is being written, so the message is given once.
            return isKnown ? nil : .externalEditAwaited(refusal)
        case .failed(.refused(.beingEdited)): return nil
        case .failed(let error) where isInspection: return report(.fileUnreachable(error))
        case .failed, .written, .unchanged, .inMemory:
            counters.refusedFile = nil
            guard reportedTrouble != nil else { return nil }
            reportedTrouble = nil
            return .externalEditRefusalEnded
        }
    }

    var isMemoryOnly: Bool { counters.memoryOnly != nil }

    /// Flags are lost once: the new file does not have them.
    mutating func noteLostFlags(_ run: FlushRun) -> PersisterEvent? {
        guard !run.lostFlags.isSubset(of: reportedFlags) else { return nil }
        reportedFlags.formUnion(run.lostFlags)
        return .flagsNotKept(run.lostFlags.descriptions)
    }

    /// What is new about nothing being written.
    mutating func noteStorage(_ run: FlushRun) -> PersisterEvent? {
        counters.memoryOnly = run.memoryOnly
        guard run.memoryOnly != reportedMemoryOnly else { return nil }
        reportedMemoryOnly = run.memoryOnly
        return run.memoryOnly.map { .memoryOnly($0) } ?? .memoryOnlyEnded
    }

    private mutating func report(_ trouble: PersisterEvent) -> PersisterEvent? {
        guard trouble != reportedTrouble else { return nil }
        reportedTrouble = trouble
        return trouble
    }

    private var holdsUnwritten: Bool { !counters.unwritten.isEmpty }

    private mutating func count(_ write: FlushSchedule.Write, _ run: FlushRun) {
        counters.bytesWritten += UInt64(run.bytesWritten)
        if run.backupFailure != nil { counters.backupsFailed += 1 }
        switch run.result {
        case .written:
            counters.writes[write.trigger, default: 0] += 1
            counters.lastError = nil
        case .unchanged, .inMemory:
            counters.unchanged += 1
            counters.lastError = nil
        case .failed(let error):
            counters.lastError = error
            switch error {
            case .system(_, _, let errno): counters.failuresByErrno[errno, default: 0] += 1
            case .durabilityUnknown(let errno):
                counters.failuresByErrno[errno, default: 0] += 1
                counters.durabilityUnknown += 1
            case .refused, .locked, .closed: counters.refusals += 1
            }
        }
    }

    func statistics(now: ContinuousClock.Instant) -> PersisterStatistics {
        var result = counters
        guard counters.memoryOnly == nil else {
            // The schedule goes on, so that the file is looked at; nothing waits to be written.
            result.marks = schedule.marks
            result.coalesced = schedule.coalesced
            result.generation = schedule.generation
            result.savedGeneration = schedule.generation
            return result
        }
        result.marks = schedule.marks
        result.coalesced = schedule.coalesced
        result.generation = schedule.generation
        result.savedGeneration = schedule.savedGeneration
        result.dirtySince = schedule.dirtySince
        result.oldestUnsavedAge = schedule.dirtySince.map { max(now - $0, .zero) }
        result.nextDeadline = schedule.nextFlush?.deadline
        result.nextTrigger = schedule.nextFlush?.trigger
        result.maxDirtyDeadline = schedule.maxDirtyDeadline
        result.writingSince = schedule.inFlight?.started
        result.consecutiveFailures = schedule.failures
        result.isOverdue = schedule.alarmed
        return result
    }
}

extension FlushRecord {
    init(_ write: FlushSchedule.Write, startedAt: Duration, _ run: FlushRun) {
        self.init(
            number: write.number, startedAt: startedAt, started: write.started, trigger: write.trigger,
            generation: write.generation, changes: run.changes, bytesChanged: run.bytesChanged, fileSize: run.fileSize,
            durations: run.durations, result: run.result)
        unwritten = run.unwritten ?? []
    }
}

extension FlushReceipt {
    /// What the callers that waited for a flush are told.
    static func result(_ record: FlushRecord) -> Result<FlushReceipt, PersistenceError> {
        switch record.result {
        case .written: .success(FlushReceipt(outcome: .written, generation: record.generation, record: record))
        case .unchanged: .success(FlushReceipt(outcome: .unchanged, generation: record.generation, record: record))
        case .inMemory(let reason):
            .success(FlushReceipt(outcome: .inMemory(reason), generation: record.generation, record: record))
        case .failed(let error): .failure(error)
        }
    }
}

extension Refusal {
    /// An external edit of the file is what stands in the way.
    fileprivate var isInvalidFile: Bool {
        switch self {
        case .invalidFile, .empty, .missing: true
        default: false
        }
    }

    /// Another program is still writing it, as far as one can see.
    fileprivate var isUnfinished: Bool {
        if case .unfinishedEdit = self { true } else { false }
    }
}

extension PersistenceError {
    /// Whether a short wait can help.
    var mayPass: Bool {
        switch self {
        case .system, .durabilityUnknown, .refused(.beingEdited), .refused(.unfinishedEdit): true
        case .refused, .locked, .closed: false
        }
    }
}

/// Counters and gauges of a ``Persister``: the figures that all count alike, which are its members, and what it keeps in types of its own.
@dynamicMemberLookup
public struct PersisterStatistics: Sendable, Equatable {
    /// The figures that are shown as they are.
    public var figures = PersisterFigures()
    /// Writes that reached the disk, by trigger.
    public var writes: [FlushTrigger: UInt64] = [:]
    /// Failed flushes by errno.
    public var failuresByErrno: [Int32: UInt64] = [:]
    /// The first change that is not on disk; nil when clean.
    public var dirtySince: ContinuousClock.Instant?
    /// Age of the oldest unsaved change.
    public var oldestUnsavedAge: Duration?
    /// When the next automatic flush or retry starts.
    public var nextDeadline: ContinuousClock.Instant?
    /// What that flush will be called.
    public var nextTrigger: FlushTrigger?
    /// When unsaved changes become overdue.
    public var maxDirtyDeadline: ContinuousClock.Instant?
    /// Start of the flush that runs now.
    public var writingSince: ContinuousClock.Instant?
    /// The last failure; nil again after a success.
    public var lastError: PersistenceError?
    /// The file on disk cannot be taken in as it is; the running configuration stays.
    public var refusedFile: Refusal?
    /// Why nothing is written; nil where changes are.
    public var memoryOnly: MemoryOnly?
    /// Changes that hold in memory alone, because the file has no place that could be edited for them. They are not unsaved:
    /// no waiting helps, and nothing else waits for them.
    public var unwritten: [UnwrittenChange] = []

    /// All zero and clean.
    public init() {}

    /// A member of the figures.
    public subscript<Value>(dynamicMember path: WritableKeyPath<PersisterFigures, Value>) -> Value {
        get { figures[keyPath: path] }
        set { figures[keyPath: path] = newValue }
    }

    /// All writes that reached the disk.
    public var totalWrites: UInt64 {
        writes.values.reduce(0, +)
    }
}
