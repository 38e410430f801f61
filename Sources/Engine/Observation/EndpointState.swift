internal import Configuration
internal import Ranking

/// What an operator wants to know of an endpoint in one word.
public enum EndpointState: String, Sendable, CaseIterable {
    /// Nothing is known of it yet.
    case untested
    case up
    /// Answers, but takes much longer than is usual for it.
    case slow
    case down
    case off
    case misconfigured
    /// Rate limited.
    case cooling
}

extension EndpointSnapshot {
    /// Above this multiple of what is usual for it, an endpoint that works counts as slow.
    private static let slowFactor = 2.0

    /// Availability, speed and configuration in one.
    public var state: EndpointState {
        if misconfiguration != nil, settings.enabled {
            return .misconfigured
        }
        switch availability {
        case .disabled: return .off
        case .open, .probation: return .down
        case .rateLimited: return .cooling
        case .misconfigured: return .misconfigured
        case .available:
            guard let time = explanation?.responseTime, !time.isPresumed, time.usual > .zero else {
                return hasAnswered ? .up : .untested
            }
            return time.average / time.usual > Self.slowFactor ? .slow : .up
        }
    }
}
