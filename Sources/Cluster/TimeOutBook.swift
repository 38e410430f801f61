/// What one instance has seen of an endpoint, or of one of its models: it asked to be left alone until then.
public struct TimeOutObservation: Sendable, Hashable, Codable {
    public var id: String
    /// Milliseconds of the store's clock.
    public var until: Int64
    public var cause: String
    /// The name of the host that saw it.
    public var instance: String
    /// The edits by which operators had cleared it, as far as the observer knew.
    public var knows: Set<String>

    public init(id: String, until: Int64, cause: String, instance: String, knows: Set<String>) {
        self.id = id
        self.until = until
        self.cause = cause
        self.instance = instance
        self.knows = knows
    }
}

/// When an endpoint, or one model of it, may be used again, as two growing sets: what was observed, and what was cleared.
///
/// An observation holds as long as its observer knew of every clear that is known here. So nothing that was observed without
/// knowledge of a clear can undo it, in whatever order things arrive, and whatever a store has lost and been told again.
public struct TimeOutBook: Sendable, Equatable {
    public struct Key: Sendable, Hashable, Codable {
        /// Its identity in the cluster.
        public var endpoint: String
        /// Empty for the whole endpoint.
        public var model: String

        public init(_ endpoint: String, _ model: String) {
            self.endpoint = endpoint
            self.model = model
        }
    }

    public private(set) var observations: [Key: [TimeOutObservation]] = [:]
    public private(set) var clears: [Key: Set<String>] = [:]
    /// Observations that the store is not known to have.
    public private(set) var unshared: Set<String> = []

    public init() {}

    /// Something was observed here.
    ///
    /// - Parameter slack: an end that is later by no more than this, in milliseconds, is the same one, measured by another clock
    /// - Returns: whether it tells the others anything
    @discardableResult
    public mutating func observe(
        _ key: Key, id: String, until: Int64, cause: String, instance: String, now: Int64, slack: Int64 = 0
    ) -> Bool {
        if let present = inForce(key, now: now), present.until + slack >= until { return false }
        merge(
            key,
            TimeOutObservation(id: id, until: until, cause: cause, instance: instance, knows: known(key)))
        unshared.insert(id)
        return true
    }

    /// - Parameter edit: the one by which an operator cleared it
    public mutating func clear(_ key: Key, by edit: String) { clears[key, default: []].insert(edit) }

    /// The clears of a key: that of a whole endpoint is one of each of its models.
    private func known(_ key: Key) -> Set<String> {
        let own = clears[key] ?? []
        guard !key.model.isEmpty, let all = clears[Key(key.endpoint, "")] else { return own }
        return own.union(all)
    }

    /// An edit that its author was refused clears nothing.
    public mutating func drop(clear edit: String) {
        for key in clears.keys { clears[key]?.remove(edit) }
    }

    public mutating func merge(_ key: Key, _ new: TimeOutObservation) {
        var list = observations[key] ?? []
        // What another one covers in every case needs no keeping.
        if list.contains(where: { $0.knows.isSuperset(of: new.knows) && $0.until >= new.until }) { return }
        list.removeAll { new.knows.isSuperset(of: $0.knows) && new.until >= $0.until }
        list.append(new)
        observations[key] = list
    }

    public mutating func shared(_ id: String) { unshared.remove(id) }

    /// To a store that may have lost them.
    public mutating func offerAll() { unshared = Set(observations.values.joined().map(\.id)) }

    /// Forgets what has ended: nothing follows from it any more. The clears stay, since a laggard may still tell of what was
    /// observed before them.
    public mutating func forget(endedBefore now: Int64) {
        for (key, list) in observations {
            let kept = list.filter { $0.until > now }
            guard kept.count != list.count else { continue }
            unshared.subtract(list.filter { $0.until <= now }.map(\.id))
            observations[key] = kept.isEmpty ? nil : kept
        }
    }

    /// Whether an end is that of an observation which a clear has ended.
    public func isCleared(_ key: Key, until: Int64, now: Int64, slack: Int64) -> Bool {
        inForce(key, now: now) == nil && observations[key]?.contains { abs($0.until - until) <= slack } ?? false
    }

    /// The log that the clears stand in is no more. What they ended is forgotten with them.
    public mutating func forgetClears() {
        for (key, list) in observations {
            let cleared = known(key)
            let kept = list.filter { $0.knows.isSuperset(of: cleared) }
            unshared.subtract(Set(list.map(\.id)).subtracting(kept.map(\.id)))
            observations[key] = kept.isEmpty ? nil : kept
        }
        clears = [:]
    }

    /// What holds here.
    public func inForce(_ key: Key, now: Int64) -> TimeOutObservation? {
        let cleared = known(key)
        return observations[key]?.filter { $0.until > now && $0.knows.isSuperset(of: cleared) }
            .max { ($0.until, $0.id) < ($1.until, $1.id) }
    }
}

/// Sums over instances: each keeps its own running totals and tells them whole, so that telling twice adds nothing.
public struct CounterBook: Sendable, Equatable {
    public struct Row: Sendable, Hashable {
        /// The start of an instance that counts.
        public var boot: String
        public var hour: Int
        public var name: String

        public init(boot: String, hour: Int, name: String) {
            self.boot = boot
            self.hour = hour
            self.name = name
        }
    }

    public private(set) var totals: [Row: Int] = [:]

    public init() {}

    public mutating func add(_ count: Int, to row: Row) { totals[row, default: 0] += count }

    public mutating func merge(_ row: Row, _ total: Int) { totals[row] = max(totals[row] ?? 0, total) }

    public func sum(_ name: String) -> Int { totals.reduce(0) { $0 + ($1.key.name == name ? $1.value : 0) } }
}
