import Console
import Control
import PodiumModel

extension EngineClient {
    /// Of a Podium in another process, over its control socket.
    ///
    /// - Parameter refresh: how often the console is redrawn.
    static func attached(_ client: ControlClient, refresh: Duration) async -> EngineClient {
        let feed = AttachedFeed(client: client, refresh: refresh)
        // The first frame shows what is, not an empty picture.
        try? await feed.refresh()
        return EngineClient(
            isAttached: true, picture: { feed.picture() },
            perform: { command in
                let result = await perform(command, over: client)
                // The picture that comes with the answer shows what it says.
                try? await feed.refresh()
                return result
            },
            follow: { await feed.run(onChange: $0) })
    }

    private static func perform(_ command: ConsoleCommand, over client: ControlClient) async -> CommandResult {
        do throws(ControlClientError) {
            if case .preview(let endpoint, let draft) = command {
                let preview = try await client.preview(
                    EndpointDocument(draft), of: endpoint?.name, revision: endpoint?.revision)
                return .preview(preview.lines.map { DifferenceLine($0) })
            }
            guard let receipt = try await send(command, over: client) else {
                return .failure(CommandFailure(message: "not a command of an attached console"))
            }
            return .success(message: receipt.message, undo: receipt.undo)
        } catch {
            return .failure(CommandFailure(error))
        }
    }

    private static func send(
        _ command: ConsoleCommand, over client: ControlClient
    ) async throws(ControlClientError) -> ControlReceipt? {
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
        case .testDraft(let endpoint, let draft):
            try await client.test(EndpointDocument(draft), of: endpoint?.name)
        case .preview: nil
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
        headers = draft.headers?.map { EndpointHeader(name: $0.name, value: $0.value) }
        openAIPreference = draft.openAIPreference.rawValue
        switch draft.proxy {
        case .unchanged: proxy = .absent
        case .set(let text): proxy = .set(text)
        case .removed: proxy = .removed
        }
    }
}

extension DifferenceLine {
    fileprivate init(_ line: FilePreview.Line) {
        let kind: Kind =
            switch line.kind {
            case .kept: .kept
            case .removed: .removed
            case .added: .added
            }
        self.init(kind: kind, number: line.number, text: line.text)
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
        case .headers: .headers
        case .openAIPreference: .openAIPreference
        case .proxy: .proxy
        case .cookies, .forwarded, nil: nil
        }
    }
}
