internal import Configuration
public import PodiumModel

// What is known of a flush: while it runs (`FlushRun`, filled by `ConfigurationWriter`), and afterwards (`FlushRecord`, kept in the
// history that console and control API show; `UnwrittenChange` for what the file has no place for).

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

/// What one run of the write protocol did.
struct FlushRun {
    var changes: [String] = []
    var bytesChanged = 0
    var fileSize = 0
    var bytesWritten = 0
    var durations = FlushDurations()
    var result = FlushResult.unchanged
    /// Memory was seen to differ from the file after a failure.
    var unsaved = false
    /// Edits by others that were taken in on the way.
    var edits: [PersisterEvent] = []
    var conflicts = 0
    /// Why the edit was doubted that was taken in all the same.
    var doubt: Refusal?
    var backupFailure: Int32?
    var lostFlags: FileFlags = []
    /// Copies that stay readable by more people than the file, and why.
    var exposedCopies: [CopyGuard.Exposed] = []
    /// What could not be written into the file; nil where the run did not come to that.
    var unwritten: [UnwrittenChange]?
    /// Why nothing was written, whatever there was to write.
    var memoryOnly: MemoryOnly?
}

extension FlushDurations {
    mutating func add(_ other: FlushDurations) {
        encode += other.encode
        write += other.write
        fsync += other.fsync
        rename += other.rename
    }
}

/// Names for temporaries that no other write of this or another process uses.
struct WriteToken {
    private let process = UInt32.random(in: .min ... .max)
    private var count = 0

    mutating func next() -> String {
        count += 1
        return "\(String(process, radix: 36))-\(String(count, radix: 36))"
    }
}

/// How many bytes of a file an edit changed.
enum ByteDifference {
    /// Lines that both have in the same place are compared byte by byte behind their common start and before their common
    /// end; where lines were added or removed, everything between the common start and end of the files counts.
    static func count(_ old: [UInt8], _ new: [UInt8]) -> Int {
        let (oldRange, newRange) = changed(old[...], new[...])
        let before = old[oldRange].split(separator: 10, omittingEmptySubsequences: false)
        let after = new[newRange].split(separator: 10, omittingEmptySubsequences: false)
        guard before.count == after.count else { return max(oldRange.count, newRange.count) }
        return zip(before, after).reduce(0) { sum, lines in
            let (left, right) = changed(lines.0, lines.1)
            return sum + max(left.count, right.count)
        }
    }

    private static func changed(
        _ old: ArraySlice<UInt8>, _ new: ArraySlice<UInt8>
    ) -> (Range<Int>, Range<Int>) {
        let shorter = min(old.count, new.count)
        var start = 0
        while start < shorter, old[old.startIndex + start] == new[new.startIndex + start] { start += 1 }
        var end = 0
        while end < shorter - start, old[old.endIndex - 1 - end] == new[new.endIndex - 1 - end] { end += 1 }
        return (old.startIndex + start..<old.endIndex - end, new.startIndex + start..<new.endIndex - end)
    }
}

/// A change that holds in memory and cannot be written where the file has its place; nothing else is held up by it.
///
/// It is tried again with every write, and whenever the file was edited.
public struct UnwrittenChange: Sendable, Equatable, CustomStringConvertible {
    /// The identity of the endpoint that the change belongs to; nil for a change of the whole file.
    public var endpoint: UInt32?
    /// The endpoint's name in the file, or the name it is to get there.
    public var name: String?
    /// The name of the client that the change belongs to; nil for another change.
    public var client: String?
    /// The keys that differ; empty where an entry or the whole file is concerned.
    public var fields: [EndpointField]
    /// What differs, such as `priority 2→1`; secrets masked.
    public var text: String
    /// What stands in the way, with line and column.
    public var reason: String

    /// A change from its parts.
    public init(endpoint: UInt32?, name: String?, fields: [EndpointField], text: String, reason: String) {
        self.endpoint = endpoint
        self.name = name
        self.fields = fields
        self.text = text
        self.reason = reason
    }

    init(_ refused: PartialEdit.Refused, file: PersistedState, wanted: PersistedState) {
        var name: String?
        var isAddition = false
        fields = []
        for change in refused.changes {
            switch change {
            case .setField(let endpoint, let field, _, _):
                name = endpoint
                fields.append(field)
            case .addEndpoint(let settings):
                name = settings.name
                isAddition = true
            case .removeEndpoint(let removed): name = removed
            case .setClientField(let name, _, _, _), .removeClient(let name): client = name
            case .addClient(let settings): client = settings.name
            case .setAutoSort: break
            }
        }
        self.name = name
        endpoint = (isAddition ? wanted : file).endpoints.first { $0.settings.name == name }?.id
        text = refused.changes.map(\.description).joined(separator: ", ")
        reason = "\(refused.error)"
    }

    /// What differs and what stands in the way.
    public var description: String { "\(text): \(reason)" }
}

/// What a flush would do.
public struct FlushPreview: Sendable, Equatable {
    /// What would change in the file, line by line.
    public var difference: LineDifference
    /// What would hold in memory alone.
    public var unwritten: [UnwrittenChange]
}
