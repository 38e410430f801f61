internal import HTTPWire
internal import NIOCore
internal import Ranking
internal import Support

/// The way of one request from endpoint to endpoint: which of the routing table is next, and what became of those before.
///
/// `ClientConnection` has one, which each of its requests begins anew. Whether there is another attempt is decided by
/// `ExchangeStateMachine`; here is kept where it goes, and what the ranking, the report and the words of a 503 need to know of the last ones.
final class Failover {
    private var table: RoutingTable?
    private var next = 0
    /// Whether any endpoint of the table serves this API.
    private var foundURL = false
    /// An endpoint was skipped because it speaks the other OpenAI API.
    private var skippedAPI = false
    private(set) var firstAttempt: AttemptReport?
    private(set) var furtherAttempts: [AttemptReport] = []
    /// Failed attempts that have not been reported yet: while all of them failed in the same way, the request may be to blame.
    private var untold: [AttemptReport] = []
    /// The last attempt's report goes with the request's.
    private(set) var isConcludedByAttempt = false
    /// What became of the endpoints tried, for the message of a 503.
    private var failures: [(name: String, reason: String)] = []

    var tableVersion: UInt64? { table?.version }

    /// The endpoint that was asked last.
    var lastEndpoint: EndpointID? {
        furtherAttempts.isEmpty ? firstAttempt?.endpoint : furtherAttempts.last?.endpoint
    }

    func begin(_ table: RoutingTable) {
        self.table = table
        next = 0
        foundURL = false
        skippedAPI = false
        firstAttempt = nil
        isConcludedByAttempt = false
        if !furtherAttempts.isEmpty { furtherAttempts = [] }
        if !failures.isEmpty { failures = [] }
        if !untold.isEmpty { untold = [] }
    }

    /// The request has ended: lets go of the routing table, which others may have replaced long since.
    func end() { table = nil }

    // MARK: Where to

    enum Step {
        /// `attempt` names the endpoint.
        case ask
        /// The next endpoint is half-open, and is asked when the whole request is here.
        case waitForBody
        case exhausted
    }

    /// The next endpoint of the routing table that serves what `request` asks for.
    ///
    /// - Parameters:
    ///   - attempt: is given the endpoint
    ///   - halfOpen: what is done where it is half-open
    @inline(__always)
    func nextStep(
        of request: CurrentRequest, _ attempt: CurrentAttempt, halfOpen: ExchangeStateMachine.HalfOpen,
        on loop: LoopContext
    ) -> Step {
        guard let table else { return .exhausted }
        while next < table.candidates.count {
            let target = table.candidates[next].upstream
            let gate = table.candidates[next].gate
            next += 1
            guard let url = target.url(for: request.api) else { continue }
            if let api = request.openAIAPI, target.lacks == api {
                skippedAPI = true
                continue
            }
            foundURL = true
            if gate == .halfOpen {
                switch halfOpen {
                case .waitForBody:
                    next -= 1
                    return .waitForBody
                case .skipIfOthersAreLeft: if hasNext(for: request) { continue }
                case .ask: guard loop.events.admitHalfOpen(target.id) else { continue }
                }
            }
            attempt.choose(target, url)
            return .ask
        }
        return .exhausted
    }

    /// Whether an endpoint is left to ask, which may then still turn out to be half-open and busy.
    func hasNext(for request: CurrentRequest) -> Bool {
        guard let table else { return false }
        for candidate in table.candidates[next...] where candidate.upstream.url(for: request.api) != nil {
            if request.openAIAPI == nil || candidate.upstream.lacks != request.openAIAPI { return true }
        }
        return false
    }

    // MARK: What became of an attempt

    /// Records an attempt, and tells the ranking of it where it is about the endpoint and not perhaps about the request.
    ///
    /// - Parameters:
    ///   - concludes: the request ends with it, and its report with the request's
    ///   - isCommitted: the client has part of the answer, so no other endpoint is asked
    func finish(
        _ attempt: CurrentAttempt, at upstream: Upstream, of request: CurrentRequest, _ outcome: AttemptOutcome,
        reason: String?, concludes: Bool, isCommitted: Bool, end: Moment, on loop: LoopContext
    ) {
        if let reason { failures.append((upstream.name, reason)) }
        let isEvidence = StatusMeaning.isEvidence(
            outcome, of: request.kind, credentialIsClients: upstream.forwardsClientCredential)
        let isAlike = isEvidence && mayBeRequests(outcome, status: attempt.status, isCommitted: isCommitted)
        let isEverywhere = concludes && isAlike && !hasNext(for: request)
        // Made once and where it stays, as far as possible: it is long to copy.
        let report = AttemptReport(
            endpoint: upstream.id, outcome: outcome, status: attempt.status,
            timeToFirstByte: attempt.timeToFirstByte, duration: Duration(end.deadline - attempt.started),
            ended: end.report, wasAnswered: attempt.wasAnswered, detection: attempt.detection(of: request, outcome),
            isEvidence: isEvidence, failedEverywhere: isEverywhere ? request.fingerprint : nil)
        if concludes {
            tellUntold(of: request, failedEverywhere: isEverywhere, on: loop)
        } else if isAlike {
            untold.append(report)
        } else {
            if Self.settles(outcome) { tellUntold(of: request, failedEverywhere: false, on: loop) }
            loop.events.attemptFinished(report)
        }
        isConcludedByAttempt = concludes
        if firstAttempt == nil { firstAttempt = report } else { furtherAttempts.append(report) }
    }

    /// Whether the request may have brought a failure about, and has met nothing else so far.
    private func mayBeRequests(_ outcome: AttemptOutcome, status: Int?, isCommitted: Bool) -> Bool {
        guard StatusMeaning.mayBeRequests(outcome) else { return false }
        // After the commit point no other endpoint is asked.
        if case .failure = outcome, isCommitted { return false }
        guard let first = untold.first else { return true }
        return ErrorKind(first.outcome, status: first.status) == ErrorKind(outcome, status: status)
    }

    /// Whether an attempt says something about the failures before it.
    private static func settles(_ outcome: AttemptOutcome) -> Bool {
        switch outcome {
        // It says nothing about the request.
        case .neutral, .rateLimited, .timedOut: false
        case .failure(let kind): !kind.isUnreachable
        case .success, .declined, .misconfigured: true
        }
    }

    /// Tells the ranking of the failures that were kept back.
    ///
    /// - Parameter failedEverywhere: no endpoint that the request was sent to did otherwise
    @inline(__always)
    func tellUntold(of request: CurrentRequest, failedEverywhere: Bool, on loop: LoopContext) {
        if !untold.isEmpty { tellAll(of: request, failedEverywhere: failedEverywhere, on: loop) }
    }

    private func tellAll(of request: CurrentRequest, failedEverywhere: Bool, on loop: LoopContext) {
        let fingerprint = failedEverywhere ? request.fingerprint : nil
        for var report in untold {
            report.failedEverywhere = fingerprint
            loop.events.attemptFinished(report)
        }
        untold = []
    }

    // MARK: No endpoint is left

    /// Endpoints that a 503 accounts for by name.
    private static let namedFailures = 8

    /// - Parameter wasOnlyRefused: every endpoint that was asked refused the credential
    func exhaustedAnswer(to request: CurrentRequest, wasOnlyRefused: Bool) -> LocalAnswer {
        if failures.isEmpty, skippedAPI, !foundURL, table?.earliestRecovery == nil, let asked = request.openAIAPI {
            // The truth about the path; a 503 would be tried again and again.
            let message =
                "no endpoint serves \(asked.path); they speak \(asked.other.path), "
                + "as their openai_preference says (auto forgets what was learned)"
            return LocalAnswer(status: 404, message: message)
        }
        if !foundURL, let served = table?.served, !served.isEmpty, !served.contains(ServedAPIs(request.api)) {
            return LocalAnswer(status: 404, message: "no endpoint has a URL for this path")
        }
        // Their own words were let go while there still seemed to be another endpoint.
        if wasOnlyRefused {
            return LocalAnswer(status: 502, message: "every endpoint refused this request (\(failureList))")
        }
        let message: String
        if !failures.isEmpty {
            message = "no endpoint could answer (\(failureList))"
        } else if !foundURL, table?.candidates.isEmpty == false {
            // Those that are out or switched off are not in the table, whatever they serve.
            message = "no endpoint that has a URL for this API is available"
        } else {
            message = "no endpoint is available"
        }
        return LocalAnswer(status: 503, message: message, retryAfter: retryAfter)
    }

    private var failureList: String {
        var list = failures.prefix(Self.namedFailures).map { "\($0.name): \($0.reason)" }
        let unnamed = failures.count - list.count
        if unnamed > 0 { list.append("and \(unnamed) more") }
        return list.joined(separator: "; ")
    }

    /// Whole seconds until the first endpoint may be tried again: of those left out, or of those just tried.
    private var retryAfter: Int? {
        let now = ContinuousClock.now
        var waits: [Duration] = []
        if let recovery = table?.earliestRecovery { waits.append(recovery - now) }
        if let firstAttempt {
            for attempt in [firstAttempt] + furtherAttempts {
                if case .rateLimited(let wait) = attempt.outcome { waits.append(wait - (now - attempt.at)) }
            }
        }
        guard let shortest = waits.min() else { return 1 }
        let components = shortest.components
        return max(1, Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0))
    }
}

/// The attempt at one endpoint that is under way, if there is one.
final class CurrentAttempt {
    /// The endpoint that is asked; nil between attempts.
    private(set) var upstream: Upstream?
    private(set) var url: UpstreamURL?
    private(set) var isRunning = false
    private(set) var started = NIODeadline.uptimeNanoseconds(0)
    /// When the endpoint had been sent the whole request, whatever time the client took for it.
    var requestWritten: NIODeadline?
    var firstByte: NIODeadline?
    var status: Int?
    /// A status that tells against the endpoint although the response is forwarded.
    var retryAfter: Duration?
    /// The answer's beginning has been reported.
    var wasAnswered = false
    /// A 404 or 405 that is about the path.
    var saysUnknownPath = false
    /// When the first byte of the request was written to the present connection.
    var headWritten = NIODeadline.uptimeNanoseconds(0)
    /// Of its head and body, as they are before encryption.
    var bytesSent = 0

    var forwardsClientCredential: Bool { upstream?.forwardsClientCredential ?? false }

    var timeToFirstByte: Duration? {
        guard let requestWritten, let firstByte else { return nil }
        return Duration(firstByte - requestWritten)
    }

    func choose(_ upstream: Upstream, _ url: UpstreamURL) {
        self.upstream = upstream
        self.url = url
    }

    func begin(now: NIODeadline) {
        isRunning = true
        started = now
        wasAnswered = false
        saysUnknownPath = false
        restart()
    }

    /// The request goes to the same endpoint once more, on another connection.
    func restart() {
        requestWritten = nil
        firstByte = nil
        status = nil
        retryAfter = nil
    }

    /// - Returns: the endpoint, if an attempt was under way
    func end() -> Upstream? {
        url = nil
        let upstream = upstream.take()
        guard isRunning else { return nil }
        isRunning = false
        return upstream
    }

    /// What the answer says about the OpenAI APIs that the endpoint speaks.
    func detection(of request: CurrentRequest, _ outcome: AttemptOutcome) -> APIDetection? {
        guard request.teaches, let asked = request.openAIAPI, let status else { return nil }
        switch outcome {
        case .success, .declined: break
        case .failure, .rateLimited, .timedOut, .misconfigured, .neutral: return nil
        }
        return APIDetection(asked, status: status, saysUnknownPath: saysUnknownPath)
    }
}
