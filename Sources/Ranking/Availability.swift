// What the ranking tells others: whether an endpoint may be used, in which order they are tried, and what has changed and why. Proxy and
// engine read these values; `EndpointRanking` alone makes them.

/// Whether an endpoint may be given requests now, and if not, why and until when.
public enum Availability: Sendable, Equatable {
    /// Requests flow freely.
    case available
    /// Back from a time out: one request at a time until it has proved itself. Texts for operators, JSON and metrics call this
    /// "probation" or "on trial", as they always have: the texts of `RankExplanation` and the mapping to `Snapshot` say so.
    case halfOpen
    /// Timed out by the breaker after failures.
    case open(until: ContinuousClock.Instant, cause: OutageCause)
    /// Left alone for a time that its refusal asked for, or that the refusal's meaning gives.
    case timedOut(until: ContinuousClock.Instant, TimeOutReason)
    /// Its credential was refused, with this status. An endpoint that cannot be used as it is configured is not known here: no
    /// upstream is made of it.
    case misconfigured(until: ContinuousClock.Instant, status: Int)
    /// Switched off by the operator.
    case disabled

    /// What it is without the details: what makes an event and a new routing table.
    enum Kind: Sendable, Equatable {
        case available, halfOpen, open, timedOut, misconfigured, disabled

        var isUsable: Bool { self == .available || self == .halfOpen }
    }

    /// Whether requests may be sent, freely or one at a time.
    public var isUsable: Bool {
        switch self {
        case .available, .halfOpen: true
        case .open, .timedOut, .misconfigured, .disabled: false
        }
    }

    /// When the endpoint may be used again, where that is known.
    public var recovery: ContinuousClock.Instant? {
        switch self {
        case .open(let until, _), .timedOut(let until, _): until
        case .misconfigured(let until, _): until
        case .available, .halfOpen, .disabled: nil
        }
    }
}

/// Why a breaker opened.
public enum OutageCause: Sendable, Equatable {
    case failuresInARow(Int, last: FailureKind)
    case failureShare(failed: Int, of: Int, last: FailureKind)
    case halfOpenFailed(FailureKind)
    case credentialRefused(status: Int)
}

/// One endpoint's step from one availability to another, for the event log.
public struct AvailabilityChange: Sendable, Equatable {
    /// The endpoint that took the step.
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

/// The beginning or the end of a time out of one model at one endpoint, for the event log.
public struct ModelChange: Sendable, Equatable {
    /// The endpoint whose model it is.
    public var endpoint: EndpointID
    /// As clients name it.
    public var model: String
    /// When it is asked for it again; nil where it is from now on.
    public var until: ContinuousClock.Instant?
    /// Why it is not, or was not.
    public var reason: TimeOutReason

    /// As its parts.
    public init(endpoint: EndpointID, model: String, until: ContinuousClock.Instant?, reason: TimeOutReason) {
        self.endpoint = endpoint
        self.model = model
        self.until = until
        self.reason = reason
    }
}

/// What one event did to the ranking.
public struct RankingUpdate: Sendable, Equatable {
    /// Some endpoint has another rank than before.
    public var orderChanged = false
    /// Some half-open endpoint is to be asked before its rank.
    public var halfOpenOffered = false
    /// Endpoints that came, went or changed their reason for being away; empty (and unallocated) as a rule.
    public var availabilityChanges: [AvailabilityChange] = []
    /// Models that endpoints are not asked for from now on, or are again; empty (and unallocated) as a rule.
    public var modelChanges: [ModelChange] = []

    /// Whether a routing table made from `candidates(now:)` has to be made anew.
    public var candidatesChanged: Bool {
        orderChanged || halfOpenOffered || !availabilityChanges.isEmpty || !modelChanges.isEmpty
    }

    /// Nothing happened.
    public static let unchanged = RankingUpdate()

    init() {}
}

/// One step of the failover order.
public struct RankedCandidate: Sendable, Equatable {
    /// How freely requests may be sent to a candidate.
    public enum Gate: Sendable, Equatable {
        case open
        /// One request at a time: ask `admitHalfOpen(_:now:)` before each.
        case halfOpen
    }

    /// The endpoint to try.
    public var endpoint: EndpointID
    /// How freely.
    public var gate: Gate
    /// What it is not to be asked for now; empty as a rule.
    public var limitedModels: [LimitedModel]
    /// The operator has given it its rank, and not its speed.
    public var isPinned: Bool

    /// As its parts.
    public init(endpoint: EndpointID, gate: Gate, limitedModels: [LimitedModel] = [], isPinned: Bool = false) {
        self.endpoint = endpoint
        self.gate = gate
        self.limitedModels = limitedModels
        self.isPinned = isPinned
    }
}

/// What becomes of a request that no candidate could answer: see `EndpointRanking.tryEarly(among:now:)`.
public enum EarlyTrial: Sendable, Equatable {
    /// This endpoint may be asked now.
    case ask(EndpointID)
    /// Nothing may be asked before this moment. It is worth asking again then, and whenever there is a new routing table.
    case wait(until: ContinuousClock.Instant)
    /// None of them comes back by itself.
    case nothing
}

/// Where an outcome came from.
public enum AttemptSource: Sendable, Equatable {
    /// A client's request: says how fast and how well the endpoint answers.
    case traffic
    /// A probe (connect and TLS, or a configured GET): says that the endpoint can be reached. Its time is not
    /// comparable with a request's and never enters the response time.
    case probe
}

extension OutageCause {
    /// `3 failures in a row, last: status 502`
    public var text: String {
        switch self {
        case .failuresInARow(let count, let last): "\(count) failures in a row, last: \(last.text)"
        case .failureShare(let failed, let all, let last): "\(failed) of \(all) attempts failed, last: \(last.text)"
        case .halfOpenFailed(let kind): "the trial failed: \(kind.text)"
        case .credentialRefused(402): "nothing left on the account (402)"
        case .credentialRefused(let status): "credential refused (\(status))"
        }
    }
}

/// One endpoint's change of rank, with its cause.
public struct RankChange: Sendable, Equatable {
    /// When.
    public var at: ContinuousClock.Instant
    /// The endpoint that moved.
    public var endpoint: EndpointID
    /// Rank before; 0 for an endpoint that was just added.
    public var from: Int
    /// Rank after; 0 for an endpoint that was just removed.
    public var to: Int
    /// Why.
    public var cause: RankChangeCause
}

/// Why a rank changed.
public struct RankChangeCause: Sendable, Equatable {
    /// The cause in one word. The raw value is the word of the control API.
    public enum Kind: String, Sendable {
        /// Faster than the other endpoint, the highest it passed.
        case faster
        /// Its own response time grew, and at least the other endpoint passed it.
        case slower
        /// The other endpoint declines what it is asked, and this one may not.
        case preferred
        /// It declines what it is asked, and at least one endpoint passed it.
        case declining
        /// It went away, and endpoints that can be used passed it.
        case unavailable
        /// It came back and passed endpoints that cannot be used.
        case recovered
        /// The other endpoint moved and so shifted this one.
        case displaced
        /// The operator moved it.
        case moved
        case pinned
        case unpinned
        case enabled
        case disabled
        case added
        case removed
        /// The file, or an undo, gave a whole new order.
        case reordered
        /// The operator asked for one sort.
        case sorted
        /// Auto-sort was switched.
        case autoSort = "auto_sort"
        /// The settings of the ranking changed.
        case settings
    }

    /// In one word.
    public let kind: Kind
    /// The other endpoint that a `faster`, `slower`, `preferred` or `displaced` is about.
    public let other: EndpointID?
    /// Of a `faster`: by which fraction of the other's response time.
    public let share: Double?

    /// A cause that no other endpoint has a part in.
    init(_ kind: Kind) {
        self.init(kind, nil)
    }

    private init(_ kind: Kind, _ other: EndpointID?, share: Double? = nil) {
        (self.kind, self.other, self.share) = (kind, other, share)
    }

    static func faster(than other: EndpointID, by share: Double) -> Self { Self(.faster, other, share: share) }
    static func slower(than other: EndpointID) -> Self { Self(.slower, other) }
    static func preferred(to other: EndpointID) -> Self { Self(.preferred, other) }
    static func displaced(by other: EndpointID) -> Self { Self(.displaced, other) }
}

extension RankChange {
    /// `3 → 1, 22 % faster than NAME`
    public func text(name: (EndpointID) -> String) -> String {
        let places =
            if from == 0 { "at \(to)" } else if to == 0 { "from \(from)" } else { "\(from) → \(to)" }
        return "\(places), \(cause.text(name: name))"
    }
}

extension RankChangeCause {
    /// `22 % faster than NAME`
    public func text(name: (EndpointID) -> String) -> String {
        let other = other.map(name) ?? ""
        return switch kind {
        case .faster: "\(Int((share ?? 0) * 100 + 0.5)) % faster than \(other)"
        case .slower: "slower than \(other)"
        case .preferred: "\(other) declines what it is asked"
        case .declining: "declines what it is asked"
        case .unavailable: "could not be used"
        case .recovered: "can be used again"
        case .displaced: "\(other) moved"
        case .moved: "moved by hand"
        case .pinned: "pinned"
        case .unpinned: "unpinned"
        case .enabled: "enabled"
        case .disabled: "disabled"
        case .added: "added"
        case .removed: "removed"
        case .reordered: "new order"
        case .sorted: "sorted"
        case .autoSort: "auto-sort switched"
        case .settings: "settings changed"
        }
    }
}
