import PureSupport
import Ranking
import TestSupport
import Testing

/// Endpoints that get no traffic are looked at now and then.
struct SlowLeaderTests {
    /// Of each run of 1 / share requests one, and none of the first run.
    @Test(arguments: [(0.02, 50), (0.5, 2), (0.3, 4), (0.0001, 10_000)])
    func neverMoreThanTheShareLooks(share: Double, run: Int) {
        for seed in UInt64(0)..<20 {
            var random = SplitMix64(seed: seed)
            var exploration = Exploration()
            var turns: [Int] = []
            for number in 0..<run * 6 {
                if exploration.isTurn(share: share, random: { random.next() }) { turns.append(number) }
                #expect(Double(turns.count) <= share * Double(number + 1) + 1e-9)
            }
            #expect(turns.map { $0 / run } == [1, 2, 3, 4, 5])
        }
    }

    @Test func theChosenOneOfARunDiffers() {
        var random = SplitMix64(seed: 1)
        var exploration = Exploration()
        let turns = (0..<5_000).filter { _ in exploration.isTurn(share: 0.02) { random.next() } }
        #expect(Set(turns.map { $0 % 50 }).count > 30)
    }

    @Test func switchedOffNothingLooks() {
        var exploration = Exploration()
        for _ in 0..<1_000 { #expect(!exploration.isTurn(share: 0) { 0 }) }
    }

    @Test func theOneMeasuredLongestAgoIsLookedAt() {
        #expect(Exploration.choice(among: []) == nil)
        #expect(Exploration.choice(among: [.seconds(59), .zero]) == nil)
        #expect(Exploration.choice(among: [.seconds(59), .seconds(60)]) == 1)
        #expect(Exploration.choice(among: [.seconds(70), .seconds(90), .seconds(90)]) == 1)
        #expect(Exploration.choice(among: [.seconds(900), nil, nil]) == 1)
    }

    private func run(_ scenario: Scenario, explore: Double, seed: UInt64 = 1) -> RankingSimulator.Report {
        RankingSimulator(trace: scenario.trace, seed: seed, explore: explore, start: .now).run(.podium(.init()))
    }

    private func slowLeader(_ endpoints: Int, fastest: Int) -> Scenario {
        Scenario("all but one are slow from the start", endpoints: endpoints, seconds: 1_200) { endpoint, _, noise in
            Scenario.ok((endpoint == fastest ? 300 : 1_200) * noise)
        }
    }

    /// One request a second, so seconds are requests. 100 for the first look, 50 more for each endpoint that is looked at before.
    @Test(arguments: [(2, 1, 100), (4, 1, 100), (4, 2, 150), (4, 3, 200)], UInt64(0)..<10)
    func aLeaderThatIsSlowFromTheStartLoses(world: (endpoints: Int, fastest: Int, requests: Int), seed: UInt64) {
        let scenario = slowLeader(world.endpoints, fastest: world.fastest)
        let report = run(scenario, explore: 0.02, seed: seed)
        #expect(report.finalOrder.first == world.fastest)
        #expect(report.timeOnTop[world.fastest] >= .seconds(1_200 - world.requests - 1))
        #expect(report.looks <= 24)
        // Without a look nothing else is ever known.
        #expect(run(scenario, explore: 0).timeOnTop[world.fastest] == .zero)
    }

    /// Single times of endpoints that are equal differ by more than the hysteresis: they are not enough to move anybody.
    @Test(arguments: UInt64(0)..<10)
    func equalEndpointsStayWhereTheyAre(seed: UInt64) {
        let report = run(.equal, explore: 0.02, seed: seed)
        #expect(report.orderChanges <= 1)
        // 72 runs of 50 requests, of which the first has none; each look goes there and back.
        #expect((1...71).contains(report.looks))
        #expect(report.switches <= 2 * report.looks + 1)
    }

    /// An endpoint that is down is found out by one look at a time, and costs no request.
    @Test func aLookAtWhatIsDownCostsNoRequest() {
        let scenario = Scenario("the second never works", endpoints: 2, seconds: 1_200) { endpoint, _, noise in
            endpoint == 1 ? Scenario.down : Scenario.ok(400 * noise)
        }
        let report = run(scenario, explore: 0.02)
        #expect(report.failedRequests == 0 && report.finalOrder.first == 0)
        #expect(report.failedFirstAttempts == report.looks && report.looks > 0)
    }
}
