import Ranking
import TestSupport

/// Made-up courses of events, one second between requests unless said otherwise, noise ±30 % unless said otherwise.
struct Scenario {
    var name: String
    var trace: OutcomeTrace

    /// `answer` gives the outcome of an endpoint at a second; noise is a factor drawn for each.
    init(
        _ name: String, endpoints: Int, seconds: Int, perSecond: Int = 1, seed: UInt64 = 1, noise: Double = 0.3,
        answer: (_ endpoint: Int, _ second: Int, _ noise: Double) -> AttemptOutcome
    ) {
        self.name = name
        var generator = SeededRandom(seed: seed)
        let answers = (0..<endpoints).map { endpoint in
            (
                endpoint: "e\(endpoint)",
                answers: (0..<seconds * perSecond).map { tick in
                    let factor = 1 + Double.random(in: -noise...noise, using: &generator)
                    return OutcomeTrace.Answer(
                        at: .seconds(tick) / perSecond, outcome: answer(endpoint, tick / perSecond, factor))
                }
            )
        }
        trace = OutcomeTrace(answers, requests: (0..<seconds * perSecond).map { .seconds($0) / perSecond })
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

    /// The first of two answers within 4 ms, and never well; the second needs 300 ms.
    private static func refusing(_ what: String, _ outcome: AttemptOutcome) -> Scenario {
        Scenario("the first answers \(what) in 4 ms, 1 h", endpoints: 2, seconds: 3_600) { endpoint, _, noise in
            endpoint == 0 ? outcome : ok(300 * noise)
        }
    }

    static let refusals = [
        refusing(
            "402",
            .timedOut(TimeOutRequest(cause: .quota, status: 402, first: .seconds(300), limit: .seconds(3_600)))),
        refusing(
            "404 about the model",
            .timedOut(TimeOutRequest(cause: .model, status: 404, .seconds(300), model: .ofTraces))),
        refusing("400", .declined(status: 400)), refusing("a page of HTML", .failure(.page)),
        refusing("200 with an error within", .failure(.errorInAnswer(status: 529))),
    ]

    /// Exactly one endpoint works at any moment.
    static let turns = [(2, 3), (3, 3), (2, 8)].map { count, seconds in
        Scenario(
            "one of \(count) works, another one every \(seconds) s, 40 requests a second for 2 min", endpoints: count,
            seconds: 120, perSecond: 40
        ) { endpoint, second, noise in
            second / seconds % count == endpoint ? ok(300 * noise) : .failure(.status(503))
        }
    }

    static let unanswered = refusals + turns

    static let all = [equal, equalMeasured, step, drift, flapping, outage, limits, failing]
}
