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
                    draft, of: endpoint?.name, revision: endpoint?.revision)
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
            try await client.change(endpoint.name, draft, revision: endpoint.revision)
        case .add(let draft): try await client.add(draft)
        case .remove(let endpoint): try await client.remove(endpoint.name, revision: endpoint.revision)
        case .flush: try await client.flush()
        case .undo: try await client.undo()
        case .redo: try await client.redo()
        case .reload: try await client.reload()
        case .test(let endpoint): try await client.test(endpoint.name)
        case .testDraft(let endpoint, let draft):
            try await client.test(draft, of: endpoint?.name)
        case .preview: nil
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
            message: ProblemText.line(problem),
            field: problem.field.flatMap(EndpointField.documented),
            kind: problem.code == .notSaved ? .keptUnsaved : problem.code == .revisionConflict ? .conflict : .refused)
    }
}
