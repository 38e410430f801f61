import Console
import Control

/// The console's commands over the control socket.
struct AttachedCommands: Sendable {
    let client: ControlClient

    func perform(_ command: ConsoleCommand) async -> CommandResult {
        switch command {
        // The file is the other process's: what changes in it is told in words.
        case .preview: return .success(message: "")
        case .testDraft:
            return .failure(
                CommandFailure(message: "an attached console tests what is saved: save it, then T in the table"))
        case .update(_, let draft), .add(let draft):
            if let field = Self.unsent(draft) {
                return .failure(
                    CommandFailure(message: "not sent by an attached console: edit it in the file", field: field))
            }
        default: break
        }
        do throws(ControlClientError) {
            guard let receipt = try await send(command) else {
                return .failure(CommandFailure(message: "not a command of an attached console"))
            }
            return .success(message: receipt.message)
        } catch {
            return .failure(CommandFailure(error))
        }
    }

    /// A field that was edited and has no place in the document.
    private static func unsent(_ draft: EndpointDraft) -> EndpointDraft.Field? {
        if draft.headers != nil { return .headers }
        if draft.proxy != .unchanged { return .proxy }
        return draft.openAIPreference == .auto ? nil : .openAIPreference
    }

    private func send(_ command: ConsoleCommand) async throws(ControlClientError) -> ControlReceipt? {
        switch command {
        case .move(let endpoint, let rank):
            try await client.move(endpoint.name, toRank: rank, revision: endpoint.revision)
        case .setEnabled(let endpoint, let enabled):
            try await client.setEnabled(endpoint.name, enabled, revision: endpoint.revision)
        case .setPinned(let endpoint, let pinned):
            try await client.setPinned(endpoint.name, pinned, revision: endpoint.revision)
        case .sortNow: try await client.sort()
        case .setAutoSort(let on): try await client.setAutoSort(on)
        case .update(let endpoint, let draft):
            try await client.replace(endpoint.name, with: EndpointDocument(draft), revision: endpoint.revision)
        case .add(let draft): try await client.add(EndpointDocument(draft))
        case .remove(let endpoint): try await client.remove(endpoint.name, revision: endpoint.revision)
        case .flush: try await client.flush()
        case .undo: try await client.undo()
        case .redo: try await client.redo()
        case .reload: try await client.reload()
        case .test(let endpoint): try await client.test(endpoint.name)
        case .testDraft, .preview: nil
        }
    }
}

extension EndpointDocument {
    /// All the fields of the form: a field that is empty there has none here.
    init(_ draft: EndpointDraft) {
        self.init()
        name = draft.name
        url = draft.url.map { .set($0) } ?? .removed
        urlAnthropic = draft.urlAnthropic.map { .set($0) } ?? .removed
        urlOpenAI = draft.urlOpenAI.map { .set($0) } ?? .removed
        authType = draft.authType.rawValue
        switch draft.secret {
        case .unchanged: authValue = .absent
        case .set(let value): authValue = .set(value)
        case .removed: authValue = .removed
        }
        rank = draft.priority
        tags = draft.tags
        enabled = draft.isEnabled
        pinned = draft.isPinned
    }
}

extension CommandFailure {
    fileprivate init(_ error: ControlClientError) {
        guard case .refused(let problem) = error else {
            let doubt = error == .timeout || error == .disconnected ? "; it may have happened all the same" : ""
            self.init(message: "not done: \(error)\(doubt)")
            return
        }
        self.init(
            message: ProblemText.line(problem), field: problem.field.flatMap(Self.field),
            kind: problem.code == .notSaved ? .keptUnsaved : problem.code == .revisionConflict ? .conflict : .refused)
    }

    /// The form's field for a key of the document.
    private static func field(_ key: String) -> EndpointDraft.Field? {
        switch EndpointDocument.CodingKeys(rawValue: key) {
        case .name: .name
        case .url: .url
        case .urlAnthropic: .urlAnthropic
        case .urlOpenAI: .urlOpenAI
        case .authType: .authType
        case .authValue: .secret
        case .rank: .priority
        case .tags: .tags
        case .enabled: .enabled
        case .pinned: .pinned
        case nil: nil
        }
    }
}
