internal import Configuration
internal import Persistence
internal import PodiumModel
internal import Ranking

/// What a snapshot needs of one endpoint, as the engine's state has it. Read under the lock, where only what has to be of
/// one moment is taken; the texts and figures of a ``Snapshot/Endpoint`` are made of it afterwards.
struct EndpointReading: Sendable {
    /// Outlives renames and rank changes.
    var id: EndpointID
    /// Raised with each operator-visible change.
    var revision: UInt64
    /// 1 is tried first.
    var rank: Int
    /// As the file has them, `${NAME}` unexpanded.
    var settings: EndpointSettings
    /// Whether requests may be sent.
    var availability: Availability
    /// Why it cannot be used as configured; nil when it can.
    var misconfiguration: String?
    /// What of it holds in memory alone, because the file has no place that could be edited for it, and why.
    var notInFile: String?
    /// Why it has its rank; nil beyond the first few hundred endpoints.
    var explanation: RankExplanation?
    /// Ranks gained (positive) or lost when it last moved, within a minute; 0 after that.
    var movement: Int
    /// The last minute in figures.
    var traffic: TrafficSummary
    /// Requests being served now.
    var inFlight: Int
    /// Successes in a row up to now.
    var successStreak: Int
    /// Whether any request or probe has ended well since start.
    var hasAnswered: Bool
    /// Failed attempts since start, by what they failed by; kinds that did not occur are left out.
    var errors: [ErrorKind: UInt64]
    /// Seconds since 1970, and what happened.
    var lastError: (time: Double, text: String)?
}

extension EndpointReading {
    /// What could not be written, in words, by endpoint.
    static func byEndpoint(_ unwritten: [UnwrittenChange]) -> [EndpointID: String] {
        var texts: [EndpointID: String] = [:]
        for change in unwritten {
            guard let id = change.endpoint.map({ EndpointID($0) }) else { continue }
            texts[id] = [texts[id], change.description].compactMap(\.self).joined(separator: "; ")
        }
        return texts
    }

    /// Above this multiple of what is usual for it, an endpoint that works counts as slow.
    private static let slowFactor = 2.0

    /// Availability, speed and configuration in one.
    var state: Snapshot.Endpoint.State {
        if misconfiguration != nil, settings.enabled {
            return .misconfigured
        }
        switch availability {
        case .disabled: return .off
        case .open, .halfOpen: return .down
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
