/// All that the ranking knows about one endpoint, besides its key in the order.
struct RankedEndpoint: Sendable {
    let id: EndpointID
    var isEnabled: Bool
    var isConfigured: Bool
    /// The rank the operator wants, whether or not that many endpoints can be ranked now; nil when free.
    var pinnedRank: Int?
    var breaker = Breaker()
    var response = ResponseTimeAverage()
    var rateLimitedUntil = Moment(nanoseconds: 0)
    var trialSince: Moment?
    /// Requests declined since it last answered one well.
    var declinedInARow = 0
    var lastDeclined = Moment(nanoseconds: 0)
    /// It declines so much that it may be the one to blame: until it answers well, everybody else is taken to be faster.
    var isDoubted = false
    /// The last request held against it that had failed at every endpoint.
    var lastFailedEverywhere: (request: UInt64, at: Moment)?
    /// On probation, and asked before the leader: by its time it would pass it.
    var isOffered = false
    var lastTraffic: Moment?
    var lastProbe: Moment?
    /// When the endpoint is first due for a probe; spreads the probes of all endpoints over the interval.
    var firstProbe = Moment(nanoseconds: 0)
    /// Index among the pinned or among the free ones, whichever holds it.
    var position = 0
    /// When it last won a rank, for the minimum dwell.
    var heldSince: Moment
    var rankSince: Moment
    var rankChanges = 0
    var lastChange: RankChange?
    /// What the last event said about it.
    var reported: (standing: Standing, availability: Availability) = (.usable, .available)
    /// Index of its record while one event is being worked off; stale unless that record names this slot.
    var touch = 0

    /// Holds a rank of its own among the pinned; a disabled endpoint stands with the disabled ones.
    var holdsPinnedRank: Bool { isEnabled && pinnedRank != nil }

    /// The availability without its details: what makes an event and a new routing table.
    enum Standing: Sendable, Equatable {
        case usable, probation, open, rateLimited, misconfigured, disabled

        var isUsable: Bool { self == .usable || self == .probation }
    }

    /// It has answered a request well, or may be taken to be able to.
    mutating func isTrusted() {
        guard declinedInARow > 0 else { return }
        declinedInARow = 0
        isDoubted = false
    }

    /// A request was declined, which the client may have deserved.
    ///
    /// One refusal says nothing. An endpoint that has never answered anything well and declines all it is asked, or that did and
    /// has declined many in a row for a while, is not what clients should be sent to as long as there is another.
    mutating func declined(at now: Moment, _ settings: EndpointRanking.Settings) {
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

    func standing(at now: Moment) -> (standing: Standing, until: Moment?) {
        guard isEnabled else { return (.disabled, nil) }
        guard isConfigured else { return (.misconfigured, nil) }
        let limited = rateLimitedUntil > now
        switch breaker.state {
        case .open(let until) where until > now && (!limited || until >= rateLimitedUntil):
            if case .credentialRefused = breaker.cause { return (.misconfigured, until) }
            return (.open, until)
        case _ where limited: return (.rateLimited, rateLimitedUntil)
        case .open, .halfOpen: return (.probation, nil)
        case .closed: return (.usable, nil)
        }
    }

    /// When the endpoint leaves its time out: the later of breaker and rate limit.
    func recovery(at now: Moment) -> Moment? {
        guard isEnabled, isConfigured else { return nil }
        return standing(at: now).until
    }
}
