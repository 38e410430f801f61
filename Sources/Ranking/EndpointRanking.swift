internal import PureSupport

/// The order in which endpoints are tried, kept up to date outcome by outcome.
///
/// A pure value: the present instant and randomness come in as arguments. Pinned endpoints keep their rank; the
/// others stand by availability, then response time, then the order they had. Two neighbours pass each other on
/// time alone only beyond the hysteresis and after the minimum dwell. Disabled endpoints stand last.
///
/// Time passes for a ranking only when a mutating method is called: set a timer for `nextDeadline` and call
/// `advance(now:)` then. Every mutating method first catches up with deadlines that have passed.
public struct EndpointRanking: Sendable {
    /// What tunes it; change with `apply(_:now:)`.
    public internal(set) var settings: Settings
    /// Whether availability and response times move endpoints; off, only the operator does.
    public internal(set) var isAutoSorting: Bool
    /// Raised whenever the order or an availability changed.
    public internal(set) var revision: UInt64 = 0

    let epoch: ContinuousClock.Instant
    var endpoints: [RankedEndpoint] = []
    var freeSlots: [Int] = []
    var slotByID = SlotIndex()
    /// The endpoints that are not pinned, in order.
    var free: [RankKey] = []
    /// Slots of the pinned ones, in order, and the ranks they hold.
    var pinned: [Int] = []
    var pinnedRanks: [Int] = []
    /// The memory is taken at once, so that no change of order allocates.
    var journal = RingBuffer<RankChange>(capacity: 1_000, reserving: true)
    /// The first moment at which time alone may change something.
    var wake = RankingTime.never
    /// The leader's time, in µs, from which on a half-open endpoint is asked before it; infinite where none waits.
    var halfOpenThreshold = Double.infinity
    /// Slow average of the response times of all traffic, in seconds: presumed for endpoints without any.
    var fleetUsual: Double?
    var fleetUpdate = RankingTime(nanoseconds: 0)
    var suspicion = RequestSuspicion()
    /// Record of the event being worked off; empty between events, kept for its memory.
    var touched: [Touch] = []

    /// An order made from the endpoints' priorities; ties and missing priorities stand in the order given.
    ///
    /// An endpoint that names an id a second time is ignored.
    public init(
        settings: Settings = .init(), endpoints: [Endpoint], autoSort: Bool = true, now: ContinuousClock.Instant
    ) {
        self.settings = settings
        self.isAutoSorting = autoSort
        self.epoch = now
        let sorted = endpoints.enumerated().sorted { left, right in
            (left.element.priority ?? .max, left.offset) < (right.element.priority ?? .max, right.offset)
        }
        var order: [Int] = []
        for (_, endpoint) in sorted where slotByID[endpoint.id] == nil {
            order.append(insert(endpoint, at: RankingTime(nanoseconds: 0)))
            if endpoint.isPinned { self.endpoints[order.count - 1].pinnedRank = order.count }
        }
        // Disabled endpoints stand last, so ranks are counted among the enabled ones.
        var rank = 0
        for slot in order where self.endpoints[slot].isEnabled {
            rank += 1
            if self.endpoints[slot].pinnedRank != nil { self.endpoints[slot].pinnedRank = rank }
        }
        place(order)
        for index in free.indices {
            let slot = free[index].slot
            free[index] = key(
                ofSlot: slot, kind: self.endpoints[slot].availability(at: RankingTime(nanoseconds: 0)).kind)
        }
        settle(0..<free.count, at: RankingTime(nanoseconds: 0), tracking: false)
        reindex()
    }

    /// All endpoints, first to last.
    public var order: [EndpointID] {
        orderedSlots.map { endpoints[$0].id }
    }

    /// Number of endpoints, and so the last rank.
    public var count: Int { free.count + pinned.count }

    /// 1 is tried first; nil for an unknown endpoint.
    public func rank(of id: EndpointID) -> Int? {
        slotByID[id].map(rank(ofSlot:))
    }

    /// Whether requests may be sent to the endpoint, and if not, why and until when.
    public func availability(of id: EndpointID, now: ContinuousClock.Instant) -> Availability? {
        slotByID[id].map { availability(ofSlot: $0, at: moment(now)) }
    }

    /// How often the endpoint's rank changed since the start; 0 for an unknown endpoint.
    public func rankChanges(of id: EndpointID) -> Int {
        slotByID[id].map { endpoints[$0].rankChanges } ?? 0
    }

    /// What moved the endpoint last, by itself or by making room; nil where nothing has.
    public func lastChange(of id: EndpointID) -> RankChange? {
        slotByID[id].flatMap { endpoints[$0].lastChange }
    }

    /// The last 1,000 rank changes, oldest first. Endpoints that only made room for others are left out.
    public var changes: [RankChange] { journal.elements }

    /// When `advance(now:)` has something to do; nil while only outcomes and the operator can change anything.
    public var nextDeadline: ContinuousClock.Instant? {
        wake == .never ? nil : instant(wake)
    }

    /// What to try, in this order; made once per change of the ranking, not per request. A half-open endpoint may stand
    /// before its rank: see `offerHalfOpen`.
    public func candidates(now: ContinuousClock.Instant) -> [RankedCandidate] {
        let moment = moment(now)
        return slotsToTry.compactMap { slot in
            switch endpoints[slot].availability(at: moment).kind {
            case .available: RankedCandidate(endpoint: endpoints[slot].id, gate: .open)
            case .halfOpen: RankedCandidate(endpoint: endpoints[slot].id, gate: .halfOpen)
            case .open, .rateLimited, .misconfigured, .disabled: nil
            }
        }
    }

    /// When the first of the endpoints that are timed out comes back; nil when none is going to.
    public func earliestRecovery(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        let moment = moment(now)
        return endpoints.indices.lazy
            .filter { slotByID[endpoints[$0].id] == $0 }
            .compactMap { endpoints[$0].recovery(at: moment) }
            .min()
            .map(instant)
    }
}

extension EndpointRanking {
    func moment(_ instant: ContinuousClock.Instant) -> RankingTime {
        RankingTime(nanoseconds: (instant - epoch).wholeNanoseconds)
    }

    func instant(_ moment: RankingTime) -> ContinuousClock.Instant {
        epoch + .nanoseconds(moment.nanoseconds)
    }

    func availability(ofSlot slot: Int, at now: RankingTime) -> Availability {
        let endpoint = endpoints[slot]
        let (kind, until) = endpoint.availability(at: now)
        switch kind {
        case .available: return .available
        case .halfOpen: return .halfOpen
        case .disabled: return .disabled
        case .rateLimited: return .rateLimited(until: instant(endpoint.rateLimitedUntil))
        case .misconfigured:
            if case .credentialRefused(let status) = endpoint.breaker.cause, let until {
                return .misconfigured(until: instant(until), status: status)
            }
            return .misconfigured(until: nil, status: nil)
        case .open:
            guard let until, let cause = endpoint.breaker.cause else { return .halfOpen }
            return .open(until: instant(until), cause: cause)
        }
    }
}

/// An instant as nanoseconds since the ranking began: one word, so that comparing and storing it is cheap.
struct RankingTime: Comparable, Sendable {
    var nanoseconds: Int64

    static let never = RankingTime(nanoseconds: .max)

    static func < (left: RankingTime, right: RankingTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    static func + (moment: RankingTime, interval: Duration) -> RankingTime {
        let (sum, overflow) = moment.nanoseconds.addingReportingOverflow(interval.wholeNanoseconds)
        return overflow ? .never : RankingTime(nanoseconds: sum)
    }

    func seconds(since earlier: RankingTime) -> Double {
        Double(nanoseconds - earlier.nanoseconds) * 1e-9
    }
}
