internal import PureSupport

/// What a time to an answer was measured of. A model that writes for a minute before it hands anything over is not slower than one that is
/// heard from its first word on, so figures of the two are never compared with each other.
public enum AnswerKind: UInt8, Sendable, CaseIterable {
    /// A stream of events: the time to its first content.
    case stream
    /// An answer that comes whole: the time to its end, since nothing of it can be used before.
    case whole

    /// The word of it in traces and in the control API.
    public var word: String {
        switch self {
        case .stream: "stream"
        case .whole: "whole"
        }
    }
}

/// How long an endpoint took for one answer, and of what kind the answer was. It is part of an outcome, which is copied for every request: a
/// few plain numbers and nothing that has to be counted or freed.
public struct ResponseSample: Sendable, Hashable {
    private let nanoseconds: Int64
    /// Tells the model that answered from others; 0 where it was not named.
    public let model: UInt32
    /// What was measured.
    public let kind: AnswerKind

    /// A time, never below zero.
    public init(_ time: Duration, kind: AnswerKind = .stream, model: UInt32 = 0) {
        nanoseconds = max(0, time.wholeNanoseconds)
        self.model = model
        self.kind = kind
    }

    /// From the whole request being sent on.
    public var time: Duration { .nanoseconds(nanoseconds) }

    var seconds: Double { Double(nanoseconds) * 1e-9 }
}

extension AttemptOutcome {
    /// The first content of a stream of a model that was not named came after this time; nil where nothing was measured.
    public static func success(timeToFirstByte time: Duration?) -> AttemptOutcome {
        .success(time.map { ResponseSample($0) })
    }
}
