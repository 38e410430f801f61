internal import Configuration
internal import Proxy
internal import Ranking

/// What the data path reports, for every request: cheap, and free of allocations while all goes well.
extension EngineState {
    mutating func attemptStarted(_ id: EndpointID) {
        withRecord(id) { $0.inFlight += 1 }
    }

    /// - Returns: what the outcome did to the ranking.
    mutating func attemptFinished(
        _ report: AttemptReport, second: Int64, wallTime: Double, random: () -> UInt64
    ) -> RankingUpdate {
        withRecord(report.endpoint) { record in
            record.inFlight = max(0, record.inFlight - 1)
            switch report.outcome {
            case .neutral:
                break
            case .success:
                record.successStreak += 1
                record.traffic.recordAttempt(
                    succeeded: true, timeToFirstByte: report.timeToFirstByte, second: second)
            case .failure, .rateLimited, .misconfigured:
                record.successStreak = 0
                record.traffic.recordAttempt(
                    succeeded: false, timeToFirstByte: report.timeToFirstByte, second: second)
                record.lastError = .init(time: wallTime, text: report.outcome.plainWords(status: report.status))
            }
        }
        return ranking.record(report.outcome, for: report.endpoint, now: report.at, random: random)
    }

    mutating func requestFinished(_ report: RequestReport, second: Int64) {
        requestsInFlight = max(0, requestsInFlight - 1)
        let failed = report.ending == .brokenStream || (report.status ?? 0) >= 500
        if report.ending != .clientClosed || report.status != nil {
            traffic.recordAttempt(succeeded: !failed, timeToFirstByte: report.timeToFirstByte, second: second)
        }
        let (up, down) = (UInt64(max(0, report.bytesUp)), UInt64(max(0, report.bytesDown)))
        traffic.recordBytes(in: up, out: down, second: second)
    }
}

extension AttemptOutcome {
    /// One line for the console and the log.
    func plainWords(status: Int?) -> String {
        switch self {
        case .success: "ok"
        case .neutral: "the client went away"
        case .rateLimited(let wait):
            "rate limited\(status.map { " (\($0))" } ?? ""), wait \(wait.plainWords)"
        case .misconfigured(let status): "credential refused (\(status))"
        case .failure(let kind): kind.text
        }
    }
}
