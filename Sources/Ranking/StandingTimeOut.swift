/// A time out that its endpoint's own words brought about, and that still runs: what is worth knowing after a restart. A breaker's cooldown is
/// none, since it is a guess that three requests make anew.
public struct StandingTimeOut: Sendable, Equatable {
    /// What brought it about.
    public enum Cause: Sendable, Equatable {
        /// A refusal that asked for it.
        case refusal(TimeOutReason)
        /// A refused credential, with its status.
        case credential(status: Int)
    }

    /// Whose it is.
    public var endpoint: EndpointID
    /// The model that it is about; nil where it is about the endpoint.
    public var model: String?
    /// Its end.
    public var until: ContinuousClock.Instant
    /// What brought it about.
    public var cause: Cause
    /// How many there were in a row, of those that double.
    public var timesInARow: Int

    /// As its parts.
    public init(
        endpoint: EndpointID, model: String? = nil, until: ContinuousClock.Instant, cause: Cause, timesInARow: Int = 0
    ) {
        self.endpoint = endpoint
        self.model = model
        self.until = until
        self.cause = cause
        self.timesInARow = timesInARow
    }
}

extension EndpointRanking {
    /// All that run now, by rank. Linear in the number of endpoints.
    public func standingTimeOuts(now: ContinuousClock.Instant) -> [StandingTimeOut] {
        let moment = moment(now)
        return orderedSlots.flatMap { slot -> [StandingTimeOut] in
            let endpoint = endpoints[slot]
            var standing: [StandingTimeOut] = []
            if case .open(let until) = endpoint.breaker.state, until > moment,
                case .credentialRefused(let status) = endpoint.breaker.cause
            {
                standing.append(
                    StandingTimeOut(
                        endpoint: endpoint.id, until: instant(until), cause: .credential(status: status)))
            }
            if endpoint.timedOutUntil > moment {
                standing.append(
                    StandingTimeOut(
                        endpoint: endpoint.id, until: instant(endpoint.timedOutUntil),
                        cause: .refusal(endpoint.timeOutReason), timesInARow: endpoint.timeOutsInARow))
            }
            for entry in modelTimeOuts.running(ofSlot: slot, at: moment) {
                standing.append(
                    StandingTimeOut(
                        endpoint: endpoint.id, model: entry.name, until: instant(entry.until),
                        cause: .refusal(entry.reason), timesInARow: entry.timesInARow))
            }
            return standing
        }
    }

    /// Whether there is any, without a list of them.
    public func hasStandingTimeOuts(now: ContinuousClock.Instant) -> Bool {
        let moment = moment(now)
        return modelTimeOuts.nextEnd != .never
            || endpoints.contains { endpoint in
                if endpoint.timedOutUntil > moment { return true }
                guard case .open(let until) = endpoint.breaker.state, until > moment,
                    case .credentialRefused = endpoint.breaker.cause
                else { return false }
                return true
            }
    }

    /// Takes in a time out that another process has begun and that this one did not see itself. It never shortens one that runs.
    public mutating func resume(_ timeOut: StandingTimeOut, now: ContinuousClock.Instant) -> RankingUpdate {
        let moment = self.moment(now)
        let until = self.moment(timeOut.until)
        guard let slot = slotByID[timeOut.endpoint], case .refusal(let reason) = timeOut.cause, until > moment,
            until <= moment + settings.rateLimitMaximum
        else { return .unchanged }
        var update = RankingUpdate()
        if wake <= moment { catchUp(to: moment, &update) }
        if let name = timeOut.model {
            if modelTimeOuts.extend(name, slot: slot, until: until, reason, at: moment) {
                update.modelChanges.append(
                    ModelChange(endpoint: timeOut.endpoint, model: name, until: timeOut.until, reason: reason))
            }
        } else {
            endpoints[slot].timeOut(until: until, reason)
        }
        wake = min(wake, until)
        refresh(slot, everything: false, at: moment, &update)
        finish(update)
        return update
    }

    /// Takes in what another process has left, before the order is first made. What would be longer than any time out can be was written by a clock
    /// that was wrong, and is left out; so is what is over.
    mutating func takeIn(_ standing: [StandingTimeOut], at now: RankingTime) {
        for timeOut in standing {
            let until = moment(timeOut.until)
            guard let slot = slotByID[timeOut.endpoint], until > now, until <= now + settings.rateLimitMaximum else {
                continue
            }
            switch (timeOut.cause, timeOut.model) {
            case (.credential(let status), _): endpoints[slot].breaker.resume(refused: status, until: until)
            case (.refusal(let reason), nil):
                endpoints[slot].resume(until: until, reason, timesInARow: timeOut.timesInARow)
            case (.refusal(let reason), let name?):
                modelTimeOuts.resume(
                    .init(name: name, until: until, reason: reason, timesInARow: timeOut.timesInARow, isOver: false),
                    slot: slot, at: now)
            }
            wake = min(wake, until)
            let kind = endpoints[slot].availability(at: now).kind
            endpoints[slot].reported = (kind, availability(ofSlot: slot, at: now))
        }
    }
}
