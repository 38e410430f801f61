public import Limits

/// What an endpoint's settings say of when it is asked at all: its active hours, and how much may be used of it.
///
/// An upstream without them has none, and its requests are not held up by a look at any. That a condition does not hold is nobody's failure: the
/// endpoint is passed over, and neither its rank nor its breaker learns of it.
public struct EndpointConditions: Sendable {
    /// nil: there is no limit.
    public let limits: LimitsInForce?
    /// nil: at all hours.
    public let active: ActiveHours?
    /// By whose clock the hours go.
    public let activeZone: ZoneRules

    /// nil where there are none.
    public init?(limits: LimitsInForce?, active: ActiveHours?, activeZone: ZoneRules = .utc) {
        guard limits != nil || active != nil else { return nil }
        (self.limits, self.active, self.activeZone) = (limits, active, activeZone)
    }

    /// Why the endpoint may not be asked now, and until when; nil where it may be.
    public func refusal(_ load: EndpointLoad, at now: LimitMoment) -> PassedOver.Reason? {
        if let until = active?.resumes(at: now.wall, activeZone) { return .inactive(until: until) }
        return limits?.refusal(load.used, at: now).map { .limited($0.kind, until: $0.until) }
    }

    /// Counts a request that is about to begin, unless it would be one too many.
    func admit(_ load: EndpointLoad, at now: LimitMoment) -> PassedOver.Reason? {
        limits?.admit(load.used, at: now).map { .limited($0.kind, until: $0.until) }
    }

    /// A request that `admit` has counted did not begin after all.
    func withdraw(_ load: EndpointLoad, at now: LimitMoment) { limits?.withdraw(load.used, at: now) }

    /// How far each limit is used.
    public func readings(_ load: EndpointLoad, at now: LimitMoment) -> [LimitLedger.Reading] {
        limits?.readings(load.used, at: now) ?? []
    }
}
