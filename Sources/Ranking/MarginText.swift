internal import PureSupport

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
        case .probation where isBelow: "\(neighbour) is on trial as well."
        case .probation: "\(neighbour) is on trial: it passes what is down once it has answered."
        case .available where availability == .probation: "\(neighbour) can be used; this one has yet to answer."
        case .available: "\(neighbour) can be used."
        case .rateLimited where availability.isUsable: "\(neighbour) is rate limited."
        case .open, .rateLimited, .misconfigured, .disabled:
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
