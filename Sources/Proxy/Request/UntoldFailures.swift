internal import Ranking
internal import Verdicts

/// Failed attempts that the ranking has not been told of yet: while all attempts of a request failed in the same way, the request may be to
/// blame, and no endpoint is.
struct UntoldFailures {
    private var reports: [AttemptReport] = []

    var isEmpty: Bool { reports.isEmpty }

    /// Another request begins.
    mutating func begin() {
        if !reports.isEmpty { reports = [] }
    }

    /// An attempt has failed in a way that the request may have brought about.
    mutating func append(_ report: AttemptReport) { reports.append(report) }

    /// Whether the request may have brought a failure about, and has met nothing else so far.
    func mayBeRequests(_ outcome: AttemptOutcome, of attempt: CurrentAttempt, isCommitted: Bool) -> Bool {
        guard attempt.verdict?.mayBeRequests == true else { return false }
        // After the commit point no other endpoint is asked.
        if case .failure = outcome, isCommitted { return false }
        guard let first = reports.first else { return true }
        return ErrorKind(first.outcome, status: first.status) == ErrorKind(outcome, status: attempt.status)
    }

    /// Whether an attempt says something about the failures before it.
    static func settles(_ outcome: AttemptOutcome) -> Bool {
        switch outcome {
        // It says nothing about the request.
        case .neutral, .rateLimited, .timedOut: false
        case .failure(let kind): !kind.isUnreachable
        case .success, .declined, .misconfigured: true
        }
    }

    /// Tells the ranking of them, and forgets them.
    ///
    /// - Parameter failedEverywhere: no endpoint that the request was sent to did otherwise
    mutating func tell(of request: CurrentRequest, failedEverywhere: Bool, on loop: LoopContext) {
        let fingerprint = failedEverywhere ? request.fingerprint : nil
        for var report in reports {
            report.failedEverywhere = fingerprint
            loop.events.attemptFinished(report)
        }
        reports = []
    }
}
