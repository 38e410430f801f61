/// How an endpoint on probation comes to the request that it has to answer.
///
/// Its rank stays among those that are down until it has: a trial that fails would only take it back there, and two dead
/// endpoints would pass each other for ever. Where all others fail, the failover walk reaches it. Where they do not, it is
/// asked before the leader once it would pass the leader by its time, so that a fast endpoint is not left for a slow one.
extension EndpointRanking {
    /// The key of an endpoint whose time or standing may have changed, with what follows for its trial.
    mutating func newKey(ofSlot slot: Int, standing: RankedEndpoint.Standing) -> RankKey {
        let key = key(ofSlot: slot, standing: standing)
        guard standing == .probation, isAutoSorting else {
            endpoints[slot].isOffered = false
            return key
        }
        if !endpoints[slot].isOffered { trialThreshold = min(trialThreshold, key.leastToPass(settings)) }
        return key
    }

    /// Offers the trials that are worth it. Constant time, unless one is.
    mutating func offerTrials(at now: Moment, _ update: inout RankingUpdate) {
        guard let leader = usableLeader, Double(leader.microseconds) > trialThreshold else { return }
        let heldUntil = endpoints[leader.slot].heldSince + settings.minDwell
        guard heldUntil <= now else {
            wake = min(wake, heldUntil)
            return
        }
        trialThreshold = .infinity
        for key in free where key.rankClass == RankKey.Class.unusable.rawValue {
            guard endpoints[key.slot].standing(at: now).standing == .probation, !endpoints[key.slot].isOffered else {
                continue
            }
            if key.isFaster(than: leader, by: settings) {
                endpoints[key.slot].isOffered = true
                update.trialsOffered = true
            } else {
                trialThreshold = min(trialThreshold, key.leastToPass(settings))
            }
        }
    }

    /// Everyone in the order in which requests ask them.
    var slotsToTry: [Int] {
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
        isMeasured ? Double(microseconds) / max(1e-9, 1 - margin(settings)) : .infinity
    }
}
