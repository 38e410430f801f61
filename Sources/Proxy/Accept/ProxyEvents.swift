public import Ranking

/// What the data path tells its owner. Every closure is called on event loops and has to be cheap and must not block.
public struct ProxyEvents: Sendable {
    /// The first byte of a usable answer that goes on: endpoint, time from the request to it, now. Not called where the
    /// answer is complete by then; at most once for an attempt, which `AttemptReport.wasAnswered` repeats.
    public var attemptAnswered: @Sendable (EndpointID, Duration, ContinuousClock.Instant) -> Void
    /// An attempt ended and its request goes on; one that ends with its request is the report's `concludingAttempt`.
    public var attemptFinished: @Sendable (AttemptReport) -> Void
    /// A client's request was read.
    public var requestStarted: (@Sendable () -> Void)?
    /// A client's request ended; exactly once for each that was read.
    public var requestFinished: @Sendable (RequestReport) -> Void
    /// May this request try an endpoint whose breaker is half open? `true` takes the only place; the attempt's
    /// report gives it back.
    public var admitHalfOpen: @Sendable (EndpointID) -> Bool
    /// A client was refused before it had made a request (garbage, limits, connection cap).
    public var clientRejected: @Sendable (ClientRejection) -> Void

    /// Closures left out do nothing; `admitHalfOpen` admits.
    public init(
        attemptAnswered: @escaping @Sendable (EndpointID, Duration, ContinuousClock.Instant) -> Void = { _, _, _ in },
        attemptFinished: @escaping @Sendable (AttemptReport) -> Void = { _ in },
        requestStarted: (@Sendable () -> Void)? = nil,
        requestFinished: @escaping @Sendable (RequestReport) -> Void = { _ in },
        admitHalfOpen: @escaping @Sendable (EndpointID) -> Bool = { _ in true },
        clientRejected: @escaping @Sendable (ClientRejection) -> Void = { _ in }
    ) {
        self.attemptAnswered = attemptAnswered
        self.attemptFinished = attemptFinished
        self.requestStarted = requestStarted
        self.requestFinished = requestFinished
        self.admitHalfOpen = admitHalfOpen
        self.clientRejected = clientRejected
    }
}

/// A client connection that was refused before a request could be read from it.
public struct ClientRejection: Sendable, Equatable {
    /// Without port.
    public let clientAddress: String
    /// What was answered: 400, 408, 414, 431, 501, 503, 505.
    public let status: Int
    /// A fixed text that never repeats the client's bytes.
    public let reason: String
}
