internal import HTTPWire
internal import LLMWire
internal import NIOCore
internal import Ranking
internal import Support
internal import Verdicts

/// The way of one request from endpoint to endpoint: which of the routing table is next, and what became of those before.
///
/// `RequestConnection` has one, which each of its requests begins anew. Whether there is another attempt is decided by
/// `ExchangeStateMachine`; here is kept where it goes, and what the ranking, the report and the words of a 503 need to know of the last ones.
final class Failover {
    private var table: RoutingTable?
    private var next = 0
    /// Places in the table of endpoints that are asked when no other is left: they do not know the path, as they have said.
    private var passedOver: [Int] = []
    /// Those of another API, which are asked behind all that need no conversion.
    private var converting: [Int] = []
    /// Which endpoints were not asked, and what became of those that were, in words.
    private var leftOut = LeftOut()
    /// Its place in the line for endpoints that are full.
    private(set) var line = PlaceInLine()
    /// What a session's cache asks of the order.
    private(set) var first = FirstEndpoint()
    /// The session that an endpoint is answering; nil before its answer has begun.
    private var session: SessionKey?
    /// Whose stream broke behind the commit point.
    private var brokenAt: EndpointID?
    /// Who has had an attempt, and may have another.
    private var retries = Retries()
    /// When the client has waited long enough for an endpoint to come back; nil as long as it has not waited at all.
    private var patienceEnds: NIODeadline?
    /// The endpoint that an operator's rule wants to be asked again before any other.
    private var again: (upstream: Upstream, url: UpstreamURL)?
    private(set) var attempts = AttemptRecords()
    private var untold = UntoldFailures()
    /// The last attempt's report goes with the request's.
    private(set) var isConcludedByAttempt = false
    /// The most telling answer of those that were none.
    private var kept: Refusal?
    /// An endpoint brought no answer at all, or one that was not kept.
    private var hadOtherFailures = false
    /// Whose answer went to the client, where it was kept.
    private(set) var answeredBy: EndpointID?

    var tableVersion: UInt64? { table?.version }

    /// Endpoints that were passed over for this request alone, for explanations.
    var passes: [PassedOver] { leftOut.passes }

    /// Whole seconds until the first endpoint may be tried again; nil where none said so.
    func earliestWait(for request: CurrentRequest) -> Int? { leftOut.earliestWait(of: table, attempts, for: request) }

    func begin(_ table: RoutingTable) {
        self.table = table
        next = 0
        if !passedOver.isEmpty { passedOver = [] }
        if !converting.isEmpty { converting = [] }
        leftOut.begin()
        if line.hasWaited { line = PlaceInLine() }
        first = FirstEndpoint()
        session = nil
        brokenAt = nil
        retries.begin()
        patienceEnds = nil
        if again != nil { again = nil }
        if kept != nil { kept = nil }
        hadOtherFailures = false
        answeredBy = nil
        attempts.begin()
        isConcludedByAttempt = false
        untold.begin()
    }

    /// The request has ended: lets go of the routing table, which others may have replaced long since.
    func end(of request: CurrentRequest, at end: NIODeadline, on loop: LoopContext) {
        if session != nil || brokenAt != nil { leaveSession(of: request, at: end, on: loop) }
        leaveLine(on: loop, now: end)
        table = nil
        if kept != nil { kept = nil }
    }

    // MARK: Its session

    /// An endpoint's answer goes to the client: the request's session has its cache there from now on. Its body is still kept.
    @inline(__always)
    func answerBegan(at upstream: Upstream, of request: CurrentRequest, on loop: LoopContext) {
        guard let table, table.hasChoice, loop.routing.sessions.areKnown, request.operation.isInference else { return }
        enterSession(table, at: upstream, of: request, on: loop)
    }

    private func enterSession(
        _ table: RoutingTable, at upstream: Upstream, of request: CurrentRequest, on loop: LoopContext
    ) {
        guard session == nil, let key = request.session else { return }
        session = key
        let upstream = first.looks(at: upstream.id) ? leader(of: table, for: request) ?? upstream : upstream
        let home = SessionTable.Home(endpoint: upstream.id, order: table.operatorOrder)
        loop.shared.sessions.began(key, at: home, upstream.load, now: .now(), loop.routing.sessions) { known in
            // What an endpoint lacks for this one request does not move the session: its cache is of another model, perhaps.
            guard known.order == table.operatorOrder, !retries.tried.contains(known.endpoint),
                known.endpoint != first.avoided,
                let place = table.place(of: known.endpoint)
            else { return false }
            return table.candidates[place].gate == .open
                && (!table.canServe(request, at: place) || leftOut.passes.contains { $0.endpoint == known.endpoint })
        }
    }

    /// Where a session goes on whose first request has looked at another endpoint: that costs one request, and not the whole session.
    private func leader(of table: RoutingTable, for request: CurrentRequest) -> Upstream? {
        let place = table.candidates.indices.first {
            table.candidates[$0].upstream.id != first.preferred && table.canServe(request, at: $0)
        }
        return place.map { table.candidates[$0].upstream }
    }

    private func leaveSession(of request: CurrentRequest, at end: NIODeadline, on loop: LoopContext) {
        if let session {
            loop.shared.sessions.ended(session, broken: brokenAt, now: end)
        } else if let brokenAt, let table, table.hasChoice, request.operation.isInference, let key = request.session {
            loop.shared.sessions.broke(key, at: brokenAt, now: end)
        }
        session = nil
        brokenAt = nil
    }

    /// An endpoint's answer has made something, by which the endpoint is found again.
    func noteMade(_ id: MadeID, by endpoint: EndpointID, of request: CurrentRequest, on loop: LoopContext) {
        guard table?.hasChoice == true else { return }
        loop.shared.madeIDs.insert(id, madeBy: endpoint, isFile: request.makes.isFile)
    }

    // MARK: Where to

    enum Step {
        /// `attempt` names the endpoint.
        case ask
        /// The next endpoint is half-open, and is asked when the whole request is here.
        case waitForBody
        case exhausted
    }

    /// The next endpoint of the routing table that serves what `request` asks for.
    ///
    /// - Parameters:
    ///   - attempt: is given the endpoint
    ///   - halfOpen: what is done where it is half-open
    @inline(__always)
    func nextStep(
        of request: CurrentRequest, _ attempt: CurrentAttempt, halfOpen: ExchangeStateMachine.HalfOpen,
        on loop: LoopContext
    ) -> Step {
        guard let table else { return .exhausted }
        if let (target, url) = again {
            again = nil
            // Others may have taken its place there. Its turn in the table is over, so that the request waits for it as for any that is full.
            if table.place(of: target.id).map({ mayAsk(target, at: $0, on: loop) }) ?? claims(target, on: loop) {
                attempt.choose(target, url)
                return .ask
            }
            retries.tried.removeAll { $0 == target.id }
        }
        // Its last word on the model counts, so that all of the body is read.
        let dependsOnModel = table.hasModelRules || request.isLimitedToModels
        if dependsOnModel, halfOpen == .waitForBody, request.namesModel { return .waitForBody }
        if loop.routing.asksForUsage, halfOpen == .waitForBody, request.mayAskForUsage { return .waitForBody }
        if line.isEntered, takePlace(table, request, attempt, halfOpen: halfOpen, on: loop) { return .ask }
        // The model has to be known, which stands in the body.
        if table.hasModelLimits, halfOpen == .waitForBody, request.operation.isInference, request.model == nil {
            return .waitForBody
        }
        guard first.decide(table, request, bodyMayCome: halfOpen == .waitForBody, on: loop) else {
            return .waitForBody
        }
        while let place = takeNext(of: table, for: request) {
            let target = table.candidates[place].upstream
            let isConverted = table.converts && request.isConverted(at: target)
            guard let url = isConverted ? target.openAIURL : target.url(for: request.api) else { continue }
            if !retries.tried.isEmpty, retries.tried.contains(target.id) { continue }
            if let objection = request.objection(to: target) {
                leftOut.pass(target.id, objection)
                first.passedOver(target.id)
                continue
            }
            if !isConverted, let api = request.openAIAPI, target.lacks == api {
                leftOut.skippedAPI = true
                continue
            }
            leftOut.foundURL = true
            if dependsOnModel, !request.suits(target) {
                leftOut.pass(target.id, request.misfit)
                continue
            }
            let isOnTrial = table.candidates[place].gate == .halfOpen
            if isOnTrial || isConverted, halfOpen == .waitForBody {
                putBack(place, isConverted: isConverted)
                return .waitForBody
            }
            if isConverted, !request.prepareConversion(for: target, seed: request.serial) {
                leftOut.pass(target.id, .notConvertible)
                first.passedOver(target.id)
                continue
            }
            if isOnTrial, halfOpen == .skipIfOthersAreLeft, hasNext(for: request) { continue }
            guard mayAsk(target, at: place, on: loop) else { continue }
            if isOnTrial, halfOpen == .ask, !loop.events.admitHalfOpen(target.id) {
                giveBack(target, on: loop)
                leftOut.skippedBusy = true
                continue
            }
            attempt.choose(target, url)
            return .ask
        }
        return .exhausted
    }

    /// Whether the endpoint, which has what the request asks for, takes it now. Where it does, its place there is taken.
    @inline(__always)
    private func mayAsk(_ target: Upstream, at place: Int, on loop: LoopContext) -> Bool {
        if target.conditions != nil, isBarred(target) { return false }
        if loop.shared.slots.start(at: target) {
            return target.conditions == nil || isAdmitted(target, on: loop)
        }
        wasFull(target, at: place)
        return false
    }

    /// The same without a place in the table.
    private func claims(_ target: Upstream, on loop: LoopContext) -> Bool {
        if target.conditions != nil, isBarred(target) { return false }
        return loop.shared.slots.start(at: target) && (target.conditions == nil || isAdmitted(target, on: loop))
    }

    /// Whether the endpoint's settings keep it from being asked now.
    private func isBarred(_ target: Upstream) -> Bool {
        let now = LimitMoment.now
        guard let reason = target.conditions?.refusal(target.load, at: now) else { return false }
        bar(target, reason, now)
        return true
    }

    /// Counts the request at an endpoint where it has a place; where it would be one too many it has none any more.
    private func isAdmitted(_ target: Upstream, on loop: LoopContext) -> Bool {
        let now = LimitMoment.now
        guard let reason = target.conditions?.admit(target.load, at: now) else { return true }
        loop.shared.slots.ended(target.load, at: target.id)
        bar(target, reason, now)
        return false
    }

    /// The request goes to the endpoint once more, which may have counted it before its connection closed.
    ///
    /// - Returns: false where it would be one too many
    func countsAgain(at target: Upstream) -> Bool {
        let now = LimitMoment.now
        guard let reason = target.conditions?.admit(target.load, at: now) else { return true }
        bar(target, reason, now)
        return false
    }

    /// The endpoint was to be asked and is not: it has the place again, and the request is not counted there.
    func giveBack(_ target: Upstream, on loop: LoopContext) {
        target.conditions?.withdraw(target.load, at: .now)
        loop.shared.slots.ended(target.load, at: target.id)
    }

    private func bar(_ target: Upstream, _ reason: PassedOver.Reason, _ now: LimitMoment) {
        let left = max(0, (reason.until ?? now.wall) - now.wall)
        // One that was to be asked again may have its turn still to come.
        leftOut.barred.removeAll { $0.name == target.name }
        leftOut.barred.append((target.name, reason, .now() + .seconds(min(left, 1_000_000_000))))
        leftOut.pass(target.id, reason)
        first.passedOver(target.id)
    }

    private func wasFull(_ target: Upstream, at place: Int) {
        if !leftOut.full.contains(place) { leftOut.full.append(place) }
        if !leftOut.passes.contains(where: { $0.endpoint == target.id }) { target.load.overflowed() }
        leftOut.pass(target.id, .full(limit: target.maxInFlight))
        first.passedOver(target.id)
    }

    /// The places of the table in their order. Those of endpoints that do not know the path or the model, as they have said, come last;
    /// those that have named a time to wait for this model are left out.
    @inline(__always)
    private func takeNext(of table: RoutingTable, for request: CurrentRequest) -> Int? {
        if !first.isPlain, let place = first.take(from: table, for: request) { return place }
        while next < table.candidates.count {
            let place = next
            next += 1
            if !first.isPlain, isOutOfTurn(table.candidates[place].upstream.id, place) { continue }
            if table.candidates[place].upstream.unknownPaths.contain(
                request.operation(at: table.candidates[place].upstream), now: request.started)
            {
                passedOver.append(place)
                leftOut.pass(table.candidates[place].upstream.id, .pathUnknown)
            } else if !table.hasModelLimits || admits(table.candidates[place], request, at: place) {
                guard table.converts, request.isConverted(at: table.candidates[place].upstream) else { return place }
                converting.append(place)
            }
        }
        if !converting.isEmpty { return converting.removeFirst() }
        return passedOver.isEmpty ? nil : passedOver.removeFirst()
    }

    /// It has been asked before its turn, or is asked behind all others.
    private func isOutOfTurn(_ endpoint: EndpointID, _ place: Int) -> Bool {
        if endpoint == first.avoided {
            passedOver.append(place)
            return true
        }
        return first.hasTaken(endpoint)
    }

    private func admits(_ candidate: Candidate, _ request: CurrentRequest, at place: Int) -> Bool {
        guard request.operation.isInference, !candidate.limitedModels.isEmpty, let model = request.model,
            let limit = candidate.limit(on: model), ContinuousClock.now < limit.until
        else { return true }
        if limit.reason.cause == .model {
            passedOver.append(place)
        } else {
            leftOut.limited.append((candidate.upstream.name, limit))
        }
        return false
    }

    private func putBack(_ place: Int, isConverted: Bool) {
        if let endpoint = table?.candidates[place].upstream.id, first.putBack(endpoint) { return }
        if place == next - 1 {
            next = place
        } else if isConverted {
            converting.insert(place, at: 0)
        } else {
            passedOver.insert(place, at: 0)
        }
    }

    /// Whether an endpoint is left to ask, which may then still turn out to be half-open and busy.
    func hasNext(for request: CurrentRequest) -> Bool {
        guard let table else { return false }
        return table.candidates[next...].contains { serves($0.upstream, request) && !first.hasTaken($0.upstream.id) }
            || converting.contains { serves(table.candidates[$0].upstream, request) }
            || passedOver.contains { serves(table.candidates[$0].upstream, request) }
            || leftOut.full.contains { serves(table.candidates[$0].upstream, request) }
    }

    private func serves(_ upstream: Upstream, _ request: CurrentRequest) -> Bool {
        request.url(at: upstream) != nil
            && !request.notConvertedFor.contains(upstream.id)
            && (retries.tried.isEmpty || !retries.tried.contains(upstream.id)) && request.suits(upstream)
            && request.mayUse(upstream)
    }

    // MARK: Where all that could be asked are full

    /// What becomes of a request that only endpoints could serve which are full.
    enum Line {
        /// `attempt` names the endpoint at which it was given a place.
        case ask
        case wait(until: NIODeadline)
        /// It does not wait.
        case none
    }

    /// The request waits in line for a place at an endpoint that is full; where it waits already, it keeps its place in the line.
    ///
    /// - Parameters:
    ///   - wake: is called on any thread when there may be a place for it
    func lineUp(
        for request: CurrentRequest, _ attempt: CurrentAttempt, now: NIODeadline, on loop: LoopContext,
        wake: @escaping @Sendable () -> Void
    ) -> Line {
        guard let table, !leftOut.full.isEmpty, kept?.verdict?.isAboutRequest != true else { return .none }
        let places = leftOut.full.filter { serves(table.candidates[$0].upstream, request) }
        let targets = places.map { table.candidates[$0].upstream }
        switch line.wait(for: targets, loop.routing.queue, now: now, in: loop.shared.slots, wake: wake) {
        case .given(let target):
            if let place = places.first(where: { table.candidates[$0].upstream.id == target.id }),
                let url = request.url(at: target), mayBegin(target, table.candidates[place].gate, on: loop)
            {
                attempt.choose(target, url)
                return .ask
            }
            // The others are waited for; each time there is one less of them.
            leftOut.full.removeAll { table.candidates[$0].upstream.id == target.id }
            return lineUp(for: request, attempt, now: now, on: loop, wake: wake)
        case .waits(let until):
            // Both waits are of one patience.
            patienceEnds = patienceEnds ?? now + loop.routing.maxWait
            return .wait(until: namedTimes(now: now).min().map { min($0, until) } ?? until)
        case .none: return .none
        }
    }

    /// The request has been given a place, perhaps.
    ///
    /// - Returns: whether `attempt` names the endpoint
    private func takePlace(
        _ table: RoutingTable, _ request: CurrentRequest, _ attempt: CurrentAttempt,
        halfOpen: ExchangeStateMachine.HalfOpen, on loop: LoopContext
    ) -> Bool {
        guard let (endpoint, load) = line.take(now: .now(), from: loop.shared.slots) else { return false }
        // Settings and availability may have changed since it was asked for.
        if let place = table.place(of: endpoint), table.canServe(request, at: place, onTrial: halfOpen == .ask),
            !retries.tried.contains(endpoint), let url = request.url(at: table.candidates[place].upstream)
        {
            let target = table.candidates[place].upstream
            leftOut.foundURL = true
            guard mayBegin(target, table.candidates[place].gate, on: loop) else { return false }
            attempt.choose(target, url)
            return true
        }
        loop.shared.slots.ended(load, at: endpoint)
        return false
    }

    /// Whether a request that has been given a place at the endpoint is sent there. Where it is not, the place is given back.
    private func mayBegin(_ target: Upstream, _ gate: Candidate.Gate, on loop: LoopContext) -> Bool {
        if target.conditions != nil {
            // It may have waited until behind the endpoint's hours.
            guard !isBarred(target) else {
                loop.shared.slots.ended(target.load, at: target.id)
                return false
            }
            guard isAdmitted(target, on: loop) else { return false }
        }
        // Asked last: what is admitted on trial and not sent would hold the endpoint's only trial.
        guard gate == .open || loop.events.admitHalfOpen(target.id) else {
            giveBack(target, on: loop)
            return false
        }
        return true
    }

    /// The request waits for no place any more.
    @inline(__always)
    func leaveLine(on loop: LoopContext, now: NIODeadline) {
        if line.isEntered { line.leave(loop.shared.slots, now: now) }
    }

    // MARK: Where no endpoint can be asked

    /// What a request does that has no endpoint left.
    enum Patience {
        /// `attempt` names an endpoint that may be asked before its time.
        case ask
        case wait(until: NIODeadline)
        /// An endpoint may be tried when the whole request is here: a slow client must not hold its only place.
        case waitForBody
        /// The client has to be told.
        case none
    }

    /// Rather than to be refused, a request may try an endpoint whose cooldown is not over, one request at a time, or wait for the outcome of
    /// such a trial, for the end of a wait that was named, or for another attempt at what has just failed.
    ///
    /// - Parameters:
    ///   - isWhole: all of the request is here
    ///   - maximum: how long a client waits at most
    func patience(
        for request: CurrentRequest, _ attempt: CurrentAttempt, isWhole: Bool, maximum: TimeAmount, now: NIODeadline,
        on loop: LoopContext
    ) -> Patience {
        guard maximum > .nanoseconds(0), kept?.verdict?.isAboutRequest != true, let table else { return .none }
        let end = patienceEnds ?? now + maximum
        var next: NIODeadline?
        let halfOpen = table.candidates.filter { candidate in
            candidate.gate == .halfOpen
                && (!table.hasModelLimits || request.model.flatMap { candidate.limit(on: $0) } == nil)
        }
        let untried = (table.absent.map(\.upstream) + halfOpen.map(\.upstream)).filter { serves($0, request) }
        if !isWhole, !untried.isEmpty { return .waitForBody }
        // A trial is of no use without a place there.
        let open = untried.filter { claims($0, on: loop) }
        let trial = open.isEmpty ? .nothing : loop.events.tryEarly(open.map(\.id))
        for target in open {
            if case .ask(target.id) = trial { continue }
            giveBack(target, on: loop)
        }
        switch trial {
        case .ask(let id):
            guard let target = open.first(where: { $0.id == id }), let url = request.url(at: target) else {
                return .none
            }
            leftOut.foundURL = true
            attempt.choose(target, url)
            return .ask
        case .wait(let until): next = Self.deadline(until, now: now)
        case .nothing: break
        }
        for time in namedTimes(now: now) { next = next.map { min($0, time) } ?? time }
        guard let next, next < end else { return .none }
        patienceEnds = end
        return .wait(until: next)
    }

    /// When an endpoint may be asked that cannot be now.
    private func namedTimes(now: NIODeadline) -> [NIODeadline] {
        leftOut.limited.map { Self.deadline($0.limit.until, now: now) } + leftOut.barred.map(\.until)
            + [retries.next].compactMap { $0 }
    }

    private static func deadline(_ instant: ContinuousClock.Instant, now: NIODeadline) -> NIODeadline {
        now + TimeAmount(max(.zero, instant - ContinuousClock.now))
    }

    /// The request looks for an endpoint once more, by the table that is in force now.
    func renew(_ table: RoutingTable, now: NIODeadline) {
        self.table = table
        next = 0
        passedOver = []
        converting = []
        first.renew()
        leftOut.renew()
        retries.renew(now: now)
    }

    /// A rule wants the endpoint to be asked again before any other.
    ///
    /// - Returns: whether that may be done once more
    func asksAgain(_ upstream: Upstream, _ url: UpstreamURL) -> Bool {
        guard retries.takeExtra() else { return false }
        again = (upstream, url)
        return true
    }

    /// The request is another one now: the endpoint is asked again before any other.
    func asksOnceMore(_ upstream: Upstream, _ url: UpstreamURL) {
        again = (upstream, url)
    }

    /// Whether this table has an endpoint for the request that was out when it looked last.
    func gains(from table: RoutingTable, for request: CurrentRequest) -> Bool {
        guard let known = self.table, known !== table else { return false }
        return table.candidates.contains {
            $0.gate == .open && known.place(of: $0.upstream.id) == nil && serves($0.upstream, request)
        }
    }

    /// Whether the request has looked at another table than this.
    func differs(from table: RoutingTable) -> Bool { self.table !== table }

    // MARK: What became of an attempt

    /// Records an attempt, and tells the ranking of it where it is about the endpoint and not perhaps about the request.
    ///
    /// - Parameters:
    ///   - reason: what went wrong, in a few words; nil where nothing did
    ///   - concludes: the request ends with it, and its report with the request's
    ///   - isCommitted: the client has part of the answer, so no other endpoint is asked
    func finish(
        _ attempt: CurrentAttempt, at upstream: Upstream, of request: CurrentRequest, _ outcome: AttemptOutcome,
        reason: String?, concludes: Bool, isCommitted: Bool, end: Moment, on loop: LoopContext
    ) {
        if let reason { leftOut.failures.append((upstream.name, reason)) }
        let isEvidence = attempt.isEvidence(outcome, of: request.operation)
        let isAlike = isEvidence && untold.mayBeRequests(outcome, of: attempt, isCommitted: isCommitted)
        let isEverywhere = concludes && isAlike && !hasNext(for: request)
        learnPath(of: attempt, at: upstream, for: request, now: end.deadline)
        if !concludes {
            retries.note(attempt, at: upstream, outcome, pause: loop.retryPause(), now: end.deadline)
        }
        // Made once and where it stays, as far as possible: it is long to copy.
        var report = AttemptReport(
            endpoint: upstream.id, outcome: outcome, status: attempt.status,
            timeToFirstByte: attempt.timeToFirstByte, duration: Duration(end.deadline - attempt.started),
            figures: AnswerFigures(
                timeToFirstContent: attempt.timeToFirstContent, tokensPerSecond: attempt.tokensPerSecond),
            ended: end.report, wasAnswered: attempt.wasAnswered, wasMeasured: attempt.wasMeasured,
            detection: attempt.detection(of: request, outcome),
            isEvidence: isEvidence, failedEverywhere: isEverywhere ? request.fingerprint : nil)
        report.isLook = first.looks(at: upstream.id)
        report.isConverted = request.conversion != nil
        if case .success(_?) = outcome { upstream.load.measured(at: end.deadline) }
        if concludes {
            tellUntold(of: request, failedEverywhere: isEverywhere, on: loop)
        } else if isAlike {
            untold.append(report)
        } else {
            if UntoldFailures.settles(outcome) { tellUntold(of: request, failedEverywhere: false, on: loop) }
            loop.events.attemptFinished(report)
        }
        isConcludedByAttempt = concludes
        if isCommitted, outcome.breaksAnswer { brokenAt = upstream.id }
        attempts.append(report, row: attempt.verdict?.row)
    }

    /// The attempt that begins sends this name of the model.
    func noteSent(_ model: String) { attempts.noteSent(model) }

    @inline(__always)
    private func learnPath(
        of attempt: CurrentAttempt, at upstream: Upstream, for request: CurrentRequest, now: NIODeadline
    ) {
        if let verdict = attempt.verdict {
            if verdict.endpoint == .pathUnknown {
                upstream.unknownPaths.insert(request.operation(at: upstream), now: now)
            }
        } else {
            upstream.unknownPaths.remove(request.operation(at: upstream))
        }
    }

    /// Keeps a refusal, which is the client's if no endpoint has anything better.
    func keep(_ refusal: Refusal) {
        guard refusal.isWhole, let verdict = refusal.verdict, verdict.isTelling else {
            hadOtherFailures = true
            return
        }
        if let best = kept?.verdict, Verdict.mostTelling(of: [best, verdict]) == 0 { return }
        kept = refusal
    }

    /// The endpoint has brought no answer.
    func hasFailed() { hadOtherFailures = true }

    /// Tells the ranking of the failures that were kept back.
    ///
    /// - Parameter failedEverywhere: no endpoint that the request was sent to did otherwise
    @inline(__always)
    func tellUntold(of request: CurrentRequest, failedEverywhere: Bool, on loop: LoopContext) {
        if !untold.isEmpty { untold.tell(of: request, failedEverywhere: failedEverywhere, on: loop) }
    }

    // MARK: No endpoint is left

    /// What the client gets where no endpoint had an answer.
    enum LastWord {
        case kept(Refusal)
        case local(LocalAnswer)
    }

    func lastWord(to request: CurrentRequest) -> LastWord {
        if let kept, isTheirWord(kept) {
            answeredBy = kept.upstream.id
            return .kept(kept)
        }
        return .local(leftOut.answer(to: request, table, attempts, tried: retries.tried, hasWaited: line.time != nil))
    }

    /// Whether an endpoint's refusal is what the client has to know: every endpoint that was asked refused, and none that is out for a while
    /// might say otherwise. What is the request's own fault is so everywhere.
    private func isTheirWord(_ refusal: Refusal) -> Bool {
        guard let verdict = refusal.verdict else { return false }
        if verdict.isAboutRequest { return true }
        return !hadOtherFailures && leftOut.full.isEmpty && leftOut.barred.isEmpty
            && (verdict.isForNow || table?.earliestRecovery == nil && !leftOut.skippedBusy)
    }
}

extension AttemptOutcome {
    /// Whether an answer that the client had the beginning of was not what it should have been.
    fileprivate var breaksAnswer: Bool {
        switch self {
        case .failure, .rateLimited, .timedOut, .misconfigured: true
        case .success, .declined, .neutral: false
        }
    }
}
