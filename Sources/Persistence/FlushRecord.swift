/// Where the time of one flush went. Steps that did not run are zero.
public struct FlushDurations: Sendable, Equatable {
    /// Comparing, splicing and verifying.
    public var encode = Duration.zero
    /// Reading the file on disk and writing the temporary.
    public var write = Duration.zero
    /// Syncing the file and the directory.
    public var fsync = Duration.zero
    /// Putting the new file in place and keeping the old one as the backup.
    public var rename = Duration.zero
    /// From start to end, waiting for editors included.
    public var total = Duration.zero

    /// All zero.
    public init() {}
}

/// How a flush ended.
public enum FlushResult: Sendable, Equatable {
    /// The changes are on disk, synced.
    case written
    /// The file already says what the program holds.
    case unchanged
    /// Nothing is written, on purpose: what the program holds is gone when it ends.
    case inMemory(MemoryOnly)
    /// Nothing is lost: everything stays dirty and is tried again.
    case failed(PersistenceError)
}

/// One line of the flush history.
public struct FlushRecord: Sendable, Equatable {
    /// Counts flushes from 1.
    public var number: UInt64
    /// Wall-clock time at the start, since 1970-01-01 00:00 UTC.
    public var startedAt: Duration
    /// The same on the monotonic clock.
    public var started: ContinuousClock.Instant
    /// Why it ran.
    public var trigger: FlushTrigger
    /// The generation that it saved or tried to save.
    public var generation: UInt64
    /// One text per changed field or entry, such as `anthropic-main priority 2→1`; secrets masked.
    public var changes: [String]
    /// Bytes of the file that differ from before.
    public var bytesChanged: Int
    /// Size of the file afterwards; 0 when it was not read.
    public var fileSize: Int
    /// Where the time went.
    public var durations: FlushDurations
    /// How it ended.
    public var result: FlushResult
    /// Changes that could not be written; all others were.
    public var unwritten: [UnwrittenChange] = []

    /// A record of a flush.
    public init(
        number: UInt64, startedAt: Duration, started: ContinuousClock.Instant, trigger: FlushTrigger,
        generation: UInt64, changes: [String], bytesChanged: Int, fileSize: Int, durations: FlushDurations,
        result: FlushResult
    ) {
        self.number = number
        self.startedAt = startedAt
        self.started = started
        self.trigger = trigger
        self.generation = generation
        self.changes = changes
        self.bytesChanged = bytesChanged
        self.fileSize = fileSize
        self.durations = durations
        self.result = result
    }
}

/// Why a flush ran.
public enum FlushTrigger: String, Sendable, Hashable, CaseIterable {
    /// The first unsaved mark is one flush interval old (`throttled`), or automatic changes are written at once (`immediate`).
    case interval
    /// No mark came for one flush interval (`batched`).
    case settled
    /// The first unsaved mark reached the maximum dirty time (`batched`).
    case maxDirty = "max_dirty"
    /// An operator changed something or asked for a flush.
    case `operator`
    /// A setting was learned from an endpoint's answers.
    case learned
    /// An earlier flush failed and its backoff has passed.
    case retry
    /// The last flush of the process.
    case shutdown
    /// An operator asked to take in the file as it is on disk.
    case reload
}

/// What a caller of ``Persister/flush(trigger:)`` gets once its change is durable.
public struct FlushReceipt: Sendable, Equatable {
    /// How the file came to hold the caller's change.
    public enum Outcome: Sendable, Equatable {
        /// The file was written and synced.
        case written
        /// The file already said so; nothing was written.
        case unchanged
        /// It does not: nothing is written, on purpose.
        case inMemory(MemoryOnly)
    }

    /// Written or found unchanged.
    public var outcome: Outcome
    /// Every mark up to this generation is on disk.
    public var generation: UInt64
    /// The flush as the history shows it; shared by all callers that waited for it.
    public var record: FlushRecord

    /// Changes that hold in memory alone, because the file has no place that could be edited for them.
    public var unwritten: [UnwrittenChange] { record.unwritten }

    /// A receipt for a finished flush.
    public init(outcome: Outcome, generation: UInt64, record: FlushRecord) {
        self.outcome = outcome
        self.generation = generation
        self.record = record
    }
}
