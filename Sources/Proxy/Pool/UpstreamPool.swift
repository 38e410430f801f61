internal import NIOCore

/// Resting connections to one base URL on one event loop. Pure: it holds them, its owner opens and closes them.
///
/// The most recently used one is taken first, so that a burst's surplus grows old and is closed; but before those that came
/// to rest in this very turn of the loop come all others. What an endpoint says too much behind its answer may be there
/// already, and is noticed when the turn is over: it must not become the next request's answer.
struct UpstreamPool<Connection: AnyObject> {
    private struct Resting {
        let connection: Connection
        let expires: NIODeadline
    }

    private var resting: ContiguousArray<Resting> = []
    /// So many of the first have been at rest since an earlier turn than this one.
    private var settledCount = 0
    private var turn: UInt64 = 0
    let maximumResting: Int

    init(maximumResting: Int = 1024) {
        self.maximumResting = maximumResting
    }

    var count: Int { resting.count }

    /// A connection that has not outlived its rest, nil when one has to be opened.
    ///
    /// - Parameter settledOnly: where nobody can look whether there is something to read
    /// - Returns: `isSettled` is false where the loop has not looked since it came to rest: its owner has to
    mutating func take(
        now: NIODeadline, turn: UInt64, settledOnly: Bool = false
    ) -> (connection: Connection, isSettled: Bool)? {
        settle(turn)
        // Those below the newest are older still; the sweep closes them.
        if settledCount > 0, resting[settledCount - 1].expires > now {
            settledCount -= 1
            return (resting.remove(at: settledCount).connection, true)
        }
        guard !settledOnly, resting.count > settledCount, let newest = resting.last, newest.expires > now else {
            return nil
        }
        resting.removeLast()
        return (newest.connection, false)
    }

    /// - Returns: whether the connection was kept; the caller closes it otherwise.
    mutating func rest(_ connection: Connection, until expires: NIODeadline, turn: UInt64) -> Bool {
        guard resting.count < maximumResting else { return false }
        settle(turn)
        resting.append(Resting(connection: connection, expires: expires))
        return true
    }

    private mutating func settle(_ turn: UInt64) {
        guard turn != self.turn else { return }
        self.turn = turn
        settledCount = resting.count
    }

    /// The connection was closed from the other side.
    mutating func remove(_ connection: Connection) {
        guard let index = resting.lastIndex(where: { $0.connection === connection }) else { return }
        resting.remove(at: index)
        if index < settledCount { settledCount -= 1 }
    }

    /// Removes and returns the connection that has rested longest.
    mutating func removeOldest() -> Connection? {
        guard !resting.isEmpty else { return nil }
        if settledCount > 0 { settledCount -= 1 }
        return resting.removeFirst().connection
    }

    /// Removes and returns the connections whose rest is over.
    mutating func expire(now: NIODeadline) -> [Connection] {
        guard let oldest = resting.first, oldest.expires <= now else { return [] }
        let end = resting.firstIndex { $0.expires > now } ?? resting.endIndex
        defer {
            resting.removeSubrange(..<end)
            settledCount = max(0, settledCount - end)
        }
        return resting[..<end].map(\.connection)
    }

    /// Removes and returns all of them.
    mutating func removeAll() -> [Connection] {
        defer {
            resting.removeAll()
            settledCount = 0
        }
        return resting.map(\.connection)
    }
}
