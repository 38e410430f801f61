public import Configuration

/// Saves ranking and edits into the operator's file: automatic changes at most once per interval, an operator's at once.
///
/// Change the state first, then call ``mark(now:)`` or ``flush(trigger:)``: a flush takes its generation before its
/// snapshot, so a change is never counted as saved before it was seen. Everything here may be called from any thread.
public final class Persister: Sendable {
    /// Takes the lock of the configuration, settles what a crash may have left, and watches the file.
    ///
    /// - Parameters:
    ///   - base: the file as the program loaded it.
    ///   - snapshot: the state to save; called on the persister's own thread, outside its locks.
    ///   - adopt: takes in an edit that somebody else made to the file, by ``ExternalEdit/merge(into:allocateID:)`` under the
    ///     owner's lock, and returns what the merge gave; called on the persister's own thread, never while `snapshot` runs.
    ///   - onEvent: called on the persister's own threads; must not block for long and must not call ``shutdown()``.
    /// - Throws: ``PersistenceError/locked(path:holder:)`` if another process has this configuration.
    public init(
        options: PersisterOptions, base: LoadedBase, snapshot: @escaping @Sendable () -> PersistedState,
        adopt: @escaping @Sendable (ExternalEdit) -> MergedEdit,
        onEvent: @escaping @Sendable (PersisterEvent) -> Void
    ) throws(PersistenceError) {
        throw .closed
    }

    /// Notes one automatic change, made before this call. Never waits for the disk.
    public func mark(now: ContinuousClock.Instant) {}

    /// Saves everything and returns when it is durable. A flush in flight is waited for; callers that arrive
    /// meanwhile share the next one.
    ///
    /// - Throws: what kept the state from the disk. It stays dirty and is tried again by itself.
    public func flush(trigger: FlushTrigger) async throws(PersistenceError) -> FlushReceipt {
        throw .closed
    }

    /// Takes new settings of the schedule after a reload.
    public func update(strategy: PersistStrategy, flushInterval: Duration, maxDirtyTime: Duration, allowInPlace: Bool) {}

    /// All counters and gauges.
    public func statistics(now: ContinuousClock.Instant) -> PersisterStatistics { PersisterStatistics() }

    /// The last 512 flushes, newest last.
    public func history() -> [FlushRecord] { [] }

    /// Saves what is unsaved, with a few retries, stops, and releases the lock. Further calls return the same result.
    public func shutdown() async -> Result<FlushReceipt, PersistenceError> { .failure(.closed) }
}
