public import Limits
public import Ranking
internal import Support

/// An endpoint whose turn came and that one request did not ask, though others may ask it.
///
/// This says nothing about the endpoint's health: no breaker and no rank learns of it. `podium explain` tells the reason.
///
/// To add a reason: a case here with its words, and a look in `Failover.mayAsk`, which costs nothing for endpoints that have no such
/// condition.
public struct PassedOver: Sendable, Equatable {
    /// Why it was not asked.
    public enum Reason: Sendable, Equatable {
        /// It has said that it does not know the path.
        case pathUnknown
        /// It is not asked for the model (`models`).
        case modelNotServed
        /// It has none of the tags that the request's client may use, or not the one that the request names.
        case untagged
        /// The request's client may not use it (`endpoints`).
        case notForClient
        /// The request's client may not ask for the model (`models`), at any endpoint.
        case modelNotAllowed
        /// It is of another API, in which the request cannot be said.
        case notConvertible
        /// As many requests run there as `max_in_flight` allows, or others wait for its next place.
        case full(limit: Int)
        /// A limit is used up until then, in seconds since 1970.
        case limited(LimitLedger.Kind, until: Int64)
        /// It is asked again from then on, in seconds since 1970.
        case inactive(until: Int64)
    }

    /// Which endpoint.
    public let endpoint: EndpointID
    /// Why it was not asked.
    public let reason: Reason

    /// As its parts.
    public init(_ endpoint: EndpointID, _ reason: Reason) {
        self.endpoint = endpoint
        self.reason = reason
    }
}

extension PassedOver.Reason {
    /// In a few words, for explanations and for the message of a 503.
    public var text: String {
        switch self {
        case .pathUnknown: "does not know the path"
        case .modelNotServed: "is not asked for the model"
        case .untagged: "has no tag that the request may use"
        case .notForClient: "the client may not use it"
        case .modelNotAllowed: "the client may not ask for the model"
        case .notConvertible: "the request cannot be converted for it"
        case .full(let limit): "full: \(limit) of \(limit) requests in flight"
        case .limited(let kind, let until): "\(kind.rawValue) used up until \(Self.time(until))"
        case .inactive(let until): "not active until \(Self.time(until))"
        }
    }

    /// When that is over, in seconds since 1970, where it is known.
    public var until: Int64? {
        switch self {
        case .pathUnknown, .modelNotServed, .untagged, .notForClient, .modelNotAllowed, .notConvertible, .full: nil
        case .limited(_, let until), .inactive(let until): until
        }
    }

    private static func time(_ unixTime: Int64) -> String {
        let time = CivilTime(unixTime: Int(unixTime))
        return "\(time.date) \(time.clock) UTC"
    }
}
