/// What one attempt at one endpoint taught the ranking.
public enum AttemptOutcome: Sendable, Equatable {
    /// A usable answer; `timeToFirstByte` runs from the whole request being sent to the first byte of the response. nil where
    /// that time says nothing about how fast the endpoint answers: for what is no inference, or was answered unheard.
    case success(timeToFirstByte: Duration?)
    /// The endpoint failed: connection, TLS, timeout, broken response, or a 5xx/408 status.
    case failure(FailureKind)
    /// 429, 503 or 529 that named a time to wait. Not a breaker failure.
    case rateLimited(retryAfter: Duration)
    /// 401, 402 or 403: the endpoint's credential is refused, or nothing is left on its account.
    case misconfigured(status: Int)
    /// A redirect or another 4xx: the request may be to blame, so it is neither a success nor a failure, and its time is none.
    case declined(status: Int)
    /// The client went away, or something else that says nothing about the endpoint.
    case neutral
}

/// Why an attempt failed, for counters and explanations.
public enum FailureKind: Sendable, Hashable {
    case nameResolution
    case connect
    /// The proxy through which the endpoint is reached.
    case proxy(ProxyFault)
    /// By reference: outcomes are copied for every request, and must hold nothing that has to be counted. Made by `tls(_:)`.
    case tlsFailure(TLSFault.Reference)
    case timeout
    case closed
    case badResponse
    case status(Int)
    /// The response broke off after it had begun.
    case brokenStream

    /// TLS failed, for this reason.
    public static func tls(_ fault: TLSFault) -> FailureKind { .tlsFailure(TLSFault.Reference(fault)) }

    /// The endpoint could not be reached at all, as against: it was reached and answered badly. No request can bring that about.
    public var isUnreachable: Bool {
        switch self {
        case .nameResolution, .connect, .proxy, .tlsFailure: true
        case .timeout, .closed, .badResponse, .status, .brokenStream: false
        }
    }
}
