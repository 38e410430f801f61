public import Limits
internal import NIOCore
internal import Support
internal import Synchronization

/// What an endpoint's settings say of when it is asked at all: its active hours, and how much may be used of it.
///
/// An upstream without them has none, and its requests are not held up by a look at any. That a condition does not hold is nobody's failure: the
/// endpoint is passed over, and neither its rank nor its breaker learns of it.
public struct EndpointConditions: Sendable {
    /// nil: there is no limit.
    public let limits: LimitRules?
    /// By whose clock days and months begin.
    public let limitZone: ZoneRules
    /// nil: at all hours.
    public let active: ActiveHours?
    /// By whose clock the hours go.
    public let activeZone: ZoneRules

    /// nil where there are none.
    public init?(
        limits: LimitRules?, limitZone: ZoneRules = .utc, active: ActiveHours?, activeZone: ZoneRules = .utc
    ) {
        guard limits != nil || active != nil else { return nil }
        (self.limits, self.limitZone, self.active, self.activeZone) = (limits, limitZone, active, activeZone)
    }

    /// One point in time on the two clocks that limits go by.
    public struct Moment: Sendable {
        /// Seconds since 1970.
        public var wall: Int64
        /// Seconds that no setting of the clock moves.
        public var steady: Int64

        /// As its parts.
        public init(wall: Int64, steady: Int64) {
            self.wall = wall
            self.steady = steady
        }

        /// Now.
        public static var now: Moment {
            Moment(
                wall: Int64(WallClock.wholeSeconds),
                steady: Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000_000))
        }
    }

    /// Why the endpoint may not be asked now, and until when; nil where it may be.
    public func refusal(_ load: EndpointLoad, at now: Moment) -> PassedOver.Reason? {
        if let until = active?.resumes(at: now.wall, activeZone) { return .inactive(until: until) }
        guard let limits else { return nil }
        return load.ledger.withLock { $0.refusal(limits, limitZone, wall: now.wall, steady: now.steady) }
            .map { .limited($0.kind, until: $0.until) }
    }

    /// Counts a request that is about to begin, unless it would be one too many.
    func admit(_ load: EndpointLoad, at now: Moment) -> PassedOver.Reason? {
        guard let limits else { return nil }
        return load.ledger.withLock { $0.admit(limits, limitZone, wall: now.wall, steady: now.steady) }
            .map { .limited($0.kind, until: $0.until) }
    }

    /// A request that `admit` has counted did not begin after all.
    func withdraw(_ load: EndpointLoad, at now: Moment) {
        guard let limits else { return }
        load.ledger.withLock { $0.withdraw(limits, steady: now.steady) }
    }

    /// How far each limit is used.
    public func readings(_ load: EndpointLoad, at now: Moment) -> [LimitLedger.Reading] {
        guard let limits else { return [] }
        return load.ledger.withLock { $0.readings(limits, limitZone, wall: now.wall, steady: now.steady) }
    }

    /// Counts what an answer has used.
    ///
    /// - Parameter cost: in picos; nil: not known
    /// - Returns: the limits of a day or longer of which four fifths, or all, are used since this answer
    public func add(
        tokens: Int64, cost: Int64?, _ load: EndpointLoad, at now: Moment
    ) -> [LimitLedger.Reading] {
        guard let limits else { return [] }
        return load.ledger.withLock {
            $0.add(tokens: tokens, cost: cost, limits, limitZone, wall: now.wall, steady: now.steady)
        }
    }
}

extension EndpointLoad {
    /// What is kept of its limits for the next process.
    public func savedLimits(at now: EndpointConditions.Moment) -> LimitLedger.Saved {
        ledger.withLock { $0.saved(wall: now.wall, steady: now.steady) }
    }

    /// What another process has counted goes on.
    public func restoreLimits(_ saved: LimitLedger.Saved, at now: EndpointConditions.Moment) {
        ledger.withLock { $0.restore(saved, wall: now.wall, steady: now.steady) }
    }
}
