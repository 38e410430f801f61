internal import NIOHTTP1
internal import Support

/// Everything that can be asked. The router, the 405 answers and the description in docs/openapi.json follow this table; a
/// test compares them.
struct Route: Sendable {
    /// Who may ask.
    enum Access: Sendable {
        /// Anybody who reaches the port; others than the owner are told the status alone.
        case anybody
        /// The socket's owner, or whoever has the admin token.
        case owner
    }

    /// What is asked.
    enum Operation: String, Sendable, CaseIterable {
        case snapshot, events, stats, request, openRequests, cancel, usage, loggedRequests, pastEvents, pastFlushes,
            availability, cluster
        case endpoints, endpoint, addEndpoint, replaceEndpoint, changeEndpoint, removeEndpoint
        case move, pin, unpin, enable, disable, clear, test, clone, batch
        case testDocument, preview, previewNew
        case sort, autoSort, flush, reload, undo, redo
        case clients, addClient, changeClient, removeClient
        case metrics, healthz, readyz
    }

    let operation: Operation
    let method: HTTPMethod
    /// `{name}` stands for one segment.
    let path: String
    let access: Access
    /// The statuses it answers with, apart from those that every route has.
    let statuses: [Int]
    /// Takes a JSON body.
    let hasBody: Bool
    /// Takes `If-Match`.
    let takesRevision: Bool

    /// The segment that `{name}` stands for ("" where there is none); nil where the path is another.
    func match(_ segments: [Substring]) -> Substring? {
        let pattern = path.split(separator: "/", omittingEmptySubsequences: false)
        guard pattern.count == segments.count else {
            return nil
        }
        var name: Substring = ""
        for (expected, found) in zip(pattern, segments) {
            if expected == "{name}" {
                guard !found.isEmpty else {
                    return nil
                }
                name = found
            } else if expected != found {
                return nil
            }
        }
        return name
    }

    /// What is asked by which method at which path. A path written out goes before one with a placeholder: an endpoint called `sort`
    /// is reached as `%73ort`, and likewise `test`, `preview` and `batch`.
    init(_ operation: Operation) {
        let endpoint = "/admin/api/endpoints/{name}"
        switch operation {
        case .snapshot: self.init(operation, .GET, "/admin/api/snapshot", [200, 400])
        case .events: self.init(operation, .GET, "/admin/api/events", [200, 400])
        case .stats: self.init(operation, .GET, "/admin/api/config/stats", [200])
        case .usage: self.init(operation, .GET, "/admin/api/usage", [200, 400])
        case .loggedRequests: self.init(operation, .GET, "/admin/api/history/requests", [200, 400])
        case .pastEvents: self.init(operation, .GET, "/admin/api/history/events", [200, 400])
        case .pastFlushes: self.init(operation, .GET, "/admin/api/history/flushes", [200, 400])
        case .availability: self.init(operation, .GET, "/admin/api/history/availability", [200, 400])
        case .cluster: self.init(operation, .GET, "/admin/api/cluster", [200])
        case .request: self.init(operation, .GET, "/admin/api/requests/{name}", [200, 404])
        case .openRequests: self.init(operation, .GET, "/admin/api/requests", [200])
        case .cancel: self.init(operation, .DELETE, "/admin/api/requests/{name}", [200, 404])
        case .endpoints: self.init(operation, .GET, "/admin/api/endpoints", [200])
        case .addEndpoint:
            self.init(
                operation, .POST, "/admin/api/endpoints", [201, 400, 409, 412, 415, 422, 503], hasBody: true,
                takesRevision: true)
        case .endpoint: self.init(operation, .GET, endpoint, [200, 404])
        case .replaceEndpoint:
            self.init(
                operation, .PUT, endpoint, [200, 400, 404, 409, 412, 415, 422, 503], hasBody: true, takesRevision: true)
        case .changeEndpoint:
            self.init(
                operation, .PATCH, endpoint, [200, 400, 404, 409, 412, 415, 422, 503], hasBody: true,
                takesRevision: true)
        case .removeEndpoint:
            self.init(operation, .DELETE, endpoint, [200, 400, 404, 412, 422, 503], takesRevision: true)
        case .move:
            self.init(
                operation, .POST, endpoint + "/move", [200, 400, 404, 412, 415, 422, 503], hasBody: true,
                takesRevision: true)
        case .pin: self.init(operation, .POST, endpoint + "/pin", [200, 400, 404, 412, 503], takesRevision: true)
        case .unpin: self.init(operation, .POST, endpoint + "/unpin", [200, 400, 404, 412, 503], takesRevision: true)
        case .enable: self.init(operation, .POST, endpoint + "/enable", [200, 400, 404, 412, 503], takesRevision: true)
        case .disable:
            self.init(operation, .POST, endpoint + "/disable", [200, 400, 404, 412, 503], takesRevision: true)
        case .clear: self.init(operation, .POST, endpoint + "/clear", [200, 404])
        case .test: self.init(operation, .POST, endpoint + "/test", [200, 404, 424])
        case .clone:
            self.init(operation, .POST, endpoint + "/clone", [201, 400, 404, 409, 415, 422, 503], hasBody: true)
        case .batch:
            self.init(
                operation, .POST, "/admin/api/endpoints/batch", [200, 400, 404, 412, 415, 422, 503], hasBody: true)
        case .testDocument:
            self.init(operation, .POST, "/admin/api/endpoints/test", [200, 400, 404, 415, 422, 424], hasBody: true)
        case .preview:
            self.init(
                operation, .POST, endpoint + "/preview", [200, 400, 404, 412, 415, 422, 503], hasBody: true,
                takesRevision: true)
        case .previewNew:
            self.init(operation, .POST, "/admin/api/endpoints/preview", [200, 400, 415, 422, 503], hasBody: true)
        case .sort: self.init(operation, .POST, "/admin/api/endpoints/sort", [200, 400, 412, 503], takesRevision: true)
        case .autoSort:
            self.init(
                operation, .PUT, "/admin/api/config/auto-sort", [200, 400, 412, 415, 422, 503], hasBody: true,
                takesRevision: true)
        case .flush: self.init(operation, .POST, "/admin/api/config/flush", [200, 503])
        case .reload: self.init(operation, .POST, "/admin/api/config/reload", [200, 409, 503])
        case .undo:
            self.init(
                operation, .POST, "/admin/api/config/undo", [200, 400, 404, 409, 412, 422, 503], takesRevision: true)
        case .redo:
            self.init(
                operation, .POST, "/admin/api/config/redo", [200, 400, 404, 409, 412, 422, 503], takesRevision: true)
        case .clients: self.init(operation, .GET, "/admin/api/clients", [200])
        case .addClient:
            self.init(operation, .POST, "/admin/api/clients", [201, 400, 409, 415, 422, 503], hasBody: true)
        case .changeClient:
            self.init(
                operation, .PATCH, "/admin/api/clients/{name}", [200, 400, 404, 415, 422, 503], hasBody: true)
        case .removeClient: self.init(operation, .DELETE, "/admin/api/clients/{name}", [200, 404, 422, 503])
        case .metrics: self.init(operation, .GET, "/metrics", [200])
        case .healthz: self.init(operation, .GET, "/healthz", [200, 503], access: .anybody)
        case .readyz: self.init(operation, .GET, "/readyz", [200, 503], access: .anybody)
        }
    }

    private init(
        _ operation: Operation, _ method: HTTPMethod, _ path: String, _ statuses: [Int], access: Access = .owner,
        hasBody: Bool = false, takesRevision: Bool = false
    ) {
        (self.operation, self.method, self.path, self.statuses) = (operation, method, path, statuses)
        (self.access, self.hasBody, self.takesRevision) = (access, hasBody, takesRevision)
    }

    /// In the order of the operations.
    static let all = Operation.allCases.map { Route($0) }

    /// Whether it is about one endpoint, client or request.
    var hasName: Bool { path.contains("{name}") }

    /// The path with a name in it.
    func path(naming name: String) -> String {
        path.replacing("{name}", with: PercentEncoding.encode(name, whole: Self.reservedNames.contains(name)))
    }

    /// Names that stand in a path for something else.
    static let reservedNames: Set<String> = ["sort", "test", "preview", "batch"]

    /// What a path and a method lead to.
    enum Finding: Sendable {
        case route(Route, name: String)
        /// The path is there, the method is not.
        case otherMethods([HTTPMethod])
        case nothing
    }

    /// Looks the request up. `HEAD` is a `GET` whose body is not sent.
    static func find(_ method: HTTPMethod, _ path: String) -> Finding {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        var methods: [HTTPMethod] = []
        let isWrittenOut = all.contains { $0.path == path }
        for route in all where !isWrittenOut || route.path == path {
            guard let segment = route.match(segments) else {
                continue
            }
            if route.method == method || (route.method == .GET && method == .HEAD) {
                guard let name = PercentEncoding.decode(segment) else {
                    return .nothing
                }
                return .route(route, name: name)
            }
            methods.append(route.method)
            if route.method == .GET {
                methods.append(.HEAD)
            }
        }
        return methods.isEmpty ? .nothing : .otherMethods(methods + [.OPTIONS])
    }
}
