internal import Configuration
public import PodiumModel
public import Persistence
internal import Proxy
internal import Ranking
internal import Support

extension Engine {
    /// Goes all the way to an answer of the endpoint: name, connection, TLS, and `GET /v1/models`, which costs nothing.
    ///
    /// - Returns: the times of the steps, in words.
    /// - Throws: `CommandError.noSuchEndpoint`, or `.unreachable` with how far it came and the reason.
    public func test(_ target: CommandTarget) async throws(CommandError) -> CommandReceipt {
        let record = try find(CommandTarget(name: target.name))
        guard let upstream = record.upstream else {
            throw .unreachable(name: target.name, reason: record.misconfiguration ?? "misconfigured")
        }
        return try await trial(upstream)
    }

    /// The same for an edit that is not saved.
    ///
    /// - Parameter target: the endpoint that is edited, nil for a new one.
    public func test(_ edit: EndpointEdit, of target: CommandTarget?) async throws(CommandError) -> CommandReceipt {
        let assembly = core.withState { state in
            UpstreamAssembly(surroundings: state.surroundings, timeouts: state.configuration.timeouts)
        }
        let present: EndpointSettings
        if let target {
            present = try find(CommandTarget(name: target.name)).settings
        } else {
            present = EndpointSettings(name: edit.name)
        }
        let settings = try edit.applied(to: present)
        switch assembly.assemble(id: EndpointID(.max), settings: settings, previous: nil) {
        case .ready(let upstream): return try await trial(upstream)
        case .misconfigured(let reason): throw .unreachable(name: settings.name, reason: reason)
        }
    }

    /// What saving the edit would do to the file, line by line, with what is unsaved besides; nothing is changed.
    ///
    /// - Parameter target: the endpoint that is edited, nil for a new one.
    /// - Throws: what saving would throw.
    public func preview(
        _ edit: EndpointEdit, of target: CommandTarget?
    ) async throws(CommandError) -> LineDifference {
        if let refused = persister.statistics(now: .now).refusedFile {
            throw .notSaved(change: "nothing changed", reason: refused.description)
        }
        var copy = core.withState { $0 }
        let before = copy.persistedState()
        _ = try copy.apply(target.map { .update($0, edit) } ?? .add(edit), now: .now)
        let after = copy.persistedState()
        let preview: FlushPreview
        do throws(PersistenceError) {
            preview = try await persister.preview(after)
        } catch {
            throw .invalid(field: .name, reason: "not accepted: \(error)")
        }
        try Self.require(preview.unwritten, from: before, to: after, path: path)
        return preview.difference
    }

    private func find(_ target: CommandTarget) throws(CommandError) -> EndpointRecord {
        let found: Result<EndpointRecord, CommandError> = core.withState { state in
            do throws(CommandError) {
                return .success(try state.find(target))
            } catch {
                return .failure(error)
            }
        }
        return try found.get()
    }

    private func trial(_ upstream: Upstream) async throws(CommandError) -> CommandReceipt {
        let results = await proxy.trial(upstream)
        let words = results.map { results.count == 1 ? $0.plainWords : "\($0.authority): \($0.plainWords)" }
        let text = words.joined(separator: "; ")
        guard results.allSatisfy(\.isGood) else { throw .unreachable(name: upstream.name, reason: text) }
        return CommandReceipt(message: "\(upstream.name): \(text)")
    }
}

extension TrialResult {
    /// An answer to `GET /v1/models` that says the credential is wrong is no success; that the path is unknown says nothing.
    var isGood: Bool { failure == nil && status != 401 && status != 403 }

    /// `answered 200 (DNS 12 ms, connect 30 ms, TLS 45 ms, first byte 120 ms)`
    var plainWords: String {
        var steps: [String] = []
        if let lookup { steps.append("DNS \(lookup.shortText)") }
        if let connect { steps.append("connect \(connect.shortText)") }
        if let tlsHandshake { steps.append("TLS \(tlsHandshake.shortText)") }
        if let firstByte { steps.append("first byte \(firstByte.shortText)") }
        let verdict =
            switch (failure, status) {
            case (let failure?, _): failure.text
            case (nil, .some(let status)): isGood ? "answered \(status)" : "credential refused, status \(status)"
            case (nil, nil): "no answer"
            }
        return steps.isEmpty ? verdict : "\(verdict) (\(steps.joined(separator: ", ")))"
    }
}
