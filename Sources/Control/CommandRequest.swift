internal import NIOHTTP1
internal import PodiumModel
internal import Support

/// A command as a request of the control API: the one place where the two meet.
///
/// `ControlClient` writes its requests by it, `ControlService` reads them by it, and the paths are those of the table of routes, so that
/// neither end can say what the other does not understand.
struct CommandRequest: Equatable {
    let operation: Route.Operation
    /// The endpoint or client in the path or, of a document that is to be tested, in the query.
    private(set) var name: String?
    /// What `If-Match` names.
    private(set) var revision: UInt64?
    /// JSON; nil where the route takes none.
    private(set) var body: [UInt8]?
    /// Of a question: with its mark, and encoded.
    private(set) var query = ""
}

// MARK: - From a command

extension CommandRequest {
    /// - Parameter ifRevision: the configuration's revision that the command is based on, for one that is about no single endpoint.
    init(_ command: Command, ifRevision: UInt64? = nil) throws {
        switch command {
        case .move(let target, let rank): self.init(.move, target, body: try JSONBody.encode(MoveRequest(rank: rank)))
        case .setEnabled(let target, let enabled): self.init(enabled ? .enable : .disable, target)
        case .setPinned(let target, let pinned): self.init(pinned ? .pin : .unpin, target)
        case .update(let target, let patch): self.init(.changeEndpoint, target, body: try JSONBody.encode(patch))
        case .replace(let target, let patch): self.init(.replaceEndpoint, target, body: try JSONBody.encode(patch))
        case .remove(let target): self.init(.removeEndpoint, target)
        case .clear(let target): self.init(.clear, CommandTarget(name: target.name))
        case .test(let target): self.init(.test, CommandTarget(name: target.name))
        case .testDraft(let target, let patch):
            self.init(.testDocument, target.map { CommandTarget(name: $0.name) }, body: try JSONBody.encode(patch))
        case .preview(let target, let patch):
            self.init(target == nil ? .previewNew : .preview, target, body: try JSONBody.encode(patch))
        case .explain(let id): self.init(.request, CommandTarget(name: id))
        case .usage(let question):
            self.init(.usage, nil)
            query = question.query
        case .openRequests: self.init(.openRequests, nil)
        case .loggedRequests(let question):
            self.init(.loggedRequests, nil)
            query = "?" + HistoryRequest.query(question)
        case .pastEvents(let question):
            self.init(.pastEvents, nil)
            query = "?" + HistoryRequest.query(question)
        case .cancel(let key): self.init(.cancel, CommandTarget(name: key))
        case .changeAll(let targets, let change):
            self.init(.batch, nil, body: try JSONBody.encode(BatchRequest(targets, change)))
        case .clone(let target, let name):
            self.init(.clone, CommandTarget(name: target.name), body: try JSONBody.encode(CloneRequest(name: name)))
        case .add(let patch): self.init(.addEndpoint, nil, ifRevision, body: try JSONBody.encode(patch))
        case .sortNow: self.init(.sort, nil, ifRevision)
        case .setAutoSort(let enabled):
            self.init(.autoSort, nil, ifRevision, body: try JSONBody.encode(AutoSortRequest(enabled: enabled)))
        case .undo: self.init(.undo, nil, ifRevision)
        case .redo: self.init(.redo, nil, ifRevision)
        case .flush: self.init(.flush, nil)
        case .reload: self.init(.reload, nil)
        case .addClient(let patch): self.init(.addClient, nil, body: try JSONBody.encode(patch))
        case .changeClient(let name, let patch):
            self.init(.changeClient, CommandTarget(name: name), body: try JSONBody.encode(patch))
        case .removeClient(let name): self.init(.removeClient, CommandTarget(name: name))
        }
    }

    private init(
        _ operation: Route.Operation, _ target: CommandTarget?, _ ifRevision: UInt64? = nil, body: [UInt8]? = nil
    ) {
        self.init(
            operation: operation, name: target?.name, revision: target?.revision ?? ifRevision, body: body)
    }

    /// The method and the path with its query.
    var line: (method: HTTPMethod, target: String) {
        let route = Route(operation)
        let query = operation == .testDocument ? name.map { "?of=\(PercentEncoding.encode($0))" } ?? "" : query
        return (route.method, route.path(naming: name ?? "") + query)
    }
}

extension UsageQuestion {
    /// As the route of the usage reads it.
    fileprivate var query: String {
        var fields = [("since", span), ("by", by.joined(separator: ","))]
        if let endpoint { fields.append(("endpoint", endpoint)) }
        if let model { fields.append(("model", model)) }
        if let client { fields.append(("client", client)) }
        if reprices { fields.append(("reprice", "true")) }
        return "?" + fields.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
    }
}

// MARK: - To a command

extension CommandRequest {
    /// - Parameter name: what stands for `{name}` in the path.
    /// - Throws: where the request is not what the route takes.
    init(_ route: Route, name: String, _ request: ControlRequest) throws(CommandRefusal) {
        if route.hasBody { try request.requireJSON() }
        self.init(
            operation: route.operation, name: route.hasName ? name : nil,
            revision: route.takesRevision ? try request.ifMatch() : nil, body: route.hasBody ? request.body : nil)
        if operation == .testDocument { self.name = try request.text("of") }
    }

    /// - Returns: nil where the request is a question.
    /// - Throws: where the body is not what the command needs.
    func command() throws(CommandRefusal) -> Command? {
        let target = CommandTarget(name: name ?? "", revision: revision)
        switch operation {
        case .move: return .move(target, toRank: try document(MoveRequest.self).rank)
        case .enable, .disable: return .setEnabled(target, operation == .enable)
        case .pin, .unpin: return .setPinned(target, operation == .pin)
        case .changeEndpoint: return .update(target, try document(EndpointPatch.self))
        case .replaceEndpoint: return .replace(target, try document(EndpointPatch.self))
        case .removeEndpoint: return .remove(target)
        case .clear: return .clear(target)
        case .test: return .test(target)
        case .testDocument: return .testDraft(name == nil ? nil : target, try document(EndpointPatch.self))
        case .preview, .previewNew: return .preview(name == nil ? nil : target, try document(EndpointPatch.self))
        case .request: return .explain(name ?? "")
        case .openRequests: return .openRequests
        case .cancel: return .cancel(name ?? "")
        case .batch: return try document(BatchRequest.self).command()
        case .clone: return .clone(target, named: try document(CloneRequest.self).name)
        case .addEndpoint: return .add(try document(EndpointPatch.self))
        case .sort: return .sortNow
        case .autoSort: return .setAutoSort(try document(AutoSortRequest.self).enabled)
        case .undo: return .undo
        case .redo: return .redo
        case .flush: return .flush
        case .reload: return .reload
        case .addClient: return .addClient(try document(ClientPatch.self))
        case .changeClient: return .changeClient(name ?? "", try document(ClientPatch.self))
        case .removeClient: return .removeClient(name ?? "")
        case .snapshot, .events, .stats, .usage, .loggedRequests, .pastEvents, .pastFlushes, .availability, .cluster,
            .endpoints,
            .endpoint,
            .metrics, .clients,
            .healthz, .readyz:
            return nil
        }
    }

    /// The configuration's revision that the command is based on; nil where it names that of an endpoint, or none.
    var ifRevision: UInt64? { name == nil ? revision : nil }

    private func document<Document: Decodable>(_ type: Document.Type) throws(CommandRefusal) -> Document {
        try JSONBody.decode(type, body ?? [])
    }
}

/// The body of `POST …/move`.
struct MoveRequest: Codable, Sendable, Equatable {
    /// 1 is tried first.
    var rank: Int
}

/// The body of `POST …/clone`.
struct CloneRequest: Codable, Sendable, Equatable {
    /// Of the new endpoint.
    var name: String
}

/// The body of `POST /admin/api/endpoints/batch`.
struct BatchRequest: Codable, Sendable, Equatable {
    /// One endpoint, at the revision that its author saw.
    struct Target: Codable, Sendable, Equatable {
        var name: String
        var revision: UInt64?
    }

    var endpoints: [Target]
    var enabled: Bool?
    var clear: Bool?
    var addTag: String?
    var removeTag: String?

    enum CodingKeys: String, CodingKey {
        case endpoints, enabled, clear
        case addTag = "add_tag"
        case removeTag = "remove_tag"
    }

    init(_ targets: [CommandTarget], _ change: BatchChange) {
        endpoints = targets.map { Target(name: $0.name, revision: $0.revision) }
        switch change {
        case .setEnabled(let isOn): enabled = isOn
        case .clear: clear = true
        case .addTag(let tag): addTag = tag
        case .removeTag(let tag): removeTag = tag
        }
    }

    func command() throws(CommandRefusal) -> Command {
        let changes: [BatchChange?] = [
            enabled.map { .setEnabled($0) }, clear == true ? .clear : nil, addTag.map { .addTag($0) },
            removeTag.map { .removeTag($0) },
        ]
        let given = changes.compactMap(\.self)
        guard given.count == 1, let change = given.first else {
            throw .malformed("name one of enabled, clear, add_tag and remove_tag")
        }
        return .changeAll(endpoints.map { CommandTarget(name: $0.name, revision: $0.revision) }, change)
    }
}

/// The body of `PUT /admin/api/config/auto-sort`.
struct AutoSortRequest: Codable, Sendable, Equatable {
    /// Whether the ranking sorts itself.
    var enabled: Bool
}
