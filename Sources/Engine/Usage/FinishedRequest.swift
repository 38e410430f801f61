internal import LLMWire
internal import Proxy
internal import Ranking
internal import Support
internal import Trends

/// What is handed over of a request that has ended.
struct FinishedRequest: Sendable {
    var ended: ReportTime
    var endpoint: EndpointID?
    var failures: [EndpointID]
    var attempts: Int32
    var usage: AnswerUsage?
    var isBroken: Bool
    var isAborted: Bool
    var firstByte: Duration?
    var figures: AnswerFigures
    var total: Duration
    var bytesUp: Int
    var bytesDown: Int
    // For the log of requests.
    var generatedID: UInt64?
    var clientID: String
    /// Of the client's token; empty: it has none.
    var clientName: String
    /// Empty: it was not looked up.
    var modelAsked: String
    var operation: LLMOperation
    var status: Int?
    var ending: RequestReport.Ending
    /// Of a request that did not go well at once.
    var walk: [AttemptReport]
    var verdictRows: [String]

    /// A function and no initializer: what an initializer is given is copied for it.
    static func of(_ report: RequestReport) -> FinishedRequest {
        var failures: [EndpointID] = []
        // Nearly no request has one: then no list is made.
        if report.failedOver || report.endpoint == nil {
            failures = report.attempts.filter { $0.endpoint != report.endpoint && $0.outcomeWord != "gone" }.map(
                \.endpoint)
        }
        let isWalked = report.failedOver || Self.isFailed(report.ending, report.status, report.usage)
        let generatedID = report.generatedID
        return FinishedRequest(
            ended: report.ended, endpoint: report.endpoint, failures: failures,
            attempts: Int32(clamping: report.attemptCount), usage: report.usage,
            isBroken: report.ending == .brokenStream,
            isAborted: [.clientClosed, .clientTimeout, .cancelled].contains(report.ending),
            firstByte: report.timeToFirstByte, figures: report.figures, total: report.duration,
            bytesUp: report.bytesUp, bytesDown: report.bytesDown,
            generatedID: generatedID, clientID: generatedID == nil ? report.plainClientID : "",
            clientName: report.clientName ?? "", modelAsked: report.modelAsked ?? report.usage?.asked ?? "",
            operation: report.operation, status: report.status, ending: report.ending,
            walk: isWalked ? report.attempts : [], verdictRows: isWalked ? report.verdictRows : [])
    }

    /// In numbers of a `NameTable`.
    ///
    /// - Parameters:
    ///   - endpoint: the number of `endpoint`
    ///   - failures: the numbers of others
    ///   - model: the number of the model that answered; only read where one did
    ///   - cost: picos; nil: not known
    func entry(
        at moment: LocalMoment, endpoint: Int32, failures number: (EndpointID) -> Int32?, model: Int32, cost: Int64?
    ) -> Entry {
        var entry = Entry(at: moment)
        entry.endpoint = endpoint
        if !failures.isEmpty { entry.failures = failures.compactMap(number) }
        entry.attempts = attempts
        entry.isBroken = isBroken
        entry.isAborted = isAborted
        entry.firstByte = firstByte.map { Int64(clamping: $0.wholeMicroseconds) }
        entry.speed = figures.tokensPerSecond.map { Int64(min($0, 1e9) * 1_000) }
        entry.total = Int64(clamping: total.wholeMicroseconds)
        (entry.bytesUp, entry.bytesDown) = (Int64(bytesUp), Int64(bytesDown))
        guard let usage else { return entry }
        entry.model = usage.countedModel.isEmpty ? NameTable.none : model
        entry.isStream = usage.isStream
        entry.isError = usage.isError
        // Of an answer that is no stream it is the time to its end.
        if usage.isStream {
            entry.firstToken = figures.timeToFirstContent.map { Int64(clamping: $0.wholeMicroseconds) }
        }
        entry.usage = usage.figures
        entry.cost = cost
        entry.reading =
            switch usage.extent {
            case .whole: .whole
            case .partial: .partial
            case .unread: .unread
            }
        return entry
    }

    /// It was answered by no endpoint or with an error, or the answer broke off.
    var isFailed: Bool { Self.isFailed(ending, status, usage) }

    private static func isFailed(_ ending: RequestReport.Ending, _ status: Int?, _ usage: AnswerUsage?) -> Bool {
        ending == .brokenStream || ending == .stopped || usage?.isError == true || status ?? 0 >= 400
    }

    /// A row of the log, but for what adding up finds out.
    func logged(_ id: Int64, _ known: [EndpointID: String]) -> LoggedRequest {
        var row = LoggedRequest(id: id)
        row.request = generatedID.map { $0.hexadecimal(digits: 16) } ?? clientID
        row.endpoint = endpoint.map { known[$0] ?? Self.removed } ?? ""
        row.kind = LoggedRequest.Kind(operation)
        row.status = status.map { Int64($0) }
        row.ending = ending.rawValue
        row.attempts = Int64(attempts)
        row.isFailed = isFailed
        for (index, attempt) in walk.enumerated() {
            row.walk.append(
                LoggedRequest.Attempt(
                    endpoint: known[attempt.endpoint] ?? Self.removed, outcome: attempt.outcomeWord,
                    verdict: verdictRows.indices.contains(index) ? verdictRows[index] : "",
                    status: attempt.status.map { Int64($0) },
                    firstByte: attempt.timeToFirstByte.map { Int64(clamping: $0.wholeMicroseconds) },
                    total: Int64(clamping: attempt.duration.wholeMicroseconds)))
        }
        return row
    }

    static let removed = "(removed)"
}

/// Requests that wait to be added up. An array of their own kind, and not a queue for any: it is appended to for every request.
struct PendingRequests {
    enum Drain { case nothing, later, now }

    /// More are dropped and counted.
    static let limit = 16_384
    /// So many are added up at once, before their time.
    static let many = 4_096

    private var entries: [FinishedRequest] = []
    private var dropped = 0
    private var isScheduled = false

    mutating func append(_ one: consuming FinishedRequest) -> Drain {
        guard entries.count < Self.limit else {
            dropped += 1
            return .nothing
        }
        entries.append(one)
        if entries.count == Self.many { return .now }
        guard !isScheduled else { return .nothing }
        isScheduled = true
        return .later
    }

    /// - Returns: what waits; nil if nothing does
    mutating func take() -> (entries: [FinishedRequest], dropped: Int)? {
        isScheduled = false
        guard !entries.isEmpty || dropped > 0 else { return nil }
        let taken = (entries, dropped)
        // As many may come until the next time.
        entries = []
        entries.reserveCapacity(min(Self.many, taken.0.count))
        dropped = 0
        return taken
    }
}
