internal import PureSupport

/// Replays a trace against a way of ranking, so that settings are chosen by evidence.
///
/// Each request of the trace walks the candidates until one succeeds. What an endpoint answers is its latest answer in
/// the trace at that time (its first, before that); only answers that the walk, or a probe, came upon are known to the
/// ranking. Answers take no time, so requests never overlap: with many requests in flight, a change comes later by
/// those that are already under way. A request that finds no endpoint may wait for one, as in the proxy, and comes again then.
public struct RankingSimulator: Sendable {
    /// What decides the order.
    public enum Policy: Sendable, Equatable {
        /// Podium's ranking with these settings.
        case podium(EndpointRanking.Settings)
        /// The order of the last response times; a failure counts as slowest. The rule of older systems.
        case lastResponseTime
        /// The order of plain exponentially weighted averages; a failure counts as ten seconds.
        case plainAverage(decay: Duration)
        /// The order of failures in the last minute.
        case leastFailures
    }

    /// What came of it.
    public struct Report: Sendable, Equatable {
        /// Requests in the trace.
        public var requests = 0
        /// Requests that no endpoint could answer.
        public var failedRequests = 0
        /// Requests that waited for an endpoint, whatever became of them.
        public var waitingRequests = 0
        /// Requests whose first attempt failed, whatever became of them.
        public var failedFirstAttempts = 0
        /// Events after which the order was another.
        public var orderChanges = 0
        /// Requests that came to another endpoint than the one before: each costs its users their prompt cache.
        public var switches = 0
        /// Requests that went to another endpoint first to see how fast it is.
        public var looks = 0
        /// Sum of the response times of the requests that were answered.
        public var totalTimeToFirstByte = Duration.zero
        /// Time for which each endpoint, by its index in the trace, was the first candidate.
        public var timeOnTop: [Duration]
        /// The order in the end, as indices in the trace.
        public var finalOrder: [Int] = []

        /// Of the requests that were answered; nil if there were none.
        public var meanTimeToFirstByte: Duration? {
            requests > failedRequests ? totalTimeToFirstByte / (requests - failedRequests) : nil
        }
    }

    /// Longest time for which a request waits for an endpoint.
    static let patience = Duration.seconds(5)

    private let trace: OutcomeTrace
    private let seed: UInt64
    private let checkInterval: Duration
    private let explore: Double
    private let start: ContinuousClock.Instant

    /// A simulator for one trace. Every policy probes idle endpoints each `checkInterval`; for the policies other than
    /// Podium's a probe yields a full response time, which favours them. `start` may be any instant: the result does not
    /// depend on it.
    ///
    /// - Parameter explore: the share of requests that look at an endpoint which was not measured lately; each counts as a session of its own
    public init(
        trace: OutcomeTrace, seed: UInt64 = 1, checkInterval: Duration = .seconds(30), explore: Double = 0,
        start: ContinuousClock.Instant
    ) {
        self.trace = trace
        self.seed = seed
        self.checkInterval = checkInterval
        self.explore = explore
        self.start = start
    }

    /// Replays the trace once.
    public func run(_ policy: Policy) -> Report {
        var order: any SimulatedOrder =
            switch policy {
            case .podium(let settings):
                PodiumOrder(
                    settings: settings, count: trace.endpoints.count, checkInterval: checkInterval, start: start,
                    seed: seed)
            case .lastResponseTime, .plainAverage, .leastFailures:
                BaselineOrder(policy: policy, count: trace.endpoints.count, checkInterval: checkInterval)
            }
        var report = Report(timeOnTop: Array(repeating: .zero, count: trace.endpoints.count))
        var cursors = Array(repeating: 0, count: trace.endpoints.count)
        var last: (at: Duration, top: Int?) = (.zero, order.candidates(at: .zero).first)
        var servedBy: Int?
        var looks = Looks(count: trace.endpoints.count, share: explore, seed: seed)
        var requests = Arrivals(trace.requests)
        while let request = requests.next() {
            let at = request.at
            // Time passes in steps, so that probes and deadlines between two requests have their effect.
            for step in steps(from: last.at, to: at) {
                if let top = last.top { report.timeOnTop[top] += step - last.at }
                order.advance(to: step)
                for endpoint in order.takeDueProbes(at: step) {
                    order.record(
                        answer(endpoint, at: step, &cursors), for: endpoint, isProbe: true, isLook: false, at: step)
                }
                last = (step, order.candidates(at: step).first)
            }
            if let later = serve(request, &order, &cursors, &report, &servedBy, &looks) { requests.wait(later) }
            last.top = order.candidates(at: at).first
        }
        report.orderChanges = order.changes
        report.finalOrder = order.order
        return report
    }

    /// - Returns: the request when it comes again, where it waits
    private func serve(
        _ request: Arrivals.Request, _ order: inout any SimulatedOrder, _ cursors: inout [Int], _ report: inout Report,
        _ servedBy: inout Int?, _ looks: inout Looks
    ) -> Arrivals.Request? {
        let at = request.at
        if !request.hasWaited { report.requests += 1 }
        var isFirst = !request.hasWaited
        var unasked = Set(trace.endpoints.indices)
        var candidates = order.candidates(at: at)[...]
        var waitsUntil: Duration?
        let look = request.hasWaited ? nil : looks.next(among: candidates.dropFirst(), at: at)
        if let look {
            report.looks += 1
            candidates = [look] + candidates.filter { $0 != look }
        }
        while true {
            var next = candidates.popFirst()
            if next == nil {
                switch order.tryEarly(among: unasked.sorted(), at: at) {
                case .ask(let endpoint): next = endpoint
                case .wait(let until): waitsUntil = until
                case .nothing: break
                }
            }
            guard let endpoint = next else { break }
            unasked.remove(endpoint)
            let answer = answer(endpoint, at: at, &cursors)
            let outcome = answer.outcome
            order.record(answer, for: endpoint, isProbe: false, isLook: endpoint == look, at: at)
            if case .success(let sample) = outcome {
                looks.measured(endpoint, at: at)
                report.totalTimeToFirstByte += (sample?.time ?? .zero) + (at - request.arrived)
                if let servedBy, servedBy != endpoint { report.switches += 1 }
                servedBy = endpoint
                return nil
            }
            if isFirst { report.failedFirstAttempts += 1 }
            isFirst = false
            // That is the client's answer.
            if case .declined = outcome {
                report.failedRequests += 1
                return nil
            }
        }
        if let waitsUntil, waitsUntil > at, waitsUntil <= request.arrived + Self.patience {
            if !request.hasWaited { report.waitingRequests += 1 }
            if isFirst { report.failedFirstAttempts += 1 }
            return Arrivals.Request(arrived: request.arrived, at: waitsUntil)
        }
        if isFirst { report.failedFirstAttempts += 1 }
        report.failedRequests += 1
        return nil
    }

    /// The times to stop at after `from`: each second of a gap, and the end of it.
    private func steps(from: Duration, to: Duration) -> [Duration] {
        var steps: [Duration] = []
        var next = from + .seconds(1)
        while next < to {
            steps.append(next)
            next += .seconds(1)
        }
        return steps + [to]
    }

    private func answer(_ endpoint: Int, at: Duration, _ cursors: inout [Int]) -> OutcomeTrace.Answer {
        let answers = trace.answers[endpoint]
        while cursors[endpoint] + 1 < answers.count, answers[cursors[endpoint] + 1].at <= at { cursors[endpoint] += 1 }
        return answers[cursors[endpoint]]
    }
}

/// When each endpoint was measured last, and whose turn it is to look.
private struct Looks {
    private var exploration = Exploration()
    private var random: SplitMix64
    private let share: Double
    private var last: [Duration?]

    init(count: Int, share: Double, seed: UInt64) {
        self.share = share
        random = SplitMix64(seed: seed)
        last = Array(repeating: nil, count: count)
    }

    mutating func measured(_ endpoint: Int, at: Duration) { last[endpoint] = at }

    mutating func next(among others: ArraySlice<Int>, at: Duration) -> Int? {
        guard exploration.isTurn(share: share, random: { random.next() }),
            let choice = Exploration.choice(among: others.map { other in last[other].map { at - $0 } })
        else { return nil }
        let endpoint = others[others.startIndex + choice]
        last[endpoint] = at
        return endpoint
    }
}

/// The requests of a trace, with those that come again after having waited, by ascending time.
private struct Arrivals {
    struct Request {
        /// When it came first.
        var arrived: Duration
        /// When it is walked through the endpoints.
        var at: Duration

        var hasWaited: Bool { at > arrived }
    }

    private var fresh: ArraySlice<Duration>
    /// Latest first.
    private var waiting: [Request] = []

    init(_ requests: [Duration]) { fresh = requests[...] }

    mutating func next() -> Request? {
        if let again = waiting.last, fresh.first.map({ again.at <= $0 }) ?? true { return waiting.popLast() }
        return fresh.popFirst().map { Request(arrived: $0, at: $0) }
    }

    mutating func wait(_ request: Request) {
        let place = waiting.firstIndex { $0.at <= request.at } ?? waiting.count
        waiting.insert(request, at: place)
    }
}

/// Where a request without a candidate goes, as `EarlyTrial` says it of endpoints and instants.
enum SimulatedTrial {
    case ask(Int)
    case wait(until: Duration)
    case nothing
}

/// A way of ranking, as the simulator sees it; endpoints are indices in the trace.
protocol SimulatedOrder {
    var order: [Int] { get }
    /// Events so far after which the order was another.
    var changes: Int { get }
    func candidates(at: Duration) -> [Int]
    mutating func advance(to: Duration)
    mutating func tryEarly(among: [Int], at: Duration) -> SimulatedTrial
    mutating func takeDueProbes(at: Duration) -> [Int]
    mutating func record(_ answer: OutcomeTrace.Answer, for endpoint: Int, isProbe: Bool, isLook: Bool, at: Duration)
}

/// Podium's own ranking.
private struct PodiumOrder: SimulatedOrder {
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

    mutating func tryEarly(among endpoints: [Int], at: Duration) -> SimulatedTrial {
        // What is out for the traced model is not asked for it.
        let able = endpoints.map { EndpointID(UInt32($0)) }.filter {
            ranking.limitedModels(of: $0, now: start + at).isEmpty
        }
        return switch ranking.tryEarly(among: able, now: start + at) {
        case .ask(let id): .ask(Int(id.rawValue))
        case .wait(let until): .wait(until: until - start)
        case .nothing: .nothing
        }
    }

    mutating func takeDueProbes(at: Duration) -> [Int] {
        ranking.takeDueProbes(now: start + at).map { Int($0.rawValue) }
    }

    mutating func record(_ answer: OutcomeTrace.Answer, for endpoint: Int, isProbe: Bool, isLook: Bool, at: Duration) {
        let outcome = answer.outcome
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let drawn = random
        // A probe only reaches the endpoint: whatever it would have answered to a request, it was reached.
        let isReached = if case .failure(let kind) = outcome { !kind.isUnreachable } else { true }
        let seen = isProbe && isReached ? .success(timeToFirstByte: .zero) : outcome
        let update = ranking.record(
            seen, for: EndpointID(UInt32(endpoint)), source: isProbe ? .probe : .traffic, isLook: isLook,
            began: answer.took.map { start + at - $0 }, now: start + at
        ) { drawn }
        take(update, at)
    }

    private mutating func take(_ update: RankingUpdate, _ at: Duration) {
        if update.orderChanged { changes += 1 }
        guard ranking.revision != cached.revision else { return }
        let able = ranking.candidates(now: start + at).filter(\.limitedModels.isEmpty)
        cached = (ranking.revision, able.map { Int($0.endpoint.rawValue) })
    }
}

/// The simple rules that Podium's is held against.
private struct BaselineOrder: SimulatedOrder {
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

    /// All of them are candidates at all times.
    mutating func tryEarly(among: [Int], at: Duration) -> SimulatedTrial { .nothing }

    mutating func takeDueProbes(at: Duration) -> [Int] {
        lastSeen.indices.filter { lastSeen[$0] + checkInterval <= at }
    }

    mutating func record(_ answer: OutcomeTrace.Answer, for endpoint: Int, isProbe: Bool, isLook: Bool, at: Duration) {
        let outcome = answer.outcome
        let elapsed = (at - lastSeen[endpoint]).secondsToTheNanosecond
        lastSeen[endpoint] = at
        let time: Double? = if case .success(let sample?) = outcome { sample.seconds } else { nil }
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
