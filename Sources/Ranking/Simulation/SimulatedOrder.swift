internal import PureSupport

/// A way of ranking, as the simulator sees it; endpoints are indices in the trace.
protocol SimulatedOrder {
    var order: [Int] { get }
    /// Events so far after which the order was another.
    var changes: Int { get }
    func candidates(at: Duration) -> [Int]
    mutating func advance(to: Duration)
    mutating func takeDueProbes(at: Duration) -> [Int]
    mutating func record(_ outcome: AttemptOutcome, for endpoint: Int, isProbe: Bool, at: Duration)
}

/// Podium's own ranking.
struct PodiumOrder: SimulatedOrder {
    private var ranking: EndpointRanking
    private let start: ContinuousClock.Instant
    private var random: UInt64
    private var cached: (revision: UInt64, candidates: [Int])
    private(set) var changes = 0

    init(
        settings: EndpointRanking.Settings, count: Int, checkInterval: Duration, start: ContinuousClock.Instant,
        seed: UInt64
    ) {
        var settings = settings
        settings.checkInterval = checkInterval
        self.start = start
        random = seed
        ranking = EndpointRanking(
            settings: settings, endpoints: (0..<count).map { .init(id: EndpointID(UInt32($0))) }, now: start)
        cached = (ranking.revision, Array(0..<count))
    }

    var order: [Int] { ranking.order.map { Int($0.rawValue) } }

    func candidates(at: Duration) -> [Int] { cached.candidates }

    mutating func advance(to at: Duration) {
        take(ranking.advance(now: start + at), at)
    }

    mutating func takeDueProbes(at: Duration) -> [Int] {
        ranking.takeDueProbes(now: start + at).map { Int($0.rawValue) }
    }

    mutating func record(_ outcome: AttemptOutcome, for endpoint: Int, isProbe: Bool, at: Duration) {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let drawn = random
        // A probe only reaches the endpoint: whatever it would have answered to a request, it was reached.
        let isReached = if case .failure(let kind) = outcome { !kind.isUnreachable } else { true }
        let seen = isProbe && isReached ? .success(timeToFirstByte: .zero) : outcome
        let update = ranking.record(
            seen, for: EndpointID(UInt32(endpoint)), source: isProbe ? .probe : .traffic, now: start + at
        ) { drawn }
        take(update, at)
    }

    private mutating func take(_ update: RankingUpdate, _ at: Duration) {
        if update.orderChanged { changes += 1 }
        guard ranking.revision != cached.revision else { return }
        cached = (ranking.revision, ranking.candidates(now: start + at).map { Int($0.endpoint.rawValue) })
    }
}

/// The simple rules that Podium's is held against.
struct BaselineOrder: SimulatedOrder {
    private let policy: RankingSimulator.Policy
    private let checkInterval: Duration
    private var scores: [Double]
    private var lastSeen: [Duration]
    private var failures: [[Duration]]
    private(set) var order: [Int]
    private(set) var changes = 0

    init(policy: RankingSimulator.Policy, count: Int, checkInterval: Duration) {
        self.policy = policy
        self.checkInterval = checkInterval
        scores = Array(repeating: 0, count: count)
        // Spread over the interval, as Podium spreads its own.
        lastSeen = (0..<count).map { checkInterval * (ProbeSchedule.phase(of: EndpointID(UInt32($0))) - 1) }
        failures = Array(repeating: [], count: count)
        order = Array(0..<count)
    }

    func candidates(at: Duration) -> [Int] { order }

    mutating func advance(to: Duration) {}

    mutating func takeDueProbes(at: Duration) -> [Int] {
        lastSeen.indices.filter { lastSeen[$0] + checkInterval <= at }
    }

    mutating func record(_ outcome: AttemptOutcome, for endpoint: Int, isProbe: Bool, at: Duration) {
        let elapsed = (at - lastSeen[endpoint]).secondsToTheNanosecond
        lastSeen[endpoint] = at
        let time: Double? = if case .success(let time?) = outcome { time.secondsToTheNanosecond } else { nil }
        switch policy {
        case .lastResponseTime: scores[endpoint] = time ?? .infinity
        case .plainAverage(let decay):
            let sample = time ?? 10
            let known = scores[endpoint]
            scores[endpoint] =
                known == 0 ? sample : sample + (known - sample) * exponential(-elapsed / decay.secondsToTheNanosecond)
        case .leastFailures:
            if time == nil { failures[endpoint].append(at) }
            for index in failures.indices {
                failures[index].removeAll { $0 + .seconds(60) < at }
                scores[index] = Double(failures[index].count)
            }
        case .podium: break
        }
        let sorted = order.enumerated()
            .sorted { (scores[$0.element], $0.offset) < (scores[$1.element], $1.offset) }
            .map(\.element)
        if sorted != order { changes += 1 }
        order = sorted
    }
}
