import Benchmark
import Ranking

/// The cost of one recorded outcome while the order stays, and of re-sorting everything instead, at several sizes.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.cpuTotal, .wallClock, .instructions], timeUnits: .nanoseconds, scalingFactor: .kilo,
        maxDuration: .seconds(2))
    for size in [10, 100, 1_000, 10_000] {
        Benchmark("record outcome, \(size) endpoints, order unchanged") { benchmark in
            var ranking = measured(size)
            var now = ContinuousClock.now
            benchmark.startMeasurement()
            for index in benchmark.scaledIterations {
                now += .microseconds(100)
                let id = EndpointID(UInt32(index % size))
                blackHole(
                    ranking.record(
                        .success(timeToFirstByte: .milliseconds(100 + Int(id.rawValue))), for: id, now: now,
                        random: { 0 }))
            }
            benchmark.stopMeasurement()
        }
        Benchmark("full sort instead, \(size) endpoints", configuration: .init(scalingFactor: .one)) { benchmark in
            let times = (0..<size).map { Double(($0 * 7_919) % size) }
            benchmark.startMeasurement()
            blackHole(times.indices.sorted { times[$0] < times[$1] })
            benchmark.stopMeasurement()
        }
    }
}

private func measured(_ size: Int) -> EndpointRanking {
    let now = ContinuousClock.now
    var ranking = EndpointRanking(
        endpoints: (0..<size).map { EndpointRanking.Endpoint(id: EndpointID(UInt32($0))) }, now: now)
    for index in 0..<size {
        _ = ranking.record(
            .success(timeToFirstByte: .milliseconds(100 + index)), for: EndpointID(UInt32(index)), now: now,
            random: { 0 })
    }
    return ranking
}
