/// How an endpoint stands at a moment: whether it may be used, and which place it has in the order.
public struct Standing: Sendable, Hashable {
    /// Whether it may be used, and if not, why. The raw values are kept in files.
    public enum State: Int64, CaseIterable, Sendable {
        case up
        /// Back from a time out: one request at a time.
        case probation
        /// Timed out after failures.
        case open
        /// Left alone for a time that a refusal named.
        case limited
        /// Its credential was refused, or it cannot be used as it is configured.
        case misconfigured
        /// Switched off.
        case off

        /// Its column.
        public var column: String { "\(self)" }
    }

    public var state: State
    /// 1 is tried first.
    public var rank: Int64

    /// Both parts given.
    public init(_ state: State, rank: Int64) {
        self.state = state
        self.rank = rank
    }
}

/// How an endpoint stood in an hour, a day or any other time. Times are milliseconds.
public struct StandingSums: Sendable, Equatable {
    /// For so long it was in each state.
    public private(set) var times = [Int64](repeating: 0, count: Standing.State.allCases.count)
    /// For so long it was the first and up.
    public private(set) var leading: Int64 = 0
    /// Each rank times how long it had it.
    public private(set) var rankTime: Int64 = 0
    /// The smallest and the largest rank; 0: it had none.
    public private(set) var best: Int64 = 0
    public private(set) var worst: Int64 = 0
    /// How often its state changed.
    public internal(set) var changes: Int64 = 0

    /// No time.
    public init() {}

    /// All numbers in the order of `numbers`; nil where they are too few.
    public init?(numbers: [Int64]) {
        let states = Standing.State.allCases.count
        guard numbers.count == states + 5 else { return nil }
        times = Array(numbers[..<states])
        (leading, rankTime) = (numbers[states], numbers[states + 1])
        (best, worst, changes) = (numbers[states + 2], numbers[states + 3], numbers[states + 4])
    }

    /// The columns of `numbers`.
    public static let columns =
        Standing.State.allCases.map(\.column) + ["leading", "rank_time", "best", "worst", "changes"]

    /// As they are kept in a row.
    public var numbers: [Int64] { times + [leading, rankTime, best, worst, changes] }

    /// For how long it is known how it stood.
    public var known: Int64 { times.reduce(0, +) }

    /// For how long it was in a state.
    public subscript(state: Standing.State) -> Int64 { times[Int(state.rawValue)] }

    mutating func add(_ standing: Standing, for time: Int64) {
        times[Int(standing.state.rawValue)] += time
        if standing.state == .up, standing.rank == 1 { leading += time }
        rankTime &+= standing.rank &* time
        noteRanks(standing.rank, standing.rank)
    }

    /// Adds another time.
    public mutating func add(_ other: StandingSums) {
        for index in times.indices { times[index] += other.times[index] }
        leading += other.leading
        rankTime &+= other.rankTime
        changes += other.changes
        noteRanks(other.best, other.worst)
    }

    private mutating func noteRanks(_ low: Int64, _ high: Int64) {
        if low > 0 { best = best == 0 ? low : min(best, low) }
        worst = max(worst, high)
    }

    /// FNV-1a of all of it and of where it belongs.
    public func checksum(start: Int64, endpoint: Int64, name: String) -> Int64 {
        var sum = RowChecksum()
        for number in [start, endpoint] + numbers { sum.add(number) }
        sum.add(name)
        return Int64(sum.value)
    }
}

/// A step of an endpoint from one state to another.
public struct StandingChange: Sendable, Equatable {
    /// Microseconds since 1970, and its key: where two come at once the later one has the next free number.
    public var id: Int64
    public var endpoint: String
    public var before: Standing.State
    public var after: Standing.State

    /// All parts given.
    public init(id: Int64, endpoint: String, before: Standing.State, after: Standing.State) {
        (self.id, self.endpoint, self.before, self.after) = (id, endpoint, before, after)
    }

    /// FNV-1a of all of it.
    public var checksum: Int64 {
        var sum = RowChecksum()
        for number in [id, before.rawValue, after.rawValue] { sum.add(number) }
        sum.add(endpoint)
        return Int64(sum.value)
    }
}

/// Sums of one endpoint and hour or day, with its name in words.
public struct StandingRow: Sendable, Equatable {
    public var period: CellKey.Period
    /// As of a `CellKey`.
    public var start: Int64
    public var endpoint: String
    public var sums: StandingSums

    /// All parts given.
    public init(period: CellKey.Period, start: Int64, endpoint: String, sums: StandingSums) {
        (self.period, self.start, self.endpoint, self.sums) = (period, start, endpoint, sums)
    }
}

/// Adds up how endpoints stand, by local hour and day. Pure: it is told when something has changed, and the time by two clocks.
///
/// How long something lasted is measured by the clock that cannot be set; the wall clock only says in which hours that was. As long as
/// nothing changes nothing is done: what has lasted is cut into hours when it is asked for.
public struct StandingRecorder: Sendable {
    /// A moment by the wall clock in microseconds since 1970, and by a clock that cannot be set.
    public struct Moment: Sendable {
        public var wall: Int64
        public var steady: Int64

        /// Both in microseconds.
        public init(wall: Int64, steady: Int64) {
            self.wall = wall
            self.steady = steady
        }
    }

    /// What has come since the last batch.
    public struct Batch: Sendable, Equatable {
        public var rows: [StandingRow]
        public var changes: [StandingChange]
    }

    private struct Key: Hashable {
        var period: CellKey.Period
        var start: Int64
        var endpoint: String
    }

    /// Changes that wait, at most: those of an endpoint that comes and goes each second for hours, with a disk that is full.
    private static let mostChanges = 10_000

    private var current: [String: Standing] = [:]
    private var since: Int64?
    private var sums: [Key: StandingSums] = [:]
    private var changes: [StandingChange] = []

    /// Nothing is known.
    public init() {}

    /// From now on the endpoints stand so; those that are not named are gone.
    ///
    /// - Parameter offset: seconds of the local time from UTC at a unix time
    public mutating func note(
        _ standings: [String: Standing], at now: Moment, offset: (Int64) -> Int64
    ) {
        settle(at: now, offset)
        let moment = LocalMoment(microseconds: now.wall, offset: offset(now.wall / 1_000_000))
        for (endpoint, standing) in standings.sorted(by: { $0.key < $1.key }) {
            guard let before = current[endpoint]?.state, before != standing.state else { continue }
            for (period, start) in [(CellKey.Period.hour, moment.hour), (.day, moment.day)] {
                sums[Key(period: period, start: start, endpoint: endpoint), default: StandingSums()].changes += 1
            }
            if changes.count < Self.mostChanges {
                let id = max(now.wall, (changes.last?.id ?? 0) + 1)
                changes.append(
                    StandingChange(id: id, endpoint: endpoint, before: before, after: standing.state))
            }
        }
        current = standings
    }

    /// Cuts what has lasted until now into hours and days.
    public mutating func settle(at now: Moment, _ offset: (Int64) -> Int64) {
        defer { since = now.steady }
        guard let since, now.steady > since else { return }
        // Milliseconds, of which the rest stays for the next time.
        var place = now.wall - (now.steady - since)
        while place < now.wall {
            let moment = LocalMoment(microseconds: place, offset: offset(Self.floor(place, 1_000_000)))
            let end = min(now.wall, max(place + 1, (moment.hour + 3_600) * 1_000_000))
            let time = Self.floor(end, 1_000) - Self.floor(place, 1_000)
            for (endpoint, standing) in current {
                for (period, start) in [(CellKey.Period.hour, moment.hour), (.day, moment.day)] {
                    sums[Key(period: period, start: start, endpoint: endpoint), default: StandingSums()]
                        .add(standing, for: time)
                }
            }
            place = end
        }
    }

    private static func floor(_ value: Int64, _ unit: Int64) -> Int64 {
        let quotient = value / unit
        return value % unit < 0 ? quotient - 1 : quotient
    }

    /// What has come since the last batch; nil where nothing has.
    public mutating func take(at now: Moment, offset: (Int64) -> Int64) -> Batch? {
        settle(at: now, offset)
        guard !sums.isEmpty || !changes.isEmpty else { return nil }
        defer { (sums, changes) = ([:], []) }
        return waiting
    }

    /// What waits.
    public var waiting: Batch {
        Batch(
            rows: sums.map {
                StandingRow(period: $0.key.period, start: $0.key.start, endpoint: $0.key.endpoint, sums: $0.value)
            }, changes: changes)
    }

    /// A batch could not be written.
    public mutating func giveBack(_ batch: Batch) {
        for row in batch.rows {
            sums[Key(period: row.period, start: row.start, endpoint: row.endpoint), default: StandingSums()]
                .add(row.sums)
        }
        changes = Array((batch.changes + changes).suffix(Self.mostChanges))
    }

    /// Nothing is written anywhere: what was long ago has to make room.
    public mutating func forget(hoursBefore: Int64, daysBefore: Int64) {
        sums = sums.filter { $0.key.start >= ($0.key.period == .hour ? hoursBefore : daysBefore) }
        changes.removeAll { $0.id < hoursBefore * 1_000_000 }
    }
}
