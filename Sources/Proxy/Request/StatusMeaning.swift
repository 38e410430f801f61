internal import Ranking

/// What the status of an answer, and the outcome of an attempt, say about the endpoint and about the request.
enum StatusMeaning {
    /// The endpoint does not accept the credential, or its account.
    static func refusesCredential(_ status: Int) -> Bool { status == 401 || status == 402 || status == 403 }

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
