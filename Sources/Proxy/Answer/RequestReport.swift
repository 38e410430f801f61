public import LLMWire
internal import NIOCore
public import Ranking
internal import Support

/// One client request from its head to its end: what the access log and the console need.
///
/// The texts are made when asked for, from bytes that the report holds on to: read what you need, then let it go.
public struct RequestReport: Sendable {
    /// How a request ended. The raw values are the words of the access log and of the metrics alike.
    public enum Ending: String, Sendable, CaseIterable {
        /// The whole response went to the client.
        case completed
        /// The client went away first.
        case clientClosed = "client_closed"
        /// The client stood still for too long.
        case clientTimeout = "client_timeout"
        /// The response broke off after its beginning had gone to the client.
        case brokenStream = "broken_stream"
        /// Podium answered itself: no endpoint was left, or the request was refused.
        case answeredLocally = "answered_locally"
        /// `stop` ended it.
        case stopped
        /// An operator ended it.
        case cancelled
    }

    /// The status the client saw; nil when it went away before there was one.
    public let status: Int?
    /// Which API was asked.
    public let api: RequestAPI
    /// What was asked for, by its path.
    public let operation: LLMOperation
    /// The endpoint whose answer went to the client.
    public let endpoint: EndpointID?
    /// In the order they were made.
    public var attempts: [AttemptReport] { firstAttempt.map { [$0] + furtherAttempts } ?? [] }
    /// How many they are.
    public var attemptCount: Int { furtherAttempts.count + (firstAttempt == nil ? 0 : 1) }
    /// More than one endpoint was tried.
    public var failedOver: Bool { !furtherAttempts.isEmpty }
    /// The last of `attempts`, where it ended with the request: `ProxyEvents.attemptFinished` is not called for it.
    public var concludingAttempt: AttemptReport? { isConcludedByAttempt ? furtherAttempts.last ?? firstAttempt : nil }
    /// Body bytes from the client.
    public let bytesUp: Int
    /// Body bytes to the client.
    public let bytesDown: Int
    /// From the request's head being read to the first byte sent to the client.
    public let timeToFirstByte: Duration?
    /// The same to the first content, and how fast it was written.
    public let figures: AnswerFigures
    /// What the answer says was used; nil where no model answered.
    public let usage: AnswerUsage?
    /// From the head being read to the end.
    public let duration: Duration
    /// How it ended.
    public let ending: Ending
    /// Podium did not let it pass, or had no endpoint to send it to. A browser's preflight that it answers is neither.
    public var isRefusal: Bool { ending == .answeredLocally && (status ?? 0) >= 400 }
    /// When it ended.
    public var at: ContinuousClock.Instant { ended.instant }

    /// The same as a plain number.
    public let ended: ReportTime
    let isConcludedByAttempt: Bool
    /// The first of `attempts`.
    public let firstAttempt: AttemptReport?
    /// The rest of them.
    public let furtherAttempts: [AttemptReport]
    /// What judged `attempts`, by their places: the row of the table of verdicts, or the operator's rule; empty, or not there at all, for
    /// those that nothing had to judge.
    public let verdictRows: [String]
    /// The model that was asked for, where endpoints differ by it; nil where that was not looked up.
    public let modelAsked: String?
    /// What the endpoints of `attempts` were sent as the model, by their places, where it was not what was asked for; empty, or not there at
    /// all, where it was.
    public let sentModels: [String]
    /// Fields that were dropped since they are in no table of the conversion to the endpoint's API.
    public let unknownFields: [String]
    /// What was taken out of it for an endpoint that could not read it, by the row of the table of repairs; nil where nothing was.
    public let repaired: String?
    /// Why it went to no endpoint, by its head alone; nil where it could.
    public let refusal: String?
    /// Why another endpoint was asked first than the first of the order.
    public let route: RouteReason
    /// Endpoints whose turn came and that were not asked for this request.
    public let passes: [PassedOver]
    /// How long it waited for a place at an endpoint that was full; nil where it did not.
    public let queueTime: Duration?
    /// The version of the routing table that it went by; nil where it was refused before it had one.
    public let tableVersion: UInt64?
    let head: ByteBuffer
    let methodLength: Int
    let pathRange: Range<Int>
    let requestIDBytes: RequestID
    let clientSocketAddress: SocketAddress?
    /// Whose token it has shown, where that has a name.
    public let client: NamedClient?
    /// Its name.
    public var clientName: String? { client?.name }

    /// - Parameter unsent: bytes of the answer that have not left
    init(
        _ request: CurrentRequest, _ failover: Failover, _ attempt: CurrentAttempt, _ response: CurrentResponse,
        isCommitted: Bool, unsent: Int,
        ending: Ending, at end: Moment, from address: SocketAddress?
    ) {
        status = response.status
        api = request.api
        operation = request.operation
        endpoint = isCommitted ? failover.attempts.lastEndpoint : failover.answeredBy
        bytesUp = request.bytesUp
        bytesDown = max(0, response.bytesDown - unsent)
        timeToFirstByte = response.firstSent.map { Duration($0 - request.started) }
        figures = AnswerFigures(
            timeToFirstContent: isCommitted ? attempt.firstContent.map { Duration($0 - request.started) } : nil,
            tokensPerSecond: isCommitted ? attempt.tokensPerSecond : nil)
        let hasAnswer = endpoint != nil && 200..<300 ~= status ?? 0
        var usage = hasAnswer && request.operation.hasUsage ? response.gate.account() : nil
        if let asked = request.modelAsked { usage?.name(request.modelSent ?? asked) }
        self.usage = usage
        duration = Duration(end.deadline - request.started)
        self.ending = ending
        ended = end.report
        isConcludedByAttempt = failover.isConcludedByAttempt
        firstAttempt = failover.attempts.first
        furtherAttempts = failover.attempts.further
        verdictRows = failover.attempts.verdictRows
        modelAsked = request.modelAsked
        sentModels = failover.attempts.sentModels
        repaired = request.repaired
        unknownFields = request.conversion?.unknownFields ?? []
        refusal = request.refusal
        route = failover.first.reason
        passes = failover.passes
        queueTime = failover.line.time
        tableVersion = failover.tableVersion
        head = request.bytes
        methodLength = request.methodLength
        pathRange = request.pathRange
        requestIDBytes = request.requestID
        clientSocketAddress = address
        client = request.client
    }

    /// The client's `X-Request-ID`, else the generated one.
    public var requestID: String { requestIDBytes.text(in: head) }
    /// The number that stands for it where the client named none.
    public var generatedID: UInt64? {
        if case .generated(let id) = requestIDBytes { id } else { nil }
    }
    /// The client's `X-Request-ID` where it is short and plain enough to be kept: it could say anything.
    public var plainClientID: String {
        guard case .received(let range) = requestIDBytes, range.count <= 36 else { return "" }
        let text = requestIDBytes.text(in: head)
        let isPlain = text.utf8.allSatisfy { ASCII.isLetter($0) || ASCII.isDigit($0) || "._:-".utf8.contains($0) }
        return isPlain ? text : ""
    }
    /// As sent.
    public var method: String { head.getString(at: head.readerIndex, length: methodLength) ?? "" }
    /// Without the query, which may hold secrets.
    public var path: String {
        head.getString(at: head.readerIndex + pathRange.lowerBound, length: pathRange.count) ?? ""
    }
    /// Where the texts lie that `copyNames` has copied: one behind the other.
    public struct Names: Sendable {
        /// The id, where the client gave none: that is not copied.
        public var generatedID: UInt64?
        public var idLength = 0
        public var methodLength = 0
        public var pathLength = 0
        /// There was no room for the whole path.
        public var isCut = false

        public init() {}
    }

    private static let longestMethod = 16

    /// Copies the id that the client gave, the method and the path, as far as there is room: for a reader that cannot hold on to the
    /// report.
    public func copyNames(to target: UnsafeMutableRawBufferPointer) -> Names {
        var names = Names()
        head.withUnsafeReadableBytes { head in
            var end = 0
            func copy(_ range: Range<Int>) -> Int {
                let length = min(range.count, target.count - end)
                let source = UnsafeRawBufferPointer(rebasing: head[range.lowerBound..<range.lowerBound + length])
                UnsafeMutableRawBufferPointer(rebasing: target[end..<end + length]).copyMemory(from: source)
                end += length
                return length
            }
            switch requestIDBytes {
            case .generated(let id): names.generatedID = id
            case .received(let range): names.idLength = copy(range)
            }
            names.methodLength = copy(0..<min(methodLength, Self.longestMethod))
            names.pathLength = copy(pathRange)
            names.isCut = names.pathLength < pathRange.count
        }
        return names
    }

    /// Bytes of memory that the report holds on to, roughly.
    public var footprint: Int { head.storageCapacity + 512 + furtherAttempts.count * 128 }
    /// Address without port, empty when unknown.
    public var clientAddress: String { clientSocketAddress?.ipAddress ?? "" }
}

/// What an answer says was used.
public struct AnswerUsage: Sendable, Equatable {
    /// How much of it is known.
    public enum Extent: UInt8, Sendable {
        /// The answer came to its end.
        case whole
        /// It broke off, was left by its client, or named an error: what it had said until then, which was billed.
        case partial
        /// It says nothing, or cannot be read.
        case unread
    }

    /// How much of it is known.
    public var extent: Extent
    /// In tokens.
    public var figures = Usage()
    /// The model that answered; empty where none was named.
    public var model = ""
    /// The model that the endpoint was asked for; empty where that was not looked up.
    public var asked = ""
    private static let longestName = 128

    /// Notes the model that the endpoint was asked for, as far as it is kept.
    mutating func name(_ model: String) {
        asked = model
        while asked.utf8.count > Self.longestName { asked.removeLast() }
    }

    /// The model that it is counted for: some answers name none.
    public var countedModel: String { model.isEmpty ? asked : model }
    /// It was a stream of events.
    public var isStream = false
    /// It named an error within.
    public var isError = false

    /// All parts given.
    public init(
        extent: Extent, figures: Usage = Usage(), model: String = "", isStream: Bool = false, isError: Bool = false
    ) {
        self.extent = extent
        self.figures = figures
        self.model = model
        self.isStream = isStream
        self.isError = isError
    }
}

/// One attempt at one endpoint. Small and free of allocations: it is made for every request.
public struct AttemptReport: Sendable, Equatable {
    /// Which endpoint.
    public let endpoint: EndpointID
    /// What the ranking learns.
    public let outcome: AttemptOutcome
    /// nil when no response head came.
    public let status: Int?
    /// From the whole request being sent to the first byte of the response; nil when none came, or before that.
    public let timeToFirstByte: Duration?
    /// From the attempt's start to its end.
    public let duration: Duration
    /// What else was measured of the answer.
    public let figures: AnswerFigures
    /// When it ended.
    public var at: ContinuousClock.Instant { ended.instant }
    /// `ProxyEvents.attemptAnswered` was called for it: its answer began as a success and went on for a while.
    public let wasAnswered: Bool
    /// With the sample that the outcome names.
    public let wasMeasured: Bool
    /// What the answer says about the OpenAI APIs the endpoint speaks; nil for all other requests.
    public let detection: APIDetection?

    /// Whether the outcome says something about the endpoint. It does not for requests that are no inference, unless the
    /// endpoint could not be reached, nor where a client's own credential was refused.
    public let isEvidence: Bool
    /// Names the request, where every endpoint that it was sent to failed in the same way.
    public internal(set) var failedEverywhere: UInt64?
    /// The request went there only to see how fast the endpoint is.
    public internal(set) var isLook = false
    /// The request went there in another API than the client's.
    public internal(set) var isConverted = false

    private let ended: ReportTime

    /// All parts given.
    public init(
        endpoint: EndpointID, outcome: AttemptOutcome, status: Int?, timeToFirstByte: Duration?, duration: Duration,
        at: ContinuousClock.Instant, figures: AnswerFigures = AnswerFigures(), wasAnswered: Bool = false,
        wasMeasured: Bool = false, detection: APIDetection? = nil, isEvidence: Bool = true
    ) {
        self.init(
            endpoint: endpoint, outcome: outcome, status: status, timeToFirstByte: timeToFirstByte, duration: duration,
            figures: figures, ended: ReportTime(at), wasAnswered: wasAnswered, wasMeasured: wasMeasured,
            detection: detection, isEvidence: isEvidence,
            failedEverywhere: nil)
    }

    init(
        endpoint: EndpointID, outcome: AttemptOutcome, status: Int?, timeToFirstByte: Duration?, duration: Duration,
        figures: AnswerFigures, ended: ReportTime, wasAnswered: Bool, wasMeasured: Bool, detection: APIDetection?,
        isEvidence: Bool, failedEverywhere: UInt64?
    ) {
        self.endpoint = endpoint
        self.outcome = outcome
        self.status = status
        self.timeToFirstByte = timeToFirstByte
        self.duration = duration
        self.ended = ended
        self.figures = figures
        self.wasAnswered = wasAnswered
        self.wasMeasured = wasMeasured
        self.detection = detection
        self.isEvidence = isEvidence
        self.failedEverywhere = failedEverywhere
    }
}

/// One point in time on the two clocks in use: reading a clock is cheap, reading eight per request is not.
struct Moment {
    /// For deadlines and durations.
    let deadline: NIODeadline
    /// For reports.
    let report: ReportTime

    init(deadline: NIODeadline, instant: ContinuousClock.Instant) {
        self.deadline = deadline
        report = ReportTime(instant)
    }

    static var now: Moment { Moment(deadline: .now(), instant: .now) }
}

/// An instant as a plain number.
///
/// `ContinuousClock.Instant` hides its layout, so that whatever holds one is copied and destroyed field by field, through
/// calls: too much for what is made several times for each request.
public struct ReportTime: Sendable, Equatable {
    private static let origin = ContinuousClock.now

    private let sinceOrigin: Duration

    /// The number of an instant.
    public init(_ instant: ContinuousClock.Instant) {
        sinceOrigin = instant - Self.origin
    }

    /// What it stands for.
    public var instant: ContinuousClock.Instant { Self.origin + sinceOrigin }

    /// How long it is behind an earlier one.
    public func microseconds(since earlier: ReportTime) -> Int64 {
        Int64(clamping: (sinceOrigin - earlier.sinceOrigin).wholeMicroseconds)
    }
}

extension RequestReport {
    /// Longer paths are cut in the access log.
    private static let pathLimit = 2048

    /// The request as one line of the access log: a JSON object, without the query, which may hold secrets, and without any
    /// header but the request id.
    ///
    /// - Parameters:
    ///   - unixTime: seconds since 1970 at `at`
    ///   - names: of the endpoints of `attempts`, in the same order
    ///   - cost: as a decimal; nil: not known
    public func accessLogLine(unixTime: Double, names: [String], cost: String? = nil) -> String {
        var line = JSONLine()
        line.add("time", AccessTime.text(unixTime: unixTime))
        line.add("request", requestID)
        line.add("client", clientAddress)
        if let clientName { line.add("client_name", clientName) }
        line.add("method", method)
        let path = path
        line.add("path", path.utf8.count > Self.pathLimit ? String(path.prefix(Self.pathLimit)) + "…" : path)
        line.add("status", number: status)
        line.add("ending", ending.rawValue)
        line.add("endpoint", endpoint == nil ? nil : names.last)
        if route != .order { line.add("route", route.rawValue) }
        if queueTime != nil { line.add("queued_ms", milliseconds: queueTime) }
        line.add("bytes_up", number: bytesUp)
        line.add("bytes_down", number: bytesDown)
        line.add("first_byte_ms", milliseconds: timeToFirstByte)
        line.add("first_content_ms", milliseconds: figures.timeToFirstContent)
        line.add("tokens_per_second", tenths: figures.tokensPerSecond)
        line.add("total_ms", milliseconds: duration)
        if let modelAsked { line.add("model_asked", modelAsked) }
        if let repaired { line.add("repaired", repaired) }
        if let usage {
            line.add("model", usage.model.isEmpty ? nil : usage.model)
            line.add("usage", raw: usage.json)
            line.add("cost", raw: cost ?? "null")
        }
        let attempts = zip(names, attempts).enumerated().map { index, tried in
            let (name, attempt) = tried
            var part = JSONLine()
            part.add("endpoint", name)
            part.add("outcome", attempt.outcomeWord)
            if sentModels.indices.contains(index), !sentModels[index].isEmpty {
                part.add("model_sent", sentModels[index])
            }
            if verdictRows.indices.contains(index), !verdictRows[index].isEmpty {
                part.add("verdict", verdictRows[index])
            }
            if attempt.isConverted { part.add("converted", raw: "true") }
            part.add("status", number: attempt.status)
            part.add("first_byte_ms", milliseconds: attempt.timeToFirstByte)
            part.add("first_content_ms", milliseconds: attempt.figures.timeToFirstContent)
            part.add("total_ms", milliseconds: attempt.duration)
            return part.text
        }
        line.add("attempts", raw: "[\(attempts.joined(separator: ","))]")
        return line.text
    }
}

extension AnswerUsage {
    /// `null` where nothing is known.
    fileprivate var json: String {
        guard extent != .unread else { return "null" }
        var part = JSONLine()
        for (name, tokens) in [
            ("input", figures.input), ("output", figures.output), ("cache_read", figures.cacheRead),
            ("cache_write_5m", figures.cacheWrite5m), ("cache_write_1h", figures.cacheWrite1h),
            ("reasoning", figures.reasoning),
        ] { if let tokens { part.add(name, number: Int(tokens)) } }
        if extent == .partial { part.add("partial", raw: "true") }
        return part.text
    }
}

extension AttemptReport {
    /// `ok`, `declined`, `gone` (the client left, or is at fault), or the kind of error.
    public var outcomeWord: String {
        if let kind = ErrorKind(outcome, status: status) { return kind.rawValue }
        return switch outcome {
        case .neutral: "gone"
        case .declined: "declined"
        default: "ok"
        }
    }
}

/// A JSON object, member by member.
private struct JSONLine {
    private var members = ""

    var text: String { "{\(members)}" }

    mutating func add(_ name: String, raw: String) {
        if !members.isEmpty { members += "," }
        members += "\"\(name)\":\(raw)"
    }

    mutating func add(_ name: String, _ text: String?) {
        add(name, raw: text.map { QuotedText.json($0) } ?? "null")
    }

    mutating func add(_ name: String, number: Int?) {
        add(name, raw: number.map { String($0) } ?? "null")
    }

    mutating func add(_ name: String, tenths number: Double?) {
        let tenths = number.map { Int(min($0, 1e9) * 10 + 0.5) }
        add(name, raw: tenths.map { "\($0 / 10).\($0 % 10)" } ?? "null")
    }

    /// With microseconds, which is what is measured.
    mutating func add(_ name: String, milliseconds duration: Duration?) {
        guard let duration else { return add(name, raw: "null") }
        let (seconds, attoseconds) = duration.components
        let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        let fraction = String(1_000 + microseconds % 1_000).dropFirst()
        add(name, raw: "\(microseconds / 1_000).\(fraction)")
    }
}

/// Points in time as logs have them.
enum AccessTime {
    /// `2026-11-23T22:40:22.123Z`
    static func text(unixTime: Double) -> String {
        let milliseconds = Int(max(0, unixTime) * 1_000)
        return CivilTime(unixTime: milliseconds / 1_000).rfc3339(milliseconds: milliseconds % 1_000)
    }
}
