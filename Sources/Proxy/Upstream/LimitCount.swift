public import Limits
internal import NIOCore
internal import Support
internal import Synchronization

/// One point in time on the two clocks that limits go by.
public struct LimitMoment: Sendable {
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
    public static var now: LimitMoment {
        LimitMoment(
            wall: Int64(WallClock.wholeSeconds),
            steady: Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000_000))
    }
}

/// What was used of the limits of one endpoint or client. It outlives their settings, as what was used does.
public final class LimitCount: Sendable {
    fileprivate let ledger = Mutex(LimitLedger())

    /// Nothing was used.
    public init() {}

    /// What is kept for the next process.
    public func saved(at now: LimitMoment) -> LimitLedger.Saved {
        ledger.withLock { $0.saved(wall: now.wall, steady: now.steady) }
    }

    /// What another process has counted goes on.
    public func restore(_ saved: LimitLedger.Saved, at now: LimitMoment) {
        ledger.withLock { $0.restore(saved, wall: now.wall, steady: now.steady) }
    }
}

/// Limits as they are set, with the clock by which they go. An endpoint's and a client's are the same.
public struct LimitsInForce: Sendable, Equatable {
    /// How much may be used.
    public let rules: LimitRules
    /// By whose clock days and months begin.
    public let zone: ZoneRules

    /// As its parts.
    public init(_ rules: LimitRules, zone: ZoneRules = .utc) {
        (self.rules, self.zone) = (rules, zone)
    }

    /// The limit that is used up; nil where none is.
    func refusal(_ count: LimitCount, at now: LimitMoment) -> LimitLedger.Refusal? {
        count.ledger.withLock { $0.refusal(rules, zone, wall: now.wall, steady: now.steady) }
    }

    /// Counts a request that is about to begin, unless it would be one too many.
    func admit(_ count: LimitCount, at now: LimitMoment) -> LimitLedger.Refusal? {
        count.ledger.withLock { $0.admit(rules, zone, wall: now.wall, steady: now.steady) }
    }

    /// A request that `admit` has counted did not begin after all.
    func withdraw(_ count: LimitCount, at now: LimitMoment) {
        count.ledger.withLock { $0.withdraw(rules, steady: now.steady) }
    }

    /// How far each limit is used.
    public func readings(_ count: LimitCount, at now: LimitMoment) -> [LimitLedger.Reading] {
        count.ledger.withLock { $0.readings(rules, zone, wall: now.wall, steady: now.steady) }
    }

    /// Counts what an answer has used.
    ///
    /// - Parameter cost: in picos; nil: not known
    /// - Returns: the limits of a day or longer of which four fifths, or all, are used since this answer
    public func add(
        tokens: Int64, cost: Int64?, _ count: LimitCount, at now: LimitMoment
    ) -> [LimitLedger.Reading] {
        count.ledger.withLock {
            $0.add(tokens: tokens, cost: cost, rules, zone, wall: now.wall, steady: now.steady)
        }
    }
}
