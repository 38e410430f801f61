internal import PureSupport

/// What happens to endpoints: outcomes and the passing of time.
extension EndpointRanking {
    /// Takes in the outcome of one attempt; constant time while the order stays.
    ///
    /// Outcomes for an endpoint that has been removed are ignored. `random` is called only when a cooldown begins.
    ///
    /// - Parameters:
    ///   - isAnswered: `recordFirstByte` was called for this attempt.
    ///   - isMeasured: with its time, which is not taken in again.
    ///   - failedEverywhere: names the request where every endpoint that it was sent to failed in the same way; nil for others.
    ///   - isLook: the request went there only to see how fast it is (`Exploration`)
    ///   - began: when the attempt began; nil where that is not known
    public mutating func record(
        _ outcome: AttemptOutcome, for id: EndpointID, source: AttemptSource = .traffic, isAnswered: Bool = false,
        isMeasured: Bool = false, failedEverywhere: UInt64? = nil, isLook: Bool = false,
        began: ContinuousClock.Instant? = nil,
        now: ContinuousClock.Instant,
        random: () -> UInt64
    ) -> RankingUpdate {
        let moment = moment(now)
        var update = RankingUpdate()
        if wake <= moment { catchUp(to: moment, &update) }
        guard let slot = slotByID[id] else {
            finish(update)
            return update
        }
        if source == .traffic {
            endpoints[slot].halfOpenSince = nil
            if case .success(_?) = outcome { endpoints[slot].isGlimpsed = isLook }
        }
        var isFirstEver = false
        switch outcome {
        case _ where failedEverywhere.map({ isExcused($0, slot, moment) }) == true: break
        // Slow for this one request: others were answered while it waited.
        case .failure(.timeout) where began.map({ endpoints[slot].breaker.hasAnswered(since: self.moment($0)) }) == true:
            endpoints[slot].lastTraffic = moment
        case .success(let sample):
            if source == .probe {
                recall(slot, moment)
            } else {
                endpoints[slot].lastTraffic = moment
                answeredWell(slot, moment)
                if let sample, !isMeasured { isFirstEver = measure(sample, slot, moment) }
            }
            // Half-open, the first byte has been counted, unless only a whole answer counts there.
            let isCounted = isAnswered && endpoints[slot].breaker.isProvedByFirstByte
            endpoints[slot].breaker.record(
                isCounted ? .completion : .success, from: source, at: moment, settings: settings, random: random)
        case .failure(let kind):
            if source == .traffic {
                endpoints[slot].lastTraffic = moment
                if !kind.isUnreachable { endpoints[slot].failed() }
            }
            endpoints[slot].breaker.record(
                .failure(kind), from: source, at: moment, settings: settings, random: random)
        case .misconfigured(let status):
            endpoints[slot].lastTraffic = moment
            endpoints[slot].breaker.record(
                .credentialRefused(status: status), from: source, at: moment, settings: settings, random: random)
        case .rateLimited(let wait):
            endpoints[slot].lastTraffic = moment
            endpoints[slot].timeOut(
                TimeOutRequest(cause: .rateLimited, status: 0, max(wait, .zero)), at: moment, settings)
        case .timedOut(let request):
            timeOut(request, slot, moment, &update)
        case .declined:
            if source == .traffic { endpoints[slot].declined(at: moment, settings) }
        case .neutral:
            break
        }
        refresh(slot, everything: isFirstEver, at: moment, &update)
        finish(update)
        return update
    }

    /// Takes in the first byte of an answer that goes on: its time counts now, not when a long stream has ended.
    ///
    /// It closes a half-open breaker as a success does. Towards the failures in a row it proves nothing: the answer may break off,
    /// and `record` says at its end whether it did.
    ///
    /// - Parameter sample: nil where what is measured is not known yet, as of an answer that counts as a whole
    public mutating func recordFirstByte(
        _ sample: ResponseSample?, for id: EndpointID, now: ContinuousClock.Instant
    ) -> RankingUpdate {
        let moment = moment(now)
        var update = RankingUpdate()
        if wake <= moment { catchUp(to: moment, &update) }
        if let slot = slotByID[id] {
            endpoints[slot].lastTraffic = moment
            endpoints[slot].isGlimpsed = false
            answeredWell(slot, moment)
            if endpoints[slot].breaker.isProvedByFirstByte { endpoints[slot].halfOpenSince = nil }
            let isFirstEver = sample.map { measure($0, slot, moment) } ?? false
            endpoints[slot].breaker.recordFirstByte(at: moment, settings: settings)
            refresh(slot, everything: isFirstEver, at: moment, &update)
        }
        finish(update)
        return update
    }

    /// Lets time pass: cooldowns end, and holders lose the protection of the minimum dwell.
    public mutating func advance(now: ContinuousClock.Instant) -> RankingUpdate {
        var update = RankingUpdate()
        let moment = moment(now)
        if wake <= moment { catchUp(to: moment, &update) }
        finish(update)
        return update
    }

    /// Whether a request may go to a half-open endpoint now; when it may, no other may until its outcome is recorded or
    /// `halfOpenTimeout` has passed.
    public mutating func admitHalfOpen(_ id: EndpointID, now: ContinuousClock.Instant) -> Bool {
        guard let slot = slotByID[id] else { return false }
        let moment = moment(now)
        switch endpoints[slot].availability(at: moment).kind {
        case .available: return true
        case .open, .timedOut, .misconfigured, .disabled: return false
        case .halfOpen:
            if let since = endpoints[slot].halfOpenSince, since + settings.halfOpenTimeout > moment { return false }
            endpoints[slot].halfOpenSince = moment
            return true
        }
    }

    /// Between two trials of one endpoint whose time out is not over.
    static let betweenEarlyTrials = Duration.seconds(1)
    /// A trial has no known end: after this long it is worth asking whether there is one.
    private static let lookAgain = Duration.milliseconds(250)

    /// Where to send a request that has no candidate left and would have to be refused: the breaker's cooldown is a guess, and where there
    /// is no other endpoint it is better to look than to refuse.
    ///
    /// The first is one that has come back meanwhile, then one that is half-open, then the one whose cooldown is due first. An endpoint is
    /// given to one request at a time, and not more often than once a second before its time. If that request is answered well, the
    /// endpoint is back at once; if not, its time out stays as it was. What an endpoint, a credential or a rule said itself (a rate limit, a
    /// quota, a 401) is no guess and is waited for. The outcome has to be recorded, as after `admitHalfOpen`.
    ///
    /// - Parameter ids: what could serve the request and has not been asked for it yet.
    public mutating func tryEarly(among ids: [EndpointID], now: ContinuousClock.Instant) -> EarlyTrial {
        let moment = moment(now)
        var first: (slot: Int, key: (Int64, Int))?
        var earliest = RankingTime.never
        for slot in ids.compactMap({ slotByID[$0] }) {
            switch trial(ofSlot: slot, at: moment) {
            case .never: break
            case .from(let due, let order) where due <= moment:
                let key = (order.nanoseconds, rank(ofSlot: slot))
                if first.map({ key < $0.key }) ?? true { first = (slot, key) }
            case .from(let due, _): earliest = min(earliest, due)
            }
        }
        guard let slot = first?.slot else {
            return earliest == .never ? .nothing : .wait(until: instant(earliest))
        }
        switch endpoints[slot].availability(at: moment).kind {
        case .available, .disabled: break
        case .open:
            endpoints[slot].breaker.tryEarly()
            endpoints[slot].lastEarlyTrial = moment
            endpoints[slot].halfOpenSince = moment
        case .halfOpen, .timedOut, .misconfigured: endpoints[slot].halfOpenSince = moment
        }
        return .ask(endpoints[slot].id)
    }

    private enum Trial {
        /// Not before this moment; of several the one with the lowest order.
        case from(RankingTime, order: RankingTime)
        case never
    }

    private func trial(ofSlot slot: Int, at now: RankingTime) -> Trial {
        let endpoint = endpoints[slot]
        let (kind, until) = endpoint.availability(at: now)
        let start = RankingTime(nanoseconds: .min)
        var busyUntil = start
        if let since = endpoint.halfOpenSince, since + settings.halfOpenTimeout > now {
            busyUntil = max(since + Self.betweenEarlyTrials, now + Self.lookAgain)
        }
        switch kind {
        case .disabled: return .never
        case .available: return .from(start, order: start)
        case .halfOpen: return .from(busyUntil, order: RankingTime(nanoseconds: .min + 1))
        case .timedOut, .misconfigured: return until.map { .from($0, order: $0) } ?? .never
        case .open:
            let rested = endpoint.lastEarlyTrial.map { $0 + Self.betweenEarlyTrials } ?? start
            return .from(
                min(until ?? now, max(busyUntil, rested, endpoint.timedOutUntil)), order: until ?? now)
        }
    }

    /// A refusal asked for a time out of the endpoint, or of one of its models.
    private mutating func timeOut(
        _ request: TimeOutRequest, _ slot: Int, _ now: RankingTime, _ update: inout RankingUpdate
    ) {
        endpoints[slot].lastTraffic = now
        guard let model = request.model else { return endpoints[slot].timeOut(request, at: now, settings) }
        // An endpoint that has answered well is not doubted because there is a model that it lacks.
        if !endpoints[slot].hasAnsweredWell { endpoints[slot].declined(at: now, settings) }
        guard let name = model.name else { return }
        let begun = modelTimeOuts.begin(request, of: name, slot: slot, atMost: settings.rateLimitMaximum, at: now)
        wake = min(wake, modelTimeOuts.nextEnd)
        guard let begun else { return }
        update.modelChanges.append(
            ModelChange(
                endpoint: endpoints[slot].id, model: name, until: instant(begun.until), reason: begun.reason))
        // Two models at their limit are the account at its limit. That a model is missing says nothing about the others.
        let limited = modelTimeOuts.running(ofSlot: slot, at: now).filter { $0.reason.cause.isLoad }
        guard begun.reason.cause.isLoad, limited.count > 1, let end = limited.map(\.until).min() else { return }
        endpoints[slot].timeOut(until: end, begun.reason)
    }

    private mutating func answeredWell(_ slot: Int, _ now: RankingTime) {
        endpoints[slot].answeredWell(at: now)
        if !modelTimeOuts.isEmpty { modelTimeOuts.endRows(ofSlot: slot) }
        suspicion.answered(at: now)
    }

    /// Whether what a request has met everywhere is not held against this endpoint.
    private mutating func isExcused(_ request: UInt64, _ slot: Int, _ now: RankingTime) -> Bool {
        if suspicion.suspects(request, at: now) { return true }
        if let last = endpoints[slot].lastFailedEverywhere, last.request == request,
            now < last.at + RequestSuspicion.repetition
        {
            return true
        }
        endpoints[slot].lastFailedEverywhere = (request, now)
        return false
    }

    /// After so many times `decay` without a stream whole answers are compared.
    private static let withoutStreams = 20

    /// - Returns: whether every endpoint has another time from now on
    private mutating func measure(_ sample: ResponseSample, _ slot: Int, _ now: RankingTime) -> Bool {
        let decay = max(settings.decay.secondsToTheNanosecond, 1e-9)
        let isOtherKind = compare(sample.kind, at: now)
        let concernsAll = add(sample, slot, decay, now)
        if concernsAll { presumeForAll(now) }
        guard isOtherKind || (concernsAll && sample.kind == comparedKind) else { return false }
        halfOpenThreshold = .infinity
        for index in free.indices {
            let slot = free[index].slot
            free[index] = newKey(ofSlot: slot, kind: endpoints[slot].availability(at: now).kind)
        }
        return true
    }

    /// - Returns: whether it changes what all endpoints are compared by: it was the first figure of its kind, or tells of scales
    private mutating func add(
        _ sample: ResponseSample, _ slot: Int, _ decay: Double, _ now: RankingTime
    ) -> Bool {
        let kind = sample.kind
        let level = endpoints[slot].response[kind].samples > 0 ? endpoints[slot].response[kind].typical : nil
        let seconds = fleet[kind].factors.normalise(
            sample.seconds, of: sample.model, level: level, usual: fleet[kind].typical,
            previous: endpoints[slot].response[kind].previous, at: now)
        let isRescaled = followScales(kind)
        guard let seconds else { return isRescaled }
        endpoints[slot].response[kind].add(seconds, of: sample.model, at: now, decay: decay)
        guard let value = endpoints[slot].response[kind].value else { return isRescaled }
        return fleet[kind].take(seconds, value: value, at: now, decay: decay) || isRescaled
    }

    /// - Returns: whether figures are compared otherwise than before
    private mutating func followScales(_ kind: AnswerKind) -> Bool {
        guard let change = fleet[kind].factors.takeChange() else { return false }
        if case .joined(let joining) = change {
            for slot in endpoints.indices {
                guard let model = endpoints[slot].response[kind].previous?.model, joining.models.contains(model)
                else { continue }
                endpoints[slot].response[kind].rescale(by: joining.ratio)
            }
        }
        return true
    }

    /// All endpoints are compared by the time of one kind of answer at any moment, since figures of two kinds cannot be compared: by streams
    /// as long as there are any, else by whole answers.
    ///
    /// - Returns: whether it is another kind than before
    private mutating func compare(_ kind: AnswerKind, at now: RankingTime) -> Bool {
        switch kind {
        case .stream: lastStream = now
        case .whole: if let lastStream, lastStream + settings.decay * Self.withoutStreams > now { return false }
        }
        guard comparedKind != kind else { return false }
        comparedKind = kind
        return true
    }

    /// A first figure to presume puts every endpoint on one scale.
    private mutating func presumeForAll(_ now: RankingTime) {
        for key in free { presumeUsual(key.slot, now) }
        for slot in pinned { presumeUsual(slot, now) }
    }

    /// An endpoint without a figure of its own is taken to be as fast as is usual.
    mutating func presumeUsual(_ slot: Int, _ now: RankingTime) {
        for kind in AnswerKind.allCases {
            if let usual = fleet[kind].baseline { endpoints[slot].response[kind].presume(usual, at: now) }
        }
    }

    private mutating func recall(_ slot: Int, _ now: RankingTime) {
        // What it declined is long ago: it may be asked again, and one more refusal brings the doubt back.
        if endpoints[slot].isDoubted, endpoints[slot].hasAnsweredWell,
            endpoints[slot].lastDeclined + settings.misconfiguredCooldown <= now
        {
            endpoints[slot].isDoubted = false
        }
        presumeUsual(slot, now)
        guard now >= (endpoints[slot].lastTraffic ?? RankingTime(nanoseconds: 0)) + settings.checkInterval else {
            return
        }
        let decay = max(settings.decay.secondsToTheNanosecond, 1e-9)
        for kind in AnswerKind.allCases where endpoints[slot].response[kind].samples > 0 {
            endpoints[slot].response[kind].recallUsual(at: now, decay: decay)
        }
    }

    /// Puts one endpoint where it now belongs.
    mutating func refresh(
        _ slot: Int, everything: Bool, at now: RankingTime, _ update: inout RankingUpdate
    ) {
        let (kind, until) = endpoints[slot].availability(at: now)
        if let until { wake = min(wake, until) }
        report(slot, kind, at: now, &update)
        let isPinned = endpoints[slot].holdsPinnedRank
        guard everything || !isPinned else { return }
        let index = endpoints[slot].position
        if !isPinned {
            let key = newKey(ofSlot: slot, kind: kind)
            guard everything || key != free[index] else { return }
            free[index] = key
        }
        let leader = free.first?.slot
        let range = everything ? 0..<free.count : index..<index + 2
        if settle(range, at: now, primary: slot, tracking: true) {
            commitTouched(at: now, leaderBefore: leader)
            update.orderChanged = true
        }
        offerHalfOpen(at: now, &update)
    }

    /// Ends the cooldowns that are over and looks at the whole order once.
    mutating func catchUp(to now: RankingTime, _ update: inout RankingUpdate) {
        endModelTimeOuts(at: now, &update)
        wake = modelTimeOuts.nextEnd
        halfOpenThreshold = .infinity
        let leader = free.first?.slot
        for slot in endpoints.indices where slotByID[endpoints[slot].id] == slot {
            endpoints[slot].breaker.advance(to: now)
            let (kind, until) = endpoints[slot].availability(at: now)
            if let until { wake = min(wake, until) }
            report(slot, kind, at: now, &update)
            if !endpoints[slot].holdsPinnedRank {
                free[endpoints[slot].position] = newKey(ofSlot: slot, kind: kind)
            }
        }
        if settle(0..<free.count, at: now, tracking: true) {
            commitTouched(at: now, leaderBefore: leader)
            update.orderChanged = true
        }
        offerHalfOpen(at: now, &update)
    }

    private mutating func endModelTimeOuts(at now: RankingTime, _ update: inout RankingUpdate) {
        for (slot, entry) in modelTimeOuts.end(at: now) {
            update.modelChanges.append(
                ModelChange(endpoint: endpoints[slot].id, model: entry.name, until: nil, reason: entry.reason))
        }
    }

    mutating func finish(_ update: RankingUpdate) {
        if update.candidatesChanged { revision += 1 }
    }

    mutating func report(
        _ slot: Int, _ kind: Availability.Kind, at now: RankingTime, _ update: inout RankingUpdate
    ) {
        let known = endpoints[slot].reported
        if kind == known.kind, kind.isUsable { return }
        let availability = availability(ofSlot: slot, at: now)
        endpoints[slot].reported = (kind, availability)
        guard kind != known.kind else { return }
        if kind.isUsable, !known.kind.isUsable {
            for kind in AnswerKind.allCases { endpoints[slot].response[kind].becomeIdle() }
        }
        update.availabilityChanges.append(
            AvailabilityChange(endpoint: endpoints[slot].id, from: known.availability, to: availability))
    }
}

// MARK: - Probes

/// Which endpoints are to be probed, and when.
extension EndpointRanking {
    /// The endpoints that are due for a probe now; each counts as probed from now on.
    ///
    /// Due is an enabled endpoint without traffic and without a probe for `checkInterval`, and at once one that is
    /// back from a time out which reaching it would end. Never one that is timed out. Linear in the number of
    /// endpoints: call it at `nextProbe`, not per request.
    public mutating func takeDueProbes(now: ContinuousClock.Instant, limit: Int = .max) -> [EndpointID] {
        let moment = moment(now)
        var due: [(at: RankingTime, slot: Int)] = []
        for slot in endpoints.indices {
            if let at = nextProbe(ofSlot: slot, at: moment), at <= moment { due.append((at, slot)) }
        }
        due.sort { ($0.at, $0.slot) < ($1.at, $1.slot) }
        return due.prefix(limit).map { _, slot in
            endpoints[slot].lastProbe = moment
            return endpoints[slot].id
        }
    }

    /// When the next probe is due, as far as is known now; nil when no endpoint can be probed.
    public func nextProbe(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        let moment = moment(now)
        return endpoints.indices.lazy.compactMap { nextProbe(ofSlot: $0, at: moment) }.min().map(instant)
    }

    private func nextProbe(ofSlot slot: Int, at now: RankingTime) -> RankingTime? {
        let endpoint = endpoints[slot]
        guard slotByID[endpoint.id] == slot, endpoint.isEnabled else { return nil }
        if let recovery = endpoint.recovery(at: now) { return recovery }
        let interval = settings.checkInterval
        let regular = [endpoint.lastTraffic, endpoint.lastProbe].compactMap { $0.map { $0 + interval } }.max()
        guard let regular else { return endpoint.firstProbe }
        let back = endpoint.breaker.timedOutUntil
        guard endpoint.breaker.state != .closed, endpoint.breaker.isProvedByProbe else { return regular }
        return endpoint.lastProbe.map { $0 < back } ?? true ? back : regular
    }
}

enum ProbeSchedule {
    /// A part of the interval, in [0, 1), that differs well between neighbouring ids (multiples of the golden ratio).
    static func phase(of id: EndpointID) -> Double {
        Double(id.rawValue &* 0x9E37_79B9) * 0x1p-32
    }
}

/// Tells a request that no endpoint can serve from an outage of all endpoints.
///
/// Both look the same at first: every endpoint that is asked fails in the same way. A request that makes servers fail is sent
/// again by its client, while other requests are answered; in an outage no request is answered. So what failed everywhere
/// is held against the endpoints only where no request was answered well lately, or where a third request has failed
/// everywhere in the seconds since one was. Then it counts once within a while, however often the same request is sent.
struct RequestSuspicion: Sendable {
    /// A good answer is evidence against an outage for so long.
    static let evidence = Duration.seconds(60)
    /// The same request counts against the same endpoint once within this time.
    fileprivate static let repetition = Duration.seconds(10)

    /// So long after it at least: three requests that fail everywhere may well come one after the other where many come.
    static let silence = Duration.seconds(2)

    private var lastAnswer: RankingTime?
    /// Two requests that failed everywhere since the last good answer.
    private var first: UInt64?
    private var second: UInt64?

    /// Some endpoint has answered some request well.
    mutating func answered(at now: RankingTime) {
        lastAnswer = now
        if first != nil {
            first = nil
            second = nil
        }
    }

    /// - Returns: whether it is the request that is to blame. It is the same for every endpoint that the request was sent to.
    fileprivate mutating func suspects(_ request: UInt64, at now: RankingTime) -> Bool {
        guard let lastAnswer, now < lastAnswer + Self.evidence else { return false }
        if request == first || request == second { return true }
        if first == nil {
            first = request
        } else if second == nil {
            second = request
        } else {
            return now < lastAnswer + Self.silence
        }
        return true
    }
}
