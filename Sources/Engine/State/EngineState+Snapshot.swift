internal import Configuration
internal import PodiumModel
internal import Proxy
internal import Ranking

extension EngineState {
    /// Explanations take work to make; beyond this many endpoints only the first ones are explained in a snapshot.
    private static let explainedInSnapshot = 500

    /// All endpoints in rank order as of `now`; `second` counts the traffic windows' seconds.
    ///
    /// - Parameter unwritten: what of each endpoint could not be written into the file.
    mutating func endpointReadings(
        now: ContinuousClock.Instant, second: Int64, unwritten: [EndpointID: String] = [:]
    ) -> [EndpointReading] {
        settlePriorities()
        let explanations = ranking.explanations(now: now, limit: Self.explainedInSnapshot)
        return ranking.order.enumerated().compactMap { index, id in
            // In place: a copy of each record would be the larger part of the work.
            guard let slot = records.slot(of: id) else { return nil }
            return records.slots[slot]?.reading(
                rank: index + 1, notInFile: unwritten[id], movement: lastMovement(of: id, now: now),
                availability: ranking.availability(of: id, now: now),
                explanation: index < explanations.count ? explanations[index] : nil, second: second)
        }
    }

    /// One endpoint, as it is in `endpointReadings`.
    mutating func endpointReading(
        named name: String, now: ContinuousClock.Instant, second: Int64, unwritten: [EndpointID: String] = [:]
    ) -> EndpointReading? {
        settlePriorities()
        guard let record = record(named: name), let rank = ranking.rank(of: record.id) else {
            return nil
        }
        return record.reading(
            rank: rank, notInFile: unwritten[record.id], movement: lastMovement(of: record.id, now: now),
            availability: ranking.availability(of: record.id, now: now),
            explanation: ranking.explanation(for: record.id, now: now), second: second)
    }

    /// What is counted of each endpoint, in rank order.
    func endpointMetrics(now: ContinuousClock.Instant) -> [EngineMetrics.Endpoint] {
        ranking.order.enumerated().compactMap { index, id in
            record(id).map { record in
                EngineMetrics.Endpoint(
                    name: record.settings.name, rank: index + 1,
                    availability: ranking.availability(of: id, now: now) ?? .disabled,
                    isMisconfigured: record.misconfiguration != nil, rankChanges: ranking.rankChanges(of: id),
                    inFlight: record.load.requests, counters: record.counters, errors: record.errors,
                    bytesIn: record.traffic.bytesIn, bytesOut: record.traffic.bytesOut)
            }
        }
    }

    /// Ranks gained or lost by the last change, if that was within a minute.
    private func lastMovement(of id: EndpointID, now: ContinuousClock.Instant) -> Int {
        guard let change = ranking.lastChange(of: id), now - change.at <= .seconds(60), change.from > 0 else {
            return 0
        }
        return change.from - change.to
    }
}

extension EndpointRecord {
    /// - Parameter rank: 1 is tried first.
    fileprivate func reading(
        rank: Int, notInFile: String?, movement: Int, availability: Availability?, explanation: RankExplanation?,
        second: Int64
    ) -> EndpointReading {
        let traffic = traffic.summary(second: second)
        return EndpointReading(
            id: id, revision: revision, rank: rank, settings: settings, availability: availability ?? .disabled,
            misconfiguration: misconfiguration, notInFile: notInFile, explanation: explanation,
            movement: movement, traffic: traffic,
            inFlight: load.requests, successStreak: successStreak,
            hasAnswered: hasAnsweredProbe || traffic.attempts > traffic.failures,
            errors: errors, lastError: lastError.map { ($0.time, $0.text) })
    }
}
