internal import PureSupport

extension EndpointRanking {
    /// The order as the operator sees it at one moment, to be put back by ``restore(_:now:)``.
    public struct Arrangement: Sendable, Equatable {
        /// All endpoints, first to last.
        public let order: [EndpointID]
        /// The ranks that pinned endpoints want, also those that are off.
        let pins: [EndpointID: Int]
    }
}

/// What the operator does to the order. Unknown endpoints are left alone, ranks out of range go to the nearest end.
extension EndpointRanking {
    /// Takes in an endpoint at its priority, or below the last enabled one; ignored if the id is known.
    public mutating func add(_ endpoint: Endpoint, now: ContinuousClock.Instant) -> RankingUpdate {
        guard slotByID[endpoint.id] == nil else { return .unchanged }
        return rearrange(now, .added, by: endpoint.id) { ranking, moment in
            var order = ranking.orderedSlots
            let slot = ranking.insert(endpoint, at: moment)
            let rank = min(max(1, endpoint.priority ?? .max), order.count + 1)
            order.insert(slot, at: rank - 1)
            if endpoint.isPinned { ranking.endpoints[slot].pinnedRank = rank }
            ranking.presumeUsual(slot, moment)
            ranking.place(order)
        }
    }

    /// Forgets an endpoint; outcomes that still come in for it are ignored.
    public mutating func remove(_ id: EndpointID, now: ContinuousClock.Instant) -> RankingUpdate {
        guard let slot = slotByID[id] else { return .unchanged }
        return rearrange(now, .removed, by: id) { ranking, moment in
            ranking.place(ranking.orderedSlots.filter { $0 != slot })
            _ = ranking.modelTimeOuts.forget(slot: slot, at: moment)
            ranking.slotByID[id] = nil
            ranking.freeSlots.append(slot)
        }
    }

    /// Puts an endpoint at a rank and pins it there, so that auto-sort does not undo the operator. A disabled
    /// endpoint moves among the disabled ones and is not pinned.
    public mutating func move(_ id: EndpointID, toRank rank: Int, now: ContinuousClock.Instant) -> RankingUpdate {
        guard let slot = slotByID[id] else { return .unchanged }
        return rearrange(now, .moved, by: id) { ranking, _ in
            let before = ranking.orderedSlots
            let allowed = ranking.allowedRanks(ofSlot: slot)
            let target = min(max(rank, allowed.lowerBound), allowed.upperBound)
            var order = before.filter { $0 != slot }
            order.insert(slot, at: target - 1)
            // Pinned endpoints that had to make room are where the operator now sees them.
            for (index, other) in order.enumerated()
            where ranking.endpoints[other].holdsPinnedRank && before[index] != other {
                ranking.endpoints[other].pinnedRank = index + 1
            }
            if ranking.endpoints[slot].isEnabled { ranking.endpoints[slot].pinnedRank = target }
            ranking.place(order)
        }
    }

    /// The ranks that `move` can give an endpoint: disabled ones stand last, and move among themselves. nil for an unknown
    /// endpoint.
    public func allowedRanks(of id: EndpointID) -> ClosedRange<Int>? {
        slotByID[id].map(allowedRanks(ofSlot:))
    }

    /// Pins an endpoint at the rank it has, or lets it move again.
    public mutating func setPinned(
        _ isPinned: Bool, for id: EndpointID, now: ContinuousClock.Instant
    ) -> RankingUpdate {
        guard let slot = slotByID[id], isPinned != (endpoints[slot].pinnedRank != nil) else { return .unchanged }
        return rearrange(now, isPinned ? .pinned : .unpinned, by: id) { ranking, _ in
            let order = ranking.orderedSlots
            ranking.endpoints[slot].pinnedRank = isPinned ? ranking.rank(ofSlot: slot) : nil
            ranking.place(order)
        }
    }

    /// Switches an endpoint on or off; off, it stands last and is never tried.
    public mutating func setEnabled(
        _ isEnabled: Bool, for id: EndpointID, now: ContinuousClock.Instant
    ) -> RankingUpdate {
        guard let slot = slotByID[id], endpoints[slot].isEnabled != isEnabled else { return .unchanged }
        return rearrange(now, isEnabled ? .enabled : .disabled, by: id) { ranking, _ in
            let order = ranking.orderedSlots
            ranking.endpoints[slot].isEnabled = isEnabled
            ranking.place(order)
        }
    }

    /// Says that another credential is in use: an endpoint that is out because the one before was refused may prove itself
    /// at once.
    public mutating func credentialChanged(for id: EndpointID, now: ContinuousClock.Instant) -> RankingUpdate {
        guard let slot = slotByID[id] else { return .unchanged }
        return rearrange(now, .recovered, by: id) { ranking, _ in
            ranking.endpoints[slot].breaker.credentialChanged()
            ranking.endpoints[slot].restoreTrust()
        }
    }

    /// Ends every time out of an endpoint, whatever its cause: one request tries it, and if that is answered well it is used as before.
    ///
    /// - Returns: whether there was a time out, a trial or a doubt to be ended.
    public mutating func clear(
        _ id: EndpointID, now: ContinuousClock.Instant
    ) -> (update: RankingUpdate, isCleared: Bool) {
        guard let slot = slotByID[id] else { return (.unchanged, false) }
        let isLimited = !modelTimeOuts.running(ofSlot: slot, at: moment(now)).isEmpty
        guard isLimited || endpoints[slot].isHeldBack(at: moment(now)) else { return (.unchanged, false) }
        let revision = revision
        var update = rearrange(now, .recovered, by: id) { ranking, now in
            ranking.endpoints[slot].clear(at: now, ranking.settings)
        }
        for entry in modelTimeOuts.forget(slot: slot, at: moment(now)) {
            update.modelChanges.append(ModelChange(endpoint: id, model: entry.name, until: nil, reason: entry.reason))
        }
        if self.revision == revision { finish(update) }
        return (update, true)
    }

    /// Gives a whole new order, as a file edited by hand or an undo does; endpoints left out follow in their
    /// present order. Pinned endpoints are pinned at their new ranks.
    public mutating func reorder(_ ids: [EndpointID], now: ContinuousClock.Instant) -> RankingUpdate {
        rearrange(now, .reordered, by: nil) { ranking, _ in
            var seen: Set<Int> = []
            let order = (ids.compactMap { ranking.slotByID[$0] } + ranking.orderedSlots)
                .filter { seen.insert($0).inserted }
            var rank = 0
            for slot in order where ranking.endpoints[slot].isEnabled {
                rank += 1
                if ranking.endpoints[slot].pinnedRank != nil { ranking.endpoints[slot].pinnedRank = rank }
            }
            ranking.place(order)
        }
    }

    /// Which endpoint has which rank, and which ranks the operator has pinned.
    public var arrangement: Arrangement {
        var pins: [EndpointID: Int] = [:]
        for slot in orderedSlots {
            if let rank = endpoints[slot].pinnedRank { pins[endpoints[slot].id] = rank }
        }
        return Arrangement(order: order, pins: pins)
    }

    /// Puts all endpoints where they stood, and the pins where they were, as an undo does. Endpoints that are not part of the
    /// arrangement follow; whether an endpoint is pinned at all stays as it is.
    public mutating func restore(_ arrangement: Arrangement, now: ContinuousClock.Instant) -> RankingUpdate {
        rearrange(now, .reordered, by: nil) { ranking, _ in
            var seen: Set<Int> = []
            let order = (arrangement.order.compactMap { ranking.slotByID[$0] } + ranking.orderedSlots)
                .filter { seen.insert($0).inserted }
            for slot in order where ranking.endpoints[slot].pinnedRank != nil {
                if let rank = arrangement.pins[ranking.endpoints[slot].id] { ranking.endpoints[slot].pinnedRank = rank }
            }
            ranking.place(order)
        }
    }

    /// Sorts the free endpoints once by availability and response time, whatever the margins and however long a
    /// rank has been held; also while auto-sort is off.
    public mutating func sortNow(now: ContinuousClock.Instant) -> RankingUpdate {
        rearrange(now, .sorted, by: nil) { ranking, moment in
            let available = ranking.endpoints.map { $0.availability(at: moment).kind == .available }
            ranking.free = ranking.free.enumerated().sorted { left, right in
                let (leftKey, rightKey) = (left.element, right.element)
                let disabled = RankKey.Class.disabled.rawValue
                let (leftOff, rightOff) = (leftKey.rankClass == disabled, rightKey.rankClass == disabled)
                if leftOff || rightOff {
                    return leftOff == rightOff ? left.offset < right.offset : rightOff
                }
                if available[leftKey.slot] != available[rightKey.slot] { return available[leftKey.slot] }
                let (leftDoubted, rightDoubted) = (leftKey.evidence == .doubted, rightKey.evidence == .doubted)
                if leftDoubted != rightDoubted { return rightDoubted }
                return (leftKey.microseconds, left.offset) < (rightKey.microseconds, right.offset)
            }.map(\.element)
            ranking.reindex()
        }
    }

    /// Switches automatic ordering; on, the order is looked at once at once.
    public mutating func setAutoSort(_ isOn: Bool, now: ContinuousClock.Instant) -> RankingUpdate {
        guard isOn != isAutoSorting else { return .unchanged }
        return rearrange(now, .autoSort, by: nil) { ranking, _ in ranking.isAutoSorting = isOn }
    }

    /// Other settings, from now on; cooldowns that run are left to end as they were set.
    public mutating func apply(_ settings: Settings, now: ContinuousClock.Instant) -> RankingUpdate {
        guard settings != self.settings else { return .unchanged }
        return rearrange(now, .settings, by: nil) { ranking, _ in ranking.settings = settings }
    }
}

extension RankChangeCause.Kind {
    /// Whether the operator wants requests to go another way than before. An endpoint that is taken away leaves the others as they stand.
    fileprivate var isArrangement: Bool {
        switch self {
        case .added, .moved, .pinned, .unpinned, .enabled, .reordered, .sorted: true
        default: false
        }
    }
}

extension EndpointRanking {
    /// Makes a record for an endpoint, not yet placed in the order.
    mutating func insert(_ endpoint: Endpoint, at now: RankingTime) -> Int {
        var record = RankedEndpoint(
            id: endpoint.id, isEnabled: endpoint.isEnabled, pinnedRank: nil,
            heldSince: now, rankSince: now)
        record.firstProbe = now + settings.checkInterval * ProbeSchedule.phase(of: endpoint.id)
        let slot = freeSlots.popLast() ?? endpoints.count
        if slot == endpoints.count { endpoints.append(record) } else { endpoints[slot] = record }
        slotByID[endpoint.id] = slot
        endpoints[slot].reported = (endpoints[slot].availability(at: now).kind, availability(ofSlot: slot, at: now))
        return slot
    }

    /// Gives all endpoints a place from one list: the pinned keep the ranks they want, the free ones this order.
    mutating func place(_ order: [Int]) {
        for (index, slot) in order.enumerated() { endpoints[slot].position = index }
        pinned = order.filter { endpoints[$0].holdsPinnedRank }
        free = order.filter { !endpoints[$0].holdsPinnedRank }.map { RankKey(slot: $0) }
        for index in free.indices where !endpoints[free[index].slot].isEnabled {
            free[index].rankClass = RankKey.Class.disabled.rawValue
        }
        reindex()
    }

    /// Carries out a change of the whole, then compares all ranks with those before. Linear, and so for the
    /// operator's actions only.
    private mutating func rearrange(
        _ now: ContinuousClock.Instant, _ kind: RankChangeCause.Kind, by mover: EndpointID?,
        _ edit: (inout EndpointRanking, RankingTime) -> Void
    ) -> RankingUpdate {
        let cause = RankChangeCause(kind)
        let moment = moment(now)
        var update = RankingUpdate()
        if wake <= moment { catchUp(to: moment, &update) }
        var before: [EndpointID: Int] = [:]
        for (index, slot) in orderedSlots.enumerated() { before[endpoints[slot].id] = index + 1 }
        let leader = free.first?.slot
        edit(&self, moment)
        resettle(moment, &update)
        let after = orderedSlots
        if after.count != before.count { update.orderChanged = true }
        for (index, slot) in after.enumerated() {
            let id = endpoints[slot].id
            let ownCause = mover == nil || mover == id ? cause : .displaced(by: mover ?? id)
            let touch = Touch(
                slot: slot, rankBefore: before[id] ?? 0, cause: ownCause, hasWon: mover == nil || mover == id)
            commit(touch, rankAfter: index + 1, at: moment, now)
            if before[id] != index + 1 { update.orderChanged = true }
        }
        if let mover, kind == .removed, let rank = before[mover] {
            journal.append(RankChange(at: now, endpoint: mover, from: rank, to: 0, cause: cause))
        }
        if update.orderChanged, kind.isArrangement { operatorOrder += 1 }
        protectNewLeader(before: leader, at: moment)
        finish(update)
        return update
    }

    /// Makes every key anew and lets the whole order settle.
    private mutating func resettle(_ now: RankingTime, _ update: inout RankingUpdate) {
        wake = modelTimeOuts.nextEnd
        halfOpenThreshold = .infinity
        for slot in endpoints.indices where slotByID[endpoints[slot].id] == slot {
            let (kind, until) = endpoints[slot].availability(at: now)
            if let until { wake = min(wake, until) }
            report(slot, kind, at: now, &update)
            if endpoints[slot].holdsPinnedRank {
                endpoints[slot].isOffered = false
            } else {
                free[endpoints[slot].position] = newKey(ofSlot: slot, kind: kind)
            }
        }
        settle(0..<free.count, at: now, tracking: false)
        reindex()
        offerHalfOpen(at: now, &update)
    }

    private func allowedRanks(ofSlot slot: Int) -> ClosedRange<Int> {
        let enabledCount = endpoints.indices.count { slotByID[endpoints[$0].id] == $0 && endpoints[$0].isEnabled }
        return endpoints[slot].isEnabled
            ? 1...max(1, enabledCount) : min(enabledCount + 1, count)...count
    }
}
