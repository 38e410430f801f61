// What the ranking keeps of each endpoint, in two pieces: the key, of which the order is an array that each request's walk reads, and
// all the rest, which is read when something happens to the endpoint.

/// All that the ranking knows about one endpoint, besides its key in the order.
struct RankedEndpoint: Sendable {
    let id: EndpointID
    var isEnabled: Bool
    /// The rank the operator wants, whether or not that many endpoints can be ranked now; nil when free.
    var pinnedRank: Int?
    var breaker = Breaker()
    var response = ByKind(ResponseTimeAverage())
    /// End of the last time out that a refusal asked for, and why.
    private(set) var timedOutUntil = RankingTime(nanoseconds: 0)
    private(set) var timeOutReason = TimeOutReason(.rateLimited)
    /// Such time outs in a row, without a good answer between; of those that double.
    private(set) var timeOutsInARow = 0
    private(set) var hasAnsweredWell = false
    private(set) var lastGoodAnswer = RankingTime(nanoseconds: 0)
    /// It was asked and has failed or refused since it last answered well: until it answers, it is measured by nothing.
    private(set) var isUnproved = false
    var halfOpenSince: RankingTime?
    /// When it was last tried before its time out was over.
    var lastEarlyTrial: RankingTime?
    /// Requests declined since it last answered one well.
    var declinedInARow = 0
    var lastDeclined = RankingTime(nanoseconds: 0)
    /// It declines so much that the fault may be its own: until it answers well, every other endpoint is taken to be faster.
    var isDoubted = false
    /// Its last time is of one request that went there to see how fast it is. A single one may be luck: it counts like a presumed one.
    var isGlimpsed = false
    /// The last request held against it that had failed at every endpoint.
    var lastFailedEverywhere: (request: UInt64, at: RankingTime)?
    /// Half-open, and asked before the leader, which it would pass by its time.
    var isOffered = false
    var lastTraffic: RankingTime?
    var lastProbe: RankingTime?
    /// When the endpoint is first due for a probe; spreads the probes of all endpoints over the interval.
    var firstProbe = RankingTime(nanoseconds: 0)
    /// Index among the pinned or among the free ones, whichever holds it.
    var position = 0
    /// When it last won a rank, for the minimum dwell.
    var heldSince: RankingTime
    var rankSince: RankingTime
    var rankChanges = 0
    var lastChange: RankChange?
    /// What the last event said about it.
    var reported: (kind: Availability.Kind, availability: Availability) = (.available, .available)
    /// Index of its record while one event is being worked off; stale unless that record names this slot.
    var touch = 0

    /// Holds a rank of its own among the pinned; a disabled endpoint stands with the disabled ones.
    var holdsPinnedRank: Bool { isEnabled && pinnedRank != nil }

    /// It has answered a request well, or may be taken to be able to.
    mutating func restoreTrust() {
        guard isUnproved else { return }
        isUnproved = false
        declinedInARow = 0
        isDoubted = false
    }

    /// Whether something besides its rank and its switch keeps requests from it.
    func isHeldBack(at now: RankingTime) -> Bool {
        timedOutUntil > now || breaker.state != .closed || declinedInARow > 0 || isDoubted
    }

    /// Forgets what it did wrong. What was in a time out is tried by one request before others follow, since whoever clears it believes
    /// that it works, and does not know it.
    mutating func clear(at now: RankingTime, _ settings: EndpointRanking.Settings) {
        if timedOutUntil > now || breaker.state != .closed { breaker.clear(settings) }
        timedOutUntil = RankingTime(nanoseconds: 0)
        timeOutsInARow = 0
        lastFailedEverywhere = nil
        restoreTrust()
    }

    /// It has answered a request well.
    mutating func answeredWell(at now: RankingTime) {
        hasAnsweredWell = true
        lastGoodAnswer = now
        restoreTrust()
        // What was under way when a time out began says nothing about what will be after it.
        if timeOutsInARow > 0, timedOutUntil <= now { timeOutsInARow = 0 }
    }

    /// A request has failed that had reached it.
    mutating func failed() { isUnproved = true }

    /// A refusal asked for a time out of the endpoint.
    ///
    /// One that has never answered anything well stands behind all others when it comes back.
    mutating func timeOut(_ request: TimeOutRequest, at now: RankingTime, _ settings: EndpointRanking.Settings) {
        isUnproved = true
        if !hasAnsweredWell { isDoubted = true }
        // What was under way when the time out began is no further one.
        if request.doubles, timeOutsInARow == 0 || timedOutUntil <= now { timeOutsInARow += 1 }
        let length = request.length(after: timeOutsInARow - 1)
        timeOut(until: now + min(length, settings.rateLimitMaximum), TimeOutReason(request))
    }

    /// Goes on with a time out that an earlier process began.
    mutating func resume(until: RankingTime, _ reason: TimeOutReason, timesInARow: Int) {
        timeOut(until: until, reason)
        timeOutsInARow = timesInARow
    }

    /// Never shortens one that runs.
    mutating func timeOut(until: RankingTime, _ reason: TimeOutReason) {
        guard until > timedOutUntil else { return }
        timedOutUntil = until
        timeOutReason = reason
    }

    /// A request was declined, which the client may have deserved.
    ///
    /// One refusal says nothing. An endpoint that has never answered anything well and declines all it is asked, or that did and
    /// has declined many in a row for a while, is not what clients should be sent to as long as there is another.
    mutating func declined(at now: RankingTime, _ settings: EndpointRanking.Settings) {
        isUnproved = true
        declinedInARow += 1
        lastDeclined = now
        if !hasAnsweredWell {
            isDoubted = isDoubted || declinedInARow >= settings.declinedUntested
        } else if declinedInARow >= settings.declinedInARow,
            lastGoodAnswer + settings.declinedLongest <= now
        {
            isDoubted = true
        }
    }

    /// Whether requests may be sent at this moment, and when the endpoint leaves its time out.
    func availability(at now: RankingTime) -> (kind: Availability.Kind, until: RankingTime?) {
        guard isEnabled else { return (.disabled, nil) }
        let limited = timedOutUntil > now
        switch breaker.state {
        case .open(let until) where until > now && (!limited || until >= timedOutUntil):
            if case .credentialRefused = breaker.cause { return (.misconfigured, until) }
            return (.open, until)
        case _ where limited: return (.timedOut, timedOutUntil)
        case .open, .halfOpen: return (.halfOpen, nil)
        case .closed: return (.available, nil)
        }
    }

    /// When the endpoint leaves its time out: the later of breaker and refusal.
    func recovery(at now: RankingTime) -> RankingTime? {
        guard isEnabled else { return nil }
        return availability(at: now).until
    }
}

/// What the order of one endpoint depends on, in one word, so that a neighbour walk reads one array.
///
/// Bits from the top: class (2), time in µs (30), evidence (2), scale (1), slot (29).
struct RankKey: Sendable, Equatable {
    enum Class: UInt64, Sendable {
        case usable = 0
        /// Timed out, or half-open: what has not proved itself does not rank above others that are down.
        case unusable = 1
        case disabled = 2
    }

    /// How much a response time is worth when it challenges another.
    enum Evidence: UInt64, Sendable {
        /// Measured under the traffic of now.
        case fresh = 0
        /// Measured, and not renewed since the endpoint lost its traffic.
        case idle = 1
        /// Taken from the other endpoints.
        case presumed = 2
        /// None: it declines what it is asked. Every other endpoint may pass it.
        case doubted = 3
    }

    private var bits: UInt64

    /// About 18 minutes; also what "no time known" is stored as.
    static let unmeasured: UInt64 = (1 << 30) - 1

    private static let slots: UInt64 = (1 << 29) - 1
    private static let otherScale: UInt64 = 1 << 29

    init(slot: Int) {
        bits = Self.unmeasured << 32 | UInt64(slot)
    }

    var slot: Int { Int(bits & Self.slots) }

    var rankClass: UInt64 {
        get { bits >> 62 }
        set { bits = bits & (.max >> 2) | newValue << 62 }
    }

    var microseconds: UInt64 { (bits >> 32) & Self.unmeasured }

    var evidence: Evidence { Evidence(rawValue: (bits >> 30) & 3) ?? .presumed }

    var isMeasured: Bool { microseconds != Self.unmeasured }

    /// Its time was measured by models that those of others were not measured by: what is compared is how far each is from what is usual.
    var isOnOtherScale: Bool {
        get { bits & Self.otherScale != 0 }
        set { bits = newValue ? bits | Self.otherScale : bits & ~Self.otherScale }
    }

    mutating func setTime(seconds: Double?, evidence: Evidence) {
        let time = seconds.map { min(Self.unmeasured - 1, UInt64(max(0, min($0, 1e6)) * 1e6)) } ?? Self.unmeasured
        bits = bits & 0xC000_0000_3FFF_FFFF | time << 32 | evidence.rawValue << 30
    }

    /// Whether this one's time is below the other's by more than the hysteresis that applies to this one.
    ///
    /// Together with the class this is a strict partial order: every margin is a factor ≤ 1 of the holder's time.
    /// That makes the order reached by passing neighbours the same, whichever passes first.
    func isFaster(than holder: RankKey, by settings: EndpointRanking.Settings) -> Bool {
        if evidence == .doubted || holder.evidence == .doubted { return evidence != .doubted }
        guard isMeasured, holder.isMeasured else { return false }
        return Double(microseconds) < Double(holder.microseconds) * share(of: holder, settings)
    }

    /// What part of the holder's time this one's has to be below.
    func share(of holder: RankKey, _ settings: EndpointRanking.Settings) -> Double {
        let share = 1 - margin(settings)
        return holder.isOnOtherScale ? share * (1 - settings.otherScaleHysteresis) : share
    }

    /// By this one's own figure alone.
    func margin(_ settings: EndpointRanking.Settings) -> Double {
        if isOnOtherScale { return max(settings.otherScaleHysteresis, settings.hysteresis) }
        return switch evidence {
        case .fresh: settings.hysteresis
        case .idle: settings.idleHysteresis
        case .presumed, .doubted: max(settings.presumedHysteresis, settings.hysteresis)
        }
    }
}
