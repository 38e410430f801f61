internal import Configuration
internal import Engine
internal import NIOHTTP1
public import PodiumModel
internal import Proxy

/// Answers requests out of the engine. Knows nothing of sockets.
struct ControlService: Sendable {
    let engine: Engine
    let facts: ServerFacts
    let process: @Sendable () -> ProcessFacts
    private let encoder = EndpointEncoder()

    init(engine: Engine, facts: ServerFacts, process: @escaping @Sendable () -> ProcessFacts) {
        self.engine = engine
        self.facts = facts
        self.process = process
    }

    /// - Parameter access: judges who asks, once it is known that there is something at the path; throws to refuse.
    func answer(_ request: ControlRequest, access: AccessRules?) async -> ControlAnswer {
        do throws(CommandRefusal) {
            let verdict = try access?.judge(request.headers) ?? .owner
            switch Route.find(request.method, request.path) {
            case .route(let route, let name):
                if verdict == .anybody, route.access == .owner {
                    throw Self.notAdmitted(access)
                }
                return try await perform(route, name: name, request, isOwner: verdict == .owner)
            case .otherMethods(let methods):
                return try Self.otherMethod(request.method, methods)
            case .nothing:
                if verdict == .anybody {
                    throw Self.notAdmitted(access)
                }
                throw CommandRefusal(.notFound, "there is nothing here; docs/control-api.md lists what there is")
            }
        } catch {
            var answer = error.answer
            if error.status == 401 {
                answer.headers.append(("WWW-Authenticate", "Bearer realm=\"podium\""))
            }
            return answer
        }
    }

    private static func notAdmitted(_ access: AccessRules?) -> CommandRefusal {
        guard access?.token == nil else {
            return .unauthorized("send the admin token: Authorization: Bearer …")
        }
        return CommandRefusal(
            .notFound,
            "the control API is served on this port only when server.admin_token is set; "
                + "on the machine itself use the Unix socket (curl --unix-socket, podium status)")
    }

    private static func otherMethod(_ method: HTTPMethod, _ allowed: [HTTPMethod]) throws(CommandRefusal)
        -> ControlAnswer
    {
        let allow = allowed.map(\.rawValue).joined(separator: ", ")
        guard method != .OPTIONS else {
            return ControlAnswer(status: 204, headers: [("Allow", allow)])
        }
        let problem = CommandRefusal(.methodNotAllowed, "this path takes \(allow)")
        var answer = problem.answer
        answer.headers.append(("Allow", allow))
        return answer
    }

    private func perform(
        _ route: Route, name: String, _ request: ControlRequest, isOwner: Bool
    ) async throws(CommandRefusal) -> ControlAnswer {
        switch route.operation {
        case .snapshot: return try snapshot(request)
        case .events: return ControlAnswer(status: 200, body: .events(after: try lastEvent(request)))
        case .stats: return .json(persister())
        case .usage: return .json(try await engine.usage(try Self.usageQuestion(request)))
        case .loggedRequests:
            return .json(try await engine.loggedRequests(try HistoryRequest.question(request)))
        case .pastEvents: return .json(try await engine.pastEvents(try HistoryRequest.question(request)))
        case .pastFlushes: return .json(try await engine.pastFlushes(try HistoryRequest.question(request)))
        case .availability: return .json(try await engine.availability(try HistoryRequest.question(request)))
        case .cluster: return .json(engine.clusterReport() ?? ClusterReport())
        case .endpoints: return endpoints()
        case .clients: return .json(engine.clients())
        case .endpoint:
            guard let endpoint = engine.endpoint(named: name) else { throw .noSuchEndpoint(name) }
            return .json(endpoint, headers: [("ETag", "\"\(endpoint.revision)\"")])
        case .metrics: return metrics()
        case .healthz: return Self.report(sickness(), isOwner: isOwner)
        case .readyz: return Self.report(unreadiness(), isOwner: isOwner)
        default:
            return try await command(CommandRequest(route, name: name, request), route, by: Self.author(of: request))
        }
    }

    // MARK: Questions

    private func snapshot(_ request: ControlRequest) throws(CommandRefusal) -> ControlAnswer {
        let events = try request.count("events_since") ?? 0
        let flushes = try request.count("flushes_since") ?? 0
        let endpoints = try request.count("endpoints_since")
        return .json {
            var (picture, list) = try encoder.list(since: endpoints) {
                var picture = engine.snapshot(eventsAfter: events, flushesAfter: flushes)
                picture.server.add(process(), facts)
                return (picture, picture.endpoints)
            }
            picture.endpoints = []
            picture.endpointsVersion = list.version
            picture.endpointsSince = list.since
            return try EndpointEncoder.encode(picture, with: list)
        }
    }

    private func lastEvent(_ request: ControlRequest) throws(CommandRefusal) -> UInt64? {
        if let header = request.headers.first(name: "Last-Event-ID") {
            guard let id = UInt64(header) else {
                throw .malformed("Last-Event-ID is not the id of an event")
            }
            return id
        }
        return try request.count("events_since")
    }

    private static func usageQuestion(_ request: ControlRequest) throws(CommandRefusal) -> UsageQuestion {
        var question = UsageQuestion()
        question.span = try request.text("since") ?? question.span
        if let by = try request.text("by") {
            question.by = by.split(separator: ",").map(String.init)
        }
        question.endpoint = try request.text("endpoint")
        question.model = try request.text("model")
        question.client = try request.text("client")
        switch try request.text("reprice") {
        case nil, "false": break
        case "true": question.reprices = true
        case .some: throw .malformed("reprice is true or false")
        }
        return question
    }

    private func persister() -> Snapshot.Persister {
        engine.persisterSnapshot()
    }

    private func endpoints() -> ControlAnswer {
        var revision: UInt64 = 0
        var answer = ControlAnswer.json {
            let (empty, list) = try encoder.list {
                let (revision, endpoints) = engine.endpoints()
                return (EndpointList(revision: revision, endpoints: []), endpoints)
            }
            revision = empty.revision
            return try EndpointEncoder.encode(empty, with: list)
        }
        answer.headers.append(("ETag", "\"\(revision)\""))
        return answer
    }

    // MARK: Commands

    /// What is written is on disk when it is answered.
    private func command(
        _ asked: CommandRequest, _ route: Route, by author: CommandAuthor
    ) async throws(CommandRefusal) -> ControlAnswer {
        guard let command = try asked.command() else {
            throw CommandRefusal(.notFound, "not a command")
        }
        switch try await perform(command, by: author, ifRevision: asked.ifRevision) {
        case .preview(let preview): return .json(preview)
        case .walk(let walk): return .json(walk)
        case .usage(let report): return .json(report)
        case .openRequests(let report): return .json(report)
        case .loggedRequests(let report): return .json(report)
        case .pastEvents(let report): return .json(report)
        case .done(let receipt):
            var answer = ControlAnswer.json(receipt)
            if let endpoint = receipt.endpoint, route.takesRevision {
                answer.headers.append(("ETag", "\"\(endpoint.revision)\""))
            }
            if case .addClient = command { answer.status = 201 }
            if case .clone(_, let name) = command {
                answer.status = 201
                answer.headers.append(("Location", Route(.endpoint).path(naming: name)))
            }
            if case .add(let patch) = command {
                answer.status = 201
                answer.headers.append(("Location", Route(.endpoint).path(naming: patch.name ?? "")))
            }
            return answer
        }
    }

    private func perform(
        _ command: Command, by author: CommandAuthor, ifRevision: UInt64?
    ) async throws(CommandRefusal) -> CommandAnswer {
        do throws(CommandRefusal) {
            return try await engine.perform(command, by: author, ifRevision: ifRevision)
        } catch {
            guard case .preview = command, error.code == .nameTaken else { throw error }
            // A preview has told of that as of any other field from the beginning, and programs may go by it.
            throw .invalid(.name, error.detail)
        }
    }

    /// For the event log: the name is the kernel's word, the address and the kind of program are the client's.
    static func author(of request: ControlRequest) -> CommandAuthor {
        let told = request.headers.first(name: ControlClient.sourceHeader).flatMap(CommandAuthor.Source.init)
        return CommandAuthor(name: name(of: request), source: told == .console || told == .cli ? told ?? .api : .api)
    }

    private static func name(of request: ControlRequest) -> String {
        let claim = OperatorName(request.headers.first(name: OperatorName.header) ?? "")
        switch request.caller {
        case .user(let id, let name):
            let address = claim.address.map { "@\($0)" } ?? ""
            // Root speaks for whom it likes, as sudo does.
            return (id == 0 ? claim.name ?? name : name) + address
        case .remote(let address):
            return "\(claim.name.map { "\($0) " } ?? "")(admin token)@\(address)"
        }
    }
    // MARK: Metrics and health

    private func metrics() -> ControlAnswer {
        let text = MetricsPage(
            engine.metrics(), process: process(), facts: facts, startedAt: engine.startedAt,
            cluster: engine.clusterReport()
        ).text
        return ControlAnswer(
            status: 200, headers: [("Cache-Control", "no-store")],
            body: .bytes(Array(text.utf8), type: "text/plain; version=0.0.4; charset=utf-8"))
    }

    /// For the proxy's port, where whoever asks is told the status, and why only with the admin token. On an event loop.
    func health(_ question: HealthQuestion, bearer: String?) -> HealthAnswer {
        let isOwner = bearer.map { AccessRules(token: engine.adminToken, hostNames: []).admits($0) } ?? false
        let reasons =
            switch question {
            case .health: sickness()
            case .readiness: unreadiness()
            }
        guard isOwner else {
            return HealthAnswer(
                status: reasons.isEmpty ? 200 : 503, body: reasons.isEmpty ? Self.passes : Self.fails)
        }
        guard case .bytes(let body, _) = Self.report(reasons, isOwner: true).body else {
            return HealthAnswer(status: reasons.isEmpty ? 200 : 503, body: [])
        }
        return HealthAnswer(status: reasons.isEmpty ? 200 : 503, body: body)
    }

    private static let passes = Array("{\"status\":\"pass\"}".utf8)
    private static let fails = Array("{\"status\":\"fail\"}".utf8)

    /// Fails when changes have been unsaved for too long: nobody may have to look at a screen to learn of that.
    private func sickness() -> [String] {
        let health = engine.health()
        var reasons: [String] = []
        if health.isOverdue {
            let cause = health.saveError.map { ": \($0)" } ?? ""
            reasons.append("changes are unsaved for longer than server.config_max_dirty_time\(cause)")
        }
        return reasons
    }

    /// Ready: there is an endpoint that a request could be sent to.
    private func unreadiness() -> [String] {
        let health = engine.health()
        var reasons: [String] = []
        if health.isDraining {
            reasons.append("Podium is stopping: requests in flight may end, new ones are not accepted")
        } else if !health.isListening {
            reasons.append("the proxy is not listening")
        }
        if health.usableEndpoints == 0 {
            reasons.append("no endpoint can be used")
        }
        return reasons
    }

    private static func report(_ reasons: [String], isOwner: Bool) -> ControlAnswer {
        .json(
            HealthReport(status: reasons.isEmpty ? "pass" : "fail", reasons: isOwner ? reasons : nil),
            status: reasons.isEmpty ? 200 : 503)
    }
}

/// All endpoints, as `GET /admin/api/endpoints` answers them.
public struct EndpointList: Codable, Sendable, Equatable {
    /// Of the whole configuration.
    public var revision: UInt64
    /// In rank order.
    public var endpoints: [Snapshot.Endpoint]

    public init(revision: UInt64, endpoints: [Snapshot.Endpoint]) {
        self.revision = revision
        self.endpoints = endpoints
    }
}

/// Whether Podium is well, as `/healthz` and `/readyz` answer it.
public struct HealthReport: Codable, Sendable, Equatable {
    /// `pass` or `fail`.
    public var status: String
    /// Why it fails, in words; only for those who may see more than the status.
    public var reasons: [String]?

    public init(status: String, reasons: [String]? = nil) {
        self.status = status
        self.reasons = reasons
    }
}
