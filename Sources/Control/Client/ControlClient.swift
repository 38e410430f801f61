internal import FoundationEssentials
internal import NIOHTTP1
internal import NIOPosix
internal import Support
public import PodiumModel

/// Talks to a running Podium over its control socket.
///
///     let client = ControlClient(socketPath: path, operatorName: "alice@192.0.2.7")
///     let snapshot = try await client.snapshot()
///     let receipt = try await client.move("openai-team", toRank: 1, revision: seen)
///
/// Every request has a connection of its own; any number may run at once. Cancelling the task closes its connection.
public struct ControlClient: Sendable {
    /// Where Podium listens.
    public let socketPath: String
    /// Who asks, for the event log. Podium takes the user's name from the kernel and only adds the address that stands
    /// here after the `@`; it believes the name as well when root asks, as with `sudo`.
    public let operatorName: String
    /// What asks, for the event log.
    public let kind: Kind
    /// How long a question may take.
    public var timeout = Duration.seconds(5)
    /// How long a command may take: it is answered when the change is on disk.
    public var commandTimeout = Duration.seconds(60)

    /// What kind of program asks. Any other HTTP client is none of these.
    public enum Kind: String, Sendable {
        /// An attached console.
        case console
        /// One of the verbs.
        case commandLine = "cli"

        static let header = "Podium-Client"
    }

    /// A client of the socket; connects when asked something.
    public init(socketPath: String, operatorName: String, kind: Kind = .commandLine) {
        self.socketPath = socketPath
        self.operatorName = operatorName
        self.kind = kind
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
        return try await ask(.GET, "/admin/api/snapshot" + (query.isEmpty ? "" : "?\(query)"))
    }

    /// The persister's counters and gauges.
    public func persister() async throws(ControlClientError) -> Snapshot.Persister {
        try await ask(.GET, "/admin/api/config/stats")
    }

    /// All endpoints in rank order.
    public func endpoints() async throws(ControlClientError) -> EndpointList {
        try await ask(.GET, "/admin/api/endpoints")
    }

    /// One endpoint.
    public func endpoint(_ name: String) async throws(ControlClientError) -> Snapshot.Endpoint {
        try await ask(.GET, Self.path(of: name))
    }

    /// The metrics in Prometheus' text format.
    public func metrics() async throws(ControlClientError) -> String {
        let response = try await exchange(.GET, "/metrics", timeout: timeout)
        return String(decoding: response.body, as: UTF8.self)
    }

    // MARK: Commands

    /// Adds an endpoint.
    public func add(_ document: EndpointPatch) async throws(ControlClientError) -> ControlReceipt {
        try await command(.POST, "/admin/api/endpoints", body: Self.encode(document))
    }

    /// Gives all of an endpoint's fields anew.
    public func replace(
        _ name: String, with document: EndpointPatch, revision: UInt64? = nil
    ) async throws(ControlClientError) -> ControlReceipt {
        try await command(.PUT, Self.path(of: name), body: Self.encode(document), revision: revision)
    }

    /// Changes the fields that the document names.
    public func change(
        _ name: String, _ document: EndpointPatch, revision: UInt64? = nil
    ) async throws(ControlClientError) -> ControlReceipt {
        try await command(.PATCH, Self.path(of: name), body: Self.encode(document), revision: revision)
    }

    /// Removes the endpoint from ranking and file.
    public func remove(_ name: String, revision: UInt64? = nil) async throws(ControlClientError) -> ControlReceipt {
        try await command(.DELETE, Self.path(of: name), revision: revision)
    }

    /// Puts the endpoint at a rank and pins it there.
    public func move(
        _ name: String, toRank rank: Int, revision: UInt64? = nil
    ) async throws(ControlClientError) -> ControlReceipt {
        let body = try Self.encode(MoveRequest(rank: rank))
        return try await command(.POST, Self.path(of: name) + "/move", body: body, revision: revision)
    }

    /// Keeps the endpoint's rank from automatic sorting, or releases it.
    public func setPinned(
        _ name: String, _ pinned: Bool, revision: UInt64? = nil
    ) async throws(ControlClientError) -> ControlReceipt {
        try await command(.POST, Self.path(of: name) + (pinned ? "/pin" : "/unpin"), revision: revision)
    }

    /// Takes the endpoint into service, or out of it.
    public func setEnabled(
        _ name: String, _ enabled: Bool, revision: UInt64? = nil
    ) async throws(ControlClientError) -> ControlReceipt {
        try await command(.POST, Self.path(of: name) + (enabled ? "/enable" : "/disable"), revision: revision)
    }

    /// Connects to the endpoint, with the TLS handshake, without sending a request; changes nothing.
    public func test(_ name: String) async throws(ControlClientError) -> ControlReceipt {
        try await command(.POST, Self.path(of: name) + "/test")
    }

    /// The same for an endpoint as the document would make it; nothing is saved.
    ///
    /// - Parameter name: the endpoint that the document changes, nil for a new one.
    public func test(
        _ document: EndpointPatch, of name: String? = nil
    ) async throws(ControlClientError) -> ControlReceipt {
        let query = name.map { "?of=\(PercentEncoding.encode($0))" } ?? ""
        return try await command(.POST, "/admin/api/endpoints/test\(query)", body: Self.encode(document))
    }

    /// What saving the document would do to the file; changes nothing.
    ///
    /// - Parameter name: the endpoint that the document replaces, nil for a new one.
    public func preview(
        _ document: EndpointPatch, of name: String? = nil, revision: UInt64? = nil
    ) async throws(ControlClientError) -> FilePreview {
        let path = name.map { Self.path(of: $0) } ?? "/admin/api/endpoints"
        let answer = try await exchange(
            .POST, path + "/preview", headers: Self.condition(revision), body: Self.encode(document), timeout: timeout)
        return try Self.decode(FilePreview.self, answer.body)
    }

    /// Sorts once.
    public func sort(revision: UInt64? = nil) async throws(ControlClientError) -> ControlReceipt {
        try await command(.POST, "/admin/api/endpoints/sort", revision: revision)
    }

    /// Switches automatic sorting.
    public func setAutoSort(_ enabled: Bool, revision: UInt64? = nil) async throws(ControlClientError) -> ControlReceipt
    {
        let body = try Self.encode(AutoSortRequest(enabled: enabled))
        return try await command(.PUT, "/admin/api/config/auto-sort", body: body, revision: revision)
    }

    /// Writes what is unsaved, now.
    public func flush() async throws(ControlClientError) -> ControlReceipt {
        try await command(.POST, "/admin/api/config/flush")
    }

    /// Takes in the file as it is on disk.
    public func reload() async throws(ControlClientError) -> ControlReceipt {
        try await command(.POST, "/admin/api/config/reload")
    }

    /// Takes back the last change that somebody made.
    public func undo(revision: UInt64? = nil) async throws(ControlClientError) -> ControlReceipt {
        try await command(.POST, "/admin/api/config/undo", revision: revision)
    }

    /// Makes the last undone change again.
    public func redo(revision: UInt64? = nil) async throws(ControlClientError) -> ControlReceipt {
        try await command(.POST, "/admin/api/config/redo", revision: revision)
    }

    // MARK: Exchanges

    private func ask<Answer: Decodable>(_ method: HTTPMethod, _ path: String) async throws(ControlClientError) -> Answer
    {
        let response = try await exchange(method, path, timeout: timeout)
        return try Self.decode(Answer.self, response.body)
    }

    private func command(
        _ method: HTTPMethod, _ path: String, body: [UInt8]? = nil, revision: UInt64? = nil
    ) async throws(ControlClientError) -> ControlReceipt {
        let response = try await exchange(
            method, path, headers: Self.condition(revision), body: body, timeout: commandTimeout)
        return try Self.decode(ControlReceipt.self, response.body)
    }

    private static func condition(_ revision: UInt64?) -> HTTPHeaders {
        revision.map { ["If-Match": "\"\($0)\""] } ?? [:]
    }

    private func exchange(
        _ method: HTTPMethod, _ path: String, headers: HTTPHeaders = [:], body: [UInt8]? = nil, timeout: Duration
    ) async throws(ControlClientError) -> HTTPExchange.Answer {
        let head = requestHead(method, path, headers: headers, bodyLength: body?.count)
        let exchange = HTTPExchange(socketPath: socketPath)
        let answer = try await exchange.run(head, body: body ?? [], timeout: timeout)
        guard (200..<300).contains(answer.status) else {
            throw .refused(try Self.decode(ControlProblem.self, answer.body))
        }
        return answer
    }

    func requestHead(_ method: HTTPMethod, _ path: String, headers: HTTPHeaders, bodyLength: Int?) -> HTTPRequestHead {
        var all: HTTPHeaders = [
            "Host": "podium", "Connection": "close", OperatorName.header: operatorName,
            Kind.header: kind.rawValue,
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

    private static func encode(_ document: some Encodable) throws(ControlClientError) -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(document))
        } catch {
            throw .unexpectedAnswer("\(error)")
        }
    }

    private static func path(of name: String) -> String {
        "/admin/api/endpoints/" + PercentEncoding.encode(name, whole: Route.reservedNames.contains(name))
    }
}
