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
        case snapshot, events, stats
        case endpoints, endpoint, addEndpoint, replaceEndpoint, changeEndpoint, removeEndpoint
        case move, pin, unpin, enable, disable, test
        case testDocument, preview, previewNew
        case sort, autoSort, flush, reload, undo, redo
        case metrics, healthz, readyz
    }

    var operation: Operation
    var method: HTTPMethod
    /// `{name}` stands for one segment.
    var path: String
    var access = Access.owner
    /// The statuses it answers with, apart from those that every route has.
    var statuses: [Int]
    /// Takes a JSON body.
    var hasBody = false
    /// Takes `If-Match`.
    var takesRevision = false

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

    private static let endpoint = "/admin/api/endpoints/{name}"

    /// A path written out comes before one with a placeholder: an endpoint called `sort` is reached as
    /// `%73ort`, and likewise `test` and `preview`.
    static let all: [Route] = [
        Route(operation: .snapshot, method: .GET, path: "/admin/api/snapshot", statuses: [200, 400]),
        Route(operation: .events, method: .GET, path: "/admin/api/events", statuses: [200, 400]),
        Route(operation: .stats, method: .GET, path: "/admin/api/config/stats", statuses: [200]),
        Route(operation: .endpoints, method: .GET, path: "/admin/api/endpoints", statuses: [200]),
        Route(
            operation: .addEndpoint, method: .POST, path: "/admin/api/endpoints",
            statuses: [201, 400, 409, 412, 415, 422, 503], hasBody: true, takesRevision: true),
        Route(operation: .endpoint, method: .GET, path: endpoint, statuses: [200, 404]),
        Route(
            operation: .replaceEndpoint, method: .PUT, path: endpoint,
            statuses: [200, 400, 404, 409, 412, 415, 422, 503], hasBody: true, takesRevision: true),
        Route(
            operation: .changeEndpoint, method: .PATCH, path: endpoint,
            statuses: [200, 400, 404, 409, 412, 415, 422, 503], hasBody: true, takesRevision: true),
        Route(
            operation: .removeEndpoint, method: .DELETE, path: endpoint, statuses: [200, 400, 404, 412, 422, 503],
            takesRevision: true),
        Route(
            operation: .move, method: .POST, path: endpoint + "/move", statuses: [200, 400, 404, 412, 415, 422, 503],
            hasBody: true, takesRevision: true),
        Route(
            operation: .pin, method: .POST, path: endpoint + "/pin", statuses: [200, 400, 404, 412, 503],
            takesRevision: true),
        Route(
            operation: .unpin, method: .POST, path: endpoint + "/unpin", statuses: [200, 400, 404, 412, 503],
            takesRevision: true),
        Route(
            operation: .enable, method: .POST, path: endpoint + "/enable", statuses: [200, 400, 404, 412, 503],
            takesRevision: true),
        Route(
            operation: .disable, method: .POST, path: endpoint + "/disable", statuses: [200, 400, 404, 412, 503],
            takesRevision: true),
        Route(operation: .test, method: .POST, path: endpoint + "/test", statuses: [200, 404, 424]),
        Route(
            operation: .testDocument, method: .POST, path: "/admin/api/endpoints/test",
            statuses: [200, 400, 404, 415, 422, 424], hasBody: true),
        Route(
            operation: .preview, method: .POST, path: endpoint + "/preview",
            statuses: [200, 400, 404, 412, 415, 422, 503], hasBody: true, takesRevision: true),
        Route(
            operation: .previewNew, method: .POST, path: "/admin/api/endpoints/preview",
            statuses: [200, 400, 415, 422, 503], hasBody: true),
        Route(
            operation: .sort, method: .POST, path: "/admin/api/endpoints/sort", statuses: [200, 400, 412, 503],
            takesRevision: true),
        Route(
            operation: .autoSort, method: .PUT, path: "/admin/api/config/auto-sort",
            statuses: [200, 400, 412, 415, 422, 503], hasBody: true, takesRevision: true),
        Route(operation: .flush, method: .POST, path: "/admin/api/config/flush", statuses: [200, 503]),
        Route(operation: .reload, method: .POST, path: "/admin/api/config/reload", statuses: [200, 409, 503]),
        Route(
            operation: .undo, method: .POST, path: "/admin/api/config/undo",
            statuses: [200, 400, 404, 409, 412, 422, 503],
            takesRevision: true),
        Route(
            operation: .redo, method: .POST, path: "/admin/api/config/redo",
            statuses: [200, 400, 404, 409, 412, 422, 503],
            takesRevision: true),
        Route(operation: .metrics, method: .GET, path: "/metrics", statuses: [200]),
        Route(operation: .healthz, method: .GET, path: "/healthz", access: .anybody, statuses: [200, 503]),
        Route(operation: .readyz, method: .GET, path: "/readyz", access: .anybody, statuses: [200, 503]),
    ]

    /// Names that stand in a path for something else.
    static let reservedNames: Set<String> = ["sort", "test", "preview"]

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
