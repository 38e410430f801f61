public import PodiumModel
internal import Proxy
internal import Support

/// What runs now, and how an operator ends one of it.
extension Engine {
    /// Requests that run now, the oldest first.
    public func openRequests() async -> OpenRequestReport {
        let open = await proxy.openRequests()
        let listed = open.prefix(OpenRequestReport.mostRows)
        let rows = withState { state in
            listed.map { request in
                var row = OpenRequestReport.Row(
                    key: request.key.text, id: request.id, age: request.age.inSeconds,
                    phase: OpenRequestReport.Phase(rawValue: request.phase.rawValue) ?? .waiting,
                    client: request.client, path: request.path)
                row.endpoint = request.endpoint.flatMap { state.record($0)?.settings.name }
                (row.model, row.attempts, row.events) = (request.model, request.attempts, request.events)
                (row.bytesUp, row.bytesDown) = (request.bytesUp, request.bytesDown)
                row.firstByteSeconds = request.firstByte?.inSeconds
                return row
            }
        }
        return OpenRequestReport(requests: rows, unlisted: open.count - listed.count)
    }

    /// - Throws: `CommandRefusal` where no request of that key, or of that id, runs
    func cancel(_ name: String, by author: CommandAuthor) async throws(CommandRefusal) -> CommandReceipt {
        let open = await proxy.openRequests()
        // Clients choose ids: one that looks like a key, or that several have, must not end another request than was meant.
        let named = OpenRequest.Key.isText(name) ? open.filter { $0.key.text == name } : open.filter { $0.id == name }
        guard named.count < 2 else {
            let keys = named.map(\.key.text).joined(separator: ", ")
            throw CommandRefusal(
                .notFound,
                "\(named.count) requests have the id '\(CommandRefusal.printable(name))'; name one by its key: \(keys)")
        }
        guard let found = named.first, await proxy.cancel(found.key) else {
            throw CommandRefusal(.notFound, "no request '\(CommandRefusal.printable(name))' runs now")
        }
        let endpoint = found.endpoint.flatMap { id in withState { $0.record(id)?.settings.name } }
        let place = endpoint.map { " at \($0)" } ?? ""
        let text = "cancelled the request \(found.id)\(place) after \(found.age.shortText)"
        note(.info, source: author.source.rawValue, "\(author.name) \(text)")
        return CommandReceipt(message: text, revision: configurationRevision)
    }
}

extension OpenRequest.Key {
    /// As an operator names it.
    fileprivate var text: String { "\(loop)-\(serial)" }

    fileprivate static func isText(_ name: String) -> Bool {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }
    }
}
