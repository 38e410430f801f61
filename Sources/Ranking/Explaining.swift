extension EndpointRanking {
    /// Why an endpoint has its rank; nil for an unknown one. Linear in the number of endpoints.
    public func explanation(for id: EndpointID, now: ContinuousClock.Instant) -> RankExplanation? {
        guard let slot = slotByID[id] else { return nil }
        return explanation(in: orderedSlots, at: rank(ofSlot: slot) - 1, moment(now))
    }

    /// Why the first `limit` have their rank, first to last; also linear, so a whole screen is as cheap as one
    /// endpoint.
    public func explanations(now: ContinuousClock.Instant, limit: Int = .max) -> [RankExplanation] {
        let slots = orderedSlots
        let moment = moment(now)
        return slots.indices.prefix(limit).map { explanation(in: slots, at: $0, moment) }
    }

    private func explanation(in slots: [Int], at index: Int, _ moment: Moment) -> RankExplanation {
        let slot = slots[index]
        let endpoint = endpoints[slot]
        let recent = endpoint.breaker.recentTotals(at: moment)
        return RankExplanation(
            endpoint: endpoint.id, rank: index + 1, availability: availability(ofSlot: slot, at: moment),
            responseTime: responseTime(of: endpoint.response, at: moment),
            pinnedRank: endpoint.pinnedRank,
            above: index > 0
                ? margin(upper: slots[index - 1], lower: slot, neighbour: slots[index - 1], moment) : nil,
            below: index + 1 < slots.count
                ? margin(upper: slot, lower: slots[index + 1], neighbour: slots[index + 1], moment) : nil,
            failuresInARow: endpoint.breaker.failuresInARow, recentAttempts: recent.attempts,
            recentFailures: recent.failures, lastFailure: endpoint.breaker.lastFailure,
            declinedInARow: endpoint.declinedInARow, isDoubted: endpoint.isDoubted,
            rankSince: instant(endpoint.rankSince), rankChanges: endpoint.rankChanges,
            lastChange: endpoint.lastChange)
    }

    private func responseTime(of response: ResponseTimeAverage, at now: Moment) -> RankExplanation.ResponseTime? {
        guard let value = response.value else { return nil }
        return RankExplanation.ResponseTime(
            average: .nanoseconds(Int64(value * 1e9)), usual: .nanoseconds(Int64((response.usual ?? value) * 1e9)),
            samples: response.samples,
            age: response.samples == 0
                ? nil : .nanoseconds(max(0, now.nanoseconds - response.lastSample.nanoseconds)))
    }

    private func margin(upper: Int, lower: Int, neighbour: Int, _ now: Moment) -> RankExplanation.Margin {
        let upperKey = key(ofSlot: upper, standing: endpoints[upper].standing(at: now).standing)
        let lowerKey = key(ofSlot: lower, standing: endpoints[lower].standing(at: now).standing)
        let comparable = upperKey.isMeasured && lowerKey.isMeasured && upperKey.microseconds > 0
        let required = lowerKey.margin(settings)
        return RankExplanation.Margin(
            neighbour: endpoints[neighbour].id,
            neighbourAvailability: availability(ofSlot: neighbour, at: now),
            lowerIsFasterBy: comparable
                ? 1 - Double(lowerKey.microseconds) / Double(upperKey.microseconds) : nil,
            required: required,
            kept: keep(upper, upperKey, lower, lowerKey))
    }

    private func keep(_ upper: Int, _ upperKey: RankKey, _ lower: Int, _ lowerKey: RankKey) -> RankExplanation.Keep {
        if endpoints[upper].holdsPinnedRank || endpoints[lower].holdsPinnedRank { return .pinned }
        if lowerKey.rankClass > upperKey.rankClass { return .unavailable }
        if !isAutoSorting || lowerKey.rankClass == RankKey.Class.disabled.rawValue { return .manual }
        if lowerKey.rankClass == RankKey.Class.unusable.rawValue { return .unavailable }
        guard lowerKey.isMeasured, upperKey.isMeasured else { return .unmeasured }
        if lowerKey.isFaster(than: upperKey, by: settings) {
            return .dwell(until: instant(endpoints[upper].heldSince + settings.minDwell))
        }
        if lowerKey.microseconds >= upperKey.microseconds { return .slower }
        let needed = Double(upperKey.microseconds) * (1 - lowerKey.margin(settings))
        return .hysteresis(passesBelow: .microseconds(Int64(needed)))
    }
}
