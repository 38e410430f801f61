public import PodiumModel

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

/// What the console shows of it. Deadlines are on this process's clock, for they are counted down.
extension ConsolePicture {
    /// A time of the snapshot on this process's clock. A broken clock must not trap the arithmetic.
    func instant(_ time: Double) -> ContinuousClock.Instant {
        let seconds = time - snapshot.takenAt
        return receivedAt + .seconds(seconds.isFinite ? min(max(seconds, -1e9), 1e9) : 0)
    }

    /// When the endpoint is tried again, while it is cooling, down or misconfigured.
    func retry(of endpoint: Snapshot.Endpoint) -> ContinuousClock.Instant? {
        endpoint.availability.until.map(instant)
    }

    /// Since the start of the proxy.
    var uptime: Duration { .seconds(max(0, snapshot.server.uptimeSeconds)) }

    /// When the next automatic write, or the one that is tried again, is due; nil when none is.
    var nextFlush: ContinuousClock.Instant? { snapshot.persister.nextDeadline.map(instant) }

    /// When the oldest mark reaches the maximum dirty time; nil when all is saved.
    var maxDirty: ContinuousClock.Instant? { snapshot.persister.maxDirtyDeadline.map(instant) }

    /// The whole span that the countdown to `nextFlush` began with.
    var flushInterval: Duration { .seconds(snapshot.server.flushIntervalSeconds) }

    /// The whole span that the countdown to `maxDirty` began with.
    var maxDirtyTime: Duration { .seconds(snapshot.server.maxDirtyTimeSeconds) }

    /// The most recent flush that failed.
    var lastFailure: Snapshot.Flush? { snapshot.flushes.last { $0.error != nil } }
}
