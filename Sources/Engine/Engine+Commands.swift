internal import Configuration
internal import Persistence
public import PodiumModel
internal import Proxy
internal import Ranking
internal import Support

/// Commands, and what can be asked of an edit before it is saved.
///
/// Console and control API call `perform`, by way of an `EngineClient`. A command is carried out in memory under the lock, requests
/// follow it at once, and the caller waits for the file; a command that the file has no place for is refused before, as far as
/// that can be known.
extension Engine {
    /// Carries out an operator's command; requests follow it at once.
    ///
    /// - Parameters:
    ///   - author: the user or program that asked, for the event log.
    ///   - ifRevision: the configuration's revision that the command is based on; nil accepts any.
    /// - Returns: when the change is on disk.
    /// - Throws: After `notSaved` the change holds in memory; after all other refusals nothing has changed.
    public func perform(
        _ command: Command, by author: CommandAuthor, ifRevision: UInt64? = nil
    ) async throws(CommandRefusal) -> CommandAnswer {
        switch command {
        case .clear(let target):
            // Nothing of it goes into the file, so that a disk which refuses cannot hold it up.
            let applied = try apply(command, by: author, ifRevision: nil)
            cluster?.cleared(target.name, by: author.name)
            return .done(
                CommandReceipt(
                    message: applied.change, revision: configurationRevision, endpoint: endpoint(named: target.name)))
        case .test(let target): return .done(try await test(target))
        case .testDraft(let target, let patch): return .done(try await test(patch, of: target))
        case .preview(let target, let patch): return .preview(try await preview(patch, of: target))
        case .explain(let id): return .walk(try walk(of: id))
        case .usage(let question): return .usage(try await usage(question))
        case .openRequests: return .openRequests(await openRequests())
        case .loggedRequests(let question): return .loggedRequests(try await loggedRequests(question))
        case .pastEvents(let question): return .pastEvents(try await pastEvents(question))
        case .cancel(let key): return .done(try await cancel(key, by: author))
        case .changeAll(let targets, .clear):
            let applied = try apply(command, by: author, ifRevision: nil)
            for target in targets { cluster?.cleared(target.name, by: author.name) }
            return .done(CommandReceipt(message: applied.change, revision: configurationRevision))
        case .move, .setEnabled, .setPinned, .sortNow, .setAutoSort, .update, .replace, .add, .remove, .flush, .reload,
            .undo, .redo, .changeAll, .clone, .addClient, .changeClient, .removeClient:
            let (message, undo) = try await change(command, by: author, ifRevision: ifRevision)
            return .done(
                CommandReceipt(
                    message: message, revision: configurationRevision,
                    endpoint: command.nameAfterwards.flatMap(endpoint(named:)), undo: undo))
        }
    }

    private func walk(of id: String) throws(CommandRefusal) -> RequestWalk {
        let now = ContinuousClock.now
        let wallTime = Self.wallTime()
        let (walk, known) = withState { ($0.walk(of: id, now: now, wallTime: wallTime), $0.requests.count) }
        guard let walk else { throw .noSuchRequest(id, known: known) }
        return walk
    }

    /// - Returns: what was done, in words, and what undo would take back of it.
    private func change(
        _ command: Command, by author: CommandAuthor, ifRevision: UInt64?
    ) async throws(CommandRefusal) -> (message: String, undo: String?) {
        prepare(for: command)
        if command.isEdit { try requireWritable(command, ifRevision) }
        let known = persister.statistics(now: .now).unwritten
        let applied = try apply(command, by: author, ifRevision: ifRevision)
        let change = applied.change
        if let (before, after) = applied.step, let cluster,
            case .refused(let reason) = await cluster.share(from: before, to: after, by: author.name, waits: true)
        {
            throw CommandRefusal(.revisionConflict, "taken back: \(reason); look again and repeat")
        }
        let receipt: FlushReceipt
        do {
            receipt = try await persister.flush(trigger: command == .reload ? .reload : .operator)
        } catch .refused(let refusal) where command == .reload && refusal.isAboutTheFile && !hasUnsavedChanges {
            throw .fileNotUsed("\(refusal)")
        } catch {
            throw .notSaved(change.isEmpty ? "nothing else changed" : change, error.description)
        }
        let message = Self.message(command, change: change, receipt: receipt)
        let fresh = receipt.unwritten.filter { !known.contains($0) }
        guard !fresh.isEmpty else { return (message, applied.undo) }
        // What the command was about is in force and not in the file. A neighbour's rank that follows from it is by the way.
        let own = fresh.filter { command.concerns($0) }
        guard own.isEmpty else {
            throw .notWritable(change, own.map(\.description).joined(separator: "; "))
        }
        let rest = fresh.map { "\($0)" }.joined(separator: "; ")
        return ("\(message); not in the file: \(rest)", applied.undo)
    }

    /// Refuses an edit of settings that the file has no place for, before anything is changed. Rank and switches are another
    /// matter: they are in force whatever the file says.
    private func requireWritable(_ command: Command, _ ifRevision: UInt64?) throws(CommandRefusal) {
        let made: Result<(before: PersistedState, after: PersistedState), CommandRefusal> = withState { state in
            var copy = state
            do throws(CommandRefusal) {
                try copy.check(command, ifRevision)
                let before = copy.persistedState()
                _ = try copy.apply(command, now: .now)
                return .success((before, copy.persistedState()))
            } catch {
                return .failure(error)
            }
        }
        let (before, after) = try made.get()
        try Self.require(persister.unwritable(after), from: before, to: after, path: path)
    }

    /// - Throws: what of a command's own changes is among those that cannot be written.
    static func require(
        _ unwritten: [UnwrittenChange], from before: PersistedState, to after: PersistedState, path: String
    ) throws(CommandRefusal) {
        if let change = unwritten.first(where: { change in
            change.client.map { before.client(named: $0) != after.client(named: $0) } ?? false
        }) {
            let refusal = Refusal.cannotEdit(path: path, reason: change.reason)
            throw .invalid(key: "name", "not accepted: \(refusal)")
        }
        for change in unwritten where !change.fields.contains(where: { $0.traits.contains(.rankOrSwitch) }) {
            guard let id = change.endpoint else { continue }
            let old = before.endpoints.first { $0.id == id }?.settings
            let new = after.endpoints.first { $0.id == id }?.settings
            let isOwn =
                change.fields.isEmpty
                ? (old == nil) != (new == nil)
                : change.fields.contains { old?.value(of: $0) != new?.value(of: $0) }
            guard isOwn else { continue }
            let refusal = Refusal.cannotEdit(path: path, reason: change.reason)
            throw .invalid(change.fields.first ?? .name, "not accepted: \(refusal)")
        }
    }

    /// Makes the TLS context that an edit needs, before the lock is taken. Whatever an undo brings back was prepared before.
    private func prepare(for command: Command) {
        switch command {
        case .add(let patch): prepare(patch, of: EndpointSettings(name: ""))
        case .update(let target, let patch): prepare(patch, of: target)
        case .replace(let target, let patch): prepare(patch.asWhole, of: target)
        case .addClient(let patch), .changeClient(_, let patch):
            zones.prepare([patch.applied(to: ClientSettings(name: "", token: ""))])
        case .remove, .move, .setEnabled, .setPinned, .sortNow, .setAutoSort, .flush, .reload, .undo, .redo, .clear,
            .test, .testDraft, .preview, .explain, .usage, .openRequests, .loggedRequests, .pastEvents, .cancel,
            .changeAll,
            .removeClient:
            break
        case .clone(let target, _): prepare(EndpointPatch(), of: target)
        }
    }

    private func prepare(_ patch: EndpointPatch, of target: CommandTarget) {
        guard let present = withState({ $0.record(named: target.name)?.settings }) else { return }
        prepare(patch, of: present)
    }

    private func prepare(_ patch: EndpointPatch, of present: EndpointSettings) {
        guard let settings = try? patch.applied(to: present) else { return }
        authorities.prepare([settings], context)
        zones.prepare([settings])
    }

    private static func message(_ command: Command, change: String, receipt: FlushReceipt) -> String {
        if command == .reload, receipt.outcome == .unchanged {
            return "the file was read again; file and memory agree"
        }
        return switch (receipt.outcome, change.isEmpty) {
        case (.written, false): "\(change); saved in \(receipt.record.durations.total.shortText)"
        case (.unchanged, false): change
        case (.written, true):
            "saved \(receipt.record.changes.count.counted("change")) in \(receipt.record.durations.total.shortText)"
        case (.unchanged, true): "nothing to save: the file is up to date"
        case (.inMemory(let reason), false): "\(change); in memory only, not saved: \(reason)"
        case (.inMemory(let reason), true): "nothing is saved, changes live in memory only: \(reason)"
        }
    }

    /// Carries out a command in memory and lets requests follow it at once.
    private func apply(
        _ command: Command, by author: CommandAuthor, ifRevision: UInt64?
    ) throws(CommandRefusal) -> AppliedCommand {
        let isShared = cluster != nil
        let result: Result<AppliedCommand, CommandRefusal> = withState { state in
            do throws(CommandRefusal) {
                let before = isShared ? state.persistedState() : nil
                var applied = try state.perform(
                    command, by: author, ifRevision: ifRevision, now: .now, wallTime: Self.wallTime())
                applied.step = before.map { ($0, state.persistedState()) }
                return .success(applied)
            } catch {
                return .failure(error)
            }
        }
        let applied = try result.get()
        perform(applied.effects)
        return applied
    }

    /// Goes all the way to an answer of the endpoint: name, connection, TLS, and `GET /v1/models`, which costs nothing.
    ///
    /// - Returns: the times of the steps, in words.
    /// - Throws: `noSuchEndpoint`, or `unreachable` with how far it came and the reason.
    private func test(_ target: CommandTarget) async throws(CommandRefusal) -> CommandReceipt {
        let record = try find(target)
        guard let upstream = record.upstream else {
            throw .unreachable(target.name, record.misconfiguration ?? "misconfigured")
        }
        let message = try await test(upstream)
        return CommandReceipt(
            message: message, revision: configurationRevision, endpoint: endpoint(named: target.name))
    }

    /// The same for an edit that is not saved.
    ///
    /// - Parameter target: the endpoint that is edited, nil for a new one.
    private func test(
        _ patch: EndpointPatch, of target: CommandTarget?
    ) async throws(CommandRefusal) -> CommandReceipt {
        let present = try present(target, patch)
        let assembly = withState { state in
            UpstreamAssembly(
                context: state.context, timeouts: state.configuration.timeouts, failover: state.configuration.failover,
                endpointTimeouts: state.configuration.endpointTimeouts)
        }
        let settings = try patch.made(on: present)
        switch assembly.assemble(id: EndpointID(.max), settings: settings, previous: nil) {
        case .ready(let upstream):
            return CommandReceipt(message: try await test(upstream), revision: configurationRevision)
        case .misconfigured(let reason): throw .unreachable(settings.name, reason)
        }
    }

    /// What saving the edit would do to the file, line by line, with what is unsaved besides; nothing is changed.
    ///
    /// - Parameter target: the endpoint that is edited, nil for a new one.
    /// - Throws: what saving would throw.
    private func preview(
        _ patch: EndpointPatch, of target: CommandTarget?
    ) async throws(CommandRefusal) -> FilePreview {
        _ = try present(target, patch)
        if let refused = persister.statistics(now: .now).refusedFile {
            throw .notSaved("nothing changed", refused.description)
        }
        var copy = withState { $0 }
        let before = copy.persistedState()
        _ = try copy.apply(target.map { .update($0, patch) } ?? .add(patch), now: .now)
        let after = copy.persistedState()
        let preview: FlushPreview
        do throws(PersistenceError) {
            preview = try await persister.preview(after)
        } catch {
            throw .invalid(.name, "not accepted: \(error)")
        }
        try Self.require(preview.unwritten, from: before, to: after, path: path)
        return FilePreview(lines: preview.difference.lines)
    }

    /// The settings that a patch which is not to be saved is made on: the endpoint's, or those of a new one.
    private func present(
        _ target: CommandTarget?, _ patch: EndpointPatch
    ) throws(CommandRefusal) -> EndpointSettings {
        if let target { return try find(target).settings }
        guard let name = patch.name else { throw .nameIsMissing }
        return EndpointSettings(name: name)
    }

    /// Whatever its revision: nothing is to be changed.
    private func find(_ target: CommandTarget) throws(CommandRefusal) -> EndpointRecord {
        let found: Result<EndpointRecord, CommandRefusal> = withState { state in
            do throws(CommandRefusal) {
                return .success(try state.find(CommandTarget(name: target.name)))
            } catch {
                return .failure(error)
            }
        }
        return try found.get()
    }

    private func test(_ upstream: Upstream) async throws(CommandRefusal) -> String {
        let results = await proxy.test(upstream)
        let words = results.map { results.count == 1 ? $0.text : "\($0.authority): \($0.text)" }
        let text = words.joined(separator: "; ")
        guard results.allSatisfy(\.isGood) else { throw .unreachable(upstream.name, text) }
        return "\(upstream.name): \(text)"
    }
}

extension ConnectionTestResult {
    /// An answer to `GET /v1/models` that says the credential is wrong is no success; that the path is unknown says nothing.
    var isGood: Bool { failure == nil && status != 401 && status != 403 }

    /// `answered 200 (DNS 12 ms, connect 30 ms, TLS 45 ms, first byte 120 ms)`
    var text: String {
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

extension Command {
    fileprivate var isEdit: Bool {
        switch self {
        case .update, .replace, .add, .remove, .clone, .changeAll, .addClient, .changeClient, .removeClient: true
        case .move, .setEnabled, .setPinned, .sortNow, .setAutoSort, .flush, .reload, .undo, .redo, .clear, .test,
            .testDraft, .preview, .explain, .usage, .openRequests, .loggedRequests, .pastEvents, .cancel:
            false
        }
    }

    /// What the endpoint is called, once this has been done, that it was about.
    fileprivate var nameAfterwards: String? {
        switch self {
        case .update(let target, let patch), .replace(let target, let patch): patch.name ?? target.name
        case .add(let patch): patch.name
        case .clone(_, let name): name
        default: target?.name
        }
    }

    /// Whether the change is what this command was to make.
    fileprivate func concerns(_ change: UnwrittenChange) -> Bool {
        switch self {
        case .add(let patch): change.name == patch.name
        case .clone(_, let name): change.name == name
        case .changeAll(let targets, _): targets.contains { $0.name == change.name }
        case .addClient, .changeClient, .removeClient: change.client != nil && change.client == client
        case .setAutoSort: change.name == nil && change.client == nil
        default: target.map { change.name == $0.name } ?? false
        }
    }
}

extension Refusal {
    /// Whether the reason is what was written into the file by hand.
    fileprivate var isAboutTheFile: Bool {
        switch self {
        case .invalidFile, .missing, .empty, .unfinishedEdit: true
        default: false
        }
    }
}
