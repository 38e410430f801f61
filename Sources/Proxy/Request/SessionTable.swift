internal import LLMWire
internal import NIOCore
internal import Ranking
internal import Support
internal import Synchronization

/// Which endpoint each session of a client has its cache at, for sessions that were seen lately.
///
/// Pure: the time comes in as an argument. It holds at most `capacity` sessions; one more takes the place of the one that was used
/// longest ago. A session is running as long as one of its requests is being answered, and for a time after that which the caller names:
/// then it is forgotten, since its cache is.
struct SessionTable {
    static let capacity = 10_000
    /// For so long it is known that a stream of a session has broken, and its retry is sent elsewhere first.
    static let breakMemory = TimeAmount.seconds(60)

    /// Where a session has its cache.
    struct Home: Equatable {
        var endpoint: EndpointID
        /// How often the operator had changed the order when it came there. Sessions follow an operator at once.
        var order: UInt64
    }

    /// What is known of a session that runs.
    struct Finding: Equatable {
        var home: Home?
        /// Its stream from this endpoint has just broken. It is said once.
        var broken: EndpointID?
    }

    private struct Entry {
        var key: SessionKey
        var home: Home?
        var lastUsed: NIODeadline
        /// Requests that are being answered.
        var running = 0
        var broken: EndpointID?
        var brokenUntil = NIODeadline.uptimeNanoseconds(0)
    }

    private var entries: [Entry] = []
    private var places: [SessionKey: Int] = [:]
    private var free: [Int] = []
    /// Those that are known, by their last use.
    private var recency = RecencyList()
    /// Sessions for which a broken stream is noted.
    private var brokenCount = 0
    /// Running sessions by endpoint; those without are not in it.
    private(set) var counts: [EndpointID: Int] = [:]
    /// Whose count has changed since `takeChanges`.
    private var changed: [EndpointID] = []

    var count: Int { places.count }

    /// Where a request has to be looked up for its session.
    enum Spread: Equatable {
        /// Nowhere: no session is known.
        case none
        /// All of them are at one endpoint: requests that go there anyway need no look.
        case one(EndpointID)
        case several
    }

    var spread: Spread {
        if brokenCount > 0 || counts.count > 1 { return .several }
        return counts.first.map { .one($0.key) } ?? .none
    }

    // MARK: What requests ask and tell

    /// - Returns: nil for a session that does not run
    mutating func find(_ key: SessionKey, now: NIODeadline, idle: TimeAmount) -> Finding? {
        expire(now: now, idle: idle)
        guard let place = places[key] else { return nil }
        var finding = Finding(home: entries[place].home)
        if let broken = entries[place].broken {
            if now < entries[place].brokenUntil { finding.broken = broken }
            forgetBreak(place)
        }
        return finding
    }

    /// An endpoint answers a request of the session.
    ///
    /// - Parameter keeps: whether the session's cache is taken to stay where it is, although another endpoint answers this one request
    mutating func began(
        _ key: SessionKey, at home: Home, now: NIODeadline, idle: TimeAmount, keeps: (Home) -> Bool = { _ in false }
    ) {
        expire(now: now, idle: idle)
        let place = places[key] ?? insert(key, now: now)
        entries[place].running += 1
        use(place, now: now)
        if let known = entries[place].home, known != home, keeps(known) { return }
        settle(place, home)
    }

    /// The request that `began` has been told of has ended.
    ///
    /// - Parameter broken: the endpoint whose stream broke with it
    mutating func ended(_ key: SessionKey, broken: EndpointID?, now: NIODeadline) {
        if let place = places[key] {
            entries[place].running = max(0, entries[place].running - 1)
            use(place, now: now)
        }
        if let broken { broke(key, at: broken, now: now) }
    }

    /// The stream of a session has broken behind the commit point: the client will try again.
    mutating func broke(_ key: SessionKey, at endpoint: EndpointID, now: NIODeadline) {
        let place = places[key] ?? insert(key, now: now)
        if entries[place].broken == nil { brokenCount += 1 }
        entries[place].broken = endpoint
        entries[place].brokenUntil = now + Self.breakMemory
    }

    /// Forgets sessions that have been idle for so long.
    mutating func expire(now: NIODeadline, idle: TimeAmount) {
        while let oldest = recency.oldest, entries[oldest].lastUsed + idle <= now {
            if entries[oldest].running > 0 { use(oldest, now: now) } else { remove(oldest) }
        }
    }

    mutating func removeAll() {
        while let oldest = recency.oldest { remove(oldest) }
    }

    /// Calls for each endpoint whose count has changed since the last call.
    mutating func takeChanges(_ body: (EndpointID, Int) -> Void) {
        guard !changed.isEmpty else { return }
        for endpoint in changed { body(endpoint, counts[endpoint] ?? 0) }
        changed.removeAll(keepingCapacity: true)
    }

    // MARK: Entries

    private mutating func insert(_ key: SessionKey, now: NIODeadline) -> Int {
        if places.count >= Self.capacity, let oldest = recency.oldest { remove(oldest) }
        let entry = Entry(key: key, lastUsed: now)
        let place = free.popLast() ?? entries.count
        if place == entries.count { entries.append(entry) } else { entries[place] = entry }
        places[key] = place
        recency.insert(place)
        return place
    }

    private mutating func remove(_ place: Int) {
        recency.remove(place)
        forgetBreak(place)
        settle(place, nil)
        places[entries[place].key] = nil
        free.append(place)
    }

    private mutating func settle(_ place: Int, _ home: Home?) {
        let before = entries[place].home
        entries[place].home = home
        guard before?.endpoint != home?.endpoint else { return }
        if let before { add(-1, to: before.endpoint) }
        if let home { add(1, to: home.endpoint) }
    }

    private mutating func add(_ change: Int, to endpoint: EndpointID) {
        let count = (counts[endpoint] ?? 0) + change
        counts[endpoint] = count > 0 ? count : nil
        if !changed.contains(endpoint) { changed.append(endpoint) }
    }

    private mutating func forgetBreak(_ place: Int) {
        guard entries[place].broken != nil else { return }
        entries[place].broken = nil
        brokenCount -= 1
    }

    private mutating func use(_ place: Int, now: NIODeadline) {
        entries[place].lastUsed = now
        recency.use(place)
    }
}

/// What the server does with sessions: `ranking.sticky_sessions` and `ranking.explore`.
struct SessionRules: Sendable, Equatable {
    /// How long a session is known after its last request.
    var idle: TimeAmount
    /// It keeps its endpoint for so long.
    var isSticky: Bool
    /// The share of new sessions' requests that look at an endpoint which was not measured lately.
    var explore: Double

    /// Whether sessions are told apart.
    var areKnown: Bool { isSticky || explore > 0 }

    /// Sessions are told apart for so long where only new ones matter.
    private static let usualIdle = TimeAmount.minutes(5)

    /// - Parameter sticky: nil: sessions go by the order like all requests
    init(sticky: Duration?, explore: Double) {
        self.explore = explore
        idle = sticky.map { TimeAmount($0) } ?? Self.usualIdle
        isSticky = sticky != nil
    }
}

/// The sessions of all event loops: a client's connections are dealt out to the loops, so each of them has to find what others have learned.
///
/// The lock is taken for requests with a session alone, and not before they are answered as long as all sessions are at the endpoint
/// to which requests go anyway.
final class Sessions: Sendable {
    private struct State {
        var table = SessionTable()
        var loads: [EndpointID: EndpointLoad] = [:]
    }

    private static let none: UInt64 = 0
    private static let several = UInt64.max

    private let state = Mutex(State())
    /// `SessionTable.spread`; of one endpoint the number behind its id.
    private let spread = Atomic<UInt64>(Sessions.none)

    var areEmpty: Bool { spread.load(ordering: .relaxed) == Self.none }

    /// Whether a session may be at another endpoint than this one, or is not to go there.
    @inline(__always)
    func mayDiffer(from endpoint: EndpointID) -> Bool {
        let spread = spread.load(ordering: .relaxed)
        return spread != Self.none && spread != UInt64(endpoint.rawValue) + 1
    }

    func find(_ key: SessionKey, now: NIODeadline, _ rules: SessionRules) -> SessionTable.Finding? {
        change { $0.find(key, now: now, idle: rules.idle) }
    }

    /// - Parameter load: of the endpoint at `home`
    func began(
        _ key: SessionKey, at home: SessionTable.Home, _ load: EndpointLoad, now: NIODeadline, _ rules: SessionRules,
        keeps: (SessionTable.Home) -> Bool
    ) {
        change(load, of: home.endpoint) { $0.began(key, at: home, now: now, idle: rules.idle, keeps: keeps) }
    }

    func ended(_ key: SessionKey, broken: EndpointID?, now: NIODeadline) {
        change { $0.ended(key, broken: broken, now: now) }
    }

    func broke(_ key: SessionKey, at endpoint: EndpointID, now: NIODeadline) {
        change { $0.broke(key, at: endpoint, now: now) }
    }

    /// So that the figures are right where no request comes.
    func expire(now: NIODeadline, _ rules: SessionRules) {
        if !areEmpty { change { $0.expire(now: now, idle: rules.idle) } }
    }

    func removeAll() { change { $0.removeAll() } }

    private func change<Result: Sendable>(
        _ load: EndpointLoad? = nil, of endpoint: EndpointID? = nil, _ body: (inout SessionTable) -> Result
    ) -> Result {
        state.withLock { state in
            if let load, let endpoint, state.loads[endpoint] !== load { state.loads[endpoint] = load }
            let result = body(&state.table)
            state.table.takeChanges { endpoint, count in
                state.loads[endpoint]?.setSessions(count)
                if count == 0 { state.loads[endpoint] = nil }
            }
            let spread: UInt64 =
                switch state.table.spread {
                case .none: Self.none
                case .one(let endpoint): UInt64(endpoint.rawValue) + 1
                case .several: Self.several
                }
            self.spread.store(spread, ordering: .relaxed)
            return result
        }
    }
}
