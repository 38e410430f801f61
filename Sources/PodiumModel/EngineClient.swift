/// A Podium as its console uses it: what is to be shown, and how a command gets there.
///
/// One console session works over it, and there are two makers: the engine in this process, and a Podium in another process behind its
/// control socket. Both show the same ``Snapshot`` and take the same ``Command``, so that the two consoles cannot differ.
public struct EngineClient: Sendable {
    /// True where the proxy lives in another process: leaving the console does not stop it.
    public let isAttached: Bool
    /// What is shown now. Waits for no other process.
    public let picture: @Sendable () -> ConsolePicture
    /// Carries a command out, and answers once what it changed is on disk.
    public let perform: @Sendable (Command) async -> CommandResult
    /// Keeps the picture up to date until the task is cancelled, and says when there is a newer one. nil where `picture` takes
    /// a new one each time.
    public let follow: (@Sendable (_ onChange: @escaping @Sendable () -> Void) async -> Void)?

    /// For the two makers.
    public init(
        isAttached: Bool, picture: @escaping @Sendable () -> ConsolePicture,
        perform: @escaping @Sendable (Command) async -> CommandResult,
        follow: (@Sendable (_ onChange: @escaping @Sendable () -> Void) async -> Void)? = nil
    ) {
        self.isAttached = isAttached
        self.picture = picture
        self.perform = perform
        self.follow = follow
    }
}

/// A snapshot as one console has it: what is shown, and what this console alone knows of it.
///
/// The members of the snapshot are the picture's own: `picture.endpoints`.
@dynamicMemberLookup
public struct ConsolePicture: Sendable, Equatable {
    /// What is shown.
    public var snapshot: Snapshot
    /// When it came, on this process's clock. The snapshot's times are counted from its own `takenAt`, so that two clocks
    /// that differ do no harm.
    public var receivedAt: ContinuousClock.Instant
    /// Seconds east of UTC in which every time of day is shown.
    public var utcOffset: Int
    /// Fraction of one core, 0.03 = 3 %, from this snapshot and the one before; nil when unknown.
    public var load: Double?
    /// True when operator actions are refused.
    public var isReadOnly = false
    /// True when this console is attached to a proxy in another process.
    public var isAttached = false
    /// When the connection to that process was lost: the picture is as old as that. nil while it is live.
    public var staleSince: ContinuousClock.Instant?

    /// A snapshot that came just now, or an empty one.
    public init(
        _ snapshot: Snapshot = Snapshot(), receivedAt: ContinuousClock.Instant, utcOffset: Int = 0, load: Double? = nil
    ) {
        self.snapshot = snapshot
        self.receivedAt = receivedAt
        self.utcOffset = utcOffset
        self.load = load
    }

    /// A member of the snapshot.
    public subscript<Value>(dynamicMember path: WritableKeyPath<Snapshot, Value>) -> Value {
        get { snapshot[keyPath: path] }
        set { snapshot[keyPath: path] = newValue }
    }
}
