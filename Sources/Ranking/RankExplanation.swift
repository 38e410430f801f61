internal import PureSupport

/// Why an endpoint has the rank it has, as of one instant. It is made when it is asked for, from the very values that the order is made
/// from.
public struct RankExplanation: Sendable, Equatable {
    /// Time to an answer as the ranking sees it, in the time of the model that is asked for most.
    public struct ResponseTime: Sendable, Equatable {
        /// Of what kind of answers.
        public var kind: AnswerKind
        /// The peak-sensitive average that is compared.
        public var average: Duration
        /// The slow average of that average: what is usual for this endpoint.
        public var usual: Duration
        /// Requests measured since start; 0 when the average is presumed from the other endpoints.
        public var samples: Int
        /// Time since the last measured request; nil when there was none.
        public var age: Duration?
        /// Whether the average is presumed, because no request was measured yet.
        public var isPresumed: Bool { samples == 0 }
    }

    /// How an endpoint compares with the one next to it.
    public struct Margin: Sendable, Equatable {
        /// The neighbour.
        public var neighbour: EndpointID
        /// Whether requests may be sent to the neighbour.
        public var neighbourAvailability: Availability
        /// How much less time than the upper the lower of the two needs, as a fraction of the upper's; negative when
        /// it needs more, nil when one of them is unmeasured.
        public var lowerIsFasterBy: Double?
        /// The fraction the lower must exceed to pass.
        public var required: Double
        /// What keeps the two in this order.
        public var kept: Keep
    }

    /// What keeps the lower of two neighbours below the upper.
    public enum Keep: Sendable, Equatable {
        /// The upper answers at least as fast.
        case slower
        /// The lower is faster, by less than the hysteresis; it passes once its response time is below this.
        case hysteresis(passesBelow: Duration)
        /// The lower is faster by enough; the upper has not held its rank for long enough.
        case dwell(until: ContinuousClock.Instant)
        /// One of them is pinned.
        case pinned
        /// The lower cannot be used, or has yet to prove that it can.
        case unavailable
        /// One of them has no response time yet.
        case unmeasured
        /// Auto-sort is off.
        case manual
    }

    /// The endpoint that is explained.
    public var endpoint: EndpointID
    /// 1 is tried first.
    public var rank: Int
    /// Whether requests may be sent, and if not, why and until when.
    public var availability: Availability
    /// nil until any endpoint was measured.
    public var responseTime: ResponseTime?
    /// The figure of the other kind of answers, which is not compared; nil until it was measured.
    public var otherTime: ResponseTime?
    /// The rank it is pinned at; nil when it is free to move.
    public var pinnedRank: Int?
    /// Against the endpoint above; nil at rank 1.
    public var above: Margin?
    /// Against the endpoint below; nil at the last rank.
    public var below: Margin?
    /// Failures in a row, now.
    public var failuresInARow: Int
    /// Attempts within the last 60 s.
    public var recentAttempts: Int
    /// Failed ones among them.
    public var recentFailures: Int
    /// The last failure, if any.
    public var lastFailure: FailureKind?
    /// Requests declined since the last one that was answered well.
    public var declinedInARow = 0
    /// So many that every other endpoint is preferred to it.
    public var isDoubted = false
    /// Since when it has this rank.
    public var rankSince: ContinuousClock.Instant
    /// How often its rank changed since start.
    public var rankChanges: Int
    /// The last change of its rank; nil while it has the rank it started with.
    public var lastChange: RankChange?
}

extension EndpointRanking {
    /// Why an endpoint has its rank; nil for an unknown one. Linear in the number of endpoints.
    public func explanation(for id: EndpointID, now: ContinuousClock.Instant) -> RankExplanation? {
        guard let slot = slotByID[id] else { return nil }
        return explanation(in: orderedSlots, at: rank(ofSlot: slot) - 1, moment(now))
    }

    /// Why the first `limit` have their rank, first to last; also linear, so a whole screen is as cheap as one
    /// endpoint.
    public func explanations(now: ContinuousClock.Instant, limit: Int = .max) -> [RankExplanation] {
        let slots = orderedSlots
        let moment = moment(now)
        return slots.indices.prefix(limit).map { explanation(in: slots, at: $0, moment) }
    }

    private func explanation(in slots: [Int], at index: Int, _ moment: RankingTime) -> RankExplanation {
        let slot = slots[index]
        let endpoint = endpoints[slot]
        let recent = endpoint.breaker.recentTotals(at: moment)
        return RankExplanation(
            endpoint: endpoint.id, rank: index + 1, availability: availability(ofSlot: slot, at: moment),
            responseTime: responseTime(of: endpoint, comparedKind, at: moment),
            otherTime: otherTime(of: endpoint, at: moment),
            pinnedRank: endpoint.pinnedRank,
            above: index > 0
                ? margin(upper: slots[index - 1], lower: slot, neighbour: slots[index - 1], moment) : nil,
            below: index + 1 < slots.count
                ? margin(upper: slot, lower: slots[index + 1], neighbour: slots[index + 1], moment) : nil,
            failuresInARow: endpoint.breaker.failuresInARow, recentAttempts: recent.attempts,
            recentFailures: recent.failures, lastFailure: endpoint.breaker.lastFailure,
            declinedInARow: endpoint.declinedInARow, isDoubted: endpoint.isDoubted,
            rankSince: instant(endpoint.rankSince), rankChanges: endpoint.rankChanges,
            lastChange: endpoint.lastChange)
    }

    private func responseTime(
        of endpoint: RankedEndpoint, _ kind: AnswerKind, at now: RankingTime
    ) -> RankExplanation.ResponseTime? {
        let response = endpoint.response[kind]
        guard let value = response.value else { return nil }
        // In the time of the model that is asked for most, which people know.
        let scale = fleet[kind].factors.commonFactor * 1e9
        return RankExplanation.ResponseTime(
            kind: kind, average: .nanoseconds(Int64(value * scale)),
            usual: .nanoseconds(Int64((response.usual ?? value) * scale)), samples: response.samples,
            age: response.samples == 0
                ? nil : .nanoseconds(max(0, now.nanoseconds - response.lastSample.nanoseconds)))
    }

    private func otherTime(of endpoint: RankedEndpoint, at now: RankingTime) -> RankExplanation.ResponseTime? {
        let other: AnswerKind = comparedKind == .stream ? .whole : .stream
        return endpoint.response[other].samples > 0 ? responseTime(of: endpoint, other, at: now) : nil
    }

    private func margin(upper: Int, lower: Int, neighbour: Int, _ now: RankingTime) -> RankExplanation.Margin {
        let upperKey = key(ofSlot: upper, kind: endpoints[upper].availability(at: now).kind)
        let lowerKey = key(ofSlot: lower, kind: endpoints[lower].availability(at: now).kind)
        let comparable = upperKey.isMeasured && lowerKey.isMeasured && upperKey.microseconds > 0
        let required = lowerKey.margin(settings)
        return RankExplanation.Margin(
            neighbour: endpoints[neighbour].id,
            neighbourAvailability: availability(ofSlot: neighbour, at: now),
            lowerIsFasterBy: comparable
                ? 1 - Double(lowerKey.microseconds) / Double(upperKey.microseconds) : nil,
            required: required,
            kept: keep(upper, upperKey, lower, lowerKey))
    }

    private func keep(_ upper: Int, _ upperKey: RankKey, _ lower: Int, _ lowerKey: RankKey) -> RankExplanation.Keep {
        if endpoints[upper].holdsPinnedRank || endpoints[lower].holdsPinnedRank { return .pinned }
        if lowerKey.rankClass > upperKey.rankClass { return .unavailable }
        if !isAutoSorting || lowerKey.rankClass == RankKey.Class.disabled.rawValue { return .manual }
        if lowerKey.rankClass == RankKey.Class.unusable.rawValue { return .unavailable }
        guard lowerKey.isMeasured, upperKey.isMeasured else { return .unmeasured }
        if lowerKey.isFaster(than: upperKey, by: settings) {
            return .dwell(until: instant(endpoints[upper].heldSince + settings.minDwell))
        }
        if lowerKey.microseconds >= upperKey.microseconds { return .slower }
        let scale = fleet[comparedKind].factors.commonFactor
        let needed = Double(upperKey.microseconds) * lowerKey.share(of: upperKey, settings) * scale
        return .hysteresis(passesBelow: .microseconds(Int64(needed)))
    }
}

extension RankExplanation {
    /// The explanation as sentences for people, most important first; `name` gives the name of an endpoint.
    ///
    /// - Parameter misconfiguration: why it cannot be used as configured, where the ranking was not told.
    public func lines(
        now: ContinuousClock.Instant, misconfiguration: String? = nil, name: (EndpointID) -> String
    ) -> [String] {
        var lines = [misconfiguration.map { "Cannot be used: \($0)." } ?? stateLine(now)]
        if let pinnedRank { lines.append("Pinned at rank \(pinnedRank).") }
        if let responseTime { lines.append(responseTimeLine(responseTime)) }
        if let otherTime { lines.append(otherTimeLine(otherTime)) }
        lines += [
            above.flatMap { marginLine($0, "\(name($0.neighbour)) above", isBelow: true, now) },
            below.flatMap { marginLine($0, "\(name($0.neighbour)) below", isBelow: false, now) },
        ].compactMap(\.self)
        if declinedInARow > 0 {
            let requests = declinedInARow == 1 ? "The last request was" : "The last \(declinedInARow) requests were"
            let consequence = isDoubted ? "; others are preferred until one is answered" : ""
            lines.append("\(requests) declined (3xx or 4xx), which is no sample\(consequence).")
        }
        if recentFailures > 0 {
            let last = lastFailure.map { ", last: \($0.text)" } ?? ""
            lines.append("\(recentFailures) of \(recentAttempts) attempts failed in the last minute\(last).")
        }
        let since = "Rank \(rank) for \((now - rankSince).shortText)"
        lines.append(rankChanges == 0 ? "\(since), as at the start." : "\(since); it changed \(rankChanges.times).")
        if let lastChange { lines.append("Last change: \(lastChange.text(name: name)).") }
        return lines
    }

    private func stateLine(_ now: ContinuousClock.Instant) -> String {
        switch availability {
        case .available: "Available."
        case .halfOpen: "Back on trial: one request at a time until one succeeds."
        case .open(let until, let cause): "Timed out for another \((until - now).shortText): \(cause.text)."
        case .timedOut(let until, let reason): reason.sentence(left: until - now)
        case .misconfigured(let until, 402):
            "Nothing left on the account (402); tried again in \((until - now).shortText)."
        case .misconfigured(let until, let status):
            "Credential refused (\(status)); tried again in \((until - now).shortText)."
        case .disabled: "Disabled."
        }
    }

    private func responseTimeLine(_ time: ResponseTime) -> String {
        guard let age = time.age else { return "No request measured yet; presumed \(time.average.shortText)." }
        return "Response time \(text(time, age))."
    }

    /// Only where there are figures of both kinds does it matter which one is meant.
    private func otherTimeLine(_ time: ResponseTime) -> String {
        switch time.kind {
        case .stream: "Streams began after \(text(time, time.age ?? .zero)); whole answers are compared."
        case .whole: "Whole answers take \(text(time, time.age ?? .zero)); the beginnings of streams are compared."
        }
    }

    private func text(_ time: ResponseTime, _ age: Duration) -> String {
        let samples = time.samples.counted("request")
        return "\(time.average.shortText), usually \(time.usual.shortText) (\(samples), last \(age.shortText) ago)"
    }
}

extension RankExplanation {
    /// What keeps the endpoint and its neighbour in their order, with how far apart they are; nil where another sentence
    /// says it all.
    ///
    /// - Parameters:
    ///   - neighbour: such as `openai-team below`.
    ///   - isBelow: this endpoint is the lower of the two.
    func marginLine(_ margin: Margin, _ neighbour: String, isBelow: Bool, _ now: ContinuousClock.Instant) -> String? {
        if margin.neighbourAvailability == .disabled || availability == .disabled {
            return availability == .disabled ? nil : "\(neighbour) is off."
        }
        let compared = comparison(margin, isBelow: isBelow).map { "\($0) \(neighbour)" }
        switch margin.kept {
        case .slower where isBelow: return notFaster(margin, neighbour)
        case .slower: return compared.map { $0 + "." }
        case .hysteresis(let time):
            let needed = "more than \(percent(margin.required))"
            return isBelow
                ? "\(compared ?? "Below \(neighbour)"), needs \(needed): passes below \(time.shortText)."
                : "\(lead(margin, neighbour)), but needs \(needed): it passes below \(time.shortText)."
        case .dwell(let until):
            let left = (until - now).shortText
            return isBelow
                ? "\(compared ?? "Below \(neighbour)"), which keeps its rank for another \(left)."
                : "\(lead(margin, neighbour)) and passes in \(left)."
        case .pinned where pinnedRank != nil: return compared.map { "\($0); the pin decides." }
        case .pinned: return compared.map { "\($0), which is pinned." } ?? "\(neighbour) is pinned."
        case .unavailable: return unavailable(margin.neighbourAvailability, neighbour, isBelow: isBelow)
        case .unmeasured: return "Not compared with \(neighbour): nothing is measured yet."
        case .manual: return compared.map { "\($0); auto-sort is off." } ?? "\(neighbour) stays: auto-sort is off."
        }
    }

    /// Such as `34 % faster than`; nil when one of the two is unmeasured.
    private func comparison(_ margin: Margin, isBelow: Bool) -> String? {
        guard let lead = margin.lowerIsFasterBy else { return nil }
        // This endpoint's time as a multiple of the neighbour's.
        let ratio = isBelow ? 1 - lead : 1 / max(1e-9, 1 - lead)
        if percent(abs(ratio - 1)) == percent(0) { return "As fast as" }
        if ratio < 1 { return "\(percent(1 - ratio)) faster than" }
        return ratio < 2 ? "\(percent(ratio - 1)) slower than" : "\(times(ratio)) times as slow as"
    }

    private func notFaster(_ margin: Margin, _ neighbour: String) -> String {
        guard let lead = margin.lowerIsFasterBy else { return "Not faster than \(neighbour)." }
        if percent(abs(lead)) == percent(0) { return "Not faster than \(neighbour): equally fast." }
        let much = lead > -1 ? "\(percent(-lead)) longer" : "\(times(1 - lead)) times as long"
        return "Not faster than \(neighbour): takes \(much)."
    }

    private func lead(_ margin: Margin, _ neighbour: String) -> String {
        margin.lowerIsFasterBy.map { "\(neighbour) is \(percent($0)) faster" } ?? "\(neighbour) is faster"
    }

    private func unavailable(_ other: Availability, _ neighbour: String, isBelow: Bool) -> String {
        switch other {
        case .halfOpen where isBelow: "\(neighbour) is on trial as well."
        case .halfOpen: "\(neighbour) is on trial: it passes what is down once it has answered."
        case .available where availability == .halfOpen: "\(neighbour) can be used; this one has yet to answer."
        case .available: "\(neighbour) can be used."
        case .timedOut(_, let reason) where availability.isUsable && reason.cause == .rateLimited:
            "\(neighbour) is rate limited."
        case .open, .timedOut, .misconfigured, .disabled:
            availability == .available ? "\(neighbour) cannot be used." : "\(neighbour) cannot be used either."
        }
    }

    /// Bounded, whatever two times a clock has given.
    private func percent(_ fraction: Double) -> String { "\(Int(min(fraction, 1e6) * 100 + 0.5)) %" }

    /// Such as `2.4` or `12`.
    private func times(_ ratio: Double) -> String {
        guard ratio < 10 else { return ratio < 1e6 ? "\(Int(ratio.rounded()))" : "very many" }
        let tenths = Int((ratio * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
