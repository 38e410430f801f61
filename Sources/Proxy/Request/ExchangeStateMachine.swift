internal import HTTPWire
internal import NIOCore
internal import Ranking

/// Decides what happens on one client connection and to the request that runs on it.
///
/// `ClientChannel` owns the only one of its connection. It, `RequestConnection` and `ClientConnection` tell the machine what has come (an event is a method), and
/// perform what the method returns. The machine knows no socket, no event loop and no clock, so that every decision about commit point,
/// framing, keep-alive, lingering, deadlines, failover and half-closed clients can be tested by calling it. Its states are in `ExchangeState`;
/// what concerns the client, one attempt or one answer alone is in a part of its own.
///
/// It lies on the path of every request: it is a flat value without references, and what it returns is one byte or two words.
/// Bytes, reports and endpoints, which would have to be counted or copied, stay with the connection.
struct ExchangeStateMachine {
    typealias State = ExchangeState
    typealias Wait = ExchangeWait

    private(set) var state = State.idle

    /// The client has said FIN. It may still wait for answers, but what it left unfinished stays so.
    private(set) var inputIsClosed = false
    var client = ClientProgress()
    private var lingering = Lingering()

    private(set) var requestIsComplete = false
    private var keepsAlive = true
    private var isHEAD = false
    /// The client understands informational answers and chunks.
    private var isHTTP11 = true
    /// All that was read of the request is kept.
    private var isKept = true
    /// The first byte of the answer has gone to the client.
    private(set) var isCommitted = false
    /// The client has the head of an event stream and comments, and nothing else: the stream of another endpoint may still follow.
    private(set) var clientHasHead = false

    private(set) var attempt = AttemptState()
    private(set) var answer = AnswerState()

    /// Bytes of a request that are kept for another endpoint.
    private(set) var replayLimit: Int
    private let usualReplayLimit: Int

    init(replayLimit: Int) {
        self.replayLimit = replayLimit
        usualReplayLimit = replayLimit
    }

    private mutating func become(_ next: State) {
        assert(state.canBecome(next), "\(state) cannot become \(next)")
        state = next
    }

    /// Whether the request may be sent once more, for which all that was read of it is kept.
    var canReplay: Bool { isKept && !isCommitted }

    // MARK: Input of the client

    /// What is to be done with bytes that the client has sent.
    var inputStep: State.InputStep {
        state.inputStep(requestIsComplete: requestIsComplete, clientIsWritable: client.isWritable)
    }

    /// How much more is read from the client.
    var inputLimit: State.InputLimit {
        state.inputLimit(requestIsComplete: requestIsComplete, clientIsWritable: client.isWritable)
    }

    /// Not all of a head is here. Only its first bytes arm the deadline: bytes that drip in do not prolong it.
    mutating func headIsIncomplete() -> Wait {
        guard state == .idle else { return .unchanged }
        become(.readingHead)
        return .requestHead
    }

    /// A head has been read.
    mutating func requestBegan(keepsAlive: Bool, isHTTP11: Bool, isHEAD: Bool) {
        become(.received)
        self.keepsAlive = keepsAlive
        self.isHTTP11 = isHTTP11
        self.isHEAD = isHEAD
        requestIsComplete = false
        isKept = true
        replayLimit = usualReplayLimit
        isCommitted = false
        clientHasHead = false
        attempt = AttemptState()
        answer.begins()
    }

    /// There is no room for more than is kept already.
    ///
    /// - Returns: whether that is new
    mutating func limitsReplay(to kept: Int) -> Bool {
        guard canReplay, kept < replayLimit else { return false }
        replayLimit = kept
        return true
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
        attempt.endpointTimeStops()
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
        let waitsForClient = !client.isWritable && !inputIsEmpty
        switch state {
        case .idle: return waitsForClient ? .nothing : .finish
        case .readingHead: return waitsForClient ? .nothing : .abort
        case .received, .choosing, .parked, .connecting, .handshaking, .awaitingHead, .buffered, .streaming:
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

    /// - Parameter takesComment: the answer is a readable event stream between two events
    func probe(_ policy: HalfClosePolicy, takesComment: Bool) -> Probe {
        switch policy {
        case .serve: return .nothing
        case .cancel: return .abort
        case .probe where clientHasHead && !isCommitted: return .sendComment
        case .probe where state == .streaming:
            return answer.takesText(isReadableStream: takesComment) ? .sendComment : .nothing
        case .probe: return isHTTP11 ? .sendContinue : .abort
        }
    }

    // MARK: The way to an endpoint

    /// The head has been admitted, and what is here of the request has been read.
    ///
    /// - Returns: whether an endpoint is to be chosen now
    @discardableResult
    mutating func choosingBegan() -> Bool {
        guard state == .received else { return false }
        become(.choosing)
        return true
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
    @inline(__always)
    func halfOpenEndpoint(kept: Int) -> HalfOpen {
        if requestIsComplete { return .ask }
        return kept < replayLimit ? .waitForBody : .skipIfOthersAreLeft
    }

    /// No endpoint can be asked at the moment.
    mutating func parks() { become(.parked) }

    /// - Returns: whether an endpoint is to be chosen now
    mutating func choosesAgain() -> Bool {
        guard state == .parked else { return false }
        become(.choosing)
        return true
    }

    mutating func waitsForBody() -> Wait {
        become(.received)
        return .requestBody
    }

    /// A new endpoint is tried.
    ///
    /// - Parameter kept: bytes of the body that are kept so far
    mutating func attemptBegan(_ framing: BodyFraming, kept: Int) {
        attempt = AttemptState(framing, kept: kept, isComplete: requestIsComplete, replayLimit: replayLimit)
        answer.begins()
    }

    mutating func idleConnectionTaken() { attempt.idleConnectionTaken() }

    mutating func connectionBegan() -> Wait {
        become(.connecting)
        attempt.connectionBegan()
        answer.begins()
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
        attempt.frame(framing, whole: requestIsComplete && canReplay ? kept : nil)
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

    /// When the present wait is over.
    ///
    /// - Parameter timeout: how long the side that is waited for may take
    mutating func deadline(_ wait: Wait, _ timeout: TimeAmount, from now: NIODeadline) -> NIODeadline {
        wait == .answerHead || wait == .upload ? attempt.endpointDeadline(timeout, from: now) : now + timeout
    }

    enum Look: Equatable {
        case retryOnFreshConnection
        /// The endpoint has the rest of its time.
        case wait(until: NIODeadline)
        case stalled
    }

    /// The idle connection that took the request was looked at.
    ///
    /// - Parameter confirmsNothing: the other side has confirmed nothing of the request
    mutating func looked(confirmsNothing: Bool, now: NIODeadline) -> Look {
        if confirmsNothing, !attempt.sawAnswer, canReplay, attempt.retries() { return .retryOnFreshConnection }
        return attempt.goesOn(now: now).map(Look.wait) ?? .stalled
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
        /// What the ranking learns of the endpoint.
        let outcome: AttemptOutcome
    }

    /// - Parameters:
    ///   - isOurs: it was Podium that could not go on
    ///   - isUploadAwaited: the endpoint has taken all of an unfinished body
    mutating func upstreamFailed(_ kind: FailureKind, isOurs: Bool = false, isUploadAwaited: Bool) -> Failure {
        switch state {
        case .connecting, .handshaking, .awaitingHead, .buffered, .streaming: break
        default: return Failure(recovery: .nothing, outcome: .neutral)
        }
        // An endpoint that has waited long enough for the client hangs up: that says nothing about the endpoint.
        let isClients =
            attempt.isClientsFault
            || kind == .closed && (isUploadAwaited || attempt.wasHeldUp || state == .streaming && !client.isWritable)
        // Where nothing had been said, it is no answer that broke off.
        let told = isCommitted && !answer.waitsForContent ? .brokenStream : kind
        return Failure(recovery: recovery(kind), outcome: isClients || isOurs ? .neutral : .failure(told))
    }

    private mutating func recovery(_ kind: FailureKind) -> Recovery {
        if isCommitted { return .breakAnswer }
        guard isKept else { return .answerBadGateway }
        if attempt.isReused, !attempt.sawAnswer, kind == .closed, attempt.retries() { return .retryOnFreshConnection }
        become(.choosing)
        return .tryNextEndpoint
    }

    /// The connection to the endpoint has closed.
    ///
    /// - Parameters:
    ///   - endsBody: the end of the connection is the end of the answer's body
    ///   - isProper: it was closed with a FIN
    /// - Returns: whether that completes the answer
    func upstreamClosed(endsBody: Bool, isProper: Bool) -> Bool {
        (state == .streaming || state == .buffered) && endsBody && isProper
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
            attempt.sawAnswer = true
            return .readHead
        case .buffered, .streaming: return .readBody
        default: return .fail
        }
    }

    mutating func informational(_ status: Int) -> AttemptState.Informational {
        attempt.informational(status, isTaken: isHTTP11 && !clientHasHead)
    }

    /// What to do with the head of an answer.
    enum HeadUse: UInt8 {
        /// Hold it until the commit point, then forward.
        case forward
        /// It is no success: its body says why.
        case readRefusal
        /// The word in which an idle connection died of age, not an answer: the same endpoint on a new one.
        case retryOnFreshConnection
        /// The client has the head of an event stream, and this is none.
        case fail
    }

    /// A final answer's head came.
    ///
    /// - Parameters:
    ///   - isPage: it is a page of HTML where an answer of a model is due
    ///   - isStream: it is an event stream that others than its reader understand
    ///   - isUploadAwaited: the endpoint has taken all of an unfinished body
    mutating func answered(_ status: Int, isPage: Bool, isStream: Bool, isUploadAwaited: Bool) -> HeadUse {
        guard status >= 400 || isPage else {
            guard clientHasHead, !isStream || status >= 300 else { return .forward }
            // It may be a good answer: that the client cannot have it any more is not the endpoint's doing.
            attempt.isClientsFault = true
            return .fail
        }
        // The endpoint has waited long enough for the rest of the request.
        if isUploadAwaited, status == 408 || status == 504 {
            attempt.isClientsFault = true
        } else if status == 408, attempt.isReused, canReplay, attempt.retries() {
            // Servers say 408 when they have waited long enough for a next request, which may be on its way (RFC 9110 §15.5.9).
            return .retryOnFreshConnection
        }
        become(.buffered)
        answer.refusalBegins()
        return .readRefusal
    }

    /// A refusal is read.
    ///
    /// - Parameter keepsAlive: its connection may serve another request
    mutating func refusalMayKeepUpstream(_ keepsAlive: Bool) { answer.keepsUpstream = keepsAlive }

    /// What becomes of a refusal that has been judged.
    enum RefusalUse: UInt8 {
        /// It is the client's.
        case forward
        /// It is kept, and the next endpoint is asked.
        case tryNextEndpoint
    }

    /// - Parameters:
    ///   - isTheClients: as the verdict says
    ///   - isWhole: nothing more of it comes
    ///   - hasNext: another endpoint is left
    mutating func judged(isTheClients: Bool, isWhole: Bool, hasNext: Bool) -> RefusalUse {
        // One that is too long to be kept is passed on at once, where no other can have a better one.
        if isTheClients || !canReplay || (!isWhole && !hasNext) { return .forward }
        become(.choosing)
        return .tryNextEndpoint
    }

    /// The answer is the client's, and is held until its first body byte.
    ///
    /// - Returns: the framing that the client's head names, and whether it says that the connection closes
    mutating func answerHeld(
        _ head: AnswerState.Head, inputIsEmpty: Bool, isStopping: Bool
    ) -> (framing: BodyFraming, closes: Bool) {
        // A refusal that goes to the client after all is buffered already.
        if state != .buffered { become(.buffered) }
        let wasToClose = clientHasHead && answer.closesClient
        let named = answer.begin(head, toHEAD: isHEAD, isHTTP11: isHTTP11)
        if clientHasHead { answer.continuesStream() }
        answer.closesClient =
            named == .untilClose || wasToClose
            || closesAfterAnswer(inputIsEmpty: inputIsEmpty, isStopping: isStopping)
        return (named, answer.closesClient)
    }

    /// What a client is sent that waits for an answer which is held.
    enum Keepalive: UInt8 {
        case nothing
        /// The head of the held stream: from here on only another stream can take its place.
        case headAndComment
        case comment
        /// All that is held: it was held for long enough.
        case everything
    }

    /// The client has been sent nothing for a while.
    ///
    /// Only the head of an event stream is sent before its time: its status is the endpoint's own, and what the next endpoint has to say,
    /// an answer or an error, can be said in events too. Everything else (JSON, what is encoded, HTTP/1.0) would be fixed by its head.
    ///
    /// - Parameters:
    ///   - isReadableStream: what is held is an event stream that others than its reader understand
    ///   - isOverdue: it was held as long as anything is
    mutating func keepaliveIsDue(isReadableStream: Bool, isOverdue: Bool) -> Keepalive {
        guard state.isRunning, !isCommitted, requestIsComplete, client.isWritable else { return .nothing }
        let isHeld = state == .buffered && answer.waitsForContent && !answer.isRefusal
        if isHeld, isOverdue { return .everything }
        if clientHasHead { return .comment }
        guard isHeld, answer.framing == .chunked, answer.takesText(isReadableStream: isReadableStream) else {
            return .nothing
        }
        clientHasHead = true
        return .headAndComment
    }

    /// Whether the connection ends with an answer that begins now.
    ///
    /// - Parameter inputIsEmpty: everything that was read has been understood
    @inline(__always)
    func closesAfterAnswer(inputIsEmpty: Bool, isStopping: Bool) -> Bool {
        !keepsAlive || !requestIsComplete || inputIsClosed && inputIsEmpty || isStopping
    }

    /// The answer says something that the client must have.
    mutating func contentCame() { answer.waitsForContent = false }

    /// Whether a piece of the answer is kept from the client.
    ///
    /// - Parameters:
    ///   - length: of all that would be held
    ///   - events: in it
    @inline(__always)
    func holds(length: Int, events: Int) -> Bool { state == .buffered && answer.holds(length: length, events: events) }

    /// What a piece of the answer that goes to the client brings about.
    struct Passage: Equatable {
        let commits: Bool
        /// The endpoint has answered, which the ranking learns now: the end may be minutes away.
        let tellsRanking: Bool
    }

    /// - Parameters:
    ///   - isLast: the answer ends with it
    ///   - awaitedContent: nothing had been said before it
    mutating func answerPasses(isLast: Bool, awaitedContent: Bool) -> Passage {
        let commits = state == .buffered
        if commits { committed() }
        // What says nothing is no answer yet.
        let tellsRanking = !isLast && !answer.waitsForContent && (commits || awaitedContent)
        return Passage(commits: commits, tellsRanking: tellsRanking)
    }

    /// The first byte of the answer goes to the client: from here on nothing can be tried again.
    mutating func committed() {
        become(.streaming)
        isCommitted = true
    }

    /// The endpoint has sent more than its answer.
    mutating func answerWasTooLong() { answer.keepsUpstream = false }

    /// Whether the connection to the endpoint, whose answer is complete, may serve another request.
    ///
    /// - Parameters:
    ///   - isYoung: it has not been open for too long
    ///   - hasUnsentBytes: some of the request has not left: after an early answer it would come before the next request
    ///   - hasIdle: another connection to the endpoint is idle. Each long request would leave one more behind.
    @inline(__always)
    func keepsUpstream(
        isYoung: Bool, hasUnsentBytes: @autoclosure () -> Bool, hasIdle: @autoclosure () -> Bool
    ) -> Bool {
        answer.keepsUpstream && requestIsComplete && isYoung && !hasUnsentBytes() && (!attempt.avoidsIdle || !hasIdle())
    }

    enum Completion: UInt8 {
        case deliver
        case end
    }

    /// - Parameter hasQueue: the kernel has not taken all of the answer
    mutating func answerCompleted(hasQueue: Bool) -> Completion {
        if !requestIsComplete { answer.closesClient = true }
        guard hasQueue else { return .end }
        become(.delivering)
        return .deliver
    }

    // MARK: The end of a request

    /// Whether the client sees only by a reset that the answer is incomplete: the connection's end is the body's end (HTTP/1.0).
    var breaksByReset: Bool { (state == .streaming || state == .delivering) && answer.framing == .untilClose }

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
    mutating func answerEnded() -> Next { answerEnded(closes: answer.closesClient) }

    func waitWhenIdle(inputIsEmpty: Bool) -> Wait {
        guard state == .idle else { return .unchanged }
        if !client.isWritable { return .clientTakes }
        return inputIsEmpty ? .nextRequest : .unchanged
    }

    // MARK: The end of the connection

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
        let end = lingering.begin(isStopping: isStopping, now: now)
        return inputIsClosed ? .close : .linger(until: end)
    }

    /// A client that sends on while the connection lingers has not read the answer yet: closed now, it could lose it.
    ///
    /// - Returns: until when it may go on
    func sentWhileLingering(now: NIODeadline) -> NIODeadline? {
        state == .lingering ? lingering.goesOn(now: now) : nil
    }

    /// Whether what the client sends is thrown away.
    var discardsInput: Bool { state.rawValue >= State.ended.rawValue }

    enum Stop: Equatable {
        case nothing
        case close
        /// The end of an answer still waits for its client.
        case finish
        case wait(until: NIODeadline)
    }

    /// Podium stops: a connection on which nothing is going on closes, and soon one on which no answer can be expected any more.
    mutating func stops(hasUnsentBytes: @autoclosure () -> Bool, now: NIODeadline) -> Stop {
        switch state {
        case .idle: return hasUnsentBytes() ? .finish : .close
        case .readingHead: return .wait(until: now + Lingering.whileStopping)
        case .lingering:
            return .wait(until: lingering.stop(now: now))
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
        let waited = client.caughtUp(now: now)
        switch state {
        case .streaming:
            // An endpoint whose answer the client has kept waiting for long may give up before the client goes on.
            if waited >= .seconds(1) { attempt.wasHeldUp = true }
            return .answerBody
        case .idle: return .nextRequest
        default: return .unchanged
        }
    }

    /// The client does not take more for now.
    mutating func clientFellBehind(now: NIODeadline) -> Wait {
        let isAwaited = state == .streaming || state == .idle
        client.fellBehind(now: isAwaited ? now : nil)
        return isAwaited ? .clientTakes : .unchanged
    }

    /// More of the answer has come.
    var waitForMoreAnswer: Wait { client.isWritable ? .answerBody : .unchanged }

    // MARK: The deadline

    func deadlineExpired(upstreamIsWritable: Bool) -> State.Expiry {
        switch state {
        case .idle, .flushing, .lingering: return .closeUnlessClientGetsOn
        case .ended, .closed: return .close
        case .readingHead: return .refuseSlowHead
        case .awaitingHead where attempt.awaitsLook: return .lookAtConnection
        default: return stalled(upstreamIsWritable: upstreamIsWritable)
        }
    }

    /// Finds the side that is to blame.
    func stalled(upstreamIsWritable: Bool) -> State.Expiry {
        state.stalled(
            requestIsComplete: requestIsComplete, clientIsWritable: client.isWritable,
            upstreamIsWritable: upstreamIsWritable)
    }
}
