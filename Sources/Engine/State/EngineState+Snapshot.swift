internal import Configuration
internal import Ranking

extension EngineState {
    /// Explanations take work to make; beyond this many endpoints only the first ones are explained in a snapshot.
    private static let explainedInSnapshot = 500

    /// All endpoints in rank order as of `now`; `second` counts the traffic windows' seconds.
    mutating func endpointSnapshots(now: ContinuousClock.Instant, second: Int64) -> [EndpointSnapshot] {
        settlePriorities()
        let movements = movementsInLastMinute(now: now)
        let explanations = ranking.explanations(now: now, limit: Self.explainedInSnapshot)
        return ranking.order.enumerated().compactMap { index, id in
            guard let record = record(id) else {
                return nil
            }
            let traffic = record.traffic.summary(second: second)
            return EndpointSnapshot(
                id: id, revision: record.revision, rank: index + 1, settings: record.settings,
                availability: ranking.availability(of: id, now: now) ?? .disabled,
                misconfiguration: record.misconfiguration,
                explanation: index < explanations.count ? explanations[index] : nil,
                movement: movements[id].map { $0 - (index + 1) } ?? 0, traffic: traffic,
                inFlight: record.inFlight, successStreak: record.successStreak,
                hasAnswered: record.hasAnsweredProbe || traffic.attempts > traffic.failures,
                errors: record.errors, lastError: record.lastError.map { ($0.time, $0.text) })
        }
    }

    /// The rank that each endpoint which moved in the last minute had before that.
    private func movementsInLastMinute(now: ContinuousClock.Instant) -> [EndpointID: Int] {
        var before: [EndpointID: Int] = [:]
        for change in ranking.changes.reversed() {
            guard now - change.at <= .seconds(60) else {
                break
            }
            if change.from > 0 {
                before[change.endpoint] = change.from
            }
        }
        return before
    }
}
