internal import HTTPWire
internal import NIOCore
internal import Ranking

/// Decides what happens on one client connection and to the request that runs on it.
///
/// `ClientConnection` owns the only one of its connection. It tells the machine what has come (an event is a method), and performs
/// what the method returns. The machine knows no socket, no event loop and no clock, so that every decision about commit point,
/// framing, keep-alive, lingering, deadlines, failover and half-closed clients can be tested by calling it.
///
/// It lies on the path of every request: it is a flat value without references, and what it returns is one byte or two words.
/// Bytes, reports and endpoints, which would have to be counted or copied, stay with the connection.
struct ExchangeStateMachine {
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
    /// Every state in which a request runs may also become `ended` (Podium answers itself, the client goes, the proxy stops), and
    /// all but the running ones may become `closed`, which happens when the channel has closed.
    enum State: UInt8, CaseIterable {
        /// Between requests; nothing of the next one has been read.
        ///
        /// Waits for: a request (`Wait.nextRequest`; on a new connection `requestHead`), or until a client that is behind takes
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
        /// Becomes: `received`, `connecting`, `awaitingHead` (an idle connection takes the request), `ended`.
        case choosing
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
        func canBecome(_ next: State) -> Bool {
            switch self {
            case .idle: [.readingHead, .received, .flushing, .closed].contains(next)
            case .readingHead: [.received, .flushing, .closed].contains(next)
            case .received: [.choosing, .ended].contains(next)
            case .choosing: [.received, .connecting, .awaitingHead, .ended].contains(next)
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
        var isRunning: Bool { rawValue >= State.received.rawValue && rawValue <= State.delivering.rawValue }

        /// Whether body bytes go to the endpoint as they come.
        var isFlowing: Bool { rawValue >= State.awaitingHead.rawValue && rawValue <= State.streaming.rawValue }
    }

    /// What the deadline is for, which says how long it is. The connection has one deadline.
    enum Wait: UInt8, CaseIterable {
        /// The deadline stays as it is.
        case unchanged
        case requestHead
        case nextRequest
        case requestBody
        /// The client is behind, and has to take something.
        case clientTakes
        case connect
        case tlsHandshake
        /// The endpoint's answer; `endpointDeadline` turns it into a time.
        case answerHead
        /// The endpoint is behind with the request's body; `endpointDeadline` turns it into a time.
        case upload
        case answerBody
    }

    // MARK: State

    private(set) var state = State.idle

    /// The client has said FIN. It may still wait for answers, but what it left unfinished stays so.
    private(set) var inputIsClosed = false
    /// The client takes what it is sent.
    private(set) var isWritable = true

    private(set) var requestIsComplete = false
    private var keepsAlive = true
    /// The client understands informational answers and chunks.
    private var isHTTP11 = true
    /// All that was read of the request is kept.
    private var isKept = true
    /// The first byte of the answer has gone to the client.
    private(set) var isCommitted = false
    /// At least one endpoint has failed, and every one that did refused the credential.
    private(set) var wasOnlyRefused = false
    private var failedOtherwise = false

    /// The connection to the endpoint has served a request before, so it may have died of age.
    private var isReused = false
    private var retriedOnFreshConnection = false
    /// A new connection is made although one may be idle, as nothing could be sent again if the idle one were dead.
    private(set) var avoidsIdle = false
    /// The request goes up in chunks as it comes, so a last chunk is owed.
    private(set) var sendsChunks = false
    /// At least one byte of an answer has come on this connection.
    private(set) var sawAnswer = false
    /// What the endpoint says is about the client's slowness.
    private(set) var isClientsFault = false
    /// The client kept the answer waiting: what then goes wrong may be the endpoint's patience that has ended.
    private var wasHeldUp = false
    private var informationalCount: UInt8 = 0

    /// How the body is framed towards the client.
    private(set) var clientFraming = BodyFraming.none
    /// The answer is an event stream of which no event has come yet.
    private(set) var waitsForEvent = false
    private var closesClient = false
    private var endpointKeepsAlive = false

    private static let never = NIODeadline.uptimeNanoseconds(0)
    /// When the endpoint's time is over, where the deadline is for a look at the idle connection that took the request.
    private var endpointTimeEnds = Self.never
    /// Since when the client has not taken what it is sent.
    private var blockedSince = Self.never
    /// While the client is behind: what it had not acknowledged when it was looked at last, and when it last took something.
    private var backlog = 0
    private var backlogSince = Self.never
    private var lingersUntil = Self.never

    /// Bytes of a request that are kept for another endpoint.
    private let replayLimit: Int

    init(replayLimit: Int) {
        self.replayLimit = replayLimit
    }

    private mutating func become(_ next: State) {
        assert(state.canBecome(next), "\(state) cannot become \(next)")
        state = next
    }

    /// Whether the request may be sent once more, for which all that was read of it is kept.
    var canReplay: Bool { isKept && !isCommitted }

    // MARK: Input of the client

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

    var inputStep: InputStep {
        switch state {
        case .idle, .readingHead: isWritable ? .readHead : .waitForClient
        case .received, .choosing, .connecting, .handshaking, .awaitingHead, .buffered, .streaming, .delivering:
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

    var inputLimit: InputLimit {
        switch state {
        case .idle, .readingHead: isWritable ? .none : .nothing
        case .awaitingHead, .buffered, .streaming: requestIsComplete ? .pipeline : .upstream
        case .received, .choosing, .connecting, .handshaking, .delivering: requestIsComplete ? .pipeline : .replay
        case .ended, .flushing, .lingering, .closed: .none
        }
    }

    /// Not all of a head is here. Only its first bytes arm the deadline: bytes that drip in do not prolong it.
    mutating func headIsIncomplete() -> Wait {
        guard state == .idle else { return .unchanged }
        become(.readingHead)
        return .requestHead
    }

    /// A head has been read.
    mutating func requestBegan(keepsAlive: Bool, isHTTP11: Bool) {
        become(.received)
        self.keepsAlive = keepsAlive
        self.isHTTP11 = isHTTP11
        requestIsComplete = false
        isKept = true
        isCommitted = false
        wasOnlyRefused = false
        failedOtherwise = false
        forgetAttempt()
        forgetAnswer()
    }

    /// What is to be done with a piece of the body.
    enum BodyUse: UInt8 {
        case keep
        case keepAndSend
        /// More has come than is kept: what was kept goes too.
        case dropKeptAndSend
        case send
        case discard
    }

    /// - Parameter kept: bytes of the body that are kept so far
    mutating func bodyRead(_ count: Int, kept: Int) -> BodyUse {
        guard state.isFlowing else { return canReplay ? .keep : .discard }
        guard canReplay else { return .send }
        guard kept + count > replayLimit else { return .keepAndSend }
        isKept = false
        return .dropKeptAndSend
    }

    /// Everything that was read has been dealt with, and the body goes on.
    ///
    /// Either the client is waited for, or the endpoint is, whose time is running: until it can be spoken to, or until it takes more.
    mutating func bodyPaused(gotBytes: Bool, upstreamIsWritable: Bool) -> Wait {
        switch state {
        case .received: awaitsBody()
        case .awaitingHead, .buffered, .streaming: gotBytes && upstreamIsWritable ? awaitsBody() : .unchanged
        default: .unchanged
        }
    }

    private mutating func awaitsBody() -> Wait {
        endpointTimeEnds = Self.never
        return .requestBody
    }

    /// Whether the client is told to go on with the body for which it wants to be asked (`Expect: 100-continue`).
    var owesContinue: Bool { state == .received }

    /// The whole request has been read.
    ///
    /// - Returns: whether what is left of it goes to the endpoint now
    mutating func bodyCompleted() -> Bool {
        requestIsComplete = true
        return state.isFlowing
    }

    /// How long the endpoint may take from the end of the request on.
    var waitAfterRequest: Wait { state == .awaitingHead ? .answerHead : .unchanged }

    enum BrokenBody: UInt8 {
        /// Part of the answer is on its way already.
        case abort
        case answerBadRequest
    }

    /// The body broke the rules of its framing. The place in the stream is lost with it.
    mutating func bodyBroke() -> BrokenBody {
        keepsAlive = false
        return isCommitted ? .abort : .answerBadRequest
    }

    // MARK: The client's FIN

    enum InputEnd: UInt8 {
        case nothing
        case finish
        case close
        case abort
        /// Finds out whether the client waits for its answer, which a FIN does not say.
        case probe
    }

    mutating func inputClosed() { inputIsClosed = true }

    /// - Parameter inputIsEmpty: everything that was read has been understood
    func inputEnded(inputIsEmpty: Bool) -> InputEnd {
        guard inputIsClosed else { return .nothing }
        // Requests may wait until the client takes the answers before them.
        let waitsForClient = !isWritable && !inputIsEmpty
        switch state {
        case .idle: return waitsForClient ? .nothing : .finish
        case .readingHead: return waitsForClient ? .nothing : .abort
        case .received, .choosing, .connecting, .handshaking, .awaitingHead, .buffered, .streaming:
            return requestIsComplete ? .probe : .abort
        case .lingering: return .close
        case .delivering, .ended, .flushing, .closed: return .nothing
        }
    }

    enum Probe: UInt8 {
        /// The request goes on.
        case nothing
        case abort
        /// Bytes that every client passes over. The system of one that has gone answers them with a reset.
        case sendContinue
        case sendComment
    }

    func probe(_ policy: HalfClosePolicy) -> Probe {
        switch policy {
        case .serve: .nothing
        case .cancel: .abort
        case .probe: state == .streaming ? .sendComment : isHTTP11 ? .sendContinue : .abort
        }
    }

    // MARK: The way to an endpoint

    mutating func choosingBegan() {
        become(.choosing)
    }

    enum HalfOpen: UInt8 {
        /// A slow client would keep the endpoint's only place for as long as it takes to send the request.
        case waitForBody
        case skipIfOthersAreLeft
        /// The endpoint takes one request at a time: the ranking is asked for the place.
        case ask
    }

    /// The next endpoint is half-open.
    ///
    /// - Parameter kept: bytes of the body that are kept so far
    func halfOpenEndpoint(kept: Int) -> HalfOpen {
        if requestIsComplete { return .ask }
        return kept < replayLimit ? .waitForBody : .skipIfOthersAreLeft
    }

    mutating func waitsForBody() -> Wait {
        become(.received)
        return .requestBody
    }

    /// A new endpoint is tried.
    ///
    /// Where the body is longer than what is kept of it, or may become so, nothing could be sent again should an idle connection
    /// turn out to be dead.
    mutating func attemptBegan(_ framing: BodyFraming, kept: Int) {
        forgetAttempt()
        forgetAnswer()
        switch framing {
        case .length(let length): avoidsIdle = length > replayLimit
        case .chunked: avoidsIdle = !requestIsComplete || kept > replayLimit
        case .none, .untilClose: break
        }
    }

    private mutating func forgetAttempt() {
        isReused = false
        retriedOnFreshConnection = false
        avoidsIdle = false
        sendsChunks = false
        sawAnswer = false
        isClientsFault = false
        wasHeldUp = false
        endpointTimeEnds = Self.never
    }

    private mutating func forgetAnswer() {
        waitsForEvent = false
        informationalCount = 0
    }

    mutating func idleConnectionTaken() { isReused = true }

    mutating func connectionBegan() -> Wait {
        become(.connecting)
        isReused = false
        sawAnswer = false
        endpointTimeEnds = Self.never
        forgetAnswer()
        return .connect
    }

    mutating func handshakeBegan() -> Wait {
        guard state == .connecting else { return .unchanged }
        become(.handshaking)
        return .tlsHandshake
    }

    /// - Parameter kept: bytes of the body that are kept so far
    /// - Returns: how the request is framed for the endpoint: a body that is all here has a length
    mutating func requestFraming(_ framing: BodyFraming, kept: Int) -> BodyFraming {
        let sent = framing == .chunked && requestIsComplete && canReplay ? .length(kept) : framing
        sendsChunks = sent == .chunked
        return sent
    }

    /// The request has been written as far as it is here.
    ///
    /// - Parameter kept: bytes of the body that are kept so far; more than the limit are not kept any longer
    mutating func requestSent(kept: Int) -> Wait {
        become(.awaitingHead)
        if kept > replayLimit { isKept = false }
        return requestIsComplete ? .answerHead : .requestBody
    }

    /// The endpoint takes more of the body, or no more: whichever side holds it up has to answer for it.
    mutating func upstreamWritabilityChanged(isWritable: Bool) -> Wait {
        guard state.isFlowing, !requestIsComplete else { return .unchanged }
        return isWritable ? awaitsBody() : .upload
    }

    /// The endpoint has been sent all that is here of a body that goes on.
    var isUploading: Bool { state.isFlowing && !requestIsComplete }

    // MARK: Idle connections that lead nowhere

    /// How long an idle connection may take to confirm that it leads anywhere.
    private static let confirmation = TimeAmount.seconds(1)

    /// When the endpoint's time is over. On an idle connection a look at its state comes first, by the same deadline: a firewall, a
    /// gateway or a machine that went away without a word would cost all of that time.
    mutating func endpointDeadline(_ patience: TimeAmount, from now: NIODeadline) -> NIODeadline {
        guard isReused, patience > Self.confirmation else {
            endpointTimeEnds = Self.never
            return now + patience
        }
        endpointTimeEnds = now + patience
        return now + Self.confirmation
    }

    /// When the present wait is over.
    ///
    /// - Parameter timeout: how long the side that is waited for may take
    mutating func deadline(_ wait: Wait, _ timeout: TimeAmount, from now: NIODeadline) -> NIODeadline {
        wait == .answerHead || wait == .upload ? endpointDeadline(timeout, from: now) : now + timeout
    }

    enum Look: Equatable {
        case retryOnFreshConnection
        /// The endpoint has the rest of its time.
        case wait(until: NIODeadline)
        case stalled
    }

    /// The connection was looked at.
    ///
    /// - Parameter confirmsNothing: the other side has confirmed nothing of the request
    mutating func looked(confirmsNothing: Bool, now: NIODeadline) -> Look {
        if confirmsNothing, !sawAnswer, canReplay, !retriedOnFreshConnection {
            retriedOnFreshConnection = true
            return .retryOnFreshConnection
        }
        let end = endpointTimeEnds
        endpointTimeEnds = Self.never
        return end > now ? .wait(until: end) : .stalled
    }

    // MARK: Failures of the endpoint

    /// What to do after the connection to the endpoint failed or brought nonsense.
    enum Recovery: UInt8 {
        case nothing
        /// An idle connection had died of age: the same endpoint on a new connection, without a word to the ranking.
        case retryOnFreshConnection
        case tryNextEndpoint
        /// Nothing was sent yet and the request is gone: answer 502.
        case answerBadGateway
        /// The client has part of the answer.
        case breakAnswer
    }

    struct Failure: Equatable {
        let recovery: Recovery
        /// An endpoint that has waited long enough for the client hangs up: that says nothing about the endpoint.
        let isClients: Bool
    }

    /// - Parameter isUploadAwaited: the endpoint has taken all of an unfinished body
    mutating func upstreamFailed(_ kind: FailureKind, isUploadAwaited: Bool) -> Failure {
        switch state {
        case .connecting, .handshaking, .awaitingHead, .buffered, .streaming: break
        default: return Failure(recovery: .nothing, isClients: false)
        }
        let isClients = kind == .closed && (isUploadAwaited || wasHeldUp || state == .streaming && !isWritable)
        return Failure(recovery: recovery(kind), isClients: isClients)
    }

    private mutating func recovery(_ kind: FailureKind) -> Recovery {
        if isCommitted { return .breakAnswer }
        guard isKept else { return .answerBadGateway }
        if isReused, !sawAnswer, kind == .closed, !retriedOnFreshConnection {
            retriedOnFreshConnection = true
            return .retryOnFreshConnection
        }
        fails()
        return .tryNextEndpoint
    }

    /// The endpoint failed in another way than by refusing the credential.
    private mutating func fails() {
        failedOtherwise = true
        wasOnlyRefused = false
        become(.choosing)
    }

    /// The connection to the endpoint has closed.
    ///
    /// - Parameters:
    ///   - endsBody: the end of the connection is the end of the answer's body
    ///   - isProper: it was closed with a FIN
    /// - Returns: whether that completes the answer
    func upstreamClosed(endsBody: Bool, isProper: Bool) -> Bool {
        (state == .streaming || state == .buffered) && !waitsForEvent && endsBody && isProper
    }

    // MARK: The answer

    enum AnswerStep: UInt8 {
        case readHead
        case readBody
        /// Nothing was asked that could have been answered.
        case fail
    }

    /// Bytes have come from the endpoint.
    mutating func answerRead() -> AnswerStep {
        switch state {
        case .awaitingHead:
            sawAnswer = true
            return .readHead
        case .buffered, .streaming: return .readBody
        default: return .fail
        }
    }

    private static let informationalLimit: UInt8 = 16

    enum Informational: UInt8 {
        case pass
        case drop
        case fail
    }

    /// 100 was answered here already, 101 was never asked for, others are the client's.
    mutating func informational(_ status: Int) -> Informational {
        informationalCount += 1
        guard status != 101, informationalCount <= Self.informationalLimit else { return .fail }
        return status != 100 && isHTTP11 ? .pass : .drop
    }

    /// What to do with the head of an answer.
    enum Verdict: UInt8 {
        /// Hold it until the commit point, then forward.
        case forward
        /// This endpoint did not do: go on with the next.
        case tryNextEndpoint
        /// The word in which an idle connection died of age, not an answer: the same endpoint on a new one.
        case retryOnFreshConnection
    }

    /// A final answer's head came.
    ///
    /// - Parameters:
    ///   - credentialIsClients: what was presented there is the client's own credential, so what it may not do is the client's
    ///     affair
    ///   - isLast: no other endpoint is left
    ///   - isUploadAwaited: the endpoint has taken all of an unfinished body
    mutating func answered(_ status: Int, credentialIsClients: Bool, isLast: Bool, isUploadAwaited: Bool) -> Verdict {
        // The endpoint has waited long enough for the rest of the request.
        if isUploadAwaited, status == 408 || status == 504 { isClientsFault = true }
        guard canReplay, StatusMeaning.callsForFailover(status) else { return .forward }
        if isClientsFault { return isLast ? .forward : skip() }
        // Servers say 408 when they have waited long enough for a next request, which may be on its way (RFC 9110 §15.5.9).
        if status == 408, isReused, !retriedOnFreshConnection {
            retriedOnFreshConnection = true
            return .retryOnFreshConnection
        }
        if credentialIsClients {
            switch status {
            case 401, 403: return .forward
            // Another endpoint may have a credential of its own; the last one's words help the client more than a 503.
            case 402, 429: return isLast ? .forward : skip()
            default: break
            }
        }
        guard StatusMeaning.refusesCredential(status) else {
            fails()
            return .tryNextEndpoint
        }
        // What all of them refuse may well be the request: then their words help the client more than a 503.
        if !failedOtherwise && isLast { return .forward }
        wasOnlyRefused = !failedOtherwise
        return skip()
    }

    private mutating func skip() -> Verdict {
        become(.choosing)
        return .tryNextEndpoint
    }

    /// What is known of the head that goes to the client.
    struct AnswerHead {
        let framing: BodyFraming
        /// The length that an answer without a body names.
        let announcedLength: Int?
        let keepsAlive: Bool
        let waitsForEvent: Bool
    }

    /// The answer is the client's, and is held until its first body byte.
    ///
    /// - Returns: the framing that the client's head names, and whether it says that the connection closes
    mutating func answerHeld(
        _ head: AnswerHead, inputIsEmpty: Bool, isStopping: Bool
    ) -> (framing: BodyFraming, closes: Bool) {
        become(.buffered)
        waitsForEvent = head.waitsForEvent
        endpointKeepsAlive = head.keepsAlive
        let named: BodyFraming
        switch head.framing {
        case .none:
            named = head.announcedLength.map(BodyFraming.length) ?? .none
            clientFraming = .none
        case .length:
            named = head.framing
            clientFraming = named
        case .chunked, .untilClose:
            named = isHTTP11 ? .chunked : .untilClose
            clientFraming = named
        }
        closesClient = named == .untilClose || closesAfterAnswer(inputIsEmpty: inputIsEmpty, isStopping: isStopping)
        return (named, closesClient)
    }

    /// Whether the connection ends with an answer that begins now.
    ///
    /// - Parameter inputIsEmpty: everything that was read has been understood
    func closesAfterAnswer(inputIsEmpty: Bool, isStopping: Bool) -> Bool {
        !keepsAlive || !requestIsComplete || inputIsClosed && inputIsEmpty || isStopping
    }

    mutating func firstEventCame() { waitsForEvent = false }

    /// Most bytes of an event stream held while its first event is incomplete.
    private static let holdLimit = 64 * 1024

    enum Holding: UInt8 {
        case pass
        case hold
        /// What came before the first event is kept from the client as long as another endpoint may be asked instead.
        case holdIfOthersAreLeft
    }

    /// - Parameter length: of all that would be held
    func holding(isComplete: Bool, length: Int) -> Holding {
        guard waitsForEvent, state == .buffered else { return .pass }
        if isComplete { return .hold }
        return length <= Self.holdLimit && canReplay ? .holdIfOthersAreLeft : .pass
    }

    /// The first byte of the answer goes to the client: from here on nothing can be tried again.
    mutating func committed() {
        become(.streaming)
        isCommitted = true
    }

    /// The endpoint has sent more than its answer.
    mutating func answerWasTooLong() { endpointKeepsAlive = false }

    /// Whether the connection to the endpoint, whose answer is complete, may serve another request.
    ///
    /// After an early answer what is left of this request would come before the next one.
    var keepsUpstream: Bool { endpointKeepsAlive && requestIsComplete }

    enum Completion: UInt8 {
        case deliver
        case end
    }

    /// - Parameter hasQueue: the kernel has not taken all of the answer
    mutating func answerCompleted(hasQueue: Bool) -> Completion {
        closesClient = closesClient || !requestIsComplete
        guard hasQueue else { return .end }
        become(.delivering)
        return .deliver
    }

    // MARK: The end of a request

    /// Whether the client sees only by a reset that the answer is incomplete: the connection's end is the body's end (HTTP/1.0).
    var breaksByReset: Bool { (state == .streaming || state == .delivering) && clientFraming == .untilClose }

    /// The running request ends.
    ///
    /// - Returns: whether there was one, which is to be reported
    mutating func requestEnded() -> Bool {
        guard state.isRunning else { return false }
        become(.ended)
        return true
    }

    enum Next: UInt8 {
        case nothing
        case finish
        /// The next request may come, or is here.
        case goOn
    }

    /// The answer has gone out.
    mutating func answerEnded(closes: Bool) -> Next {
        guard state == .ended else { return .nothing }
        if closes { return .finish }
        become(.idle)
        return .goOn
    }

    /// The same for an endpoint's answer.
    mutating func answerEnded() -> Next { answerEnded(closes: closesClient) }

    func waitWhenIdle(inputIsEmpty: Bool) -> Wait {
        guard state == .idle else { return .unchanged }
        if !isWritable { return .clientTakes }
        return inputIsEmpty ? .nextRequest : .unchanged
    }

    // MARK: The end of the connection

    /// How long a client may be silent before it has closed, and how long it may go on sending what is thrown away.
    enum Lingering {
        static let silence = TimeAmount.seconds(5)
        static let total = TimeAmount.seconds(30)
        /// How long half a request, and a client that has its answer and does not close, hold up a stop. A head comes in one piece,
        /// and an answer that the kernel has taken is on its way.
        static let whileStopping = TimeAmount.milliseconds(300)
    }

    /// Nothing more will be said.
    ///
    /// - Returns: whether the connection is still open, so that what was said is to be sent
    mutating func finishes() -> Bool {
        guard state != .closed, state != .flushing, state != .lingering else { return false }
        become(.flushing)
        return true
    }

    enum Flushed: Equatable {
        case nothing
        case close
        case linger(until: NIODeadline)
    }

    /// The kernel has taken everything that was said.
    mutating func flushed(isStopping: Bool, now: NIODeadline) -> Flushed {
        guard state == .flushing else { return .nothing }
        become(.lingering)
        lingersUntil = now + (isStopping ? Lingering.whileStopping : Lingering.total)
        if inputIsClosed { return .close }
        return .linger(until: now + (isStopping ? Lingering.whileStopping : Lingering.silence))
    }

    /// A client that sends on while the connection lingers has not read the answer yet: closed now, it could lose it.
    ///
    /// - Returns: until when it may go on
    func sentWhileLingering(now: NIODeadline) -> NIODeadline? {
        state == .lingering ? min(now + Lingering.silence, lingersUntil) : nil
    }

    /// Whether what the client sends is thrown away.
    var discardsInput: Bool { state.rawValue >= State.ended.rawValue }

    enum Stop: Equatable {
        case nothing
        case close
        case wait(until: NIODeadline)
    }

    /// Podium stops: a connection on which nothing is going on closes, and soon one on which no answer can be expected any more.
    mutating func stops(now: NIODeadline) -> Stop {
        switch state {
        case .idle: return .close
        case .readingHead: return .wait(until: now + Lingering.whileStopping)
        case .lingering:
            lingersUntil = now + Lingering.whileStopping
            return .wait(until: lingersUntil)
        default: return .nothing
        }
    }

    /// The channel has closed. A request that ran has been ended before.
    ///
    /// - Returns: whether it had not been closed before
    mutating func closed() -> Bool {
        guard state != .closed else { return false }
        become(.closed)
        return true
    }

    // MARK: A client that is behind

    /// The client takes what it is sent again.
    mutating func clientCaughtUp(now: NIODeadline) -> Wait {
        isWritable = true
        let since = blockedSince
        blockedSince = Self.never
        switch state {
        case .streaming:
            // An endpoint whose answer the client has kept waiting for long may give up before the client goes on.
            if since > Self.never, now - since >= .seconds(1) { wasHeldUp = true }
            return .answerBody
        case .idle: return .nextRequest
        default: return .unchanged
        }
    }

    /// The client does not take more for now.
    mutating func clientFellBehind(now: NIODeadline) -> Wait {
        isWritable = false
        guard state == .streaming || state == .idle else { return .unchanged }
        blockedSince = now
        return .clientTakes
    }

    /// More of the answer has come.
    var waitForMoreAnswer: Wait { isWritable ? .answerBody : .unchanged }

    /// The client is watched from now on.
    ///
    /// - Parameter unacknowledged: bytes of which the client's system has not said that it has them; nil where it is not behind
    mutating func watchesClient(unacknowledged: Int?, now: NIODeadline) {
        backlog = unacknowledged ?? 0
        backlogSince = unacknowledged == nil ? Self.never : now
    }

    /// Whether the client still takes what it has been sent, however slowly. The kernel asks for more in large steps only, so what
    /// the client's system has acknowledged counts.
    ///
    /// - Returns: when to look again, nil where it stands still
    mutating func clientGetsOn(unacknowledged: Int, patience: TimeAmount, now: NIODeadline) -> NIODeadline? {
        guard unacknowledged > 0 else { return nil }
        if backlogSince == Self.never || unacknowledged < backlog {
            backlog = unacknowledged
            backlogSince = now
        } else if now >= backlogSince + patience {
            return nil
        }
        return now + .nanoseconds(patience.nanoseconds / 8)
    }

    // MARK: The deadline

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
    }

    func deadlineExpired(upstreamIsWritable: Bool) -> Expiry {
        switch state {
        case .idle, .flushing, .lingering: return .closeUnlessClientGetsOn
        case .ended, .closed: return .close
        case .readingHead: return .refuseSlowHead
        case .awaitingHead where endpointTimeEnds > Self.never: return .lookAtConnection
        default: return stalled(upstreamIsWritable: upstreamIsWritable)
        }
    }

    /// Finds the side that is to blame.
    func stalled(upstreamIsWritable: Bool) -> Expiry {
        switch state {
        case .connecting, .handshaking: .failUpstream
        case .received, .choosing: requestIsComplete ? .nothing : .answerSlowBody
        case .awaitingHead, .buffered: requestIsComplete || !upstreamIsWritable ? .failUpstream : .answerSlowBody
        case .streaming: isWritable ? .failUpstream : .abortUnlessClientGetsOn
        case .delivering: .abortUnlessClientGetsOn
        case .idle, .readingHead, .ended, .flushing, .lingering, .closed: .nothing
        }
    }
}
