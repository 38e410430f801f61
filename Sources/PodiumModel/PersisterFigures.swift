extension Snapshot {
    /// The persister's counters and gauges; `GET /admin/api/config/stats` answers this alone. Each is a member: `persister.marks`.
    @dynamicMemberLookup
    public struct Persister: Codable, Sendable, Equatable {
        /// What the persister itself counts in the same way.
        public var figures = PersisterFigures()
        /// What the persister keeps in types of its own, in the words and times of the API.
        public var terms = Terms()

        /// All zero and clean.
        public init() {}

        /// A member of the figures.
        public subscript<Value>(dynamicMember path: WritableKeyPath<PersisterFigures, Value>) -> Value {
            get { figures[keyPath: path] }
            set { figures[keyPath: path] = newValue }
        }

        /// A member of the terms.
        public subscript<Value>(dynamicMember path: WritableKeyPath<Terms, Value>) -> Value {
            get { terms[keyPath: path] }
            set { terms[keyPath: path] = newValue }
        }

        /// Both stand beside each other.
        public init(from decoder: any Decoder) throws {
            figures = try PersisterFigures(from: decoder)
            terms = try Terms(from: decoder)
        }

        public func encode(to encoder: any Encoder) throws {
            try figures.encode(to: encoder)
            try terms.encode(to: encoder)
        }
    }

    /// One line of the flush history.
    public struct Flush: Codable, Sendable, Equatable {
        /// How a flush ended.
        public enum Result: String, Codable, Sendable, CaseIterable {
            case written, unchanged
            /// Nothing is written, on purpose.
            case inMemory = "in_memory"
            /// In place, but its directory did not sync.
            case durabilityUnknown = "durability_unknown"
            case failed
        }

        /// Counts flushes from 1.
        public var number: UInt64 = 0
        /// When it began.
        public var time = 0.0
        /// Why it ran.
        public var trigger = ""
        /// The generation that it saved or tried to save.
        public var generation: UInt64 = 0
        /// One text per changed field or entry, such as `anthropic-main priority 2→1`; secrets masked.
        public var changes: [String] = []
        /// Bytes of the file that differ from before.
        public var bytesChanged = 0
        /// Size of the file afterwards; 0 when it was not read.
        public var fileSize = 0
        /// Comparing, splicing and verifying.
        public var encodeSeconds = 0.0
        /// Reading the file on disk and writing the temporary.
        public var writeSeconds = 0.0
        /// Syncing the file and the directory.
        public var fsyncSeconds = 0.0
        /// Putting the new file in place and keeping the old one as the backup.
        public var renameSeconds = 0.0
        /// From start to end, waiting for editors included.
        public var totalSeconds = 0.0
        /// How it ended.
        public var result = Result.unchanged
        /// Short and symbolic, such as `ENOSPC`; absent unless it failed.
        public var errorCode: String?
        /// The whole story in one line; absent unless it failed.
        public var error: String?

        /// A flush that found nothing.
        public init(number: UInt64 = 0, time: Double = 0, trigger: String = "") {
            self.number = number
            self.time = time
            self.trigger = trigger
        }

        enum CodingKeys: String, CodingKey {
            case number, time, trigger, generation, changes, result, error
            case bytesChanged = "bytes_changed"
            case fileSize = "file_size"
            case encodeSeconds = "encode_seconds"
            case writeSeconds = "write_seconds"
            case fsyncSeconds = "fsync_seconds"
            case renameSeconds = "rename_seconds"
            case totalSeconds = "total_seconds"
            case errorCode = "error_code"
        }
    }
}

/// Counters since the start, and gauges, of what saves the configuration: the persister counts them, and the API and the console show them
/// as they are.
public struct PersisterFigures: Codable, Sendable, Equatable {
    /// Accepted automatic changes.
    public var marks: UInt64 = 0
    /// Marks that joined an already dirty state: the writes that throttling saved.
    public var coalesced: UInt64 = 0
    /// Flushes that found nothing to write.
    public var unchanged: UInt64 = 0
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
    /// Raised by each accepted change.
    public var generation: UInt64 = 0
    /// The newest generation that is on disk.
    public var savedGeneration: UInt64 = 0
    /// Unsaved changes are older than the maximum dirty time.
    public var isOverdue = false
    /// Failed flushes since the last success.
    public var consecutiveFailures = 0

    /// All zero and clean.
    public init() {}

    enum CodingKeys: String, CodingKey {
        case marks, coalesced, unchanged, refusals, conflicts, generation
        case bytesWritten = "bytes_written"
        case externalEditsMerged = "external_edits_merged"
        case backupsFailed = "backups_failed"
        case durabilityUnknown = "durability_unknown"
        case savedGeneration = "saved_generation"
        case isOverdue = "is_overdue"
        case consecutiveFailures = "consecutive_failures"
    }
}

extension Snapshot.Persister {
    /// What the persister keeps in types of its own, in the words and times of the API.
    public struct Terms: Codable, Sendable, Equatable {
        /// Writes that reached the disk.
        public var writes: UInt64 = 0
        /// The same by trigger: `interval`, `settled`, `max_dirty`, `operator`, `learned`, `retry`, `shutdown`, `reload`.
        public var writesByTrigger: [String: UInt64] = [:]
        /// Failed flushes by error, such as `ENOSPC`.
        public var failuresByError: [String: UInt64] = [:]
        /// `throttled`, `batched` or `immediate`.
        public var strategy = "throttled"
        /// Whether anything accepted is not on disk.
        public var isDirty = false
        /// The first change that is not on disk.
        public var dirtySince: Double?
        /// Its age.
        public var oldestUnsavedSeconds: Double?
        /// When the next automatic flush or retry starts.
        public var nextDeadline: Double?
        /// What that flush will be called.
        public var nextTrigger: String?
        /// When unsaved changes become overdue.
        public var maxDirtyDeadline: Double?
        /// Start of the flush that runs now.
        public var writingSince: Double?
        /// The last failure, in words; absent again after a success.
        public var lastError: String?
        /// Why the file on disk is not taken in as it is; the running configuration stays.
        public var refusedFile: String?
        /// Why nothing is written into the file; absent where changes are.
        public var memoryOnly: String?
        /// The configuration file as it is on disk; absent when it cannot be looked at.
        public var file: File?

        /// All zero and clean.
        public init() {}

        enum CodingKeys: String, CodingKey {
            case writes, strategy, file
            case writesByTrigger = "writes_by_trigger"
            case failuresByError = "failures_by_error"
            case isDirty = "is_dirty"
            case dirtySince = "dirty_since"
            case oldestUnsavedSeconds = "oldest_unsaved_seconds"
            case nextDeadline = "next_deadline"
            case nextTrigger = "next_trigger"
            case maxDirtyDeadline = "max_dirty_deadline"
            case writingSince = "writing_since"
            case lastError = "last_error"
            case refusedFile = "refused_file"
            case memoryOnly = "memory_only"
        }
    }
}

extension Snapshot.Persister {
    /// The configuration file as it is on disk.
    public struct File: Codable, Sendable, Equatable {
        /// Bytes.
        public var size: UInt64
        /// Permission bits.
        public var mode: UInt32
        /// When the backup beside it was made.
        public var backupTime: Double?

        public init(size: UInt64, mode: UInt32, backupTime: Double?) {
            self.size = size
            self.mode = mode
            self.backupTime = backupTime
        }

        enum CodingKeys: String, CodingKey {
            case size, mode
            case backupTime = "backup_time"
        }
    }
}
