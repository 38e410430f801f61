import HTTPWire
import NIOCore
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Decisions about a client connection, without a socket and without a clock.
struct ExchangeStateMachineTests {
    typealias Machine = ExchangeStateMachine
    typealias State = ExchangeState

    private static let replayLimit = 100
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    /// The shortest way to each state.
    private func make(
        _ state: State, complete: Bool = true, reused: Bool = false, keepsAlive: Bool = true, isHTTP11: Bool = true,
        isHEAD: Bool = false
    ) -> Machine {
        var machine = Machine(replayLimit: Self.replayLimit)
        if state == .idle { return machine }
        if state == .readingHead {
            _ = machine.headIsIncomplete()
            return machine
        }
        if state == .closed {
            _ = machine.closed()
            return machine
        }
        if state == .flushing || state == .lingering {
            _ = machine.finishes()
            if state == .lingering { _ = machine.flushed(isStopping: false, now: start) }
            return machine
        }
        machine.requestBegan(keepsAlive: keepsAlive, isHTTP11: isHTTP11, isHEAD: isHEAD)
        if complete { _ = machine.bodyCompleted() }
        if state == .received { return machine }
        machine.choosingBegan()
        if state == .choosing { return machine }
        if state == .parked {
            machine.parks()
            return machine
        }
        machine.attemptBegan(.length(10), kept: 0)
        if reused { machine.idleConnectionTaken() } else { _ = machine.connectionBegan() }
        if state == .connecting { return machine }
        if state == .handshaking {
            _ = machine.handshakeBegan()
            return machine
        }
        _ = machine.requestSent(kept: 0)
        if state == .awaitingHead { return machine }
        _ = machine.answerRead()
        _ = machine.answered(200, isPage: false, isStream: false, isUploadAwaited: false)
        hold(&machine)
        if state == .buffered { return machine }
        machine.committed()
        if state == .streaming { return machine }
        if state == .delivering { _ = machine.answerCompleted(hasQueue: true) } else { _ = machine.requestEnded() }
        return machine
    }

    @discardableResult
    private func hold(
        _ machine: inout Machine, _ framing: BodyFraming = .chunked, status: Int = 200, announcedLength: Int? = nil,
        isJudged: Bool = false, inputIsEmpty: Bool = true, isStopping: Bool = false
    ) -> (framing: BodyFraming, closes: Bool) {
        machine.answerHeld(
            .init(
                status: status, framing: framing, announcedLength: announcedLength, keepsAlive: true,
                isJudged: isJudged),
            inputIsEmpty: inputIsEmpty, isStopping: isStopping)
    }

    private static let running: [State] = [
        .received, .choosing, .parked, .connecting, .handshaking, .awaitingHead, .buffered, .streaming, .delivering,
    ]

    // MARK: States

    @Test(arguments: State.allCases)
    func everyStateIsReached(state: State) {
        #expect(make(state).state == state)
        #expect(state.isRunning == Self.running.contains(state))
        #expect(state.isFlowing == [.awaitingHead, .buffered, .streaming].contains(state))
    }

    /// From every state the connection comes to its end, and never back from there.
    @Test func everyWayEndsClosed() {
        for state in State.allCases {
            var reached: Set<State> = [state]
            while let next = State.allCases.first(where: { candidate in
                !reached.contains(candidate) && reached.contains { $0.canBecome(candidate) }
            }) { reached.insert(next) }
            #expect(reached.contains(.closed))
            #expect(!State.closed.canBecome(state))
        }
        // Behind the commit point there is no way to another endpoint but through the end of the request.
        for state in [State.streaming, .delivering] {
            #expect(State.allCases.filter(state.canBecome).allSatisfy { [.delivering, .ended].contains($0) })
        }
    }

    // MARK: Input

    @Test func whatIsReadInEachState() {
        let steps: [(State, State.InputStep, State.InputStep)] = [
            (.idle, .readHead, .readHead), (.readingHead, .readHead, .readHead),
            (.received, .waitForAnswer, .readBody), (.connecting, .waitForAnswer, .readBody),
            (.handshaking, .waitForAnswer, .readBody), (.awaitingHead, .waitForAnswer, .readBody),
            (.buffered, .waitForAnswer, .readBody), (.streaming, .waitForAnswer, .readBody),
            (.delivering, .waitForAnswer, .readBody), (.ended, .discard, .discard),
            (.flushing, .discard, .discard), (.lingering, .discard, .discard), (.closed, .discard, .discard),
        ]
        for (state, complete, incomplete) in steps {
            #expect(make(state).inputStep == complete)
            #expect(make(state, complete: false).inputStep == incomplete)
            #expect(make(state).discardsInput == (complete == .discard))
        }
        var behind = make(.idle)
        let wait = behind.clientFellBehind(now: start)
        #expect(wait == .clientTakes)
        #expect(behind.inputStep == .waitForClient && behind.inputLimit == .nothing)
    }

    @Test func howMuchIsReadInEachState() {
        for state in [State.awaitingHead, .buffered, .streaming] {
            #expect(make(state, complete: false).inputLimit == .upstream)
            #expect(make(state).inputLimit == .pipeline)
        }
        for state in [State.received, .connecting, .handshaking, .delivering] {
            #expect(make(state, complete: false).inputLimit == .replay)
            #expect(make(state).inputLimit == .pipeline)
        }
        for state in [State.idle, .ended, .flushing, .lingering, .closed] {
            #expect(make(state).inputLimit == .none)
        }
    }

    /// Bytes that drip in do not prolong it.
    @Test func onlyTheFirstBytesOfAHeadArmItsDeadline() {
        var machine = make(.idle)
        let waits = (0..<2).map { _ in machine.headIsIncomplete() }
        #expect(waits == [.requestHead, .unchanged])
        #expect(machine.deadlineExpired(upstreamIsWritable: false) == .refuseSlowHead)
    }

    @Test func aBodyIsKeptUntilItIsTooLong() {
        var machine = make(.awaitingHead, complete: false)
        let first = machine.bodyRead(60, kept: 0)
        let second = machine.bodyRead(40, kept: 60)
        let third = machine.bodyRead(1, kept: 100)
        let fourth = machine.bodyRead(1, kept: 0)
        #expect([first, second, third, fourth] == [.keepAndSend, .keepAndSend, .dropKeptAndSend, .send])
        #expect(!machine.canReplay)
        // What no endpoint has been sent yet is all here, however much it is.
        var connecting = make(.connecting, complete: false)
        let use = connecting.bodyRead(1000, kept: 1000)
        #expect(use == .keep && connecting.canReplay)
        var delivering = make(.delivering, complete: false)
        #expect(delivering.bodyRead(1, kept: 0) == .discard)
    }

    @Test func whoeverHoldsTheBodyUpIsWaitedFor() {
        for state in State.allCases where state.isRunning && state != .choosing {
            var machine = make(state, complete: false)
            let paused = machine.bodyPaused(gotBytes: true, upstreamIsWritable: true)
            let blocked = machine.bodyPaused(gotBytes: true, upstreamIsWritable: false)
            switch state {
            case .received: #expect(paused == .requestBody && blocked == .requestBody)
            case .awaitingHead, .buffered, .streaming: #expect(paused == .requestBody && blocked == .unchanged)
            default: #expect(paused == .unchanged && blocked == .unchanged)
            }
            #expect(machine.owesContinue == (state == .received))
            #expect(machine.isUploading == state.isFlowing)
            let takes = machine.upstreamWritabilityChanged(isWritable: true)
            let takesNot = machine.upstreamWritabilityChanged(isWritable: false)
            #expect(takes == (state.isFlowing ? .requestBody : .unchanged))
            #expect(takesNot == (state.isFlowing ? .upload : .unchanged))
            let isSent = machine.bodyCompleted()
            #expect(isSent == state.isFlowing && machine.requestIsComplete)
            #expect(machine.waitAfterRequest == (state == .awaitingHead ? .answerHead : .unchanged))
            #expect(machine.upstreamWritabilityChanged(isWritable: false) == .unchanged)
        }
    }

    /// The place in the stream is lost: nothing that follows may be read as a request.
    @Test func aBrokenBodyClosesTheConnection() {
        for state in Self.running where state != .choosing {
            var machine = make(state, complete: false)
            let isCommitted = state == .streaming || state == .delivering
            #expect(machine.bodyBroke() == (isCommitted ? .abort : .answerBadRequest))
            #expect(machine.closesAfterAnswer(inputIsEmpty: true, isStopping: false))
        }
    }

    // MARK: The client's FIN

    @Test func whatAFINMeansInEachState() {
        func end(_ state: State, complete: Bool, inputIsEmpty: Bool = true, behind: Bool = false) -> Machine.InputEnd {
            var machine = make(state, complete: complete)
            #expect(machine.inputEnded(inputIsEmpty: inputIsEmpty) == .nothing)
            if behind { _ = machine.clientFellBehind(now: start) }
            machine.inputClosed()
            return machine.inputEnded(inputIsEmpty: inputIsEmpty)
        }
        #expect(end(.idle, complete: true) == .finish)
        #expect(end(.readingHead, complete: true) == .abort)
        for state in [State.idle, .readingHead] {
            #expect(end(state, complete: true, inputIsEmpty: false, behind: true) == .nothing)
        }
        for state in Self.running where state != .delivering {
            #expect(end(state, complete: true) == .probe)
            #expect(end(state, complete: false) == .abort)
        }
        #expect(end(.lingering, complete: true) == .close)
        for state in [State.delivering, .ended, .flushing, .closed] { #expect(end(state, complete: true) == .nothing) }
    }

    @Test func howAHalfClosedClientIsProbed() {
        for state in Self.running {
            for takesComment in [true, false] {
                #expect(make(state).probe(.serve, takesComment: takesComment) == .nothing)
                #expect(make(state).probe(.cancel, takesComment: takesComment) == .abort)
                let comment: Machine.Probe = takesComment ? .sendComment : .nothing
                let old = make(state, isHTTP11: false)
                #expect(
                    make(state).probe(.probe, takesComment: takesComment)
                        == (state == .streaming ? comment : .sendContinue))
                #expect(old.probe(.probe, takesComment: takesComment) == (state == .streaming ? comment : .abort))
            }
        }
    }

    // MARK: The way to an endpoint

    @Test func aHalfOpenEndpointIsAskedWhenTheRequestIsHere() {
        #expect(make(.choosing).halfOpenEndpoint(kept: 0) == .ask)
        #expect(make(.choosing, complete: false).halfOpenEndpoint(kept: 99) == .waitForBody)
        #expect(make(.choosing, complete: false).halfOpenEndpoint(kept: 100) == .skipIfOthersAreLeft)
        var machine = make(.choosing, complete: false)
        let wait = machine.waitsForBody()
        #expect(wait == .requestBody && machine.state == .received)
        #expect(machine.deadlineExpired(upstreamIsWritable: false) == .answerSlowBody)
    }

    /// Nothing could be sent again, should the idle connection be dead.
    @Test func aBodyThatMayOutgrowWhatIsKeptTakesNoIdleConnection() {
        func avoids(_ framing: BodyFraming, kept: Int, complete: Bool = true) -> Bool {
            var machine = make(.choosing, complete: complete)
            machine.attemptBegan(framing, kept: kept)
            return machine.attempt.avoidsIdle
        }
        #expect(!avoids(.length(100), kept: 0) && avoids(.length(101), kept: 0))
        #expect(!avoids(.chunked, kept: 100) && avoids(.chunked, kept: 101))
        #expect(avoids(.chunked, kept: 0, complete: false) && !avoids(.none, kept: 0))
    }

    @Test func aBodyThatIsAllHereHasALength() {
        var whole = make(.choosing)
        var part = make(.choosing, complete: false)
        let framings = [
            whole.requestFraming(.chunked, kept: 7), part.requestFraming(.chunked, kept: 7),
            part.requestFraming(.length(9), kept: 7), whole.requestFraming(.none, kept: 0),
        ]
        #expect(framings == [.length(7), .chunked, .length(9), .none])
        _ = part.requestFraming(.chunked, kept: 7)
        #expect(part.attempt.sendsChunks && !whole.attempt.sendsChunks)
    }

    @Test func whatIsTooLongToBeKeptIsSentOnce() {
        var machine = make(.connecting, complete: false)
        let wait = machine.requestSent(kept: 101)
        #expect(wait == .requestBody && !machine.canReplay)
        let failure = machine.upstreamFailed(.closed, isUploadAwaited: false)
        #expect(failure == .init(recovery: .answerBadGateway, outcome: .failure(.closed)))
    }

    // MARK: Recovery

    @Test func recoveryFollowsTheCommitPoint() {
        func recovery(
            _ state: State, _ kind: FailureKind = .closed, reused: Bool = false
        ) -> (recovery: Machine.Recovery, then: State) {
            var machine = make(state, reused: reused)
            return (machine.upstreamFailed(kind, isUploadAwaited: false).recovery, machine.state)
        }
        for state in [State.connecting, .handshaking, .awaitingHead, .buffered] {
            #expect(recovery(state) == (.tryNextEndpoint, .choosing))
        }
        #expect(recovery(.streaming) == (.breakAnswer, .streaming))
        for state in State.allCases where !state.isFlowing && ![.connecting, .handshaking].contains(state) {
            #expect(recovery(state) == (.nothing, state))
        }
        // An idle connection may have died of age, but not while bytes of an answer came.
        #expect(recovery(.awaitingHead, reused: true).recovery == .retryOnFreshConnection)
        #expect(recovery(.awaitingHead, .timeout, reused: true).recovery == .tryNextEndpoint)
        #expect(recovery(.buffered, reused: true).recovery == .tryNextEndpoint)
        var machine = make(.awaitingHead, reused: true)
        _ = machine.answerRead()
        #expect(machine.upstreamFailed(.closed, isUploadAwaited: false).recovery == .tryNextEndpoint)
    }

    @Test func anIdleConnectionIsReplacedOnce() {
        var machine = make(.awaitingHead, reused: true)
        #expect(machine.upstreamFailed(.closed, isUploadAwaited: false).recovery == .retryOnFreshConnection)
        let wait = machine.connectionBegan()
        #expect(wait == .connect)
        _ = machine.requestSent(kept: 0)
        #expect(machine.upstreamFailed(.closed, isUploadAwaited: false).recovery == .tryNextEndpoint)
    }

    @Test func anEndpointIsNotBlamedForTheClientsSlowness() {
        func isClients(_ machine: Machine, _ kind: FailureKind = .closed, isUploadAwaited: Bool = false) -> Bool {
            var machine = machine
            return machine.upstreamFailed(kind, isUploadAwaited: isUploadAwaited).outcome == .neutral
        }
        #expect(isClients(make(.awaitingHead, complete: false), isUploadAwaited: true))
        #expect(!isClients(make(.awaitingHead, complete: false), .timeout, isUploadAwaited: true))
        var behind = make(.streaming)
        #expect(!isClients(behind))
        let wait = behind.clientFellBehind(now: start)
        #expect(wait == .clientTakes)
        #expect(isClients(behind) && !isClients(behind, .timeout))
        var short = behind
        _ = short.clientCaughtUp(now: start + .milliseconds(999))
        #expect(!isClients(short))
        let next = behind.clientCaughtUp(now: start + .seconds(1))
        #expect(next == .answerBody && isClients(behind))
    }

    @Test func whatIsNoSuccessIsReadFirst() {
        func use(_ status: Int, isPage: Bool = false) -> Machine.HeadUse {
            var machine = make(.awaitingHead)
            return machine.answered(status, isPage: isPage, isStream: false, isUploadAwaited: false)
        }
        for status in 200...999 { #expect(use(status) == (status < 400 ? .forward : .readRefusal)) }
        #expect(use(200, isPage: true) == .readRefusal)
    }

    @Test func aRefusalWaitsUntilItIsJudged() {
        func judged(
            complete: Bool = true, _ change: (inout Machine) -> Void = { _ in }, isTheClients: Bool = false,
            isWhole: Bool = true, hasNext: Bool = true
        ) -> (use: Machine.RefusalUse, then: State) {
            var machine = make(.awaitingHead, complete: complete)
            change(&machine)
            let use = machine.answered(429, isPage: false, isStream: false, isUploadAwaited: false)
            #expect(use == .readRefusal && machine.state == .buffered)
            return (
                machine.judged(isTheClients: isTheClients, isWhole: isWhole, hasNext: hasNext), machine.state
            )
        }
        #expect(judged() == (.tryNextEndpoint, .choosing))
        #expect(judged(isTheClients: true) == (.forward, .buffered))
        // It is kept, and perhaps the most telling of all.
        #expect(judged(hasNext: false) == (.tryNextEndpoint, .choosing))
        // What is too long to be kept cannot be sent later.
        #expect(judged(isWhole: false, hasNext: false) == (.forward, .buffered))
        #expect(judged(isWhole: false) == (.tryNextEndpoint, .choosing))
        // The request is gone.
        #expect(judged(complete: false, { _ = $0.bodyRead(1, kept: 100) }) == (.forward, .buffered))
    }

    @Test func anIdleConnectionMayDieOfAgeInWords() {
        func use(_ machine: inout Machine, awaited: Bool = false) -> Machine.HeadUse {
            machine.answered(408, isPage: false, isStream: false, isUploadAwaited: awaited)
        }
        var fresh = make(.awaitingHead)
        #expect(use(&fresh) == .readRefusal)
        var reused = make(.awaitingHead, reused: true)
        let both = (0..<2).map { _ in use(&reused) }
        #expect(both == [.retryOnFreshConnection, .readRefusal])
        var streamed = make(.awaitingHead, complete: false, reused: true)
        _ = streamed.bodyRead(1, kept: 100)
        #expect(use(&streamed) == .readRefusal)
        // It has waited long enough for the rest of this request.
        var awaited = make(.awaitingHead, complete: false, reused: true)
        #expect(use(&awaited, awaited: true) == .readRefusal && awaited.attempt.isClientsFault)
    }

    @Test func anIdleConnectionIsLookedAtFirst() {
        var machine = make(.awaitingHead, reused: true)
        let patience = TimeAmount.seconds(60)
        #expect(machine.deadline(.answerHead, patience, from: start) == start + .seconds(1))
        #expect(machine.deadlineExpired(upstreamIsWritable: true) == .lookAtConnection)
        let look = start + .seconds(1)
        var confirmed = machine
        #expect(confirmed.looked(confirmsNothing: false, now: look) == .wait(until: start + patience))
        #expect(confirmed.deadlineExpired(upstreamIsWritable: true) == .failUpstream)
        var late = machine
        #expect(late.looked(confirmsNothing: false, now: start + patience) == .stalled)
        #expect(machine.looked(confirmsNothing: true, now: look) == .retryOnFreshConnection)
        _ = machine.connectionBegan()
        _ = machine.requestSent(kept: 0)
        #expect(machine.deadline(.answerHead, patience, from: start) == start + patience)
        #expect(machine.looked(confirmsNothing: true, now: look) == .stalled)
        // A short time of the endpoint is its own.
        var short = make(.awaitingHead, reused: true)
        #expect(short.deadline(.upload, .seconds(1), from: start) == start + .seconds(1))
        #expect(short.deadlineExpired(upstreamIsWritable: true) == .failUpstream)
    }

    // MARK: The answer

    @Test func whatBytesOfTheEndpointAre() {
        for state in State.allCases {
            var machine = make(state)
            let step = machine.answerRead()
            switch state {
            case .awaitingHead: #expect(step == .readHead)
            case .buffered, .streaming: #expect(step == .readBody)
            default: #expect(step == .fail)
            }
        }
    }

    @Test func informationalAnswersAreTheClients() {
        var machine = make(.awaitingHead)
        #expect(machine.informational(100) == .drop)
        #expect(machine.informational(101) == .fail)
        for _ in 3...16 { #expect(machine.informational(103) == .pass) }
        #expect(machine.informational(103) == .fail)
        var old = make(.awaitingHead, isHTTP11: false)
        #expect(old.informational(103) == .drop)
    }

    @Test func theFramingIsTheClients() {
        func held(
            _ framing: BodyFraming, status: Int = 200, announcedLength: Int? = nil, isHTTP11: Bool = true,
            isHEAD: Bool = false
        ) -> [BodyFraming] {
            var machine = make(.awaitingHead, isHTTP11: isHTTP11, isHEAD: isHEAD)
            let named = hold(&machine, framing, status: status, announcedLength: announcedLength)
            #expect(named.closes == (named.framing == .untilClose))
            return [named.framing, machine.answer.framing]
        }
        #expect(held(.length(5)) == [.length(5), .length(5)])
        #expect(held(.none) == [.none, .none])
        // What a GET would have got, and what the client has already; elsewhere a length without a body is none.
        #expect(held(.none, announcedLength: 5, isHEAD: true) == [.length(5), .none])
        #expect(held(.none, status: 304, announcedLength: 5) == [.length(5), .none])
        #expect(held(.none, status: 204, announcedLength: 5) == [.none, .none])
        for framing in [BodyFraming.chunked, .untilClose] {
            #expect(held(framing) == [.chunked, .chunked])
            #expect(held(framing, isHTTP11: false) == [.untilClose, .untilClose])
        }
    }

    @Test func whenTheConnectionIsKept() {
        func closes(_ machine: Machine, inputIsEmpty: Bool = true, isStopping: Bool = false) -> [Bool] {
            var held = machine
            let named = hold(&held, .length(1), inputIsEmpty: inputIsEmpty, isStopping: isStopping)
            let local = machine.closesAfterAnswer(inputIsEmpty: inputIsEmpty, isStopping: isStopping)
            return [named.closes, local]
        }
        #expect(closes(make(.awaitingHead)) == [false, false])
        #expect(closes(make(.awaitingHead, keepsAlive: false)) == [true, true])
        #expect(closes(make(.awaitingHead, complete: false)) == [true, true])
        #expect(closes(make(.awaitingHead), isStopping: true) == [true, true])
        var finished = make(.awaitingHead)
        finished.inputClosed()
        #expect(closes(finished) == [true, true])
        // More requests were sent before the FIN.
        #expect(closes(finished, inputIsEmpty: false) == [false, false])
    }

    @Test func whatSaysNothingIsHeld() {
        var machine = make(.awaitingHead)
        hold(&machine, isJudged: true)
        #expect(machine.holds(length: 1, events: 1) && machine.holds(length: AnswerState.holdLimit, events: 1))
        #expect(!machine.holds(length: AnswerState.holdLimit + 1, events: 1))
        #expect(machine.holds(length: 1, events: AnswerState.eventLimit))
        #expect(!machine.holds(length: 1, events: AnswerState.eventLimit + 1))
        var streaming = machine
        streaming.committed()
        #expect(!streaming.holds(length: 1, events: 1))
        machine.contentCame()
        #expect(!machine.holds(length: 1, events: 1))
        #expect(!make(.buffered).holds(length: 1, events: 1))
    }

    @Test func theFirstBodyByteCommits() {
        var machine = make(.buffered)
        let first = machine.answerPasses(isLast: false, awaitedContent: false)
        #expect(first == .init(commits: true, tellsRanking: true))
        #expect(machine.state == .streaming && machine.isCommitted)
        let second = machine.answerPasses(isLast: false, awaitedContent: false)
        #expect(second == .init(commits: false, tellsRanking: false))
        // What is complete is told by its end.
        var whole = make(.buffered)
        #expect(whole.answerPasses(isLast: true, awaitedContent: false) == .init(commits: true, tellsRanking: false))
    }

    /// Comments that are too many to be held are passed on, and are no answer yet.
    @Test func theFirstEventIsTheAnswersBeginning() {
        var machine = make(.awaitingHead)
        hold(&machine, isJudged: true)
        let comments = machine.answerPasses(isLast: false, awaitedContent: true)
        #expect(comments == .init(commits: true, tellsRanking: false))
        machine.contentCame()
        let event = machine.answerPasses(isLast: false, awaitedContent: true)
        #expect(event == .init(commits: false, tellsRanking: true))
        let more = machine.answerPasses(isLast: false, awaitedContent: false)
        #expect(more == .init(commits: false, tellsRanking: false))
    }

    @Test func wordsGoWhereAReaderFindsThem() {
        for (framing, takes) in [(BodyFraming.chunked, true), (.length(9), false), (.none, false)] {
            for isReadable in [true, false] {
                var machine = make(.awaitingHead)
                hold(&machine, framing)
                #expect(machine.answer.takesText(isReadableStream: isReadable) == (takes && isReadable))
            }
        }
    }

    /// - Parameter expected: what the ranking learns in `buffered` and in `streaming`
    @Test(arguments: [
        (false, [AttemptOutcome.failure(.timeout), .failure(.brokenStream)]), (true, [.neutral, .neutral]),
    ])
    func whatAFailureTellsTheRanking(isOurs: Bool, expected: [AttemptOutcome]) {
        for (state, outcome) in zip([State.buffered, .streaming], expected) {
            var machine = make(state)
            #expect(machine.upstreamFailed(.timeout, isOurs: isOurs, isUploadAwaited: false).outcome == outcome)
        }
        // Where no event had come, it is no answer that broke off.
        var silent = make(.awaitingHead)
        hold(&silent, isJudged: true)
        silent.committed()
        #expect(silent.upstreamFailed(.timeout, isUploadAwaited: false).outcome == .failure(.timeout))
    }

    /// Each deadline has exactly one side whose time it is.
    @Test func everyWaitIsOneSides() {
        let client = ClientWaits(ProxyOptions())
        let endpoint = UpstreamWaits(UpstreamTimeouts())
        for wait in ExchangeWait.allCases {
            let times = [client.timeout(for: wait), endpoint.timeout(for: wait)].compactMap { $0 }
            #expect(times.count == (wait == .unchanged ? 0 : 1))
        }
    }

    @Test func theEndOfAConnectionMayBeTheEndOfTheBody() {
        for state in State.allCases {
            let machine = make(state)
            let completes = state == .buffered || state == .streaming
            #expect(machine.upstreamClosed(endsBody: true, isProper: true) == completes)
            #expect(!machine.upstreamClosed(endsBody: false, isProper: true))
            #expect(!machine.upstreamClosed(endsBody: true, isProper: false))
        }
    }

    @Test func whenTheConnectionToTheEndpointIsKept() {
        func keeps(
            _ machine: Machine, isYoung: Bool = true, hasUnsentBytes: Bool = false, hasIdle: Bool = true
        ) -> Bool {
            machine.keepsUpstream(isYoung: isYoung, hasUnsentBytes: hasUnsentBytes, hasIdle: hasIdle)
        }
        #expect(keeps(make(.streaming)))
        #expect(!keeps(make(.streaming, complete: false)))
        #expect(!keeps(make(.streaming), isYoung: false))
        #expect(!keeps(make(.streaming), hasUnsentBytes: true))
        var machine = make(.streaming)
        machine.answerWasTooLong()
        #expect(!keeps(machine))
        // A request that took a new connection although one was idle.
        var long = make(.choosing)
        long.attemptBegan(.length(101), kept: 0)
        _ = long.connectionBegan()
        _ = long.requestSent(kept: 0)
        hold(&long)
        long.committed()
        #expect(!keeps(long) && keeps(long, hasIdle: false))
    }

    // MARK: Ends

    @Test func whatFollowsAnAnswer() {
        for complete in [true, false] {
            for hasQueue in [true, false] {
                var machine = make(.streaming, complete: complete)
                #expect(machine.answerCompleted(hasQueue: hasQueue) == (hasQueue ? .deliver : .end))
                #expect(machine.state == (hasQueue ? .delivering : .streaming))
                // Though the rest of the request came meanwhile, the client has been told that the connection closes.
                if !complete { _ = machine.bodyCompleted() }
                let ends = [machine.requestEnded(), machine.requestEnded()]
                #expect(ends == [true, false])
                #expect(machine.answerEnded() == (complete ? .goOn : .finish))
                #expect(complete == (machine.state == .idle))
            }
        }
    }

    @Test func onlyARunningRequestEnds() {
        for state in State.allCases {
            var machine = make(state)
            #expect(machine.requestEnded() == state.isRunning)
            #expect(machine.state == (state.isRunning ? .ended : state))
        }
    }

    @Test func aConnectionWithoutTheBodysEndBreaksByReset() {
        for state in State.allCases {
            #expect(!make(state).breaksByReset)
            let old = make(state, isHTTP11: false)
            #expect(old.breaksByReset == (state == .streaming || state == .delivering))
        }
    }

    @Test func lingering() {
        var machine = make(.flushing)
        #expect(machine.sentWhileLingering(now: start) == nil)
        #expect(machine.flushed(isStopping: false, now: start) == .linger(until: start + .seconds(5)))
        #expect(machine.flushed(isStopping: false, now: start) == .nothing)
        // A client that sends on is waited for, but not for ever.
        #expect(machine.sentWhileLingering(now: start + .seconds(4)) == start + .seconds(9))
        #expect(machine.sentWhileLingering(now: start + .seconds(29)) == start + .seconds(30))
        let again = machine.finishes()
        #expect(!again && machine.state == .lingering)
        var stopping = make(.flushing)
        #expect(stopping.flushed(isStopping: true, now: start) == .linger(until: start + .milliseconds(300)))
        var finished = make(.flushing)
        finished.inputClosed()
        #expect(finished.flushed(isStopping: false, now: start) == .close)
    }

    @Test func stopping() {
        for state in State.allCases {
            var machine = make(state)
            let stop = machine.stops(hasUnsentBytes: false, now: start)
            switch state {
            case .idle:
                #expect(stop == .close)
                #expect(machine.stops(hasUnsentBytes: true, now: start) == .finish)
            case .readingHead: #expect(stop == .wait(until: start + .milliseconds(300)))
            case .lingering:
                #expect(stop == .wait(until: start + .milliseconds(300)))
                #expect(machine.sentWhileLingering(now: start) == start + .milliseconds(300))
            default: #expect(stop == .nothing)
            }
        }
    }

    @Test func nothingHappensAfterTheEnd() {
        var machine = make(.closed)
        let again = machine.closed()
        let finishes = machine.finishes()
        let ended = machine.requestEnded()
        #expect(!again && !finishes && !ended)
        machine.inputClosed()
        #expect(machine.inputEnded(inputIsEmpty: true) == .nothing)
        #expect(machine.headIsIncomplete() == .unchanged)
        #expect(machine.handshakeBegan() == .unchanged)
        #expect(machine.clientCaughtUp(now: start) == .unchanged)
        #expect(machine.clientFellBehind(now: start) == .unchanged)
        #expect(machine.answerEnded(closes: false) == .nothing)
        #expect(machine.flushed(isStopping: false, now: start) == .nothing)
        #expect(machine.stops(hasUnsentBytes: true, now: start) == .nothing)
        #expect(machine.state == .closed)
    }

    // MARK: Deadlines

    @Test func whatAnExpiredDeadlineMeansInEachState() {
        for complete in [true, false] {
            for isWritable in [true, false] {
                for state in State.allCases {
                    let expiry = make(state, complete: complete).deadlineExpired(upstreamIsWritable: isWritable)
                    switch state {
                    case .idle, .flushing, .lingering: #expect(expiry == .closeUnlessClientGetsOn)
                    case .ended, .closed: #expect(expiry == .close)
                    case .readingHead: #expect(expiry == .refuseSlowHead)
                    case .received, .choosing: #expect(expiry == (complete ? .nothing : .answerSlowBody))
                    case .parked: #expect(expiry == .chooseAgain)
                    case .connecting, .handshaking, .streaming: #expect(expiry == .failUpstream)
                    // An endpoint that takes no more of the body is to blame, not the client.
                    case .awaitingHead, .buffered:
                        #expect(expiry == (complete || !isWritable ? .failUpstream : .answerSlowBody))
                    case .delivering: #expect(expiry == .abortUnlessClientGetsOn)
                    }
                }
            }
        }
        var behind = make(.streaming)
        _ = behind.clientFellBehind(now: start)
        #expect(behind.deadlineExpired(upstreamIsWritable: true) == .abortUnlessClientGetsOn)
    }

    @Test func aSlowClientIsNotOneThatStandsStill() {
        let patience = TimeAmount.seconds(80)
        var machine = make(.delivering)
        machine.client.watch(unacknowledged: 1000, now: start)
        func look(_ bytes: Int, _ seconds: Int64) -> NIODeadline? {
            machine.client.getsOn(unacknowledged: bytes, patience: patience, now: start + .seconds(seconds))
        }
        #expect(look(1000, 79) == start + .seconds(89))
        #expect(look(999, 89) == start + .seconds(99))
        #expect(look(999, 168) == start + .seconds(178))
        #expect(look(999, 169) == nil)
        #expect(look(0, 90) == nil)
        machine.client.watch(unacknowledged: nil, now: start)
        #expect(look(5, 200) == start + .seconds(210))
        #expect(look(5, 280) == nil)
    }

    @Test func whatAnIdleConnectionWaitsFor() {
        #expect(make(.idle).waitWhenIdle(inputIsEmpty: true) == .nextRequest)
        // A request is here already, and is about to be read.
        #expect(make(.idle).waitWhenIdle(inputIsEmpty: false) == .unchanged)
        var behind = make(.idle)
        _ = behind.clientFellBehind(now: start)
        #expect(behind.waitWhenIdle(inputIsEmpty: true) == .clientTakes)
        #expect(behind.clientCaughtUp(now: start) == .nextRequest)
    }

    // MARK: Random sequences

    /// Plays the connection with a client, endpoints and a clock that do anything at any time, and checks what must always hold.
    @Test(arguments: 0..<50)
    func invariantsHold(seed: UInt64) {
        var play = ExchangePlay(seed: seed)
        for _ in 0..<400 where !play.isOver { play.step() }
        play.close()
    }
}

/// A connection whose client and endpoints are played at random. It performs what the machine returns as `ClientChannel` and
/// `ClientConnection` do.
private struct ExchangePlay {
    private var machine = ExchangeStateMachine(replayLimit: 100)
    private var random: SeededRandom
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    /// What the deadline is for; nil once it has expired.
    private var armed: ExchangeWait? = .requestHead
    private var begun = 0
    private var ended = 0
    private var candidatesLeft = 0
    private var kept = 0
    private var framing = BodyFraming.none
    /// The endpoints that have been sent this request, and the bytes of an answer that the client has.
    private var hasUpstream = false
    private var answerBytes = 0
    /// The client has the head of an event stream and nothing else.
    private var headSent = false
    private var isHTTP11 = true
    private var lastChunkSent = false
    private var closes = false
    private(set) var isOver = false

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private mutating func chance(_ part: Int) -> Bool { Int.random(in: 0..<part, using: &random) == 0 }

    mutating func step() {
        let before = machine.state
        now = now + .milliseconds(Int64.random(in: 0...500, using: &random))
        event()
        check(after: before)
    }

    mutating func close() {
        end()
        let wasOpen = machine.closed()
        #expect(wasOpen == !isOver)
        isOver = true
        #expect(begun == ended)
    }

    private mutating func event() {
        switch Int.random(in: 0..<16, using: &random) {
        case 0..<5: read()
        case 5..<10: upstreamEvent()
        case 10:
            arm(machine.client.isWritable ? machine.clientFellBehind(now: now) : machine.clientCaughtUp(now: now))
        case 11 where chance(8):
            machine.inputClosed()
            inputEnded()
        case 12 where chance(3): expire()
        case 13: arm(machine.upstreamWritabilityChanged(isWritable: chance(2)))
        case 14 where machine.state == .flushing:
            switch machine.flushed(isStopping: chance(4), now: now) {
            case .nothing: Issue.record("nothing in flushing")
            case .close: close()
            case .linger: armed = .clientTakes
            }
        case 15 where machine.state == .delivering:
            end()
            next(machine.answerEnded())
        case 15: keepalive()
        default: break
        }
    }

    private mutating func keepalive() {
        switch machine.keepaliveIsDue(isReadableStream: chance(2), isOverdue: chance(8)) {
        case .nothing: break
        case .headAndComment:
            #expect(!headSent && isHTTP11 && machine.state == .buffered && machine.canReplay)
            headSent = true
        case .comment: #expect(headSent && machine.state.isRunning && !machine.isCommitted)
        case .everything:
            #expect(machine.state == .buffered && machine.canReplay)
            machine.committed()
            kept = 0
            answerBytes += 10
        }
    }

    private mutating func read() {
        switch machine.inputStep {
        case .readHead:
            if chance(3) { return arm(machine.headIsIncomplete()) }
            if chance(12) { return finish() }
            begun += 1
            candidatesLeft = Int.random(in: 0...3, using: &random)
            kept = 0
            answerBytes = 0
            headSent = false
            isHTTP11 = !chance(4)
            framing = [.none, .length(50), .length(150), .chunked].randomElement(using: &random) ?? .none
            machine.requestBegan(keepsAlive: !chance(6), isHTTP11: isHTTP11, isHEAD: false)
            if chance(10) { return answer() }
            readBody()
        case .readBody: readBody()
        case .waitForAnswer, .waitForClient, .discard: break
        }
    }

    private mutating func readBody() {
        if framing == .none || chance(2) {
            let isSent = machine.bodyCompleted()
            #expect(isSent == hasUpstream || !machine.state.isFlowing)
            if isSent { arm(machine.waitAfterRequest) }
        } else if chance(12) {
            hasUpstream = false
            switch machine.bodyBroke() {
            case .abort:
                #expect(answerBytes > 0)
                return abort()
            case .answerBadRequest:
                #expect(answerBytes == 0)
                #expect(machine.closesAfterAnswer(inputIsEmpty: false, isStopping: false))
                return answer()
            }
        } else {
            switch machine.bodyRead(40, kept: kept) {
            case .keep: kept += 40
            case .keepAndSend:
                #expect(hasUpstream)
                kept += 40
            case .dropKeptAndSend:
                #expect(hasUpstream)
                kept = 0
            case .send: #expect(hasUpstream)
            case .discard: #expect(!machine.canReplay)
            }
            arm(machine.bodyPaused(gotBytes: true, upstreamIsWritable: chance(2)))
        }
        if machine.state == .received {
            machine.choosingBegan()
            choose()
        }
    }

    private mutating func choose() {
        // A committed answer is never tried again elsewhere.
        #expect(answerBytes == 0 && machine.canReplay && !hasUpstream)
        guard candidatesLeft > 0 else {
            guard chance(2) else { return answer() }
            machine.parks()
            // Any wait that is the endpoint's: it is armed for the time to look again.
            armed = .answerHead
            candidatesLeft = chance(2) ? 1 : 0
            return
        }
        if chance(4) {
            switch machine.halfOpenEndpoint(kept: kept) {
            case .waitForBody: return arm(machine.waitsForBody())
            case .skipIfOthersAreLeft, .ask: break
            }
        }
        candidatesLeft -= 1
        machine.attemptBegan(framing, kept: kept)
        if !machine.attempt.avoidsIdle, chance(2) {
            machine.idleConnectionTaken()
            send()
        } else {
            arm(machine.connectionBegan())
        }
    }

    private mutating func send() {
        // All of the request goes to each endpoint: what is missing of it was never kept.
        #expect(machine.canReplay && !hasUpstream)
        hasUpstream = true
        _ = machine.requestFraming(framing, kept: kept)
        arm(machine.requestSent(kept: kept))
        if !machine.canReplay { kept = 0 }
    }

    private mutating func upstreamEvent() {
        switch machine.state {
        case .connecting where chance(3): arm(machine.handshakeBegan())
        case .connecting, .handshaking: if chance(4) { fail() } else { send() }
        case .awaitingHead, .buffered, .streaming:
            if chance(6) { return fail() }
            if machine.state != .awaitingHead, chance(6),
                machine.upstreamClosed(endsBody: true, isProper: true)
            {
                hasUpstream = false
                return complete()
            }
            answerRead()
        default:
            let step = machine.answerRead()
            #expect(step == .fail)
        }
    }

    private mutating func fail() {
        let kinds: [FailureKind] = [.closed, .timeout, .badResponse]
        let kind = kinds.randomElement(using: &random) ?? .closed
        let failure = machine.upstreamFailed(kind, isUploadAwaited: machine.isUploading && chance(2))
        hasUpstream = false
        switch failure.recovery {
        case .nothing: Issue.record("a failure without a recovery")
        case .retryOnFreshConnection: retry()
        case .tryNextEndpoint: choose()
        case .answerBadGateway: answer()
        case .breakAnswer:
            #expect(answerBytes > 0)
            end()
            if chance(2) { finish() }
        }
    }

    private mutating func retry() {
        #expect(answerBytes == 0 && machine.canReplay)
        hasUpstream = false
        arm(machine.connectionBegan())
    }

    private mutating func answerRead() {
        switch machine.answerRead() {
        case .fail: Issue.record("bytes of a running attempt were refused")
        case .readHead:
            if chance(3) { return }
            let status = [200, 200, 200, 401, 408, 429, 500].randomElement(using: &random) ?? 200
            let isStream = chance(2)
            let use = machine.answered(
                status, isPage: chance(8), isStream: isStream, isUploadAwaited: machine.isUploading && chance(2))
            switch use {
            case .fail:
                #expect(headSent && !isStream)
                fail()
            case .retryOnFreshConnection: retry()
            case .readRefusal: armed = .refusalBody
            case .forward: holdAnswer(status)
            }
        case .readBody where machine.answer.isRefusal:
            let isWhole = chance(3)
            guard isWhole || chance(4) else { return }
            switch machine.judged(isTheClients: chance(3), isWhole: isWhole, hasNext: candidatesLeft > 0) {
            case .tryNextEndpoint:
                hasUpstream = false
                choose()
            case .forward: if headSent { answer() } else { holdAnswer(429) }
            }
        case .readBody:
            let isComplete = chance(3)
            let awaitedContent = machine.answer.waitsForContent
            if awaitedContent, chance(2) { machine.contentCame() }
            if !machine.holds(length: 10, events: 1) {
                let wasCommitted = machine.isCommitted
                let passage = machine.answerPasses(isLast: isComplete, awaitedContent: awaitedContent)
                #expect(passage.commits != wasCommitted)
                #expect(machine.isCommitted && !machine.canReplay)
                kept = 0
                answerBytes += 10
            }
            guard isComplete else { return arm(machine.waitForMoreAnswer) }
            if machine.answer.waitsForContent { return fail() }
            complete()
        }
    }

    private mutating func holdAnswer(_ status: Int) {
        let head = AnswerState.Head(
            status: status, framing: .chunked, announcedLength: nil, keepsAlive: !chance(3),
            isJudged: status == 200 && chance(3))
        closes = machine.answerHeld(head, inputIsEmpty: true, isStopping: chance(8)).closes
        armed = .answerBody
    }

    private mutating func complete() {
        if machine.state == .buffered { machine.committed() }
        hasUpstream = false
        if !machine.requestIsComplete {
            #expect(!machine.keepsUpstream(isYoung: true, hasUnsentBytes: false, hasIdle: false))
        }
        switch machine.answerCompleted(hasQueue: chance(3)) {
        case .deliver: armed = .clientTakes
        case .end:
            end()
            next(machine.answerEnded())
        }
    }

    /// Podium answers itself.
    private mutating func answer() {
        #expect(answerBytes == 0)
        hasUpstream = false
        // What would be an answer is said in an event, and the stream is broken off.
        if headSent {
            end()
            return finish()
        }
        let closes = machine.closesAfterAnswer(inputIsEmpty: true, isStopping: false)
        if !machine.requestIsComplete { #expect(closes) }
        end()
        next(machine.answerEnded(closes: closes))
    }

    private mutating func next(_ next: ExchangeStateMachine.Next) {
        switch next {
        case .nothing: Issue.record("nothing follows an answer")
        case .finish: finish()
        case .goOn:
            #expect(machine.requestIsComplete)
            arm(machine.waitWhenIdle(inputIsEmpty: true))
            inputEnded()
        }
    }

    private mutating func finish() {
        let isOpen = machine.finishes()
        #expect(isOpen)
        armed = .clientTakes
    }

    private mutating func end() {
        hasUpstream = false
        if machine.requestEnded() { ended += 1 }
    }

    private mutating func abort() {
        end()
        close()
    }

    private mutating func inputEnded() {
        switch machine.inputEnded(inputIsEmpty: true) {
        case .nothing: break
        case .finish: finish()
        case .close: close()
        case .abort: abort()
        case .probe: if machine.probe(.probe, takesComment: chance(2)) == .abort { abort() }
        }
    }

    private mutating func expire() {
        armed = nil
        perform(machine.deadlineExpired(upstreamIsWritable: chance(2)))
    }

    private mutating func perform(_ expiry: ExchangeState.Expiry) {
        switch expiry {
        case .nothing: Issue.record("a deadline expired for nothing in \(machine.state)")
        case .close: close()
        case .closeUnlessClientGetsOn, .abortUnlessClientGetsOn:
            let patience = TimeAmount.seconds(10)
            if machine.client.getsOn(unacknowledged: chance(2) ? 0 : 50, patience: patience, now: now) != nil {
                armed = .clientTakes
            } else {
                abort()
            }
        case .refuseSlowHead: finish()
        case .lookAtConnection:
            switch machine.looked(confirmsNothing: chance(2), now: now) {
            case .retryOnFreshConnection: retry()
            case .wait: armed = .answerHead
            case .stalled: perform(machine.stalled(upstreamIsWritable: chance(2)))
            }
        case .failUpstream:
            #expect(machine.state == .connecting || machine.state == .handshaking || machine.state.isFlowing)
            fail()
        case .answerSlowBody: answer()
        case .chooseAgain:
            let chooses = machine.choosesAgain()
            #expect(chooses)
            choose()
        }
    }

    private mutating func arm(_ wait: ExchangeWait) {
        switch wait {
        case .unchanged: break
        case .answerHead, .upload:
            armed = wait
            _ = machine.deadline(wait, .seconds(60), from: now)
        default: armed = wait
        }
    }

    private func check(after before: ExchangeState) {
        let state = machine.state
        // Exactly one end for each request.
        #expect(begun == ended + (state.isRunning ? 1 : 0))
        #expect(state != .choosing, "left within the call that entered it")
        #expect(machine.isCommitted || answerBytes == 0)
        #expect(hasUpstream == state.isFlowing)
        #expect(before != .closed || state == .closed)
        switch state {
        case .closed, .ended, .choosing: break
        // A deadline is armed wherever the connection waits, and it is one that this state knows.
        case .idle: #expect([.requestHead, .nextRequest, .clientTakes].contains(armed))
        case .readingHead: #expect(armed == .requestHead)
        case .received: #expect(armed == .requestBody)
        case .parked: #expect(armed == .answerHead, "the time to look again")
        case .connecting: #expect(armed == .connect)
        case .handshaking: #expect(armed == .tlsHandshake)
        case .awaitingHead: #expect([.requestBody, .answerHead, .upload].contains(armed))
        case .buffered: #expect([.requestBody, .answerBody, .upload, .answerHead, .refusalBody].contains(armed))
        case .streaming: #expect([.requestBody, .answerBody, .upload, .answerHead, .clientTakes].contains(armed))
        case .delivering: #expect(armed == .clientTakes || armed == .answerBody)
        case .flushing, .lingering: #expect(armed == .clientTakes)
        }
    }
}
