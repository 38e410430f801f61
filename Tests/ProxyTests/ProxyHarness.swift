import NIOCore
import NIOPosix
import Ranking
import Synchronization
import TestSupport
import Verdicts

@testable import Proxy

/// A running proxy with all its events kept.
final class ProxyHarness: Sendable {
    struct Events: Sendable {
        var answered: [(endpoint: EndpointID, beginning: AnswerBeginning)] = []
        var attempts: [AttemptReport] = []
        var requestsStarted = 0
        var requests: [RequestReport] = []
        var rejections: [ClientRejection] = []
    }

    let server: ProxyServer
    let port: Int
    private let log: EventLog
    private let upstreams: [Upstream]

    final class EventLog: Sendable {
        let events = Mutex(Events())
    }

    static func start(
        _ upstreams: [Upstream], options: ProxyOptions = .init(),
        admits: @escaping @Sendable (EndpointID) -> Bool = { _ in true },
        gate: Candidate.Gate = .open, earliestRecovery: ContinuousClock.Instant? = nil, absent: [Upstream] = [],
        availability: Availability = .available,
        tryEarly: @escaping @Sendable ([EndpointID]) -> EarlyTrial = { _ in .nothing }
    ) async throws -> ProxyHarness {
        var options = options
        options.port = 0
        // Hundreds of proxies run side by side on two event loops: a finer sweep would keep these busy with nothing else.
        options.deadlineSweepInterval = .milliseconds(25)
        let log = EventLog()
        let table = RoutingTable(
            candidates: upstreams.map { Candidate(upstream: $0, gate: gate) },
            absent: absent.map { AbsentEndpoint(upstream: $0, availability: availability) },
            earliestRecovery: earliestRecovery)
        let events = ProxyEvents(
            attemptAnswered: { id, beginning, _ in log.events.withLock { $0.answered.append((id, beginning)) } },
            attemptFinished: { report in log.events.withLock { $0.attempts.append(report) } },
            requestStarted: { log.events.withLock { $0.requestsStarted += 1 } },
            requestFinished: { report in
                log.events.withLock { events in
                    if let attempt = report.concludingAttempt { events.attempts.append(attempt) }
                    events.requests.append(report)
                }
            },
            admitHalfOpen: admits, tryEarly: tryEarly,
            clientRejected: { rejection in log.events.withLock { $0.rejections.append(rejection) } })
        let server = ProxyServer(options: options, routes: table, group: ProxyLoops.shared)
        let address = try await server.start(reportingTo: events)
        return ProxyHarness(server: server, port: address.port, log: log, upstreams)
    }

    private init(server: ProxyServer, port: Int, log: EventLog, _ upstreams: [Upstream]) {
        self.upstreams = upstreams
        self.server = server
        self.port = port
        self.log = log
    }

    var events: Events { log.events.withLock { $0 } }

    /// Attempts that have begun and not ended.
    var runningAttempts: Int { upstreams.reduce(0) { $0 + $1.load.requests } }

    func stop() async { await server.stop(drain: .zero) }

    /// One request on a connection of its own; the whole answer.
    func exchange(_ request: String) async throws -> String {
        let client = try await RawClient.connect(port: port)
        try await client.send(request)
        return await client.untilClosed()
    }
}

extension UpstreamTimeouts {
    /// For tests that are not about time: a machine that is busy must not make them fail.
    static var patient: UpstreamTimeouts {
        var timeouts = UpstreamTimeouts()
        timeouts.connect = .seconds(50)
        timeouts.tlsHandshake = .seconds(50)
        timeouts.probe = .seconds(55)
        return timeouts
    }
}

extension Upstream {
    static func local(
        _ id: UInt32, _ upstream: ScriptedUpstream, credential: UpstreamCredential = .none,
        headers: [(name: String, value: String)] = [], timeouts: UpstreamTimeouts = .patient,
        passesCookies: Bool = false, namesClients: Bool = false, path: String = "", rules: [FailoverRule] = []
    ) throws -> Upstream {
        try local(
            id, port: upstream.port, credential: credential, headers: headers, timeouts: timeouts,
            passesCookies: passesCookies, namesClients: namesClients, path: path, rules: rules)
    }

    static func local(
        _ id: UInt32, port: Int, credential: UpstreamCredential = .none, headers: [(name: String, value: String)] = [],
        timeouts: UpstreamTimeouts = .patient, passesCookies: Bool = false, namesClients: Bool = false,
        path: String = "", named: String? = nil, rules: [FailoverRule] = []
    ) throws -> Upstream {
        try Upstream(
            id: EndpointID(id), name: named ?? "endpoint-\(id)", anyURL: UpstreamURL("http://127.0.0.1:\(port)\(path)"),
            credential: credential, headers: headers, timeouts: timeouts, passesCookies: passesCookies,
            namesClients: namesClients, isNamed: named != nil, rules: rules)
    }
}

/// Requests and answers used again and again.
enum Wire {
    /// The body of an answer in chunks, without what stands between them; empty where there is no whole head.
    static func chunkedBody(of answer: some Sequence<UInt8>) -> [UInt8] {
        let answer = Array(answer)
        let mark = Array("\r\n\r\n".utf8)
        guard let start = answer.indices.first(where: { answer[$0...].starts(with: mark) }) else { return [] }
        var rest = answer[(start + mark.count)...]
        var result: [UInt8] = []
        while let end = rest.firstIndex(of: 0x0D),
            let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16), size > 0
        {
            rest = rest[(end + 2)...]
            result += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
        return result
    }

    static func post(_ path: String = "/v1/messages", body: String = "{}", headers: String = "", closes: Bool = true)
        -> String
    {
        "POST \(path) HTTP/1.1\r\nHost: here\r\nContent-Length: \(body.utf8.count)\r\n\(headers)"
            + (closes ? "Connection: close\r\n" : "") + "\r\n\(body)"
    }

    static func ok(_ body: String, headers: String = "") -> String {
        status(200, body, headers: headers)
    }

    static func status(_ status: Int, _ body: String = "", headers: String = "") -> String {
        "HTTP/1.1 \(status) Whatever\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }
}
