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
    /// Raised whenever the operator changed the order.
    public internal(set) var operatorOrder: UInt64 = 0

    let epoch: ContinuousClock.Instant
    var endpoints: [RankedEndpoint] = []
    var freeSlots: [Int] = []
    var slotByID = SlotIndex()
    /// The endpoints that are not pinned, in order.
    var free: [RankKey] = []
    /// Slots of the pinned ones, in order, and the ranks they hold.
    var pinned: [Int] = []
    private var pinnedRanks: [Int] = []
    /// The memory is taken at once, so that no change of order allocates.
    var journal = RingBuffer<RankChange>(capacity: 1_000, reserving: true)
    /// The first moment at which time alone may change something.
    var wake = RankingTime.never
    /// The leader's time, in µs, from which on a half-open endpoint is asked before it; infinite where none waits.
    var halfOpenThreshold = Double.infinity
    /// What is usual for all traffic, in streams and in whole answers.
    var fleet = ByKind(FleetTimes())
    /// By which of the two all endpoints are compared.
    var comparedKind = AnswerKind.stream
    var lastStream: RankingTime?
    var suspicion = RequestSuspicion()
    var modelTimeOuts = ModelTimeOuts()
    /// Record of the event being worked off; empty between events, kept for its memory.
    var touched: [Touch] = []

    /// An order made from the endpoints' priorities; ties and missing priorities stand in the order given.
    ///
    /// An endpoint that names an id a second time is ignored.
    ///
    /// - Parameters:
    ///   - standing: time outs that an earlier process began, which go on.
    ///   - memory: what it has learnt of response times.
    public init(
        settings: Settings = .init(), endpoints: [Endpoint], autoSort: Bool = true,
        standing: [StandingTimeOut] = [], memory: RankingMemory = RankingMemory(), now: ContinuousClock.Instant
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
        takeIn(standing, at: RankingTime(nanoseconds: 0))
        takeIn(memory, at: RankingTime(nanoseconds: 0))
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
        return slotsToTry.compactMap { slot -> RankedCandidate? in
            let gate: RankedCandidate.Gate
            switch endpoints[slot].availability(at: moment).kind {
            case .available: gate = .open
            case .halfOpen: gate = .halfOpen
            case .open, .timedOut, .misconfigured, .disabled: return nil
            }
            return RankedCandidate(
                endpoint: endpoints[slot].id, gate: gate, limitedModels: limitedModels(ofSlot: slot, at: moment),
                isPinned: !isAutoSorting || endpoints[slot].holdsPinnedRank)
        }
    }

    /// What is switched on and not among the candidates, in order, and why.
    public func absentees(
        now: ContinuousClock.Instant
    ) -> [(endpoint: EndpointID, availability: Availability)] {
        let moment = moment(now)
        return orderedSlots.compactMap { slot in
            let kind = endpoints[slot].availability(at: moment).kind
            guard !kind.isUsable, kind != .disabled else { return nil }
            return (endpoints[slot].id, availability(ofSlot: slot, at: moment))
        }
    }

    /// The models that the endpoint is not asked for now; empty for an unknown one.
    public func limitedModels(of id: EndpointID, now: ContinuousClock.Instant) -> [LimitedModel] {
        slotByID[id].map { limitedModels(ofSlot: $0, at: moment(now)) } ?? []
    }

    func limitedModels(ofSlot slot: Int, at now: RankingTime) -> [LimitedModel] {
        modelTimeOuts.running(ofSlot: slot, at: now).map {
            LimitedModel(name: $0.name, until: instant($0.until), reason: $0.reason)
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
        case .timedOut: return .timedOut(until: instant(endpoint.timedOutUntil), endpoint.timeOutReason)
        case .misconfigured:
            guard let until, case .credentialRefused(let status) = endpoint.breaker.cause else { return .halfOpen }
            return .misconfigured(until: instant(until), status: status)
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

extension EndpointRanking {
    /// Everything that tunes the ranking, as plain values.
    public struct Settings: Sendable, Equatable {
        /// How much faster a challenger has to be, as a fraction of the holder's response time (0.15 = 15 %).
        public var hysteresis = 0.15
        /// The same for a challenger that has served no traffic yet, whose time is only presumed.
        public var presumedHysteresis = 0.5
        /// The same where one was measured by models that the other was not measured by. Either may be the slow one, so that only what is
        /// far from usual counts.
        public var otherScaleHysteresis = 0.8
        /// The same for one that served traffic, but not lately: its figure was not taken under the same conditions as
        /// the holder's. Twice `hysteresis`.
        public var idleHysteresis: Double { min(2 * hysteresis, 0.9) }
        /// How long a holder keeps a rank it has won.
        public var minDwell = Duration.seconds(10)
        /// Time constant with which fast samples pull the response time down.
        public var decay = Duration.seconds(30)
        /// Failures in a row that open the breaker.
        public var failuresInARow = 3
        /// Share of failed attempts within 60 s above which the breaker opens.
        public var failureShare = 0.5
        /// Attempts within 60 s below which the share says nothing.
        public var failureShareMinimum = 10
        /// First time out; doubles with each opening.
        public var cooldown = Duration.seconds(10)
        /// Longest time out after failures; also the time of good behaviour after which the doubling starts anew.
        public var cooldownMaximum = Duration.seconds(300)
        /// Part of a cooldown that is random, taken off it, so that endpoints do not come back in step.
        public var cooldownJitter = 0.2
        /// Time out after a refused credential (401, 403) or an empty account (402); also how long a good answer vouches for the credential.
        public var misconfiguredCooldown = Duration.seconds(300)
        /// Refusals in a row that count against a credential which a good answer vouches for.
        public var refusalsInARow = 3
        /// Requests declined in a row after which an endpoint that has answered none well stands behind all others.
        public var declinedUntested = 3
        /// The same for one that has, where its last good answer is `declinedLongest` ago as well.
        public var declinedInARow = 10
        /// See `declinedInARow`.
        public var declinedLongest = Duration.seconds(60)
        /// Longest cooldown that a rate limit may ask for.
        public var rateLimitMaximum = Duration.seconds(86_400)
        /// Successes in a row that close a half-open breaker.
        public var recoveryThreshold = 1
        /// After this long a request that was admitted half-open and whose outcome never came counts as lost.
        public var halfOpenTimeout = Duration.seconds(120)
        /// How long an endpoint may go without traffic before it is probed, and the time between probes.
        public var checkInterval = Duration.seconds(30)

        /// The defaults; docs/ranking.md gives the reason for each.
        public init() {}
    }

    /// What the ranking has to know about an endpoint that it takes in.
    public struct Endpoint: Sendable, Equatable {
        /// Identity, unique within a ranking.
        public var id: EndpointID
        /// As the file says; 1 is tried first, nil stands after every number.
        public var priority: Int?
        /// A disabled endpoint stands last and is never tried.
        public var isEnabled: Bool
        /// A pinned endpoint keeps its rank.
        public var isPinned: Bool

        /// An endpoint; by default enabled and free to move.
        public init(id: EndpointID, priority: Int? = nil, isEnabled: Bool = true, isPinned: Bool = false) {
            self.id = id
            self.priority = priority
            self.isEnabled = isEnabled
            self.isPinned = isPinned
        }
    }
}

/// The order itself: where endpoints stand, and passing neighbours until none may pass any more.
extension EndpointRanking {
    /// What one event has done to one endpoint so far.
    struct Touch: Sendable {
        var slot: Int
        var rankBefore: Int
        var cause: RankChangeCause
        /// It has passed another by being faster, and so won the rank it gets to.
        var hasWon: Bool
    }

    var orderedSlots: [Int] {
        var slots: [Int] = []
        slots.reserveCapacity(count)
        var nextPinned = 0
        var nextFree = 0
        while slots.count < count {
            if nextPinned < pinned.count, pinnedRanks[nextPinned] == slots.count + 1 {
                slots.append(pinned[nextPinned])
                nextPinned += 1
            } else {
                slots.append(free[nextFree].slot)
                nextFree += 1
            }
        }
        return slots
    }

    func rank(ofSlot slot: Int) -> Int {
        let endpoint = endpoints[slot]
        return endpoint.holdsPinnedRank ? pinnedRanks[endpoint.position] : rank(ofFree: endpoint.position)
    }

    /// Free endpoints fill the ranks that the pinned ones leave.
    func rank(ofFree index: Int) -> Int {
        var rank = index + 1
        for pinnedRank in pinnedRanks {
            guard pinnedRank <= rank else { break }
            rank += 1
        }
        return rank
    }

    /// After a change to `free` or `pinned` other than by `settle`.
    mutating func reindex() {
        for (index, key) in free.enumerated() { endpoints[key.slot].position = index }
        pinned.sort { left, right in
            let (leftRank, rightRank) = (endpoints[left].pinnedRank ?? .max, endpoints[right].pinnedRank ?? .max)
            return (leftRank, endpoints[left].position) < (rightRank, endpoints[right].position)
        }
        for (index, slot) in pinned.enumerated() { endpoints[slot].position = index }
        let enabled = pinned.count + free.count { $0.rankClass != RankKey.Class.disabled.rawValue }
        pinnedRanks.removeAll(keepingCapacity: true)
        for (index, slot) in pinned.enumerated() {
            let wanted = max(endpoints[slot].pinnedRank ?? .max, (pinnedRanks.last ?? 0) + 1)
            pinnedRanks.append(min(wanted, enabled - (pinned.count - 1 - index)))
        }
    }

    /// The word that says where the endpoint belongs.
    func key(ofSlot slot: Int, kind: Availability.Kind) -> RankKey {
        var key = RankKey(slot: slot)
        let rankClass: RankKey.Class =
            if kind == .disabled { .disabled } else if isAutoSorting, kind != .available { .unusable } else {
                .usable
            }
        key.rankClass = rankClass.rawValue
        let response = endpoints[slot].response[comparedKind]
        // An endpoint that has failed and never succeeded passes no other by a time that is only presumed, and keeps none from
        // passing it.
        let isCredible = response.samples > 0 || kind == .available
        if endpoints[slot].isDoubted {
            key.setTime(seconds: .infinity, evidence: .doubted)
        } else if response.samples == 0, endpoints[slot].isUnproved {
            // Nor does what has only failed and refused so far, which it may do for ever; but it loses nothing by that.
            key.setTime(seconds: nil, evidence: .presumed)
        } else {
            key.setTime(
                seconds: response.value.map { isCredible ? $0 : .infinity },
                evidence: endpoints[slot].isGlimpsed ? .presumed : response.evidence)
            key.isOnOtherScale =
                response.samples > 0 && !fleet[comparedKind].factors.isComparable(response.previous?.model)
        }
        return key
    }

    /// Lets endpoints pass upwards at the given indices of `free`, and wherever that makes new neighbours.
    ///
    /// "May pass" is a strict partial order that does not change during one event, so the result does not depend
    /// on which endpoint passes first: it is what passing neighbours all over the list would end in.
    @discardableResult
    mutating func settle(_ indices: Range<Int>, at now: RankingTime, primary: Int? = nil, tracking: Bool) -> Bool {
        var index = max(1, indices.lowerBound)
        var end = min(indices.upperBound, free.count)
        var changed = false
        while index < end {
            let mover = free[index]
            var target = index
            while target > 0, mayPass(mover, free[target - 1], at: now) { target -= 1 }
            if target < index {
                if tracking { touch(mover: mover, target: target, index: index, primary: primary) }
                for shifted in stride(from: index, to: target, by: -1) {
                    free[shifted] = free[shifted - 1]
                    endpoints[free[shifted].slot].position = shifted
                }
                free[target] = mover
                endpoints[mover.slot].position = target
                changed = true
                end = min(max(end, index + 2), free.count)
            }
            index += 1
        }
        return changed
    }

    private mutating func mayPass(_ challenger: RankKey, _ holder: RankKey, at now: RankingTime) -> Bool {
        if challenger.rankClass != holder.rankClass { return challenger.rankClass < holder.rankClass }
        // That an endpoint was fast before it went down is no reason to move it among those that are down.
        guard isAutoSorting, challenger.rankClass == RankKey.Class.usable.rawValue,
            challenger.isFaster(than: holder, by: settings)
        else { return false }
        let heldUntil = endpoints[holder.slot].heldSince + settings.minDwell
        guard heldUntil > now else { return true }
        wake = min(wake, heldUntil)
        return false
    }

    private mutating func touch(mover: RankKey, target: Int, index: Int, primary: Int?) {
        let highest = free[target]
        let isMakingRoom = highest.slot == primary && index - target == 1
        let byTime = mover.rankClass == highest.rankClass
        let fraction = 1 - Double(mover.microseconds) / Double(max(1, highest.microseconds))
        let isByDoubt = byTime && highest.evidence == .doubted
        let cause: RankChangeCause =
            if isMakingRoom, let primary {
                .displaced(by: endpoints[primary].id)
            } else if isByDoubt {
                .preferred(to: endpoints[highest.slot].id)
            } else if byTime {
                .faster(than: endpoints[highest.slot].id, by: fraction)
            } else {
                RankChangeCause(.recovered)
            }
        note(mover.slot, cause, hasWon: byTime)
        for passed in target..<index {
            let isPrimary = free[passed].slot == primary
            note(
                free[passed].slot,
                isPrimary
                    ? (byTime && !isByDoubt
                        ? .slower(than: endpoints[mover.slot].id)
                        : RankChangeCause(isByDoubt ? .declining : .unavailable))
                    : .displaced(by: endpoints[mover.slot].id),
                hasWon: false)
        }
    }

    /// The first thing that happened to an endpoint in an event is its cause, unless it only made room.
    private mutating func note(_ slot: Int, _ cause: RankChangeCause, hasWon: Bool) {
        let known = endpoints[slot].touch
        if known < touched.count, touched[known].slot == slot {
            if touched[known].cause.kind == .displaced { touched[known].cause = cause }
            if hasWon { touched[known].hasWon = true }
        } else {
            endpoints[slot].touch = touched.count
            touched.append(Touch(slot: slot, rankBefore: rank(ofSlot: slot), cause: cause, hasWon: hasWon))
        }
    }

    /// Counts and writes down what `settle` has tracked.
    mutating func commitTouched(at now: RankingTime, leaderBefore: Int?) {
        let instant = instant(now)
        for touch in touched {
            commit(touch, rankAfter: rank(ofSlot: touch.slot), at: now, instant)
        }
        touched.removeAll(keepingCapacity: true)
        protectNewLeader(before: leaderBefore, at: now)
    }

    /// Requests have just moved over to the new first endpoint: another move at once would cost them as much again.
    mutating func protectNewLeader(before: Int?, at now: RankingTime) {
        if let leader = free.first?.slot, leader != before { endpoints[leader].heldSince = now }
    }

    mutating func commit(_ touch: Touch, rankAfter: Int, at now: RankingTime, _ instant: ContinuousClock.Instant) {
        guard rankAfter != touch.rankBefore else { return }
        let change = RankChange(
            at: instant, endpoint: endpoints[touch.slot].id, from: touch.rankBefore, to: rankAfter,
            cause: touch.cause)
        endpoints[touch.slot].rankChanges += 1
        endpoints[touch.slot].rankSince = now
        endpoints[touch.slot].lastChange = change
        if touch.hasWon, rankAfter < touch.rankBefore { endpoints[touch.slot].heldSince = now }
        if touch.cause.kind == .displaced { return }
        journal.append(change)
    }
}

// MARK: - Half-open endpoints

/// How a half-open endpoint comes to the request that it has to answer.
///
/// Its rank stays among those that are down until it has answered one: a request that fails would only take it back there, and two
/// dead endpoints would pass each other for ever. Where all others fail, failover reaches it. Where they do not, it is asked before
/// the leader once it would pass the leader by its time, so that a fast endpoint is not left for a slow one.
extension EndpointRanking {
    /// The key of an endpoint whose time or kind of availability may have changed, with what follows where it is half-open.
    mutating func newKey(ofSlot slot: Int, kind: Availability.Kind) -> RankKey {
        let key = key(ofSlot: slot, kind: kind)
        guard kind == .halfOpen, isAutoSorting else {
            endpoints[slot].isOffered = false
            return key
        }
        if !endpoints[slot].isOffered { halfOpenThreshold = min(halfOpenThreshold, key.leastToPass(settings)) }
        return key
    }

    /// Has half-open endpoints asked before the leader where that is worth it. Constant time, unless it is for one.
    mutating func offerHalfOpen(at now: RankingTime, _ update: inout RankingUpdate) {
        guard let leader = usableLeader, Double(leader.microseconds) > halfOpenThreshold else { return }
        let heldUntil = endpoints[leader.slot].heldSince + settings.minDwell
        guard heldUntil <= now else {
            wake = min(wake, heldUntil)
            return
        }
        halfOpenThreshold = .infinity
        for key in free where key.rankClass == RankKey.Class.unusable.rawValue {
            guard endpoints[key.slot].availability(at: now).kind == .halfOpen, !endpoints[key.slot].isOffered else {
                continue
            }
            if key.isFaster(than: leader, by: settings) {
                endpoints[key.slot].isOffered = true
                update.halfOpenOffered = true
            } else {
                halfOpenThreshold = min(halfOpenThreshold, key.leastToPass(settings))
            }
        }
    }

    /// All endpoints in the order in which requests ask them.
    private var slotsToTry: [Int] {
        let slots = orderedSlots
        guard let leader = usableLeader?.slot else { return slots }
        let offered = slots.filter { endpoints[$0].isOffered && !endpoints[$0].holdsPinnedRank }
        guard !offered.isEmpty else { return slots }
        return slots.flatMap { slot -> [Int] in
            if slot == leader { return offered + [leader] }
            return offered.contains(slot) ? [] : [slot]
        }
    }

    /// The first of the free ones, if it can be used.
    private var usableLeader: RankKey? {
        guard let leader = free.first, leader.rankClass == RankKey.Class.usable.rawValue, leader.isMeasured else {
            return nil
        }
        return leader
    }
}

extension RankKey {
    /// The holder's time, in µs, above which this one may pass it.
    fileprivate func leastToPass(_ settings: EndpointRanking.Settings) -> Double {
        guard evidence != .doubted else { return .infinity }
        let time = isMeasured ? Double(microseconds) / max(1e-9, 1 - margin(settings)) : .infinity
        // Whatever its own time, it may pass one that is doubted, whose time is the longest there is.
        return min(time, Double(Self.unmeasured) - 1.5)
    }
}
