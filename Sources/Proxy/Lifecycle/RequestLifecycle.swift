internal import Ranking

/// What happens next to one request, decided from what has happened so far. No sockets, no clock.
///
/// The commit point is the first byte of a response that goes to the client: before it everything can be tried again
/// elsewhere as long as the request can be replayed; after it a broken upstream is the client's error too.
struct RequestLifecycle {
    /// What to do after an upstream failed.
    enum Recovery: Equatable {
        /// A kept connection had died of age: the same endpoint on a new connection, without a word to the ranking.
        case retryOnFreshConnection
        case tryNextEndpoint
        /// Nothing was sent yet and the request is gone: answer 502.
        case answerBadGateway
        /// The client has part of the response.
        case breakResponse
    }

    /// What to do with a response head.
    enum Verdict: Equatable {
        /// Hold it until the commit point, then forward.
        case forward
        /// This endpoint did not do: go on with the next.
        case tryNextEndpoint
        /// The word in which a kept connection died of age, not an answer: the same endpoint on a new one.
        case retryOnFreshConnection
    }

    private(set) var requestIsComplete = false
    private var isKept = true
    private(set) var isCommitted = false
    private(set) var retriedOnFreshConnection = false
    /// At least one endpoint has failed, and every one that did refused the credential.
    private(set) var wasOnlyRefused = false
    private var failedOtherwise = false

    /// Whether the request may be sent once more, for which all that was read of it is kept.
    var canReplay: Bool { isKept && !isCommitted }

    /// The whole request has been read from the client.
    mutating func requestCompleted() { requestIsComplete = true }

    /// More of the request has been read than is kept.
    mutating func replayOverflowed() { isKept = false }

    /// The first byte of the response goes to the client.
    mutating func committed() { isCommitted = true }

    /// A new endpoint is tried.
    mutating func attemptStarted() { retriedOnFreshConnection = false }

    /// The upstream connection failed or answered nonsense.
    ///
    /// - Parameters:
    ///   - wasReused: the connection had served a request before
    ///   - sawResponse: at least one byte of a response came on it
    mutating func upstreamFailed(_ kind: FailureKind, wasReused: Bool, sawResponse: Bool) -> Recovery {
        guard !isCommitted else { return .breakResponse }
        guard canReplay else { return .answerBadGateway }
        if wasReused, !sawResponse, kind == .closed, !retriedOnFreshConnection {
            retriedOnFreshConnection = true
            return .retryOnFreshConnection
        }
        failedOtherwise = true
        wasOnlyRefused = false
        return .tryNextEndpoint
    }

    /// The other side has confirmed nothing of the request: it went out on a kept connection that leads nowhere any more.
    ///
    /// - Returns: whether a new connection may take the request over
    mutating func connectionWasStale() -> Bool {
        guard canReplay, !retriedOnFreshConnection else { return false }
        retriedOnFreshConnection = true
        return true
    }

    /// A final response head came.
    ///
    /// - Parameters:
    ///   - credentialIsClients: what was presented there is the client's own credential, so what it may not do is the client's
    ///     affair
    ///   - isLast: no other endpoint is left
    ///   - wasReused: the connection had served a request before
    ///   - isClients: the client's slowness brought it about
    mutating func responded(
        status: Int, credentialIsClients: Bool = false, isLast: Bool = false, wasReused: Bool = false,
        isClients: Bool = false
    ) -> Verdict {
        guard canReplay, Self.callsForFailover(status) else { return .forward }
        if isClients { return isLast ? .forward : .tryNextEndpoint }
        // Servers say 408 when they have waited long enough for a next request, which may be on its way (RFC 9110
        // §15.5.9).
        if status == 408, wasReused, !retriedOnFreshConnection {
            retriedOnFreshConnection = true
            return .retryOnFreshConnection
        }
        if credentialIsClients {
            switch status {
            case 401, 403: return .forward
            // Another endpoint may have a credential of its own; the last one's words help the client more than a 503.
            case 402, 429: return isLast ? .forward : .tryNextEndpoint
            default: break
            }
        }
        guard Self.refusesCredential(status) else {
            failedOtherwise = true
            wasOnlyRefused = false
            return .tryNextEndpoint
        }
        // What all of them refuse may well be the request: then their words help the client more than a 503.
        if !failedOtherwise && isLast { return .forward }
        wasOnlyRefused = !failedOtherwise
        return .tryNextEndpoint
    }

    private static func refusesCredential(_ status: Int) -> Bool { status == 401 || status == 402 || status == 403 }

    /// Whether it matters if there is another endpoint to go to.
    static func mayBeTheAnswer(_ status: Int) -> Bool {
        switch status {
        case 401, 402, 403, 408, 429, 504: true
        default: false
        }
    }

    /// Statuses that say "not here" rather than "not like this".
    static func callsForFailover(_ status: Int) -> Bool {
        switch status {
        case 401, 402, 403, 408, 429, 500, 502, 503, 504, 529: true
        default: false
        }
    }

    /// What a status teaches the ranking.
    ///
    /// - Parameters:
    ///   - timeToFirstByte: nil where it says nothing about how fast the endpoint is
    ///   - retryAfter: the wait the response named; one of nothing is none
    static func outcome(
        status: Int, timeToFirstByte: Duration?, retryAfter: Duration?, credentialIsClients: Bool = false
    ) -> AttemptOutcome {
        switch status {
        case 401 where credentialIsClients, 402 where credentialIsClients, 403 where credentialIsClients,
            429 where credentialIsClients:
            .declined(status: status)
        case 401, 402, 403: .misconfigured(status: status)
        case 429, 503, 529:
            if let retryAfter, retryAfter > .zero {
                .rateLimited(retryAfter: retryAfter)
            } else {
                .failure(.status(status))
            }
        case 408, 500...: .failure(.status(status))
        case ..<300: .success(timeToFirstByte: timeToFirstByte)
        default: .declined(status: status)
        }
    }

    /// Whether the outcome says something about the endpoint.
    static func isEvidence(_ outcome: AttemptOutcome, of kind: RequestKind, credentialIsClients: Bool) -> Bool {
        switch outcome {
        case .failure(let failure): kind != .lookup || failure.isUnreachable
        // The client may not do it, or the client's limit is used up.
        case .declined(let status) where credentialIsClients && (refusesCredential(status) || status == 429): false
        case .success, .rateLimited, .misconfigured, .declined: kind != .lookup
        case .neutral: false
        }
    }

    /// Whether the request itself may have brought the failure about: then it may meet the same at every endpoint.
    static func mayBeRequests(_ outcome: AttemptOutcome) -> Bool {
        switch outcome {
        case .failure(let kind): !kind.isUnreachable
        case .misconfigured: true
        case .success, .rateLimited, .declined, .neutral: false
        }
    }
}
