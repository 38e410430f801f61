/// All that the ranking knows about one endpoint, besides its key in the order.
struct RankedEndpoint: Sendable {
    let id: EndpointID
    var isEnabled: Bool
    var isConfigured: Bool
    /// The rank the operator wants, whether or not that many endpoints can be ranked now; nil when free.
    var pinnedRank: Int?
    var breaker = Breaker()
    var response = ResponseTimeAverage()
    var rateLimitedUntil = RankingTime(nanoseconds: 0)
    var halfOpenSince: RankingTime?
    /// Requests declined since it last answered one well.
    var declinedInARow = 0
    var lastDeclined = RankingTime(nanoseconds: 0)
    /// It declines so much that it may be the one to blame: until it answers well, everybody else is taken to be faster.
    var isDoubted = false
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
        guard declinedInARow > 0 else { return }
        declinedInARow = 0
        isDoubted = false
    }

    /// A request was declined, which the client may have deserved.
    ///
    /// One refusal says nothing. An endpoint that has never answered anything well and declines all it is asked, or that did and
    /// has declined many in a row for a while, is not what clients should be sent to as long as there is another.
    mutating func declined(at now: RankingTime, _ settings: EndpointRanking.Settings) {
        declinedInARow += 1
        lastDeclined = now
        if response.samples == 0 {
            isDoubted = isDoubted || declinedInARow >= settings.declinedUntested
        } else if declinedInARow >= settings.declinedInARow,
            response.lastSample + settings.declinedLongest <= now
        {
            isDoubted = true
        }
    }

    /// Whether requests may be sent at this moment, and when the endpoint leaves its time out.
    func availability(at now: RankingTime) -> (kind: Availability.Kind, until: RankingTime?) {
        guard isEnabled else { return (.disabled, nil) }
        guard isConfigured else { return (.misconfigured, nil) }
        let limited = rateLimitedUntil > now
        switch breaker.state {
        case .open(let until) where until > now && (!limited || until >= rateLimitedUntil):
            if case .credentialRefused = breaker.cause { return (.misconfigured, until) }
            return (.open, until)
        case _ where limited: return (.rateLimited, rateLimitedUntil)
        case .open, .halfOpen: return (.halfOpen, nil)
        case .closed: return (.available, nil)
        }
    }

    /// When the endpoint leaves its time out: the later of breaker and rate limit.
    func recovery(at now: RankingTime) -> RankingTime? {
        guard isEnabled, isConfigured else { return nil }
        return availability(at: now).until
    }
}
