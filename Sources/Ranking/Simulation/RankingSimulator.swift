/// Replays a trace against a way of ranking, so that settings are chosen by evidence.
///
/// Each request of the trace walks the candidates until one succeeds. What an endpoint answers is its latest answer in
/// the trace at that time (its first, before that); only answers that the walk, or a probe, came upon are known to the
/// ranking. Answers take no time, so requests never overlap: with many requests in flight, a change comes later by
/// those that are already under way.
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
        /// Requests whose first attempt failed, whatever became of them.
        public var failedFirstAttempts = 0
        /// Events after which the order was another.
        public var orderChanges = 0
        /// Requests that came to another endpoint than the one before: each costs its users their prompt cache.
        public var switches = 0
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

    private let trace: OutcomeTrace
    private let seed: UInt64
    private let checkInterval: Duration
    private let start: ContinuousClock.Instant

    /// A simulator for one trace. Every policy probes idle endpoints each `checkInterval`; for the policies other than
    /// Podium's a probe yields a full response time, which favours them. `start` may be any instant: the result does not
    /// depend on it.
    public init(
        trace: OutcomeTrace, seed: UInt64 = 1, checkInterval: Duration = .seconds(30),
        start: ContinuousClock.Instant
    ) {
        self.trace = trace
        self.seed = seed
        self.checkInterval = checkInterval
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
        for at in trace.requests {
            // Time passes in steps, so that probes and deadlines between two requests have their effect.
            for step in steps(from: last.at, to: at) {
                if let top = last.top { report.timeOnTop[top] += step - last.at }
                order.advance(to: step)
                for endpoint in order.takeDueProbes(at: step) {
                    order.record(answer(endpoint, at: step, &cursors), for: endpoint, isProbe: true, at: step)
                }
                last = (step, order.candidates(at: step).first)
            }
            serve(at, &order, &cursors, &report, &servedBy)
            last.top = order.candidates(at: at).first
        }
        report.orderChanges = order.changes
        report.finalOrder = order.order
        return report
    }

    private func serve(
        _ at: Duration, _ order: inout any SimulatedOrder, _ cursors: inout [Int], _ report: inout Report,
        _ servedBy: inout Int?
    ) {
        report.requests += 1
        var isFirst = true
        for endpoint in order.candidates(at: at) {
            let outcome = answer(endpoint, at: at, &cursors)
            order.record(outcome, for: endpoint, isProbe: false, at: at)
            if case .success(let time) = outcome {
                report.totalTimeToFirstByte += time ?? .zero
                if let servedBy, servedBy != endpoint { report.switches += 1 }
                servedBy = endpoint
                return
            }
            if isFirst { report.failedFirstAttempts += 1 }
            isFirst = false
            // That is the client's answer.
            if case .declined = outcome { break }
        }
        if isFirst { report.failedFirstAttempts += 1 }
        report.failedRequests += 1
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

    private func answer(_ endpoint: Int, at: Duration, _ cursors: inout [Int]) -> AttemptOutcome {
        let answers = trace.answers[endpoint]
        while cursors[endpoint] + 1 < answers.count, answers[cursors[endpoint] + 1].at <= at { cursors[endpoint] += 1 }
        return answers[cursors[endpoint]].outcome
    }
}
