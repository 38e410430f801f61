internal import LLMWire
internal import NIOCore
internal import Ranking
internal import Support
internal import Verdicts

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
    /// What the answer, or its absence, means; nil where nothing is to be said against it.
    var verdict: Verdict?
    /// When it first said something; nil where it was not looked into.
    private(set) var firstContent: NIODeadline?
    /// When it last did.
    private(set) var lastContent = NIODeadline.uptimeNanoseconds(0)
    /// How fast it was written; nil where that is not known.
    var tokensPerSecond: Float?
    /// The answer's beginning has been reported.
    var wasAnswered = false
    /// With the time that the endpoint is measured by.
    var wasMeasured = false
    /// When the first byte of the request was written to the present connection.
    var headWritten = NIODeadline.uptimeNanoseconds(0)
    /// Of its head and body, as they are before encryption.
    var bytesSent = 0

    var forwardsClientCredential: Bool { upstream?.forwardsClientCredential ?? false }

    var timeToFirstByte: Duration? {
        guard let requestWritten, let firstByte else { return nil }
        return Duration(firstByte - requestWritten)
    }

    var timeToFirstContent: Duration? {
        guard let requestWritten, let firstContent else { return nil }
        return Duration(firstContent - requestWritten)
    }

    @inline(__always)
    func contentCame(at now: NIODeadline) {
        if firstContent == nil { firstContent = now }
        lastContent = now
    }

    /// From the first content to the last; nil where there was none.
    var secondsOfContent: Double? {
        firstContent.map { Double((lastContent - $0).nanoseconds) * 1e-9 }
    }

    /// Whether the outcome says something about the endpoint.
    func isEvidence(_ outcome: AttemptOutcome, of operation: LLMOperation) -> Bool {
        if outcome == .neutral { return false }
        guard let verdict else { return operation.isInference }
        return verdict.endpoint != .nothing || (operation.isInference && verdict.reason != .clientsCredential)
    }

    func choose(_ upstream: Upstream, _ url: UpstreamURL) {
        self.upstream = upstream
        self.url = url
    }

    func begin(now: NIODeadline) {
        isRunning = true
        started = now
        wasAnswered = false
        wasMeasured = false
        restart()
    }

    /// The request goes to the same endpoint once more, on another connection.
    func restart() {
        requestWritten = nil
        firstByte = nil
        firstContent = nil
        tokensPerSecond = nil
        status = nil
        if verdict != nil { verdict = nil }
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
        guard request.teaches, request.conversion == nil, let asked = request.openAIAPI, let status else { return nil }
        switch outcome {
        case .success, .declined: break
        case .failure, .rateLimited, .timedOut, .misconfigured, .neutral: return nil
        }
        return APIDetection(asked, status: status, saysUnknownPath: verdict?.endpoint == .pathUnknown)
    }
}
