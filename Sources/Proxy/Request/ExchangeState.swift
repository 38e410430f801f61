internal import NIOCore

/// Where the connection is. The states from `received` to `delivering` are those in which a request runs.
///
///     idle ─────────► readingHead ──────► received ◄───────► choosing ◄───────────────┐
///      │                   │                                  │    │                  │ this endpoint did not do
///      │                   │                       new ┌──────┘    └──────┐ idle      │
///      │                   │                           ▼                  ▼ one       │
///      │                   │                      connecting ◄──────► awaitingHead ───┤
///      │                   │                           │   it was dead   ▲   │        │
///      │                   │                           └─► handshaking ──┘   ▼        │
///      │                   │                                             buffered ────┘
///      │                   │                                                 │ commit point
///      │                   ▼               ended ◄── delivering ◄──────── streaming
///      └─────────────► flushing ◄────────────┤
///                          ▼                 └─► idle
///                      lingering ──► closed
///
/// From `choosing` the request may go to `parked` and back, where no endpoint can be asked at the moment.
///
/// Every state in which a request runs may also become `ended` (Podium answers itself, the client goes, the proxy stops), and
/// all but the running ones may become `closed`, which happens when the channel has closed.
enum ExchangeState: UInt8, CaseIterable {
    /// Between requests; nothing of the next one has been read.
    ///
    /// Waits for: a request (`ExchangeWait.nextRequest`; on a new connection `requestHead`), or until a client that is behind takes
    /// something. Becomes: `readingHead`, `received`, `flushing`, `closed`.
    case idle
    /// Part of a head has been read.
    ///
    /// Waits for: the rest (`requestHead`). Becomes: `received`, `flushing` (refused), `closed`.
    case readingHead
    /// The head is here and no endpoint has been chosen; also while the only endpoint that is left is half-open, which is
    /// asked when the whole request is here.
    ///
    /// Waits for: the body (`requestBody`). Becomes: `choosing`, `ended`.
    case received
    /// An endpoint is being chosen; it is left within the call that entered it.
    ///
    /// Becomes: `received`, `parked`, `connecting`, `awaitingHead` (an idle connection takes the request), `ended`.
    case choosing
    /// No endpoint can be asked at the moment, and one may soon.
    ///
    /// Waits for: the time, or a new routing table. Becomes: `choosing`, `ended`.
    case parked
    /// A new connection to the endpoint is being made.
    ///
    /// Waits for: the endpoint (`connect`). Becomes: `handshaking`, `awaitingHead`, `choosing`, `connecting` (without the
    /// tunnel that its proxy refuses), `ended`.
    case connecting
    /// TLS with the endpoint is being set up.
    ///
    /// Waits for: the endpoint (`tlsHandshake`). Becomes: `awaitingHead`, `choosing`, `connecting`, `ended`.
    case handshaking
    /// The head has been sent, the body as far as it is here.
    ///
    /// Waits for: the client's body (`requestBody`), the endpoint to take it (`upload`), or the answer (`answerHead`).
    /// Becomes: `buffered`, `choosing`, `connecting` (the idle connection was dead), `ended`.
    case awaitingHead
    /// The answer's head is here, perhaps comments of an event stream; nothing has gone to the client, so another endpoint can
    /// still be asked.
    ///
    /// Waits for: the answer (`answerBody`). Becomes: `streaming`, `choosing`, `ended`.
    case buffered
    /// Behind the commit point: the client has the first byte, so nothing can be tried again.
    ///
    /// Waits for: the endpoint (`answerBody`), or the client to take what is here (`clientTakes`). Becomes: `delivering`,
    /// `ended`.
    case streaming
    /// The answer is complete and the kernel has not taken all of it.
    ///
    /// Waits for: the client (`clientTakes`). Becomes: `ended`.
    case delivering
    /// The request has been reported. What follows is decided in the same call; after an abort it is the channel's end.
    ///
    /// Becomes: `idle`, `flushing`, `closed`.
    case ended
    /// Nothing more will be said; what was said is on its way to the kernel. What still comes is thrown away.
    ///
    /// Waits for: the client (`clientTakes`). Becomes: `lingering`, `closed`.
    case flushing
    /// FIN has been said. The connection stays until the client closes, since closing first could destroy the answer on its
    /// way (RFC 9112 §9.6).
    ///
    /// Waits for: the client, for a while (`Lingering`). Becomes: `closed`.
    case lingering
    /// The channel has closed; nothing happens any more.
    case closed

    /// The table of the legal transitions.
    func canBecome(_ next: ExchangeState) -> Bool {
        switch self {
        case .idle: [.readingHead, .received, .flushing, .closed].contains(next)
        case .readingHead: [.received, .flushing, .closed].contains(next)
        case .received: [.choosing, .ended].contains(next)
        case .choosing: [.received, .parked, .connecting, .awaitingHead, .ended].contains(next)
        case .parked: [.choosing, .ended].contains(next)
        case .connecting: [.handshaking, .awaitingHead, .choosing, .connecting, .ended].contains(next)
        case .handshaking: [.awaitingHead, .choosing, .connecting, .ended].contains(next)
        case .awaitingHead: [.buffered, .choosing, .connecting, .ended].contains(next)
        case .buffered: [.streaming, .choosing, .ended].contains(next)
        case .streaming: [.delivering, .ended].contains(next)
        case .delivering: [.ended].contains(next)
        case .ended: [.idle, .flushing, .closed].contains(next)
        case .flushing: [.lingering, .closed].contains(next)
        case .lingering: [.closed].contains(next)
        case .closed: false
        }
    }

    /// Whether a request runs.
    var isRunning: Bool { rawValue >= ExchangeState.received.rawValue && rawValue <= ExchangeState.delivering.rawValue }

    /// Whether body bytes go to the endpoint as they come.
    var isFlowing: Bool {
        rawValue >= ExchangeState.awaitingHead.rawValue && rawValue <= ExchangeState.streaming.rawValue
    }

    // MARK: What follows from the state

    /// What is to be done with bytes that the client has sent.
    enum InputStep: UInt8 {
        case readHead
        /// The client does not take its answers, so it gets no more of them: they would pile up here.
        case waitForClient
        case readBody
        /// They belong to a later request.
        case waitForAnswer
        case discard
    }

    func inputStep(requestIsComplete: Bool, clientIsWritable: Bool) -> InputStep {
        switch self {
        case .idle, .readingHead: clientIsWritable ? .readHead : .waitForClient
        case .received, .choosing, .parked, .connecting, .handshaking, .awaitingHead, .buffered, .streaming,
            .delivering:
            requestIsComplete ? .waitForAnswer : .readBody
        case .ended, .flushing, .lingering, .closed: .discard
        }
    }

    /// How much more is read from the client.
    enum InputLimit: UInt8 {
        case none
        case nothing
        /// Requests sent ahead, up to a limit.
        case pipeline
        /// As much as is kept of a body.
        case replay
        /// As fast as the endpoint takes it.
        case upstream
    }

    func inputLimit(requestIsComplete: Bool, clientIsWritable: Bool) -> InputLimit {
        switch self {
        case .idle, .readingHead: clientIsWritable ? .none : .nothing
        case .awaitingHead, .buffered, .streaming: requestIsComplete ? .pipeline : .upstream
        case .received, .choosing, .parked, .connecting, .handshaking, .delivering:
            requestIsComplete ? .pipeline : .replay
        case .ended, .flushing, .lingering, .closed: .none
        }
    }

    /// What to do when nothing has moved for as long as the present step may take.
    enum Expiry: UInt8 {
        case nothing
        case close
        case closeUnlessClientGetsOn
        case abortUnlessClientGetsOn
        case refuseSlowHead
        /// The deadline was for a look at an idle connection that took the request.
        case lookAtConnection
        case failUpstream
        case answerSlowBody
        /// It is time to look for an endpoint once more.
        case chooseAgain
    }

    /// Finds the side that is to blame.
    func stalled(requestIsComplete: Bool, clientIsWritable: Bool, upstreamIsWritable: Bool) -> Expiry {
        switch self {
        case .connecting, .handshaking: .failUpstream
        case .received, .choosing: requestIsComplete ? .nothing : .answerSlowBody
        case .parked: .chooseAgain
        case .awaitingHead, .buffered: requestIsComplete || !upstreamIsWritable ? .failUpstream : .answerSlowBody
        case .streaming: clientIsWritable ? .failUpstream : .abortUnlessClientGetsOn
        case .delivering: .abortUnlessClientGetsOn
        case .idle, .readingHead, .ended, .flushing, .lingering, .closed: .nothing
        }
    }
}

/// What the deadline is for, which says how long it is. The connection has one deadline.
enum ExchangeWait: UInt8, CaseIterable {
    /// The deadline stays as it is.
    case unchanged
    case requestHead
    case nextRequest
    case requestBody
    /// The client is behind, and has to take something.
    case clientTakes
    case connect
    case tlsHandshake
    /// The endpoint's answer.
    case answerHead
    /// The endpoint is behind with the request's body.
    case upload
    case answerBody
    /// All that is wanted of a refusal's body.
    case refusalBody
}

/// The server's timeouts as the deadline table wants them: turning a `Duration` into nanoseconds takes two divisions of
/// 128 bits.
struct ClientWaits: Sendable {
    let header: TimeAmount
    let progress: TimeAmount
    let idle: TimeAmount

    init(_ options: ProxyOptions) {
        header = TimeAmount(options.clientHeaderTimeout)
        progress = TimeAmount(options.clientProgressTimeout)
        idle = TimeAmount(options.clientIdleTimeout)
    }

    /// How long the client may take for what is waited for, if that is the client's.
    func timeout(for wait: ExchangeWait) -> TimeAmount? {
        switch wait {
        case .requestHead: header
        case .nextRequest: idle
        case .requestBody, .clientTakes: progress
        case .unchanged, .connect, .tlsHandshake, .answerHead, .upload, .answerBody, .refusalBody: nil
        }
    }
}

/// The same for an endpoint.
struct UpstreamWaits: Sendable {
    let connect: TimeAmount
    let tlsHandshake: TimeAmount
    /// The shorter of the two times that an answer may take: which of them holds is looked up when it is over.
    let responseHeader: TimeAmount
    /// For a stream, and for what is no inference.
    let streamHeader: TimeAmount
    let response: TimeAmount
    let streamIdle: TimeAmount
    /// Why an endpoint refuses is said at once, or not worth waiting for.
    let refusal: TimeAmount
    let idleConnection: TimeAmount
    /// What was sent may stay unconfirmed for so long. An endpoint that does not read is given its own time first.
    let unconfirmed: TimeAmount

    init(_ timeouts: UpstreamTimeouts) {
        // NIO's own connect timeout comes first; this one also covers name resolution.
        connect = TimeAmount(timeouts.connect) + .milliseconds(50)
        tlsHandshake = TimeAmount(timeouts.tlsHandshake)
        streamHeader = Self.limit(timeouts.responseHeader)
        response = Self.limit(timeouts.response)
        responseHeader = min(streamHeader, response)
        streamIdle = Self.limit(timeouts.streamIdle)
        refusal = min(streamIdle, .seconds(10))
        idleConnection = TimeAmount(timeouts.idleConnection)
        unconfirmed = max(.seconds(120), streamIdle + .seconds(10))
    }

    /// Zero is no limit: longer than any process runs.
    private static func limit(_ time: Duration) -> TimeAmount {
        time == .zero ? .hours(24 * 365) : TimeAmount(time)
    }

    /// How long the endpoint may take for what is waited for, if that is the endpoint's.
    func timeout(for wait: ExchangeWait) -> TimeAmount? {
        switch wait {
        case .connect: connect
        case .tlsHandshake: tlsHandshake
        case .answerHead: responseHeader
        case .upload, .answerBody: streamIdle
        case .refusalBody: refusal
        case .unchanged, .requestHead, .nextRequest, .requestBody, .clientTakes: nil
        }
    }
}
