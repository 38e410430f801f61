internal import Configuration
internal import PodiumModel
internal import Proxy
internal import PureSupport
public import Ranking

// MARK: - The events of the data path

/// What proxy and prober report, for every request: cheap, and free of allocations while all goes well.
///
/// `wallTime` gives the seconds since 1970. It is asked only where something has to be logged.
extension EngineState {
    /// A long answer has begun well.
    mutating func attemptAnswered(
        _ id: EndpointID, _ beginning: AnswerBeginning, now: ContinuousClock.Instant, wallTime: () -> Double
    ) -> EngineEffects {
        var effects = EngineEffects()
        let update = countAnswer(id, beginning, second: second(now), now: now)
        rankingChanged(update, now: now, wallTime: wallTime, &effects)
        return effects
    }

    mutating func attemptFinished(
        _ report: AttemptReport, wallTime: () -> Double, random: () -> UInt64
    ) -> EngineEffects {
        var effects = EngineEffects()
        take(report, wallTime: wallTime, random: random, &effects)
        return effects
    }

    /// - Parameter report: its `concludingAttempt` is taken in as well.
    mutating func requestFinished(
        _ report: RequestReport, wallTime: () -> Double, random: () -> UInt64
    ) -> EngineEffects {
        var effects = EngineEffects()
        if let attempt = report.concludingAttempt {
            take(attempt, wallTime: wallTime, random: random, &effects)
        }
        count(report, second: second(report.at))
        requests.append(report)
        if let client = report.clientName { countRequest(of: client) }
        if !report.unknownFields.isEmpty { noteUnknownFields(report, wallTime: wallTime(), &effects) }
        if report.failedOver || report.ending == .brokenStream || report.isRefusal {
            logTrouble(report, wallTime: wallTime(), &effects)
        }
        return effects
    }

    private static let mostUnknownFields = 256

    /// Once a day for each field: what a client sends with every request is worth a word, and not more.
    private mutating func noteUnknownFields(
        _ report: RequestReport, wallTime: Double, _ effects: inout EngineEffects
    ) {
        guard let endpoint = report.attempts.last(where: \.isConverted)?.endpoint else { return }
        let (name, day) = (records.name(of: endpoint) ?? "?", Int(wallTime / 86_400))
        for field in report.unknownFields {
            let key = "\(name) \(field)"
            guard unknownFieldDays[key] != day else { continue }
            if unknownFieldDays[key] == nil, unknownFieldDays.count >= Self.mostUnknownFields {
                unknownFieldDays = unknownFieldDays.filter { $0.value == day }
                guard unknownFieldDays.count < Self.mostUnknownFields else { return }
            }
            unknownFieldDays[key] = day
            log(
                .info, source: "proxy", endpoint: name,
                "a request had the field '\(field)', which the conversion does not know: it was left out",
                kind: .traffic, wallTime: wallTime, &effects)
        }
    }

    /// Names come and go with the operator's edits: they must not make ever more metrics.
    private static let mostClients = 2_000

    private mutating func countRequest(of client: String) {
        if clientRequests[client] != nil || clientRequests.count < Self.mostClients {
            clientRequests[client, default: 0] += 1
        } else {
            clientRequests["(other)", default: 0] += 1
        }
    }

    mutating func clientRejected(_ rejection: ClientRejection, wallTime: Double) -> EngineEffects {
        var effects = EngineEffects()
        log(
            .warning, source: "proxy",
            "refused \(rejection.clientAddress): \(rejection.status) \(rejection.reason)", kind: .traffic,
            fold: "refused \(rejection.status) \(rejection.reason)", wallTime: wallTime, &effects)
        return effects
    }

    mutating func probeFinished(
        _ id: EndpointID, _ result: ProbeResult, now: ContinuousClock.Instant, wallTime: () -> Double,
        random: () -> UInt64
    ) -> EngineEffects {
        var effects = EngineEffects()
        let outcome: AttemptOutcome =
            result.failure.map { .failure($0) } ?? .success(timeToFirstByte: result.connect ?? .zero)
        let update = ranking.record(outcome, for: id, source: .probe, now: now, random: random)
        if let failure = result.failure {
            let text = "probe: \(failure.text)"
            let time = wallTime()
            withRecord(id) { $0.lastError = .init(time: time, text: text) }
            // Where it took the endpoint out, the line about that says the same.
            if !update.availabilityChanges.contains(where: { $0.endpoint == id }) {
                let name = record(id)?.settings.name ?? "?"
                log(.debug, source: "endpoint", endpoint: name, text, kind: .traffic, wallTime: time, &effects)
            }
        } else {
            withRecord(id) { $0.hasAnsweredProbe = true }
        }
        rankingChanged(update, now: now, wallTime: wallTime, &effects)
        return effects
    }

    /// The timer has fired: time alone may change something now.
    mutating func deadlineReached(now: ContinuousClock.Instant, wallTime: () -> Double) -> EngineEffects {
        var effects = EngineEffects()
        timerFired()
        rankingChanged(ranking.advance(now: now), now: now, wallTime: wallTime, &effects)
        return effects
    }

    /// The endpoints to probe now, and when to ask again.
    mutating func takeDueProbes(
        limit: Int, now: ContinuousClock.Instant
    ) -> (due: [Upstream], next: ContinuousClock.Instant?) {
        let due = ranking.takeDueProbes(now: now, limit: limit)
        return (due.compactMap { record($0)?.upstream }, ranking.nextProbe(now: now))
    }

    /// A CA file that could not be used can be used now: so can its endpoints.
    mutating func authoritiesBecameUsable(now: ContinuousClock.Instant, wallTime: Double) -> EngineEffects {
        var effects = EngineEffects()
        let before = misconfigured
        assembleAllUpstreams()
        publishRoutes(now: now, &effects)
        let after = Set(misconfigured.map(\.name))
        for (name, _) in before where !after.contains(name) {
            log(
                .info, source: "endpoint", endpoint: name, "its ca_file can be used now", wallTime: wallTime, &effects)
        }
        return effects
    }

    private mutating func take(
        _ report: AttemptReport, wallTime: () -> Double, random: () -> UInt64, _ effects: inout EngineEffects
    ) {
        let now = report.at
        let time: Double =
            switch report.outcome {
            case .success, .declined, .neutral: 0
            case .failure, .rateLimited, .timedOut, .misconfigured: wallTime()
            }
        let update = count(report, at: now, second: second(now), wallTime: time, random: random)
        rankingChanged(update, now: now, wallTime: wallTime, &effects)
        if let detection = report.detection {
            take(detection, about: report.endpoint, now: now, wallTime: wallTime, &effects)
        }
    }

    private mutating func rankingChanged(
        _ update: RankingUpdate, now: ContinuousClock.Instant, wallTime: () -> Double, _ effects: inout EngineEffects
    ) {
        if update.candidatesChanged {
            publishRoutes(now: now, &effects)
            for change in update.availabilityChanges { log(change, now: now, wallTime: wallTime, &effects) }
            for change in update.modelChanges { log(change, now: now, wallTime: wallTime, &effects) }
            if update.orderChanged {
                logRankChanges(now: now, wallTime: wallTime(), &effects)
                effects.tasks.insert(.markPersister)
            }
        }
        setTimer(&effects)
    }

    private mutating func take(
        _ detection: APIDetection, about id: EndpointID, now: ContinuousClock.Instant, wallTime: () -> Double,
        _ effects: inout EngineEffects
    ) {
        guard let (name, learned) = learn(detection, about: id, now: now) else { return }
        let time = wallTime()
        noteLearned(learned, name: name, endpoint: id, time: time)
        publishRoutes(now: now, &effects)
        let missing = learned.lackedAPI?.path ?? ""
        log(
            .info, source: "endpoint", endpoint: name,
            "learned openai_preference \(learned.rawValue): it does not know \(missing); such requests pass it over",
            wallTime: time, &effects)
        effects.tasks.insert(.saveLearned)
    }

    // MARK: Log lines

    private mutating func log(
        _ change: AvailabilityChange, now: ContinuousClock.Instant, wallTime: () -> Double,
        _ effects: inout EngineEffects
    ) {
        guard let line = change.logLine(now: now) else { return }
        let name = record(change.endpoint)?.settings.name ?? "?"
        log(
            line.level, source: "endpoint", endpoint: name, line.text, kind: line.fold == nil ? .change : .traffic,
            fold: line.fold, wallTime: wallTime(), &effects)
    }

    private mutating func log(
        _ change: ModelChange, now: ContinuousClock.Instant, wallTime: () -> Double, _ effects: inout EngineEffects
    ) {
        log(
            .info, source: "endpoint", endpoint: records.name(of: change.endpoint) ?? "?", change.text(now: now),
            kind: .traffic, fold: change.fold, wallTime: wallTime(), &effects)
    }

    private mutating func logRankChanges(
        now: ContinuousClock.Instant, wallTime: Double, _ effects: inout EngineEffects
    ) {
        for change in takeRankChanges(now: now) {
            let name = records.name(of: change.endpoint) ?? "?"
            let text = change.text { records.name(of: $0) ?? "?" }
            log(.info, source: "ranking", endpoint: name, text, kind: .traffic, wallTime: wallTime, &effects)
        }
    }

    private mutating func logTrouble(_ report: RequestReport, wallTime: Double, _ effects: inout EngineEffects) {
        let attempts = report.attempts
        let names = attempts.map { attempt in
            let name = records.name(of: attempt.endpoint) ?? "?"
            return "\(name) \(attempt.outcome.text(status: attempt.status))"
        }
        let refused = report.status == 503 ? "no endpoint" : "refused"
        let path = attempts.isEmpty ? refused : names.joined(separator: " → ")
        let repair = report.repaired.map { ", repaired: \($0)" } ?? ""
        log(
            report.ending == .completed ? .info : .warning, source: "proxy",
            "\(report.method) \(report.path): \(path)\(report.status.map { ", answered \($0)" } ?? "")\(repair)"
                + Snapshot.Event.ending(naming: report.requestID),
            kind: .traffic, fold: "\(path) \(report.status ?? 0)\(repair)", wallTime: wallTime, &effects)
    }
}

// MARK: - Counting

extension EngineState {
    /// A long answer has begun well; its end only says whether it broke off.
    ///
    /// - Returns: what the response time did to the ranking.
    mutating func countAnswer(
        _ id: EndpointID, _ beginning: AnswerBeginning, second: Int64, now: ContinuousClock.Instant
    ) -> RankingUpdate {
        withRecord(id) { record in
            record.successStreak += 1
            record.traffic.recordAttempt(succeeded: true, timeToFirstByte: beginning.timeToFirstByte, second: second)
            if let sample = beginning.sample { record.measured(sample, second: second) }
        }
        return ranking.recordFirstByte(beginning.sample, for: id, now: now)
    }

    /// - Parameter now: when the attempt ended
    /// - Returns: what the outcome did to the ranking.
    mutating func count(
        _ report: AttemptReport, at now: ContinuousClock.Instant, second: Int64, wallTime: Double,
        random: () -> UInt64
    ) -> RankingUpdate {
        withRecord(report.endpoint) { record in
            record.counters.record(report)
            switch report.outcome {
            case .neutral, .declined:
                break
            case .success where !report.isEvidence:
                break
            case .success(let sample):
                if let sample, !report.wasMeasured { record.measured(sample, second: second) }
                if let speed = report.figures.tokensPerSecond { record.wrote(at: speed, second: second) }
                if report.wasAnswered { break }
                record.successStreak += 1
                record.traffic.recordAttempt(
                    succeeded: true, timeToFirstByte: report.timeToFirstByte, second: second)
            case .failure, .rateLimited, .timedOut, .misconfigured:
                record.successStreak = 0
                if report.wasAnswered {
                    record.traffic.takeBackSuccess(second: second)
                } else {
                    record.traffic.recordAttempt(succeeded: false, timeToFirstByte: nil, second: second)
                }
                if let kind = ErrorKind(report.outcome, status: report.status) {
                    record.errors[kind, default: 0] += 1
                }
                record.lastError = .init(time: wallTime, text: report.outcome.text(status: report.status))
            }
        }
        return ranking.record(
            report.isEvidence ? report.outcome : .neutral, for: report.endpoint, isAnswered: report.wasAnswered,
            isMeasured: report.wasMeasured, failedEverywhere: report.failedEverywhere, isLook: report.isLook,
            began: now - report.duration, now: now, random: random)
    }

    /// What the answer taught about the endpoint's OpenAI APIs. What the operator has set stays.
    ///
    /// - Returns: the endpoint's name and what was learned, if that is new.
    mutating func learn(
        _ detection: APIDetection, about id: EndpointID, now: ContinuousClock.Instant
    ) -> (name: String, learned: OpenAIPreference)? {
        guard let known = record(id), known.settings.openAIPreference == .auto else {
            return nil
        }
        var learned: OpenAIPreference?
        withRecord(id) { learned = $0.learning.note(detection) }
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

    mutating func count(_ report: RequestReport, second: Int64) {
        let failed = report.ending == .brokenStream || (report.status ?? 0) >= 500
        if report.ending != .clientClosed || report.status != nil {
            traffic.recordAttempt(succeeded: !failed, timeToFirstByte: report.timeToFirstByte, second: second)
        }
        if let time = report.timeToFirstByte {
            firstByte.record(time)
        }
        if let time = report.figures.timeToFirstContent { firstContent.record(time) }
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
    func text(status: Int?) -> String {
        switch self {
        case .success: "ok"
        case .declined(let status): "declined (\(status))"
        case .neutral: "the client went away"
        case .rateLimited(let wait):
            "rate limited\(status.map { " (\($0))" } ?? ""), wait \(wait.shortText)"
        case .timedOut(let request): request.text
        case .misconfigured(402): "nothing left on the account (402)"
        case .misconfigured(let status): "credential refused (\(status))"
        case .failure(let kind): kind.text
        }
    }
}

/// Finds out which of OpenAI's two APIs an endpoint speaks: it does not know the path of the one, and serves the other.
struct PreferenceLearning: Sendable, Equatable {
    private var served: Set<OpenAIAPI> = []
    private var lacking: Set<OpenAIAPI> = []

    /// Takes in what an answer said.
    ///
    /// - Returns: the preference, once it is certain.
    mutating func note(_ detection: APIDetection) -> OpenAIPreference? {
        switch detection {
        case .serves(let api):
            guard lacking.remove(api) != nil || served.insert(api).inserted else {
                return nil
            }
            served.insert(api)
        case .lacks(let api):
            // What it served before may be missing for a moment only: that alone is no proof.
            if served.remove(api) == nil {
                lacking.insert(api)
            }
        }
        let known = OpenAIAPI.allCases.first { served.contains($0) && lacking.contains($0.other) }
        return known.map { OpenAIPreference($0) }
    }
}

extension OpenAIPreference {
    init(_ api: OpenAIAPI) {
        switch api {
        case .responses: self = .responses
        case .chatCompletions: self = .chatCompletions
        }
    }

    /// The API that requests should not be sent for.
    var lackedAPI: OpenAIAPI? {
        switch self {
        case .auto: nil
        case .responses: .chatCompletions
        case .chatCompletions: .responses
        }
    }
}

extension AvailabilityChange {
    /// What the event log says of it; nil for what is no news: a dead endpoint is tried again and again, and each trial that
    /// fails is one quiet line.
    ///
    /// - Returns: `fold` is what such a trial has in common with the one before; nil where the line is of a change.
    func logLine(now: ContinuousClock.Instant) -> (level: EventLevel, text: String, fold: String?)? {
        switch (from, to) {
        case (_, .halfOpen):
            return nil
        case (.halfOpen, .open(let until, let cause)):
            return (
                .info, "still down, tried again in \((until - now).shortText): \(cause.text)",
                "still down: \(cause.text)"
            )
        case (.halfOpen, .misconfigured):
            return (.info, "still \(to.text(now: now))", "still misconfigured")
        case (_, .available), (_, .disabled):
            return (.info, to.text(now: now), nil)
        case (_, .timedOut):
            return (.warning, to.text(now: now), nil)
        case (_, .open), (_, .misconfigured):
            return (.error, to.text(now: now), nil)
        }
    }
}

extension ModelChange {
    /// Such as `claude-x: rate limited (429) for 20 s`.
    func text(now: ContinuousClock.Instant) -> String {
        guard let until else { return "\(model): asked again" }
        return "\(model): \(reason.text) for \((until - now).shortText)"
    }

    /// What two of them have in common that differ in the time alone.
    var fold: String { "\(model): \(reason.text), \(until == nil ? "ended" : "begun")" }
}

extension Availability {
    /// Such as `down: 3 failures in a row, last HTTP 503`.
    public func text(now: ContinuousClock.Instant) -> String {
        switch self {
        case .available: return "up"
        case .halfOpen: return "on probation: one request at a time until one succeeds"
        case .open(let until, let cause): return "down for \((until - now).shortText): \(cause.text)"
        case .timedOut(let until, let reason): return "\(reason.text) for \((until - now).shortText)"
        case .misconfigured(let until, let status):
            return "credential refused (\(status)), tried again in \((until - now).shortText)"
        case .disabled: return "off"
        }
    }
}

extension EngineState {
    /// The names by which usage is counted.
    func names(of ids: [EndpointID]) -> [EndpointID: String] {
        var found: [EndpointID: String] = [:]
        for id in ids { if let name = records.name(of: id) { found[id] = name } }
        return found
    }
}
