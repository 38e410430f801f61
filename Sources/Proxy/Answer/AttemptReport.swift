public import Ranking

/// One attempt at one endpoint. Small and free of allocations: it is made for every request.
public struct AttemptReport: Sendable, Equatable {
    /// Which endpoint.
    public let endpoint: EndpointID
    /// What the ranking learns.
    public let outcome: AttemptOutcome
    /// nil when no response head came.
    public let status: Int?
    /// From the whole request being sent to the first byte of the response; nil when none came, or before that.
    public let timeToFirstByte: Duration?
    /// From the attempt's start to its end.
    public let duration: Duration
    /// When it ended.
    public var at: ContinuousClock.Instant { ended.instant }
    /// `ProxyEvents.attemptAnswered` was called for it: its answer began as a success and went on for a while.
    public let wasAnswered: Bool
    /// What the answer says about the OpenAI APIs the endpoint speaks; nil for all other requests.
    public let detection: APIDetection?

    /// Whether the outcome says something about the endpoint. It does not for requests that are no inference, unless the
    /// endpoint could not be reached, nor where a client's own credential was refused.
    public let isEvidence: Bool
    /// Names the request, where every endpoint that it was sent to failed in the same way.
    public internal(set) var failedEverywhere: UInt64?

    private let ended: ReportTime

    /// All parts given.
    public init(
        endpoint: EndpointID, outcome: AttemptOutcome, status: Int?, timeToFirstByte: Duration?, duration: Duration,
        at: ContinuousClock.Instant, wasAnswered: Bool = false, detection: APIDetection? = nil, isEvidence: Bool = true
    ) {
        self.init(
            endpoint: endpoint, outcome: outcome, status: status, timeToFirstByte: timeToFirstByte, duration: duration,
            ended: ReportTime(at), wasAnswered: wasAnswered, detection: detection, isEvidence: isEvidence)
    }

    init(
        endpoint: EndpointID, outcome: AttemptOutcome, status: Int?, timeToFirstByte: Duration?, duration: Duration,
        ended: ReportTime, wasAnswered: Bool, detection: APIDetection?, isEvidence: Bool
    ) {
        self.endpoint = endpoint
        self.outcome = outcome
        self.status = status
        self.timeToFirstByte = timeToFirstByte
        self.duration = duration
        self.ended = ended
        self.wasAnswered = wasAnswered
        self.detection = detection
        self.isEvidence = isEvidence
    }
}
