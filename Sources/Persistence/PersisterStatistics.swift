/// Counters and gauges of a ``Persister``.
public struct PersisterStatistics: Sendable, Equatable {
    // MARK: Counters

    /// Accepted automatic changes.
    public var marks: UInt64 = 0
    /// Marks that joined an already dirty state: the writes that throttling saved.
    public var coalesced: UInt64 = 0
    /// Writes that reached the disk, by trigger.
    public var writes: [FlushTrigger: UInt64] = [:]
    /// Flushes that found nothing to write.
    public var unchanged: UInt64 = 0
    /// Failed flushes by errno.
    public var failuresByErrno: [Int32: UInt64] = [:]
    /// Flushes that were refused.
    public var refusals: UInt64 = 0
    /// Bytes written to temporaries, journals and backups.
    public var bytesWritten: UInt64 = 0
    /// Edits by others that were taken in.
    public var externalEditsMerged: UInt64 = 0
    /// Fields changed on both sides, where the file won.
    public var conflicts: UInt64 = 0
    /// Displaced files that could not be kept as the backup.
    public var backupsFailed: UInt64 = 0
    /// Writes whose directory did not sync.
    public var durabilityUnknown: UInt64 = 0

    // MARK: Gauges

    /// Raised by each accepted change.
    public var generation: UInt64 = 0
    /// The newest generation that is on disk.
    public var savedGeneration: UInt64 = 0
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
    /// Failed flushes since the last success.
    public var consecutiveFailures = 0
    /// The last failure; nil again after a success.
    public var lastError: PersistenceError?
    /// The file on disk cannot be taken in as it is; the running configuration stays.
    public var refusedFile: Refusal?
    /// Why nothing is written; nil where changes are.
    public var memoryOnly: MemoryOnly?
    /// Unsaved changes are older than the maximum dirty time.
    public var isOverdue = false
    /// Changes that hold in memory alone, because the file has no place that could be edited for them. They are not unsaved:
    /// no waiting helps, and nothing else waits for them.
    public var unwritten: [UnwrittenChange] = []

    /// All zero and clean.
    public init() {}

    /// All writes that reached the disk.
    public var totalWrites: UInt64 {
        writes.values.reduce(0, +)
    }
}
