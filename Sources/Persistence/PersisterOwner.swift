public import Configuration
internal import PodiumModel
internal import Synchronization

// What passes between a persister and the program it saves for: what it may ask of its owner, what it tells it, and how it is
// told to write. The engine makes these values; the tests make their own. They stand apart from `Persister` because they hold
// no behaviour, and one reads them to use it.

/// What a ``Persister`` asks of the program whose state it saves, and what it tells it. Everything is called on the persister's
/// own threads, outside its locks but for the one of the file.
public struct PersisterOwner: Sendable {
    /// The state to save.
    public var snapshot: @Sendable () -> PersistedState
    /// Takes in an external edit of the file, by ``ExternalEdit/merge(into:allocateID:)`` under the owner's
    /// lock, and returns what the merge gave. Never called while `snapshot` runs.
    public var adopt: @Sendable (ExternalEdit) -> MergedEdit
    /// Takes in the order of the endpoints in the file, by identity.
    public var follow: @Sendable ([UInt32]) -> Void
    /// Must not block for long and must not wait for a flush.
    public var onEvent: @Sendable (PersisterEvent) -> Void

    /// An owner whose state may change its order with the file's.
    public init(
        snapshot: @escaping @Sendable () -> PersistedState, adopt: @escaping @Sendable (ExternalEdit) -> MergedEdit,
        follow: @escaping @Sendable ([UInt32]) -> Void = { _ in },
        onEvent: @escaping @Sendable (PersisterEvent) -> Void
    ) {
        self.snapshot = snapshot
        self.adopt = adopt
        self.follow = follow
        self.onEvent = onEvent
    }
}

/// Holds the owner while there is one: from the start of the persister to its end. The two refer to each other, and either could
/// not go away while they do.
final class OwnerPlace: Sendable {
    /// Stands in where there is no owner: the state is what was loaded.
    private let absent: PersisterOwner
    private let owner: Mutex<PersisterOwner>

    init(_ base: LoadedBase) {
        absent = PersisterOwner(
            snapshot: { base.state }, adopt: { $0.merge(into: base.state) { _ in .max } }, onEvent: { _ in })
        owner = Mutex(absent)
    }

    var present: PersisterOwner {
        get { owner.withLock { $0 } }
        set { owner.withLock { $0 = newValue } }
    }

    func leave() { present = absent }
}

/// What the persister tells its owner, on its own threads and outside every lock.
public enum PersisterEvent: Sendable, Equatable {
    /// A flush ended, well or not.
    case flushed(FlushRecord)
    /// The file was edited by hand or by another program. The edit is live, and these texts say what it changed.
    case externalEditAdopted(changes: [String], conflicts: [EditConflict])
    /// The file was edited and does not validate; the running configuration stays.
    case externalEditRefused(Refusal)
    /// The file was changed and may not be complete; it is looked at again until it is.
    case externalEditAwaited(Refusal)
    /// The edit that is adopted next was doubted for this reason, and has not changed for so long that it is believed.
    case externalEditDoubted(Refusal)
    /// The file that was refused validates again, or the one that could not be reached can be read.
    case externalEditRefusalEnded
    /// The path does not lead to a file that can be read, or that this process may use.
    case fileUnreachable(PersistenceError)
    /// What holds in memory alone, because the file has no place that could be edited for it, and what no longer does.
    case unwritten(began: [UnwrittenChange], ended: [UnwrittenChange])
    /// Unsaved changes are older than the maximum dirty time.
    case overdue(since: ContinuousClock.Instant)
    /// They have been saved.
    case overdueEnded
    /// Nothing is written from now on, on purpose.
    case memoryOnly(MemoryOnly)
    /// Changes are written again.
    case memoryOnlyEnded
    /// The old version could not be kept as the backup; the write itself succeeded.
    case backupFailed(errno: Int32)
    /// What `chattr` had set on the file and could not be set on the new one.
    case flagsNotKept([String])
    /// A copy beside the file can be read by more people than the file, and that cannot be changed.
    case copyExposed(name: String, errno: Int32)
    /// A crash had left a file behind; this is what became of it.
    case orphan(OrphanOutcome)
    /// The directory cannot be watched: edits by others are noticed by looking, twice a second.
    case watchUnavailable(errno: Int32)
}

/// What became of a temporary that a crash had left beside the file.
public enum OrphanOutcome: Sendable, Equatable {
    /// It was an unfinished or needless temporary.
    case removed(name: String)
    /// It was the only copy of the previous version and is the backup now.
    case keptAsBackup(name: String)
    /// It holds a valid version found nowhere else; `podium restore` lists it.
    case keptForRestore(name: String)
}

/// How and where a ``Persister`` writes.
public struct PersisterOptions: Sendable {
    /// The configuration file as the operator named it; symbolic links are followed anew at each flush.
    public var path: String
    /// Whether changes are written at all.
    public var persist = PersistMode.auto
    /// When automatic changes are written.
    public var strategy: PersistStrategy
    /// `throttled`: the longest an automatic change waits; `batched`: the quiet time before a write.
    public var flushInterval: Duration
    /// The longest `batched` waits; for all strategies the age from which unsaved changes raise an alarm.
    public var maxDirtyTime: Duration
    /// Whether the file may be overwritten in place where it cannot be replaced (a bind mount, a read-only directory).
    public var allowInPlace: Bool
    /// What `${NAME}` is looked up in when the file is validated before a write.
    public var environment: [String: String]
    /// Where the program listens, if only client tokens keep other machines out there: a hand edit that takes the last one
    /// away is refused.
    public var openListener: String?
    /// Attempts of the final flush before ``Persister/shutdown()`` gives up.
    public var finalFlushAttempts = 3

    /// Throttled to 30 seconds, as a configuration without persister settings has it.
    public init(
        path: String, strategy: PersistStrategy = .throttled, flushInterval: Duration = .seconds(30),
        maxDirtyTime: Duration = .seconds(300), allowInPlace: Bool = false, environment: [String: String] = [:]
    ) {
        self.path = path
        self.strategy = strategy
        self.flushInterval = flushInterval
        self.maxDirtyTime = maxDirtyTime
        self.allowInPlace = allowInPlace
        self.environment = environment
    }
}

/// The file as it was when the process loaded it.
public struct LoadedBase: Sendable {
    /// The exact bytes that were parsed.
    public var bytes: [UInt8]
    /// What they say, with the identities the program uses.
    public var state: PersistedState

    /// Bytes and what they were parsed to.
    public init(bytes: [UInt8], state: PersistedState) {
        self.bytes = bytes
        self.state = state
    }
}
