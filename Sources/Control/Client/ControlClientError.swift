/// Why a request to the control API came to nothing.
public enum ControlClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nobody listens at the socket, or it may not be used.
    case unreachable(path: String, reason: String)
    /// Podium refused, and says why.
    case refused(ControlProblem)
    /// No answer in time. A write may have happened all the same.
    case timeout
    /// The other side went away in the middle of its answer. A write may have happened all the same.
    case disconnected
    /// The answer is not what this version understands.
    case unexpectedAnswer(String)
    /// The task was cancelled.
    case cancelled

    /// One line for the operator.
    public var description: String {
        switch self {
        case .unreachable(let path, let reason): "\(path): \(reason)"
        case .refused(let problem): problem.detail
        case .timeout: "no answer in time"
        case .disconnected: "the connection broke off"
        case .unexpectedAnswer(let reason): "an answer that this version does not understand: \(reason)"
        case .cancelled: "cancelled"
        }
    }
}
