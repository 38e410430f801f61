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
            record(id).map { record in
                snapshot(
                    of: record, rank: index + 1, movedFrom: movements[id],
                    explanation: index < explanations.count ? explanations[index] : nil, now: now, second: second)
            }
        }
    }

    private func snapshot(
        of record: EndpointRecord, rank: Int, movedFrom: Int?, explanation: RankExplanation?,
        now: ContinuousClock.Instant, second: Int64
    ) -> EndpointSnapshot {
        let traffic = record.traffic.summary(second: second)
        return EndpointSnapshot(
            id: record.id, revision: record.revision, rank: rank, settings: record.settings,
            availability: ranking.availability(of: record.id, now: now) ?? .disabled,
            misconfiguration: record.misconfiguration, explanation: explanation,
            movement: movedFrom.map { $0 - rank } ?? 0, traffic: traffic,
            inFlight: record.inFlight, successStreak: record.successStreak,
            hasAnswered: record.hasAnsweredProbe || traffic.attempts > traffic.failures,
            errors: record.errors, lastError: record.lastError.map { ($0.time, $0.text) })
    }

    /// One endpoint, as it is in `endpointSnapshots`.
    mutating func endpointSnapshot(named name: String, now: ContinuousClock.Instant, second: Int64) -> EndpointSnapshot?
    {
        settlePriorities()
        guard let record = record(named: name), let rank = ranking.rank(of: record.id) else {
            return nil
        }
        let before = movementsInLastMinute(now: now)[record.id]
        return snapshot(
            of: record, rank: rank, movedFrom: before, explanation: ranking.explanation(for: record.id, now: now),
            now: now, second: second)
    }

    /// What is counted of each endpoint, in rank order.
    func endpointMetrics(now: ContinuousClock.Instant) -> [EngineMetrics.Endpoint] {
        ranking.order.enumerated().compactMap { index, id in
            record(id).map { record in
                EngineMetrics.Endpoint(
                    name: record.settings.name, rank: index + 1,
                    availability: ranking.availability(of: id, now: now) ?? .disabled,
                    isMisconfigured: record.misconfiguration != nil, rankChanges: ranking.rankChanges(of: id),
                    inFlight: record.inFlight, counters: record.counters, errors: record.errors,
                    bytesIn: record.traffic.bytesIn, bytesOut: record.traffic.bytesOut)
            }
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
