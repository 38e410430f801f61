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

    /// A final response head came.
    ///
    /// - Parameters:
    ///   - credentialIsClients: what was presented there is the client's own credential, so its refusal is the client's
    ///     answer and no other endpoint's business
    ///   - isLast: no other endpoint is left
    ///   - wasReused: the connection had served a request before
    mutating func responded(
        status: Int, credentialIsClients: Bool = false, isLast: Bool = false, wasReused: Bool = false
    ) -> Verdict {
        guard canReplay, Self.callsForFailover(status) else { return .forward }
        // Servers say 408 when they have waited long enough for a next request, which may be on its way (RFC 9110
        // §15.5.9).
        if status == 408, wasReused, !retriedOnFreshConnection {
            retriedOnFreshConnection = true
            return .retryOnFreshConnection
        }
        guard Self.refusesCredential(status) else {
            failedOtherwise = true
            wasOnlyRefused = false
            return .tryNextEndpoint
        }
        // What all of them refuse may well be the request: then their words help the client more than a 503.
        if credentialIsClients || !failedOtherwise && isLast { return .forward }
        wasOnlyRefused = !failedOtherwise
        return .tryNextEndpoint
    }

    private static func refusesCredential(_ status: Int) -> Bool { status == 401 || status == 403 }

    /// Statuses that say "not here" rather than "not like this".
    static func callsForFailover(_ status: Int) -> Bool {
        switch status {
        case 401, 403, 408, 429, 500, 502, 503, 504, 529: true
        default: false
        }
    }

    /// What a status teaches the ranking. `retryAfter` is the wait the response named; one of nothing is none.
    static func outcome(
        status: Int, timeToFirstByte: Duration, retryAfter: Duration?, credentialIsClients: Bool = false
    ) -> AttemptOutcome {
        switch status {
        case 401 where credentialIsClients, 403 where credentialIsClients: .success(timeToFirstByte: timeToFirstByte)
        case 401, 403: .misconfigured(status: status)
        case 429, 503, 529:
            if let retryAfter, retryAfter > .zero {
                .rateLimited(retryAfter: retryAfter)
            } else {
                .failure(.status(status))
            }
        case 408, 500...: .failure(.status(status))
        default: .success(timeToFirstByte: timeToFirstByte)
        }
    }
}
