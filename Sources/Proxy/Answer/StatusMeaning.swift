internal import HTTPWire
internal import Ranking
internal import Support

/// What the status of an answer, and the outcome of an attempt, say about the endpoint and about the request.
enum StatusMeaning {
    /// The endpoint does not accept the credential, or its account.
    static func refusesCredential(_ status: Int) -> Bool { status == 401 || status == 402 || status == 403 }

    /// Whether it matters if there is another endpoint to go to.
    static func mayBeTheAnswer(_ status: Int) -> Bool {
        switch status {
        case 401, 402, 403, 408, 413, 429, 504: true
        default: false
        }
    }

    /// Statuses that say "not here" rather than "not like this". 520 to 530 are a gateway's words for what stands behind it; how long a
    /// request may be is each endpoint's own rule.
    static func callsForFailover(_ status: Int) -> Bool {
        switch status {
        case 401, 402, 403, 408, 413, 429, 500, 502, 503, 504, 520...530: true
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
        case .success, .rateLimited, .timedOut, .misconfigured, .declined: kind != .lookup
        case .neutral: false
        }
    }

    /// Whether the request itself may have brought the failure about: then it may meet the same at every endpoint.
    static func mayBeRequests(_ outcome: AttemptOutcome) -> Bool {
        switch outcome {
        case .failure(let kind): !kind.isUnreachable
        case .misconfigured: true
        case .success, .rateLimited, .timedOut, .declined, .neutral: false
        }
    }
}

/// Tells "there is no such path here" from "there is no such model here": both are 404.
///
/// What is learned from it is kept, so it has to be said in so many words.
enum UnknownPath {
    /// Longer answers are judged by their beginning.
    private static let limit = 4096

    private static let sayings: [StaticString] = [
        "not found", "not_found", "invalid url", "unknown path", "unknown endpoint", "unknown request url",
        "unrecognized request url",
        "cannot post", "no route", "no such route", "page not found", "does not exist",
    ]
    /// What else may be missing.
    private static let otherThings: [StaticString] = [
        "model", "deployment", "organization", "project", " id ", "_id", "resp_", "conversation", "prompt",
    ]

    /// - Parameters:
    ///   - status: 404 or 405
    ///   - body: the beginning of the answer's body, nil where it cannot be read
    static func isMeant(status: Int, body: UnsafeRawBufferPointer?) -> Bool {
        // 405 is about the method, and these paths are for POST.
        guard status == 404 else { return status == 405 }
        guard let body else { return false }
        guard !body.isEmpty else { return true }
        let beginning = body.slice(0..<min(body.count, limit))
        return sayings.contains { beginning.containsIgnoringCase($0) }
            && !otherThings.contains { beginning.containsIgnoringCase($0) }
    }
}

extension UnsafeRawBufferPointer {
    /// - Parameter lowercased: ASCII
    fileprivate func containsIgnoringCase(_ lowercased: StaticString) -> Bool {
        let length = lowercased.utf8CodeUnitCount
        guard count >= length else { return false }
        return (0...count - length).contains { start in
            (0..<length).allSatisfy { index in
                ASCII.lowercased(self[start + index]) == lowercased.utf8Start[index]
            }
        }
    }
}
