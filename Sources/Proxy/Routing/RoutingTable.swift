/// The ranking as one immutable snapshot: each request walks the candidates in order.
///
/// Build one per ranking change, not per request. It lists what may be tried now: open breakers, disabled and
/// misconfigured endpoints are left out.
public final class RoutingTable: Sendable {
    /// In the order to try them.
    public let candidates: [Candidate]
    /// When the first of the endpoints left out may be tried again: `Retry-After` of a 503. nil: nothing is known.
    public let earliestRecovery: ContinuousClock.Instant?

    /// A snapshot with these candidates.
    public init(candidates: [Candidate], earliestRecovery: ContinuousClock.Instant? = nil) {
        self.candidates = candidates
        self.earliestRecovery = earliestRecovery
    }
}

/// One endpoint of a routing table.
public struct Candidate: Sendable {
    /// Who may use the endpoint now.
    public enum Gate: Sendable, Equatable {
        case open
        /// Half-open breaker: `ProxyEvents.admitProbation` decides for each request.
        case probation
    }

    /// Where to send the request.
    public let upstream: Upstream
    /// Who may use it now.
    public let gate: Gate

    /// Open unless said otherwise.
    public init(upstream: Upstream, gate: Gate = .open) {
        self.upstream = upstream
        self.gate = gate
    }
}
