internal import LLMWire
internal import NIOCore
internal import Ranking
internal import Support

/// The endpoints that one request did without, and why: those that were not asked, and what went wrong at those that were.
///
/// `Failover` notes them as it goes down the routing table. Where no endpoint is left, the client is told from here what each of them lacked,
/// and how long the first of them takes to come back.
struct LeftOut {
    /// Endpoints that an answer accounts for by name.
    private static let namedFailures = 8

    /// Endpoints that were passed over for this request alone, for explanations.
    private(set) var passes: [PassedOver] = []
    /// Places in the table of endpoints that were full when their turn came.
    var full: [Int] = []
    /// Endpoints whose settings do not let them be asked now, and until when.
    var barred: [(name: String, reason: PassedOver.Reason, until: NIODeadline)] = []
    /// Endpoints that have named a time to wait for the model.
    var limited: [(name: String, limit: LimitedModel)] = []
    /// What became of the endpoints that were asked.
    var failures: [(name: String, reason: String)] = []
    /// Whether any endpoint of the table serves this API.
    var foundURL = false
    /// An endpoint was skipped because it speaks the other OpenAI API.
    var skippedAPI = false
    /// An endpoint was skipped because it takes one request at a time and has one.
    var skippedBusy = false

    /// Another request begins.
    mutating func begin() {
        if !passes.isEmpty { passes = [] }
        if !full.isEmpty { full = [] }
        if !barred.isEmpty { barred = [] }
        if !limited.isEmpty { limited = [] }
        if !failures.isEmpty { failures = [] }
        foundURL = false
        skippedAPI = false
        skippedBusy = false
    }

    /// The request looks for an endpoint once more.
    mutating func renew() {
        full = []
        barred = []
        limited = []
        skippedBusy = false
    }

    /// The endpoint's turn came, and it is not asked.
    mutating func pass(_ endpoint: EndpointID, _ reason: PassedOver.Reason) {
        passes.removeAll { $0.endpoint == endpoint }
        passes.append(PassedOver(endpoint, reason))
    }

    // MARK: In words

    /// What the client is told where no endpoint had an answer: 404 where trying again would bring the same, 429 where all that there is
    /// waits for a rate limit, and otherwise 503, which accounts for each endpoint.
    ///
    /// - Parameters:
    ///   - tried: those that had an attempt
    ///   - hasWaited: the request stood in line for an endpoint that was full
    func answer(
        to request: CurrentRequest, _ table: RoutingTable?, _ attempts: AttemptRecords, tried: [EndpointID],
        hasWaited: Bool
    ) -> LocalAnswer {
        let (absences, wait) = (
            absences(of: request, from: table, tried), earliestWait(of: table, attempts, for: request) ?? 1
        )
        if failures.isEmpty, skippedAPI, !foundURL, table?.earliestRecovery == nil, let asked = request.openAIAPI {
            // The truth about the path; a 503 would be tried again and again.
            let message =
                "no endpoint serves \(asked.path); they speak \(asked.other.path), "
                + "as their openai_preference says (auto forgets what was learned)"
            return LocalAnswer(status: 404, message: message)
        }
        if let table, table.converts, failures.isEmpty, let answer = conversionAnswer(to: request, table) {
            return answer
        }
        if failures.isEmpty, limited.isEmpty, !Self.isServedAnywhere(request, table) { return request.modelRefusal }
        if !foundURL, let served = table?.served, !served.isEmpty, !served.contains(ServedAPIs(request.api)) {
            return LocalAnswer(status: 404, message: "no endpoint has a URL for this path")
        }
        if let table, !table.candidates.isEmpty || !table.absent.isEmpty,
            !(table.candidates.map(\.upstream) + table.absent.map(\.upstream)).contains(where: request.mayUse)
        {
            // Trying again would bring the same.
            let message =
                request.tag.map { "no endpoint that could be used has the tag '\($0)'" }
                ?? "client '\(request.client?.name ?? "")' may use no endpoint that is here"
            return LocalAnswer(status: 404, message: message)
        }
        let message: String
        let list = list(with: absences, table)
        if failures.isEmpty, isRateLimitedEverywhere(table) {
            return LocalAnswer(
                status: 429, message: "every endpoint is rate limited (\(list))", retryAfter: wait)
        }
        if failures.isEmpty, limited.isEmpty, barred.isEmpty, !full.isEmpty {
            let why = hasWaited ? "and no place became free in time" : "and as many requests wait as may"
            message = "every endpoint is full, \(why) (\(list))"
        } else if !failures.isEmpty || !limited.isEmpty || !barred.isEmpty {
            message = "no endpoint could answer (\(list))"
        } else if !foundURL, table?.candidates.isEmpty == false {
            // Those that are out or switched off are not in the table, whatever they serve.
            message = "no endpoint that has a URL for this API is available"
        } else {
            message = "no endpoint is available" + (absences.isEmpty ? "" : " (\(list))")
        }
        return LocalAnswer(status: 503, message: message, retryAfter: wait)
    }

    /// What the client has to know where only endpoints of another API could be asked; nil where others could be, now or later.
    private func conversionAnswer(to request: CurrentRequest, _ table: RoutingTable) -> LocalAnswer? {
        let all = table.candidates.map(\.upstream) + table.absent.map(\.upstream)
        if request.operation == .countTokens, !all.contains(where: { request.url(at: $0) != nil }) {
            return LocalAnswer(
                status: 501, message: "tokens are not counted by endpoints of another API; count them yourself",
                errorType: "not_supported")
        }
        guard let refusal = request.conversionRefusal,
            !all.contains(where: { request.url(at: $0) != nil && !request.isConverted(at: $0) && request.mayUse($0) })
        else { return nil }
        return refusal
    }

    /// Whether any endpoint that the request may use and that has a URL for it is asked for its model, be it out now or not.
    private static func isServedAnywhere(_ request: CurrentRequest, _ table: RoutingTable?) -> Bool {
        guard let table, table.hasModelRules || request.isLimitedToModels else { return true }
        let able = (table.candidates.map(\.upstream) + table.absent.map(\.upstream)).filter {
            request.url(at: $0) != nil && request.mayUse($0)
        }
        return able.isEmpty || able.contains { request.suits($0) }
    }

    /// Whether all that there is was left out because of a rate limit.
    private func isRateLimitedEverywhere(_ table: RoutingTable?) -> Bool {
        let absent = table?.absent ?? []
        let isUsedUp = barred.contains { if case .limited = $0.reason { true } else { false } }
        guard full.isEmpty, barred.isEmpty || isUsedUp,
            isUsedUp || !limited.isEmpty || (!absent.isEmpty && table?.candidates.isEmpty == true)
        else { return false }
        return limited.allSatisfy { $0.limit.reason.cause == .rateLimited }
            && absent.allSatisfy {
                if case .timedOut(_, let reason) = $0.availability { reason.cause == .rateLimited } else { false }
            }
    }

    /// Why those that the table leaves out were not asked.
    private func absences(
        of request: CurrentRequest, from table: RoutingTable?, _ tried: [EndpointID]
    ) -> [String] {
        (table?.absent ?? []).filter { !tried.contains($0.upstream.id) && request.mayUse($0.upstream) }.map {
            "\($0.upstream.name): \($0.availability.reason)"
        }
    }

    private func list(with absences: [String], _ table: RoutingTable?) -> String {
        let all =
            failures.map { "\($0.name): \($0.reason)" }
            + limited.map { "\($0.name): \($0.limit.reason.text) for model \($0.limit.name)" }
            + barred.map { "\($0.name): \($0.reason.text)" }
            + full.compactMap { place in
                (table?.candidates[place].upstream).map {
                    "\($0.name): \(PassedOver.Reason.full(limit: $0.maxInFlight).text)"
                }
            } + absences
        var list = Array(all.prefix(Self.namedFailures))
        let unnamed = all.count - list.count
        if unnamed > 0 { list.append("and \(unnamed) more") }
        return list.joined(separator: "; ")
    }

    /// When the first endpoint comes back of those that the request may use and whose model it asks for.
    private static func earliestRecovery(
        of table: RoutingTable?, for request: CurrentRequest
    ) -> ContinuousClock.Instant? {
        guard let table, let earliest = table.earliestRecovery else { return nil }
        let others = table.absent.filter { !request.mayUse($0.upstream) || !request.suits($0.upstream) }
        guard !others.isEmpty else { return earliest }
        return table.absent.filter { one in !others.contains { $0.upstream === one.upstream } }
            .compactMap(\.availability.recovery).min()
    }

    /// Whole seconds until the first endpoint may be tried again: of those left out, or of those just tried; nil where none said so.
    func earliestWait(of table: RoutingTable?, _ attempts: AttemptRecords, for request: CurrentRequest) -> Int? {
        let now = ContinuousClock.now
        var waits: [Duration] = []
        if let recovery = Self.earliestRecovery(of: table, for: request) { waits.append(recovery - now) }
        waits += limited.map { $0.limit.until - now }
        waits += barred.map { Duration($0.until - .now()) }
        for attempt in [attempts.first].compactMap(\.self) + attempts.further {
            switch attempt.outcome {
            case .rateLimited(let wait): waits.append(wait - (now - attempt.at))
            case .timedOut(let request) where request.cause != .model:
                waits.append(request.first - (now - attempt.at))
            default: break
            }
        }
        guard let shortest = waits.min() else { return nil }
        let components = shortest.components
        return max(1, Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0))
    }
}

extension Availability {
    /// Why an endpoint was not asked, in a few words.
    fileprivate var reason: String {
        switch self {
        case .open(_, let cause):
            switch cause {
            case .failuresInARow(_, let kind), .failureShare(_, _, let kind), .halfOpenFailed(let kind):
                "out after failures (\(kind.text))"
            case .credentialRefused(let status): "credential refused (status \(status))"
            }
        case .timedOut(_, let reason): reason.text
        case .misconfigured(_, let status): "credential refused (status \(status))"
        case .available, .halfOpen: "on trial"
        case .disabled: "switched off"
        }
    }
}
