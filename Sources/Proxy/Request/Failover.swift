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
    /// Endpoints that were passed over for this request alone, for explanations.
    private(set) var passes: [PassedOver] = []
    /// Places in the table of endpoints that were full when their turn came.
    private var full: [Int] = []
    /// Endpoints whose settings do not let them be asked now, and until when.
    private var barred: [(name: String, reason: PassedOver.Reason, until: NIODeadline)] = []
    /// Its place in the line for endpoints that are full.
    private(set) var line = PlaceInLine()
    /// What a session's cache asks of the order.
    private(set) var first = FirstEndpoint()
    /// The session that an endpoint is answering; nil before its answer has begun.
    private var session: SessionKey?
    /// Whose stream broke behind the commit point.
    private var brokenAt: EndpointID?
    /// Endpoints that were left out, since they have named a time to wait for the model.
    private var limited: [(name: String, limit: LimitedModel)] = []
    /// The endpoints that have had their attempt, and are not asked again before a pause.
    private var tried: [EndpointID] = []
    /// Those of them that are not asked again at all: another try would bring the same.
    private var settled: [EndpointID] = []
    /// When the first of the others may be asked again; nil where none is worth it.
    private var againFrom: NIODeadline?
    /// Attempts beyond one for each endpoint.
    private var extraAttempts = 0
    /// When the client has waited long enough for an endpoint to come back; nil as long as it has not waited at all.
    private var patienceEnds: NIODeadline?
    /// The endpoint that an operator's rule wants to be asked again before any other.
    private var again: (upstream: Upstream, url: UpstreamURL)?
    /// Whether any endpoint of the table serves this API.
    private var foundURL = false
    /// An endpoint was skipped because it speaks the other OpenAI API.
    private var skippedAPI = false
    private(set) var firstAttempt: AttemptReport?
    private(set) var furtherAttempts: [AttemptReport] = []
    /// What judged the attempts, by their places: the row of the table of verdicts, or the operator's rule; empty for those that nothing
    /// had to judge, of which none is there behind the last one that is named.
    private(set) var verdictRows: [String] = []
    /// What the endpoints of the attempts were asked for, by their places, where it was not the client's name of the model; empty for those
    /// of whom it was, of which none is there behind the last one that is named.
    private(set) var sentModels: [String] = []
    /// Failed attempts that have not been reported yet: while all of them failed in the same way, the request may be to blame.
    private var untold: [AttemptReport] = []
    /// The last attempt's report goes with the request's.
    private(set) var isConcludedByAttempt = false
    /// An endpoint was skipped because it takes one request at a time and has one.
    private var skippedBusy = false
    /// What became of the endpoints tried, for the message of a 503.
    private var failures: [(name: String, reason: String)] = []
    /// The most telling answer of those that were none.
    private var kept: Refusal?
    /// An endpoint brought no answer at all, or one that was not kept.
    private var hadOtherFailures = false
    /// Whose answer went to the client, where it was kept.
    private(set) var answeredBy: EndpointID?

    var tableVersion: UInt64? { table?.version }

    /// The endpoint that was asked last.
    var lastEndpoint: EndpointID? {
        furtherAttempts.isEmpty ? firstAttempt?.endpoint : furtherAttempts.last?.endpoint
    }

    func begin(_ table: RoutingTable) {
        self.table = table
        next = 0
        if !passedOver.isEmpty { passedOver = [] }
        if !passes.isEmpty { passes = [] }
        if !full.isEmpty { full = [] }
        if !barred.isEmpty { barred = [] }
        if line.hasWaited { line = PlaceInLine() }
        first = FirstEndpoint()
        session = nil
        brokenAt = nil
        if !limited.isEmpty { limited = [] }
        // A request may have waited without an attempt, and an attempt may have been forgotten for another one.
        if !tried.isEmpty { tried = [] }
        if !settled.isEmpty { settled = [] }
        againFrom = nil
        extraAttempts = 0
        patienceEnds = nil
        if again != nil { again = nil }
        if kept != nil { kept = nil }
        hadOtherFailures = false
        skippedBusy = false
        answeredBy = nil
        foundURL = false
        skippedAPI = false
        firstAttempt = nil
        isConcludedByAttempt = false
        if !furtherAttempts.isEmpty { furtherAttempts = [] }
        if !verdictRows.isEmpty { verdictRows = [] }
        if !sentModels.isEmpty { sentModels = [] }
        if !failures.isEmpty { failures = [] }
        if !untold.isEmpty { untold = [] }
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
            guard known.order == table.operatorOrder, !tried.contains(known.endpoint), known.endpoint != first.avoided,
                let place = table.place(of: known.endpoint)
            else { return false }
            return table.candidates[place].gate == .open
                && (!table.canServe(request, at: place) || passes.contains { $0.endpoint == known.endpoint })
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
            if claims(target, on: loop) {
                attempt.choose(target, url)
                return .ask
            }
            // Others have taken its place: it is one of those that have their turn now.
            tried.removeAll { $0 == target.id }
        }
        // Its last word on the model counts, so that all of the body is read.
        if table.hasModelRules, halfOpen == .waitForBody, request.namesModel { return .waitForBody }
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
            guard let url = target.url(for: request.api) else { continue }
            if !tried.isEmpty, tried.contains(target.id) { continue }
            if !request.mayUse(target) {
                pass(target.id, .untagged)
                first.passedOver(target.id)
                continue
            }
            if let api = request.openAIAPI, target.lacks == api {
                skippedAPI = true
                continue
            }
            foundURL = true
            if table.hasModelRules, !request.suits(target) {
                pass(target.id, .modelNotServed)
                continue
            }
            let isOnTrial = table.candidates[place].gate == .halfOpen
            if isOnTrial, halfOpen == .waitForBody {
                putBack(place)
                return .waitForBody
            }
            if isOnTrial, halfOpen == .skipIfOthersAreLeft, hasNext(for: request) { continue }
            guard mayAsk(target, at: place, on: loop) else { continue }
            if isOnTrial, halfOpen == .ask, !loop.events.admitHalfOpen(target.id) {
                giveBack(target, on: loop)
                skippedBusy = true
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
        let now = EndpointConditions.Moment.now
        guard let reason = target.conditions?.refusal(target.load, at: now) else { return false }
        bar(target, reason, now)
        return true
    }

    /// Counts the request at an endpoint where it has a place; where it would be one too many it has none any more.
    private func isAdmitted(_ target: Upstream, on loop: LoopContext) -> Bool {
        let now = EndpointConditions.Moment.now
        guard let reason = target.conditions?.admit(target.load, at: now) else { return true }
        loop.shared.slots.ended(target.load, at: target.id)
        bar(target, reason, now)
        return false
    }

    /// The endpoint was to be asked and is not: it has the place again, and the request is not counted there.
    func giveBack(_ target: Upstream, on loop: LoopContext) {
        target.conditions?.withdraw(target.load, at: .now)
        loop.shared.slots.ended(target.load, at: target.id)
    }

    private func bar(_ target: Upstream, _ reason: PassedOver.Reason, _ now: EndpointConditions.Moment) {
        let left = max(0, (reason.until ?? now.wall) - now.wall)
        barred.append((target.name, reason, .now() + .seconds(min(left, 1_000_000_000))))
        pass(target.id, reason)
        first.passedOver(target.id)
    }

    private func wasFull(_ target: Upstream, at place: Int) {
        full.append(place)
        if !passes.contains(where: { $0.endpoint == target.id }) { target.load.overflowed() }
        pass(target.id, .full(limit: target.maxInFlight))
        first.passedOver(target.id)
    }

    private func pass(_ endpoint: EndpointID, _ reason: PassedOver.Reason) {
        passes.removeAll { $0.endpoint == endpoint }
        passes.append(PassedOver(endpoint, reason))
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
            if table.candidates[place].upstream.unknownPaths.contain(request.operation, now: request.started) {
                passedOver.append(place)
                pass(table.candidates[place].upstream.id, .pathUnknown)
            } else if !table.hasModelLimits || admits(table.candidates[place], request, at: place) {
                return place
            }
        }
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
            limited.append((candidate.upstream.name, limit))
        }
        return false
    }

    private func putBack(_ place: Int) {
        if let endpoint = table?.candidates[place].upstream.id, first.putBack(endpoint) { return }
        if place == next - 1 { next = place } else { passedOver.insert(place, at: 0) }
    }

    /// Whether an endpoint is left to ask, which may then still turn out to be half-open and busy.
    func hasNext(for request: CurrentRequest) -> Bool {
        guard let table else { return false }
        return table.candidates[next...].contains { serves($0.upstream, request) && !first.hasTaken($0.upstream.id) }
            || passedOver.contains { serves(table.candidates[$0].upstream, request) }
            || full.contains { serves(table.candidates[$0].upstream, request) }
    }

    private func serves(_ upstream: Upstream, _ request: CurrentRequest) -> Bool {
        upstream.url(for: request.api) != nil && (request.openAIAPI == nil || upstream.lacks != request.openAIAPI)
            && (tried.isEmpty || !tried.contains(upstream.id)) && request.suits(upstream) && request.mayUse(upstream)
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
        guard let table, !full.isEmpty, kept?.verdict?.isAboutRequest != true else { return .none }
        let places = full.filter { serves(table.candidates[$0].upstream, request) }
        let targets = places.map { table.candidates[$0].upstream }
        switch line.wait(for: targets, loop.routing.queue, now: now, in: loop.shared.slots, wake: wake) {
        case .given(let target):
            if let place = places.first(where: { table.candidates[$0].upstream.id == target.id }),
                let url = target.url(for: request.api), mayBegin(target, table.candidates[place].gate, on: loop)
            {
                attempt.choose(target, url)
                return .ask
            }
            // The others are waited for; each time there is one less of them.
            full.removeAll { table.candidates[$0].upstream.id == target.id }
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
            !tried.contains(endpoint), let url = table.candidates[place].upstream.url(for: request.api)
        {
            let target = table.candidates[place].upstream
            foundURL = true
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

    /// Attempts beyond one for each endpoint, at most.
    private static let extraLimit = 2

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
            guard let target = open.first(where: { $0.id == id }), let url = target.url(for: request.api) else {
                return .none
            }
            foundURL = true
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
        limited.map { Self.deadline($0.limit.until, now: now) } + barred.map(\.until)
            + [canBeAskedAgain ? againFrom : nil].compactMap { $0 }
    }

    private static func deadline(_ instant: ContinuousClock.Instant, now: NIODeadline) -> NIODeadline {
        now + TimeAmount(max(.zero, instant - ContinuousClock.now))
    }

    /// Whether what has failed is worth another attempt.
    private var canBeAskedAgain: Bool { againFrom != nil && extraAttempts < Self.extraLimit }

    /// The request looks for an endpoint once more, by the table that is in force now.
    func renew(_ table: RoutingTable, now: NIODeadline) {
        self.table = table
        next = 0
        passedOver = []
        first.renew()
        full = []
        barred = []
        limited = []
        skippedBusy = false
        guard canBeAskedAgain, let againFrom, againFrom <= now else { return }
        extraAttempts += 1
        tried = settled
        self.againFrom = nil
    }

    /// A rule wants the endpoint to be asked again before any other.
    ///
    /// - Returns: whether that may be done once more
    func asksAgain(_ upstream: Upstream, _ url: UpstreamURL) -> Bool {
        guard extraAttempts < Self.extraLimit else { return false }
        extraAttempts += 1
        again = (upstream, url)
        return true
    }

    /// Notes whether an endpoint that had its attempt is worth another one.
    ///
    /// - Parameter pause: before it, unless it has named a time to wait
    private func note(
        _ attempt: CurrentAttempt, at upstream: Upstream, _ outcome: AttemptOutcome, pause: TimeAmount, now: NIODeadline
    ) {
        tried.append(upstream.id)
        var from: NIODeadline?
        switch outcome {
        case .rateLimited(let wait): from = now + TimeAmount(wait)
        case .timedOut(let timeOut) where timeOut.cause.isLoad: from = now + TimeAmount(timeOut.first)
        case .failure:
            let isAlone = tried.count < 2
            if attempt.verdict?.isWorthAnotherTry(isAlone: isAlone) == true { from = now + pause }
        default: break
        }
        guard let from else { return settled.append(upstream.id) }
        againFrom = againFrom.map { min($0, from) } ?? from
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
        if let reason { failures.append((upstream.name, reason)) }
        let isEvidence = attempt.isEvidence(outcome, of: request.operation)
        let isAlike = isEvidence && mayBeRequests(outcome, of: attempt, isCommitted: isCommitted)
        let isEverywhere = concludes && isAlike && !hasNext(for: request)
        learnPath(of: attempt, at: upstream, for: request, now: end.deadline)
        if !concludes {
            note(attempt, at: upstream, outcome, pause: loop.retryPause(), now: end.deadline)
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
        if case .success(_?) = outcome { upstream.load.measured(at: end.deadline) }
        if concludes {
            tellUntold(of: request, failedEverywhere: isEverywhere, on: loop)
        } else if isAlike {
            untold.append(report)
        } else {
            if Self.settles(outcome) { tellUntold(of: request, failedEverywhere: false, on: loop) }
            loop.events.attemptFinished(report)
        }
        isConcludedByAttempt = concludes
        if isCommitted, outcome.breaksAnswer { brokenAt = upstream.id }
        if let row = attempt.verdict?.row { noteRow(row) }
        if firstAttempt == nil { firstAttempt = report } else { furtherAttempts.append(report) }
    }

    /// Of the attempt that is reported next.
    private func noteRow(_ row: String) {
        let place = firstAttempt == nil ? 0 : furtherAttempts.count + 1
        verdictRows += repeatElement("", count: place - verdictRows.count)
        verdictRows.append(row)
    }

    /// The attempt that begins sends this name of the model.
    func noteSent(_ model: String) {
        let place = firstAttempt == nil ? 0 : furtherAttempts.count + 1
        sentModels += repeatElement("", count: max(0, place - sentModels.count))
        if sentModels.count == place { sentModels.append(model) } else { sentModels[place] = model }
    }

    @inline(__always)
    private func learnPath(
        of attempt: CurrentAttempt, at upstream: Upstream, for request: CurrentRequest, now: NIODeadline
    ) {
        if let verdict = attempt.verdict {
            if verdict.endpoint == .pathUnknown { upstream.unknownPaths.insert(request.operation, now: now) }
        } else {
            upstream.unknownPaths.remove(request.operation)
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

    /// Whether the request may have brought a failure about, and has met nothing else so far.
    private func mayBeRequests(_ outcome: AttemptOutcome, of attempt: CurrentAttempt, isCommitted: Bool) -> Bool {
        guard attempt.verdict?.mayBeRequests == true else { return false }
        // After the commit point no other endpoint is asked.
        if case .failure = outcome, isCommitted { return false }
        guard let first = untold.first else { return true }
        return ErrorKind(first.outcome, status: first.status) == ErrorKind(outcome, status: attempt.status)
    }

    /// Whether an attempt says something about the failures before it.
    private static func settles(_ outcome: AttemptOutcome) -> Bool {
        switch outcome {
        // It says nothing about the request.
        case .neutral, .rateLimited, .timedOut: false
        case .failure(let kind): !kind.isUnreachable
        case .success, .declined, .misconfigured: true
        }
    }

    /// Tells the ranking of the failures that were kept back.
    ///
    /// - Parameter failedEverywhere: no endpoint that the request was sent to did otherwise
    @inline(__always)
    func tellUntold(of request: CurrentRequest, failedEverywhere: Bool, on loop: LoopContext) {
        if !untold.isEmpty { tellAll(of: request, failedEverywhere: failedEverywhere, on: loop) }
    }

    private func tellAll(of request: CurrentRequest, failedEverywhere: Bool, on loop: LoopContext) {
        let fingerprint = failedEverywhere ? request.fingerprint : nil
        for var report in untold {
            report.failedEverywhere = fingerprint
            loop.events.attemptFinished(report)
        }
        untold = []
    }

    // MARK: No endpoint is left

    /// Endpoints that a 503 accounts for by name.
    private static let namedFailures = 8

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
        return .local(exhaustedAnswer(to: request))
    }

    /// Whether an endpoint's refusal is what the client has to know: every endpoint that was asked refused, and none that is out for a while
    /// might say otherwise. What is the request's own fault is so everywhere.
    private func isTheirWord(_ refusal: Refusal) -> Bool {
        guard let verdict = refusal.verdict else { return false }
        if verdict.isAboutRequest { return true }
        return !hadOtherFailures && full.isEmpty && barred.isEmpty
            && (verdict.isForNow || table?.earliestRecovery == nil && !skippedBusy)
    }

    private func exhaustedAnswer(to request: CurrentRequest) -> LocalAnswer {
        if failures.isEmpty, skippedAPI, !foundURL, table?.earliestRecovery == nil, let asked = request.openAIAPI {
            // The truth about the path; a 503 would be tried again and again.
            let message =
                "no endpoint serves \(asked.path); they speak \(asked.other.path), "
                + "as their openai_preference says (auto forgets what was learned)"
            return LocalAnswer(status: 404, message: message)
        }
        if failures.isEmpty, limited.isEmpty, !isServedAnywhere(request) { return request.modelRefusal }
        if !foundURL, let served = table?.served, !served.isEmpty, !served.contains(ServedAPIs(request.api)) {
            return LocalAnswer(status: 404, message: "no endpoint has a URL for this path")
        }
        if let table, !table.candidates.isEmpty || !table.absent.isEmpty,
            !(table.candidates.map(\.upstream) + table.absent.map(\.upstream)).contains(where: request.mayUse)
        {
            // Trying again would bring the same.
            let name = request.tag.map { "the tag '\($0)'" } ?? "a tag of client '\(request.client?.name ?? "")'"
            return LocalAnswer(status: 404, message: "no endpoint that could be used has \(name)")
        }
        let message: String
        if failures.isEmpty, isRateLimitedEverywhere {
            return LocalAnswer(
                status: 429, message: "every endpoint is rate limited (\(failureList))", retryAfter: earliestWait ?? 1)
        }
        if failures.isEmpty, limited.isEmpty, barred.isEmpty, !full.isEmpty {
            let why = line.time == nil ? "and as many requests wait as may" : "and no place became free in time"
            message = "every endpoint is full, \(why) (\(failureList))"
        } else if !failures.isEmpty || !limited.isEmpty || !barred.isEmpty {
            message = "no endpoint could answer (\(failureList))"
        } else if !foundURL, table?.candidates.isEmpty == false {
            // Those that are out or switched off are not in the table, whatever they serve.
            message = "no endpoint that has a URL for this API is available"
        } else {
            message = "no endpoint is available" + (absences.isEmpty ? "" : " (\(failureList))")
        }
        return LocalAnswer(status: 503, message: message, retryAfter: earliestWait ?? 1)
    }

    /// Whether any endpoint that has a URL for the request is asked for its model, be it out now or not.
    private func isServedAnywhere(_ request: CurrentRequest) -> Bool {
        guard let table, table.hasModelRules else { return true }
        let able = (table.candidates.map(\.upstream) + table.absent.map(\.upstream)).filter {
            $0.url(for: request.api) != nil
        }
        return able.isEmpty || able.contains { request.suits($0) }
    }

    /// Whether all that there is was left out because of a rate limit.
    private var isRateLimitedEverywhere: Bool {
        let absent = table?.absent ?? []
        let isUsedUp = barred.contains { if case .limited = $0.reason { true } else { false } }
        guard full.isEmpty, barred.isEmpty || isUsedUp,
            isUsedUp || !limited.isEmpty || (!absent.isEmpty && table?.candidates.isEmpty == true)
        else { return false }
        return limited.allSatisfy { $0.limit.reason.cause == .rateLimited }
            && absent.allSatisfy {
                if case .timedOut(_, let reason) = $0.availability { reason.cause == .rateLimited } else { false }
            }
    }

    /// Why those that the table leaves out were not asked.
    private var absences: [String] {
        (table?.absent ?? []).filter { !tried.contains($0.upstream.id) }.map {
            "\($0.upstream.name): \($0.availability.reason)"
        }
    }

    private var failureList: String {
        let all =
            failures.map { "\($0.name): \($0.reason)" }
            + limited.map { "\($0.name): \($0.limit.reason.text) for model \($0.limit.name)" }
            + barred.map { "\($0.name): \($0.reason.text)" }
            + full.compactMap { place in
                (table?.candidates[place].upstream).map {
                    "\($0.name): \(PassedOver.Reason.full(limit: $0.maxInFlight).text)"
                }
            } + absences
        var list = Array(all.prefix(Self.namedFailures))
        let unnamed = all.count - list.count
        if unnamed > 0 { list.append("and \(unnamed) more") }
        return list.joined(separator: "; ")
    }

    /// Whole seconds until the first endpoint may be tried again: of those left out, or of those just tried; nil where none said so.
    var earliestWait: Int? {
        let now = ContinuousClock.now
        var waits: [Duration] = []
        if let recovery = table?.earliestRecovery { waits.append(recovery - now) }
        waits += limited.map { $0.limit.until - now }
        waits += barred.map { Duration($0.until - .now()) }
        if let firstAttempt {
            for attempt in [firstAttempt] + furtherAttempts {
                switch attempt.outcome {
                case .rateLimited(let wait): waits.append(wait - (now - attempt.at))
                case .timedOut(let request) where request.cause != .model:
                    waits.append(request.first - (now - attempt.at))
                default: break
                }
            }
        }
        guard let shortest = waits.min() else { return nil }
        let components = shortest.components
        return max(1, Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0))
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

extension Availability {
    /// Why an endpoint was not asked, in a few words.
    fileprivate var reason: String {
        switch self {
        case .open(_, let cause):
            switch cause {
            case .failuresInARow(_, let kind), .failureShare(_, _, let kind), .halfOpenFailed(let kind):
                "out after failures (\(kind.text))"
            case .credentialRefused(let status): "credential refused (status \(status))"
            }
        case .timedOut(_, let reason): reason.text
        case .misconfigured(_, let status): "credential refused (status \(status))"
        case .available, .halfOpen: "on trial"
        case .disabled: "switched off"
        }
    }
}
