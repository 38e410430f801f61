internal import Configuration
internal import PodiumModel
internal import Engine
internal import NIOHTTP1
internal import Persistence
internal import Support

/// What changes something. Each is answered when the change is on disk.
extension ControlService {
    func command(_ route: Route, name: String, _ request: ControlRequest) async throws(ControlProblem) -> ControlAnswer
    {
        if route.hasBody {
            try request.requireJSON()
        }
        let revision = route.takesRevision ? try request.ifMatch() : nil
        let author = Self.author(of: request)
        let target = CommandTarget(name: name, revision: revision)
        switch route.operation {
        case .addEndpoint: return try await add(request, revision: revision, by: author)
        case .replaceEndpoint, .changeEndpoint:
            return try await edit(
                name, request, isPartial: route.operation == .changeEndpoint, revision: revision, by: author)
        case .removeEndpoint: return try await perform(.remove(target), about: name, by: author)
        case .move:
            let rank = try JSONBody.decode(MoveRequest.self, request.body).rank
            return try await perform(.move(target, toRank: rank), about: name, by: author)
        case .pin: return try await perform(.setPinned(target, true), about: name, by: author)
        case .unpin: return try await perform(.setPinned(target, false), about: name, by: author)
        case .enable: return try await perform(.setEnabled(target, true), about: name, by: author)
        case .disable: return try await perform(.setEnabled(target, false), about: name, by: author)
        case .test: return try await test(name)
        case .testDocument: return try await testDocument(request)
        case .preview: return try await preview(name, request, revision: revision)
        case .previewNew: return try await preview(nil, request, revision: nil)
        case .sort: return try await perform(.sortNow, ifRevision: revision, by: author)
        case .autoSort:
            let enabled = try JSONBody.decode(AutoSortRequest.self, request.body).enabled
            return try await perform(.setAutoSort(enabled), ifRevision: revision, by: author)
        case .undo: return try await perform(.undo, ifRevision: revision, by: author)
        case .redo: return try await perform(.redo, ifRevision: revision, by: author)
        case .flush:
            return try await perform(.flush, by: author)
        case .reload:
            return try await perform(.reload, by: author)
        case .snapshot, .events, .stats, .endpoints, .endpoint, .metrics, .healthz, .readyz:
            throw ControlProblem(.notFound, status: 404, detail: "not a command")
        }
    }

    private func add(
        _ request: ControlRequest, revision: UInt64?, by author: CommandAuthor
    ) async throws(ControlProblem) -> ControlAnswer {
        let edit = try document(request)
        guard let name = edit.name else { throw Self.nameIsMissing }
        guard find(name) == nil else { throw Self.nameTaken(name) }
        var answer = try await perform(.add(edit), about: name, ifRevision: revision, by: author)
        answer.status = 201
        answer.headers.append(("Location", "/admin/api/endpoints/" + PercentEncoding.encode(name)))
        return answer
    }

    private func edit(
        _ name: String, _ request: ControlRequest, isPartial: Bool, revision: UInt64?, by author: CommandAuthor
    ) async throws(ControlProblem) -> ControlAnswer {
        let document = try document(request)
        _ = try present(name)
        guard isPartial || document.name != nil else { throw Self.nameIsMissing }
        let newName = document.name ?? name
        if newName != name, find(newName) != nil { throw Self.nameTaken(newName) }
        let edit = isPartial ? document : document.asWhole
        let target = CommandTarget(name: name, revision: revision)
        do throws(CommandError) {
            return try await carryOut(.update(target, edit), about: newName, by: author)
        } catch {
            throw problem(error, about: newName, revision: revision)
        }
    }

    private func document(_ request: ControlRequest) throws(ControlProblem) -> EndpointPatch {
        try JSONBody.decode(EndpointPatch.self, request.body)
    }

    private static let nameIsMissing = ControlProblem.invalid("name", "'name' is missing")

    private static func nameTaken(_ name: String) -> ControlProblem {
        ControlProblem(.nameTaken, status: 409, detail: "there is another endpoint '\(name)'", field: "name")
    }

    /// A document that is not to be saved, for the endpoint that the request names or a new one.
    private func draft(_ name: String?, _ request: ControlRequest) throws(ControlProblem) -> EndpointPatch {
        let document = try document(request)
        guard try presentIfNamed(name) != nil || document.name != nil else { throw Self.nameIsMissing }
        return document
    }

    private func testDocument(_ request: ControlRequest) async throws(ControlProblem) -> ControlAnswer {
        let name = try request.text("of")
        let edit = try draft(name, request)
        do throws(CommandError) {
            let receipt = try await engine.test(edit, of: name.map { CommandTarget(name: $0) })
            return .json(ControlReceipt(message: receipt.message, revision: engine.configurationRevision))
        } catch {
            throw problem(error, about: edit.name ?? name ?? "", revision: nil)
        }
    }

    private func preview(
        _ name: String?, _ request: ControlRequest, revision: UInt64?
    ) async throws(ControlProblem) -> ControlAnswer {
        let edit = try draft(name, request)
        do throws(CommandError) {
            let target = name.map { CommandTarget(name: $0, revision: revision) }
            let difference = try await engine.preview(edit, of: target)
            return .json(FilePreview(lines: difference.lines.map { FilePreview.Line($0) }))
        } catch {
            throw problem(error, about: name ?? edit.name ?? "", revision: revision)
        }
    }

    private func presentIfNamed(_ name: String?) throws(ControlProblem) -> Snapshot.Endpoint? {
        guard let name else {
            return nil
        }
        return try present(name)
    }

    private func test(_ name: String) async throws(ControlProblem) -> ControlAnswer {
        do throws(CommandError) {
            let receipt = try await engine.test(CommandTarget(name: name))
            return .json(
                ControlReceipt(message: receipt.message, revision: engine.configurationRevision, endpoint: find(name)))
        } catch {
            throw problem(error, about: name, revision: nil)
        }
    }

    private func perform(
        _ command: EngineCommand, about name: String? = nil, ifRevision: UInt64? = nil, by author: CommandAuthor
    ) async throws(ControlProblem) -> ControlAnswer {
        do throws(CommandError) {
            return try await carryOut(command, about: name, ifRevision: ifRevision, by: author)
        } catch {
            throw problem(error, about: name ?? "", revision: command.target?.revision ?? ifRevision)
        }
    }

    private func carryOut(
        _ command: EngineCommand, about name: String?, ifRevision: UInt64? = nil, by author: CommandAuthor
    ) async throws(CommandError) -> ControlAnswer {
        let done = try await engine.perform(command, by: author, ifRevision: ifRevision)
        let endpoint = name.flatMap(find)
        let receipt = ControlReceipt(
            message: done.message, revision: engine.configurationRevision, endpoint: endpoint, undo: done.undo)
        return .json(receipt, headers: endpoint.map { [("ETag", "\"\($0.revision)\"")] } ?? [])
    }

    private func problem(_ error: CommandError, about name: String, revision: UInt64?) -> ControlProblem {
        switch error {
        case .noSuchEndpoint(let name):
            return .noSuchEndpoint(name)
        case .revisionConflict(let name):
            let changes = engine.changes(of: name, after: revision ?? 0)
            return Self.conflict(
                "'\(name)'", now: find(name)?.revision, changes.map { RevisionChange($0, ofEndpoint: true) })
        case .staleRevision:
            let changes = engine.changes(after: revision ?? 0)
            return Self.conflict(
                "the configuration", now: engine.configurationRevision,
                changes.map { RevisionChange($0, ofEndpoint: false) })
        case .invalid(let field, let reason):
            return .invalid(field.documentKey, reason)
        case .nothingToUndo, .nothingToRedo:
            return ControlProblem(.nothingToDo, status: 409, detail: error.description)
        case .notSaved, .notWritable:
            return ControlProblem(.notSaved, status: 503, detail: error.description)
        case .fileNotUsed:
            return ControlProblem(.fileNotUsed, status: 409, detail: error.description)
        case .unreachable:
            return ControlProblem(.unreachable, status: 424, detail: error.description)
        }
    }

    private static func conflict(_ subject: String, now revision: UInt64?, _ changes: [RevisionChange])
        -> ControlProblem
    {
        let who = changes.last.map { " by \($0.actor): \($0.text)" } ?? ""
        return ControlProblem(
            .revisionConflict, status: 412,
            detail: "\(subject) was changed in the meantime\(who); look again and repeat",
            revision: revision, changes: changes)
    }

    /// For the event log: the name is the kernel's word, the address and the kind of program are the client's.
    static func author(of request: ControlRequest) -> CommandAuthor {
        let kind = request.headers.first(name: ControlClient.Kind.header).flatMap { ControlClient.Kind(rawValue: $0) }
        return CommandAuthor(name: name(of: request), source: kind?.source ?? .api)
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
}

extension ControlClient.Kind {
    fileprivate var source: CommandAuthor.Source {
        switch self {
        case .console: .console
        case .commandLine: .cli
        }
    }
}

extension EngineCommand {
    fileprivate var target: CommandTarget? {
        switch self {
        case .move(let target, _), .setEnabled(let target, _), .setPinned(let target, _), .update(let target, _),
            .remove(let target):
            target
        case .sortNow, .setAutoSort, .add, .flush, .reload, .undo, .redo: nil
        }
    }
}
