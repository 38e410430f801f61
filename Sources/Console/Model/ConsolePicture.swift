internal import PodiumModel

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
