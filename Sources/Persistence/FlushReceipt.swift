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
