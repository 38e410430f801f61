/// Which endpoints are to be probed, and when.
extension EndpointRanking {
    /// The endpoints that are due for a probe now; each counts as probed from now on.
    ///
    /// Due is an enabled endpoint without traffic and without a probe for `checkInterval`, and at once one that is
    /// back from a time out which reaching it would end. Never one that is timed out. Linear in the number of
    /// endpoints: call it at `nextProbe`, not per request.
    public mutating func takeDueProbes(now: ContinuousClock.Instant, limit: Int = .max) -> [EndpointID] {
        let moment = moment(now)
        var due: [(at: Moment, slot: Int)] = []
        for slot in endpoints.indices {
            if let at = nextProbe(ofSlot: slot, at: moment), at <= moment { due.append((at, slot)) }
        }
        due.sort { ($0.at, $0.slot) < ($1.at, $1.slot) }
        return due.prefix(limit).map { _, slot in
            endpoints[slot].lastProbe = moment
            return endpoints[slot].id
        }
    }

    /// When the next probe is due, as far as is known now; nil when no endpoint can be probed.
    public func nextProbe(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        let moment = moment(now)
        return endpoints.indices.lazy.compactMap { nextProbe(ofSlot: $0, at: moment) }.min().map(instant)
    }

    private func nextProbe(ofSlot slot: Int, at now: Moment) -> Moment? {
        let endpoint = endpoints[slot]
        guard slotByID[endpoint.id] == slot, endpoint.isEnabled, endpoint.isConfigured else { return nil }
        if let recovery = endpoint.recovery(at: now) { return recovery }
        let interval = settings.checkInterval
        let regular = [endpoint.lastTraffic, endpoint.lastProbe].compactMap { $0.map { $0 + interval } }.max()
        guard let regular else { return endpoint.firstProbe }
        let back = endpoint.breaker.timedOutUntil
        guard endpoint.breaker.state != .closed, endpoint.breaker.isProvedByProbe else { return regular }
        return endpoint.lastProbe.map { $0 < back } ?? true ? back : regular
    }
}

enum ProbeSchedule {
    /// A part of the interval, in [0, 1), that differs well between neighbouring ids (multiples of the golden ratio).
    static func phase(of id: EndpointID) -> Double {
        Double(id.rawValue &* 0x9E37_79B9) * 0x1p-32
    }
}
