internal import PureSupport

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
        let response = endpoints[slot].response
        // What has failed and never succeeded challenges nobody by a time that is only presumed, nor holds up anybody.
        let isCredible = response.samples > 0 || kind == .available
        if endpoints[slot].isDoubted {
            key.setTime(seconds: .infinity, evidence: .doubted)
        } else if response.samples == 0, endpoints[slot].declinedInARow > 0 {
            // Nor does what has only declined requests so far, which it may do for ever; but it loses nothing by them.
            key.setTime(seconds: nil, evidence: .presumed)
        } else {
            key.setTime(seconds: response.value.map { isCredible ? $0 : .infinity }, evidence: response.evidence)
        }
        return key
    }

    /// Lets endpoints pass upwards at the given indices of `free`, and wherever that makes new neighbours.
    ///
    /// "May pass" is a strict partial order that does not change during one event, so the result does not depend
    /// on who passes first: it is what passing neighbours all over the list would end in.
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
        // Who was fast before it went down is no reason to move among those that are down.
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
                .recovered
            }
        note(mover.slot, cause, hasWon: byTime)
        for passed in target..<index {
            let isPrimary = free[passed].slot == primary
            note(
                free[passed].slot,
                isPrimary
                    ? (isByDoubt ? .declining : byTime ? .slower(than: endpoints[mover.slot].id) : .unavailable)
                    : .displaced(by: endpoints[mover.slot].id),
                hasWon: false)
        }
    }

    /// The first thing that happened to an endpoint in an event is its cause, unless it only made room.
    private mutating func note(_ slot: Int, _ cause: RankChangeCause, hasWon: Bool) {
        let known = endpoints[slot].touch
        if known < touched.count, touched[known].slot == slot {
            if case .displaced = touched[known].cause { touched[known].cause = cause }
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
        if case .displaced = touch.cause { return }
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
