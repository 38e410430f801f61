internal import PureSupport
public import Ranking

/// What was measured of an answer besides its first byte. A few plain numbers, since it is made for every attempt.
public struct AnswerFigures: Sendable, Equatable {
    private let contentNanoseconds: Int64
    private let speed: Float

    /// As its parts; nil is what is not known.
    public init(timeToFirstContent: Duration? = nil, tokensPerSecond: Float? = nil) {
        contentNanoseconds = timeToFirstContent.map { max(0, $0.wholeNanoseconds) } ?? -1
        speed = tokensPerSecond ?? -1
    }

    /// From the whole request being sent to the first thing that a user sees, of an answer that is no stream to its end; nil where none
    /// came, before that, or where the answer could not be looked into.
    public var timeToFirstContent: Duration? { contentNanoseconds < 0 ? nil : .nanoseconds(contentNanoseconds) }

    /// How fast a stream was written, once it had begun.
    public var tokensPerSecond: Double? { speed < 0 ? nil : Double(speed) }
}

/// What is known of an answer when it has begun and goes on.
public struct AnswerBeginning: Sendable, Equatable {
    /// From the whole request being sent to the first byte of the answer; nil where it came before that.
    public let timeToFirstByte: Duration?
    /// What the endpoint is measured by; nil where that is not known before the end.
    public let sample: ResponseSample?

    /// As its parts.
    public init(_ timeToFirstByte: Duration?, _ sample: ResponseSample?) {
        self.timeToFirstByte = timeToFirstByte
        self.sample = sample
    }
}
