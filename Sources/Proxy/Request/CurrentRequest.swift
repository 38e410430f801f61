internal import HTTPWire
internal import NIOCore
internal import Ranking
internal import Support

/// What is remembered of the request that runs on a client connection.
struct CurrentRequest {
    /// The head as received, then as much of the body as came along with it.
    var bytes = ByteBuffer()
    var headLength = 0
    /// Names the request within its event loop.
    var serial: UInt64 = 0
    var started = NIODeadline.uptimeNanoseconds(0)
    var minorVersion: UInt8 = 1
    var isHEAD = false
    var framing = BodyFraming.none
    var api = RequestAPI.other
    var openAIAPI: OpenAIAPI?
    /// Its answer says whether the endpoint knows `openAIAPI`.
    var teaches = false
    var kind = RequestKind.inference
    var methodLength = 0
    var pathRange = 0..<0
    var requestID = RequestID.generated(0)
    /// The page that may read the answer, as offsets into the head; nil for programs and for pages of other origins.
    var origin: Range<Int>?
    /// How many proxies of this kind it has come by before.
    var hops = 0
    var bytesUp = 0
    var table: RoutingTable?
    var nextCandidate = 0
    /// Whether any endpoint of the table serves this API.
    var foundURL = false
    /// An endpoint was passed over because it speaks the other OpenAI API.
    var wasSkipped = false
    var firstAttempt: AttemptReport?
    var furtherAttempts: [AttemptReport] = []
    /// Failed attempts that have not been reported yet: while all of them failed in the same way, the request may be to blame.
    var untold: [AttemptReport] = []
    /// The last attempt's report goes with the request's.
    var isConcludedByAttempt = false
    /// What became of the endpoints tried, for the message of a 503.
    var failures: [(name: String, reason: String)] = []

    /// Body bytes that follow the head in `bytes`.
    var inlineBodyLength: Int { bytes.readableBytes - headLength }

    var path: String { bytes.getString(at: bytes.readerIndex + pathRange.lowerBound, length: pathRange.count) ?? "" }
    var requestIDText: String { requestID.text(in: bytes) }

    /// The same whenever a client sends the same request again, and hardly ever for another.
    var fingerprint: UInt64 {
        var hasher = Hasher()
        bytes.withUnsafeReadableBytes { all in
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: all[pathRange]))
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: all[headLength...]))
        }
        hasher.combine(bytesUp)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }

    mutating func begin(_ head: UnsafeRawBufferPointer, serial: UInt64, now: NIODeadline) {
        bytes.clear()
        bytes.append(head)
        headLength = head.count
        self.serial = serial
        started = now
        bytesUp = 0
        nextCandidate = 0
        foundURL = false
        wasSkipped = false
        origin = nil
        hops = 0
        firstAttempt = nil
        isConcludedByAttempt = false
        if !furtherAttempts.isEmpty { furtherAttempts = [] }
        if !failures.isEmpty { failures = [] }
        if !untold.isEmpty { untold = [] }
    }

    // MARK: Endpoints

    /// Whether an endpoint is left to ask, which may then still turn out to be half-open and busy.
    var hasNextCandidate: Bool {
        guard let table else { return false }
        return table.candidates[nextCandidate...].contains { candidate in
            guard candidate.upstream.url(for: api) != nil else { return false }
            return openAIAPI == nil || candidate.upstream.lacks != openAIAPI
        }
    }

    /// Records an attempt, and tells the ranking of it where it is about the endpoint and not perhaps about the request.
    ///
    /// - Parameters:
    ///   - concludes: the request ends with it, and its report with the request's
    ///   - isCommitted: the client has part of the answer, so no other endpoint is asked
    @inline(__always)
    mutating func finish(
        _ attempt: CurrentAttempt, _ outcome: AttemptOutcome, reason: String?, concludes: Bool, isCommitted: Bool,
        at end: Moment, on loop: LoopContext
    ) {
        if let reason { failures.append((attempt.upstream.name, reason)) }
        let isEvidence = StatusMeaning.isEvidence(
            outcome, of: kind, credentialIsClients: attempt.upstream.forwardsClientCredential)
        var report = AttemptReport(
            endpoint: attempt.upstream.id, outcome: outcome, status: attempt.status,
            timeToFirstByte: attempt.timeToFirstByte, duration: Duration(end.deadline - attempt.started),
            ended: end.report, wasAnswered: attempt.wasAnswered, detection: detection(of: attempt, outcome),
            isEvidence: isEvidence)
        let isAlike = mayBeRequests(report, isCommitted: isCommitted)
        if concludes {
            tellUntold(failedEverywhere: isAlike && !hasNextCandidate, loop)
            if isAlike, !hasNextCandidate { report.failedEverywhere = fingerprint }
        } else if isAlike {
            untold.append(report)
        } else {
            settleUntold(report, loop)
            loop.events.attemptFinished(report)
        }
        if firstAttempt == nil { firstAttempt = report } else { furtherAttempts.append(report) }
        isConcludedByAttempt = concludes
    }

    private func detection(of attempt: CurrentAttempt, _ outcome: AttemptOutcome) -> APIDetection? {
        guard teaches, let openAIAPI, let status = attempt.status else { return nil }
        switch outcome {
        case .success, .declined: break
        case .failure, .rateLimited, .misconfigured, .neutral: return nil
        }
        return APIDetection(openAIAPI, status: status, saysUnknownPath: attempt.saysUnknownPath)
    }

    /// Whether the request may have brought it about, and has met nothing else so far.
    private func mayBeRequests(_ report: AttemptReport, isCommitted: Bool) -> Bool {
        guard report.isEvidence, StatusMeaning.mayBeRequests(report.outcome) else { return false }
        // After the commit point no other endpoint is asked.
        if case .failure = report.outcome, isCommitted { return false }
        guard let first = untold.first else { return true }
        return ErrorKind(first.outcome, status: first.status) == ErrorKind(report.outcome, status: report.status)
    }

    /// What an attempt says about the failures before it.
    private mutating func settleUntold(_ report: AttemptReport, _ loop: LoopContext) {
        switch report.outcome {
        // It says nothing about the request.
        case .neutral, .rateLimited: break
        case .failure(let kind) where kind.isUnreachable: break
        case .success, .declined, .misconfigured, .failure: tellUntold(failedEverywhere: false, loop)
        }
    }

    /// Tells the ranking of the failures that were kept back.
    ///
    /// - Parameter failedEverywhere: no endpoint that the request was sent to did otherwise
    mutating func tellUntold(failedEverywhere: Bool, _ loop: LoopContext) {
        guard !untold.isEmpty else { return }
        let fingerprint = failedEverywhere ? fingerprint : nil
        for var report in untold {
            report.failedEverywhere = fingerprint
            loop.events.attemptFinished(report)
        }
        untold = []
    }

    // MARK: No endpoint is left

    /// Endpoints that a 503 accounts for by name.
    private static let namedFailures = 8

    /// - Parameter wasOnlyRefused: every endpoint that was asked refused the credential
    func exhaustedAnswer(_ table: RoutingTable, wasOnlyRefused: Bool) -> LocalAnswer {
        if failures.isEmpty, wasSkipped, !foundURL, table.earliestRecovery == nil, let openAIAPI {
            // The truth about the path; a 503 would be tried again and again.
            let message =
                "no endpoint serves \(openAIAPI.path); they speak \(openAIAPI.other.path), "
                + "as their openai_preference says (auto forgets what was learned)"
            return LocalAnswer(status: 404, message: message)
        }
        if !foundURL, !table.served.isEmpty, !table.served.contains(ServedAPIs(api)) {
            return LocalAnswer(status: 404, message: "no endpoint has a URL for this path")
        }
        // Their own words were let go while there still seemed to be another endpoint.
        if wasOnlyRefused {
            return LocalAnswer(status: 502, message: "every endpoint refused this request (\(failureList))")
        }
        let message: String
        if !failures.isEmpty {
            message = "no endpoint could answer (\(failureList))"
        } else if !foundURL, !table.candidates.isEmpty {
            // Those that are out or switched off are not in the table, whatever they serve.
            message = "no endpoint that has a URL for this API is available"
        } else {
            message = "no endpoint is available"
        }
        return LocalAnswer(status: 503, message: message, retryAfter: retryAfter(table))
    }

    private var failureList: String {
        var list = failures.prefix(Self.namedFailures).map { "\($0.name): \($0.reason)" }
        let unnamed = failures.count - list.count
        if unnamed > 0 { list.append("and \(unnamed) more") }
        return list.joined(separator: "; ")
    }

    /// Whole seconds until the first endpoint may be tried again: of those left out, or of those just tried.
    private func retryAfter(_ table: RoutingTable) -> Int? {
        let now = ContinuousClock.now
        var waits: [Duration] = []
        if let recovery = table.earliestRecovery { waits.append(recovery - now) }
        for attempt in [firstAttempt].compactMap({ $0 }) + furtherAttempts {
            if case .rateLimited(let wait) = attempt.outcome { waits.append(wait - (now - attempt.at)) }
        }
        guard let shortest = waits.min() else { return 1 }
        let components = shortest.components
        return max(1, Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0))
    }
}

/// The attempt at one endpoint that is under way.
struct CurrentAttempt {
    let upstream: Upstream
    let url: UpstreamURL
    let started: NIODeadline
    /// When the endpoint had been sent the whole request, whatever time the client took for it.
    var requestWritten: NIODeadline?
    var firstByte: NIODeadline?
    var status: Int?
    /// A status that tells against the endpoint although the response is forwarded.
    var retryAfter: Duration?
    /// The answer's beginning has been reported.
    var wasAnswered = false
    /// A 404 or 405 that is about the path.
    var saysUnknownPath = false

    var timeToFirstByte: Duration? {
        guard let requestWritten, let firstByte else { return nil }
        return Duration(firstByte - requestWritten)
    }
}

/// What was sent on a connection that has not shown yet that it leads to the endpoint. Apart from `CurrentAttempt`, which is
/// optional: each look into that costs as much as all of this.
struct UnprovenConnection {
    /// When the first byte of the request was written.
    var headWritten = NIODeadline.uptimeNanoseconds(0)
    /// Of its head and body, as they are before encryption.
    var bytesSent = 0
}

/// What is remembered of the response that is being passed on.
struct CurrentResponse {
    /// Part of a response head.
    var input = ByteBuffer()
    /// The client's head, and of an event stream what came before the first event's end.
    var held = ByteBuffer()
    var reader = BodyReader(.none)
    var isEventStream = false
    var firstEvent = FirstEventScanner()
    var eventPosition = EventStreamPosition()
    /// Nothing readable can be put into it.
    var isEncoded = false
    var status: Int?
    var bytesDown = 0
    var firstSent: NIODeadline?
    /// Its beginning is to be looked into: does it speak of an unknown path?
    var isJudged = false

    mutating func reset() {
        if input.readableBytes > 0 { input = ByteBuffer() }
        if held.capacity > 0 { held = ByteBuffer() }
        isEventStream = false
        status = nil
        bytesDown = 0
        firstSent = nil
        isJudged = false
    }
}

/// The name of one request in logs and headers: the client's own, or 16 hexadecimal digits of ours.
enum RequestID: Sendable, Equatable {
    case generated(UInt64)
    /// Offsets of the client's `X-Request-ID` value within the request head.
    case received(Range<Int>)

    func text(in head: ByteBuffer) -> String {
        switch self {
        case .generated(let value):
            return value.hexadecimal(digits: 16)
        case .received(let range):
            return head.getString(at: head.readerIndex + range.lowerBound, length: range.count) ?? ""
        }
    }
    /// Writes the header line that both heads have, the endpoint's and the client's.
    ///
    /// - Parameter head: the request head's bytes, which a received one lies in
    @inline(__always)
    func write(from head: UnsafeRawBufferPointer, to writer: inout WireWriter) {
        writer.write("X-Request-ID: ")
        switch self {
        case .generated(let value): writer.write(hexadecimal: value, minimumDigits: 16)
        case .received(let range): writer.write(head.slice(range))
        }
        writer.write("\r\n")
    }
}

extension WireWriter {
    /// Writes the field that says where the body ends, if there is one.
    @inline(__always)
    mutating func write(_ framing: BodyFraming) {
        switch framing {
        case .length(let length):
            write("Content-Length: ")
            write(decimal: length)
            write("\r\n")
        case .chunked: write("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose: break
        }
    }
}
