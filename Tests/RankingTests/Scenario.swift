import Ranking
import TestSupport

/// Made-up courses of events, one second between requests unless said otherwise, noise ±30 % unless said otherwise.
struct Scenario {
    var name: String
    var trace: OutcomeTrace

    /// `answer` gives the outcome of an endpoint at a second; noise is a factor drawn for each.
    init(
        _ name: String, endpoints: Int, seconds: Int, seed: UInt64 = 1, noise: Double = 0.3,
        answer: (_ endpoint: Int, _ second: Int, _ noise: Double) -> AttemptOutcome
    ) {
        self.name = name
        var generator = SeededRandom(seed: seed)
        let answers = (0..<endpoints).map { endpoint in
            (
                endpoint: "e\(endpoint)",
                answers: (0..<seconds).map { second in
                    let factor = 1 + Double.random(in: -noise...noise, using: &generator)
                    return OutcomeTrace.Answer(at: .seconds(second), outcome: answer(endpoint, second, factor))
                }
            )
        }
        trace = OutcomeTrace(answers, requests: (0..<seconds).map { .seconds($0) })
    }

    static func ok(_ milliseconds: Double) -> AttemptOutcome {
        .success(timeToFirstByte: .seconds(milliseconds / 1_000))
    }

    static let down = AttemptOutcome.failure(.status(502))

    static let equal = Scenario("3 equal endpoints, 1 h", endpoints: 3, seconds: 3_600) { _, _, noise in
        ok(400 * noise)
    }

    static let equalMeasured = Scenario(
        "3 equal endpoints, each down once for 100 s, 1 h", endpoints: 3, seconds: 3_600
    ) {
        endpoint, second, noise in
        (100..<200).contains(second - 200 * endpoint) ? down : ok(400 * noise)
    }

    static let step = Scenario("the first slows down 5-fold after 10 min", endpoints: 3, seconds: 1_200) {
        endpoint, second, noise in
        ok((endpoint == 0 && second >= 600 ? 2_000 : 400) * noise)
    }

    static let drift = Scenario("the first drifts from 300 to 1,200 ms in 1 h", endpoints: 2, seconds: 3_600) {
        endpoint, second, noise in
        ok((endpoint == 0 ? 300 + 900 * Double(second) / 3_600 : 400) * noise)
    }

    static let flapping = Scenario("the first fails 20 s of each 60 s, 1 h", endpoints: 2, seconds: 3_600) {
        endpoint, second, noise in
        endpoint == 0 && second % 60 >= 40 ? down : ok(400 * noise)
    }

    static let outage = Scenario("all down from 300 to 360 s", endpoints: 3, seconds: 900) { _, second, noise in
        (300..<360).contains(second) ? down : ok(400 * noise)
    }

    static let limits = Scenario("rate limits at 100 s, back after 30, 10 and 20 s", endpoints: 3, seconds: 300) {
        endpoint, second, noise in
        let back = 100 + [30, 10, 20][endpoint]
        return (100..<back).contains(second) ? .rateLimited(retryAfter: .seconds(back - second)) : ok(400 * noise)
    }

    static let failing = Scenario("the first fails 1 in 5, 1 h", endpoints: 2, seconds: 3_600) {
        endpoint, second, noise in
        endpoint == 0 && second % 5 == 4 ? down : ok(400 * noise)
    }

    static let all = [equal, equalMeasured, step, drift, flapping, outage, limits, failing]
}
