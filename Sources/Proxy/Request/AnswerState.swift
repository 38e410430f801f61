internal import HTTPWire

/// How an endpoint's answer goes to the client: how it is framed, what is held of it, and whether the connections outlive it.
///
/// A part of `ExchangeStateMachine`, which says when.
struct AnswerState {
    /// Most bytes of an event stream held while its first event is incomplete.
    private static let holdLimit = 64 * 1024

    /// How the body is framed towards the client.
    private(set) var framing = BodyFraming.none
    /// The answer is an event stream of which no event has come yet.
    var waitsForEvent = false
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
        /// It is an event stream that others than its reader understand.
        let isReadableStream: Bool
    }

    /// - Returns: the framing that the client's head names
    mutating func begin(_ head: Head, toHEAD: Bool, isHTTP11: Bool) -> BodyFraming {
        keepsUpstream = head.keepsAlive
        waitsForEvent = head.isReadableStream && head.status == 200 && head.framing != .none
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

    /// Whether readable bytes can be put into it: not into what is encoded or counted.
    ///
    /// - Parameter isReadableStream: it is an event stream that others than its reader understand
    func takesText(isReadableStream: Bool) -> Bool {
        isReadableStream && (framing == .chunked || framing == .untilClose)
    }

    enum Holding: UInt8 {
        case pass
        case hold
        /// What came before the first event is kept from the client as long as another endpoint may be asked instead.
        case holdIfOthersAreLeft
    }

    /// What is done with a piece of an answer of which nothing has gone to the client.
    ///
    /// - Parameters:
    ///   - isLast: the answer ends with it
    ///   - length: of all that would be held
    func holding(isLast: Bool, length: Int, canReplay: Bool) -> Holding {
        guard waitsForEvent else { return .pass }
        if isLast { return .hold }
        return length <= Self.holdLimit && canReplay ? .holdIfOthersAreLeft : .pass
    }
}
