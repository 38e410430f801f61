import Ranking
import Testing

@Suite struct ProbeScheduleTests {
    /// Steps through time as a timer would; when each endpoint was probed.
    private func probes(_ ranking: inout EndpointRanking, from: Double, to: Double) -> [EndpointID: [Double]] {
        var times: [EndpointID: [Double]] = [:]
        for tick in stride(from: from, through: to, by: 0.1) {
            for id in ranking.takeDueProbes(now: at(tick)) {
                times[id, default: []].append(tick)
                ranking.probe(id, .success(timeToFirstByte: .milliseconds(2)), at: tick)
            }
        }
        return times
    }

    @Test func everyIdleEndpointIsProbedEachIntervalAndNotAllAtOnce() {
        var ranking = EndpointRanking(count: 30)
        let times = probes(&ranking, from: 0, to: 120)
        #expect(times.count == 30)
        for (_, own) in times {
            #expect((own.first ?? 99) <= 30)
            for (earlier, later) in zip(own, own.dropFirst()) { #expect(abs(later - earlier - 30) < 0.2) }
        }
        // Thirty probes over thirty seconds: never more than three within any one second.
        let seconds = Dictionary(grouping: times.values.joined().filter { $0 < 30 }.map { Int($0) }, by: { $0 })
        #expect(seconds.values.allSatisfy { $0.count <= 3 })
    }

    @Test func trafficMakesProbesNeedless() {
        var ranking = EndpointRanking(count: 1)
        for second in 0..<100 {
            ranking.succeed(0, 100, at: Double(second))
            #expect(ranking.takeDueProbes(now: at(Double(second))).isEmpty)
        }
        #expect(ranking.nextProbe(now: at(99)) == at(129))
        #expect(ranking.takeDueProbes(now: at(129)) == [0])
    }

    @Test func disabledAndTimedOutEndpointsAreLeftAlone() {
        var ranking = EndpointRanking(
            endpoints: [.init(id: 0, isEnabled: false), .init(id: 2)], now: start)
        _ = ranking.record(.rateLimited(retryAfter: .seconds(500)), for: 2, now: at(0), random: noJitter)
        #expect(probes(&ranking, from: 0, to: 499).isEmpty)
        #expect(ranking.nextProbe(now: at(499)) == at(500))
        #expect(ranking.takeDueProbes(now: at(500)) == [2])
    }

    @Test func anEndpointBackFromATimeOutIsProbedAtOnceWhereThatProvesIt() {
        var ranking = EndpointRanking(count: 1)
        for _ in 0..<3 { ranking.fail(0, .connect, at: 100) }
        #expect(ranking.takeDueProbes(now: at(109)).isEmpty)
        #expect(ranking.nextProbe(now: at(105)) == at(110))
        #expect(ranking.takeDueProbes(now: at(110)) == [0])
        #expect(ranking.takeDueProbes(now: at(110)).isEmpty)
    }

    @Test func aLimitLeavesTheRestDue() {
        var ranking = EndpointRanking(count: 10)
        #expect(ranking.takeDueProbes(now: at(30), limit: 4).count == 4)
        #expect(ranking.takeDueProbes(now: at(30)).count == 6)
    }
}
