public import Ranking

/// The ranking as one immutable snapshot: each request walks the candidates in order.
///
/// Build one per ranking change, not per request. It lists what may be tried now: open breakers, disabled and
/// misconfigured endpoints are left out.
public final class RoutingTable: Sendable {
    /// In the order to try them.
    public let candidates: [Candidate]
    /// What is switched on and not to be tried now, in the order of the ranking: where no candidate can answer a request, one of these may
    /// be worth an early trial (`ProxyEvents.tryEarly`), and a refusal can say why each of them was not asked.
    public let absent: [AbsentEndpoint]
    /// When the first of the endpoints left out may be tried again: `Retry-After` of a 503. nil: nothing is known.
    public let earliestRecovery: ContinuousClock.Instant?
    /// The APIs that any endpoint has a URL for, those that are left out included: what is asked beyond them is no outage.
    public let served: ServedAPIs
    /// Whether any candidate is not to be asked for some model: as long as none is, no request has to be looked at for its model.
    public let hasModelLimits: Bool
    /// Whether any endpoint is asked for some models alone, or by other names: as long as none is, no request has to be read before one is
    /// chosen.
    let hasModelRules: Bool
    /// Whether any endpoint is asked for requests of other APIs.
    let converts: Bool
    /// How often an operator has changed the order: sessions that came to their endpoint before the last time follow the order.
    public let operatorOrder: UInt64
    /// Whether requests may have another endpoint to go to, now or when one of those left out comes back.
    public var hasChoice: Bool { candidates.count + absent.count > 1 }
    /// Rises with each table that its maker makes. Two threads may publish two tables in the wrong order: by this number
    /// the server keeps the newer one.
    public let version: UInt64

    /// A snapshot with these candidates.
    ///
    /// - Parameters:
    ///   - served: nil: what the candidates serve
    ///   - operatorOrder: rises with each change that an operator makes to the order
    ///   - version: 0 suits a caller that publishes its tables one after the other
    public init(
        candidates: [Candidate], absent: [AbsentEndpoint] = [], earliestRecovery: ContinuousClock.Instant? = nil,
        served: ServedAPIs? = nil, operatorOrder: UInt64 = 0,
        version: UInt64 = 0
    ) {
        self.version = version
        self.operatorOrder = operatorOrder
        self.candidates = candidates
        self.absent = absent
        hasModelLimits = candidates.contains { !$0.limitedModels.isEmpty }
        hasModelRules =
            candidates.contains { $0.upstream.modelRules != nil } || absent.contains { $0.upstream.modelRules != nil }
        converts =
            candidates.contains { $0.upstream.conversion != nil } || absent.contains { $0.upstream.conversion != nil }
        self.earliestRecovery = earliestRecovery
        self.served =
            served
            ?? candidates.reduce(into: []) { served, candidate in
                served.formUnion(
                    ServedAPIs(
                        any: candidate.upstream.anyURL != nil,
                        anthropic: candidate.upstream.anthropicURL != nil || candidate.upstream.conversion != nil,
                        openAI: candidate.upstream.openAIURL != nil))
            }
    }
}

/// An endpoint that a routing table leaves out.
public struct AbsentEndpoint: Sendable {
    /// Where it would be asked.
    public let upstream: Upstream
    /// Why it is not, as of when the table was made: a time out may have become longer since.
    public let availability: Availability

    /// As its parts.
    public init(upstream: Upstream, availability: Availability) {
        self.upstream = upstream
        self.availability = availability
    }
}

/// The APIs that there is a URL for.
public struct ServedAPIs: OptionSet, Sendable {
    /// One bit an API.
    public let rawValue: UInt8

    /// Anthropic's.
    public static let anthropic = ServedAPIs(rawValue: 1)
    /// OpenAI's.
    public static let openAI = ServedAPIs(rawValue: 2)
    /// Every other path.
    public static let other = ServedAPIs(rawValue: 4)

    /// From its bits.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// What the three URLs of an endpoint serve.
    public init(any: Bool, anthropic: Bool, openAI: Bool) {
        self = any ? [.anthropic, .openAI, .other] : []
        if anthropic { insert(.anthropic) }
        if openAI { insert(.openAI) }
    }

    /// The one that a request asks.
    public init(_ api: RequestAPI) {
        switch api {
        case .anthropic: self = .anthropic
        case .openAI: self = .openAI
        case .other: self = .other
        }
    }
}

/// One endpoint of a routing table.
public struct Candidate: Sendable {
    /// Which requests may use the endpoint now.
    public enum Gate: Sendable, Equatable {
        case open
        /// Half-open breaker: `ProxyEvents.admitHalfOpen` decides for each request.
        case halfOpen
    }

    /// Where to send the request.
    public let upstream: Upstream
    /// Which requests may use it now.
    public let gate: Gate
    /// The operator has given it its rank: a session that is behind it does not stay there.
    public let isPinned: Bool

    /// The models that it is not to be asked for now. When a time out of a model ends, a new table is published.
    public let limitedModels: [LimitedModel]

    /// Open and free to move unless said otherwise.
    public init(
        upstream: Upstream, gate: Gate = .open, limitedModels: [LimitedModel] = [], isPinned: Bool = false
    ) {
        self.upstream = upstream
        self.gate = gate
        self.isPinned = isPinned
        self.limitedModels = limitedModels
    }

    /// Why it is not to be asked for the model; nil where it may be.
    func limit(on model: String) -> LimitedModel? {
        limitedModels.isEmpty ? nil : limitedModels.first { $0.name == model }
    }
}
