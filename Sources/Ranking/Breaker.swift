/// Takes one endpoint out of use after failures and lets it back in request by request: closed → open → half-open → closed.
struct Breaker: Sendable {
    enum State: Sendable, Equatable {
        case closed
        case open(until: RankingTime)
        case halfOpen(successes: Int)
    }

    enum Event: Sendable, Equatable {
        case success
        /// The end of an answer whose first byte was a success already.
        case completion
        case failure(FailureKind)
        case credentialRefused(status: Int)
    }

    private(set) var state = State.closed
    /// Why it opened last; kept through half-open.
    private(set) var cause: OutageCause?
    private(set) var failuresInARow = 0
    private(set) var lastFailure: FailureKind?
    /// When a request was last answered well with the credential that is in use.
    private var lastAnswer: RankingTime?
    private var refusalsInARow = 0
    /// End of the last time out.
    private(set) var timedOutUntil = RankingTime(nanoseconds: 0)
    private var window = FailureWindow()
    /// Openings without a long good time between them: the exponent of the next cooldown.
    private var openings = 0
    private var closedSince = RankingTime(nanoseconds: 0)
    /// A request was sent before the cooldown was over, because there was no other endpoint to send it to: its success closes.
    private var isTriedEarly = false

    /// Whether reaching the endpoint proves anything: it does after it could not be reached, but one that
    /// answered wrongly may do so again, which only a request can tell.
    var isProvedByProbe: Bool {
        switch cause {
        case .failuresInARow(_, let kind), .failureShare(_, _, let kind), .halfOpenFailed(let kind): kind.isUnreachable
        case .credentialRefused, nil: false
        }
    }

    /// Whether the beginning of an answer proves anything: not after answers that broke off in the middle.
    var isProvedByFirstByte: Bool {
        switch cause {
        case .failuresInARow(_, let kind), .failureShare(_, _, let kind), .halfOpenFailed(let kind):
            kind != .brokenStream
        case .credentialRefused, nil: true
        }
    }

    func recentTotals(at now: RankingTime) -> (attempts: Int, failures: Int) {
        window.totals(at: now)
    }

    /// Whether it is in use, and has answered a request well since then.
    func hasAnswered(since begin: RankingTime) -> Bool {
        guard state == .closed, let lastAnswer else { return false }
        return lastAnswer >= begin
    }

    mutating func record(
        _ event: Event, from source: AttemptSource, at now: RankingTime, settings: EndpointRanking.Settings,
        random: () -> UInt64
    ) {
        switch event {
        case .success, .completion: if source == .traffic { answered(at: now) }
        case .failure(let kind): lastFailure = kind
        case .credentialRefused:
            refusalsInARow += 1
            guard provesMisconfiguration(at: now, settings) else { return }
        }
        switch state {
        case .closed: closed(event, source, now, settings, random)
        case .open(let until): open(until, event, source, now, settings)
        case .halfOpen(let successes): halfOpen(successes, event, source, now, settings, random)
        }
    }

    /// An answer has begun.
    mutating func recordFirstByte(at now: RankingTime, settings: EndpointRanking.Settings) {
        answered(at: now)
        guard isProvedByFirstByte else { return }
        switch state {
        case .closed: break
        case .open: if isTriedEarly { close(now) }
        case .halfOpen(let successes): halfOpenSucceeded(successes, now, settings)
        }
    }

    /// A request is sent to it although its cooldown is not over. If that is answered well, others have been waiting for it: it closes at
    /// once. If not, the cooldown stays as it is. Not after a refused credential, which only the operator can mend.
    mutating func tryEarly() {
        guard case .open = state else { return }
        if case .credentialRefused = cause { return }
        isTriedEarly = true
    }

    /// Another credential is in use: what was found out about the one before says nothing about it.
    mutating func credentialChanged() {
        lastAnswer = nil
        refusalsInARow = 0
        if case .open = state, case .credentialRefused = cause { state = .halfOpen(successes: 0) }
    }

    /// Goes on with a time out that an earlier process began.
    mutating func resume(refused status: Int, until: RankingTime) { refuse(status, until: until) }

    /// The operator says that the endpoint works again: half-open until one request has shown it, and the next cooldown is a first one.
    mutating func clear(_ settings: EndpointRanking.Settings) {
        lastAnswer = nil
        refusalsInARow = 0
        openings = 0
        cause = nil
        state = .halfOpen(successes: max(0, settings.recoveryThreshold - 1))
    }

    private mutating func answered(at now: RankingTime) {
        lastAnswer = now
        refusalsInARow = 0
    }

    /// A credential that was good a moment ago is hardly the reason: one request for what it does not cover (a model, a
    /// region, a policy) must not take the endpoint from all the others.
    private func provesMisconfiguration(at now: RankingTime, _ settings: EndpointRanking.Settings) -> Bool {
        guard let lastAnswer, now < lastAnswer + settings.misconfiguredCooldown else { return true }
        return refusalsInARow >= settings.refusalsInARow
    }

    private mutating func halfOpenSucceeded(_ successes: Int, _ now: RankingTime, _ settings: EndpointRanking.Settings)
    {
        if successes + 1 >= settings.recoveryThreshold {
            close(now)
        } else {
            state = .halfOpen(successes: successes + 1)
        }
    }

    /// The cooldown may have passed.
    mutating func advance(to now: RankingTime) {
        if case .open(let until) = state, until <= now { state = .halfOpen(successes: 0) }
    }

    private mutating func closed(
        _ event: Event, _ source: AttemptSource, _ now: RankingTime, _ settings: EndpointRanking.Settings,
        _ random: () -> UInt64
    ) {
        switch event {
        case .success, .completion:
            // A probe that gets through says nothing against requests that fail.
            guard source == .traffic else { return }
            failuresInARow = 0
            window.add(failed: false, at: now)
        case .failure(let kind):
            failuresInARow += 1
            window.add(failed: true, at: now)
            let recent = window.totals(at: now)
            if failuresInARow >= settings.failuresInARow {
                trip(.failuresInARow(failuresInARow, last: kind), now, settings, random)
            } else if recent.attempts >= settings.failureShareMinimum,
                Double(recent.failures) > settings.failureShare * Double(recent.attempts)
            {
                trip(.failureShare(failed: recent.failures, of: recent.attempts, last: kind), now, settings, random)
            }
        case .credentialRefused(let status):
            refuse(status, until: now + settings.misconfiguredCooldown)
        }
    }

    private mutating func open(
        _ until: RankingTime, _ event: Event, _ source: AttemptSource, _ now: RankingTime,
        _ settings: EndpointRanking.Settings
    ) {
        switch event {
        // Attempts that began before the opening end now: they neither shorten the cooldown nor lengthen it.
        case .success where isTriedEarly && source == .traffic: close(now)
        case .success, .completion, .failure: break
        case .credentialRefused(let status): refuse(status, until: max(until, now + settings.misconfiguredCooldown))
        }
    }

    private mutating func halfOpen(
        _ successes: Int, _ event: Event, _ source: AttemptSource, _ now: RankingTime,
        _ settings: EndpointRanking.Settings, _ random: () -> UInt64
    ) {
        switch event {
        case .success:
            guard source == .traffic || isProvedByProbe else { return }
            halfOpenSucceeded(successes, now, settings)
        case .completion:
            break
        case .failure(let kind):
            failuresInARow += 1
            trip(.halfOpenFailed(kind), now, settings, random)
        case .credentialRefused(let status):
            refuse(status, until: now + settings.misconfiguredCooldown)
        }
    }

    private mutating func close(_ now: RankingTime) {
        state = .closed
        isTriedEarly = false
        cause = nil
        failuresInARow = 0
        window.clear()
        closedSince = now
    }

    private mutating func refuse(_ status: Int, until: RankingTime) {
        cause = .credentialRefused(status: status)
        isTriedEarly = false
        timedOutUntil = until
        state = .open(until: until)
    }

    private mutating func trip(
        _ cause: OutageCause, _ now: RankingTime, _ settings: EndpointRanking.Settings, _ random: () -> UInt64
    ) {
        if state == .closed, closedSince + settings.cooldownMaximum <= now { openings = 0 }
        // 2^20 cooldowns are past any maximum; the bound keeps the shift defined.
        let doubled = settings.cooldown * Int(1 << min(openings, 20))
        let full = min(doubled, settings.cooldownMaximum)
        let fraction = Double(random() >> 11) * 0x1p-53
        openings += 1
        isTriedEarly = false
        self.cause = cause
        timedOutUntil = now + full * (1 - settings.cooldownJitter * fraction)
        state = .open(until: timedOutUntil)
    }
}

/// Attempts and failures of the last 60 s, in eight lanes of 7.5 s: constant size, no allocation.
///
/// The oldest lane is dropped as a whole, so the window covers the last 52.5 to 60 s.
private struct FailureWindow: Sendable {
    static let laneNanoseconds: Int64 = 7_500_000_000

    private var attempts = SIMD8<UInt32>()
    private var failures = SIMD8<UInt32>()
    private var newestLane: Int64 = 0

    mutating func add(failed: Bool, at now: RankingTime) {
        forgetLanes(upTo: now)
        let lane = Int(newestLane & 7)
        attempts[lane] &+= 1
        if failed { failures[lane] &+= 1 }
    }

    mutating func clear() {
        attempts = .init()
        failures = .init()
    }

    func totals(at now: RankingTime) -> (attempts: Int, failures: Int) {
        var current = self
        current.forgetLanes(upTo: now)
        return (Int(current.attempts.wrappedSum()), Int(current.failures.wrappedSum()))
    }

    private mutating func forgetLanes(upTo now: RankingTime) {
        let lane = max(0, now.nanoseconds) / Self.laneNanoseconds
        guard lane > newestLane else { return }
        if lane - newestLane >= 8 {
            clear()
        } else {
            for passed in newestLane + 1...lane {
                attempts[Int(passed & 7)] = 0
                failures[Int(passed & 7)] = 0
            }
        }
        newestLane = lane
    }
}
