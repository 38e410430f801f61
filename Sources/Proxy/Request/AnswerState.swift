internal import HTTPWire
internal import NIOCore

/// How an endpoint's answer goes to the client: how it is framed, what is held of it, and whether the connections outlive it.
///
/// A part of `ExchangeStateMachine`, which says when.
struct AnswerState {
    /// Most bytes that are held of an answer that says nothing yet. OpenAI's Responses begin with the request's instructions and tools,
    /// twice, and answers that are no stream come whole.
    static let holdLimit = 512 * 1024
    /// Most events that are held: announcements are a few, and pings come every some seconds.
    static let eventLimit = 1_000
    /// An event stream is held for so long at most, counted from when the endpoint had the whole request.
    static let timeLimit = TimeAmount.minutes(10)

    /// How the body is framed towards the client.
    private(set) var framing = BodyFraming.none
    /// Nothing that the client must have has come yet.
    var waitsForContent = false
    /// It is no success, and is read to find out why.
    private(set) var isRefusal = false
    /// The client's connection ends with it.
    var closesClient = false
    /// The endpoint's connection does not.
    var keepsUpstream = false

    /// What the endpoint's head says.
    struct Head {
        let status: Int
        let framing: BodyFraming
        /// The length that it names, whether or not a body of that length follows.
        let announcedLength: Int?
        let keepsAlive: Bool
        /// It is looked into, and held until it says something.
        let isJudged: Bool
    }

    /// Nothing is known of it.
    mutating func begins() {
        waitsForContent = false
        isRefusal = false
    }

    mutating func refusalBegins() { isRefusal = true }

    /// - Returns: the framing that the client's head names
    mutating func begin(_ head: Head, toHEAD: Bool, isHTTP11: Bool) -> BodyFraming {
        keepsUpstream = head.keepsAlive
        waitsForContent = head.isJudged
        isRefusal = false
        switch head.framing {
        case .none:
            framing = .none
            // What a GET would have got, or what the client has already.
            guard toHEAD || head.status == 304, let length = head.announcedLength else { return .none }
            return .length(length)
        case .length: framing = head.framing
        case .chunked, .untilClose: framing = isHTTP11 ? .chunked : .untilClose
        }
        return framing
    }

    /// The client has the head of another endpoint's stream, in chunks.
    mutating func continuesStream() { framing = .chunked }

    /// Whether readable bytes can be put into it: not into what is encoded or counted.
    ///
    /// - Parameter isReadableStream: it is an event stream that others than its reader understand
    func takesText(isReadableStream: Bool) -> Bool {
        isReadableStream && (framing == .chunked || framing == .untilClose)
    }

    /// Whether a piece of an answer of which nothing has gone to the client is kept from it.
    ///
    /// - Parameters:
    ///   - length: of all that would be held
    ///   - events: in it
    @inline(__always)
    func holds(length: Int, events: Int) -> Bool {
        waitsForContent && length <= Self.holdLimit && events <= Self.eventLimit
    }
}
