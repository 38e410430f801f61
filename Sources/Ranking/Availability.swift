/// Whether an endpoint may be given requests now, and if not, why and until when.
public enum Availability: Sendable, Equatable {
    /// Requests flow freely.
    case available
    /// Back from a time out: one request at a time until it has proved itself.
    case probation
    /// Timed out by the breaker after failures.
    case open(until: ContinuousClock.Instant, cause: OutageCause)
    /// The endpoint named a time to wait.
    case rateLimited(until: ContinuousClock.Instant)
    /// Its credential was refused (with the status), or it cannot be used as configured (neither value known).
    case misconfigured(until: ContinuousClock.Instant?, status: Int?)
    /// Switched off by the operator.
    case disabled

    /// Whether requests may be sent, freely or on probation.
    public var isUsable: Bool {
        switch self {
        case .available, .probation: true
        case .open, .rateLimited, .misconfigured, .disabled: false
        }
    }

    /// When the endpoint may be used again, where that is known.
    public var recovery: ContinuousClock.Instant? {
        switch self {
        case .open(let until, _), .rateLimited(let until): until
        case .misconfigured(let until, _): until
        case .available, .probation, .disabled: nil
        }
    }
}

/// Why a breaker opened.
public enum OutageCause: Sendable, Equatable {
    case failuresInARow(Int, last: FailureKind)
    case failureShare(failed: Int, of: Int, last: FailureKind)
    case trialFailed(FailureKind)
    case credentialRefused(status: Int)
}

/// One endpoint's step from one availability to another, for the event log.
public struct AvailabilityChange: Sendable, Equatable {
    /// Whose.
    public var endpoint: EndpointID
    /// Before the event.
    public var from: Availability
    /// After it.
    public var to: Availability

    /// As its parts.
    public init(endpoint: EndpointID, from: Availability, to: Availability) {
        self.endpoint = endpoint
        self.from = from
        self.to = to
    }
}

/// What one event did to the ranking.
public struct RankingUpdate: Sendable, Equatable {
    /// Some endpoint has another rank than before.
    public var orderChanged = false
    /// Some endpoint on probation is to be asked before its rank.
    public var trialsOffered = false
    /// Endpoints that came, went or changed their reason for being away; empty (and unallocated) as a rule.
    public var availabilityChanges: [AvailabilityChange] = []

    /// Whether a routing table made from `candidates(now:)` has to be made anew.
    public var candidatesChanged: Bool { orderChanged || trialsOffered || !availabilityChanges.isEmpty }

    /// Nothing happened.
    public static let unchanged = RankingUpdate()

    init() {}
}

/// One step of the failover walk.
public struct RankedCandidate: Sendable, Equatable {
    /// How freely requests may be sent to a candidate.
    public enum Gate: Sendable, Equatable {
        case open
        /// One request at a time: ask `admitTrial(_:now:)` before each.
        case probation
    }

    /// Whom to try.
    public var endpoint: EndpointID
    /// How freely.
    public var gate: Gate

    /// As its parts.
    public init(endpoint: EndpointID, gate: Gate) {
        self.endpoint = endpoint
        self.gate = gate
    }
}

/// Where an outcome came from.
public enum AttemptSource: Sendable, Equatable {
    /// A client's request: says how fast and how well the endpoint answers.
    case traffic
    /// A probe (connect and TLS, or a configured GET): says that the endpoint can be reached. Its time is not
    /// comparable with a request's and never enters the response time.
    case probe
}
