@testable import Ranking
import TestSupport
import Testing

/// No sequence of answers makes an endpoint that has answered nothing well outrank one that has.
///
/// Endpoints of which some never answer anything well get every outcome there is, probes and the passing of time, at random. What
/// may be said of them:
///
/// - One that was asked and has answered nothing well never passes one that has, while that one can be used.
/// - It may stand before one only because it did so from the start, or because that one was away; and then for two refusals at most, and for none
///   that asks for a time out. (The minimum dwell, which no order breaks, is left out here.)
@Suite struct ProvedEndpointTests {
    @Test(arguments: 0..<20 as Range<UInt64>) func nothingOutranksWhatAnswersWellByRefusing(block: UInt64) {
        var compared = 0
        for seed in block * 20..<block * 20 + 20 {
            var history = History(seed: seed)
            for step in 0..<200 {
                if let broken = history.step() {
                    Issue.record("seed \(seed), step \(step): \(broken)")
                    return
                }
            }
            compared += history.compared
        }
        #expect(compared > 1_000)
    }

    private struct History {
        private var generator: SeededRandom
        private var ranking: EndpointRanking
        private var now = 0.0
        private let count: UInt32
        /// Endpoints from this one on never answer anything well.
        private let firstBad: UInt32
        private var hasAnswered: Set<EndpointID> = []
        private var refusals: [EndpointID: Int] = [:]
        /// How often something was there to be compared.
        private(set) var compared = 0

        init(seed: UInt64) {
            generator = SeededRandom(seed: seed)
            count = UInt32.random(in: 2...5, using: &generator)
            firstBad = UInt32.random(in: 1..<count, using: &generator)
            var settings = EndpointRanking.Settings()
            settings.minDwell = .zero
            let order = (0..<count).shuffled(using: &generator)
            ranking = EndpointRanking(
                settings: settings, endpoints: order.map { .init(id: EndpointID($0)) }, now: start)
        }

        mutating func step() -> String? {
            let before = ranking
            now += [0, 0.25, 2, 15, 60, 400].randomElement(using: &generator) ?? 0
            _ = ranking.advance(now: at(now))
            if let broken = passed(before) { return "by time, \(broken)" }
            let known = ranking
            let what = somethingHappens()
            return passed(known).map { "\(what): \($0)" } ?? standing().map { "after \(what): \($0)" }
        }

        private mutating func somethingHappens() -> String {
            let id = EndpointID(UInt32.random(in: 0..<count, using: &generator))
            let lot = generator.next()
            switch Int.random(in: 0..<20, using: &generator) {
            case 0, 1:
                for id in ranking.takeDueProbes(now: at(now)) {
                    let outcome: AttemptOutcome =
                        Int.random(in: 0..<4, using: &generator) == 0
                        ? .failure(.connect) : .success(timeToFirstByte: .zero)
                    _ = ranking.record(outcome, for: id, source: .probe, now: at(now)) { lot }
                }
                return "probes"
            case 2:
                return "\(ranking.tryEarly(among: [id], now: at(now)))"
            case 3...11 where id.rawValue < firstBad:
                hasAnswered.insert(id)
                let time = Duration.milliseconds(Int.random(in: 1...30_000, using: &generator))
                if Bool.random(using: &generator) {
                    _ = ranking.recordFirstByte(ResponseSample(time), for: id, now: at(now))
                } else {
                    _ = ranking.record(.success(timeToFirstByte: time), for: id, now: at(now)) { lot }
                }
                return "\(id) answers"
            default:
                let outcome = refusal()
                if !hasAnswered.contains(id) { note(outcome, of: id) }
                _ = ranking.record(outcome, for: id, now: at(now)) { lot }
                return "\(id) \(outcome)"
            }
        }

        private mutating func refusal() -> AttemptOutcome {
            let model = ["a", "b", "c"].randomElement(using: &generator) ?? "a"
            let cause = TimeOutCause.allCases.randomElement(using: &generator) ?? .quota
            let first = Duration.seconds(Int.random(in: 1...300, using: &generator))
            let outcomes: [AttemptOutcome] = [
                .failure(.connect), .failure(.timeout), .failure(.status(500)), .failure(.page),
                .failure(.emptyAnswer), .failure(.errorInAnswer(status: 529)), .failure(.brokenStream),
                .rateLimited(retryAfter: first), .misconfigured(status: 401), .declined(status: 400),
                .declined(status: 404), .neutral,
                .timedOut(TimeOutRequest(cause: cause, status: 402, first: first, limit: .seconds(3_600))),
                .timedOut(TimeOutRequest(cause: cause, status: 404, first, model: ModelReference(model))),
            ]
            return outcomes.randomElement(using: &generator) ?? .neutral
        }

        /// What counts as a refusal, and a time out of the endpoint as enough of them.
        private mutating func note(_ outcome: AttemptOutcome, of id: EndpointID) {
            switch outcome {
            case .declined: refusals[id, default: 0] += 1
            case .timedOut(let request): refusals[id, default: 0] += request.model == nil ? 3 : 1
            case .rateLimited: refusals[id, default: 0] += 3
            // Three in a row open the breaker, which is another matter; but it was asked.
            case .failure(let kind) where !kind.isUnreachable: refusals[id, default: 0] += 0
            case .success, .failure, .misconfigured, .neutral: break
            }
        }

        private func isAvailable(_ id: EndpointID, _ ranking: EndpointRanking) -> Bool {
            ranking.availability(of: id, now: at(now)) == .available
        }

        /// Endpoints that have answered well, can be used, and do not decline all they are asked.
        private var proved: [EndpointID] {
            hasAnswered.filter { id in
                isAvailable(id, ranking) && ranking.explanation(for: id, now: at(now))?.isDoubted == false
            }.sorted()
        }

        /// Whether one that was refusing has passed one that works.
        private mutating func passed(_ before: EndpointRanking) -> String? {
            for bad in refusals.keys.sorted() where !hasAnswered.contains(bad) && isAvailable(bad, ranking) {
                for good in proved where isAvailable(good, before) {
                    compared += 1
                    guard let oldBad = before.rank(of: bad), let oldGood = before.rank(of: good),
                        let newBad = ranking.rank(of: bad), let newGood = ranking.rank(of: good)
                    else { return "a rank is missing" }
                    if oldGood < oldBad, newBad < newGood { return "\(bad) has passed \(good)" }
                }
            }
            return nil
        }

        /// Whether one that has refused enough stands before one that works.
        private func standing() -> String? {
            for (bad, count) in refusals where count >= 3 && !hasAnswered.contains(bad) && isAvailable(bad, ranking) {
                for good in proved {
                    if let badRank = ranking.rank(of: bad), let goodRank = ranking.rank(of: good), badRank < goodRank {
                        return "\(bad), which refuses, stands before \(good)"
                    }
                }
            }
            return nil
        }
    }
}
