public import Configuration
internal import Synchronization

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
