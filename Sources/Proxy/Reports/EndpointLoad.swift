internal import Synchronization

/// How many requests run at one endpoint. It outlives changes of the endpoint's settings, each of which makes a new
/// `Upstream`.
public final class EndpointLoad: Sendable {
    private let running = Atomic<Int>(0)

    /// Nothing runs.
    public init() {}

    /// Attempts that have begun and not ended.
    public var requests: Int { max(0, running.load(ordering: .relaxed)) }

    func attemptStarted() { running.wrappingAdd(1, ordering: .relaxed) }

    func attemptEnded() { running.wrappingSubtract(1, ordering: .relaxed) }
}
