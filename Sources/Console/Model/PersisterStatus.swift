/// The persister's counters and gauges.
public struct PersisterStatus: Sendable, Equatable {
    /// As configured: `throttled`, `batched` or `immediate`.
    public var strategy = "throttled"
    /// True while something accepted is not on disk.
    public var isDirty = false
    /// Field-level changes that are not on disk yet.
    public var unsavedChanges = 0
    /// Age of the oldest unsaved mark at `sampledAt`; nil when clean.
    public var oldestUnsaved: Duration?
    /// What made it dirty first, such as `move`; nil when clean or unknown.
    public var dirtyBecause: String?
    /// When the next automatic write is due; nil when none is.
    public var nextFlush: ContinuousClock.Instant?
    /// The whole span the countdown to `nextFlush` began with.
    public var flushInterval = Duration.seconds(30)
    /// When the oldest mark reaches the maximum dirty time; nil when clean.
    public var maxDirty: ContinuousClock.Instant?
    /// The whole span the countdown to `maxDirty` began with.
    public var maxDirtyTime = Duration.seconds(300)
    /// True while a write is under way.
    public var isWriting = false
    /// Flushes that wrote the file.
    public var writes: UInt64 = 0
    /// Changes accepted so far.
    public var marks: UInt64 = 0
    /// Marks that joined an already dirty state: writes that the throttle saved.
    public var coalesced: UInt64 = 0
    /// Flushes that found nothing to write.
    public var unchanged: UInt64 = 0
    /// Flushes that failed.
    public var failures: UInt64 = 0
    /// Hand edits of the file that were taken over.
    public var externalEditsMerged: UInt64 = 0
    /// Bytes written to disk by all flushes.
    public var bytesWritten: UInt64 = 0
    /// The configuration file.
    public var filePath = ""
    /// Its size in bytes; nil when unknown.
    public var fileSize: UInt64?
    /// Permission bits, such as 0o600.
    public var fileMode: UInt32?
    /// Why the file on disk is not the one in use, such as an edit that does not validate; nil when they agree.
    public var fileProblem: String?
    /// Why nothing is written into the file; nil where changes are.
    public var memoryOnly: String?
    /// Writes by what caused them, most first.
    public var writesByTrigger: [Count] = []
    /// Failures by their code, most first.
    public var failuresByCode: [Count] = []
    /// When the backup beside it was made; nil when there is none.
    public var lastBackup: WallTime?
    /// The most recent failure; nil when none failed.
    public var lastFailure: Failure?
    /// True when something has stayed unsaved for longer than the maximum dirty time.
    public var isOverdue = false
    /// The write that is waited for after a failure; nil when none is.
    public var retryAt: ContinuousClock.Instant?

    /// A clean persister that has done nothing yet.
    public init() {}

    /// How often something happened.
    public struct Count: Sendable, Equatable {
        /// What, such as `interval` or `ENOSPC`.
        public var name: String
        /// How often.
        public var count: UInt64

        /// A count of something.
        public init(name: String, count: UInt64) {
            self.name = name
            self.count = count
        }
    }

    /// A write that failed.
    public struct Failure: Sendable, Equatable {
        /// When it happened.
        public var time: WallTime
        /// Short and symbolic, such as `ENOSPC`.
        public var code: String
        /// The whole story in one line.
        public var text: String

        /// A failed write.
        public init(time: WallTime, code: String, text: String) {
            self.time = time
            self.code = code
            self.text = text
        }
    }
}

/// One flush of the history.
public struct FlushEntry: Sendable, Equatable, Identifiable {
    /// Rises with each flush.
    public var id: UInt64
    /// When it happened.
    public var time: WallTime
    /// Why it ran: `interval`, `settled`, `max_dirty`, `operator`, `learned`, `retry`, `shutdown`, `reload`.
    public var trigger: String
    /// What was written, such as `anthropic-main priority 2→1`; secrets masked.
    public var changes: [String] = []
    /// How many changes there were, which may be more than are listed.
    public var changeCount = 0
    /// Bytes of the file that differ from before.
    public var bytesChanged: UInt64 = 0
    /// Size of the file afterwards; nil when nothing was written.
    public var fileSize: UInt64?
    /// In the order they ran: encode, write, fsync, rename.
    public var steps: [Step] = []
    /// Wall time of the whole.
    public var duration = Duration.zero
    /// How much of it was spent waiting for an editor that was saving the file itself.
    public var waited = Duration.zero
    /// How it ended.
    public var result = Result.saved

    /// What it took of its own time.
    var worked: Duration { max(.zero, duration - waited) }

    /// A flush that ran at a time for a reason.
    public init(id: UInt64, time: WallTime, trigger: String) {
        self.id = id
        self.time = time
        self.trigger = trigger
    }

    /// How a flush ended.
    public enum Result: Sendable, Equatable {
        case saved
        case unchanged
        /// Nothing is written, on purpose.
        case inMemory
        /// Written and renamed, but the directory sync failed.
        case durabilityUnknown
        /// The code is short and symbolic, such as `ENOSPC`.
        case failed(code: String, text: String)
    }

    /// One step of the write protocol.
    public struct Step: Sendable, Equatable {
        /// Such as `fsync`.
        public var name: String
        /// Wall time of the step.
        public var duration: Duration

        /// A step and how long it took.
        public init(name: String, duration: Duration) {
            self.name = name
            self.duration = duration
        }
    }
}

/// One line of the event log.
public struct EventEntry: Sendable, Equatable, Identifiable {
    /// Rises with each event, and stays the same when it repeats.
    public var id: UInt64
    /// Rises with each event and each time one repeats.
    public var latest: UInt64
    /// When it happened, or happened last.
    public var time: WallTime
    /// How much it matters.
    public var level: Level
    /// The part that speaks: `console`, `endpoint`, `persist`, `proxy`, `config`.
    public var source: String
    /// One line in plain words.
    public var text: String
    /// How often it happened.
    public var count: UInt64 = 1
    /// When it happened first.
    public var firstTime: WallTime

    /// An event that happened once.
    public init(id: UInt64, time: WallTime, level: Level, source: String, text: String) {
        self.id = id
        latest = id
        firstTime = time
        self.time = time
        self.level = level
        self.source = source
        self.text = text
    }

    /// How much it matters.
    public enum Level: Int, Sendable, Equatable, Comparable, CaseIterable {
        case debug, info, warning, error

        /// In lower case, as `:level` takes it.
        public var word: String {
            switch self {
            case .debug: "debug"
            case .info: "info"
            case .warning: "warning"
            case .error: "error"
            }
        }

        /// Less important levels come first.
        public static func < (left: Level, right: Level) -> Bool {
            left.rawValue < right.rawValue
        }
    }
}
