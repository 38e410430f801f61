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
