internal import NIOCore

/// Idle connections to one base URL on one event loop. Pure: it holds them, its owner opens and closes them.
///
/// The most recently used one is taken first, so that a burst's surplus grows old and is closed; but before those that came
/// to rest in this very tick of the loop come all others. What an endpoint says too much behind its answer may be there
/// already, and is noticed when the tick is over: it must not become the next request's answer.
struct UpstreamPool<Connection: AnyObject> {
    private struct Idle {
        let connection: Connection
        let expires: NIODeadline
    }

    private var idle: ContiguousArray<Idle> = []
    /// So many of the first have been at rest since an earlier tick than this one.
    private var settledCount = 0
    private var tick: UInt64 = 0
    let maximumIdle: Int

    init(maximumIdle: Int = 1024) {
        self.maximumIdle = maximumIdle
    }

    var count: Int { idle.count }

    /// A connection that has not outlived its rest, nil when one has to be opened.
    ///
    /// - Parameter settledOnly: where it cannot be seen whether there is something to read
    /// - Returns: `isSettled` is false where the loop has not looked since it came to rest: its owner has to
    mutating func take(
        now: NIODeadline, tick: UInt64, settledOnly: Bool = false
    ) -> (connection: Connection, isSettled: Bool)? {
        settle(tick)
        // Those below the newest are older still; the sweep closes them.
        if settledCount > 0, idle[settledCount - 1].expires > now {
            settledCount -= 1
            return (idle.remove(at: settledCount).connection, true)
        }
        guard !settledOnly, idle.count > settledCount, let newest = idle.last, newest.expires > now else {
            return nil
        }
        idle.removeLast()
        return (newest.connection, false)
    }

    /// - Returns: whether the connection was kept; the caller closes it otherwise.
    mutating func keep(_ connection: Connection, until expires: NIODeadline, tick: UInt64) -> Bool {
        guard idle.count < maximumIdle else { return false }
        settle(tick)
        idle.append(Idle(connection: connection, expires: expires))
        return true
    }

    private mutating func settle(_ tick: UInt64) {
        guard tick != self.tick else { return }
        self.tick = tick
        settledCount = idle.count
    }

    /// The connection was closed from the other side.
    mutating func remove(_ connection: Connection) {
        guard let index = idle.lastIndex(where: { $0.connection === connection }) else { return }
        idle.remove(at: index)
        if index < settledCount { settledCount -= 1 }
    }

    /// Removes and returns the connection that has rested longest.
    mutating func removeOldest() -> Connection? {
        guard !idle.isEmpty else { return nil }
        if settledCount > 0 { settledCount -= 1 }
        return idle.removeFirst().connection
    }

    /// Removes and returns the connections whose rest is over.
    mutating func expire(now: NIODeadline) -> [Connection] {
        guard let oldest = idle.first, oldest.expires <= now else { return [] }
        let end = idle.firstIndex { $0.expires > now } ?? idle.endIndex
        defer {
            idle.removeSubrange(..<end)
            settledCount = max(0, settledCount - end)
        }
        return idle[..<end].map(\.connection)
    }

    /// Removes and returns all of them.
    mutating func removeAll() -> [Connection] {
        defer {
            idle.removeAll()
            settledCount = 0
        }
        return idle.map(\.connection)
    }
}
