internal import NIOCore

/// Resting connections to one base URL on one event loop. Pure: it holds them, its owner opens and closes them.
///
/// The most recently used one is taken first, so that a burst's surplus grows old and is closed.
struct UpstreamPool<Connection: AnyObject> {
    private struct Resting {
        let connection: Connection
        let expires: NIODeadline
    }

    private var resting: ContiguousArray<Resting> = []
    let maximumResting: Int

    init(maximumResting: Int = 1024) {
        self.maximumResting = maximumResting
    }

    var count: Int { resting.count }

    /// A connection that has not outlived its rest, nil when one has to be opened.
    mutating func take(now: NIODeadline) -> Connection? {
        // Those below the newest are older still; the sweep closes them.
        guard let newest = resting.last, newest.expires > now else { return nil }
        resting.removeLast()
        return newest.connection
    }

    /// - Returns: whether the connection was kept; the caller closes it otherwise.
    mutating func rest(_ connection: Connection, until expires: NIODeadline) -> Bool {
        guard resting.count < maximumResting else { return false }
        resting.append(Resting(connection: connection, expires: expires))
        return true
    }

    /// The connection was closed from the other side.
    mutating func remove(_ connection: Connection) {
        if let index = resting.lastIndex(where: { $0.connection === connection }) { resting.remove(at: index) }
    }

    /// Removes and returns the connections whose rest is over.
    mutating func expire(now: NIODeadline) -> [Connection] {
        guard let oldest = resting.first, oldest.expires <= now else { return [] }
        let end = resting.firstIndex { $0.expires > now } ?? resting.endIndex
        defer { resting.removeSubrange(..<end) }
        return resting[..<end].map(\.connection)
    }

    /// Removes and returns all of them.
    mutating func removeAll() -> [Connection] {
        defer { resting.removeAll() }
        return resting.map(\.connection)
    }
}
