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
