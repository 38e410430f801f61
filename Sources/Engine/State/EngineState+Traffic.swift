internal import Configuration
internal import PodiumModel
internal import Proxy
internal import Ranking
internal import Support

/// What the data path reports, for every request: cheap, and free of allocations while all goes well.
extension EngineState {
    /// A long answer has begun well; its end only says whether it broke off.
    ///
    /// - Returns: what the response time did to the ranking.
    mutating func attemptAnswered(
        _ id: EndpointID, after time: Duration, second: Int64, now: ContinuousClock.Instant
    ) -> RankingUpdate {
        withRecord(id) { record in
            record.successStreak += 1
            record.traffic.recordAttempt(succeeded: true, timeToFirstByte: time, second: second)
        }
        return ranking.recordFirstByte(after: time, for: id, now: now)
    }

    /// - Returns: what the outcome did to the ranking.
    mutating func attemptFinished(
        _ report: AttemptReport, second: Int64, wallTime: Double, random: () -> UInt64
    ) -> RankingUpdate {
        withRecord(report.endpoint) { record in
            record.counters.record(report)
            switch report.outcome {
            case .neutral, .declined:
                break
            case .success where report.wasAnswered || !report.isEvidence:
                break
            case .success(let time):
                record.successStreak += 1
                record.traffic.recordAttempt(succeeded: true, timeToFirstByte: time, second: second)
            case .failure, .rateLimited, .misconfigured:
                record.successStreak = 0
                if report.wasAnswered {
                    record.traffic.takeBackSuccess(second: second)
                } else {
                    record.traffic.recordAttempt(succeeded: false, timeToFirstByte: nil, second: second)
                }
                if let kind = ErrorKind(report.outcome, status: report.status) {
                    record.errors[kind, default: 0] += 1
                }
                record.lastError = .init(time: wallTime, text: report.outcome.plainWords(status: report.status))
            }
        }
        return ranking.record(
            report.isEvidence ? report.outcome : .neutral, for: report.endpoint, isAnswered: report.wasAnswered,
            failedEverywhere: report.failedEverywhere, now: report.at, random: random)
    }

    /// What the answer taught about the endpoint's OpenAI APIs. What the operator has set stays.
    ///
    /// - Returns: the endpoint's name and what was learned, if that is new.
    mutating func learn(
        _ lesson: OpenAILesson, about id: EndpointID, now: ContinuousClock.Instant
    ) -> (name: String, learned: OpenAIPreference)? {
        guard let known = record(id), known.settings.openAIPreference == .auto else {
            return nil
        }
        var learned: OpenAIPreference?
        withRecord(id) { learned = $0.learning.note(lesson) }
        guard let learned else {
            return nil
        }
        var settings = known.settings
        settings.openAIPreference = learned
        replaceSettings(of: id, with: settings, now: now)
        return (settings.name, learned)
    }

    /// Of the endpoints that were tried, in order.
    func names(of report: RequestReport) -> [String] {
        report.attempts.map { records.name(of: $0.endpoint) ?? "?" }
    }

    mutating func requestFinished(_ report: RequestReport, second: Int64) {
        let failed = report.ending == .brokenStream || (report.status ?? 0) >= 500
        if report.ending != .clientClosed || report.status != nil {
            traffic.recordAttempt(succeeded: !failed, timeToFirstByte: report.timeToFirstByte, second: second)
        }
        if let time = report.timeToFirstByte {
            firstByte.record(time)
        }
        let (up, down) = (UInt64(max(0, report.bytesUp)), UInt64(max(0, report.bytesDown)))
        traffic.recordBytes(in: up, out: down, second: second)
        guard let endpoint = report.endpoint else {
            unanswered.record(status: report.status, ending: report.ending)
            return
        }
        withRecord(endpoint) { record in
            record.counters.requests.record(status: report.status, ending: report.ending)
            record.traffic.recordBytes(in: up, out: down, second: second)
        }
    }
}

extension AttemptOutcome {
    /// One line for the console and the log.
    func plainWords(status: Int?) -> String {
        switch self {
        case .success: "ok"
        case .declined(let status): "declined (\(status))"
        case .neutral: "the client went away"
        case .rateLimited(let wait):
            "rate limited\(status.map { " (\($0))" } ?? ""), wait \(wait.shortText)"
        case .misconfigured(402): "nothing left on the account (402)"
        case .misconfigured(let status): "credential refused (\(status))"
        case .failure(let kind): kind.text
        }
    }
}
