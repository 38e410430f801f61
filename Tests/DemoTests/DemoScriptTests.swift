import PureSupport
import Testing

@testable import Demo

@Suite struct DemoScriptTests {
    private let times = stride(from: 0.0, to: 600, by: 0.5).map { Duration.seconds($0) }

    private func course(_ script: DemoScript, _ endpoint: Int) -> [DemoBehaviour] {
        times.enumerated().map { script.behaviour(endpoint: endpoint, elapsed: $1, request: $0) }
    }

    @Test func sameSeedSameCourseOtherSeedAnother() {
        for endpoint in 0..<7 {
            let course = course(DemoScript(seed: 7, endpoints: 7), endpoint)
            #expect(course == self.course(DemoScript(seed: 7, endpoints: 7), endpoint))
            #expect(course != self.course(DemoScript(seed: 8, endpoints: 7), endpoint))
        }
    }

    @Test(arguments: [UInt64(1), 2, 99]) func theFirstHalfMinuteShowsSlownessLimitAndOutage(seed: UInt64) {
        let script = DemoScript(seed: seed, endpoints: 7)
        func episodes(_ endpoint: Int, _ range: Range<Double>) -> [DemoScript.Episode] {
            stride(from: range.lowerBound, to: range.upperBound, by: 0.25)
                .compactMap { script.episode(endpoint, at: $0) }
        }
        #expect(
            episodes(0, 0..<24).contains { if case .slow(let factor) = $0 { factor >= 2.5 } else { false } })
        #expect(episodes(1, 24..<48).contains(.errors))
        #expect(episodes(2, 0..<24).contains { if case .limited = $0 { true } else { false } })
        #expect(script.isRefusing(endpoint: 5, elapsed: .seconds(30)))
        #expect(!script.isRefusing(endpoint: 5, elapsed: .seconds(70)))
        #expect(script.isRefusing(endpoint: 5, elapsed: .seconds(150)))
        #expect(!script.isRefusing(endpoint: 0, elapsed: .seconds(30)))
    }

    @Test func aLimitNamesATimeThatEndsWithTheEpisode() {
        let script = DemoScript(seed: 1, endpoints: 7)
        var limits = 0
        for time in times {
            guard case .rateLimit(let wait) = script.behaviour(endpoint: 2, elapsed: time, request: 1) else { continue }
            limits += 1
            #expect(script.episode(2, at: time.inSeconds + Double(wait)) == nil)
            #expect((1...13).contains(wait))
        }
        #expect(limits > 0)
    }

    @Test func delaysAreThoseOfARemoteServiceAndMostAnswersAreGood() {
        let script = DemoScript(seed: 3, endpoints: 7)
        for endpoint in 0..<5 {
            let course = course(script, endpoint)
            let delays = course.compactMap { if case .answer(let delay, _) = $0 { delay } else { nil } }
            #expect(Double(delays.count) > 0.7 * Double(course.count))
            // 0.2 s × 0.7 × 0.92 at least; (0.2 + 11 × 0.035 + 0.06) s × 1.6 × 1.1 × 4.5 at most.
            #expect(delays.allSatisfy { $0 > .seconds(0.128) && $0 < .seconds(5.2) })
            #expect(Set(delays).count > delays.count / 2)
        }
    }

    @Test func driftIsContinuous() {
        let script = DemoScript(seed: 4, endpoints: 3)
        for (now, next) in zip(times, times.dropFirst()) {
            // The steepest smooth step covers 0.9 × 1.5 of the level range in 15 s.
            let change = abs(script.level(0, at: next.inSeconds) - script.level(0, at: now.inSeconds))
            #expect(change < 0.3 * 0.9 * 1.5 / 15 * 0.5 + 0.001)
        }
    }

    @Test func castHasTheSizeAskedForAndUniqueNames() {
        for count in [1, 2, 3, 4, 7, 12, 40] {
            let members = DemoCast(count: count).members
            #expect(members.count == count)
            #expect(Set(members.map(\.name)).count == count)
            #expect(members.filter { $0.part == .disabled }.count == (count >= 4 ? 1 : 0))
            #expect(members.filter { $0.part == .oftenDown }.count == (count >= 4 ? 1 : 0))
        }
        #expect(DemoOptions(endpoints: -3, requestsPerSecond: -1).endpoints == 1)
    }

    @Test func trafficHasTheRateAndTheMixAskedFor() {
        var plan = DemoTrafficPlan(requestsPerSecond: 20, seed: 5)
        let arrivals = (0..<4_000).map { _ in plan.next() }
        let seconds = arrivals.reduce(0) { $0 + $1.wait.inSeconds }
        // 4,000 arrivals at 20/s: 200 s; the standard deviation of the sum is 1.8 s.
        #expect(abs(seconds - 200) < 9)
        let paths = Dictionary(grouping: arrivals, by: \.request.path).mapValues { Double($0.count) / 4_000 }
        #expect(paths.keys.sorted() == ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
        #expect(abs((paths["/v1/messages"] ?? 0) - 0.55) < 0.05)
        let streamed = Double(arrivals.count { $0.request.body.contains(#""stream":true"#) }) / 4_000
        #expect(abs(streamed - 0.6) < 0.05)
    }
}
