internal import FoundationEssentials
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
public import PodiumModel
internal import Support

/// Talks to a running Podium over its control socket.
///
///     let client = ControlClient(socketPath: path, operatorName: "alice@192.0.2.7")
///     let snapshot = try await client.snapshot()
///     let answer = try await client.perform(.move(endpoint.target, toRank: 1))
///
/// Every request has a connection of its own; any number may run at once. Cancelling the task closes its connection.
public struct ControlClient: Sendable {
    /// Where Podium listens.
    public let socketPath: String
    /// Who asks, for the event log. Podium takes the user's name from the kernel and only adds the address that stands
    /// here after the `@`; it believes the name as well when root asks, as with `sudo`.
    public let operatorName: String
    /// What asks, for the event log: a console or a verb.
    public let source: CommandAuthor.Source
    /// How long a question may take.
    public var timeout = Duration.seconds(5)
    /// How long a command may take: it is answered when the change is on disk.
    public var commandTimeout = Duration.seconds(60)

    /// The header that says what asks. Any other HTTP client sends none.
    static let sourceHeader = "Podium-Client"

    /// A client of the socket; connects when asked something.
    public init(socketPath: String, operatorName: String, source: CommandAuthor.Source = .cli) {
        self.socketPath = socketPath
        self.operatorName = operatorName
        self.source = source
    }

    // MARK: Questions

    /// Everything at once.
    ///
    /// - Parameters:
    ///   - eventsSince: only events after this id, which makes polling cheap; nil for all that are kept.
    ///   - flushesSince: only flushes after this number.
    ///   - endpointsSince: only endpoints that are different since this `endpointsVersion` of an earlier answer.
    public func snapshot(
        eventsSince: UInt64? = nil, flushesSince: UInt64? = nil, endpointsSince: UInt64? = nil
    ) async throws(ControlClientError) -> Snapshot {
        let query = [
            eventsSince.map { "events_since=\($0)" }, flushesSince.map { "flushes_since=\($0)" },
            endpointsSince.map { "endpoints_since=\($0)" },
        ].compactMap { $0 }.joined(separator: "&")
        return try await ask(.GET, Route(.snapshot).path + (query.isEmpty ? "" : "?\(query)"))
    }

    /// The persister's counters and gauges.
    public func persister() async throws(ControlClientError) -> Snapshot.Persister {
        try await ask(.GET, Route(.stats).path)
    }

    /// All endpoints in rank order.
    public func endpoints() async throws(ControlClientError) -> EndpointList {
        try await ask(.GET, Route(.endpoints).path)
    }

    /// The named clients, in file order.
    public func clients() async throws(ControlClientError) -> ClientList {
        try await ask(.GET, Route(.clients).path)
    }

    /// One endpoint.
    public func endpoint(_ name: String) async throws(ControlClientError) -> Snapshot.Endpoint {
        try await ask(.GET, Route(.endpoint).path(naming: name))
    }

    /// What requests used and what that cost.
    public func usage(_ question: UsageQuestion) async throws(ControlClientError) -> UsageReport {
        guard case .usage(let report) = try await perform(.usage(question)) else {
            throw .unexpectedAnswer("it is no usage")
        }
        return report
    }

    /// Requests of the log, the newest first.
    public func loggedRequests(_ question: HistoryQuestion) async throws(ControlClientError) -> RequestLogReport {
        try await ask(.GET, "\(Route(.loggedRequests).path)?\(HistoryRequest.query(question))")
    }

    /// Events, also of earlier processes, the newest first.
    public func pastEvents(_ question: HistoryQuestion) async throws(ControlClientError) -> EventHistoryReport {
        try await ask(.GET, "\(Route(.pastEvents).path)?\(HistoryRequest.query(question))")
    }

    /// Flushes, also of earlier processes, the newest first.
    public func pastFlushes(_ question: HistoryQuestion) async throws(ControlClientError) -> FlushHistoryReport {
        try await ask(.GET, "\(Route(.pastFlushes).path)?\(HistoryRequest.query(question))")
    }

    /// How endpoints stood, also in earlier processes.
    public func availability(_ question: HistoryQuestion) async throws(ControlClientError) -> AvailabilityReport {
        try await ask(.GET, "\(Route(.availability).path)?\(HistoryRequest.query(question))")
    }

    /// The cluster as that Podium sees it.
    public func cluster() async throws(ControlClientError) -> ClusterReport {
        try await ask(.GET, Route(.cluster).path)
    }

    /// The metrics in Prometheus' text format.
    public func metrics() async throws(ControlClientError) -> String {
        let response = try await exchange(.GET, Route(.metrics).path, timeout: timeout)
        return String(decoding: response.body, as: UTF8.self)
    }

    // MARK: Commands

    /// Has a command carried out. It is answered when what it changed is on disk.
    ///
    /// - Parameter ifRevision: the configuration's revision that the command is based on, for one that is about no single endpoint; nil
    ///   accepts any.
    public func perform(
        _ command: Command, ifRevision: UInt64? = nil
    ) async throws(ControlClientError) -> CommandAnswer {
        let request: CommandRequest
        do {
            request = try CommandRequest(command, ifRevision: ifRevision)
        } catch {
            throw .unexpectedAnswer("\(error)")
        }
        let (method, target) = request.line
        let headers: HTTPHeaders = request.revision.map { ["If-Match": "\"\($0)\""] } ?? [:]
        if case .preview = command {
            let answer = try await exchange(method, target, headers: headers, body: request.body, timeout: timeout)
            return .preview(try Self.decode(FilePreview.self, answer.body))
        }
        if case .explain = command {
            return .walk(try Self.decode(RequestWalk.self, try await exchange(method, target, timeout: timeout).body))
        }
        switch command {
        case .usage: return .usage(try await ask(method, target))
        case .openRequests: return .openRequests(try await ask(method, target))
        case .loggedRequests: return .loggedRequests(try await ask(method, target))
        case .pastEvents: return .pastEvents(try await ask(method, target))
        default: break
        }
        let answer = try await exchange(method, target, headers: headers, body: request.body, timeout: commandTimeout)
        return .done(try Self.decode(CommandReceipt.self, answer.body))
    }

    // MARK: Exchanges

    private func ask<Answer: Decodable>(_ method: HTTPMethod, _ path: String) async throws(ControlClientError) -> Answer
    {
        let response = try await exchange(method, path, timeout: timeout)
        return try Self.decode(Answer.self, response.body)
    }

    private func exchange(
        _ method: HTTPMethod, _ path: String, headers: HTTPHeaders = [:], body: [UInt8]? = nil, timeout: Duration
    ) async throws(ControlClientError) -> HTTPExchange.Answer {
        let head = requestHead(method, path, headers: headers, bodyLength: body?.count)
        let exchange = HTTPExchange(socketPath: socketPath)
        let answer = try await exchange.run(head, body: body ?? [], timeout: timeout)
        guard (200..<300).contains(answer.status) else {
            throw .refused(try Self.decode(CommandRefusal.self, answer.body))
        }
        return answer
    }

    func requestHead(_ method: HTTPMethod, _ path: String, headers: HTTPHeaders, bodyLength: Int?) -> HTTPRequestHead {
        var all: HTTPHeaders = [
            "Host": "podium", "Connection": "close", OperatorName.header: operatorName,
            Self.sourceHeader: source.rawValue,
        ]
        all.add(contentsOf: headers)
        if let bodyLength {
            all.add(name: "Content-Type", value: "application/json")
            all.add(name: "Content-Length", value: String(bodyLength))
        } else if method != .GET {
            all.add(name: "Content-Length", value: "0")
        }
        return HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: all)
    }

    static func decode<Answer: Decodable>(_ type: Answer.Type, _ body: [UInt8]) throws(ControlClientError) -> Answer {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw .unexpectedAnswer("\(error)")
        }
    }
}

// MARK: - Events

extension ControlClient {
    /// What the stream of events brings.
    public enum EventStreamItem: Sendable, Equatable {
        case event(Snapshot.Event)
        /// That many events were lost to this reader: more happened than Podium keeps.
        case missed(UInt64)
    }

    /// The events as they happen, until the task is cancelled or the connection breaks, which throws `ControlClientError`.
    ///
    /// - Parameter id: the last one already known; nil begins with what happens from now on.
    public func events(after id: UInt64? = nil) -> AsyncThrowingStream<EventStreamItem, any Error> {
        var headers: HTTPHeaders = ["Accept": "text/event-stream"]
        if let id {
            headers.add(name: "Last-Event-ID", value: String(id))
        }
        let head = requestHead(.GET, Route(.events).path, headers: headers, bodyLength: nil)
        let exchange = HTTPExchange(socketPath: socketPath)
        return AsyncThrowingStream(bufferingPolicy: .bufferingOldest(4_096)) { continuation in
            let task = Task {
                do {
                    try await Self.receive(head, exchange) { continuation.yield($0) }
                    continuation.finish(throwing: ControlClientError.disconnected)
                } catch {
                    continuation.finish(throwing: error as? ControlClientError ?? .disconnected)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private static func receive(
        _ head: HTTPRequestHead, _ exchange: HTTPExchange, _ yield: @Sendable (EventStreamItem) -> Void
    ) async throws {
        try await exchange.connect().executeThenClose { inbound, outbound in
            try await outbound.write(contentsOf: [.head(head), .end(nil)])
            var parser = EventStreamParser()
            var refusal: [UInt8]?
            for try await part in inbound {
                switch part {
                case .head(let head) where head.status != .ok:
                    refusal = []
                case .body(let buffer) where refusal != nil:
                    refusal?.append(contentsOf: buffer.readableBytesView)
                case .body(let buffer):
                    for message in parser.parse(buffer.readableBytesView) {
                        if let item = try item(message) {
                            yield(item)
                        }
                    }
                case .end:
                    if let refusal {
                        throw ControlClientError.refused(try decode(CommandRefusal.self, refusal))
                    }
                case .head:
                    break
                }
            }
        }
    }

    private static func item(_ message: EventStreamParser.Message) throws(ControlClientError) -> EventStreamItem? {
        switch message.event {
        case "missed": .missed(UInt64(message.data) ?? 0)
        case "event": .event(try decode(Snapshot.Event.self, Array(message.data.utf8)))
        default: nil
        }
    }
}

/// Why a request to the control API came to nothing.
public enum ControlClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// No Podium listens at the socket, or it may not be used.
    case unreachable(path: String, reason: String)
    /// Podium refused, and says why.
    case refused(CommandRefusal)
    /// No answer in time. A write may have happened all the same.
    case timeout
    /// The other side went away in the middle of its answer. A write may have happened all the same.
    case disconnected
    /// The answer is not what this version understands.
    case unexpectedAnswer(String)
    /// The task was cancelled.
    case cancelled

    /// One line for the operator.
    public var description: String {
        switch self {
        case .unreachable(let path, let reason): "\(path): \(reason)"
        case .refused(let refusal): refusal.detail
        case .timeout: "no answer in time"
        case .disconnected: "the connection broke off"
        case .unexpectedAnswer(let reason): "an answer that this version does not understand: \(reason)"
        case .cancelled: "cancelled"
        }
    }
}
