/// What attempts fail by, for counters: a closed set, whatever statuses and proxies there are.
public enum ErrorKind: String, Sendable, Hashable, CaseIterable {
    /// The name is not known.
    case name
    /// Refused or unreachable.
    case connect
    /// The proxy on the way there.
    case proxy
    case tls
    case timeout
    /// Closed before an answer came.
    case closed
    case malformed
    /// The answer broke off after it had begun.
    case broken
    /// 5xx, and 503 and 529 without a time to wait.
    case serverError = "server_error"
    /// 429.
    case rateLimited = "rate_limited"
    /// 503 or 529 with a time to wait.
    case overloaded
    /// 401, 402 or 403.
    case credential
    /// 408.
    case requestTimeout = "request_timeout"

    /// nil for an outcome that is no error.
    public init?(_ outcome: AttemptOutcome, status: Int?) {
        switch outcome {
        case .success, .declined, .neutral: return nil
        case .misconfigured: self = .credential
        case .rateLimited: self = status == 429 ? .rateLimited : .overloaded
        case .failure(let kind):
            switch kind {
            case .nameResolution: self = .name
            case .connect: self = .connect
            case .proxy: self = .proxy
            case .tlsFailure: self = .tls
            case .timeout: self = .timeout
            case .closed: self = .closed
            case .badResponse: self = .malformed
            case .brokenStream: self = .broken
            case .status(429): self = .rateLimited
            case .status(408): self = .requestTimeout
            case .status: self = .serverError
            }
        }
    }
}
